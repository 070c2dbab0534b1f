/* Host: what a run changes outside its sandboxes, journalled before the change and put back after, however
 * the run ends. A guardian, a small process of its own session, waits for the run's end and then kills what
 * is left of it, puts the host's settings back and removes the journal and the cgroups: within 2 s. What even
 * the guardian could not undo (both killed) is undone at the next start. */
#ifndef LIQUIDNET_HOST_H
#define LIQUIDNET_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct host;

/* Undoes what dead runs left (a line on standard error says so), opens the journal, starts the guardian. NULL
 * with *error. */
struct host *host_open(char **error);
/* Undoes everything; the guardian ends. */
void host_close(struct host *host);

/* Sets a sysctl of the host. "+word" adds a word to a list that lacks it. Nothing is journalled or written
 * when the value is there already and no other run answers for it. Two runs at once: the last one to leave
 * puts the original back. */
int host_sysctl(struct host *host, const char *key, const char *value, char **error);

/* Whether this kernel has such a sysctl. */
bool host_knows(const char *key);

/* Tells the guardian of a sandbox's first process, a child of the caller that is not reaped yet, so that it
 * dies even if its own watch on the harness should fail. */
void host_sandbox_started(struct host *host, pid_t pid);

/* Makes a cgroup (version 2) for one sandbox; `name` is a file name. A descriptor of its folder for clone3's
 * CLONE_INTO_CGROUP, owned by the caller; -1 where there is none: the run goes on without. */
int host_cgroup(struct host *host, const char *name);
/* Processor time used, in microseconds; `name` "": by all of the run's sandboxes so far, also those that are
 * gone. -1 where it is unknown (no cgroup2): no figure is not a figure of 0.
 */
int host_cgroup_usage(struct host *host, const char *name, uint64_t *cpu_us);
/* Kills what still runs in it and removes it. Harmless twice. */
void host_cgroup_remove(struct host *host, const char *name);

#endif
