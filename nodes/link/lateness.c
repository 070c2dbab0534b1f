/* The histogram of lateness.h: octave 0 is [0, 1) us in eight steps, octave k is [2^(k-1), 2^k) us. */
#include "nodes/link/lateness.h"

static unsigned step_of(uint64_t ns)
{
	uint64_t us = ns / 1000;
	if (us == 0)
		return (unsigned)(ns * LATENESS_STEPS / 1000);
	unsigned octave = 63 - (unsigned)__builtin_clzll(us); /* us in [2^octave, 2^(octave+1)) */
	if (octave + 1 >= LATENESS_OCTAVES)
		return LATENESS_OCTAVES * LATENESS_STEPS - 1;
	uint64_t base = 1000ULL << octave;
	return (octave + 1) * LATENESS_STEPS + (unsigned)((ns - base) * LATENESS_STEPS / base);
}

/* The upper end of a step. */
static double upper_us(unsigned step)
{
	unsigned octave = step / LATENESS_STEPS, within = step % LATENESS_STEPS + 1;
	if (octave == 0)
		return (double)within / LATENESS_STEPS;
	return (double)(1ULL << (octave - 1)) * (1 + (double)within / LATENESS_STEPS);
}

void lateness_add(struct lateness *lateness, int64_t late_ns)
{
	uint64_t ns = late_ns < 0 ? 0 : (uint64_t)late_ns;

	lateness->count++;
	lateness->step[step_of(ns)]++;
	if (ns > lateness->max_ns)
		lateness->max_ns = ns;
}

double lateness_percentile(const struct lateness *lateness, double share)
{
	uint64_t seen = 0, wanted = (uint64_t)(share * (double)lateness->count);
	double max_us = (double)lateness->max_ns / 1000;

	if (lateness->count == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (unsigned i = 0; i < LATENESS_OCTAVES * LATENESS_STEPS; i++) {
		seen += lateness->step[i];
		if (seen >= wanted)
			return upper_us(i) < max_us ? upper_us(i) : max_us;
	}
	return max_us;
}

json_t *lateness_json(const struct lateness *lateness)
{
	json_t *octaves = json_array();
	uint64_t left = lateness->count;

	for (unsigned i = 0; i < LATENESS_OCTAVES && left > 0; i++) {
		uint64_t sum = 0;
		for (unsigned k = 0; k < LATENESS_STEPS; k++)
			sum += lateness->step[i * LATENESS_STEPS + k];
		json_array_append_new(octaves, json_integer((json_int_t)sum));
		left -= sum;
	}
	return json_pack("{s:I, s:f, s:f, s:f, s:o}", "count", (json_int_t)lateness->count, "p50_us",
		lateness_percentile(lateness, 0.5), "p99_us", lateness_percentile(lateness, 0.99), "max_us",
		(double)lateness->max_ns / 1000, "log2_us", octaves);
}
