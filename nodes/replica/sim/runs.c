/* Threads take the next run that nobody has taken: a run shares nothing with another. */
#include "nodes/replica/sim/runs.h"

#include "lib/base/error.h"
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 256

struct runs {
	uint64_t seed;
	unsigned seeds, count, room, done; /* done: scenarios that have run */
	struct scenario *scenarios;
	struct cluster_outcome *outcomes; /* scenarios x seeds */
	atomic_uint next;
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

static void *work(void *context)
{
	struct runs *runs = context;
	unsigned all = runs->count * runs->seeds;

	for (unsigned i; (i = atomic_fetch_add(&runs->next, 1)) < all;)
		if (cluster_run(&runs->scenarios[i / runs->seeds], runs->seed + i % runs->seeds,
			    &runs->outcomes[i], NULL) < 0)
			atomic_store(&runs->failed, true);
	return NULL;
}

int runs_go(struct runs *runs, char **error)
{
	pthread_t threads[THREADS];
	cpu_set_t mine;
	int processors = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1, started = 0;

	atomic_store(&runs->next, runs->done * runs->seeds);
	while (started < processors - 1 && started < THREADS &&
		pthread_create(&threads[started], NULL, work, runs) == 0)
		started++;
	work(runs);
	while (started > 0)
		pthread_join(threads[--started], NULL);
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

/* Student's t, two-sided, 95 %, for 1 to 30 degrees of freedom. */
static double student(unsigned freedom)
{
	static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
		2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
		2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

	return freedom <= 30 ? t[freedom - 1] : 1.96;
}

struct estimate estimate(const double *values, unsigned count)
{
	double mean = 0, square = 0;

	for (unsigned i = 0; i < count; i++)
		mean += values[i] / count;
	for (unsigned i = 0; i < count; i++)
		square += (values[i] - mean) * (values[i] - mean);
	return (struct estimate){
		mean, count > 1 ? student(count - 1) * sqrt(square / (count - 1) / count) : NAN};
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
