/* Processes: fork, a pipe that tells whether exec worked, a pidfd to wait on. */
#include "lib/process.h"

#include "lib/clock.h"
#include "lib/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	if (o->die_with_parent && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		give_up(report, "parent");
	if (o->netns_fd >= 0 && setns(o->netns_fd, CLONE_NEWNET) < 0)
		give_up(report, "namespace");
	if (o->directory && chdir(o->directory) < 0)
		give_up(report, "directory");
	int in = o->stdin_fd >= 0 ? o->stdin_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
	redirect(report, in, STDIN_FILENO);
	redirect(report, o->stdout_fd, STDOUT_FILENO);
	redirect(report, o->stderr_fd, STDERR_FILENO);
	if (o->keep_fd >= 0 && fcntl(o->keep_fd, F_SETFD, 0) < 0)
		give_up(report, "descriptors");
	for (const char *const *one = o->env; one && *one; one++)
		putenv((char *)*one);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(o->argv[0], (char *const *)o->argv);
	give_up(report, "");
}

int process_start(struct process *process, const struct process_options *options, char **error)
{
	int report[2];
	*process = PROCESS_NONE;
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(error, "%s: pipe: %s", options->argv[0], strerror(errno));
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork();
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
			return error_set(error, "program `%s` is not installed; `liquidnet doctor` says what to do",
				options->argv[0]);
		return error_set(error, "%s: %s%s%s", options->argv[0], failure.step, *failure.step ? ": " : "",
			strerror(failure.fault));
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

/* Collects until end of file or the deadline; 0, or -1. */
static int collect(int fd, int64_t deadline_ns, char **text)
{
	size_t size = 0, room = 4096;
	char *buffer = malloc(room);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n = poll(&p, 1, timeout_ms(deadline_ns));
		if (n == 0 || size > OUTPUT_MAX) {
			free(buffer);
			return -1;
		}
		if (size + 1 >= room)
			buffer = realloc(buffer, room *= 2);
		ssize_t got = n < 0 ? -1 : read(fd, buffer + size, room - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	buffer[size] = 0;
	*text = buffer;
	return 0;
}

int process_run(const struct process_options *options, bool merge, int limit_ms, char **output, char **error)
{
	struct process_options own = *options;
	struct process process;
	int pipe_fds[2];
	int64_t deadline = clock_now_ns() + limit_ms * NS_PER_MS;
	char *text = NULL, reason[64];
	if (output)
		*output = NULL;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(error, "%s: pipe: %s", options->argv[0], strerror(errno));
	own.stdout_fd = pipe_fds[1];
	if (merge)
		own.stderr_fd = pipe_fds[1];
	int result = process_start(&process, &own, error);
	close(pipe_fds[1]);
	if (result == 0 && (collect(pipe_fds[0], deadline, &text) < 0 || process_wait(&process, deadline) != 1)) {
		process_stop(&process, 0);
		result = error_set(error, "%s did not end within %d ms", options->argv[0], limit_ms);
	}
	close(pipe_fds[0]);
	if (result == 0 && !WIFEXITED(process.status))
		result = error_set(error, "%s: ended with %s", options->argv[0], process_status_text(process.status, reason));
	if (result == 0 && output) {
		*output = text;
		text = NULL;
	}
	free(text);
	return result < 0 ? -1 : WEXITSTATUS(process.status);
}

const char *process_status_text(int status, char buffer[64])
{
	if (WIFSIGNALED(status))
		snprintf(buffer, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buffer, 64, "exit status %d", WEXITSTATUS(status));
	return buffer;
}
