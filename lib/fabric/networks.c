/* The networks of scenarios, by their numbers. topologies/ builds the same for Mininet: jellyfish.py draws the same graph from the same
 * seed. */
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/fabric/scenario.h"

#include <stdlib.h>
#include <string.h>

struct cables {
	struct sim_cable *list;
	uint32_t count, room;
};

static void join(struct cables *cables, uint32_t left, uint32_t right)
{
	if (cables->count == cables->room) {
		cables->room = cables->room ? 2 * cables->room : 256;
		cables->list = realloc(cables->list, cables->room * sizeof *cables->list);
		if (!cables->list)
			abort();
	}
	cables->list[cables->count++] = (struct sim_cable){left, right};
}

/* `each` hosts below each of the first switches, in order. */
static void hang_hosts(struct cables *cables, uint32_t hosts, uint32_t each)
{
	for (uint32_t i = 0; i < hosts; i++)
		join(cables, i, hosts + i / each);
}

static uint32_t star(struct cables *cables, uint32_t hosts)
{
	hang_hosts(cables, hosts, hosts);
	return hosts + 1;
}

static uint32_t leafspine(struct cables *cables, uint32_t leaves, uint32_t spines, uint32_t each)
{
	uint32_t hosts = leaves * each;

	hang_hosts(cables, hosts, each);
	for (uint32_t leaf = 0; leaf < leaves; leaf++)
		for (uint32_t spine = 0; spine < spines; spine++)
			join(cables, hosts + leaf, hosts + leaves + spine);
	return hosts + leaves + spines;
}

/* Greenberg et al., SIGCOMM 2009: da di / 4 top-of-rack switches with two uplinks, di aggregation switches, da / 2 intermediate ones. All
 * links have one rate here. */
static uint32_t vl2(struct cables *cables, uint32_t da, uint32_t di, uint32_t each)
{
	uint32_t racks = da * di / 4, hosts = racks * each, aggregation = hosts + racks,
		 intermediate = aggregation + di;

	hang_hosts(cables, hosts, each);
	for (uint32_t rack = 0; rack < racks; rack++) {
		join(cables, hosts + rack, aggregation + 2 * rack % di);
		join(cables, hosts + rack, aggregation + (2 * rack + 1) % di);
	}
	for (uint32_t a = 0; a < di; a++)
		for (uint32_t i = 0; i < da / 2; i++)
			join(cables, aggregation + a, intermediate + i);
	return intermediate + da / 2;
}

/* ---- Jellyfish (Singla et al., NSDI 2012): a random regular graph of switches */

struct jellyfish {
	uint32_t switches;
	uint32_t *free; /* ports of each */
	bool *joined;   /* switches x switches */
	uint64_t key, draws;
};

static uint32_t choose(struct jellyfish *j, uint32_t count)
{
	return (uint32_t)(((draw_number(j->key, j->draws++) >> (DRAW_BITS - 32)) * count) >> 32);
}

static bool *pair(struct jellyfish *j, uint32_t a, uint32_t b)
{
	return &j->joined[(size_t)a * j->switches + b];
}

static void set_joined(struct jellyfish *j, uint32_t a, uint32_t b, bool joined)
{
	*pair(j, a, b) = *pair(j, b, a) = joined;
	if (joined) {
		j->free[a]--;
		j->free[b]--;
	} else {
		j->free[a]++;
		j->free[b]++;
	}
}

/* Joins the `which`-th pair, in order, of switches that are not joined and have free ports both; UINT32_MAX: only counts them. */
static uint32_t join_free(struct jellyfish *j, uint32_t which)
{
	uint32_t count = 0;

	for (uint32_t a = 0; a < j->switches; a++)
		for (uint32_t b = a + 1; j->free[a] && b < j->switches; b++) {
			if (!j->free[b] || *pair(j, a, b))
				continue;
			if (count++ == which) {
				set_joined(j, a, b, true);
				return count;
			}
		}
	return count;
}

/* Ports are left at `a` and `b` (or two at a = b) that cannot be joined: takes the `which`-th link x-y, in order, away, and joins a-x and
 * b-y. UINT32_MAX: only counts those that can be taken. */
