/* Capabilities by libcap, system calls by libseccomp. */
#include "nodes/detour/kernel/confine.h"
#include "lib/base/error.h"
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

static int drop_capabilities(char **error)
{
	static const cap_value_t kept[] = {CAP_NET_ADMIN};
	/* First what no exec could give back; it takes the capability to do so. */
	for (cap_value_t c = 0; c <= cap_max_bits(); c++)
		if (c != CAP_NET_ADMIN && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM)
			return error_set(error, "dropping capabilities: %s", strerror(errno));
	cap_t set = cap_init();
	int result = set && cap_set_flag(set, CAP_PERMITTED, 1, kept, CAP_SET) == 0 &&
				     cap_set_flag(set, CAP_EFFECTIVE, 1, kept, CAP_SET) == 0 &&
				     cap_set_proc(set) == 0
			     ? 0
			     : error_set(error, "keeping CAP_NET_ADMIN alone: %s", strerror(errno));
	cap_free(set);
	return result;
}

/* By name: what this machine's kernel does not have is passed over. */
static const char *const never[] = {"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev",
	"pidfd_getfd", "kcmp", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree",
	"fsopen", "fsconfig", "fsmount", "unshare", "setns", "init_module", "finit_module", "delete_module",
	"kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "add_key", "request_key", "keyctl",
	"bpf", "perf_event_open", "userfaultfd", "open_by_handle_at", "name_to_handle_at", "personality",
	"acct", "quotactl", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
	"setdomainname", "iopl", "ioperm", "mknod", "mknodat", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid"};

static int filter_calls(char **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int result = filter ? 0 : -ENOMEM;
	for (size_t i = 0; result == 0 && i < sizeof never / sizeof *never; i++) {
		int call = seccomp_syscall_resolve_name(never[i]);
		if (call != __NR_SCMP_ERROR)
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
	}
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result < 0 ? error_set(error, "filtering system calls: %s", strerror(-result)) : 0;
}

int confine(bool may_execute, char **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(error, "giving up new privileges: %s", strerror(errno));
	if (drop_capabilities(error) < 0)
		return -1;
	return may_execute ? 0 : filter_calls(error);
}
