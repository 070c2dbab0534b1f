/* Topology: the nodes and links of a network by name, as topologies/driver.py describes it. */
#ifndef LIQUIDNET_TOPOLOGY_H
#define LIQUIDNET_TOPOLOGY_H

#include <jansson.h>
#include <stddef.h>

struct topology_end {
	int node;
	/* Addresses without prefix length; "" where there is none. */
	const char *interface, *address, *address6;
};

struct topology {
	json_t *description; /* owns the strings */
	const char *name;
	char *parameters; /* as JSON */
	size_t nodes_count, links_count;
	const char **nodes;
	struct topology_link {
		const char *name;
		struct topology_end ends[2];
	} * links;
};

/* Asks `driver.py --describe NAME` with parameters ({NAME: VALUE}). `file`: where the topology is, when it is not one
 * of the project's; may be NULL. NULL with *error. */
struct topology *topology_describe(
	const char *root, const char *file, const char *name, const json_t *parameters, char **error);
/* From a description (reference taken over), as the driver prints it. */
struct topology *topology_from_json(json_t *description, char **error);
void topology_free(struct topology *topology);
/* Index by name, or -1. */
int topology_node(const struct topology *topology, const char *name);
int topology_link(const struct topology *topology, const char *name);
/* An address of a node that is on none of its links, by its name; "": there is none. */
const char *topology_address(const struct topology *topology, int node, const char *name);
/* The end of a link at a node, or NULL. */
const struct topology_end *topology_end(const struct topology *topology, int node, int link);

#endif
