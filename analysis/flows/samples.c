/* Samples: see the header. */
#include "analysis/flows/samples.h"
#include <stdlib.h>
#include <string.h>

struct samples *samples_new(void)
{
	/* The first ring lies behind: one allocation for most flows. */
	size_t size = sizeof(struct samples) + SAMPLES_FIRST * sizeof(struct sample);
	struct samples *samples = aligned_alloc(64, size);
	if (!samples)
		return NULL;
	memset(samples, 0, size);
	samples->ring = (struct sample *)(samples + 1);
	samples->mask = SAMPLES_FIRST - 1;
	return samples;
}

void samples_free(struct samples *samples)
{
	if (!samples)
		return;
	if (samples->ring != (struct sample *)(samples + 1))
		free(samples->ring);
	delays_free(&samples->rtt);
	free(samples);
}

void samples_make_room(struct samples *samples)
{
	uint32_t count = samples->head - samples->tail, size = samples->mask + 1;
	struct sample *larger = size < SAMPLES_MOST ? malloc(2 * size * sizeof *larger) : NULL;
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
	if (samples->ring != (struct sample *)(samples + 1))
		free(samples->ring);
	samples->ring = larger;
	samples->mask = 2 * size - 1;
	samples->tail = 0;
	samples->head = count;
}
