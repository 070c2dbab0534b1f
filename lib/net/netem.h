/* netem's random numbers: losses that are the same in every run with one seed. */
#ifndef LIQUIDNET_NETEM_H
#define LIQUIDNET_NETEM_H

#include <stdint.h>

/* Sets the seed of a netem qdisc (TCA_NETEM_PRNG_SEED), which Debian 12's tc cannot; all else of it stays as it is.
 * `parent` as in rtnetlink(7), TC_H_ROOT for the root. In the caller's network namespace. 1: it has the seed; 0: this
 * kernel's netem takes none (before Linux 6.6); -1 and *error. */
int netem_seed(const char *interface, uint32_t parent, uint64_t seed, char **error);

#endif
