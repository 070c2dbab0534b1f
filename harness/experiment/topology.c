/* Topology: the driver's JSON as indexed arrays. */
#include "harness/experiment/topology.h"

#include "lib/base/conf.h"
#include "lib/base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int topology_node(const struct topology *topology, const char *name)
{
	for (size_t i = 0; i < topology->nodes_count; i++)
		if (strcmp(topology->nodes[i], name) == 0)
			return (int)i;
	return -1;
}

int topology_link(const struct topology *topology, const char *name)
{
	for (size_t i = 0; i < topology->links_count; i++)
		if (strcmp(topology->links[i].name, name) == 0)
			return (int)i;
	return -1;
}

const struct topology_end *topology_end(const struct topology *topology, int node, int link)
{
	for (int i = 0; i < 2; i++)
		if (topology->links[link].ends[i].node == node)
			return &topology->links[link].ends[i];
	return NULL;
}

void topology_free(struct topology *topology)
{
	if (!topology)
		return;
	json_decref(topology->description);
	free(topology->parameters);
	free(topology->nodes);
	free(topology->links);
	free(topology);
}

/* An address without its prefix length, put into the description under `plain` so that it owns the text. */
static const char *address_of(json_t *interface, const char *key, const char *plain)
{
	const char *prefixed = json_string_value(json_object_get(interface, key));
	char address[64] = "";
	if (prefixed)
		snprintf(address, sizeof address, "%.*s", (int)strcspn(prefixed, "/"), prefixed);
	json_object_set_new(interface, plain, json_string(address));
	return json_string_value(json_object_get(interface, plain));
}

const char *topology_address(const struct topology *topology, int node, const char *name)
{
	json_t *nodes = json_object_get(topology->description, "nodes");
	json_t *addresses = json_object_get(json_object_get(nodes, topology->nodes[node]), "addresses");
	const char *address = json_string_value(json_object_get(addresses, name));
	return address ? address : "";
}

/* They become names of files and words of commands; the Python that gives them is a stranger's, maybe. */
static int check_name(const char *what, const char *name, char **error)
{
	return name_good(name)
		       ? 0
		       : error_set(error,
				 "topology: `%.80s` cannot be the name of a %s; use 1 to 64 letters, digits, - _ and .",
				 name, what);
}

static int read_end(
	struct topology *topology, json_t *nodes, json_t *end, struct topology_end *out, char **error)
{
	const char *node = json_string_value(json_object_get(end, "node"));
	const char *interface = json_string_value(json_object_get(end, "interface"));
	if (!node || !interface)
		return error_set(error, "topology: a link's end has no node or interface");
	if (check_name("interface", interface, error) < 0)
		return -1;
	out->node = topology_node(topology, node);
	out->interface = interface;
	json_t *of_node =
		json_object_get(json_object_get(json_object_get(nodes, node), "interfaces"), interface);
	if (out->node < 0 || !of_node)
		return error_set(
			error, "topology: a link ends at %s of %s, which does not exist", interface, node);
	out->address = address_of(of_node, "address", "plain");
	out->address6 = address_of(of_node, "address6", "plain6");
	return 0;
}

struct topology *topology_from_json(json_t *description, char **error)
{
	struct topology *topology = calloc(1, sizeof *topology);
	json_t *nodes = json_object_get(description, "nodes"), *links = json_object_get(description, "links"),
	       *value;
	const char *name;
	topology->description = description;
	topology->name = json_string_value(json_object_get(description, "topology"));
	topology->nodes = calloc(json_object_size(nodes) + 1, sizeof *topology->nodes);
	topology->links = calloc(json_object_size(links) + 1, sizeof *topology->links);
	if (!json_is_object(nodes) || !json_is_object(links) || !topology->name) {
		error_set(error, "topology: the driver's description lacks a name, nodes or links");
		goto fail;
	}
	json_object_foreach(nodes, name, value) {
		if (check_name("node", name, error) < 0)
			goto fail;
		topology->nodes[topology->nodes_count++] = name;
	}
	json_object_foreach(links, name, value) {
		if (check_name("link", name, error) < 0)
			goto fail;
		struct topology_link *link = &topology->links[topology->links_count];
		link->name = name;
		json_t *ends = json_object_get(value, "ends");
		for (size_t i = 0; i < 2; i++)
			if (read_end(topology, nodes, json_array_get(ends, i), &link->ends[i], error) < 0)
				goto fail;
		topology->links_count++;
	}
	return topology;
fail:
	topology_free(topology);
	return NULL;
}
