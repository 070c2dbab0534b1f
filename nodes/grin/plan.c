/* Servers, cables, addresses; see the header. */
#include "nodes/grin/plan.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include <stdlib.h>

struct plan *plan_new(void)
{
	struct plan *plan = calloc(1, sizeof *plan);

	if (!plan)
		abort();
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->servers);
	free(plan);
}

int plan_find(const struct plan *plan, uint32_t primary)
{
	/* Numbered in order, as plan_add_racks does, a server is where its address says. */
	uint32_t guess = (primary & PLAN_I_MASK) - 1;

	if (guess < plan->count && plan->servers[guess].primary == primary)
		return (int)guess;
	for (unsigned i = 0; i < plan->count; i++)
		if (plan->servers[i].primary == primary)
			return (int)i;
	return -1;
}

int plan_owner(const struct plan *plan, uint32_t address, int *end)
{
	int neighbour = plan_inside(address) ? plan_find(plan, plan_neighbour(address)) : -1;

	if (end)
		*end = -1;
	if (neighbour < 0 || plan_g(address) == 0)
		return neighbour;
	/* G is the neighbour's count of cables when this one was made. */
	const struct plan_server *n = &plan->servers[neighbour];
	if (plan_g(address) > n->count)
		return -1;
	const struct plan_end *there = &n->ends[plan_g(address) - 1];
	const struct plan_server *owner = &plan->servers[there->peer];
	for (unsigned i = 0; end && i < owner->count; i++)
		if (owner->ends[i].address == address)
			*end = (int)i;
	return (int)there->peer;
}

int plan_add(struct plan *plan, uint32_t primary, unsigned rack, char **error)
{
	if (!plan_primary_good(primary))
		return error_set(error,
			"%u.%u.%u.%u is no address of 10.0.0.0/11, where the uplinks have theirs",
			primary >> 24, primary >> 16 & 255, primary >> 8 & 255, primary & 255);
	if (plan_find(plan, primary) >= 0)
		return error_set(error, "two servers have the address %u.%u.%u.%u", primary >> 24,
			primary >> 16 & 255, primary >> 8 & 255, primary & 255);
	if (plan->count == PLAN_SERVERS)
		return error_set(error, "there may be %d servers at most", PLAN_SERVERS);
	if (plan->count == plan->room) {
		plan->room = plan->room ? 2 * plan->room : 16;
		plan->servers = realloc(plan->servers, plan->room * sizeof *plan->servers);
		if (!plan->servers)
			abort();
	}
	plan->servers[plan->count] = (struct plan_server){.primary = primary, .rack = rack};
	return (int)plan->count++;
}

int plan_add_racks(struct plan *plan, unsigned racks, unsigned size, char **error)
{
	for (unsigned r = 0; r < racks; r++)
		for (unsigned i = 0; i < size; i++)
			if (plan_add(plan, PLAN_PREFIX + plan->count + 1, r, error) < 0)
				return -1;
	return 0;
}

static bool joined(const struct plan_server *server, unsigned other)
{
	for (unsigned i = 0; i < server->count; i++)
		if (server->ends[i].peer == other)
			return true;
	return false;
}

int plan_join(struct plan *plan, unsigned a, unsigned b, char **error)
{
	if (a >= plan->count || b >= plan->count)
		return error_set(error, "no server %u; there are %u", a >= plan->count ? a : b, plan->count);
	struct plan_server *x = &plan->servers[a], *y = &plan->servers[b];
	if (a == b)
		return error_set(error, "a cable from a server to itself serves nobody");
	if (joined(x, b))
		return error_set(error, "two cables between the same pair");
	if (x->count == PLAN_LINKS || y->count == PLAN_LINKS)
		return error_set(error, "an eighth cable: three bits of an address name %d", PLAN_LINKS);
	/* The counts grow first (3.3.2.3: G begins at 1). */
	uint32_t at_x = PLAN_PREFIX | (y->count + 1) << PLAN_G_SHIFT | (y->primary & PLAN_I_MASK);
	uint32_t at_y = PLAN_PREFIX | (x->count + 1) << PLAN_G_SHIFT | (x->primary & PLAN_I_MASK);
	x->ends[x->count++] = (struct plan_end){b, plan->links, at_x, at_y};
	y->ends[y->count++] = (struct plan_end){a, plan->links, at_y, at_x};
	plan->links++;
	return 0;
}

/* ---- cables at random */

struct cable {
	unsigned a, b;
};

static bool has_cable(const struct cable *cables, unsigned count, unsigned a, unsigned b)
{
	for (unsigned i = 0; i < count; i++)
		if ((cables[i].a == a && cables[i].b == b) || (cables[i].a == b && cables[i].b == a))
			return true;
	return false;
}

/* Two free ports that cannot be joined, because their servers are the same or neighbours, take a cable x-y between two others apart:
 * p-x, q-y. False: this one does not serve. */
