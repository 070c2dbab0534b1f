/* The fat tree: every number is computed. Ports lie in six blocks: out of hosts, edge to host, edge to aggregation, aggregation to
 * edge, aggregation to core, core to aggregation. */
#include "lib/sim/topology.h"

#include <stddef.h>
#include <stdlib.h>

struct fattree {
	struct sim_topology base;
	uint32_t k, half, below;    /* ports of a switch; half of them; hosts of an edge switch */
	uint32_t edges, cores;      /* edge switches, and as many aggregation switches; cores */
	uint32_t start[6], uplinks; /* of the blocks; ports of each of the last four */
	struct host {
		uint16_t edge, pod,
			place; /* its edge switch, of all; its pod; that switch's place in the pod */
	} * hosts;
};

enum { NIC, HOST_DOWN, EDGE_UP, EDGE_DOWN, CORE_UP, CORE_DOWN };

static const struct fattree *of(const struct sim_topology *topology)
{
	return (const struct fattree *)topology;
}

static uint32_t block_of(const struct fattree *tree, uint32_t port, uint32_t *rest)
{
	uint32_t block = CORE_DOWN;

	while (port < tree->start[block])
		block--;
	*rest = port - tree->start[block];
	return block;
}

/* Nodes: hosts, edge switches, aggregation switches, cores. */
static uint32_t edge_node(const struct fattree *tree, uint32_t edge)
{
	return tree->base.hosts + edge;
}

static uint32_t aggregation_node(const struct fattree *tree, uint32_t pod, uint32_t a)
{
	return tree->base.hosts + tree->edges + pod * tree->half + a;
}

static uint32_t core_node(const struct fattree *tree, uint32_t core)
{
	return tree->base.hosts + 2 * tree->edges + core;
}

/* The upward port of a link as a place; its reverse too. */
static struct sim_place upward(const struct fattree *tree, uint32_t block, uint32_t rest)
{
	uint32_t half = tree->half, node = rest / half, which = rest % half;

	if (block == NIC)
		return (struct sim_place){
			rest, edge_node(tree, tree->hosts[rest].edge), tree->start[HOST_DOWN] + rest, 0, 1};
	if (block == EDGE_UP) /* edge switch `node` to aggregation switch `which` of its pod */
		return (struct sim_place){edge_node(tree, node), aggregation_node(tree, node / half, which),
			tree->start[EDGE_DOWN] + (node / half * half + which) * half + node % half, 1, 2};
	/* aggregation switch `node` to core (its place in the pod, `which`) */
	uint32_t core = node % half * half + which;
	return (struct sim_place){aggregation_node(tree, node / half, node % half), core_node(tree, core),
		tree->start[CORE_DOWN] + core * tree->k + node / half, 2, 3};
}

/* The number, in its block, of the upward port whose reverse is number `rest` of a downward block. */
static uint32_t upward_of(const struct fattree *tree, uint32_t block, uint32_t rest)
{
	uint32_t half = tree->half;

	if (block == HOST_DOWN)
		return rest;
	if (block == EDGE_DOWN) {
		uint32_t aggregation = rest / half, place = rest % half;
		return (aggregation / half * half + place) * half + aggregation % half;
	}
	uint32_t core = rest / tree->k, pod = rest % tree->k;
	return (pod * half + core / half) * half + core % half;
}

static void describe(const struct sim_topology *topology, uint32_t port, struct sim_place *place)
{
	const struct fattree *tree = of(topology);
	uint32_t rest, block = block_of(tree, port, &rest);

	if (block == NIC || block == EDGE_UP || block == CORE_UP) {
		*place = upward(tree, block, rest);
		return;
	}
	uint32_t up = upward_of(tree, block, rest);
	struct sim_place other = upward(tree, block - 1, up);
	*place = (struct sim_place){
		other.to, other.from, tree->start[block - 1] + up, other.to_rank, other.from_rank};
}

static uint32_t paths(struct sim_topology *topology, uint32_t from, uint32_t to)
{
	const struct fattree *tree = of(topology);
	const struct host *a = &tree->hosts[from], *b = &tree->hosts[to];

	return a->edge == b->edge ? 1 : a->pod == b->pod ? tree->half : tree->half * tree->half;
}

static uint32_t route(
	struct sim_topology *topology, uint32_t from, uint32_t to, uint32_t path, uint16_t *ports)
{
	const struct fattree *tree = of(topology);
	const struct host *s = &tree->hosts[from], *d = &tree->hosts[to];
	uint32_t half = tree->half, n = 0;

	ports[n++] = (uint16_t)from;
	if (s->edge != d->edge) {
		uint32_t a = s->pod == d->pod ? path : path / half, c = path % half;
		ports[n++] = (uint16_t)(tree->start[EDGE_UP] + s->edge * half + a);
		if (s->pod != d->pod) {
			ports[n++] = (uint16_t)(tree->start[CORE_UP] + (s->pod * half + a) * half + c);
			ports[n++] = (uint16_t)(tree->start[CORE_DOWN] + (a * half + c) * tree->k + d->pod);
		}
		ports[n++] = (uint16_t)(tree->start[EDGE_DOWN] + (d->pod * half + a) * half + d->place);
	}
	ports[n++] = (uint16_t)(tree->start[HOST_DOWN] + to);
	return n;
}

static void release(struct sim_topology *topology)
{
	struct fattree *tree = (struct fattree *)topology;

	free(tree->hosts);
	free(tree);
}

static void number_blocks(struct fattree *tree)
{
	uint32_t hosts = tree->base.hosts;

	tree->start[HOST_DOWN] = hosts;
	tree->start[EDGE_UP] = 2 * hosts;
	for (int block = EDGE_DOWN; block <= CORE_DOWN; block++)
		tree->start[block] = tree->start[block - 1] + tree->uplinks;
	tree->base.ports = tree->start[CORE_DOWN] + tree->uplinks;
}

struct sim_topology *sim_fattree(uint32_t k, uint32_t oversubscribed)
{
	uint32_t half = k / 2;
	struct fattree tree = {.k = k,
		.half = half,
		.below = half * oversubscribed,
		.edges = k * half,
		.cores = half * half};

	tree.uplinks = tree.edges * half;
	tree.base = (struct sim_topology){.hosts = tree.edges * tree.below,
		.describe = describe,
		.paths = paths,
		.route = route,
		.release = release};
	number_blocks(&tree);
	if (tree.base.ports > SIM_PORTS_MAX)
		return NULL;
	struct fattree *made = malloc(sizeof *made);
	tree.hosts = malloc(tree.base.hosts * sizeof *tree.hosts);
	if (!made || !tree.hosts)
		abort();
	for (uint32_t i = 0; i < tree.base.hosts; i++) {
		uint32_t edge = i / tree.below;
		tree.hosts[i] =
			(struct host){(uint16_t)edge, (uint16_t)(edge / half), (uint16_t)(edge % half)};
	}
	*made = tree;
	return &made->base;
}

void sim_topology_free(struct sim_topology *topology)
{
	if (topology)
		topology->release(topology);
}
