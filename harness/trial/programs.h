/* Programs: daemons and workloads of a trial, started in their nodes in order, each awaited until it is
 * ready. A program's output goes to files of the trial's folder: NAME.out, NAME.log, NAME.yaml (its
 * configuration). */
#ifndef LIQUIDNET_PROGRAMS_H
#define LIQUIDNET_PROGRAMS_H

#include "harness/experiment/names.h"
#include "harness/place/network.h"

struct running {
	const struct program *program;
	struct process process;
	char control[128]; /* path of its control socket; "" for a workload's program */
	char output[4096]; /* path of its standard output */
};

struct stage_options {
	const struct experiment *experiment; /* in the configuration's network */
	const struct configuration *configuration;
	const struct procedure *procedure;
	struct network *network; /* its driver is watched */
	const char *folder;      /* the trial's: outputs and logs */
	const char *scratch;     /* a private folder that exists */
	const char *files;       /* where the experiment's files are */
	const char *seed;
	int64_t deadline_ns; /* of the whole trial */
};

struct stage { /* what runs in one trial */
	const struct experiment *experiment;
	const struct configuration *configuration;
	const struct procedure *procedure;
	struct network *network;
	struct names names;  /* answers included */
	const char *folder;  /* the trial's folder */
	int64_t deadline_ns; /* of the whole trial */
	struct running *running;
	size_t count;
	bool *prepared; /* by preparation */
	/* Called once, when the workload's first main program has been started and before it is awaited; may
	 * be NULL. -1 and *error end the trial. */
	bool has_begun;
	int (*begun)(void *context, char **error);
	void *context;
};

/* Makes an empty stage. Everything allocated hangs on `pool`. */
void stage_init(struct stage *stage, struct pool *pool, const struct stage_options *options);
/* Runs the commands that set nodes up, the experiment's, the configuration's and the procedure's, one after the other. */
int stage_setup(struct stage *stage, char **error);
/* Starts the procedure's daemons and asks its questions. */
int stage_daemons(struct stage *stage, char **error);
int stage_asks(struct stage *stage, char **error);
/* Runs the workload to the end of its main programs and of those that end after them. -1 and *error as soon as any
 * program ends before its time: a daemon, the network's driver, a main program with another status than 0, one that
 * neither is main nor `ends` while main ones run. */
int stage_workload(struct stage *stage, char **error);
/* Runs a program to its end, in its node or (-1) beside all nodes; *output, the caller's, is what it printed. */
int stage_run(struct stage *stage, const struct program *program, char **output, char **error);
/* True when every daemon and the network's driver still run; else *error names the one that ended, and how. */
bool stage_alive(struct stage *stage, char **error);
/* Ends everything that still runs, the last started first. */
void stage_stop(struct stage *stage);
/* The standard output of the workload's program of this name, or NULL. */
const char *stage_output(const struct stage *stage, const char *program);

#endif
