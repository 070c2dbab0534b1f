/* Samples: see the header. */
#include "analysis/flows/samples.h"
#include <stdlib.h>
#include <string.h>

struct whole {
	struct samples samples;
	uint8_t line[DELAYS_LINE];
	struct sample ring[SAMPLES_FIRST];
};

static bool has_first_ring(const struct samples *samples)
{
	return samples->ring == ((const struct whole *)samples)->ring;
}

struct samples *samples_new(struct arena *arena)
{
	/* The first buckets and the first ring lie behind: one piece for most flows. */
	struct whole *whole = arena_take(arena, sizeof *whole);
	if (!whole)
		return NULL;
	whole->samples.rtt.line = whole->line;
	whole->samples.ring = whole->ring;
	whole->samples.mask = SAMPLES_FIRST - 1;
	return &whole->samples;
}

void samples_free(struct samples *samples)
{
	if (!has_first_ring(samples))
		free(samples->ring);
	delays_free(&samples->rtt);
}

void samples_make_room(struct samples *samples)
{
	uint32_t count = samples->head - samples->tail, size = samples->mask + 1,
		 more = size == SAMPLES_FIRST ? 4 * size : 2 * size;
	struct sample *larger = size < SAMPLES_MOST ? malloc(more * sizeof *larger) : NULL;
	if (!larger) {
		/* In place: every second one stays, in order. */
		for (uint32_t i = 0; i < count / 2; i++)
			samples->ring[(samples->tail + i) & samples->mask] =
				samples->ring[(samples->tail + 2 * i + 1) & samples->mask];
		samples->head = samples->tail + count / 2;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		larger[i] = samples->ring[(samples->tail + i) & samples->mask];
	if (!has_first_ring(samples))
		free(samples->ring);
	samples->ring = larger;
	samples->mask = more - 1;
	samples->tail = 0;
	samples->head = count;
}
