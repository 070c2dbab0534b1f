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
	bool own_group;       /* it does not get signals to the caller's process group */
	bool idle;            /* runs only where a processor has nothing else to do */
	/* Called in the child as the last step before it becomes the program; if it returns -1 with errno, the program is
	 * not started. It may fork: process_wait then waits for the parent of the two. NULL: nothing is called. */
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
/* Runs a program to its end and collects its standard output (with `merge` also its standard error, in one text). If it
 * runs for longer than `limit_ms`, it is killed, which is an error. Returns the exit status (0..255), or -1 with *error.
 * *output is allocated and NUL-ended; pass NULL if it is not wanted. */
int process_run(const struct process_options *options, bool merge, int limit_ms, char **output, char **error);
/* Runs a short program in a network namespace (-1: this one) with a text as its standard input, for at most 20 s.
 * Returns its exit status (0..255), or -1 if it could not run. Unless the result is 0, it sets *error; for an exit status
 * this is the program's name and the first line that it printed. If the result is 0, *output (may be NULL) is everything
 * that it printed, to be freed by the caller; otherwise *output is unchanged. */
int process_feed(const char *const *argv, int netns_fd, const char *input, char **output, char **error);
/* "exit status 1" or "signal 9 (Killed)" for a wait status, written into the caller's buffer. */
const char *process_status_text(int status, char buffer[64]);

#endif
