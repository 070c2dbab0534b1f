/* Points of the space, measured; see the header. */
#include "nodes/visits/sim/space.h"

#include "lib/base/error.h"
#include "lib/base/pool.h"
#include "lib/design/design.h"
#include "nodes/visits/sim/client.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PHY, SUCCESS = 2, WIRE = 4 }; /* columns of the design: two of each */

static double by_logarithm(double share, double from, double to)
{
	return from * pow(to / from, share);
}

/* The words of one access point, with a wire of `wire_mbps`. */
static void access_words(const struct design *d, size_t point, int which, double wire_mbps, char text[64])
{
	snprintf(text, 64, "ap=%.0fkbit/s:%.1f%%:%.0fkbit/s",
		1000 * by_logarithm(design_value(d, point, (size_t)(PHY + which)), 6, 54),
		30 + 70 * design_value(d, point, (size_t)(SUCCESS + which)), 1000 * wire_mbps);
}

static double wire_mbps(const struct design *d, size_t point, int which)
{
	return by_logarithm(design_value(d, point, (size_t)(WIRE + which)), 1, 30);
}

static int total(const char *text, const char *words, uint64_t seed, struct scenario *scenario, double *out,
	char **error)
{
	char whole[SCENARIO_TEXT];
	double values[CLIENT_MEASURES];

	snprintf(whole, sizeof whole, "%s%s%s", text, *words ? " " : "", words);
	if (scenario_parse(scenario, whole, error) < 0 || client_run(scenario, seed, values, error) < 0)
		return -1;
	*out = values[CLIENT_TOTAL];
	return 0;
}

/* Time goes to the access point with the faster air first, for as much as its wire brings. */
static double bound(const double alone[2], const double air[2])
{
	int first = air[1] > air[0];
	double left = 1 - alone[first] / air[first];

	left = left > 0 ? left : 0;
	return alone[first] + fmin(alone[!first], left * air[!first]);
}

static int measure_point(struct space_point *p, const struct design *d, size_t point, uint64_t seed,
	const char *words, char **error)
{
	char ap[2][64], open[64], text[SCENARIO_TEXT];
	struct scenario scenario;

	for (int k = 0; k < 2; k++) {
		access_words(d, point, k, wire_mbps(d, point, k), ap[k]);
		access_words(d, point, k, 1000, open);
		snprintf(text, sizeof text, "%s policy=none", ap[k]);
		if (total(text, words, seed, &scenario, &p->alone[k], error) < 0)
			return -1;
		snprintf(text, sizeof text, "%s policy=none", open);
		if (total(text, words, seed, &scenario, &p->air[k], error) < 0)
			return -1;
	}
	snprintf(text, sizeof text, "%s %s", ap[0], ap[1]);
	if (total(text, words, seed, &scenario, &p->fixed, error) < 0)
		return -1;
	snprintf(text, sizeof text, "%s %s policy=dynamic", ap[0], ap[1]);
	if (total(text, words, seed, &p->dynamic, &p->moved, error) < 0)
		return -1;
	p->better = fmax(p->alone[0], p->alone[1]);
	p->bound = bound(p->alone, p->air);
	return 0;
}

int space_measure(struct space *space, size_t points, uint64_t seed, const char *words, char **error)
{
	struct pool *pool = pool_new();
	struct design *design = design_new(pool, "phy1,phy2,success1,success2,wire1,wire2", error);
	int result = design && design_sobol(pool, design, points, seed, error) == 0 ? 0 : -1;

	*space = (struct space){.points = calloc(points, sizeof *space->points), .count = points};
	if (result == 0 && !space->points)
		result = error_set(error, "no memory for %zu points", points);
	for (size_t i = 0; i < points && result == 0; i++)
		result = measure_point(&space->points[i], design, i, seed + i, words, error);
	pool_free(pool);
	return result;
}

void space_free(struct space *space)
{
	free(space->points);
	*space = (struct space){0};
}
