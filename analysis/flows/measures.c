/* Measures: see the header. */
#include "analysis/flows/measures.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The middle of a bucket, in ns. */
static double bucket_ns(unsigned bucket)
{
	if (bucket < 16)
		return bucket;
	unsigned octave = bucket / 16 + 3;
	return ldexp(16.5 + bucket % 16, (int)octave - 4);
}

static uint32_t bucket_at(const struct delays *delays, unsigned at)
{
	return delays->wide ? ((const uint32_t *)delays->buckets)[at]
			    : ((const uint8_t *)delays->buckets)[at];
}

/* Room for buckets first to end - 1, as bytes or wide; what was there stays. */
static bool make_room(struct delays *delays, unsigned first, unsigned end, bool wide)
{
	/* Whole cache lines. */
	size_t size = ((end - first) * (wide ? sizeof(uint32_t) : 1) + 63) & ~(size_t)63;
	void *buckets = !delays->buckets && size == DELAYS_LINE && delays->line ? delays->line
										: aligned_alloc(64, size);
	if (!buckets)
		return false;
	memset(buckets, 0, size);
	for (unsigned i = 0; i < delays->size; i++) {
		unsigned at = delays->first - first + i;
		if (wide)
			((uint32_t *)buckets)[at] = bucket_at(delays, i);
		else
			((uint8_t *)buckets)[at] = (uint8_t)bucket_at(delays, i);
	}
	if (delays->buckets != delays->line)
		free(delays->buckets);
	delays->buckets = buckets;
	delays->first = (uint16_t)first;
	delays->size = (uint16_t)(end - first);
	delays->wide = wide;
	return true;
}

void delays_count(struct delays *delays, unsigned bucket)
{
	unsigned first = delays->first, end = first + delays->size;
	bool wide = delays->wide;
	if (!delays->size) {
		/* The samples to come lie on both sides. */
		first = bucket > DELAYS_LINE / 2 ? bucket - DELAYS_LINE / 2 : 0;
		end = first + DELAYS_LINE < DELAYS_BUCKETS ? first + DELAYS_LINE : DELAYS_BUCKETS;
	} else if (bucket < first) {
		first = bucket & ~15u;
	} else if (bucket >= end) {
		end = (bucket | 15u) + 1;
	} else {
		wide = true;
	}
	if (!make_room(delays, first, end, wide))
		return;
	if (wide)
		((uint32_t *)delays->buckets)[bucket - first]++;
	else
		((uint8_t *)delays->buckets)[bucket - first]++;
}

double delays_percentile_s(const struct delays *delays, double fraction)
{
	if (!delays->count || !delays->buckets)
		return 0;
	uint64_t wanted = (uint64_t)ceil(fraction * (double)delays->count), below = 0;
	double ns = (double)delays->max_ns;
	unsigned i = 0;
	if (delays->wide)
		for (const uint32_t *counts = delays->buckets; i < delays->size; i++) {
			if ((below += counts[i]) >= wanted)
				break;
		}
	else
		for (const uint8_t *counts = delays->buckets; i < delays->size; i++) {
			if ((below += counts[i]) >= wanted)
				break;
		}
	if (i < delays->size)
		ns = bucket_ns(delays->first + i);
	/* The ends are known exactly. */
	ns = fmin(fmax(ns, (double)delays->min_ns), (double)delays->max_ns);
	return ns / 1e9;
}

void delays_free(struct delays *delays)
{
	if (delays->buckets != delays->line)
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
