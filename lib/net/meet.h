/* Programs that begin together, in whatever nodes they run: they meet at a file that all of them see. */
#ifndef LIQUIDNET_MEET_H
#define LIQUIDNET_MEET_H

#include <signal.h>
#include <stdint.h>

/* Waits until so many programs have met at this file (each of them once), and `after_ns` longer. Returns the moment (CLOCK_MONOTONIC), which is the same for
 * all of them, once it has come. NULL for a path: nobody is waited for. -1 with *error, also when *stopped became true meanwhile. */
int64_t meet_others(const char *path, uint32_t count, int64_t after_ns, const volatile sig_atomic_t *stopped,
	char **error);

#endif
