/* Measures: see the header. */
#include "analysis/flows/measures.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static unsigned bucket_of(int64_t delay_ns)
{
	uint64_t value = delay_ns > 0 ? (uint64_t)delay_ns : 0;
	if (value < 16)
		return (unsigned)value;
	unsigned octave = 63 - (unsigned)__builtin_clzll(value);
	unsigned bucket = (octave - 3) * 16 + (unsigned)(value >> (octave - 4) & 15);
	return bucket < DELAYS_BUCKETS ? bucket : DELAYS_BUCKETS - 1;
}

/* The middle of a bucket, in ns. */
static double bucket_ns(unsigned bucket)
{
	if (bucket < 16)
		return bucket;
	unsigned octave = bucket / 16 + 3;
	return ldexp(16.5 + bucket % 16, (int)octave - 4);
}

/* Makes room for a bucket, and for some more on its side. */
static bool widen(struct delays *delays, unsigned bucket)
{
	unsigned first = delays->first, end = first + delays->size;
	if (!delays->size) {
		first = bucket & ~7u;
		end = first + 8;
	} else if (bucket < first) {
		first = bucket & ~15u;
	} else {
		end = (bucket | 15u) + 1;
	}
	uint32_t *buckets = calloc(end - first, sizeof *buckets);
	if (!buckets)
		return false;
	if (delays->size)
		memcpy(buckets + (delays->first - first), delays->buckets, delays->size * sizeof *buckets);
	free(delays->buckets);
	delays->buckets = buckets;
	delays->first = (uint16_t)first;
	delays->size = (uint16_t)(end - first);
	return true;
}

void delays_add(struct delays *delays, int64_t delay_ns)
{
	if (!delays->count || delay_ns < delays->min_ns)
		delays->min_ns = delay_ns;
	if (!delays->count || delay_ns > delays->max_ns)
		delays->max_ns = delay_ns;
	delays->count++;
	delays->sum_ns += (double)delay_ns;
	delays->square_sum += (double)delay_ns * (double)delay_ns;
	unsigned bucket = bucket_of(delay_ns);
	if (__builtin_expect((unsigned)(bucket - delays->first) >= delays->size, 0) && !widen(delays, bucket))
		return;
	delays->buckets[bucket - delays->first]++;
}

double delays_percentile_s(const struct delays *delays, double fraction)
{
	if (!delays->count || !delays->buckets)
		return 0;
	uint64_t wanted = (uint64_t)ceil(fraction * (double)delays->count), below = 0;
	double ns = (double)delays->max_ns;
	for (unsigned i = 0; i < delays->size; i++) {
		below += delays->buckets[i];
		if (below >= wanted) {
			ns = bucket_ns(delays->first + i);
			break;
		}
	}
	/* The ends are known exactly. */
	ns = fmin(fmax(ns, (double)delays->min_ns), (double)delays->max_ns);
	return ns / 1e9;
}

void delays_free(struct delays *delays)
{
	free(delays->buckets);
	delays->buckets = NULL;
}

uint64_t *series_at(struct series *series, int64_t index, struct series_budget *budget)
{
	size_t at = (size_t)index;
	if (index < 0 || index >= UINT32_MAX) {
		budget->dropped++;
		return NULL;
	}
	if (!series->count) {
		/* Zeros before the first cost no memory here, but in every report. */
		if (budget->entries + at > SERIES_BUDGET) {
			budget->dropped++;
			return NULL;
		}
		budget->entries += at;
		series->first = (uint32_t)at;
	}
	if (at < series->first) {
		/* Earlier than the first: a clock that stepped back. Room before it is made exactly. */
		size_t more = series->first - at;
		uint64_t *values = NULL;
		if (budget->entries + more <= SERIES_BUDGET)
			values = calloc(series->capacity + more, sizeof *values);
		if (!values) {
			budget->dropped++;
			return NULL;
		}
		memcpy(values + more, series->values, series->count * sizeof *values);
		free(series->values);
		series->values = values;
		series->first = (uint32_t)at;
		series->count += (uint32_t)more;
		series->capacity += (uint32_t)more;
		budget->entries += more;
	}
	at -= series->first;
	if (at >= series->capacity) {
		size_t capacity = at + at / 2 + 64;
		uint64_t *more = NULL;
		if (at < SERIES_BUDGET && budget->entries + capacity - series->capacity <= SERIES_BUDGET)
			more = realloc(series->values, capacity * sizeof *more);
		if (!more) {
			budget->dropped++;
			return NULL;
		}
		memset(more + series->capacity, 0, (capacity - series->capacity) * sizeof *more);
		budget->entries += capacity - series->capacity;
		series->values = more;
		series->capacity = (uint32_t)capacity;
	}
	if (at >= series->count)
		series->count = (uint32_t)at + 1;
	return &series->values[at];
}

void series_free(struct series *series)
{
	free(series->values);
	series->values = NULL;
	series->first = series->count = series->capacity = 0;
}

static uint64_t *curve_at(struct curve **made, int64_t now_ns, bool sum)
{
	struct curve *curve = *made;
	if (!curve) {
		curve = *made = calloc(1, sizeof *curve);
		if (!curve)
			return NULL;
		curve->start_ns = now_ns;
		curve->step_ns = 100000;
	}
	if (now_ns < curve->start_ns)
		now_ns = curve->start_ns;
	while ((now_ns - curve->start_ns) / curve->step_ns >= CURVE_POINTS) {
		for (unsigned i = 0; i < CURVE_POINTS / 2; i++) {
			uint64_t a = curve->values[2 * i], b = curve->values[2 * i + 1];
			curve->values[i] = sum ? a + b : a > b ? a : b;
		}
		memset(curve->values + CURVE_POINTS / 2, 0, CURVE_POINTS / 2 * sizeof *curve->values);
		curve->step_ns *= 2;
		curve->count = (curve->count + 1) / 2;
	}
	uint32_t at = (uint32_t)((now_ns - curve->start_ns) / curve->step_ns);
	curve->count = at >= curve->count ? at + 1 : curve->count;
	return &curve->values[at];
}

void curve_add(struct curve **curve, int64_t now_ns, uint64_t value)
{
	uint64_t *at = curve_at(curve, now_ns, true);
	if (at)
		*at += value;
}

void curve_raise(struct curve **curve, int64_t now_ns, uint64_t value)
{
	uint64_t *at = curve_at(curve, now_ns, false);
	if (at && value > *at)
		*at = value;
}
