/* Which way packets go: the routes of a server, and a packet that follows them. */
#include "nodes/grin/plan.h"

const char *const plan_routing_names[PLAN_ROUTINGS + 1] = {"static", "computed", "lsrr", NULL};

static void put_cables(
	const struct plan_server *s, void (*put)(void *, const struct plan_route *), void *context)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct plan_end *e = &s->ends[i];
		put(context, &(struct plan_route){
				     .to = e->peer_address, .length = 32, .kind = PLAN_CABLE, .end = (int)i});
		put(context, &(struct plan_route){
				     .from = e->address, .length = 0, .kind = PLAN_CABLE, .end = (int)i});
	}
}

static void put_far_ends(const struct plan *plan, unsigned server,
	void (*put)(void *, const struct plan_route *), void *context)
{
	uint32_t here = plan->servers[server].primary;

	for (unsigned i = 0; i < plan->count; i++)
		for (unsigned e = 0; i != server && e < plan->servers[i].count; e++) {
			uint32_t y = plan->servers[i].ends[e].address;
			if (plan_neighbour(y) != here)
				put(context, &(struct plan_route){.to = y,
						     .length = 32,
						     .kind = PLAN_VIA,
						     .via = plan_neighbour(y)});
		}
}

void plan_routes(const struct plan *plan, unsigned server, enum plan_routing routing,
	void (*put)(void *context, const struct plan_route *route), void *context)
{
	put(context, &(struct plan_route){.to = PLAN_PREFIX, .length = 11, .kind = PLAN_UPLINK});
	put_cables(&plan->servers[server], put, context);
	if (routing == PLAN_STATIC)
		put_far_ends(plan, server, put, context);
	if (routing == PLAN_COMPUTED)
		put(context,
			&(struct plan_route){.to = PLAN_PREFIX, .length = 8, .kind = PLAN_NEXT_COMPUTED});
}

unsigned plan_source_route(uint32_t local, uint32_t source, uint32_t destination, uint32_t hops[2])
{
	uint32_t ns = plan_neighbour(source), nd = plan_neighbour(destination);
	unsigned count = 0;

	if (!plan_inside(destination) || nd == local || ns == nd)
		return 0;
	if (plan_g(source) != 0)
		hops[count++] = ns;
	if (plan_g(destination) != 0)
		hops[count++] = nd;
	return count;
}

/* ---- a packet follows the routes */

struct search {
	uint32_t source, destination;
	int length; /* of the best so far; -1: none. A table of the source's own is asked first: 64 more. */
	struct plan_route best;
};

static void consider(void *context, const struct plan_route *route)
{
	struct search *search = context;
	uint32_t mask = route->length ? ~0u << (32 - route->length) : 0;
	int length = (int)route->length + (route->from ? 64 : 0);

	if ((route->from && route->from != search->source) || ((search->destination ^ route->to) & mask) ||
		length <= search->length)
		return;
	search->length = length;
	search->best = *route;
}

static struct plan_route look_up(const struct plan *plan, enum plan_routing routing, unsigned server,
	uint32_t source, uint32_t destination)
{
	struct search search = {
		.source = source, .destination = destination, .length = -1, .best.kind = PLAN_NOWHERE};

	plan_routes(plan, server, routing, consider, &search);
	return search.best;
}

/* Who is next, or -1. */
static int follow(
	const struct plan *plan, unsigned server, const struct plan_route *route, uint32_t destination)
{
	switch (route->kind) {
	case PLAN_CABLE:
		return (int)plan->servers[server].ends[route->end].peer;
	case PLAN_VIA:
		return plan_find(plan, route->via);
	case PLAN_NEXT_COMPUTED:
		return plan_find(plan, plan_neighbour(destination));
	case PLAN_UPLINK:
		return plan_find(plan, destination);
	default:
		return -1;
	}
}

int plan_walk(const struct plan *plan, enum plan_routing routing, unsigned server, uint32_t source,
	uint32_t destination, struct plan_step steps[PLAN_HOPS])
{
	uint32_t hops[2];
	unsigned count = 0, hop = 0;
	int taken = 0;

	if (routing == PLAN_LSRR)
		count = plan_source_route(plan->servers[server].primary, source, destination, hops);
	for (;;) {
		uint32_t to = hop < count ? hops[hop] : destination;
		int owner = plan_owner(plan, to, NULL);
		if (owner == (int)server) {
			if (hop == count)
				return taken;
			hop++;
			continue;
		}
		if (taken == PLAN_HOPS)
			return -1;
		struct plan_route route = look_up(plan, routing, server, source, to);
		int next = follow(plan, server, &route, to);
		if (next < 0)
			return -1;
		steps[taken++] = (struct plan_step){server, route.kind == PLAN_CABLE ? route.end : -1};
		server = (unsigned)next;
	}
}
