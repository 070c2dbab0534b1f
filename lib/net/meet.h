/* Lets programs in any nodes begin at the same moment: they meet at a file that all of them can open. */
#ifndef LIQUIDNET_MEET_H
#define LIQUIDNET_MEET_H

#include <signal.h>
#include <stdint.h>

/* Waits until `count` programs have met at this file (each of them once), and then for `after_ns`. Returns the moment
 * (CLOCK_MONOTONIC), which is the same for all of them, when it has come. Without a path (NULL) it waits for no other program.
 * -1 with *error; also if *stopped becomes true while it waits. */
int64_t meet_others(const char *path, uint32_t count, int64_t after_ns, const volatile sig_atomic_t *stopped,
	char **error);

#endif
