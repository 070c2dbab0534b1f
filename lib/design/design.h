/* Design: points in a space of networks, one row per point and one column per factor; a value goes from 0 to 1 over the
 * factor's range. This module chooses points, keeps them in a file, and measures how evenly they lie. Pure.
 *
 * Values are whole millionths, and distances are computed in whole numbers. So one seed gives the same points on every
 * machine, and the file holds them exactly. */
#ifndef LIQUIDNET_DESIGN_H
#define LIQUIDNET_DESIGN_H

#include "lib/base/pool.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DESIGN_UNIT 1000000u /* 1 */
#define DESIGN_COLUMNS_MAX 32
#define DESIGN_POINTS_MAX 10000
#define DESIGN_CANDIDATES_MAX 100000
#define DESIGN_SOBOL_COLUMNS 12

struct design {
	const char **columns; /* names of factors: letters, digits and _ */
	size_t columns_count;
	uint32_t *values; /* [point * columns_count + column], 0 to DESIGN_UNIT */
	size_t count;
	const char *head; /* how it was made, lines of "KEY: VALUE"; "" where that is not known */
	const unsigned
		*line; /* each point's line in the file that it was read from; NULL: it was made here */
};

enum design_metric { DESIGN_EUCLID, DESIGN_MANHATTAN };

/* Names, separated by commas, as columns of an empty design on `pool`; NULL with *error. */
struct design *design_new(struct pool *pool, const char *columns, char **error);

/* Each of these fills in an empty design, its head included. 0, or -1 with *error. The same seed gives the same points. */

struct design_wsp { /* J. Santiago, M. Claeys-Bruno, M. Sergent, Chemometrics 113, 2012, 26-31 */
	size_t points, candidates;
	uint64_t seed;
	enum design_metric metric;
};
/* Begins with uniform candidates and keeps the one nearest to the centre. Then it repeats: it removes the candidates that
 * are nearer than d_min to the last one kept, and keeps the nearest of the rest. The number of points kept follows from
 * d_min, which is found by bisection. Refused if no d_min gives the wanted number within 2 %; *error names the nearest
 * number. */
int design_wsp(struct pool *pool, struct design *design, const struct design_wsp *how, char **error);
/* Latin hypercube: in each column every n-th part of the range holds one point (M. D. McKay, R. J. Beckman, W. J. Conover,
 * Technometrics 21, 1979). */
int design_lhs(struct pool *pool, struct design *design, size_t points, uint64_t seed, char **error);
/* Sobol's sequence with the direction numbers of S. Joe and F. Y. Kuo (SIAM J. Sci. Comput. 30, 2008), shifted digitally
 * by the seed; seed 0: not shifted. */
int design_sobol(struct pool *pool, struct design *design, size_t points, uint64_t seed, char **error);
/* Every combination of so many levels per column, both ends of the range among them. */
int design_grid(struct pool *pool, struct design *design, size_t levels, char **error);

/* The file: lines of "# KEY: VALUE", a line of columns, a line per point; CSV, numbers from 0 to 1. */
void design_write(FILE *out, const struct design *design);
/* Reads such a text (`name` stands for the file in messages). NULL with *error, "NAME:LINE: ...". */
struct design *design_parse(
	struct pool *pool, const char *name, const char *text, size_t length, char **error);
struct design *design_load(struct pool *pool, const char *path, char **error);

struct design_range { /* of a column, in its own unit */
	const char *column;
	double from, to;
};
/* Imports points from a CSV file. It takes the columns of these names, in that order, scales them to their ranges, and
 * ignores other columns. NULL with *error: a value is outside of its range, or is no number. */
struct design *design_import(struct pool *pool, const char *path, const struct design_range *ranges,
	size_t ranges_count, char **error);

/* How the points lie: distances (Euclid) to the nearest other point. */
struct design_spacing {
	double least, mean, variation; /* variation: standard deviation by mean */
};
/* NAN where there are fewer than two points. */
struct design_spacing design_spacing(const struct design *design);
/* The same of as many points drawn uniformly. */
struct design_spacing design_spacing_of_chance(struct pool *pool, const struct design *design, uint64_t seed);
struct design_margin { /* of a column */
	double least, mean, most;
	double discrepancy; /* the largest difference from the uniform distribution function (Kolmogorov) */
};
struct design_margin design_margin(const struct design *design, size_t column);

/* The value of a point in a column, 0 to 1. */
static inline double design_value(const struct design *design, size_t point, size_t column)
{
	return (double)design->values[point * design->columns_count + column] / DESIGN_UNIT;
}
/* The column of that name; -1: there is none. */
int design_column(const struct design *design, const char *name);

#endif
