/* Quantiles of many samples that come from several trials, with their intervals. All are order statistics: a quantile is
 * the least sample that at least that part of all samples does not exceed (Hyndman and Fan 1996, type 1), never a value
 * between samples or the edge of a class. Trials are pooled: each sample counts as much as any other. Pure.
 *
 * Samples of one trial are like each other (the same queue, the same loss), so an interval comes from resampling whole
 * trials (the bootstrap over clusters; Davison and Hinkley 1997, section 3.8) where there are QUANTILES_TRIALS of them,
 * and else from the ranks that a binomial distribution gives (order statistics), as if samples were independent: it is
 * then too narrow rather than too wide. An end for which there are not enough samples is open: where even independent
 * ones could not bound it, resampling a few trials cannot either. */
#ifndef LIQUIDNET_QUANTILES_H
#define LIQUIDNET_QUANTILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUANTILES_TRIALS 3 /* the fewest to be resampled */

struct sample_list {          /* of one trial */
	const double *values; /* finite, in any order */
	size_t count;
};

struct quantiles;

/* Pools the samples of trials, which are copied; a trial without any is left out. NULL: out of memory. */
struct quantiles *quantiles_new(const struct sample_list *trials, size_t count);
void quantiles_free(struct quantiles *quantiles);
/* All samples, ascending. */
const double *quantiles_samples(const struct quantiles *quantiles, size_t *count);
/* Trials that have samples. */
size_t quantiles_trials(const struct quantiles *quantiles);
/* Whether intervals come from resampling trials. */
bool quantiles_resampled(const struct quantiles *quantiles);
/* The p-quantile (0 < p <= 1); NAN: no samples. */
double quantiles_at(const struct quantiles *quantiles, double p);

struct quantile {
	double p, value;
	double low, high; /* its 95 % interval; NAN: open */
};
/* Fills value, low and high of each by its p. The same seed and resamples give the same. 0, or -1: out of memory. */
int quantiles_fill(const struct quantiles *quantiles, unsigned resamples, uint64_t seed, struct quantile *out,
	size_t count);

#endif
