#include "nodes/grin/capacity/ways.h"

#include <stdbool.h>
#include <stdlib.h>

unsigned way_cable(const struct plan *plan, unsigned server, int end)
{
	const struct plan_end *e = &plan->servers[server].ends[end];

	return 2 * e->link + (server > e->peer);
}

static void add(struct ways *ways, const struct way *way)
{
	if (ways->count == ways->room) {
		ways->room = ways->room ? 2 * ways->room : 64;
		ways->list = reallocarray(ways->list, ways->room, sizeof *ways->list);
		if (!ways->list)
			abort();
	}
	ways->list[ways->count++] = *way;
}

static bool passes(const struct way *way, unsigned server)
{
	for (unsigned i = 0; i <= way->count; i++)
		if (way->servers[i] == server)
			return true;
	return false;
}

static void extend(const struct plan *plan, struct way *way, unsigned most, int to, struct ways *ways)
{
	unsigned at = way->servers[way->count];

	if (to < 0 || at == (unsigned)to)
		add(ways, way);
	if (way->count == most || (to >= 0 && at == (unsigned)to))
		return;
	for (unsigned e = 0; e < plan->servers[at].count; e++) {
		unsigned next = plan->servers[at].ends[e].peer;
		if (passes(way, next))
			continue;
		way->cables[way->count++] = way_cable(plan, at, (int)e);
		way->servers[way->count] = next;
		extend(plan, way, most, to, ways);
		way->count--;
	}
}

void ways_from(const struct plan *plan, unsigned server, unsigned most, int to, struct ways *ways)
{
	struct way way = {.servers = {server}};

	ways->count = 0;
	extend(plan, &way, most, to, ways);
}
