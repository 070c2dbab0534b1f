/* Experiment: one YAML file as checked data. Everything that a trial does is said here by name: nodes and
 * links of the topology, settings, daemons, workloads, measures, what the wire must show, what was published.
 * The harness knows no system: a new one is a new file, not a new case.
 *
 * Texts marked "template" may hold ${...}, filled in when the trial runs (template.h). All strings belong to
 * `conf`. */
#ifndef LIQUIDNET_EXPERIMENT_H
#define LIQUIDNET_EXPERIMENT_H

#include "harness/experiment/topology.h"
#include "lib/base/conf.h"
#include "lib/base/pool.h"
#include "lib/link/shape.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBS_MAX 256 /* trials at once */

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

enum ready_kind { READY_NONE, READY_DESCRIPTOR, READY_LISTEN, READY_OUTPUT };

/* A program in a node: a daemon, or a process of a workload; or, outside every trial, a service of the host
 * (service.h). */
struct program {
	const char *name;
	int node;           /* -1: a service */
	const char **argv;  /* templates, NULL-ended */
	const char *config; /* template of a configuration file (${config} is its path), or NULL */
	enum ready_kind ready;
	int ready_port;         /* READY_LISTEN: a TCP port that listens in the node */
	const char *ready_text; /* READY_OUTPUT: a line of its output that contains this */
	int64_t within_ns;      /* to become ready, or (a workload's main program) to end */
	bool main;              /* the workload lasts until it ends, with exit status 0 */
	bool ends;              /* ends by itself after the main program: its output is whole only then */
	const char **needs;     /* preparations, NULL-ended */
	const struct conf_node *at;
};

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

struct capture_point {
	const char *name; /* "server/link3" */
	int node, link;
	uint32_t snap; /* bytes */
};

enum measure_kind { MEASURE_VALUE, MEASURE_SERIES, MEASURE_CAPTURE, MEASURE_LINK, MEASURE_SUM };

/* A number taken from what a program printed as JSON, from a capture, from what a link counted, or from other
 * measures. */
struct measure {
	const char *name, *unit;
	enum measure_kind kind;
	const char *program; /* VALUE, SERIES: of the workload */
	int capture; /* CAPTURE: bytes delivered in order at the data level, data connection, busier direction
		      */
	const char *path; /* VALUE: dotted path; SERIES: path of the array; LINK: in the record's `links` */
	const char *from, *to, *amount; /* SERIES: dotted paths in an item */
	double window[2];      /* SERIES, CAPTURE: items that start at or after [0] and end at or before [1],
				  seconds */
	const int *sum, *over; /* SUM: indices of earlier measures; their sum, divided by the sum of `over` */
	size_t sum_count, over_count; /* over_count 0: not divided */
	double scale;                 /* times the value, or times amount per second */
};

enum expect_protocol { EXPECT_ANY, EXPECT_TCP, EXPECT_MPTCP };

/* What the wire must show; a trial that shows something else failed. */
struct expect {
	enum expect_protocol protocol;
	int capture; /* index, -1: none */
	const int
		*subflows; /* nodes whose addresses the data connection's subflows come from, as seen there */
	size_t subflows_count;
	int tunnel_capture; /* -1: no tunnel is promised */
	int tunnel_port;    /* UDP */
	const char *tunnel_pattern;
	bool tunnel_readable;
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
	const char **daemons; /* names, in order of start */
	size_t daemons_count;
	const struct ask *asks;
	size_t asks_count;
	int workload;
	const struct pair *with; /* ${with.KEY}; values are templates */
	size_t with_count;
	const struct setting *settings;
	size_t settings_count;
	struct expect expect;
	struct published published;
	const char *subflow_row; /* the `procedure` of its row in the experiment's subflow_bytes; its own name
				    by default */
	bool optional;           /* not in a run unless named */
	const struct conf_node *at;
};

struct configuration {
	const char *name, *title;
	unsigned trials;                  /* of each of its cells; 0: as the experiment says */
	const char **levels;              /* names of the factors' levels that it is made of; NULL-ended */
	struct link_shape *links;         /* topology->links_count entries */
	const struct conf_node **changes; /* lists of `changes`, NULL-ended, or NULL */
	const struct setting *settings;   /* its own, besides the experiment's */
	size_t settings_count;
	const struct conf_node *at;
};

struct comparison { /* overhead = 100 * (1 - mean(of) / sum of mean(against)) per cent */
	const char *name;
	int of;
	const int *against;
	size_t against_count;
};

struct experiment {
	struct conf *conf, *base; /* base: of the experiment that this one is a variation of, or NULL */
	const struct conf_node *root;
	struct pool *pool;
	const char *path, *base_path, *name, *title, *source; /* base_path: NULL without a base */
	struct topology *topology;
	const struct setting *settings; /* of every configuration */
	size_t settings_count;
	const char *backend; /* "auto" or a back end's name */
	unsigned trials, retries;
	unsigned jobs; /* trials at once; 0: as many as the machine carries (pace.h) */
	uint64_t seed;
	int64_t trial_limit_ns; /* the longest that a trial may take */
	const struct pair
		*host_settings; /* sysctls of the host, journalled and put back; "+word" adds a word */
	size_t host_settings_count;
	struct program *services; /* held for the whole run */
	size_t services_count;
	struct configuration *configurations;
	size_t configurations_count;
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
	struct published subflow_bytes; /* .file; .value: columns "a,b" in the order of expect.subflows */
};

/* Reads and checks an experiment file against its topology. Nothing of the machine is touched but the
 * topology's description. NULL with *error ("FILE:LINE: ...") on the first fault. `root`: the project's
 * folder. */
struct experiment *experiment_load(const char *root, const char *path, char **error);
/* Whether `backend` may say so: "auto", or what shapes links (shape.h). */
bool experiment_backend_known(const char *name);
void experiment_free(struct experiment *experiment);

#endif
