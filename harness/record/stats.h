/* Statistics of a handful of numbers: what a cell of a results table says about its trials. Pure functions.
 */
#ifndef LIQUIDNET_STATS_H
#define LIQUIDNET_STATS_H

#include <stddef.h>
#include <stdint.h>

/* What is not defined for so few values is NAN: everything for n = 0; sd and the interval for n = 1. */
struct stats {
	size_t n;
	double mean;
	double sd;             /* of the sample: divided by n - 1 */
	double median, q1, q3; /* between neighbours by linear interpolation (Hyndman and Fan 1996, type 7) */
	double min, max;
	double ci95_low, ci95_high; /* of the mean: bootstrap, percentiles of STATS_RESAMPLES resamples */
};

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* LLVM's name for builds of fuzz targets: their time is the parsers' */
#define STATS_RESAMPLES 40
#else
#define STATS_RESAMPLES 10000
#endif

/* Describes n values (finite; not changed). The same seed gives the same interval. 0, or -1 when out of
 * memory. */
int stats_describe(const double *values, size_t n, uint64_t seed, struct stats *out);

/* The p-quantile (0..1) of ascending values, type 7; NAN for none. */
double stats_quantile(const double *ascending, size_t n, double p);
/* Puts values (none of them NAN) in ascending order. */
void stats_sort(double *values, size_t n);
/* The median of n values, which are put in ascending order; NAN for none. */
double stats_median(double *values, size_t n);

/* P(X >= r) for X binomial: n tries that succeed with probability p. */
double stats_binomial_tail(double n, double p, double r);

/* The p-quantile (0.5 <= p < 1) of Student's t distribution with df (> 0, need not be whole) degrees of
 * freedom. */
double stats_t_quantile(double p, double df);

/* A mean that takes part in a weighted sum of independent means. */
struct stats_term {
	double weight, sd, n;
};
/* Half the width of the 95 % interval of the sum of weight * mean: Student's t with the degrees of freedom of
 * Welch and Satterthwaite (B. L. Welch, Biometrika 34, 1947). NAN when a term has fewer than two values. */
double stats_welch_half_width(const struct stats_term *terms, size_t count);

/* Two means (or one and a constant) compared. What is not defined is NAN: everything for a group of fewer
 * than two values; t and p when there is no spread at all. */
struct stats_test {
	double t, df; /* Welch 1947; against a constant: Student's t, n - 1 */
	double p;     /* two-sided */
};
/* A group: its mean, the standard deviation of the sample and the number of values. n = 0: a constant. */
struct stats_group {
	double mean, sd, n;
};
struct stats_test stats_welch(struct stats_group a, struct stats_group b);
/* Hedges' g of a against b: the difference in units of the pooled standard deviation, corrected for few
 * values by the exact factor (L. V. Hedges, Journal of Educational Statistics 6, 1981). Against a constant:
 * in units of a's own. NAN without spread. */
double stats_hedges_g(struct stats_group a, struct stats_group b);

#endif
