/* A network given by its links. For every switch (or host with several links) that somebody sends to, the distances to it and the
 * number of shortest ways are computed once, when first asked for. Way number x is found by counting: at each node, the ways over the
 * first next hop come first. */
#include "lib/base/error.h"
#include "lib/sim/topology.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FAR UINT8_MAX

/* What leads to one node. */
struct ways {
	uint8_t *hops;   /* from each node; FAR: none */
	uint64_t *count; /* of shortest ways, no more than 2^62 */
};

struct graph {
	struct sim_topology base;
	uint32_t nodes;
	bool hosts_forward;
	uint32_t *first; /* of each node's ports in `out`, which are sorted by node; one more at the end */
	struct sim_place *out;
	uint8_t *rank;
	struct ways *ways; /* by node; empty until asked for */
};

static void *some(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		abort();
	return memory;
}

static bool forwards(const struct graph *graph, uint32_t node)
{
	return node >= graph->base.hosts || graph->hosts_forward;
}

/* Breadth first from `target`, against the direction of travel; every link has both. */
static void spread(
	const struct graph *graph, uint32_t target, uint8_t *hops, uint32_t *order, uint32_t *reached)
{
	uint32_t head = 0, tail = 0;

	memset(hops, FAR, graph->nodes);
	hops[target] = 0;
	order[tail++] = target;
	while (head < tail) {
		uint32_t node = order[head++];
		if (node != target && !forwards(graph, node))
			continue;
		for (uint32_t i = graph->first[node]; i < graph->first[node + 1]; i++) {
			uint32_t next = graph->out[i].to;
			if (hops[next] != FAR || hops[node] + 1 >= FAR)
				continue;
			hops[next] = (uint8_t)(hops[node] + 1);
			order[tail++] = next;
		}
	}
	*reached = tail;
}

static bool closer(const struct graph *graph, const struct ways *ways, const struct sim_place *port)
{
	return ways->hops[port->to] + 1 == ways->hops[port->from] &&
	       (ways->hops[port->to] == 0 || forwards(graph, port->to));
}

static const struct ways *ways_to(struct graph *graph, uint32_t target)
{
	struct ways *ways = &graph->ways[target];
	uint32_t reached;

	if (ways->hops)
		return ways;
	uint32_t *order = some(graph->nodes, sizeof *order);
	ways->hops = some(graph->nodes, sizeof *ways->hops);
	ways->count = some(graph->nodes, sizeof *ways->count);
	spread(graph, target, ways->hops, order, &reached);
	ways->count[target] = 1;
	for (uint32_t i = 1; i < reached; i++) {
		uint32_t node = order[i];
		for (uint32_t k = graph->first[node]; k < graph->first[node + 1]; k++)
			if (closer(graph, ways, &graph->out[k]))
				ways->count[node] += ways->count[graph->out[k].to];
		if (ways->count[node] > 1ULL << 62)
			ways->count[node] = 1ULL << 62;
	}
	free(order);
	return ways;
}

/* Hosts with one link share the ways to their switch. */
static uint32_t target_of(const struct graph *graph, uint32_t host)
{
	uint32_t port = graph->first[host];

	return graph->first[host + 1] - port == 1 && forwards(graph, graph->out[port].to)
		       ? graph->out[port].to
		       : host;
}

static void describe(const struct sim_topology *topology, uint32_t port, struct sim_place *place)
{
	*place = ((const struct graph *)topology)->out[port];
}

static uint32_t paths(struct sim_topology *topology, uint32_t from, uint32_t to)
{
	struct graph *graph = (struct graph *)topology;
	uint64_t count = ways_to(graph, target_of(graph, to))->count[from];

	return count < SIM_PATHS_MAX ? (uint32_t)count : SIM_PATHS_MAX;
}

static uint32_t route(
	struct sim_topology *topology, uint32_t from, uint32_t to, uint32_t path, uint16_t *ports)
{
	struct graph *graph = (struct graph *)topology;
	uint32_t target = target_of(graph, to), n = 0;
	const struct ways *ways = ways_to(graph, target);
	uint64_t left = path;

