/* Capacity: how much a GRIN network carries when flow may be placed at will, with so many cables on the way (Trilogy2 D1.2, 3.3.2.2, figure 3.5). The
 * rest of the network is one switch that is never full; every direction of a link carries 1. */
#ifndef LIQUIDNET_GRIN_CAPACITY_H
#define LIQUIDNET_GRIN_CAPACITY_H

#include "nodes/grin/plan.h"
#include "nodes/grin/traffic.h"

enum { CAPACITY_FREE = 99 }; /* hops: no restriction */

/* The greatest sum of flows: at most `hops` cables from a source to the switch, and from the switch to a destination; paths within a rack of hops + 1
 * cables, without restriction of 3 as well: longer ones cost more than they bring. By GLPK. Negative with *error. */
double capacity_optimum(const struct plan *plan, const struct traffic_flow *flows, unsigned count,
	unsigned hops, char **error);

/* The simple procedure of figure 3.5 b: each connection takes its direct path and others at random, `choices` in all; then every path is filled as far as it
 * goes, the shortest first. `hops`: 1 to 3. */
double capacity_filling(const struct plan *plan, const struct traffic_flow *flows, unsigned count,
	unsigned hops, unsigned choices, uint64_t seed);

#endif
