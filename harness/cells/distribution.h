/* Distribution: what a design (experiment.h) says as a whole. A point's value is the median of the primary measure over its
 * trials; the points of a procedure make a distribution, which is compared with that of another procedure, or of another
 * run, point by point. */
#ifndef LIQUIDNET_DISTRIBUTION_H
#define LIQUIDNET_DISTRIBUTION_H

#include "harness/cells/cells.h"
#include "lib/base/pool.h"

#define DISTRIBUTION_QUANTILES 5
extern const double distribution_parts[DISTRIBUTION_QUANTILES]; /* 0.05, 0.25, 0.5, 0.75, 0.95 */
#define DISTRIBUTION_WORSE 0.1 /* a point is worse than it was when its value is worse by more than this */

struct distribution {
	const struct cells *cells;
	size_t procedure;
	size_t n;                                 /* points that have a value */
	const size_t *points;                     /* their configurations, ascending by value */
	const double *values;                     /* ascending */
	double quantiles[DISTRIBUTION_QUANTILES]; /* NAN: no points */
};

/* Of a procedure, over the points of one design or (NULL) all. On `pool`. */
struct distribution distribution_of(
	struct pool *pool, const struct cells *cells, size_t procedure, const char *design);
/* The share of the points whose value is below `mark`; NAN: there are none. */
double distribution_below(const struct distribution *d, double mark);
/* The rank correlation of the value with a factor of the design. */
double distribution_correlation(const struct distribution *d, size_t factor);
/* The i-th point from the worse end. */
size_t distribution_worst(const struct distribution *d, size_t i);

/* The command that runs a point of the distribution again, as its run was made. On `pool`. */
const char *distribution_again(struct pool *pool, const struct distribution *d, size_t configuration);

struct distribution_pairs {
	size_t n;             /* points that both have */
	double difference;    /* the median of b - a; NAN: none */
	double p;             /* that the differences lie around 0, by Wilcoxon's signed-rank test */
	size_t worse, better; /* points at which b is worse, better than a by more than DISTRIBUTION_WORSE */
};
/* Points are matched by name: a and b may be of two runs. */
struct distribution_pairs distribution_compare(
	struct pool *pool, const struct distribution *a, const struct distribution *b);

#endif
