/* Whether this machine can run kernels of virtual time: one line a need. */
#include "vm/virtual/virtual.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31
#endif

#define BUILD_MIB 6000 /* the source unpacked, 1.7 GB, objects with debugging data, and what links */

/* Where vm/virtual/build leaves what it built, for installed programs, which have no tree. */
#define CACHED "/var/cache/liquidnet/virtual/latest/linux"

const char *virtual_kernel(void)
{
	static char path[4200];
	struct stat about;
	const char *given = getenv("LIQUIDNET_VIRTUAL");
	if (given && *given) {
		bool folder = stat(given, &about) == 0 && S_ISDIR(about.st_mode);
		snprintf(path, sizeof(path), "%s%s", given, folder ? "/linux" : "");
		return path;
	}
	ssize_t n = readlink("/proc/self/exe", path, 4096);
	path[n < 0 ? 0 : n] = 0;
	/* BUILD/bin/liquidnet-virtual: BUILD/virtual/linux */
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = 0;
	}
	strcat(path, "/virtual/linux");
	return access(path, X_OK) < 0 && access(CACHED, X_OK) == 0 ? CACHED : path;
}

static void find_kernel(const char *kernel, struct virtual_finding *finding)
{
	char manifest[4300], line[160] = "";
	finding->name = "kernel";
	finding->ok = access(kernel, X_OK) == 0;
	if (!finding->ok) {
		snprintf(finding->text, sizeof(finding->text), "none (%.120s); run `make virtual`", kernel);
		return;
	}
	snprintf(manifest, sizeof(manifest), "%s.manifest", kernel);
	FILE *file = fopen(manifest, "re");
	while (file && fgets(line, sizeof(line), file) && strncmp(line, "source ", 7))
		;
	if (file)
		fclose(file);
	line[strcspn(line, "\n")] = 0;
	snprintf(finding->text, sizeof(finding->text), "%.110s, %.80s", kernel,
		strncmp(line, "source ", 7) ? "no manifest" : line + 7);
}

static bool wait_for_stop(pid_t pid)
{
	int status;
	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

static bool can_trace(void)
{
	pid_t pid = fork();
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	bool can = pid > 0 && wait_for_stop(pid) && ptrace(PTRACE_SYSEMU, pid, NULL, NULL) == 0 &&
		   wait_for_stop(pid);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return can;
}

static bool can_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = 1, .filter = &allow};
	int status = 1;
	pid_t pid = fork();
	if (!pid)
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void find_intercept(struct virtual_finding *finding)
{
	bool trace = can_trace(), filter = can_filter();
	finding->name = "intercept";
	finding->ok = trace || filter;
	snprintf(finding->text, sizeof(finding->text), "%s",
		filter  ? "seccomp filters: fast"
		: trace ? "ptrace only: seccomp filters are refused, each system call costs twice as much"
			: "neither ptrace nor seccomp filters are allowed here (a container's rule, or kernel.yama.ptrace_scope=3)");
}

static void find_namespaces(struct virtual_finding *finding)
{
	int status = 1;
	pid_t pid = fork();
	if (!pid)
		_exit(unshare(CLONE_NEWNS | CLONE_NEWPID) < 0 ? errno : 0);
	if (pid > 0)
		waitpid(pid, &status, 0);
	finding->name = "namespaces";
	finding->ok = pid > 0 && status == 0;
	snprintf(finding->text, sizeof(finding->text), "%s",
		finding->ok ? "pid and mount" : "none to be had; run as root");
}

static void find_memory(unsigned need_mib, struct virtual_finding *finding)
{
	char line[128];
	unsigned long kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "MemAvailable: %lu kB", &kib) != 1)
		;
	if (file)
		fclose(file);
	finding->name = "memory";
	finding->ok = kib / 1024 >= need_mib;
	snprintf(finding->text, sizeof(finding->text), "%lu MiB available, %u needed for one kernel",
		kib / 1024, need_mib);
}

static void find_disk(bool built, const char *folder, struct virtual_finding *finding)
{
	struct statvfs about;
	finding->name = "disk";
	finding->ok = built;
	if (built) {
		snprintf(finding->text, sizeof(finding->text), "none needed: the kernel is built");
		return;
	}
	if (statvfs(folder, &about) < 0) {
		snprintf(finding->text, sizeof(finding->text), "%.120s: %s", folder, strerror(errno));
		return;
	}
	unsigned long long mib = (unsigned long long)about.f_bavail * about.f_frsize >> 20;
	finding->ok = mib >= BUILD_MIB;
	snprintf(finding->text, sizeof(finding->text), "%llu MiB free in %.100s, %d needed to build", mib,
		folder, BUILD_MIB);
}

bool virtual_check(const char *kernel, unsigned memory_mib, const char *build_folder,
	struct virtual_finding findings[VIRTUAL_FINDINGS])
{
	find_kernel(kernel, &findings[0]);
	find_intercept(&findings[1]);
	find_namespaces(&findings[2]);
	find_memory(memory_mib, &findings[3]);
	find_disk(findings[0].ok, build_folder, &findings[4]);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	findings[5] = (struct virtual_finding){.ok = true, .name = "processors"};
	snprintf(findings[5].text, sizeof(findings[5].text), "%ld: as many kernels side by side", processors);
	bool all = true;
	for (int i = 0; i < VIRTUAL_FINDINGS; i++)
		all = all && findings[i].ok;
	return all;
}
