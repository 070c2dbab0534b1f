/* Processes: start a program (in a network namespace if asked), wait for it by event with a deadline, stop
 * it. No shell is involved. Descriptors are close-on-exec but for those named here. */
#ifndef LIQUIDNET_PROCESS_H
#define LIQUIDNET_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;  /* 0: not started, or reaped */
	int pidfd;  /* -1 likewise */
	int status; /* of waitpid, once reaped */
};
#define PROCESS_NONE ((struct process){.pidfd = -1})

struct process_options {
	const char *const *argv;            /* NULL-ended; argv[0] is looked up in PATH */
	const char *const *env;             /* extra "NAME=value", NULL-ended; may be NULL */
	const char *directory;              /* working directory; NULL: as it is */
	int netns_fd;                       /* network namespace to enter; -1: as it is */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null (stdin), inherited (stdout, stderr) */
	int keep_fd;                        /* one more descriptor kept, under the same number; -1: none */
	const char *cgroup;   /* folder of the cgroup (version 2) that it is born in; NULL: its parent's */
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL */
	bool own_group;       /* signals to the caller's process group are not for it */
	bool idle;            /* runs only where a processor has nothing else to do */
	/* What is done in the child last, before it becomes the program; -1 with errno: it does not. May fork: the parent of the two is
	 * the one that is waited for. NULL: nothing. */
	int (*last)(void *context);
	void *context;
};
#define PROCESS_OPTIONS                                                                                      \
	((struct process_options){                                                                           \
		.netns_fd = -1, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .keep_fd = -1})

/* Starts a program. -1 and *error when it cannot be executed (reported from the child: a missing program is
 * an error here, not an exit status 127 later). */
int process_start(struct process *process, const struct process_options *options, char **error);
/* Waits for the end until `deadline_ns` (CLOCK_MONOTONIC; INT64_MAX: for ever). 1: ended and reaped (status
 * is set), 0: deadline passed, -1: error in errno. */
int process_wait(struct process *process, int64_t deadline_ns);
/* Ends it: SIGTERM, up to grace_ms for it to go, SIGKILL; reaped on return. Nothing happens to an ended one.
 */
void process_stop(struct process *process, int grace_ms);
/* Runs a program to its end and collects standard output (and standard error, in one text, when `merge`):
 * at most `limit_ms`, then it is killed: an error. Returns the exit status (0..255), or -1 with *error.
 * *output is allocated, NUL-ended, and may be NULL-pointer'd away by passing NULL. */
int process_run(const struct process_options *options, bool merge, int limit_ms, char **output, char **error);
/* Runs a short program in a network namespace (-1: this one) with a text as its standard input, 20 s at most.
 * Returns its exit status (0..255), or -1 when it could not run. Unless that is 0, *error: for an exit status
 * the first line that it said, after its name. *output (may be NULL) is all that it said when it is 0, to be
 * freed; else it is left alone. */
int process_feed(const char *const *argv, int netns_fd, const char *input, char **output, char **error);
/* "exit status 1" or "signal 9 (Killed)" for a wait status, in a static buffer per call site of the caller's.
 */
const char *process_status_text(int status, char buffer[64]);

#endif
