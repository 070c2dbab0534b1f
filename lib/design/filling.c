/* Designs other than WSP's: Latin hypercube, Sobol's sequence, grid. */
#include "lib/design/design.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"

static int check_points(size_t points, char **error)
{
	return points >= 1 && points <= DESIGN_POINTS_MAX
		       ? 0
		       : error_set(error, "%zu points; a design has 1 to %d", points, DESIGN_POINTS_MAX);
}

static uint32_t *begin(struct pool *pool, struct design *design, size_t points)
{
	design->count = points;
	design->values = pool_alloc(pool, points * design->columns_count, sizeof *design->values);
	return design->values;
}

int design_lhs(struct pool *pool, struct design *design, size_t points, uint64_t seed, char **error)
{
	if (check_points(points, error) < 0)
		return -1;
	size_t width = design->columns_count;
	uint32_t *values = begin(pool, design, points);
	size_t *parts = pool_alloc(pool, points, sizeof *parts);
	uint64_t state = draw_key(seed, 0, 3);
	for (size_t c = 0; c < width; c++) {
		for (size_t i = 0; i < points; i++)
			parts[i] = i;
		for (size_t i = points; i > 1; i--) { /* Fisher-Yates */
			size_t k = draw_below(&state, i), other = parts[k];
			parts[k] = parts[i - 1];
			parts[i - 1] = other;
		}
		for (size_t i = 0; i < points; i++) {
			uint64_t first = (parts[i] * DESIGN_UNIT + points - 1) / points,
				 next = ((parts[i] + 1) * DESIGN_UNIT + points - 1) / points;
			values[i * width + c] = (uint32_t)(first + draw_below(&state, next - first));
		}
	}
	design->head = pool_printf(pool, "algorithm: lhs\nseed: %llu\n", (unsigned long long)seed);
	return 0;
}

/* The first rows of new-joe-kuo-6.21201: degree s and coefficients a of the primitive polynomial, initial numbers m. The
 * first column has none: all its m are 1. */
static const struct {
	unsigned s, a, m[5];
} directions[DESIGN_SOBOL_COLUMNS - 1] = {
	{1, 0, {1}},
	{2, 1, {1, 3}},
	{3, 1, {1, 3, 1}},
	{3, 2, {1, 1, 1}},
	{4, 1, {1, 1, 3, 3}},
	{4, 4, {1, 3, 5, 13}},
	{5, 2, {1, 1, 5, 5, 17}},
	{5, 4, {1, 1, 5, 5, 5}},
	{5, 7, {1, 1, 7, 11, 19}},
	{5, 11, {1, 1, 5, 1, 1}},
	{5, 13, {1, 1, 1, 3, 11}},
};

/* The 32 direction numbers of a column. P. Bratley, B. L. Fox, ACM TOMS 14, 1988. */
static void direct(size_t column, uint32_t v[32])
{
	unsigned s = column ? directions[column - 1].s : 32;
	for (unsigned i = 0; i < 32; i++) {
		if (i < s) {
			v[i] = (column ? directions[column - 1].m[i] : 1) << (31 - i);
			continue;
		}
		v[i] = v[i - s] ^ (v[i - s] >> s);
		for (unsigned k = 1; k < s; k++)
			if (directions[column - 1].a >> (s - 1 - k) & 1)
				v[i] ^= v[i - k];
	}
}

int design_sobol(struct pool *pool, struct design *design, size_t points, uint64_t seed, char **error)
{
	size_t width = design->columns_count;
	if (check_points(points, error) < 0)
		return -1;
	if (width > DESIGN_SOBOL_COLUMNS)
		return error_set(
			error, "%zu columns; direction numbers are here for %d", width, DESIGN_SOBOL_COLUMNS);
	uint32_t *values = begin(pool, design, points), v[32];
	uint64_t state = draw_key(seed, 0, 4);
	for (size_t c = 0; c < width; c++) {
		uint32_t x = seed ? (uint32_t)(draw_next(&state) >> 32) : 0;
		direct(c, v);
		for (size_t i = 0; i < points; i++) { /* in the order of Gray's code */
			values[i * width + c] = (uint32_t)((uint64_t)x * DESIGN_UNIT >> 32);
			x ^= v[__builtin_ctz(~(unsigned)i)];
		}
	}
	design->head = pool_printf(pool, "algorithm: sobol\nseed: %llu\n", (unsigned long long)seed);
	return 0;
}

int design_grid(struct pool *pool, struct design *design, size_t levels, char **error)
{
	size_t width = design->columns_count, points = 1;
	if (levels < 2)
		return error_set(error, "%zu levels; a grid has 2 at least", levels);
	for (size_t c = 0; c < width; c++) {
		points *= levels;
		if (points > DESIGN_POINTS_MAX || levels > DESIGN_POINTS_MAX)
			return error_set(error, "%zu levels of %zu columns make more than %d points", levels,
				width, DESIGN_POINTS_MAX);
	}
	uint32_t *values = begin(pool, design, points);
	for (size_t i = 0; i < points; i++) {
		size_t rest = i;
		for (size_t c = width; c-- > 0; rest /= levels)
			values[i * width + c] =
				(uint32_t)((rest % levels * DESIGN_UNIT + (levels - 1) / 2) / (levels - 1));
	}
	design->head = pool_printf(pool, "algorithm: grid\nlevels: %zu\n", levels);
	return 0;
}
