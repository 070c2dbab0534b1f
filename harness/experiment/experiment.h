/* Experiment: one YAML file as checked data. Everything that a trial does is said here by name: nodes and
 * links of the topology, settings, daemons, workloads, measures, what the trial must show, what was published.
 * The harness knows no system: a new one is a new file, not a new case.
 *
 * Where configurations have other parameters of the topology, each has a variant: the same file read for that
 * network. Names of procedures, measures and captures are the same in all; what belongs to nodes and links is the
 * variant's. A trial runs in its configuration's variant; plans and reports go by the experiment itself.
 *
 * Texts marked "template" may hold ${...}, filled in when the trial runs (names.h). All strings belong to
 * `conf`, to `pool`, or to the topology. */
#ifndef LIQUIDNET_EXPERIMENT_H
#define LIQUIDNET_EXPERIMENT_H

#include "harness/experiment/check.h"
#include "harness/experiment/measure.h"
#include "harness/experiment/program.h"
#include "harness/experiment/topology.h"
#include "lib/base/conf.h"
#include "lib/base/pool.h"
#include "lib/link/shape.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBS_MAX 256 /* trials at once */

enum trial_clock {
	TRIAL_REAL,        /* this machine's kernel, and time as it passes */
	TRIAL_VIRTUAL,     /* a kernel per trial whose clock is virtual: computing takes no time */
	TRIAL_VIRTUAL_CPU, /* the same, where the processor's time counts */
};

struct link_change {   /* of a link, while the workload runs */
	int64_t at_ns; /* since the first main program of the workload was started */
	struct shape direction[2];
	bool passing; /* on a ramp's way, not at its end */
};

struct link_shape {
	struct shape direction[2];   /* [0] forward: from ends[0] to ends[1]; [1] reverse */
	bool shaped;                 /* false: the link is a bare veth pair */
	struct link_change *changes; /* in order of time */
	size_t changes_count;
};

/* A sysctl of a node (node -1: every node). A later entry wins over an earlier one. */
struct setting {
	int node;
	const char *key, *value;
	bool on_sockets; /* from `congestion`: what the sockets of the node have is looked at as well */
	const struct conf_node *at;
};

struct pair {
	const char *key, *value;
};

struct published { /* where the published value of a procedure stands; the row is the configuration's name */
	const char *file;           /* NULL: nothing published */
	const char *value, *sd, *n; /* columns; sd and n may be NULL */
};

struct procedure {
	const char *name, *title;
	const char **daemons; /* names or groups, in order of start */
	size_t daemons_count;
	const struct setup *setups; /* after the experiment's and the configuration's */
	size_t setups_count;
	const struct ask *asks;
	size_t asks_count;
	int workload;
	const struct pair *with; /* ${with.KEY}; values are templates */
	size_t with_count;
	const struct setting *settings;
	size_t settings_count;
	const struct check *checks;
	size_t checks_count;
	struct published published;
	const char *subflow_row; /* the `procedure` of its row in the experiment's subflow_bytes; its own name
				    by default */
	bool optional;           /* not in a run unless named */
	const struct conf_node *at;
};

struct factor_value { /* a number that formulas know by the factor's name */
	const char *name;
	double value;
};

struct design_factor { /* of a design: values from `from` to `to` of the unit, "" where it has none */
	const char *name, *unit;
	double from, to;
};

struct design_point {
	const char *name, *design; /* of its configuration; of the design that it is a point of */
	const double *values;      /* in the order of the factors */
};

struct configuration {
	const char *name, *title;
	unsigned trials;     /* of each of its cells; 0: as the experiment says */
	const char **levels; /* names of the factors' levels that it is made of, or of the design
					      that it is a point of; NULL-ended */
	const struct factor_value *values; /* of those levels that have a `value`, or of the design's factors;
					      name NULL ends them */
	const struct experiment *variant;  /* the experiment in its network */
	struct link_shape *links;          /* variant->topology->links_count entries */
	const struct conf_node **changes;  /* lists of `changes`, NULL-ended, or NULL */
	const struct setting *settings;    /* its own, besides the experiment's; nodes of the variant */
	size_t settings_count;
	const struct setup *setups; /* its own, after the experiment's; nodes of the variant */
	size_t setups_count;
	const struct conf_node *at;
};

struct comparison { /* overhead = 100 * (1 - mean(of) / sum of mean(against)) per cent; of what is better the less
		       there is: 100 * (mean(of) / sum of mean(against) - 1) */
	const char *name;
	int of;
	const int *against;
	size_t against_count;
};

