/* Samples: round trips of one direction. Each segment that is sent once waits here for its acknowledgement; an
 * ACK that ends exactly with a segment is a sample of it, as in tcptrace and tshark. What a retransmission or a hole
 * has touched gives none (Karn; RFC 6298, section 3): its acknowledgement waited for something else. */
#ifndef LIQUIDNET_ANALYSIS_SAMPLES_H
#define LIQUIDNET_ANALYSIS_SAMPLES_H

#include "analysis/flows/arena.h"
#include "analysis/flows/measures.h"
#include <stdbool.h>
#include <stdint.h>

/* Segments under way that are followed; of more, every second is let go, so the samples stay spread evenly. */
enum { SAMPLES_FIRST = 8, SAMPLES_MOST = 4096 };

struct sample {
	uint32_t end; /* lower half of the position behind it */
	uint32_t stamp;
	int64_t time_ns;
};

struct samples {
	/* With each segment. */
	uint32_t head, tail, mask; /* of the ring: [tail, head) */
	uint32_t first_bytes;      /* of the first payload: they took no time that the capture shows */
	struct sample *ring;
	int64_t smoothed_ns, least_ns; /* 0: no sample yet */
	int64_t first_data_ns;         /* of the direction's payload, when first_bytes is not 0 */
	uint32_t stamped;              /* acknowledgements that echo a timestamp under way */

	/* With each acknowledgement. */
	struct delays rtt __attribute__((aligned(64)));
};

/* In the arena; NULL without memory. samples_free() gives back what it took besides. */
struct samples *samples_new(struct arena *arena);
void samples_free(struct samples *samples);

/* The ring is full: larger, or thinner. */
void samples_make_room(struct samples *samples);

/* A segment that ends at position `end` was seen for the first time. */
static inline void samples_sent(struct samples *samples, uint64_t end, uint32_t stamp, int64_t now_ns)
{
	if (__builtin_expect(samples->head - samples->tail > samples->mask, 0))
		samples_make_room(samples);
	samples->ring[samples->head++ & samples->mask] = (struct sample){(uint32_t)end, stamp, now_ns};
}

/* Nothing under way may give a sample. */
static inline void samples_forget(struct samples *samples)
{
	samples->tail = samples->head;
}

/* Everything below position `ack` arrived. Returns what ends there, or NULL; *oldest is the first that it covers. */
static inline const struct sample *samples_acknowledged(
	struct samples *samples, uint64_t ack, const struct sample **oldest)
{
	const struct sample *last = NULL, *const ring = samples->ring;
	const uint32_t first = samples->tail, head = samples->head, mask = samples->mask;
	uint32_t tail = first;
	for (; tail != head; tail++) {
		const struct sample *sample = &ring[tail & mask];
		int32_t below = (int32_t)((uint32_t)ack - sample->end);
		if (below < 0)
			break;
		if (below == 0)
			last = sample;
	}
	*oldest = tail != first ? &ring[first & mask] : NULL;
	samples->tail = tail;
	return last;
}

/* A round trip was measured. */
static inline void samples_measured(struct samples *samples, int64_t rtt_ns)
{
	if (rtt_ns < 0)
		return;
	delays_add(&samples->rtt, rtt_ns);
	if (__builtin_expect(samples->smoothed_ns != 0, 1))
		samples->smoothed_ns += (rtt_ns - samples->smoothed_ns) / 8;
	else
		samples->smoothed_ns = rtt_ns;
	if (!samples->least_ns || rtt_ns < samples->least_ns)
		samples->least_ns = rtt_ns;
}

#endif
