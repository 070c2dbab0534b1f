/* Pairs: see the header. */
#include "harness/record/pairs.h"

#include "harness/record/stats.h"
#include "lib/base/draw.h"
#include <math.h>
#include <stdlib.h>

static double ratio_of(double of, double against)
{
	return against > 0 ? of / against : NAN;
}

static int bootstrap(const double *of, const double *against, size_t n, uint64_t seed, struct pairs *out)
{
	double *ratios = malloc(STATS_RESAMPLES * sizeof *ratios);
	size_t count = 0;
	uint64_t draw = seed;
	if (!ratios)
		return -1;
	for (size_t r = 0; r < STATS_RESAMPLES; r++) {
		double one = 0, other = 0;
		for (size_t i = 0; i < n; i++) {
			draw += DRAW_GOLDEN;
			size_t block = (size_t)(((unsigned __int128)draw_mix(draw) * n) >> 64);
			one += of[block];
			other += against[block];
		}
		if (other > 0)
			ratios[count++] = one / other;
	}
	stats_sort(ratios, count);
	out->low = stats_quantile(ratios, count, 0.025);
	out->high = stats_quantile(ratios, count, 0.975);
	free(ratios);
	return 0;
}

int pairs_compare(const double *of, const double *against, size_t n, uint64_t seed, struct pairs *out)
{
	double sum_of = 0, sum_against = 0, *differences = malloc((n + 1) * sizeof *differences);
	if (!differences)
		return -1;
	*out = (struct pairs){.n = n, .low = NAN, .high = NAN, .p = NAN};
	for (size_t i = 0; i < n; i++) {
		sum_of += of[i];
		sum_against += against[i];
		differences[i] = of[i] - against[i];
		out->more += differences[i] > 0;
		out->less += differences[i] < 0;
	}
	out->ratio = ratio_of(sum_of, sum_against);
	out->median = stats_median(differences, n);
	free(differences);
	size_t signs = out->more + out->less, most = out->more > out->less ? out->more : out->less;
	if (signs)
		out->p = fmin(1, 2 * stats_binomial_tail((double)signs, 0.5, (double)most));
	return n < 2 || sum_against <= 0 ? 0 : bootstrap(of, against, n, seed, out);
}
