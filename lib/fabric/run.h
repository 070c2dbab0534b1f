/* A run of a scenario: opens, runs and closes its world. */
#ifndef LIQUIDNET_FABRIC_RUN_H
#define LIQUIDNET_FABRIC_RUN_H

#include "lib/fabric/world.h"

/* Makes everything; nothing happens yet. -1 with *error. */
int fabric_open(struct world *world, const struct scenario *scenario, uint64_t seed, char **error);
/* Runs it for the scenario's length, or until every counted flow has ended. */
void fabric_run(struct world *world);
void fabric_close(struct world *world);

#endif
