/* Programs, as an experiment names them: daemons and workloads of nodes, services of the host, and what is prepared
 * for them. Texts marked "template" may hold ${...}, filled in when the trial runs (names.h). */
#ifndef LIQUIDNET_EXPERIMENT_PROGRAM_H
#define LIQUIDNET_EXPERIMENT_PROGRAM_H

#include "lib/base/conf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ready_kind { READY_NONE, READY_DESCRIPTOR, READY_LISTEN, READY_OUTPUT };

/* A program in a node: a daemon, or a process of a workload; or, outside every trial, a service of the host. */
struct program {
	const char *name;
	const char *group;  /* its name before `each` made replicas of it; its name, where it has none */
	int node;           /* -1: a service */
	const char **argv;  /* templates, NULL-ended */
	const char *config; /* template of a configuration file (${config} is its path), or NULL */
	enum ready_kind ready;
	int ready_port;         /* READY_LISTEN: a TCP port that listens in the node */
	const char *ready_text; /* READY_OUTPUT: a line of its output that contains this */
	int64_t within_ns;      /* to become ready, or (a workload's main program) to end */
	bool main;              /* the workload lasts until all of these have ended, with exit status 0 */
	bool workers;           /* of a daemon: its child processes of the same name may end */
	bool ends;              /* ends by itself after the main programs: its output is whole only then */
	const char **needs;     /* preparations, NULL-ended */
	const struct conf_node *at;
};

/* A command that is run once in a node before the daemons start, and must end with 0: `ip rule`, `ip mptcp`. */
struct setup {
	int node;
	const char **argv; /* templates, NULL-ended */
	const struct conf_node *at;
};

/* Whether a program has this name, or is of the group of this name. */
bool program_called(const struct program *program, const char *name);

struct preparation { /* commands run in the trial's scratch folder, once a trial that needs them */
	const char *name;
	const char ***commands; /* argv templates; NULL-ended */
};

struct ask { /* a question to a daemon's control socket before the workload; the answer is ${AS.field} */
	const char *daemon, *command /* template */, *as;
	int64_t within_ns;
};

struct workload {
	const char *name;
	struct program *programs; /* started in this order */
	size_t programs_count;
};

#endif
