/* Which subflows a connection wants. */
#include "nodes/grin/plan.h"

#include "lib/base/draw.h"

bool plan_pair_good(
	uint32_t source_primary, uint32_t destination_primary, uint32_t source, uint32_t destination)
{
	bool from_it = plan_g(source) && plan_neighbour(source) == destination_primary;
	bool to_it = plan_g(destination) && plan_neighbour(destination) == source_primary;

	/* The ends of the cable between the two belong to each other, and to nobody else: with another end, packets would
	 * pass the peer, go round, and come again (or take this same cable under another name). */
	return from_it == to_it;
}

unsigned plan_pairs(
	const struct plan *plan, unsigned source, unsigned destination, struct plan_pair pairs[PLAN_PAIRS])
{
	const struct plan_server *s = &plan->servers[source], *d = &plan->servers[destination];
	unsigned count = 0;

	for (unsigned i = 0; i <= s->count; i++)
		for (unsigned k = 0; k <= d->count; k++) {
			struct plan_pair pair = {i ? s->ends[i - 1].address : s->primary,
				k ? d->ends[k - 1].address : d->primary};
			if (plan_pair_good(s->primary, d->primary, pair.source, pair.destination))
				pairs[count++] = pair;
		}
	return count;
}

/* ---- choice */

struct choice {
	const struct plan_ends *ends;
	uint32_t own[PLAN_LINKS], peer[PLAN_LINKS]; /* in the order of this choice */
	unsigned own_uses[PLAN_LINKS], peer_uses[PLAN_LINKS];
	struct plan_pair *pairs;
	unsigned count;
};

static bool good(const struct choice *c, uint32_t source, uint32_t destination)
{
	return plan_pair_good(c->ends->own_primary, c->ends->peer_primary, source, destination);
}

static bool chosen(const struct choice *c, uint32_t source, uint32_t destination)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->pairs[i].source == source && c->pairs[i].destination == destination)
			return true;
	return false;
}

static void take(struct choice *c, uint32_t source, uint32_t destination)
{
	c->pairs[c->count++] = (struct plan_pair){source, destination};
}

static void shuffle(uint32_t *items, unsigned count, uint64_t *draws)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned j = (unsigned)draw_below(draws, i);
		uint32_t t = items[i - 1];
		items[i - 1] = items[j];
		items[j] = t;
	}
}

/* The peer's ends in order, each with the first own one that is free and fits. */
static void choose_fewest(struct choice *c)
{
	const struct plan_ends *e = c->ends;

	for (unsigned k = 0; k < e->peer_count; k++) {
		unsigned i = 0;
		while (i < e->own_count && (c->own_uses[i] || !good(c, c->own[i], c->peer[k])))
			i++;
		if (i < e->own_count) {
			c->own_uses[i]++;
			take(c, c->own[i], c->peer[k]);
		} else if (good(c, e->own_primary, c->peer[k])) {
			take(c, e->own_primary, c->peer[k]);
		}
	}
}

/* Own ends that the peer has none for. */
static void choose_rest(struct choice *c)
{
	const struct plan_ends *e = c->ends;

	for (unsigned i = 0; i < e->own_count; i++)
		if (!c->own_uses[i] && good(c, c->own[i], e->peer_primary))
			take(c, c->own[i], e->peer_primary);
}

/* Of all pairs that are left, one of those whose ends were used least. */
static bool choose_one(struct choice *c, uint64_t *draws)
{
	const struct plan_ends *e = c->ends;
	unsigned least = ~0u, ties = 0, at_i = 0, at_k = 0;

	for (unsigned i = 0; i <= e->own_count; i++)
		for (unsigned k = 0; k <= e->peer_count; k++) {
			uint32_t x = i ? c->own[i - 1] : e->own_primary;
			uint32_t y = k ? c->peer[k - 1] : e->peer_primary;
			unsigned uses = (i ? 2 * c->own_uses[i - 1] : 1) + (k ? 2 * c->peer_uses[k - 1] : 1);
			if ((!i && !k) || !good(c, x, y) || chosen(c, x, y) || uses > least)
				continue;
			ties = uses < least ? 1 : ties + 1;
			least = uses;
			if (draw_below(draws, ties) == 0) {
				at_i = i;
				at_k = k;
			}
		}
	if (!ties)
		return false;
	take(c, at_i ? c->own[at_i - 1] : e->own_primary, at_k ? c->peer[at_k - 1] : e->peer_primary);
	if (at_i)
		c->own_uses[at_i - 1]++;
	if (at_k)
		c->peer_uses[at_k - 1]++;
	return true;
}

unsigned plan_choose(
	const struct plan_ends *ends, unsigned wanted, uint64_t seed, struct plan_pair pairs[PLAN_PAIRS])
{
	struct choice c = {.ends = ends, .pairs = pairs};
	uint64_t draws = seed;

	for (unsigned i = 0; i < ends->own_count; i++)
		c.own[i] = ends->own[i];
	for (unsigned i = 0; i < ends->peer_count; i++)
		c.peer[i] = ends->peer[i];
	if (seed)
		shuffle(c.own, ends->own_count, &draws);
	if (!wanted) {
		choose_fewest(&c);
		if (ends->told_all)
			choose_rest(&c);
		return c.count;
	}
	while (c.count < wanted && choose_one(&c, &draws))
		;
	return c.count;
}
