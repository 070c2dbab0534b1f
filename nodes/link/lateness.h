/* Lateness: how much later than the model's time packets were sent, as a histogram with 8 steps per octave (so a percentile has an
 * error of at most 1/8), from 1 us to 2^32 us. */
#ifndef LIQUIDNET_LINK_LATENESS_H
#define LIQUIDNET_LINK_LATENESS_H

#include <jansson.h>
#include <stdint.h>

#define LATENESS_OCTAVES 32
#define LATENESS_STEPS 8

struct lateness {
	uint64_t count, max_ns;
	uint64_t step[LATENESS_OCTAVES * LATENESS_STEPS];
};

void lateness_add(struct lateness *lateness, int64_t late_ns);
/* Upper bound in microseconds of the `share` (0 to 1) least late; 0 when there is none. */
double lateness_percentile(const struct lateness *lateness, double share);
/* {"count", "p50_us", "p99_us", "max_us", "log2_us": [below 1 us, below 2, below 4, ...]}; the list ends with
 * the last octave that has a packet. */
json_t *lateness_json(const struct lateness *lateness);

#endif
