/* A network given by its links and by its paths, in the order in which they were added. */
#include "lib/base/error.h"
#include "lib/sim/topology.h"

#include <stdlib.h>
#include <string.h>

struct routed_path {
	uint32_t count;
	uint16_t ports[SIM_HOPS_MAX];
};

struct routed {
	struct sim_topology base;
	struct sim_cable *cables;
	struct routed_path *paths;
	uint32_t count, room;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void describe(const struct sim_topology *topology, uint32_t port, struct sim_place *place)
{
	const struct sim_cable *cable = &((const struct routed *)topology)->cables[port / 2];
	bool back = port & 1;

	*place = (struct sim_place){.from = back ? cable->right : cable->left,
		.to = back ? cable->left : cable->right,
		.reverse = port ^ 1,
		.from_rank = 1,
		.to_rank = 1};
}

static uint32_t paths(struct sim_topology *topology, uint32_t from, uint32_t to)
{
	(void)from;
	(void)to;
	return ((struct routed *)topology)->count;
}

static uint32_t route(
	struct sim_topology *topology, uint32_t from, uint32_t to, uint32_t path, uint16_t *ports)
{
	const struct routed_path *known = &((struct routed *)topology)->paths[path];

	(void)from;
	(void)to;
	memcpy(ports, known->ports, known->count * sizeof *ports);
	return known->count;
}

static void release(struct sim_topology *topology)
{
	struct routed *routed = (struct routed *)topology;

	free(routed->cables);
	free(routed->paths);
	free(routed);
}

struct sim_topology *sim_routed(
	uint32_t nodes, const struct sim_cable *cables, uint32_t cable_count, char **error)
{
	if (cable_count == 0 || cable_count > SIM_PORTS_MAX / 2) {
		error_set(error, "%u links; 1 to %d are simulated", cable_count, SIM_PORTS_MAX / 2);
		return NULL;
	}
	for (uint32_t i = 0; i < cable_count; i++)
		if (cables[i].left >= nodes || cables[i].right >= nodes ||
			cables[i].left == cables[i].right) {
			error_set(error,
				"link %u is from node %u to node %u; nodes are 0..%u, and two of them", i,
				cables[i].left, cables[i].right, nodes - 1);
			return NULL;
		}
	struct routed *routed = must(calloc(1, sizeof *routed));
	routed->base = (struct sim_topology){.hosts = nodes,
		.ports = 2 * cable_count,
		.describe = describe,
		.paths = paths,
		.route = route,
		.release = release};
	routed->cables = must(calloc(cable_count, sizeof *cables));
	memcpy(routed->cables, cables, cable_count * sizeof *cables);
	return &routed->base;
}

uint32_t sim_routed_path(struct sim_topology *topology, const uint16_t *ports, uint32_t count, char **error)
{
	struct routed *routed = (struct routed *)topology;
	struct sim_place place, before = {0};

	if (count == 0 || count > SIM_HOPS_MAX) {
		error_set(error, "a path of %u links; 1 to %d are simulated", count, SIM_HOPS_MAX);
		return UINT32_MAX;
	}
	for (uint32_t i = 0; i < count; i++, before = place) {
		if (ports[i] < topology->ports)
			describe(topology, ports[i], &place);
		if (ports[i] >= topology->ports || (i && place.from != before.to)) {
			error_set(error, "link %u of a path does not go on from the one before", i + 1);
			return UINT32_MAX;
		}
	}
	if (routed->count == routed->room) {
		routed->room = routed->room ? 2 * routed->room : 64;
		routed->paths = must(reallocarray(routed->paths, routed->room, sizeof *routed->paths));
	}
	routed->paths[routed->count].count = count;
	memcpy(routed->paths[routed->count].ports, ports, count * sizeof *ports);
	return routed->count++;
}
