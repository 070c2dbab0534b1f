/* Ranks: see the header. */
#include "harness/record/ranks.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define EXACT 50 /* differences; R's wilcox.test has the same bound */

struct indexed {
	double value;
	size_t index;
};

static int ascending(const void *a, const void *b)
{
	double x = ((const struct indexed *)a)->value, y = ((const struct indexed *)b)->value;
	return (x > y) - (x < y);
}

void ranks_of(const double *values, size_t n, double *ranks)
{
	struct indexed *sorted = calloc(n + 1, sizeof *sorted);
	if (!sorted)
		abort();
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct indexed){values[i], i};
	qsort(sorted, n, sizeof *sorted, ascending);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && sorted[end].value == sorted[i].value; end++)
			;
		for (size_t k = i; k < end; k++)
			ranks[sorted[k].index] = (double)(i + 1 + end) / 2;
	}
	free(sorted);
}

double ranks_correlation(const double *x, const double *y, size_t n)
{
	if (n < 3)
		return NAN;
	double *a = calloc(2 * n, sizeof *a), *b = a + n, mean = (double)(n + 1) / 2;
	double xx = 0, yy = 0, xy = 0;
	if (!a)
		abort();
	ranks_of(x, n, a);
	ranks_of(y, n, b);
	for (size_t i = 0; i < n; i++) {
		xx += (a[i] - mean) * (a[i] - mean);
		yy += (b[i] - mean) * (b[i] - mean);
		xy += (a[i] - mean) * (b[i] - mean);
	}
	free(a);
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

/* P(V <= v) where each of the ranks 1..n is positive with probability 1/2: by counting the subsets of each sum. */
static double at_most(size_t n, size_t v)
{
	size_t most = n * (n + 1) / 2;
	double *ways = calloc(most + 1, sizeof *ways), sum = 0;
	if (!ways)
		abort();
	ways[0] = 1;
	for (size_t rank = 1; rank <= n; rank++)
		for (size_t s = most; s >= rank; s--)
			ways[s] += ways[s - rank];
	for (size_t s = 0; s <= v && s <= most; s++)
		sum += ways[s];
	free(ways);
	return sum / pow(2, (double)n);
}

/* The sum of t^3 - t over groups of t equal values. */
static double ties(const double *values, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		size_t t = 0;
		for (size_t k = 0; k < n; k++)
			t += values[k] == values[i];
		sum += (double)t * (double)t - 1; /* each of the t members adds its part */
	}
	return sum;
}

struct signed_ranks ranks_signed(const double *differences, size_t count)
{
	struct signed_ranks s = {.p = NAN};
	double *size = calloc(2 * count + 1, sizeof *size), *ranks = size + count;
	bool *positive = calloc(count + 1, sizeof *positive);
	if (!size || !positive)
		abort();
	for (size_t i = 0; i < count; i++)
		if (differences[i] != 0) {
			positive[s.n] = differences[i] > 0;
			size[s.n++] = fabs(differences[i]);
		}
	ranks_of(size, s.n, ranks);
	for (size_t i = 0; i < s.n; i++)
		s.positive += positive[i] ? ranks[i] : 0;
	double n = (double)s.n, tied = ties(size, s.n), centre = n * (n + 1) / 4,
	       sd = sqrt(n * (n + 1) * (2 * n + 1) / 24 - tied / 48);
	if (s.n && s.n <= EXACT && tied == 0) {
		double low = s.positive < centre ? s.positive : 2 * centre - s.positive;
		s.p = fmin(1, 2 * at_most(s.n, (size_t)low));
	} else if (sd > 0) {
		double z = fmax(fabs(s.positive - centre) - 0.5, 0) / sd;
		s.p = erfc(z / sqrt(2));
	}
	free(size);
	free(positive);
	return s;
}
