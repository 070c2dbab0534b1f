/* Design: what all ways of making one share, and how its points lie. */
#include "lib/design/design.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int design_column(const struct design *design, const char *name)
{
	for (size_t i = 0; i < design->columns_count; i++)
		if (strcmp(design->columns[i], name) == 0)
			return (int)i;
	return -1;
}

struct design *design_new(struct pool *pool, const char *columns, char **error)
{
	struct design *design = pool_alloc(pool, 1, sizeof *design);
	design->columns = pool_alloc(pool, DESIGN_COLUMNS_MAX, sizeof *design->columns);
	design->head = "";
	for (const char *at = columns;; at++) {
		size_t length = strcspn(at, ",");
		char *name = pool_printf(pool, "%.*s", (int)length, at);
		if (!length ||
			strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
				length) {
			error_set(error, "`%s` is no name of a column; it has letters, digits and _", name);
			return NULL;
		}
		if (design_column(design, name) >= 0) {
			error_set(error, "two columns are called `%s`", name);
			return NULL;
		}
		if (design->columns_count == DESIGN_COLUMNS_MAX) {
			error_set(error, "more than %d columns", DESIGN_COLUMNS_MAX);
			return NULL;
		}
		design->columns[design->columns_count++] = name;
		at += length;
		if (!*at)
			return design;
	}
}

/* ---- how points lie */

static double distance(const uint32_t *a, const uint32_t *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		double d = ((double)a[i] - (double)b[i]) / DESIGN_UNIT;
		sum += d * d;
	}
	return sqrt(sum);
}

struct design_spacing design_spacing(const struct design *design)
{
	struct design_spacing s = {NAN, NAN, NAN};
	size_t n = design->count, width = design->columns_count;
	double sum = 0, squares = 0;
	if (n < 2)
		return s;
	s.least = INFINITY;
	for (size_t i = 0; i < n; i++) {
		double nearest = INFINITY;
		for (size_t k = 0; k < n; k++)
			if (k != i)
				nearest = fmin(nearest, distance(design->values + i * width,
								design->values + k * width, width));
		s.least = fmin(s.least, nearest);
		sum += nearest;
		squares += nearest * nearest;
	}
	s.mean = sum / (double)n;
	s.variation = s.mean > 0 ? sqrt(fmax(squares / (double)n - s.mean * s.mean, 0)) / s.mean : NAN;
	return s;
}

struct design_spacing design_spacing_of_chance(struct pool *pool, const struct design *design, uint64_t seed)
{
	struct design chance = *design;
	uint64_t state = draw_key(seed, 0, 2);
	size_t n = design->count * design->columns_count;
	chance.values = pool_alloc(pool, n, sizeof *chance.values);
	for (size_t i = 0; i < n; i++)
		chance.values[i] = (uint32_t)draw_below(&state, DESIGN_UNIT + 1);
	return design_spacing(&chance);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

struct design_margin design_margin(const struct design *design, size_t column)
{
	struct design_margin m = {NAN, NAN, NAN, NAN};
	size_t n = design->count;
	double *values = n ? malloc(n * sizeof *values) : NULL, sum = 0;
	if (!values)
		return m;
	for (size_t i = 0; i < n; i++)
		sum += values[i] = design_value(design, i, column);
	qsort(values, n, sizeof *values, ascending);
	m = (struct design_margin){values[0], sum / (double)n, values[n - 1], 0};
	for (size_t i = 0; i < n; i++) {
		double above = (double)(i + 1) / (double)n - values[i],
		       below = values[i] - (double)i / (double)n;
		m.discrepancy = fmax(m.discrepancy, fmax(above, below));
	}
	free(values);
	return m;
}
