/* Reading an experiment file: what experiment*.c share. Every function returns 0, or -1 with *error set. */
#ifndef LIQUIDNET_EXPERIMENT_READER_H
#define LIQUIDNET_EXPERIMENT_READER_H

#include "harness/experiment/experiment.h"

/* experiment_base.c: loads the file and, where it names one, its base; sets conf, base, base_path and root.
 */
int load_with_base(struct experiment *e, char **error);

/* experiment_network.c: what surrounds the programs. */
/* Whether it is the name of a sysctl of the network, with dots. */
bool sysctl_named(const char *key);
/* The `settings` of a mapping (the file, a configuration, a procedure), and its `congestion` after them. */
int read_settings(struct experiment *e, const struct conf_node *map, const struct setting **out,
	size_t *count, char **error);
/* links: {all: SHAPE, LINK: SHAPE} on top of what `links` already says. */
int read_links(struct experiment *e, const struct conf_node *map, struct link_shape *links, char **error);
/* The link of that name; -1 and *error with the names that there are. */
int link_named(struct experiment *e, const struct conf_node *at, const char *name, char **error);
/* SHAPE of one link on top of what `link` already says. */
int read_link(const struct conf_node *map, struct link_shape *link, char **error);
int read_captures(struct experiment *e, const struct conf_node *map, char **error);
int capture_named(const struct experiment *e, const struct conf_node *map, const char *key, bool required,
	int *index, char **error);

/* experiment_configurations.c: `configurations` and `factors`. */
int read_configurations(struct experiment *e, const struct conf_node *root, char **error);

/* experiment_changes.c: makes each link's changes of the lists of `changes`, the experiment's and the
 * configuration's. */
int read_changes(struct experiment *e, struct configuration *configuration, char **error);

/* experiment_programs.c: services, preparations, daemons, workloads. */
int read_services(struct experiment *e, const struct conf_node *map, char **error);
int read_preparations(struct experiment *e, const struct conf_node *map, char **error);
int read_daemons(struct experiment *e, const struct conf_node *map, char **error);
int read_workloads(struct experiment *e, const struct conf_node *map, char **error);

/* experiment_procedures.c: procedures, and what is made of their results. */
int read_measures(struct experiment *e, const struct conf_node *root, char **error);
int read_procedures(struct experiment *e, const struct conf_node *map, char **error);
int read_default_procedures(struct experiment *e, const struct conf_node *list, char **error);
int read_comparisons(struct experiment *e, const struct conf_node *list, char **error);

/* experiment_check.c: every template can be filled in, for every procedure. */
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
/* "known names are a, b, c" for messages, on the pool. */
const char *known_names(
	struct experiment *e, const char *(*name)(const struct experiment *e, size_t i), size_t count);

#endif
