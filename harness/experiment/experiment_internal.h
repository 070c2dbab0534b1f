/* Reading an experiment file: what the files of this room share. Every function returns 0, or -1 with *error set. */
#ifndef LIQUIDNET_EXPERIMENT_INTERNAL_H
#define LIQUIDNET_EXPERIMENT_INTERNAL_H

#include "harness/experiment/experiment.h"

/* experiment_base.c: loads the file and, where it names one, its base; sets conf, base, base_path and document.
 */
int load_with_base(struct experiment *e, char **error);
/* A copy of one node, not of its children; and a child put at the end. */
struct conf_node *tree_copy(struct pool *pool, const struct conf_node *node);
void tree_append(struct conf_node *parent, struct conf_node ***tail, struct conf_node *child);

/* experiment_expand.c: sets root from document: ${topology.PARAMETER} becomes its value, and what has `each` is
 * there once for every item, with ${each} and ${index} filled in. */
int expand_document(struct experiment *e, char **error);
/* The name that a replicated block had before `each`; its own, where there was none. `at`: its mapping. */
const char *expanded_group(const struct conf_node *at, const char *name);

/* experiment_design.c: puts the points of `design` into root as {design: {points: {NAME: CONFIGURATION}}}; sets
 * design_factors, designs and points. */
int expand_design(struct experiment *e, char **error);

/* experiment_network.c: what surrounds the programs. */
/* `topology`: NAME, or {name: NAME, PARAMETER: VALUE, ...}; `parameters`: others, on top; may be NULL. Sets topology,
 * topology_file and parameters. */
int read_topology(struct experiment *e, const char *project, json_t *parameters, char **error);
/* {PARAMETER: VALUE} of a mapping, but for `name`, on top of `into`. */
int read_parameters(const struct conf_node *map, json_t *into, char **error);
/* Whether it is the name of a sysctl of the network, with dots. */
bool sysctl_named(const char *key);
/* The `settings` of a mapping (the file, a configuration, a procedure), and its `congestion` after them. */
int read_settings(struct experiment *e, const struct conf_node *map, const struct setting **out,
	size_t *count, char **error);
/* links: {all: SHAPE, LINK: SHAPE} on top of what `links` already says; LINK may be a shell pattern. */
int read_links(struct experiment *e, const struct conf_node *map, struct link_shape *links, char **error);
/* The link of that name; -1 and *error with the names that there are. */
int link_named(struct experiment *e, const struct conf_node *at, const char *name, char **error);
/* SHAPE of one link on top of what `link` already says. */
int read_link(const struct conf_node *map, struct link_shape *link, char **error);
int read_captures(struct experiment *e, const struct conf_node *map, char **error);
int capture_named(const struct experiment *e, const struct conf_node *map, const char *key, bool required,
	int *index, char **error);
/* NODE or NODE/LINK; *link is -1 for NODE. */
int read_place(
	const struct experiment *e, const struct conf_node *at, struct subflow_place *place, char **error);

/* experiment_configurations.c: names, levels and parameters of `configurations` and `factors`; then, once all is
 * read, each one's variant, and what it says of its network. */
int read_configurations(struct experiment *e, const struct conf_node *root, char **error);
int lay_out_configurations(struct experiment *e, const char *project, char **error);
/* They are needed no longer, whether the file was read or not. */
void forget_drafts(struct experiment *e);
/* experiment_load.c: the same file for other parameters, which it takes over. */
struct experiment *load_variant(
	struct experiment *frame, const char *project, json_t *parameters, char **error);

/* experiment_changes.c: makes each link's changes of the lists of `changes`, the experiment's and the
 * configuration's. */
int read_changes(struct experiment *e, struct configuration *configuration, char **error);

/* experiment_programs.c: services, preparations, setups, daemons, workloads. */
int read_services(struct experiment *e, const struct conf_node *map, char **error);
int read_preparations(struct experiment *e, const struct conf_node *map, char **error);
int read_setups(struct experiment *e, const struct conf_node *list, const struct setup **setups,
	size_t *count, char **error);
int read_daemons(struct experiment *e, const struct conf_node *map, char **error);
int read_workloads(struct experiment *e, const struct conf_node *map, char **error);
/* run, within and needs of a program that is a check; `node` is left alone. */
int read_check_program(struct experiment *e, const struct conf_node *map, struct program *p, char **error);

/* measures.c */
int read_measures(struct experiment *e, const struct conf_node *root, char **error);
int measure_named(const struct experiment *e, const struct conf_node *at, int *index, char **error);
/* flows: {port: PORT, protocol: tcp|udp} */
int read_flows(const struct conf_node *map, struct flow_selection *flows, char **error);
/* Every measure finds its programs in the workload. */
int check_measured(const struct experiment *e, const struct workload *workload, const struct conf_node *at,
	char **error);

/* checks.c: a procedure's `expect`. */
int read_checks(struct experiment *e, const struct conf_node *map, struct procedure *p, char **error);

/* experiment_procedures.c: procedures, and what is made of their results. */
int read_procedures(struct experiment *e, const struct conf_node *map, char **error);
int read_default_procedures(struct experiment *e, const struct conf_node *list, char **error);
int read_procedure_pairs(struct experiment *e, const struct conf_node *list, char **error);
int read_comparisons(struct experiment *e, const struct conf_node *list, char **error);

/* experiment_check.c: every template can be filled in, for every procedure. */
int check_names(const struct experiment *e, char **error);
/* What a configuration says itself: its commands that set nodes up. */
int check_configuration(const struct configuration *c, char **error);
int check_templates(const struct experiment *e, char **error);

/* Helpers. */
/* A node's name under `key`, which must be there, as an index. */
int read_node(
	const struct experiment *e, const struct conf_node *map, const char *key, int *node, char **error);
/* A sequence of scalars as a NULL-ended array on the pool. `list` NULL: an empty array. */
int read_strings(
	struct experiment *e, const struct conf_node *list, const char ***out, size_t *count, char **error);
/* {KEY: VALUE} of scalars as an array on the pool. `map` NULL: none. */
int read_pairs(struct experiment *e, const struct conf_node *map, const struct pair **out, size_t *count,
	char **error);
/* "a, b": the nodes of its topology, for messages; on the pool. */
const char *known_nodes(const struct experiment *e);
/* "a, b, c" of what an experiment has, for messages; on the pool. */
const char *known_names(
	struct experiment *e, const char *(*name)(const struct experiment *e, size_t i), size_t count);

#endif
