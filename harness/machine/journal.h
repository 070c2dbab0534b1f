/* Journal: which sysctls of the host a run changed, and their values before; one file a run under
 * /run/liquidnet. */
#ifndef LIQUIDNET_JOURNAL_H
#define LIQUIDNET_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define JOURNAL_FOLDER "/run/liquidnet"

/* All functions take the folder's lock. 0, or -1 with *error. */

/* Makes the folder and undoes the journals of runs that are dead. */
int journal_recover(char **error);
/* Sets KEY for the run of process `owner` (this process): the original value reaches the disk first. */
int journal_set(pid_t owner, const char *key, const char *value, char **error);
/* Whether this kernel has such a setting. */
bool journal_knows(const char *key);
/* Puts back what `owner`, started at `start` (journal_start_time), changed and no other live run still wants;
 * removes its journal. */
int journal_undo(pid_t owner, uint64_t start, char **error);
/* Removes the folder where nothing but its lock is in it. */
void journal_leave(void);
/* When a process started, in clock ticks since boot: tells a process from a later one of the same number. 0:
 * no such. */
uint64_t journal_start_time(pid_t pid);

/* A journal's text, {KEY: ORIGINAL}: only what a run may have written there, keys that begin with `net.` and lines as values; the rest is left
 * out, for it would be written to /proc/sys as root. NULL: it is none. */
json_t *journal_parse(const char *text, size_t size);

#endif
