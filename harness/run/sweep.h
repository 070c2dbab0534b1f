/* Sweep: an experiment in slices, which are runs of their own (`liquidnet run --slice K/N`), one after the other on this
 * machine or as an array of jobs on a cluster that Slurm runs. Its folder holds sweep.json (what is run, and how), a folder
 * slice-K per slice with the slice's results, and what collect.h makes of them. The plan is a pure function of the
 * experiment, the selection and the seed: nobody hands out trials. */
#ifndef LIQUIDNET_SWEEP_H
#define LIQUIDNET_SWEEP_H

#include "harness/experiment/plan.h"
#include "harness/run/run.h"
#include <jansson.h>
#include <stdio.h>

#define SWEEP_PATH 12288        /* of a path below a sweep's folder */
#define SWEEP_SLICES_MAX 100000 /* and as many repetitions of a cell; as the command line has it */

enum sweep_engine { SWEEP_LOCAL, SWEEP_SLURM };

struct sweep_options {
	struct run_options run; /* experiment and selection, seed, back end, clock, jobs */
	const char *folder;
	unsigned slices;
	enum sweep_engine engine;
	const char *partition, *time, *cpus; /* Slurm's; NULL: its defaults */
	unsigned at_once;                    /* jobs; 0: as many as there is room for */
};

struct sweep {
	char folder[4096]; /* absolute */
	json_t *file;      /* sweep.json */
	struct experiment *experiment;
	struct selection selection; /* strings are the file's */
	unsigned slices;
	enum sweep_engine engine;
};

struct sweep_slice {
	char results[4200];   /* the slice's results folder; "": it has not begun */
	size_t planned, good; /* trials: in the plan; that count */
};

/* Checks the experiment and its plan and writes the sweep's folder, which must not hold another sweep. -1 with *error. */
int sweep_create(struct sweep *sweep, const struct sweep_options *options, char **error);
/* Reads a sweep's folder. -1 with *error: it holds none, or the experiment has another plan now. sweep_close is due
 * either way. */
int sweep_open(struct sweep *sweep, const char *folder, char **error);
void sweep_close(struct sweep *sweep);
/* Reads selection, slices and engine out of sweep->file, which may be anybody's: -1 with *error. Part of sweep_open. */
int sweep_read(struct sweep *sweep, char **error);

/* How far a slice is. -1 with *error: its records cannot be read. */
int sweep_look(const struct sweep *sweep, unsigned slice, struct sweep_slice *found, char **error);
/* Runs the slices that are not done. Local: to their end, unless interrupted. Slurm: submits them, after a job that
 * looks whether the nodes can. Returns an exit status, with *error where there is something to say. */
int sweep_start(struct sweep *sweep, char **error);
/* What a job of the cluster does: becomes `liquidnet run` of the slice, which goes on where an earlier one ended. Returns
 * only with -1 and *error. */
int sweep_run_slice(const struct sweep *sweep, unsigned slice, char **error);
/* What the first job does: writes probe.json into the folder: version, user, host. */
int sweep_probe(const char *folder, char **error);
/* A line per slice, and the sum. */
int sweep_print(const struct sweep *sweep, FILE *out, char **error);

/* The SHA-256 of a plan's trials, in hexadecimal. */
void sweep_plan_hash(const struct experiment *experiment, const struct plan *plan, char text[65]);
/* {only, procedures, trials, seed, backend, clock}: what the slices' runs have in common. */
json_t *sweep_common(const json_t *run);

#endif
