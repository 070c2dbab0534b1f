/* A run shares nothing with another. */
#include "nodes/replica/sim/runs.h"

#include "lib/base/error.h"
#include "lib/sim/threads.h"
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct runs {
	uint64_t seed;
	unsigned seeds, count, room, done; /* done: scenarios that have run */
	struct scenario *scenarios;
	struct cluster_outcome *outcomes; /* scenarios x seeds */
	atomic_bool failed;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct runs *runs_new(uint64_t seed, unsigned seeds)
{
	struct runs *runs = must(calloc(1, sizeof *runs));

	runs->seed = seed;
	runs->seeds = seeds;
	return runs;
}

void runs_free(struct runs *runs)
{
	free(runs->scenarios);
	free(runs->outcomes);
	free(runs);
}

unsigned runs_add(struct runs *runs, const struct scenario *scenario)
{
	for (unsigned i = 0; i < runs->count; i++)
		if (!strcmp(runs->scenarios[i].text, scenario->text))
			return i;
	if (runs->count == runs->room) {
		runs->room = runs->room ? 2 * runs->room : 64;
		runs->scenarios = must(realloc(runs->scenarios, runs->room * sizeof *runs->scenarios));
		runs->outcomes =
			must(realloc(runs->outcomes, runs->room * runs->seeds * sizeof *runs->outcomes));
	}
	runs->scenarios[runs->count] = *scenario;
	return runs->count++;
}

static void run_one(void *context, unsigned number)
{
	struct runs *runs = context;

	if (cluster_run(&runs->scenarios[number / runs->seeds], runs->seed + number % runs->seeds,
		    &runs->outcomes[number], NULL) < 0)
		atomic_store(&runs->failed, true);
}

int runs_go(struct runs *runs, char **error)
{
	threads_each(runs->done * runs->seeds, runs->count * runs->seeds, run_one, runs);
	runs->done = runs->count;
	return atomic_load(&runs->failed) ? error_set(error, "no memory for so many servers and clients") : 0;
}

unsigned runs_count(const struct runs *runs)
{
	return runs->count;
}

const struct scenario *runs_scenario(const struct runs *runs, unsigned number)
{
	return &runs->scenarios[number];
}

const struct cluster_outcome *runs_outcome(const struct runs *runs, unsigned number, unsigned run)
{
	return &runs->outcomes[number * runs->seeds + run];
}

struct estimate runs_measure(const struct runs *runs, unsigned number, enum cluster_measure measure)
{
	double *values = must(calloc(runs->seeds, sizeof *values));

	for (unsigned i = 0; i < runs->seeds; i++)
		values[i] = runs_outcome(runs, number, i)->value[measure];
	struct estimate e = estimate(values, runs->seeds);
	free(values);
	return e;
}

struct estimate runs_ratio(
	const struct runs *runs, unsigned number, unsigned against, enum cluster_measure measure)
{
	double *values = must(calloc(runs->seeds, sizeof *values));

	for (unsigned i = 0; i < runs->seeds; i++)
		values[i] = runs_outcome(runs, number, i)->value[measure] /
			    runs_outcome(runs, against, i)->value[measure];
	struct estimate e = estimate(values, runs->seeds);
	free(values);
	return e;
}
