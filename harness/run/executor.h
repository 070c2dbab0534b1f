/* Executor: what a trial runs in. The crew plans, paces, judges and writes down; an executor starts one trial and gives
 * its report. One seam, a struct of functions per kind: a sandbox of this machine, a kernel of its own whose clock is
 * virtual, or hosts elsewhere. */
#ifndef LIQUIDNET_EXECUTOR_H
#define LIQUIDNET_EXECUTOR_H

#include "harness/hosts/hosts.h"
#include "harness/lab/needs.h"
#include "harness/machine/sandbox.h"
#include "harness/trial/trial.h"

struct execution {              /* one trial that runs */
	struct sandbox sandbox; /* its first process, as seen here, and its report: one line, the record */
	char side[4096];        /* a file of the executor's about it; "": none */
};

struct executor {
	const char *name;
	/* Trials run in this machine's kernel: its settings, services and proofs of links are theirs, its processors are
	 * shared, and time passes for all. Else each has a kernel of its own, one processor long. */
	bool here;
	/* What trials will find (provenance.h), the caller's. `needs` (may be NULL) must be there, and the host settings
	 * of the experiment must exist. NULL with *error: one is not. */
	json_t *(*environment)(const struct experiment *experiment, const struct needs *needs, char **error);
	/* How many can run at once; 0: the pace says it. */
	unsigned (*jobs)(void);
	/* Wall time after which a trial is ended. */
	int64_t (*limit_ns)(const struct experiment *experiment);
	/* Starts a trial. `results`: the run's folder, which must be visible inside.
	 * `cgroup_fd`: cgroup2 folder to put it in, -1: none. */
	int (*start)(struct trial *trial, const char *results, int cgroup_fd, struct execution *execution,
		char **error);
	/* Kills what still runs, waits for its end. Adds what it knows of the execution to the record; where there is none
	 * (NULL), says in `why` how it ended. */
	void (*end)(struct execution *execution, json_t *record, char why[256]);
};

extern const struct executor executor_sandbox, executor_virtual;

/* Of trials under that clock. */
const struct executor *executor_of(enum trial_clock clock);
/* Of trials on hosts that were opened; both must outlive it. */
const struct executor *executor_of_hosts(struct hosts *hosts, const struct inventory *inventory);

#endif
