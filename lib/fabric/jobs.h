/* Runs scenarios in parallel, each in a process of its own. The result of a run depends only on its scenario and its seed. */
#ifndef LIQUIDNET_FABRIC_JOBS_H
#define LIQUIDNET_FABRIC_JOBS_H

#include "lib/fabric/measure.h"

struct job {
	const struct scenario *scenario;
	uint64_t seed;
	uint32_t sample_room; /* 0: only the outcome is wanted */
	/* Filled in: */
	struct outcome outcome;
	double *samples; /* ascending, until fabric_jobs_free */
	double seconds;  /* of processor time */
	uint64_t memory; /* most that the process had, bytes */
};

struct jobs {
	struct job *list; /* in memory that the processes share */
	uint32_t count;
	size_t bytes;
};

/* Room for `count` jobs of at most `samples` samples together. */
void fabric_jobs_init(struct jobs *jobs, uint32_t count, uint64_t samples);
/* Adds one. */
void fabric_jobs_add(struct jobs *jobs, const struct scenario *scenario, uint64_t seed, uint32_t sample_room);
/* Runs all, at most `workers` at a time. -1 with *error, which names the scenario. */
int fabric_jobs_run(struct jobs *jobs, uint32_t workers, char **error);
void fabric_jobs_free(struct jobs *jobs);
/* Processors that we may use. */
uint32_t fabric_jobs_workers(void);

#endif