	if (ways->count[from] > SIM_PATHS_MAX) /* evenly over all */
		left *= ways->count[from] / SIM_PATHS_MAX;
	for (uint32_t node = from, port; node != target; node = graph->out[port].to) {
		for (port = graph->first[node];; port++) {
			if (!closer(graph, ways, &graph->out[port]))
				continue;
			if (left < ways->count[graph->out[port].to])
				break;
			left -= ways->count[graph->out[port].to];
		}
		ports[n++] = (uint16_t)port;
	}
	if (target != to)
		ports[n++] = (uint16_t)graph->out[graph->first[to]].reverse;
	return n;
}

static void release(struct sim_topology *topology)
{
	struct graph *graph = (struct graph *)topology;

	for (uint32_t i = 0; i < graph->nodes; i++) {
		free(graph->ways[i].hops);
		free(graph->ways[i].count);
	}
	free(graph->ways);
	free(graph->rank);
	free(graph->first);
	free(graph->out);
	free(graph);
}

/* Ports in order of their nodes, and of the links at each. */
static void number_ports(struct graph *graph, const struct sim_cable *cables, uint32_t count)
{
	uint32_t *next = some(graph->nodes, sizeof *next);

	for (uint32_t i = 0; i < count; i++) {
		graph->first[cables[i].left + 1]++;
		graph->first[cables[i].right + 1]++;
	}
	for (uint32_t i = 0; i < graph->nodes; i++) {
		graph->first[i + 1] += graph->first[i];
		next[i] = graph->first[i];
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t left = cables[i].left, right = cables[i].right, out = next[left]++,
			 back = next[right]++;
		graph->out[out] = (struct sim_place){.from = left, .to = right, .reverse = back};
		graph->out[back] = (struct sim_place){.from = right, .to = left, .reverse = out};
	}
	free(next);
}

/* Hosts 0, switches one more than the lowest of their neighbours. */
static void rank_nodes(struct graph *graph)
{
	for (uint32_t i = 0; i < graph->nodes; i++)
		graph->rank[i] = i < graph->base.hosts ? 0 : FAR;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 0; i < graph->base.ports; i++) {
			struct sim_place *port = &graph->out[i];
			if (graph->rank[port->from] + 1 >= graph->rank[port->to])
				continue;
			graph->rank[port->to] = (uint8_t)(graph->rank[port->from] + 1);
			changed = true;
		}
	}
	for (uint32_t i = 0; i < graph->base.ports; i++) {
		graph->out[i].from_rank = graph->rank[graph->out[i].from];
		graph->out[i].to_rank = graph->rank[graph->out[i].to];
	}
}

static int check(struct graph *graph, char **error)
{
	for (uint32_t host = 0; host < graph->base.hosts; host++)
		if (graph->first[host] == graph->first[host + 1])
			return error_set(error, "host %u has no link", host);
	for (uint32_t host = 0; host < graph->base.hosts; host++) {
		/* Ways from host 0 to all and from all to host 0 are the same, so one spread says whether all are joined. */
		const struct ways *ways = ways_to(graph, target_of(graph, 0));
		if (host != 0 && ways->hops[host] == FAR)
			return error_set(error, "no way from host %u to host 0", host);
		if (ways->hops[host] != FAR && 2 * (ways->hops[host] + 1) > SIM_HOPS_MAX)
			return error_set(error, "a way of %u links to host 0; at most %d are simulated",
				ways->hops[host] + 1, SIM_HOPS_MAX / 2);
	}
	return 0;
}

struct sim_topology *sim_graph(uint32_t hosts, uint32_t nodes, const struct sim_cable *cables,
	uint32_t cable_count, bool hosts_forward, char **error)
{
	if (cable_count > SIM_PORTS_MAX / 2) {
		error_set(error, "%u links; at most %d are simulated", cable_count, SIM_PORTS_MAX / 2);
		return NULL;
	}
	struct graph *graph = some(1, sizeof *graph);
	*graph = (struct graph){.base = {.hosts = hosts,
					.ports = 2 * cable_count,
					.describe = describe,
					.paths = paths,
					.route = route,
					.release = release},
		.nodes = nodes,
		.hosts_forward = hosts_forward};
	graph->first = some(nodes + 1, sizeof *graph->first);
	graph->out = some(2 * cable_count, sizeof *graph->out);
	graph->rank = some(nodes, sizeof *graph->rank);
	graph->ways = some(nodes, sizeof *graph->ways);
	number_ports(graph, cables, cable_count);
	rank_nodes(graph);
	if (check(graph, error) < 0) {
		release(&graph->base);
		return NULL;
	}
	return &graph->base;
}
