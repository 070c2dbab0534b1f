/* A run of a scenario: its world is made, lives, and goes. */
#ifndef LIQUIDNET_NDP_SIM_RUN_H
#define LIQUIDNET_NDP_SIM_RUN_H

#include "nodes/ndp/sim/world.h"

/* Makes everything; nothing happens yet. -1 with *error. */
int run_open(struct world *world, const struct scenario *scenario, uint64_t seed, char **error);
/* Lets it happen, to the scenario's length or until every counted flow has ended. */
void run_world(struct world *world);
void run_close(struct world *world);

#endif
