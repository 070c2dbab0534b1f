/* Measures: see the header. */
#include "analysis/measures.h"
#include <math.h>
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

void delays_add(struct delays *delays, int64_t delay_ns)
{
	if (!delays->count || delay_ns < delays->min_ns)
		delays->min_ns = delay_ns;
	if (!delays->count || delay_ns > delays->max_ns)
		delays->max_ns = delay_ns;
	delays->count++;
	delays->sum_ns += (double)delay_ns;
	delays->square_sum += (double)delay_ns * (double)delay_ns;
	if (!delays->buckets)
		delays->buckets = calloc(DELAYS_BUCKETS, sizeof *delays->buckets);
	if (delays->buckets)
		delays->buckets[bucket_of(delay_ns)]++;
}

double delays_percentile_s(const struct delays *delays, double fraction)
{
	if (!delays->count || !delays->buckets)
		return 0;
	uint64_t wanted = (uint64_t)ceil(fraction * (double)delays->count), below = 0;
	double ns = (double)delays->max_ns;
	for (unsigned i = 0; i < DELAYS_BUCKETS; i++) {
		below += delays->buckets[i];
		if (below >= wanted) {
			ns = bucket_ns(i);
			break;
		}
	}
	/* The ends are known exactly. */
	ns = fmin(fmax(ns, (double)delays->min_ns), (double)delays->max_ns);
	return ns / 1e9;
}

json_t *delays_json(const struct delays *delays)
{
	json_t *json = json_object();
	json_object_set_new(json, "samples", json_integer((json_int_t)delays->count));
	if (!delays->count) {
		static const char *const names[] = {
			"min_s", "mean_s", "sd_s", "p50_s", "p95_s", "p99_s", "max_s"};
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			json_object_set_new(json, names[i], json_null());
		return json;
	}
	double mean = delays->sum_ns / (double)delays->count;
	double variance = delays->square_sum / (double)delays->count - mean * mean;
	json_object_set_new(json, "min_s", json_real((double)delays->min_ns / 1e9));
	json_object_set_new(json, "mean_s", json_real(mean / 1e9));
	json_object_set_new(json, "sd_s", json_real(variance > 0 ? sqrt(variance) / 1e9 : 0));
	json_object_set_new(json, "p50_s", json_real(delays_percentile_s(delays, 0.5)));
	json_object_set_new(json, "p95_s", json_real(delays_percentile_s(delays, 0.95)));
	json_object_set_new(json, "p99_s", json_real(delays_percentile_s(delays, 0.99)));
	json_object_set_new(json, "max_s", json_real((double)delays->max_ns / 1e9));
	return json;
}

void delays_free(struct delays *delays)
{
	free(delays->buckets);
	delays->buckets = NULL;
}

uint64_t *series_at(struct series *series, size_t index, struct series_budget *budget)
{
	if (index >= series->capacity) {
		size_t capacity = index + index / 2 + 64;
		uint64_t *more = NULL;
		if (index < SERIES_BUDGET && budget->entries + capacity - series->capacity <= SERIES_BUDGET)
			more = realloc(series->values, capacity * sizeof *more);
		if (!more) {
			budget->dropped++;
			return NULL;
		}
		memset(more + series->capacity, 0, (capacity - series->capacity) * sizeof *more);
		budget->entries += capacity - series->capacity;
		series->values = more;
		series->capacity = capacity;
	}
	if (index >= series->count)
		series->count = index + 1;
	return &series->values[index];
}

json_t *series_json(const struct series *series)
{
	json_t *json = json_array();
	for (size_t i = 0; i < series->count; i++)
		json_array_append_new(json, json_integer((json_int_t)series->values[i]));
	return json;
}

void series_free(struct series *series)
{
	free(series->values);
	series->values = NULL;
	series->count = series->capacity = 0;
}
