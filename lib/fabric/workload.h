/* The flows of a scenario's pattern: who sends to whom. */
#ifndef LIQUIDNET_FABRIC_WORKLOAD_H
#define LIQUIDNET_FABRIC_WORKLOAD_H

#include "lib/fabric/world.h"

/* Fills in world->flows. */
void fabric_workload(struct world *world);

#endif
