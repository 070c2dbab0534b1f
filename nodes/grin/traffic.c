/* Traffic matrices; see the header. */
#include "nodes/grin/traffic.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdlib.h>

#define TRIES 1000

const char *const traffic_pattern_names[TRAFFIC_PATTERNS + 1] = {
	"permutation", "group", "all-to-all", "random", NULL};

unsigned traffic_active(const struct traffic_request *r)
{
	unsigned active = (unsigned)lround(r->active * r->servers);

	if (r->pattern == TRAFFIC_RANDOM)
		return active ? active : 1;
	return active < 2 ? 2 : active > r->servers ? r->servers : active;
}

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void shuffle(unsigned *items, unsigned count, uint64_t *draws)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned j = (unsigned)draw_below(draws, i), t = items[i - 1];
		items[i - 1] = items[j];
		items[j] = t;
	}
}

/* All servers in a drawn order: the first ones are the active. */
static unsigned *draw_order(unsigned servers, uint64_t *draws)
{
	unsigned *order = must(calloc(servers + 1, sizeof *order));

	for (unsigned i = 0; i < servers; i++)
		order[i] = i;
	shuffle(order, servers, draws);
	return order;
}

static bool may(const struct traffic_request *r, unsigned source, unsigned destination)
{
	return source != destination && (!r->between || source / r->rack != destination / r->rack);
}

/* Places of a drawn order that may not be are mended by exchanges that leave no new one. */
static bool mend(
	const struct traffic_request *r, const unsigned *from, unsigned *to, unsigned count, uint64_t *draws)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned tries = TRIES;
		while (!may(r, from[i], to[i]) && tries--) {
			unsigned j = (unsigned)draw_below(draws, count), t = to[i];
			if (!may(r, from[i], to[j]) || (may(r, from[j], to[j]) && !may(r, from[j], t)))
				continue;
			to[i] = to[j];
			to[j] = t;
		}
		if (!may(r, from[i], to[i]))
			return false;
	}
	return true;
}

static int permutation(
	const struct traffic_request *r, uint64_t *draws, struct traffic_flow **flows, char **error)
{
	unsigned count = traffic_active(r), tries = TRIES;
	unsigned *from = NULL, *to = must(calloc(count + 1, sizeof *to));
	bool whole = false;

	while (!whole && tries--) {
		free(from);
		from = draw_order(r->servers, draws);
		for (unsigned i = 0; i < count; i++)
			to[i] = from[i];
		shuffle(to, count, draws);
		whole = mend(r, from, to, count, draws);
	}
	*flows = must(calloc(count + 1, sizeof **flows));
	for (unsigned i = 0; i < count; i++)
		(*flows)[i] = (struct traffic_flow){from[i], to[i]};
	free(from);
	free(to);
	return whole ? (int)count
		     : error_set(error,
			       "no permutation of %u servers between racks was found; make more active",
			       count);
}

static int groups(const struct traffic_request *r, uint64_t *draws, struct traffic_flow **flows, char **error)
{
	if (r->group < 2 || r->group > r->servers)
		return error_set(error, "a group of %u; write 2 to %u servers", r->group, r->servers);
	unsigned *order = draw_order(r->servers, draws), count = 0;
	*flows = must(calloc(r->servers + 1, sizeof **flows));
	for (unsigned g = 0; g + r->group <= r->servers; g += r->group)
		for (unsigned i = 1; i < r->group; i++) /* the first of a drawn order is as good as any */
			(*flows)[count++] = (struct traffic_flow){order[g + i], order[g]};
	free(order);
	return (int)count;
}

static int all_to_all(const struct traffic_request *r, uint64_t *draws, struct traffic_flow **flows)
{
	unsigned *order = draw_order(r->servers, draws), active = traffic_active(r), count = 0;

	*flows = must(calloc((size_t)active * active + 1, sizeof **flows));
	for (unsigned i = 0; i < active; i++)
		for (unsigned k = 0; k < active; k++)
			if (i != k)
				(*flows)[count++] = (struct traffic_flow){order[i], order[k]};
	free(order);
	return (int)count;
}

static int at_random(const struct traffic_request *r, uint64_t *draws, struct traffic_flow **flows)
{
	unsigned count = traffic_active(r);

	*flows = must(calloc(count + 1, sizeof **flows));
	for (unsigned i = 0; i < count;) {
		struct traffic_flow f = {
			(unsigned)draw_below(draws, r->servers), (unsigned)draw_below(draws, r->servers)};
		if (may(r, f.source, f.destination))
			(*flows)[i++] = f;
	}
	return (int)count;
}

int traffic_draw(const struct traffic_request *r, struct traffic_flow **flows, char **error)
{
	uint64_t draws = draw_key(r->seed, r->pattern, 2);

	*flows = NULL;
	if (r->servers < 2 || !r->rack)
		return error_set(error, "%u servers; a matrix needs two", r->servers);
	if (r->between && r->rack >= r->servers && r->pattern != TRAFFIC_GROUP &&
		r->pattern != TRAFFIC_ALL_TO_ALL)
		return error_set(error, "only between racks, but there is one rack");
	switch (r->pattern) {
	case TRAFFIC_PERMUTATION: {
		int count = permutation(r, &draws, flows, error);
		if (count < 0) {
			free(*flows);
			*flows = NULL;
		}
		return count;
	}
	case TRAFFIC_GROUP:
		return groups(r, &draws, flows, error);
	case TRAFFIC_ALL_TO_ALL:
		return all_to_all(r, &draws, flows);
	default:
		return at_random(r, &draws, flows);
	}
}
