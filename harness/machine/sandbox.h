/* Sandbox: private pid, mount, network, host name, IPC and cgroup namespaces around one trial. Its first
 * process runs the trial; when that process ends, or the harness dies, everything inside dies with it.
 * Nothing outside changes. */
#ifndef LIQUIDNET_SANDBOX_H
#define LIQUIDNET_SANDBOX_H

#include <sys/types.h>

struct sandbox {
	pid_t pid;     /* of its first process, as seen outside */
	int pidfd;     /* readable when it has ended */
	int report_fd; /* what it says: lines; end of file when it has ended */
};

struct sandbox_options {
	const char *const *visible; /* NULL-ended, at most 8 folders that stay visible although /tmp and /run
				       are private */
	int cgroup_fd;              /* cgroup2 folder to put it in; -1: none */
	int stdio;                  /* keep standard input (a shell), else /dev/null */
};

/* Starts a sandbox whose first process runs body(context, report_fd) and ends with its result as exit status.
 */
int sandbox_start(struct sandbox *sandbox, const struct sandbox_options *options,
	int (*body)(void *context, int report_fd), void *context, char **error);
/* Kills it if it lives, waits for its end, closes the descriptors. Returns its wait status. */
int sandbox_end(struct sandbox *sandbox);

#endif
