/* The number of trimmed packets per port, for comparison with the counters of emulated links. */
#ifndef LIQUIDNET_FABRIC_PORTS_H
#define LIQUIDNET_FABRIC_PORTS_H

#include "lib/fabric/scenario.h"

#include <stdio.h>

/* Prints one line per port at which data packets were trimmed: scenario,from,to,runs,trimmed,ci95. `trimmed` is the mean in
 * packets over `runs` runs (1..1000) with seeds from `seed` on, and `ci95` is half its 95 % interval. A node is `hN` for a host,
 * or `sR.N` for a switch of rank R (1: hosts are below it); N is its number in the topology. */
int fabric_ports(FILE *out, const struct scenario *scenario, uint64_t seed, unsigned runs, char **error);

#endif
