/* Capabilities: each is one row of a table; a row's look fills in a finding. */
#include "harness/machine/capabilities.h"

#include "harness/machine/awake.h"
#include "harness/machine/project.h"
#include "lib/base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTALL "run `make deps` in the project's folder"

struct check {
	const char *id, *name;
	bool always;
	void (*look)(const struct check *check, struct finding *finding);
	const char *subject; /* a path, a pattern, a command for the try */
	const char *remedy;
};

static void found(struct finding *f, const char *text)
{
	f->there = true;
	snprintf(f->text, sizeof f->text, "%.*s", (int)strcspn(text, "\n"), text);
}

static void missing(const struct check *c, struct finding *f)
{
	f->there = false;
	snprintf(f->text, sizeof f->text, "%s", c->remedy);
}

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	return n >= 0;
}

/* Runs a line of shell, one of this file's constants, in fresh network, mount and pid namespaces of a child;
 * true when it ends with 0. */
static bool try_command(const char *command)
{
	const char *const argv[] = {"unshare", "--net", "--mount", "--fork", "--pid", "--kill-child", "--",
		"sh", "-c", command, NULL};
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL;
	options.argv = argv;
	int status = process_run(&options, true, 60000, &output, NULL);
	free(output);
	return status == 0;
}

static void look_root(const struct check *c, struct finding *f)
{
	if (geteuid() == 0)
		found(f, "yes");
	else
		missing(c, f);
}

static void look_kernel(const struct check *c, struct finding *f)
{
	struct utsname kernel;
	(void)c;
	uname(&kernel);
	found(f, kernel.release);
}

static void look_exists(const struct check *c, struct finding *f)
{
	if (access(c->subject, F_OK) == 0)
		found(f, c->subject);
	else
		missing(c, f);
}

/* The first file that matches a pattern: libraries live in a folder named after the architecture. */
static void look_glob(const struct check *c, struct finding *f)
{
	glob_t paths;
	if (glob(c->subject, 0, NULL, &paths) == 0) {
		found(f, paths.gl_pathv[0]);
		globfree(&paths);
	} else {
		missing(c, f);
	}
}

/* "return 0" for a network interface: loaded, never attached. */
static void look_bpf(const struct check *c, struct finding *f)
{
	const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr load;
	memset(&load, 0, sizeof load);
	load.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	load.insns = (uintptr_t)program;
	load.insn_cnt = sizeof program / sizeof *program;
	load.license = (uintptr_t) "Dual MIT/GPL";
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
	if (fd >= 0) {
		close(fd);
		found(f, "a program loads");
	} else {
		missing(c, f);
	}
}

/* pm_type holds a number that says nothing to a reader; newer kernels name the managers. */
static void look_path_manager(const struct check *c, struct finding *f)
{
	char text[128];
	if (read_text("/proc/sys/net/mptcp/available_path_managers", text, sizeof text) &&
		strstr(text, "userspace"))
		found(f, "yes (net.mptcp.path_manager)");
	else if (read_text("/proc/sys/net/mptcp/pm_type", text, sizeof text))
		found(f, "yes (net.mptcp.pm_type)");
	else
		missing(c, f);
}

static void look_congestion(const struct check *c, struct finding *f)
{
	char available[100], allowed[100], text[240];
	if (!read_text(c->subject, available, sizeof available)) {
		missing(c, f);
		return;
	}
	read_text("/proc/sys/net/ipv4/tcp_allowed_congestion_control", allowed, sizeof allowed);
	snprintf(text, sizeof text, "%s; allowed to all: %s", available, allowed);
	found(f, text);
}

static void look_cgroup2(const struct check *c, struct finding *f)
{
	char line[1024], place[512], kind[64];
	FILE *in = fopen("/proc/self/mounts", "re");
	missing(c, f);
	while (in && !f->there && fgets(line, sizeof line, in))
		if (sscanf(line, "%*s %511s %63s", place, kind) == 2 && strcmp(kind, "cgroup2") == 0)
			found(f, place);
	if (in)
		fclose(in);
}

static void look_one(const struct check *c, struct finding *f)
{
	char text[64];
	if (read_text(c->subject, text, sizeof text) && atoi(text) == 1)
		found(f, "yes");
	else
		missing(c, f);
}

static void look_try(const struct check *c, struct finding *f)
{
	if (try_command(c->subject))
		found(f, "yes");
	else
		missing(c, f);
}

/* The loader has the kernel verify all of its algorithms, and registers none: 16 s on an emulated processor. */
static void look_coupled(const struct check *c, struct finding *f)
{
	char path[4200], *output = NULL;
	const char *argv[] = {path, "check", NULL};
	struct process_options options = PROCESS_OPTIONS;
	snprintf(path, sizeof path, "%s/%s", project_programs(), c->subject);
	options.argv = argv;
	if (process_run(&options, true, 60000, &output, NULL) == 0)
		found(f, output);
	else
		missing(c, f);
	free(output);
}

