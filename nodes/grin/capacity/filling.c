/* Random paths, filled in order of length. */
#include "lib/base/draw.h"
#include "nodes/grin/capacity/capacity.h"
#include "nodes/grin/capacity/ways.h"
#include <math.h>
#include <stdlib.h>

enum { PATH_MOST = 2 * WAY_CABLES + 2 };

struct path {
	unsigned length; /* as 3.3.2.2 has it: cables; one less where there is nothing else */
	uint64_t lot;    /* order among paths of one length */
	unsigned count, resources[PATH_MOST];
};

struct filling {
	const struct plan *plan;
	struct path *paths;
	unsigned count;
	struct ways up, down, rack;
};

static void put_cables(struct path *path, const struct way *way, unsigned servers, bool backwards)
{
	for (unsigned i = 0; i < way->count; i++)
		/* The other direction of a cable is its neighbour in number. */
		path->resources[path->count++] =
			2 * servers + (backwards ? way->cables[i] ^ 1 : way->cables[i]);
}

/* The number-th of all paths: over the switch, every way up with every way down, the first is the direct one; then those within the rack. */
static struct path path_of(const struct filling *f, uint64_t number)
{
	uint64_t core = (uint64_t)f->up.count * f->down.count;
	struct path path = {0};

	if (number >= core) {
		const struct way *way = &f->rack.list[number - core];
		put_cables(&path, way, f->plan->count, false);
		path.length = way->count - 1;
		return path;
	}
	const struct way *up = &f->up.list[number / f->down.count],
			 *down = &f->down.list[number % f->down.count];
	put_cables(&path, up, f->plan->count, false);
	path.resources[path.count++] = 2 * up->servers[up->count];
	path.resources[path.count++] = 2 * down->servers[down->count] + 1;
	put_cables(&path, down, f->plan->count, true);
	path.length = up->count + down->count;
	return path;
}

/* Whether the numbers before have it. */
static bool taken(const uint64_t *numbers, unsigned count, uint64_t number)
{
	for (unsigned i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static void choose(
	struct filling *f, struct traffic_flow flow, unsigned hops, unsigned choices, uint64_t *draws)
{
	bool same_rack = f->plan->servers[flow.source].rack == f->plan->servers[flow.destination].rack;

	ways_from(f->plan, flow.source, hops, -1, &f->up);
	/* Ways down are ways from the destination, backwards. */
	ways_from(f->plan, flow.destination, hops, -1, &f->down);
	f->rack.count = 0;
	if (same_rack)
		ways_from(f->plan, flow.source, hops + 1 < WAY_CABLES ? hops + 1 : WAY_CABLES,
			(int)flow.destination, &f->rack);
	uint64_t all = (uint64_t)f->up.count * f->down.count + f->rack.count;
	uint64_t *numbers = calloc(choices, sizeof *numbers);
	if (!numbers)
		abort();
	/* Neighbours' direct path is their cable. */
	for (unsigned i = 0; i < f->rack.count; i++)
		if (f->rack.list[i].count == 1)
			numbers[0] = (uint64_t)f->up.count * f->down.count + i;
	for (unsigned i = 0; i < choices && i < all; i++) {
		while (i && taken(numbers, i, numbers[i] = draw_below(draws, all)))
			;
		f->paths[f->count] = path_of(f, numbers[i]);
		f->paths[f->count++].lot = draw_next(draws);
	}
	free(numbers);
}

static int by_length(const void *a, const void *b)
{
	const struct path *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

double capacity_filling(const struct plan *plan, const struct traffic_flow *flows, unsigned count,
	unsigned hops, unsigned choices, uint64_t seed)
{
	struct filling f = {.plan = plan, .paths = calloc((size_t)count * choices + 1, sizeof *f.paths)};
	unsigned resources = 2 * plan->count + 2 * plan->links;
	double *left = calloc(resources + 1, sizeof *left), sum = 0;
	uint64_t draws = draw_key(seed, hops, 4);

	if (!f.paths || !left)
		abort();
	for (unsigned i = 0; i < resources; i++)
		left[i] = 1;
	for (unsigned i = 0; i < count; i++)
		choose(&f, flows[i], hops, choices, &draws);
	qsort(f.paths, f.count, sizeof *f.paths, by_length);
	for (unsigned i = 0; i < f.count; i++) {
		double room = 1;
		for (unsigned k = 0; k < f.paths[i].count; k++)
			room = fmin(room, left[f.paths[i].resources[k]]);
		for (unsigned k = 0; k < f.paths[i].count; k++)
			left[f.paths[i].resources[k]] -= room;
		sum += room;
	}
	free(f.paths);
	free(f.up.list);
	free(f.down.list);
	free(f.rack.list);
	free(left);
	return sum;
}
