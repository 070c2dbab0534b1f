/* WSP: see the header. Distances are whole numbers: sums of millionths, or of their squares. */
#include "lib/design/design.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct search {
	const uint32_t *candidates;
	size_t count, width;
	enum design_metric metric;
	uint32_t *left;      /* indices of candidates that are neither kept nor dropped */
	uint64_t *distances; /* of those, to the last one kept */
	uint32_t *kept;
	size_t kept_count;
};

static uint64_t apart(const struct search *s, const uint32_t *a, const uint32_t *b)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s->width; i++) {
		uint64_t d = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
		sum += s->metric == DESIGN_EUCLID ? d * d : d;
	}
	return sum;
}

static uint32_t nearest_to_centre(const struct search *s)
{
	uint32_t centre[DESIGN_COLUMNS_MAX], best = 0;
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < s->width; i++)
		centre[i] = DESIGN_UNIT / 2;
	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t d = apart(s, s->candidates + i * s->width, centre);
		if (d < least) {
			least = d;
			best = i;
		}
	}
	return best;
}

/* Keeps what no other kept one is nearer to than `d_min` (millionths); stops beyond `most`, which is too many. */
static void keep(struct search *s, uint64_t d_min, size_t most)
{
	uint64_t bound = s->metric == DESIGN_EUCLID ? d_min * d_min : d_min;
	uint32_t last = nearest_to_centre(s);
	size_t left = 0;
	for (uint32_t i = 0; i < s->count; i++)
		if (i != last)
			s->left[left++] = i;
	s->kept_count = 0;
	for (;;) {
		s->kept[s->kept_count++] = last;
		size_t n = 0, nearest = 0;
		for (size_t i = 0; i < left; i++) {
			uint64_t d = apart(
				s, s->candidates + s->left[i] * s->width, s->candidates + last * s->width);
			if (d < bound)
				continue;
			s->left[n] = s->left[i];
			s->distances[n] = d;
			if (d < s->distances[nearest])
				nearest = n;
			n++;
		}
		if (n == 0 || s->kept_count > most)
			return;
		last = s->left[nearest];
		for (size_t i = nearest; i + 1 < n; i++) /* in order: of equals the first candidate wins */
			s->left[i] = s->left[i + 1];
		left = n - 1;
	}
}

static size_t further(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

/* The d_min whose number of points is nearest to `points`. */
static uint64_t halve(struct search *s, size_t points)
{
	uint64_t low = 0, high = (uint64_t)(s->metric == DESIGN_EUCLID ? sqrt((double)s->width) * DESIGN_UNIT
								       : (double)s->width * DESIGN_UNIT) +
				 1;
	uint64_t best = 0;
	size_t best_count = s->count;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		keep(s, middle, 2 * points);
		if (further(s->kept_count, points) <= further(best_count, points)) {
			best = middle;
			best_count = s->kept_count;
		}
		if (s->kept_count == points)
			break;
		if (s->kept_count > points)
			low = middle;
		else
			high = middle;
	}
	keep(s, best, s->count);
	return best;
}

static void take(struct pool *pool, struct design *design, const struct search *s,
	const struct design_wsp *how, uint64_t d_min)
{
	design->count = s->kept_count;
	design->values = pool_alloc(pool, s->kept_count * s->width, sizeof *design->values);
	for (size_t i = 0; i < s->kept_count; i++)
		for (size_t k = 0; k < s->width; k++)
			design->values[i * s->width + k] = s->candidates[s->kept[i] * s->width + k];
	design->head = pool_printf(pool,
		"algorithm: wsp\nseed: %llu\ncandidates: %zu\nmetric: %s\npoints wanted: %zu\nd_min: %.6f\n",
		(unsigned long long)how->seed, how->candidates,
		how->metric == DESIGN_EUCLID ? "euclid" : "manhattan", how->points,
		(double)d_min / DESIGN_UNIT);
}

int design_wsp(struct pool *pool, struct design *design, const struct design_wsp *how, char **error)
{
	if (how->points < 2 || how->points > DESIGN_POINTS_MAX)
		return error_set(error, "%zu points; a design has 2 to %d", how->points, DESIGN_POINTS_MAX);
	if (how->candidates < how->points || how->candidates > DESIGN_CANDIDATES_MAX)
		return error_set(error,
			"%zu candidates; there must be as many as points (%zu), and at most %d",
			how->candidates, how->points, DESIGN_CANDIDATES_MAX);
	size_t n = how->candidates, width = design->columns_count;
	uint64_t state = draw_key(how->seed, 0, 1);
	uint32_t *candidates = pool_alloc(pool, n * width, sizeof *candidates);
	for (size_t i = 0; i < n * width; i++)
		candidates[i] = (uint32_t)draw_below(&state, DESIGN_UNIT + 1);
	struct search s = {.candidates = candidates,
		.count = n,
		.width = width,
		.metric = how->metric,
		.left = pool_alloc(pool, n, sizeof *s.left),
		.distances = pool_alloc(pool, n, sizeof *s.distances),
		.kept = pool_alloc(pool, n, sizeof *s.kept)};
	uint64_t d_min = halve(&s, how->points);
	if (further(s.kept_count, how->points) * 50 > how->points)
		return error_set(error,
			"no d_min gives %zu points within 2 %%; the nearest, %.6f, gives %zu: take another seed, or more candidates than %zu",
			how->points, (double)d_min / DESIGN_UNIT, s.kept_count, how->candidates);
	take(pool, design, &s, how, d_min);
	return 0;
}