/* The starter of such kernels looks at each of its needs: a line per need, those that are not met with their remedy. */
static void look_virtual(const struct check *c, struct finding *f)
{
	char path[4200], *output = NULL;
	const char *argv[] = {path, "check", NULL};
	struct process_options options = PROCESS_OPTIONS;
	snprintf(path, sizeof path, "%s/%s", project_programs(), c->subject);
	options.argv = argv;
	int status = process_run(&options, true, 20000, &output, NULL);
	if (status == 0)
		found(f, "a kernel is built, and runs here");
	else
		missing(c, f);
	for (char *line = status > 0 ? strtok(output, "\n") : NULL; line; line = strtok(NULL, "\n"))
		if (strncmp(line, "no", 2) == 0 || strncmp(line, "missing", 7) == 0) {
			const char *name = line + strcspn(line, " ");
			name += strspn(name, " ");
			size_t length = strcspn(name, " ");
			snprintf(f->text, sizeof f->text, "%.*s: %s", (int)length, name,
				name + length + strspn(name + length, " "));
			break;
		}
	free(output);
}

/* In a child: a real-time class may be refused to us and allowed to init. */
static void look_realtime(const struct check *c, struct finding *f)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0) {
		struct sched_param parameter = {.sched_priority = 10};
		_exit(sched_setscheduler(0, SCHED_FIFO, &parameter) == 0 ? 0 : 1);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && status == 0)
		found(f, "yes");
	else
		missing(c, f);
}

static void look_awake(const struct check *c, struct finding *f)
{
	if (awake_serves())
		found(f, "polls while trials run");
	else
		missing(c, f);
}

static void look_disk(const struct check *c, struct finding *f)
{
	struct statvfs about;
	(void)c;
	if (statvfs(".", &about) < 0) {
		snprintf(f->text, sizeof f->text, "unknown: %s; change to a folder that can be read",
			strerror(errno));
		return;
	}
	double free_gib = (double)about.f_bavail * (double)about.f_frsize / (1 << 30);
	f->there = free_gib >= 2;
	snprintf(f->text, sizeof f->text, "%.1f GiB free here%s", free_gib,
		free_gib >= 2
			? ""
			: "; a run of 18 trials with captures takes about 0.2 GiB: free some, or use --results");
}

