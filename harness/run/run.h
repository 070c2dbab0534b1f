/* Run: an experiment from file to tables. Everything that can be refused is refused before anything starts.
 */
#ifndef LIQUIDNET_RUN_H
#define LIQUIDNET_RUN_H

#include "harness/experiment/plan.h"
#include "harness/record/records.h"
#include "harness/run/until.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define RUN_JOBS_AUTO (-1)

struct run_options {
	const char *experiment; /* name or path */
	const char *results;    /* folder for results/EXPERIMENT/TIME */
	const char *backend;    /* NULL: the experiment's */
	const char *clock;      /* NULL: the experiment's */
	const char *hosts;      /* an inventory of hosts to run on; NULL: here */
	struct selection selection;
	int64_t jobs, seed; /* 0 and -1: the experiment's */
	double until;       /* --until ci=SHARE; 0: no stopping rule */
	bool dry, resume;
	const char *folder; /* resume: of the interrupted run; NULL: the experiment's latest */
	int argc;           /* the command line, for the provenance */
	char **argv;
	char made[4096]; /* out: the folder that the run wrote; "": none */
};

/* Reads "auto" or a number of trials at once. -1: neither. */
int run_jobs(const char *text, int64_t *jobs);
/* The clock that options and experiment give together. */
enum trial_clock run_clock(const struct run_options *options, const struct experiment *experiment);
/* Returns the exit status of `liquidnet run`, and *error where there is something to say. */
int run_experiment(struct run_options *options, char **error);

/* resume.c: an interrupted run may go on only as what it was. Checks the folder's copies of the experiment,
 * the kernel, tools, processor and version that it ran with, and the options given against those that it was
 * started with; fills in the options that are not given. Strings come to live in *provenance (owned by the
 * caller). -1 and *error: it must not go on, or there is nothing to go on with. */
int resume_check(
	const struct experiment *experiment, struct run_options *options, json_t **provenance, char **error);
/* Fills options from a run's provenance.json ("run"): selection, seed, back end, stopping rule, trials at
 * once. Strings stay the provenance's. -1 and *error: the file says nothing of that. */
int resume_options(struct run_options *options, const json_t *provenance, const char *folder, char **error);

/* Marks what the records of an interrupted run of the same plan already hold; a trial that was running when
 * it ended has no record and stays open. What failed or was invalid is open again: going on is asking for another attempt. */
void resume_plan(struct plan *plan, const struct records *records);

#endif