static uint32_t take_apart(struct jellyfish *j, uint32_t a, uint32_t b, uint32_t which)
{
	uint32_t count = 0;

	for (uint32_t x = 0; x < j->switches; x++)
		for (uint32_t y = 0; y < j->switches; y++) {
			if (!*pair(j, x, y) || x == a || y == b || *pair(j, a, x) || *pair(j, b, y) ||
				x == b || y == a)
				continue;
			if (count++ == which) {
				set_joined(j, x, y, false);
				set_joined(j, a, x, true);
				set_joined(j, b, y, true);
				return count;
			}
		}
	return count;
}

static uint32_t next_free(const struct jellyfish *j, uint32_t from)
{
	while (from < j->switches && !j->free[from])
		from++;
	return from;
}

static int make_regular(struct jellyfish *j, char **error)
{
	for (uint32_t count; (count = join_free(j, UINT32_MAX)) > 0;)
		join_free(j, choose(j, count));
	for (uint32_t a; (a = next_free(j, 0)) < j->switches;) {
		uint32_t b = j->free[a] > 1 ? a : next_free(j, a + 1);
		uint32_t count = take_apart(j, a, b, UINT32_MAX);
		if (count == 0)
			return error_set(error,
				"topology=jellyfish: no regular graph came of this seed; another --seed, or a smaller degree");
		take_apart(j, a, b, choose(j, count));
	}
	return 0;
}

static int jellyfish(struct cables *cables, uint32_t switches, uint32_t degree, uint32_t each, uint64_t seed,
	uint32_t *nodes, char **error)
{
	uint32_t hosts = switches * each;
	struct jellyfish j = {.switches = switches, .key = draw_key(seed, 0, 3)};

	if (degree >= switches || degree < 2 || (uint64_t)switches * degree % 2)
		return error_set(error,
			"topology=jellyfish:%u:%u:%u: DEGREE is 2..%u, and SWITCHES times DEGREE is even",
			switches, degree, each, switches - 1);
	if (switches > 1024)
		return error_set(error, "topology=jellyfish: %u switches; at most 1024", switches);
	j.free = calloc(switches, sizeof *j.free);
	j.joined = calloc((size_t)switches * switches, sizeof *j.joined);
	if (!j.free || !j.joined)
		abort();
	for (uint32_t i = 0; i < switches; i++)
		j.free[i] = degree;
	int result = make_regular(&j, error);
	hang_hosts(cables, hosts, each);
	for (uint32_t a = 0; a < switches; a++)
		for (uint32_t b = a + 1; b < switches; b++)
			if (*pair(&j, a, b))
				join(cables, hosts + a, hosts + b);
	*nodes = hosts + switches;
	free(j.free);
	free(j.joined);
	return result;
}

struct sim_topology *fabric_topology(const struct scenario *s, uint64_t seed, char **error)
{
	const uint32_t *n = s->shape;
	struct cables cables = {0};
	struct sim_topology *topology = NULL;
	uint32_t nodes = 0;
	int result = 0;

	if (s->topology == TOPOLOGY_FATTREE) {
		topology = sim_fattree(s->k, s->oversubscribed);
		if (!topology)
			error_set(
				error, "hosts=%u: more than %d ports; fewer hosts", s->hosts, SIM_PORTS_MAX);
		return topology;
	}
	if (s->topology == TOPOLOGY_STAR)
		nodes = star(&cables, n[0]);
	else if (s->topology == TOPOLOGY_LEAFSPINE)
		nodes = leafspine(&cables, n[0], n[1], n[2]);
	else if (s->topology == TOPOLOGY_VL2 && (n[0] % 2 || n[1] % 2 || n[1] < 2))
		result = error_set(error, "topology=vl2:%u:%u:%u: DA and DI are even", n[0], n[1], n[2]);
	else if (s->topology == TOPOLOGY_VL2)
		nodes = vl2(&cables, n[0], n[1], n[2]);
	else
		result = jellyfish(&cables, n[0], n[1], n[2], seed, &nodes, error);
	if (result == 0)
		topology = sim_graph(s->hosts, nodes, cables.list, cables.count, false, error);
	free(cables.list);
	return topology;
}