static bool swap_cable(
	struct cable *cables, unsigned *count, unsigned at, bool turned, unsigned p, unsigned q)
{
	unsigned x = turned ? cables[at].b : cables[at].a, y = turned ? cables[at].a : cables[at].b;

	if (x == p || y == q || x == q || y == p || has_cable(cables, *count, p, x) ||
		has_cable(cables, *count, q, y))
		return false;
	cables[at] = (struct cable){p, x};
	cables[(*count)++] = (struct cable){q, y};
	return true;
}

static bool place_cable(struct cable *cables, unsigned *count, unsigned p, unsigned q, uint64_t *draws)
{
	if (p != q && !has_cable(cables, *count, p, q)) {
		cables[(*count)++] = (struct cable){p, q};
		return true;
	}
	unsigned from = *count ? (unsigned)draw_below(draws, *count) : 0;
	for (unsigned i = 0; i < *count; i++)
		for (unsigned turned = 0; turned < 2; turned++)
			if (swap_cable(cables, count, (from + i) % *count, turned, p, q))
				return true;
	return false;
}

/* Numbers 0..size-1, degree ports each, in a random order; every two in turn are joined. */
static bool draw_rack(unsigned size, unsigned degree, struct cable *cables, unsigned *count, uint64_t *draws)
{
	unsigned ports = size * degree, *order = calloc(ports + 1, sizeof *order);

	if (!order)
		abort();
	for (unsigned i = 0; i < ports; i++)
		order[i] = i / degree;
	for (unsigned i = ports; i > 1; i--) {
		unsigned j = (unsigned)draw_below(draws, i), t = order[i - 1];
		order[i - 1] = order[j];
		order[j] = t;
	}
	bool whole = true;
	*count = 0;
	for (unsigned i = 0; whole && i + 1 < ports; i += 2)
		whole = place_cable(cables, count, order[i], order[i + 1], draws);
	free(order);
	return whole;
}

static int join_rack(struct plan *plan, const unsigned *members, unsigned size, unsigned degree,
	uint64_t *draws, char **error)
{
	struct cable *cables = calloc(size * degree + 1, sizeof *cables);
	unsigned count = 0, tries = 1000;
	int result = 0;

	if (!cables)
		abort();
	while (!draw_rack(size, degree, cables, &count, draws) && tries)
		tries--;
	if (!tries)
		result = error_set(
			error, "no cabling of %u servers with %u cables each was found", size, degree);
	for (unsigned i = 0; result == 0 && i < count; i++)
		result = plan_join(plan, members[cables[i].a], members[cables[i].b], error);
	free(cables);
	return result;
}

int plan_interconnect(struct plan *plan, unsigned degree, uint64_t seed, char **error)
{
	unsigned *members = calloc(plan->count + 1, sizeof *members), last = 0;
	int result = 0;

	if (!members)
		abort();
	if (degree > PLAN_LINKS)
		result = error_set(error, "degree %u: three bits of an address name %d cables; write 0 to %d",
			degree, PLAN_LINKS, PLAN_LINKS);
	for (unsigned i = 0; i < plan->count; i++)
		last = plan->servers[i].rack > last ? plan->servers[i].rack : last;
	for (unsigned rack = 0; result == 0 && plan->count && degree && rack <= last; rack++) {
		uint64_t draws = draw_key(seed, rack, 1);
		unsigned size = 0;
		for (unsigned i = 0; i < plan->count; i++)
			if (plan->servers[i].rack == rack)
				members[size++] = i;
		if (size && degree > size - 1)
			result = error_set(error,
				"degree %u: a rack of %u servers has %u neighbours for each; write less",
				degree, size, size - 1);
		else if (size)
			result = join_rack(plan, members, size, degree, &draws, error);
	}
	free(members);
	return result;
}

int plan_join_rounds(struct plan *plan, unsigned degree, char **error)
{
	unsigned even = plan->count + plan->count % 2;

	if (degree > PLAN_LINKS || degree >= plan->count)
		return error_set(error, "degree %u: 0 to %d, less than servers", degree, PLAN_LINKS);
	for (unsigned turn = 0; turn < degree; turn++)
		/* In order of the first end: a's partner has the other side of the circle. */
		for (unsigned a = 0; a < plan->count; a++) {
			unsigned turns = even - 1, b;
			if (a == 0)
				b = 1 + (even - 2 + turn) % turns;
			else {
				/* a stands at place p of the circle (from 1), its partner at even - 1 - p; place p holds 1 + (p - 1 + turn) mod turns. */
				unsigned p = 1 + (a - 1 + turns - turn % turns) % turns;
				b = p == even - 1 ? 0 : 1 + (even - 2 - p + turn) % turns;
			}
			if (b > a && b < plan->count && plan_join(plan, a, b, error) < 0)
				return -1;
		}
	return 0;
}
