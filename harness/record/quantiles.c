/* Quantiles: see the header. The samples are sorted once, each with the number of its trial. A resample is a weight per
 * trial, and its quantile the first place where the weights of all samples up to there reach the rank. To find that place
 * without adding up 100,000 weights 10,000 times, the samples of each trial are counted at the begin of every block of
 * samples: a binary search finds the block by these counts, and only the block is walked. */
#include "harness/record/quantiles.h"

#include "harness/record/stats.h"
#include "lib/base/draw.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 }; /* samples at the least */

struct quantiles {
	double *values;   /* ascending */
	uint32_t *trial;  /* of each */
	uint32_t *before; /* [block * trials + trial]: samples of a trial before the block */
	size_t *sizes;    /* samples of each trial */
	size_t count, trials, block, blocks;
};

struct sample {
	double value;
	uint32_t trial;
};

static int sample_order(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->trial < y->trial ? -1 : x->trial > y->trial;
}

static void count_blocks(struct quantiles *q)
{
	for (size_t b = 1; b < q->blocks; b++) {
		uint32_t *before = q->before + b * q->trials;
		memcpy(before, before - q->trials, q->trials * sizeof *before);
		for (size_t i = (b - 1) * q->block; i < b * q->block; i++)
			before[q->trial[i]]++;
	}
}

static bool pool(struct quantiles *q, const struct sample_list *trials, size_t count)
{
	struct sample *all = calloc(q->count + 1, sizeof *all);
	size_t n = 0, trial = 0;

	if (!all)
		return false;
	for (size_t t = 0; t < count; t++) {
		for (size_t i = 0; i < trials[t].count; i++)
			all[n++] = (struct sample){trials[t].values[i], (uint32_t)trial};
		if (trials[t].count)
			q->sizes[trial++] = trials[t].count;
	}
	qsort(all, n, sizeof *all, sample_order);
	for (size_t i = 0; i < n; i++) {
		q->values[i] = all[i].value;
		q->trial[i] = all[i].trial;
	}
	free(all);
	return true;
}

struct quantiles *quantiles_new(const struct sample_list *trials, size_t count)
{
	struct quantiles *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	for (size_t t = 0; t < count; t++) {
		q->count += trials[t].count;
		q->trials += trials[t].count > 0;
	}
	q->block = q->trials > BLOCK ? q->trials : BLOCK; /* the counts never outgrow the samples */
	q->blocks = (q->count + q->block - 1) / q->block;
	q->values = calloc(q->count + 1, sizeof *q->values);
	q->trial = calloc(q->count + 1, sizeof *q->trial);
	q->before = calloc(q->blocks * q->trials + 1, sizeof *q->before);
	q->sizes = calloc(q->trials + 1, sizeof *q->sizes);
	if (!q->values || !q->trial || !q->before || !q->sizes || !pool(q, trials, count)) {
		quantiles_free(q);
		return NULL;
	}
	count_blocks(q);
	return q;
}

void quantiles_free(struct quantiles *q)
{
	if (!q)
		return;
	free(q->values);
	free(q->trial);
	free(q->before);
	free(q->sizes);
	free(q);
}

const double *quantiles_samples(const struct quantiles *q, size_t *count)
{
	*count = q->count;
	return q->values;
}

size_t quantiles_trials(const struct quantiles *q)
{
	return q->trials;
}

bool quantiles_resampled(const struct quantiles *q)
{
	return q->trials >= QUANTILES_TRIALS;
}

/* The rank of the p-quantile among n, from 1: the least r with r >= p n. The product may be above a whole number by
 * rounding alone (0.07 x 100). */
static double rank_of(double p, double n)
{
	return fmin(n, fmax(1, ceil(p * n * (1 - 1e-15) - 1e-9)));
}

double quantiles_at(const struct quantiles *q, double p)
{
	return q->count ? q->values[(size_t)rank_of(p, (double)q->count) - 1] : NAN;
}

/* The interval by ranks: X_(l) is above the quantile only if fewer than l samples are not above it, X_(u) below it only if
 * at least u samples are; each with a probability of 2.5 % at the most. */
