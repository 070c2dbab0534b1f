/* Seeds netem's random numbers, so that runs with the same seed have the same losses. */
#ifndef LIQUIDNET_NETEM_H
#define LIQUIDNET_NETEM_H

#include <stdint.h>

/* Sets the seed of a netem qdisc (TCA_NETEM_PRNG_SEED); Debian 12's tc cannot do this. The qdisc's other settings do not
 * change. `parent` as in rtnetlink(7), TC_H_ROOT for the root; in the caller's network namespace. 1: the qdisc has the seed;
 * 0: netem of this kernel takes no seed (before Linux 6.6); -1 and *error. */
int netem_seed(const char *interface, uint32_t parent, uint64_t seed, char **error);

#endif
