/* Statistics. Sums are taken in two passes with a correction, so that values far from zero lose no digits
 * (checked against NIST's reference sets). */
#include "harness/record/stats.h"

#include "lib/base/draw.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int ascending_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double mean_of(const double *values, size_t n)
{
	double sum = 0, rest = 0;

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	double mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		rest += values[i] - mean;
	return mean + rest / (double)n;
}

static double sd_of(const double *values, size_t n, double mean)
{
	double squares = 0, rest = 0;

	for (size_t i = 0; i < n; i++) {
		double d = values[i] - mean;
		squares += d * d;
		rest += d;
	}
	return sqrt(fmax(0, squares - rest * rest / (double)n) / (double)(n - 1));
}

double stats_quantile(const double *ascending, size_t n, double p)
{
	if (n == 0)
		return NAN;
	double at = p * (double)(n - 1);
	size_t below = (size_t)at;
	if (below + 1 >= n)
		return ascending[n - 1];
	return ascending[below] + (at - (double)below) * (ascending[below + 1] - ascending[below]);
}

void stats_sort(double *values, size_t n)
{
	if (n)
		qsort(values, n, sizeof *values, ascending_order);
}

double stats_median(double *values, size_t n)
{
	stats_sort(values, n);
	return stats_quantile(values, n, 0.5);
}

static int bootstrap(const double *values, uint64_t seed, struct stats *out)
{
	double *means = malloc(STATS_RESAMPLES * sizeof *means);

	if (!means)
		return -1;
	for (size_t r = 0; r < STATS_RESAMPLES; r++) {
		double sum = 0;
		for (size_t i = 0; i < out->n; i++)
			sum += values[draw_below(&seed, out->n)] - out->mean;
		means[r] = out->mean + sum / (double)out->n;
	}
	qsort(means, STATS_RESAMPLES, sizeof *means, ascending_order);
	out->ci95_low = stats_quantile(means, STATS_RESAMPLES, 0.025);
	out->ci95_high = stats_quantile(means, STATS_RESAMPLES, 0.975);
	free(means);
	return 0;
}

int stats_describe(const double *values, size_t n, uint64_t seed, struct stats *out)
{
	*out = (struct stats){n, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	if (n == 0)
		return 0;
	double *sorted = malloc(n * sizeof *sorted);
	if (!sorted)
		return -1;
	memcpy(sorted, values, n * sizeof *sorted);
	out->median = stats_median(sorted, n);
	out->q1 = stats_quantile(sorted, n, 0.25);
	out->q3 = stats_quantile(sorted, n, 0.75);
	out->min = sorted[0];
	out->max = sorted[n - 1];
	free(sorted);
	out->mean = mean_of(values, n);
	if (n == 1)
		return 0;
	out->sd = sd_of(values, n, out->mean);
	return bootstrap(values, seed, out);
}

/* Near the middle of the distribution the fraction takes about sqrt(a + b) steps: enough for 10^8 samples. */
enum { BETA_STEPS = 20000 };

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8), by Lentz's method.
 */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1);

	d = 1 / (fabs(d) < tiny ? tiny : d);
	double f = d;
	for (int m = 1; m < BETA_STEPS; m++) {
		double terms[2] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
			-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
		double step = 1;
		for (int i = 0; i < 2; i++) {
			d = 1 + terms[i] * d;
			c = 1 + terms[i] / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			step = d * c;
			f *= step;
		}
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return f;
}

/* The regularized incomplete beta function I_x(a, b). */
static double beta_regularized(double a, double b, double x)
{
	if (x <= 0 || x >= 1)
		return x >= 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2)) /* where the fraction converges fast */
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(X >= r) = I_p(r, n - r + 1) (Abramowitz and Stegun, 26.5.24). */
double stats_binomial_tail(double n, double p, double r)
{
	if (r <= 0)
		return 1;
	return r > n ? 0 : beta_regularized(r, n - r + 1, p);
}

/* P(T > t), t >= 0 (Abramowitz and Stegun, 26.7.1). */
static double t_tail(double t, double df)
{
	return beta_regularized(df / 2, 0.5, df / (df + t * t)) / 2;
}

double stats_t_quantile(double p, double df)
{
	double low = 0, high = 1;

	while (t_tail(high, df) > 1 - p && high < 1e12)
		high *= 2;
	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;
		if (t_tail(middle, df) > 1 - p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

double stats_welch_half_width(const struct stats_term *terms, size_t count)
{
	double variance = 0, per_degree = 0;

	for (size_t i = 0; i < count; i++) {
		const struct stats_term *t = &terms[i];
		if (!(t->n >= 2) || isnan(t->sd))
			return NAN;
		double v = t->weight * t->weight * t->sd * t->sd / t->n;
		variance += v;
		per_degree += v * v / (t->n - 1);
	}
	if (!(per_degree > 0)) /* no spread at all */
		return 0;
	return stats_t_quantile(0.975, variance * variance / per_degree) * sqrt(variance);
}

static double variance_of_mean(struct stats_group group)
{
	return group.n > 0 ? group.sd * group.sd / group.n : 0;
}

static bool usable(struct stats_group group)
{
	return !isnan(group.mean) && (group.n <= 0 || (group.n >= 2 && !isnan(group.sd)));
}

struct stats_test stats_welch(struct stats_group a, struct stats_group b)
{
	struct stats_test test = {NAN, NAN, NAN};
	double va = variance_of_mean(a), vb = variance_of_mean(b);

	if (!usable(a) || !usable(b) || !(va + vb > 0))
		return test;
	double per_degree = (va > 0 ? va * va / (a.n - 1) : 0) + (vb > 0 ? vb * vb / (b.n - 1) : 0);
	test.t = (a.mean - b.mean) / sqrt(va + vb);
	test.df = (va + vb) * (va + vb) / per_degree;
	test.p = 2 * t_tail(fabs(test.t), test.df);
	return test;
}

double stats_hedges_g(struct stats_group a, struct stats_group b)
{
	double da = a.n > 0 ? a.n - 1 : 0, db = b.n > 0 ? b.n - 1 : 0, df = da + db;

	if (!usable(a) || !usable(b) || df < 1)
		return NAN;
	double pooled = sqrt(((da > 0 ? da * a.sd * a.sd : 0) + (db > 0 ? db * b.sd * b.sd : 0)) / df);
	if (!(pooled > 0))
		return NAN;
	double correction = df > 1 ? exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2) : NAN;
	return (a.mean - b.mean) / pooled * correction;
}
