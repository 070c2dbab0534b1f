/* Sandbox: clone3 into fresh namespaces, private mounts, then the body as process 1. */
#include "harness/machine/sandbox.h"

#include "lib/base/error.h"
#include "lib/base/folders.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define VISIBLE_MAX 8
#define REPORT_FD 3

static int complain(const char *what)
{
	fprintf(stderr, "sandbox: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Folders beneath /tmp or /run are opened before the private ones cover them, and bound to their old names
 * after. */
static int cover(const char *const *visible)
{
	static const char *const covered[] = {"/tmp", "/run"};
	int folders[VISIBLE_MAX];
	size_t count = 0;
	for (; visible && visible[count]; count++)
		folders[count] = open(visible[count], O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 2; i++)
		if (mount("tmpfs", covered[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
			return complain(covered[i]);
	for (size_t i = 0; i < count; i++) {
		bool hidden = strncmp(visible[i], "/tmp/", 5) == 0 || strncmp(visible[i], "/run/", 5) == 0;
		char source[64];
		snprintf(source, sizeof source, "/proc/self/fd/%d", folders[i]);
		if (hidden && (folders_make(visible[i], 0755, NULL) < 0 ||
				      mount(source, visible[i], NULL, MS_BIND | MS_REC, NULL) < 0))
			return complain(visible[i]);
		close(folders[i]);
	}
	return 0;
}

static int mounts(const char *const *visible)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return complain("making mounts private");
	if (cover(visible) < 0)
		return -1;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return complain("/proc");
	/* Mininet gives each node a terminal of its own. */
	if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		    "newinstance,ptmxmode=0666,mode=620") < 0)
		return complain("/dev/pts");
	if (mount("/dev/pts/ptmx", "/dev/ptmx", NULL, MS_BIND, NULL) < 0)
		return complain("/dev/ptmx");
	if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return complain("/sys");
	return 0;
}

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
	if (fd >= 0)
		close(fd);
	return result;
}

static int inside(
	const struct sandbox_options *options, int report_fd, int (*body)(void *, int), void *context)
{
	/* The harness may have died between clone3 and prctl: its end of the report is then closed already.
	 */
	struct pollfd parent = {.fd = report_fd, .events = 0};
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&parent, 1, 0) < 0 ||
		(parent.revents & (POLLHUP | POLLERR)))
		return 125;
	/* Of the harness's descriptors only the report stays: what it says by closing one must not depend on
	 * us. */
	if (report_fd != REPORT_FD && dup3(report_fd, REPORT_FD, O_CLOEXEC) < 0)
		return 125;
	if (syscall(SYS_close_range, REPORT_FD + 1, ~0U, 0) < 0 || mounts(options->visible) < 0)
		return 125;
	if (sethostname("sandbox", 7) < 0 || loopback_up() < 0 || chdir("/tmp") < 0)
		return complain("host name, loopback or /tmp"), 125;
	if (!options->stdio) {
		int null = open("/dev/null", O_RDWR);
		if (null < 0 || dup2(null, STDIN_FILENO) < 0)
			return complain("/dev/null"), 125;
		if (null != STDIN_FILENO)
			close(null);
	}
	/* As process 1 a signal without a handler is ignored: harmless, the harness ends us by SIGKILL. */
	signal(SIGPIPE, SIG_IGN);
	return body(context, REPORT_FD);
}

int sandbox_start(struct sandbox *sandbox, const struct sandbox_options *options, int (*body)(void *, int),
	void *context, char **error)
{
	int report[2];
	size_t folders = 0;
	while (options->visible && options->visible[folders])
		folders++;
	if (folders > VISIBLE_MAX)
		return error_set(error, "sandbox: %zu folders are to stay visible, at most %d can", folders,
			VISIBLE_MAX);
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(error, "sandbox: pipe: %s", strerror(errno));
	int pidfd = -1;
	struct clone_args arguments = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
			 CLONE_NEWCGROUP | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	if (options->cgroup_fd >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)options->cgroup_fd;
	}
	fflush(NULL);
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (pid == 0) {
		close(report[0]);
		_exit(inside(options, report[1], body, context));
	}
	int fault = errno;
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return error_set(error,
			"sandbox: no fresh namespaces (%s); run as root on a kernel with namespaces",
			strerror(fault));
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	*sandbox = (struct sandbox){.pid = pid, .pidfd = pidfd, .report_fd = report[0]};
	return 0;
}

int sandbox_end(struct sandbox *sandbox)
{
	int status = 0;
	if (sandbox->pid <= 0)
		return 0;
	kill(sandbox->pid, SIGKILL);
	while (waitpid(sandbox->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(sandbox->pidfd);
	close(sandbox->report_fd);
	*sandbox = (struct sandbox){.pidfd = -1, .report_fd = -1};
	return status;
}