struct procedure_pair { /* what two procedures had in the same block is compared */
	int of, against;
};

struct experiment {
	struct conf *conf, *base; /* base: of the experiment that this one is a variation of, or NULL */
	const struct conf_node *document; /* the file and its base, merged */
	const struct conf_node
		*root; /* the same for this network: ${topology.PARAMETER} and `each` filled in */
	struct pool *pool;
	const char *path, *base_path, *name, *title, *source; /* base_path: NULL without a base */
	const char *topology_file; /* the topology's, where it lies beside the experiment's; else NULL */
	struct topology *topology;
	json_t *parameters;             /* of the topology: {NAME: VALUE} */
	const struct experiment *frame; /* of a variant: whose it is; else NULL */
	struct experiment **variants;
	size_t variants_count;
	const char **
		files; /* beside the experiment's, by name: copied into results, ${file:NAME} in templates; NULL-ended */
	const struct setting *settings; /* of every configuration */
	size_t settings_count;
	const struct setup *setups; /* of every procedure */
	size_t setups_count;
	const char *backend; /* "auto" or a back end's name */
	enum trial_clock clock;
	double cpu;  /* VIRTUAL_CPU: the processor's time counts so many times */
	bool blocks; /* trials run block by block, each with every cell once; else shuffled as a whole */
	unsigned trials, retries;
	unsigned jobs; /* trials at once; 0: as many as the machine carries (pace.h) */
	uint64_t seed;
	int64_t trial_limit_ns; /* the longest that a trial may take */
	const char **requires;  /* capabilities besides those of its programs; NULL-ended */
	const struct pair
		*host_settings; /* sysctls of the host, journalled and put back; "+word" adds a word */
	size_t host_settings_count;
	struct program *services; /* held for the whole run */
	size_t services_count;
	struct configuration *configurations;
	size_t configurations_count;
	const struct design_factor *design_factors;
	size_t design_factors_count;
	const double *design_marks; /* values of the primary measure below which the points are counted */
	size_t design_marks_count;
	const char **designs;        /* their files, beside the experiment's; NULL-ended, or NULL */
	struct design_point *points; /* each is a configuration: the first ones, in this order */
	size_t points_count;
	struct draft *drafts; /* of configurations, while the file is read */
	struct procedure *procedures;
	size_t procedures_count;
	struct program *daemons;
	size_t daemons_count;
	struct preparation *preparations;
	size_t preparations_count;
	struct workload *workloads;
	size_t workloads_count;
	struct capture_point *captures;
	size_t captures_count;
	struct measure *measures; /* [primary] is the table's */
	size_t measures_count;
	size_t primary;
	int agree[2]; /* two measures that must agree, or -1 */
	double agree_within;
	struct comparison *comparisons;
	size_t comparisons_count;
	struct procedure_pair *pairs;
	size_t pairs_count;
	struct published
		subflow_bytes; /* .file; .value: columns "a,b" in the order of the promised subflows */
};

struct capture_point {
	const char *name; /* "server/link3" */
	int node, link;
	uint32_t snap; /* bytes */
};

/* Reads and checks an experiment file against its topology. Nothing of the machine is touched but the
 * topology's description. NULL with *error ("FILE:LINE: ...") on the first fault. `root`: the project's
 * folder. */
struct experiment *experiment_load(const char *root, const char *path, char **error);
/* "real", "virtual" or "virtual-cpu"; -1: neither. */
int experiment_clock(const char *name, enum trial_clock *clock);
const char *experiment_clock_name(enum trial_clock clock);
/* Whether `backend` may say so: "auto", or what shapes links (shape.h). */
bool experiment_backend_known(const char *name);
/* The value of a name in a configuration's formulas: a factor's, or topology.PARAMETER; NAN: there is none. */
double experiment_number(const struct configuration *configuration, const char *name);
/* The network of a configuration. */
const struct topology *experiment_topology(
	const struct experiment *experiment, const struct configuration *configuration);
/* Where the subflows come from that a procedure promises; NULL with *count 0: it promises none. */
const struct subflow_place *experiment_subflows(const struct procedure *procedure, size_t *count);
/* Whether every text that a trial of the procedure fills in can be, with the topology as it is by now. -1 and *error. */
int experiment_check_names(
	const struct experiment *experiment, const struct procedure *procedure, char **error);
/* The path of a file beside the experiment's. On its pool. */
const char *experiment_beside(const struct experiment *experiment, const char *name);
void experiment_free(struct experiment *experiment);

#endif
