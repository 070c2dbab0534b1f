/* Threads take the next instance that nobody has taken: an instance shares nothing with another. */
#include "nodes/grin/sim/runs.h"

#include "lib/base/error.h"
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 256

struct runs {
	uint64_t seed;
	unsigned instances, count, room, done;
	struct scenario *scenarios;
	struct scenario_outcome *outcomes; /* scenarios x instances */
	atomic_uint next;
	pthread_mutex_t lock; /* of the first error */
	char *error;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct runs *runs_new(uint64_t seed, unsigned instances)
{
	struct runs *runs = must(calloc(1, sizeof *runs));

	runs->seed = seed;
	runs->instances = instances;
	pthread_mutex_init(&runs->lock, NULL);
	return runs;
}

void runs_free(struct runs *runs)
{
	free(runs->scenarios);
	free(runs->outcomes);
	free(runs->error);
	free(runs);
}

unsigned runs_add(struct runs *runs, const struct scenario *scenario)
{
	for (unsigned i = 0; i < runs->count; i++)
		if (!strcmp(runs->scenarios[i].text, scenario->text))
			return i;
	if (runs->count == runs->room) {
		runs->room = runs->room ? 2 * runs->room : 64;
		runs->scenarios = must(reallocarray(runs->scenarios, runs->room, sizeof *runs->scenarios));
		runs->outcomes = must(
			reallocarray(runs->outcomes, runs->room * runs->instances, sizeof *runs->outcomes));
	}
	runs->scenarios[runs->count] = *scenario;
	return runs->count++;
}

static void *work(void *context)
{
	struct runs *runs = context;
	unsigned all = runs->count * runs->instances;

	for (unsigned i; (i = atomic_fetch_add(&runs->next, 1)) < all;) {
		char *error = NULL;
		if (scenario_run(&runs->scenarios[i / runs->instances], runs->seed + i % runs->instances,
			    &runs->outcomes[i], &error) == 0)
			continue;
		pthread_mutex_lock(&runs->lock);
		if (runs->error)
			free(error);
		else
			runs->error = error;
		pthread_mutex_unlock(&runs->lock);
	}
	return NULL;
}

int runs_go(struct runs *runs, char **error)
{
	pthread_t threads[THREADS];
	cpu_set_t mine;
	int processors = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1, started = 0;

	atomic_store(&runs->next, runs->done * runs->instances);
	while (started < processors - 1 && started < THREADS &&
		pthread_create(&threads[started], NULL, work, runs) == 0)
		started++;
	work(runs);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	runs->done = runs->count;
	return runs->error ? error_set(error, "%s", runs->error) : 0;
}

const struct scenario *runs_scenario(const struct runs *runs, unsigned number)
{
	return &runs->scenarios[number];
}

const struct scenario_outcome *runs_outcome(const struct runs *runs, unsigned number, unsigned instance)
{
	return &runs->outcomes[number * runs->instances + instance];
}

unsigned runs_instances(const struct runs *runs)
{
	return runs->instances;
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