static void by_ranks(const struct quantiles *q, struct quantile *out)
{
	double n = (double)q->count;
	size_t below = 0, above = q->count; /* l - 1 in below..above: P(fewer than l) grows with l */

	while (below < above) {
		size_t middle = below + (above - below + 1) / 2;
		if (1 - stats_binomial_tail(n, out->p, (double)middle) <= 0.025)
			below = middle;
		else
			above = middle - 1;
	}
	out->low = below ? q->values[below - 1] : NAN;
	below = 1;
	above = q->count + 1; /* u: P(at least u) falls with u */
	while (below < above) {
		size_t middle = below + (above - below) / 2;
		if (stats_binomial_tail(n, out->p, (double)middle) <= 0.025)
			above = middle;
		else
			below = middle + 1;
	}
	out->high = below <= q->count ? q->values[below - 1] : NAN;
}

struct resample {
	uint32_t *weight; /* of each trial */
	uint32_t *drawn;  /* the trials whose weight is not 0 */
	size_t drawn_count;
	double samples; /* in all */
};

static void draw(const struct quantiles *q, struct resample *r, uint64_t *state)
{
	memset(r->weight, 0, q->trials * sizeof *r->weight);
	r->drawn_count = 0;
	r->samples = 0;
	for (size_t i = 0; i < q->trials; i++) {
		size_t t = draw_below(state, q->trials);
		if (!r->weight[t]++)
			r->drawn[r->drawn_count++] = (uint32_t)t;
		r->samples += (double)q->sizes[t];
	}
}

/* Samples of a resample that stand before a block. */
static double weight_before(const struct quantiles *q, const struct resample *r, size_t block)
{
	const uint32_t *before = q->before + block * q->trials;
	uint64_t sum = 0;

	for (size_t i = 0; i < r->drawn_count; i++)
		sum += (uint64_t)r->weight[r->drawn[i]] * before[r->drawn[i]];
	return (double)sum;
}

static double quantile_of(const struct quantiles *q, const struct resample *r, double p)
{
	double rank = rank_of(p, r->samples), sum = 0;
	size_t low = 0, high = q->blocks - 1; /* the last block that begins below the rank */

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;
		if (weight_before(q, r, middle) < rank)
			low = middle;
		else
			high = middle - 1;
	}
	sum = weight_before(q, r, low);
	for (size_t i = low * q->block; i < q->count; i++)
		if ((sum += r->weight[q->trial[i]]) >= rank)
			return q->values[i];
	return q->values[q->count - 1];
}

/* The interval by resampling trials: the middle 95 % of the resamples' quantiles. */
static int by_trials(
	const struct quantiles *q, unsigned resamples, uint64_t seed, struct quantile *out, size_t count)
{
	struct resample r = {calloc(q->trials, sizeof *r.weight), calloc(q->trials, sizeof *r.drawn), 0, 0};
	double *found = calloc(resamples * count, sizeof *found);
	bool room = r.weight && r.drawn && found;

	for (unsigned i = 0; room && i < resamples; i++) {
		draw(q, &r, &seed);
		for (size_t k = 0; k < count; k++)
			found[k * resamples + i] = quantile_of(q, &r, out[k].p);
	}
	for (size_t k = 0; room && k < count; k++) {
		double *of = found + k * resamples;
		stats_sort(of, resamples);
		out[k].low = isnan(out[k].low) ? NAN : of[(size_t)rank_of(0.025, resamples) - 1];
		out[k].high = isnan(out[k].high) ? NAN : of[(size_t)rank_of(0.975, resamples) - 1];
	}
	free(r.weight);
	free(r.drawn);
	free(found);
	return room ? 0 : -1;
}

int quantiles_fill(
	const struct quantiles *q, unsigned resamples, uint64_t seed, struct quantile *out, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		out[k].value = quantiles_at(q, out[k].p);
		out[k].low = out[k].high = NAN;
		if (q->count)
			by_ranks(q, &out[k]);
	}
	return quantiles_resampled(q) ? by_trials(q, resamples, seed, out, count) : 0;
}
