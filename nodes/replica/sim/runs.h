/* Many runs of scenarios, on all processors; each scenario runs once per seed, however many ask for it. */
#ifndef LIQUIDNET_C3_RUNS_H
#define LIQUIDNET_C3_RUNS_H

#include "lib/sim/estimate.h"
#include "nodes/replica/sim/cluster.h"

struct runs;

/* `seeds` runs per scenario, from `seed` on. */
struct runs *runs_new(uint64_t seed, unsigned seeds);
void runs_free(struct runs *runs);
/* Its number; the same for the same text. */
unsigned runs_add(struct runs *runs, const struct scenario *scenario);
/* Runs all that were added. -1 with *error. */
int runs_go(struct runs *runs, char **error);
unsigned runs_count(const struct runs *runs);
const struct scenario *runs_scenario(const struct runs *runs, unsigned number);
const struct cluster_outcome *runs_outcome(const struct runs *runs, unsigned number, unsigned run);

struct estimate runs_measure(const struct runs *runs, unsigned number, enum cluster_measure measure);
/* Of the measure of one scenario over that of another, run by run: both meet the same load in a run. */
struct estimate runs_ratio(
	const struct runs *runs, unsigned number, unsigned against, enum cluster_measure measure);

#endif
