/* An instance shares nothing with another. */
#include "nodes/grin/sim/runs.h"

#include "lib/base/error.h"
#include "lib/sim/threads.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct runs {
	uint64_t seed;
	unsigned instances, count, room, done;
	struct scenario *scenarios;
	struct scenario_outcome *outcomes; /* scenarios x instances */
	pthread_mutex_t lock;              /* of the first error */
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

static void run_one(void *context, unsigned number)
{
	struct runs *runs = context;
	char *error = NULL;

	if (scenario_run(&runs->scenarios[number / runs->instances], runs->seed + number % runs->instances,
		    &runs->outcomes[number], &error) == 0)
		return;
	pthread_mutex_lock(&runs->lock);
	if (runs->error)
		free(error);
	else
		runs->error = error;
	pthread_mutex_unlock(&runs->lock);
}

int runs_go(struct runs *runs, char **error)
{
	threads_each(runs->done * runs->instances, runs->count * runs->instances, run_one, runs);
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
