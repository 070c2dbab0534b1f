/* Measures: distributions of times in bounded memory, and series of bytes over time. */
#ifndef LIQUIDNET_ANALYSIS_MEASURES_H
#define LIQUIDNET_ANALYSIS_MEASURES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Buckets: 16 to a power of two, so a percentile is right within 3.2 %; count, mean, least and greatest are
 * exact. */
enum { DELAYS_BUCKETS = 16 * 44 };

struct delays {
	uint64_t count;
	int64_t min_ns, max_ns;
	double sum_ns, square_sum; /* of ns, of ns^2 */
	uint32_t *buckets;         /* made with the first sample */
};

void delays_add(struct delays *delays, int64_t delay_ns);
/* `fraction` of the samples are no longer; 0 without samples. */
double delays_percentile_s(const struct delays *delays, double fraction);
/* {"samples", "min_s", "mean_s", "sd_s", "p50_s", "p95_s", "p99_s", "max_s"}; null for the times when there
 * is no sample. */
json_t *delays_json(const struct delays *delays);
void delays_free(struct delays *delays);

/* Entries all series of one analysis may have together; what would lie beyond is dropped and counted. */
struct series_budget {
	size_t entries;
	uint64_t dropped;
};

enum { SERIES_BUDGET = 2 << 20 };

struct series {
	uint64_t *values;
	size_t count, capacity;
};

/* The value at `index` for writing; NULL when the budget is spent. */
uint64_t *series_at(struct series *series, size_t index, struct series_budget *budget);
json_t *series_json(const struct series *series);
void series_free(struct series *series);

#endif
