/* Many instances of scenarios, on all processors; what was run once is not run again. */
#ifndef LIQUIDNET_GRIN_RUNS_H
#define LIQUIDNET_GRIN_RUNS_H

#include "lib/sim/estimate.h"
#include "nodes/grin/sim/scenario.h"

struct runs;

/* `instances` of each scenario, seeds from `seed` on. */
struct runs *runs_new(uint64_t seed, unsigned instances);
void runs_free(struct runs *runs);
/* Its number; the same for the same text. */
unsigned runs_add(struct runs *runs, const struct scenario *scenario);
/* Runs all that were added. -1 with *error. */
int runs_go(struct runs *runs, char **error);
const struct scenario *runs_scenario(const struct runs *runs, unsigned number);
const struct scenario_outcome *runs_outcome(const struct runs *runs, unsigned number, unsigned instance);
unsigned runs_instances(const struct runs *runs);

#endif
