/* Who sends to whom: the flows of a scenario's pattern. */
#ifndef LIQUIDNET_NDP_SIM_WORKLOAD_H
#define LIQUIDNET_NDP_SIM_WORKLOAD_H

#include "nodes/ndp/sim/world.h"

/* Fills in world->flows. */
void workload_make(struct world *world);

#endif
