/* Processes: fork, a pipe that tells whether exec worked, a pidfd to wait on. */
#include "lib/base/process.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (64 << 20)

struct failure { /* what the child says when it cannot become the program */
	int fault;
	char step[16];
};

static void give_up(int report, const char *step)
{
	struct failure failure = {.fault = errno};
	snprintf(failure.step, sizeof failure.step, "%s", step);
	if (write(report, &failure, sizeof failure) < 0)
		_exit(126);
	_exit(127);
}

/* A descriptor that lies where standard input, output or error will be is moved out of the way first. */
static int above(int report, int fd)
{
	int moved = fd >= 0 && fd <= STDERR_FILENO ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : fd;
	if (fd >= 0 && moved < 0)
		give_up(report, "descriptors");
	return moved;
}

static void redirect(int report, int from, int to)
{
	if (from < 0)
		return;
	if (from == to ? fcntl(to, F_SETFD, 0) < 0 : dup2(from, to) < 0)
		give_up(report, "descriptors");
}

static void become(const struct process_options *o, int report, pid_t parent)
{
	sigset_t none;
	report = above(report, report);
	if (o->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			give_up(report, "parent");
		if (getppid() != parent) /* it died before the kernel was asked */
			_exit(127);
	}
	if (o->idle && sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}) < 0)
		give_up(report, "scheduling class");
	if (o->own_group && setpgid(0, 0) < 0)
		give_up(report, "process group");
	if (o->netns_fd >= 0 && setns(o->netns_fd, CLONE_NEWNET) < 0)
		give_up(report, "namespace");
	if (o->directory && chdir(o->directory) < 0)
		give_up(report, "directory");
	int in = o->stdin_fd >= 0 ? o->stdin_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (in < 0)
		give_up(report, "/dev/null");
	int out = above(report, o->stdout_fd), err = above(report, o->stderr_fd);
	redirect(report, in, STDIN_FILENO);
	redirect(report, out, STDOUT_FILENO);
	redirect(report, err, STDERR_FILENO);
	if (o->keep_fd >= 0 && fcntl(o->keep_fd, F_SETFD, 0) < 0)
		give_up(report, "descriptors");
	for (const char *const *one = o->env; one && *one; one++)
		putenv((char *)*one);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (o->last && o->last(o->context) < 0)
		give_up(report, "confinement");
	execvp(o->argv[0], (char *const *)o->argv);
	give_up(report, "");
}

/* fork(), and the child is born in a cgroup: it is never seen in another. */
static pid_t fork_into(const char *cgroup)
{
	struct clone_args how = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
	if (!cgroup)
		return fork();
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	how.cgroup = (uint64_t)fd;
	pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
	int fault = errno;
	close(fd);
	errno = fault;
	return pid;
}

