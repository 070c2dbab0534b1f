/* Measures: distributions of times in bounded memory, and series of bytes over time. */
#ifndef LIQUIDNET_ANALYSIS_MEASURES_H
#define LIQUIDNET_ANALYSIS_MEASURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Buckets: 16 to a power of two, so a percentile is right within 3.2 %; count, mean, least and greatest are
 * exact. */
enum { DELAYS_BUCKETS = 16 * 44, DELAYS_LINE = 64 };

struct delays {
	uint64_t count;
	int64_t min_ns, max_ns;
	double sum_ns, square_sum; /* of ns, of ns^2 */
	/* From `first` on, `size` of them: as wide as the samples are. Each a byte until one is full, as then the 64 of
	 * most flows are one cache line; later 32 bits. */
	void *buckets;
	void *line; /* room for the first DELAYS_LINE of them, of whoever made this; NULL: none */
	uint16_t first, size;
	bool wide; /* 32 bits */
};

/* Counts a bucket that there is no room for yet. */
void delays_count(struct delays *delays, unsigned bucket);

static inline unsigned delays_bucket(int64_t delay_ns)
{
	uint64_t value = delay_ns > 0 ? (uint64_t)delay_ns : 0;
	if (__builtin_expect(value < 16, 0))
		return (unsigned)value;
	unsigned octave = 63 - (unsigned)__builtin_clzll(value);
	unsigned bucket = (octave - 3) * 16 + (unsigned)(value >> (octave - 4) & 15);
	return bucket < DELAYS_BUCKETS ? bucket : DELAYS_BUCKETS - 1;
}

static inline void delays_add(struct delays *delays, int64_t delay_ns)
{
	double ns = (double)delay_ns;
	if (__builtin_expect(!delays->count, 0))
		delays->min_ns = delays->max_ns = delay_ns;
	else if (__builtin_expect(delay_ns < delays->min_ns, 0))
		delays->min_ns = delay_ns;
	else if (__builtin_expect(delay_ns > delays->max_ns, 0))
		delays->max_ns = delay_ns;
	delays->count++;
	delays->sum_ns += ns;
	delays->square_sum += ns * ns;
	unsigned bucket = delays_bucket(delay_ns), at = bucket - delays->first;
	uint8_t *bytes = delays->buckets;
	if (__builtin_expect(at < delays->size && !delays->wide && bytes[at] < UINT8_MAX, 1))
		bytes[at]++;
	else if (at < delays->size && delays->wide)
		((uint32_t *)delays->buckets)[at]++;
	else
		delays_count(delays, bucket);
}
/* `fraction` of the samples are no longer; 0 without samples. */
double delays_percentile_s(const struct delays *delays, double fraction);
void delays_free(struct delays *delays);

/* Entries all series of one analysis may have together; what would lie beyond is dropped and counted. */
struct series_budget {
	size_t entries;
	uint64_t dropped;
};

enum { SERIES_BUDGET = 2 << 20 };

/* `first` entries of 0 stand before the values, and cost nothing. */
struct series {
	uint64_t *values;
	uint32_t first, count, capacity;
};

/* The value at `index` for writing; NULL when the budget is spent, or the index negative (a clock that stepped
 * back). */
uint64_t *series_at(struct series *series, int64_t index, struct series_budget *budget);
void series_free(struct series *series);

/* A curve fits itself to what it shows: it starts with the first value, in steps of 100 us, and twice as wide
 * each time it would have more points; so one of a millisecond and one of a month have a thousand. */
enum { CURVE_POINTS = 1024 };

struct curve {
	int64_t start_ns, step_ns;
	uint32_t count;
	uint64_t values[CURVE_POINTS];
};

/* Adds to the step that now_ns lies in; makes the curve when there is none. Earlier than its start counts as
 * its start. */
void curve_add(struct curve **curve, int64_t now_ns, uint64_t value);
/* The highest value of each step. */
void curve_raise(struct curve **curve, int64_t now_ns, uint64_t value);

#endif
