/* Where packets are trimmed: port by port, to hold against the counters of emulated links. */
#ifndef LIQUIDNET_FABRIC_PORTS_H
#define LIQUIDNET_FABRIC_PORTS_H

#include "lib/fabric/scenario.h"

#include <stdio.h>

/* A line for each port at which data packets were trimmed: scenario,from,to,runs,trimmed,ci95: the mean over `runs` runs of seeds from `seed` on
 * (1..1000), packets, and half its 95 % interval. A node is `hN` for a host, `sR.N` for a switch of rank R (1: hosts are below it), N its
 * number in the topology. */
int fabric_ports(FILE *out, const struct scenario *scenario, uint64_t seed, unsigned runs, char **error);

#endif