int process_start(struct process *process, const struct process_options *options, char **error)
{
	int report[2];
	*process = PROCESS_NONE;
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(error, "%s: pipe: %s", options->argv[0], strerror(errno));
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork_into(options->cgroup);
	if (pid == 0)
		become(options, report[1], parent);
	int fault = errno;
	close(report[1]);
	struct failure failure;
	ssize_t n = -1;
	while (pid > 0 && (n = read(report[0], &failure, sizeof failure)) < 0 && errno == EINTR)
		;
	close(report[0]);
	if (pid < 0)
		return error_set(error, "%s: fork: %s", options->argv[0], strerror(fault));
	if (n > 0) {
		waitpid(pid, NULL, 0);
		if (!failure.step[0] && failure.fault == ENOENT)
			return error_set(error,
				"program `%s` is not installed; `liquidnet doctor` says what to do",
				options->argv[0]);
		return error_set(error, "%s: %s%s%s", options->argv[0], failure.step,
			*failure.step ? ": " : "", strerror(failure.fault));
	}
	process->pid = pid;
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd < 0) {
		fault = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		process->pid = 0;
		return error_set(error, "%s: pidfd: %s", options->argv[0], strerror(fault));
	}
	fcntl(process->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int reap(struct process *process)
{
	while (waitpid(process->pid, &process->status, 0) < 0)
		if (errno != EINTR)
			return -1;
	close(process->pidfd);
	process->pidfd = -1;
	process->pid = 0;
	return 1;
}

static int timeout_ms(int64_t deadline_ns)
{
	if (deadline_ns == INT64_MAX)
		return -1;
	int64_t left = deadline_ns - clock_now_ns();
	if (left <= 0)
		return 0;
	return left / NS_PER_MS >= INT32_MAX ? INT32_MAX : (int)(left / NS_PER_MS) + 1;
}

int process_wait(struct process *process, int64_t deadline_ns)
{
	if (process->pid <= 0)
		return 1;
	for (;;) {
		struct pollfd p = {.fd = process->pidfd, .events = POLLIN};
		int n = poll(&p, 1, timeout_ms(deadline_ns));
		if (n > 0)
			return reap(process);
		if (n == 0 && clock_now_ns() >= deadline_ns)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
	}
}

void process_stop(struct process *process, int grace_ms)
{
	if (process->pid <= 0)
		return;
	kill(process->pid, SIGTERM);
	if (process_wait(process, clock_now_ns() + grace_ms * NS_PER_MS) == 1)
		return;
	kill(process->pid, SIGKILL);
	reap(process);
}

/* Collects what comes out of a program: until end of file, or until the program has ended and the pipe is
 * empty (it may have left a process behind that holds the pipe open and is none of ours). 0, or -1 with
 * *error. */
static int collect(
	const struct process *process, int fd, int64_t deadline_ns, char **text, const char **fault)
{
	size_t size = 0, room = 4096;
	bool ended = false;
	if (!(*text = malloc(room)))
		abort();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = process->pidfd, .events = POLLIN}};
		int n = ended ? 1 : poll(p, 2, timeout_ms(deadline_ns));
		/* One that never stops writing never lets poll time out. */
		if (n == 0 || clock_now_ns() >= deadline_ns) {
			*fault = "did not end in time";
			return -1;
		}
		/* Asked before the pipe is read: what the program wrote is then in the pipe. */
		ended = ended || p[1].revents;
		if (size + 1 >= room && !(*text = realloc(*text, room *= 2)))
			abort();
		ssize_t got = read(fd, *text + size, room - size - 1);
		if (got < 0 && (errno == EINTR || (errno == EAGAIN && !ended)))
			continue;
		if (got <= 0)
			break;
		size += (size_t)got;
		if (size > OUTPUT_MAX) {
			*fault = "wrote more than 64 MiB";
			return -1;
		}
	}
	(*text)[size] = 0;
	return 0;
}

int process_run(const struct process_options *options, bool merge, int limit_ms, char **output, char **error)
{
	struct process_options own = *options;
	struct process process;
	int pipe_fds[2];
	int64_t deadline = clock_now_ns() + limit_ms * NS_PER_MS;
	char *text = NULL, reason[64];
	const char *fault = NULL;
	if (output)
		*output = NULL;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(error, "%s: pipe: %s", options->argv[0], strerror(errno));
	own.stdout_fd = pipe_fds[1];
	if (merge)
		own.stderr_fd = pipe_fds[1];
	int result = process_start(&process, &own, error);
	close(pipe_fds[1]);
	if (result == 0 && collect(&process, pipe_fds[0], deadline, &text, &fault) == 0 &&
		process_wait(&process, deadline) != 1)
		fault = "did not end in time";
	if (fault) {
		process_stop(&process, 0);
		result = error_set(error, "%s: %s (limit %d ms)", options->argv[0], fault, limit_ms);
	}
	close(pipe_fds[0]);
	if (result == 0 && !WIFEXITED(process.status))
		result = error_set(error, "%s: ended with %s", options->argv[0],
			process_status_text(process.status, reason));
	if (result == 0 && output) {
		*output = text;
		text = NULL;
	}
	free(text);
	return result < 0 ? -1 : WEXITSTATUS(process.status);
}

/* A text as a file to be read from its beginning; -1 and *error. */
static int text_file(const char *text, char **error)
{
	size_t length = strlen(text);
	int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, text, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	error_set(error, "memory for a program's input: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int process_feed(const char *const *argv, int netns_fd, const char *input, char **output, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	char *said = NULL;
	options.argv = argv;
	options.netns_fd = netns_fd;
	options.stdin_fd = text_file(input, error);
	if (options.stdin_fd < 0)
		return -1;
	int status = process_run(&options, true, 20000, &said, error);
	close(options.stdin_fd);
	if (status > 0 && *said)
		error_set(error, "%s: %.*s", argv[0], (int)strcspn(said, "\n"), said);
	else if (status > 0)
		error_set(error, "%s: exit status %d, without a word", argv[0], status);
	if (status == 0 && output)
		*output = said;
	else
		free(said);
	return status;
}

const char *process_status_text(int status, char buffer[64])
{
	if (WIFSIGNALED(status))
		snprintf(buffer, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buffer, 64, "exit status %d", WEXITSTATUS(status));
	return buffer;
}
