/* liquidnet-run: starts a program whose TCP sockets become Multipath TCP's, the program unchanged, and says how. A program that is
 * linked dynamically gets mptcpize's wrapper of socket() (LD_PRELOAD). One that is not would need the kernel's help: BPF on
 * update_socket_protocol, which few kernels let anybody load; this one is asked, and its answer told. */
#include "lib/base/version.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WRAPPER "libmptcpwrap.so.0.0.1"

/* Where mptcpize puts it; the loader finds what is in its own folders by name. */
static const char *wrapper(void)
{
	static const char *const places[] = {"/usr/lib/x86_64-linux-gnu/mptcpize/libmptcpwrap.so.0.0.1",
		"/usr/lib/aarch64-linux-gnu/mptcpize/libmptcpwrap.so.0.0.1",
		"/usr/lib/x86_64-linux-gnu/" WRAPPER, "/usr/lib/aarch64-linux-gnu/" WRAPPER,
		"/usr/lib/mptcpize/" WRAPPER, "/usr/lib/" WRAPPER};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

/* The file that execvp would take; NULL with errno. */
static char *find_program(const char *name)
{
	char *path = NULL, *all = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin"), *rest;
	if (strchr(name, '/')) {
		free(all);
		return strdup(name);
	}
	for (char *folder = all ? strtok_r(all, ":", &rest) : NULL; folder;
		folder = strtok_r(NULL, ":", &rest)) {
		if (asprintf(&path, "%s/%s", folder, name) < 0)
			break;
		if (access(path, X_OK) == 0) {
			free(all);
			return path;
		}
		free(path);
		path = NULL;
	}
	free(all);
	errno = ENOENT;
	return NULL;
}

/* Whether the loader (and with it LD_PRELOAD) has a part in it: a script's interpreter has, mostly. */
static bool is_dynamic(const char *path)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool dynamic = fd < 0 || read(fd, &head, sizeof head) != sizeof head ||
		       memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64;
	for (int i = 0; !dynamic && i < head.e_phnum; i++)
		dynamic = pread(fd, &part, sizeof part,
				  (off_t)(head.e_phoff + (size_t)i * head.e_phentsize)) == sizeof part &&
			  part.p_type == PT_INTERP;
	if (fd >= 0)
		close(fd);
	return dynamic;
}

/* A program that the loader runs with more rights than its caller's takes no wrapper. */
static bool is_privileged(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID) && geteuid() != 0;
}

/* Whether this kernel would take a tracing program at all: why not, in *why. */
static bool kernel_takes_tracing(const char **why)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_TRACING,
		.insns = (uint64_t)(uintptr_t)code,
		.insn_cnt = 2,
		.license = (uint64_t)(uintptr_t) "GPL",
		.expected_attach_type = BPF_MODIFY_RETURN};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd >= 0)
		close(fd);
	*why = strerror(errno);
	return fd >= 0 || errno == EINVAL; /* EINVAL: it wants to know what is traced, so it would */
}

static void help(void)
{
	puts("liquidnet-run: starts a program whose TCP sockets become Multipath TCP's\n\n"
	     "usage: liquidnet-run [--quiet] COMMAND [WORD...]\n\n"
	     "  --quiet    do not say which way was taken\n"
	     "  --help, --version");
}

int main(int argc, char **argv)
{
	bool quiet = false;
	int first = 1;
	const char *why;
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		help();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("liquidnet-run %s\n", liquidnet_version);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--quiet") == 0) {
		quiet = true;
		first++;
	}
	if (argc <= first || argv[first][0] == '-') {
		fprintf(stderr, "liquidnet-run: no command; --help says more\n");
		return 2;
	}
	char *path = find_program(argv[first]);
	if (!path) {
		fprintf(stderr, "liquidnet-run: %s: %s\n", argv[first], strerror(errno));
		return 127;
	}
	const char *library = wrapper();
	if (!is_dynamic(path) || is_privileged(path)) {
		bool takes = kernel_takes_tracing(&why);
		fprintf(stderr,
			"liquidnet-run: %s: %s, so no wrapper can be put around it; the kernel's way (BPF on update_socket_protocol) %s%s\n",
			argv[first],
			is_dynamic(path) ? "it has more rights than you" : "it is linked statically",
			takes ? "is not built into this program" : "is closed on this kernel: ",
			takes ? "" : why);
		return 1;
	}
	if (!library) {
		fprintf(stderr,
			"liquidnet-run: " WRAPPER " is not installed; install the package mptcpize\n");
		return 1;
	}
	const char *before = getenv("LD_PRELOAD");
	char *preload = NULL;
	if (asprintf(&preload, "%s%s%s", library, before ? ":" : "", before ? before : "") < 0)
		return 1;
	setenv("LD_PRELOAD", preload, 1);
	if (!quiet)
		fprintf(stderr, "liquidnet-run: %s: Multipath TCP by mptcpize's wrapper (LD_PRELOAD)\n",
			argv[first]);
	execv(path, argv + first);
	fprintf(stderr, "liquidnet-run: %s: %s\n", path, strerror(errno));
	return 126;
}