/* clang-format off: a row a line */
static const struct check checks[CAPABILITIES] = {
	[CAN_ROOT] = {"root", "root", true, look_root, NULL, "be root: sudo liquidnet ..."},
	[CAN_KERNEL] = {"kernel", "kernel", true, look_kernel, NULL, NULL},
	[CAN_MPTCP] = {"mptcp", "Multipath TCP", false, look_one, "/proc/sys/net/mptcp/enabled",
		"use a kernel with CONFIG_MPTCP (Debian's has it) and sysctl net.mptcp.enabled=1"},
	[CAN_PATH_MANAGER] = {"userspace-path-manager", "userspace path manager", false, look_path_manager,
		NULL, "use Linux 5.19 or later"},
	[CAN_CONGESTION] = {"congestion-controls", "congestion controls", false, look_congestion,
		"/proc/sys/net/ipv4/tcp_available_congestion_control",
		"mount /proc; use a kernel with CONFIG_INET"},
	[CAN_COUPLED] = {"coupled-congestion-controls", "coupled congestion controls", false, look_coupled,
		"liquidnet-cc",
		"experiments that load LIA, OLIA or BALIA cannot run; run `make`, and use Linux 6.4 or later with CONFIG_MPTCP, CONFIG_BPF_JIT and CONFIG_DEBUG_INFO_BTF"},
	[CAN_NAMESPACES] = {"namespaces", "namespaces", true, look_try, "true",
		"use a kernel with network, mount and pid namespaces, as root"},
	[CAN_VETH] = {"veth", "veth", true, look_try, "ip link add dev a type veth peer name b",
		"use a kernel with CONFIG_VETH"},
	[CAN_TUN] = {"tun", "TUN/TAP", false, look_try, "ip tuntap add dev t mode tun",
		"modprobe tun, or use a kernel with CONFIG_TUN"},
	[CAN_HTB] = {"htb", "HTB", false, look_try, "tc qdisc add dev lo root htb",
		"not in this kernel: the wheel, which needs it, is left out; nothing to do, or use a kernel with CONFIG_NET_SCH_HTB"},
	[CAN_NETEM] = {"netem", "netem", false, look_try, "tc qdisc add dev lo root netem delay 1ms",
		"not in this kernel: links are shaped by the wheel or the link daemon; nothing to do, or use a kernel with CONFIG_NET_SCH_NETEM"},
	[CAN_USER_NAMESPACES] = {"user-namespaces", "user namespaces", false, look_try, "unshare --user true",
		"root does without them; sysctl user.max_user_namespaces allows them"},
	[CAN_CLSACT] = {"clsact", "clsact and cls_bpf", false, look_try,
		"tc qdisc add dev lo clsact && tc filter add dev lo egress bpf bytecode '1,6 0 0 0,'",
		"use a kernel with CONFIG_NET_CLS_ACT and CONFIG_NET_CLS_BPF"},
	[CAN_BPF] = {"bpf", "BPF", false, look_bpf, NULL,
		"use a kernel with CONFIG_BPF_SYSCALL, as root with CAP_BPF"},
	[CAN_NAT] = {"nft-nat", "nftables with NAT maps", false, look_try,
		"nft 'add table ip t; add map ip t m { type ipv4_addr . inet_service : ipv4_addr . inet_service ; }; add chain ip t c { type nat hook prerouting priority dstnat ; }; add rule ip t c meta l4proto tcp dnat ip to ip saddr . tcp dport map @m'",
		"use a kernel with CONFIG_NFT_NAT; " INSTALL},
	[CAN_CONNTRACK] = {"conntrack", "connection tracking", false, look_try,
		"nft 'add table ip t; add chain ip t c { type filter hook input priority 0 ; }; add rule ip t c ct state established accept'",
		"use a kernel with CONFIG_NF_CONNTRACK and CONFIG_NFT_CT"},
	[CAN_CGROUP2] = {"cgroup2", "cgroup2", false, look_cgroup2, NULL,
		"trials have no figures of their own; mount -t cgroup2 none /sys/fs/cgroup"},
	[CAN_PRESSURE] = {"pressure", "pressure figures (PSI)", false, look_exists, "/proc/pressure/cpu",
		"verdicts do without them; boot with psi=1 to have them"},
	[CAN_REALTIME] = {"realtime", "real-time priority", false, look_realtime, NULL,
		"the link daemon may be late under load (trials say so); allow it: CAP_SYS_NICE, and cpu.rt_runtime_us of the cgroup"},
	[CAN_POLL] = {"polling", "idle processor", false, look_awake, NULL,
		"sleeps, and may wake late (trials say so); use a kernel with a cpuidle driver, and let root open /dev/cpu_dma_latency"},
	[CAN_MININET] = {"mininet", "python3 with Mininet", true, look_exists,
		"/usr/lib/python3/dist-packages/mininet/net.py", INSTALL},
	[CAN_IMPORT_MININET] = {"mininet-import", "Mininet can be imported", true, look_try,
		"/usr/bin/python3 -I -c 'import mininet.net'",
		"/usr/bin/python3 -c 'import mininet.net' says why; " INSTALL},
	[CAN_MPTCPIZE] = {"mptcpize", "mptcpize's library", false, look_glob,
		"/usr/lib/*/mptcpize/libmptcpwrap.so.0.0.1",
		"without it mptcpize silently runs plain TCP; " INSTALL},
	[CAN_VIRTUAL] = {"virtual-time", "virtual time", false, look_virtual, "liquidnet-virtual",
		"run `make virtual` in the project's folder (once, ten minutes); trials with --clock virtual wait for it"},
	[CAN_DISK] = {"disk", "disk", false, look_disk, NULL, NULL},
};
/* clang-format on */

const char *capability_id(enum capability capability)
{
	return checks[capability].id;
}

const char *capability_name(enum capability capability)
{
	return checks[capability].name;
}

enum capability capability_named(const char *id)
{
	size_t i = 0;
	while (i < CAPABILITIES && strcmp(checks[i].id, id) != 0)
		i++;
	return (enum capability)i;
}

bool capability_of_kernel(enum capability c)
{
	switch (c) {
	case CAN_ROOT:
	case CAN_MININET:
	case CAN_IMPORT_MININET:
	case CAN_MPTCPIZE:
	case CAN_VIRTUAL:
	case CAN_DISK:
		return false;
	default:
		return true;
	}
}

bool capability_always(enum capability capability)
{
	return checks[capability].always;
}

const struct finding *capability_find(enum capability capability)
{
	static struct finding findings[CAPABILITIES];
	static bool looked[CAPABILITIES];
	if (!looked[capability]) {
		looked[capability] = true;
		checks[capability].look(&checks[capability], &findings[capability]);
	}
	return &findings[capability];
}

bool capability_has(enum capability capability)
{
	return capability_find(capability)->there;
}
