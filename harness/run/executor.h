/* Executor: what a trial runs in. The crew plans, paces, judges and writes down; an executor starts one trial and gives
 * its report. One seam, a struct of functions per kind: here a sandbox of this machine. */
#ifndef LIQUIDNET_EXECUTOR_H
#define LIQUIDNET_EXECUTOR_H

#include "harness/machine/sandbox.h"
#include "harness/trial/trial.h"

struct executor {
	const char *name;
	/* Starts a trial. Its report is one line, the record; *sandbox is what runs. `cgroup_fd`: cgroup2 folder to put
	 * it in, -1: none. `results`: the run's folder, which must be visible inside. */
	int (*start)(struct trial *trial, const char *results, int cgroup_fd, struct sandbox *sandbox,
		char **error);
	/* Kills what still runs, waits for its end. Returns its wait status. */
	int (*end)(struct sandbox *sandbox);
};

extern const struct executor executor_sandbox;

#endif
