/* Crew: the trials of a plan carried through, several sandboxes at once; each ends with a record in the
 * results. */
#ifndef LIQUIDNET_CREW_H
#define LIQUIDNET_CREW_H

#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include "harness/machine/host.h"
#include "harness/record/results.h"
#include "harness/run/executor.h"
#include "harness/run/progress.h"
#include "harness/run/service.h"
#include "harness/run/standing.h"
#include "harness/run/until.h"

struct crew_options {
	const struct executor *executor; /* what trials run in */
	const char *root;
	enum trial_clock clock;
	const char *backend;
	const struct proofs *proofs; /* of back ends, prove.h */
	unsigned jobs;               /* sandboxes at once, to JOBS_MAX; 0: as many as the machine carries */
	unsigned retries;            /* further attempts of a trial that failed or was invalid */
	unsigned number;             /* the highest that a trial of this run has had so far */
	struct services *services;   /* that must live through a trial; NULL: none */
	int stop_fd;                 /* readable: kill what runs, begin nothing more */
	struct standing *standing;   /* told of each end; NULL: nobody asks */
	struct until *until; /* a cell that it finds met gets no more trials; NULL: every planned one runs */
};

struct crew_tally {
	size_t good;   /* trials whose last attempt counts in a mean */
	size_t bad;    /* trials whose last attempt does not */
	size_t spared; /* open ones that the stopping rule made needless */
	bool stopped;
};

/* Runs every trial of the plan that is open. -1 and *error only when the results cannot be written: the trials that run then do not
 * count, and are no records. */
int crew_run(const struct experiment *experiment, const struct plan *plan, const struct crew_options *options,
	struct host *host, struct results *results, struct progress *progress, struct crew_tally *tally,
	char **error);

#endif
