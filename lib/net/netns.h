/* Network namespaces: open one, do something in it. A process is in one at a time; these functions are for
 * single-threaded programs. */
#ifndef LIQUIDNET_NETNS_H
#define LIQUIDNET_NETNS_H
#include <sys/types.h>

/* A descriptor (close-on-exec) of the namespace of a process / at a path; -1 with errno. */
int netns_open_pid(pid_t pid);
int netns_open(const char *path);
/* Calls fn(context) inside the namespace and comes back; returns what it returned, or -1 with errno when the
 * namespace could not be entered. Aborts when it cannot come back: going on would act on the wrong network.
 */
int netns_call(int netns_fd, int (*fn)(void *context), void *context);
#endif
