/* Ways; see the header. */
#include "nodes/grin/sim/ways.h"

#include "lib/base/draw.h"
#include <stdlib.h>

/* ---- links: uplinks first, then cables, or the ways of a rack's two switches to the core; last what is never full */

static void join(struct ways *w, unsigned left, unsigned right, double capacity)
{
	w->links[w->count++] = (struct ways_link){left, right, capacity};
}

static void multihomed_links(struct ways *w)
{
	unsigned size = w->scenario->size, switches = 2 * w->scenario->racks, core = w->servers + switches;

	for (unsigned i = 0; i < 2 * w->servers; i++)
		join(w, i / 2, w->servers + i / 2 / size * 2 + i % 2, 1);
	for (unsigned i = 0; i < switches; i++)
		join(w, w->servers + i, core, size / 2.0);
	w->narrow = w->count;
	w->nodes = core + 1;
}

static void grin_links(struct ways *w)
{
	unsigned size = w->scenario->size, racks = w->scenario->racks, core = w->servers + racks;

	for (unsigned i = 0; i < w->servers; i++)
		join(w, i, w->servers + i / size, 1);
	w->count += w->plan->links;
	for (unsigned i = 0; i < w->servers; i++)
		for (unsigned k = 0; k < w->plan->servers[i].count; k++) {
			const struct plan_end *e = &w->plan->servers[i].ends[k];
			if (i < e->peer)
				w->links[w->servers + e->link] = (struct ways_link){i, e->peer, 1};
		}
	w->narrow = w->count;
	for (unsigned i = 0; racks > 1 && i < racks; i++)
		join(w, w->servers + i, core, size);
	w->nodes = core + (racks > 1);
}

int ways_open(struct ways *w, const struct scenario *s, uint64_t seed, char **error)
{
	unsigned degree = s->net == NET_GRIN ? s->degree : 0;

	*w = (struct ways){.scenario = s, .seed = seed, .plan = plan_new(), .servers = s->racks * s->size};
	if (plan_add_racks(w->plan, s->racks, s->size, error) < 0 ||
		(s->rounds ? plan_join_rounds(w->plan, degree, error)
			   : plan_interconnect(w->plan, degree, seed, error)) < 0)
		return -1;
	w->links = calloc(2 * w->servers + w->plan->links + 2 * s->racks, sizeof *w->links);
	if (!w->links)
		abort();
	if (s->net == NET_MULTIHOMED)
		multihomed_links(w);
	else
		grin_links(w);
	return 0;
}

void ways_close(struct ways *w)
{
	plan_free(w->plan);
	free(w->links);
}

/* ---- paths */

static void pass(struct way *way, unsigned link, unsigned back)
{
	way->links[way->count++] = 2 * link + back;
}

static void over_core(const struct ways *w, struct way *way, unsigned source, unsigned destination)
{
	unsigned from = source / w->scenario->size, to = destination / w->scenario->size;

	if (from == to)
		return;
	pass(way, w->narrow + from, 0);
	pass(way, w->narrow + to, 1);
}

/* What the pair's packets pass, as the plan routes them. */
static struct way grin_way(const struct ways *w, unsigned source, unsigned destination, struct plan_pair pair)
{
	struct plan_step steps[PLAN_HOPS];
	struct way way = {0};
	int n = plan_walk(w->plan, PLAN_COMPUTED, source, pair.source, pair.destination, steps);

	for (int i = 0; i < n; i++) {
		unsigned server = steps[i].server, next = i + 1 < n ? steps[i + 1].server : destination;
		if (steps[i].out >= 0) {
			pass(&way, w->servers + w->plan->servers[server].ends[steps[i].out].link,
				server > next);
			continue;
		}
		pass(&way, server, 0);
		over_core(w, &way, server, next);
		pass(&way, next, 1);
	}
	return way;
}

static void grin_ways(const struct ways *w, unsigned number, struct traffic_flow flow,
	void (*put)(void *context, const struct way *out, const struct way *back), void *context)
{
	const struct plan_server *s = &w->plan->servers[flow.source],
				 *d = &w->plan->servers[flow.destination];
	struct plan_ends ends = {.own_primary = s->primary,
		.own_count = s->count,
		.peer_primary = d->primary,
		.peer_count = d->count,
		.told_all = true};
	struct plan_pair pairs[PLAN_PAIRS + 1] = {{s->primary, d->primary}};

	for (unsigned i = 0; i < s->count; i++)
		ends.own[i] = s->ends[i].address;
	for (unsigned i = 0; i < d->count; i++)
		ends.peer[i] = d->ends[i].address;
	unsigned wanted = w->scenario->subflows;
	unsigned count =
		wanted == 1 ? 0
			    : plan_choose(&ends, wanted ? wanted - 1 : 0,
				      w->scenario->fixed ? 0 : draw_key(w->seed, number, 3) | 1, pairs + 1);
	for (unsigned i = 0; i <= count; i++) {
		struct plan_pair reverse = {pairs[i].destination, pairs[i].source};
		struct way out = grin_way(w, flow.source, flow.destination, pairs[i]),
			   back = grin_way(w, flow.destination, flow.source, reverse);
		put(context, &out, &back);
	}
}

/* Server s has the uplinks 2s and 2s + 1, to the rack's switches. */
static void multihomed_ways(const struct ways *w, struct traffic_flow flow,
	void (*put)(void *context, const struct way *out, const struct way *back), void *context)
{
	unsigned size = w->scenario->size, switches = 2 * w->servers;

	for (unsigned up = 0; up < 2; up++)
		for (unsigned down = 0; down < 2; down++) {
			unsigned from = flow.source / size * 2 + up, to = flow.destination / size * 2 + down;
			struct way out = {0}, back = {0};
			pass(&out, 2 * flow.source + up, 0);
			if (from != to) {
				pass(&out, switches + from, 0);
				pass(&out, switches + to, 1);
			}
			pass(&out, 2 * flow.destination + down, 1);
			for (unsigned i = out.count; i-- > 0;)
				pass(&back, out.links[i] / 2, !(out.links[i] & 1));
			put(context, &out, &back);
		}
}

void ways_each(const struct ways *w, unsigned number, struct traffic_flow flow,
	void (*put)(void *context, const struct way *out, const struct way *back), void *context)
{
	if (w->scenario->net == NET_MULTIHOMED)
		multihomed_ways(w, flow, put, context);
	else
		grin_ways(w, number, flow, put, context);
}
