/* Least privileges: see the header. */
#include "lib/base/confine.h"

#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>

static bool has(uint64_t set, cap_value_t capability)
{
	return set & CONFINE(capability);
}

/* A capability that this process never had is none that it can keep: what needs it says so itself. */
static int set_capabilities(cap_t now, cap_t wanted, uint64_t set)
{
	static const cap_flag_t flags[] = {CAP_PERMITTED, CAP_EFFECTIVE};
	for (cap_value_t c = 0; c <= cap_max_bits(); c++) {
		cap_flag_value_t had = CAP_CLEAR;
		if (!has(set, c) || cap_get_flag(now, c, CAP_PERMITTED, &had) < 0 || had == CAP_CLEAR)
			continue;
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			if (cap_set_flag(wanted, flags[i], 1, &c, CAP_SET) < 0)
				return -1;
	}
	return cap_set_proc(wanted);
}

static int keep_capabilities(uint64_t set, char **error)
{
	/* First what no exec could give back; it takes the capability to do so. */
	for (cap_value_t c = 0; c <= cap_max_bits(); c++)
		if (!has(set, c) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM)
			return error_set(error, "dropping capabilities: %s", strerror(errno));
	cap_t now = cap_get_proc(), wanted = cap_init();
	int result = now && wanted && set_capabilities(now, wanted, set) == 0
			     ? 0
			     : error_set(error, "dropping capabilities: %s", strerror(errno));
	cap_free(now);
	cap_free(wanted);
	return result;
}

int confine_start(const struct confinement *rights, char **error)
{
	uint64_t set = rights->start | rights->keep;
	/* What is dropped later takes CAP_SETPCAP until then. */
	return keep_capabilities(rights->start ? set | CONFINE(CAP_SETPCAP) : set, error);
}

/* By name: what this machine's kernel does not have is passed over. */
static const char *const never[] = {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig",
	"fsmount", "unshare", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"reboot", "swapon", "swapoff", "add_key", "request_key", "keyctl", "open_by_handle_at",
	"name_to_handle_at", "personality", "acct", "quotactl", "settimeofday", "clock_settime",
	"clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "mknod", "mknodat",
	"io_uring_setup", "io_uring_enter", "io_uring_register", NULL};
/* OpenVPN may change its user; a daemon that executes nothing never does. */
static const char *const executing[] = {
	"execve", "execveat", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", NULL};
static const char *const namespaces[] = {"setns", NULL};
static const char *const faults[] = {"userfaultfd", NULL};
static const char *const bpf[] = {"bpf", "perf_event_open", NULL};

static const char *const traces[] = {"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	"creat", "openat2", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat",
	"rmdir", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2",
	"chown", "fchown", "lchown", "fchownat", "truncate", "ftruncate", "fallocate", "utime", "utimes",
	"utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr",
	"fremovexattr", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
	"pidfd_send_signal", "process_madvise", "msgget", "msgsnd", "semget", "semop", "shmget", "shmat",
	"mq_open", "sched_setscheduler", "sched_setattr", "setpriority", "ioprio_set", NULL};

static int refuse(scmp_filter_ctx filter, const char *const calls[])
{
	for (; *calls; calls++) {
		int call = seccomp_syscall_resolve_name(*calls);
		int result = call == __NR_SCMP_ERROR
				     ? 0
				     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
		if (result < 0)
			return result;
	}
	return 0;
}

/* Files are opened to be read, whatever they are. */
static int refuse_writing(scmp_filter_ctx filter)
{
	static const struct {
		int mask, value;
	} ways[] = {{O_ACCMODE, O_WRONLY}, {O_ACCMODE, O_RDWR}, {O_CREAT, O_CREAT}, {O_TRUNC, O_TRUNC}};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		uint64_t mask = (uint64_t)ways[i].mask, value = (uint64_t)ways[i].value;
		int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EROFS), SCMP_SYS(open), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, mask, value));
		if (result == 0)
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EROFS), SCMP_SYS(openat), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, mask, value));
		if (result < 0)
			return result;
	}
	return refuse(filter, traces);
}

static int filter_calls(const struct confinement *rights, char **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = filter ? 0 : -ENOMEM;
	if (result == 0) /* libraries (ZooKeeper's) have threads of their own */
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = refuse(filter, never);
	if (result == 0 && !rights->executes)
		result = refuse(filter, executing);
	if (result == 0 && !rights->uses_bpf)
		result = refuse(filter, bpf);
	if (result == 0 && !rights->enters_namespaces)
		result = refuse(filter, namespaces);
	if (result == 0 && !rights->faults)
		result = refuse(filter, faults);
	if (result == 0 && rights->computes_only)
		result = refuse_writing(filter);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result < 0 ? error_set(error, "filtering system calls: %s", strerror(-result)) : 0;
}

int confine(const struct confinement *rights, char **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(error, "giving up new privileges: %s", strerror(errno));
	if (keep_capabilities(rights->keep, error) < 0)
		return -1;
	return filter_calls(rights, error);
}
