/* Take: segments find their flows and change them, in batches: the places of all of a batch are asked of the memory,
 * and only then is each taken in; so the waits for memory overlap. */
#include "analysis/flows/state.h"

enum { BATCH = 64 };

/* A function that only prefetches has no effect that the compiler knows of: it must not see it as one, or leaves it
 * out. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* The flow that a segment most likely belongs to, by its hash alone: a wrong guess costs nothing but time. */
static inline struct flow *guess(const struct tracker *tracker, const struct segment *segment)
{
	const struct flow_slot *slot = &tracker->slots[segment->hash & tracker->slot_mask];
	if (__builtin_expect(slot->hash != segment->hash && slot->number, 0))
		slot = &tracker->slots[(segment->hash + 1) & tracker->slot_mask];
	return __builtin_expect(slot->number != 0, 1) ? tracker_flow(tracker, slot->number - 1) : NULL;
}

/* Asks for what every segment touches of its flow. */
static ALWAYS_INLINE void prefetch_flow(const struct flow *flow)
{
	__builtin_prefetch(flow, 1);
	__builtin_prefetch(&flow->direction[0].acked, 1);
	__builtin_prefetch(&flow->direction[1].acked, 1);
}

/* And, when that is there, for what this one touches; no more: what does not fit in the first-level cache together
 * would push out the rest of the batch. Returns the round trips under way that it ends, or adds to. */
static ALWAYS_INLINE const struct samples *prefetch_direction(
	const struct flow *flow, const struct segment *segment)
{
	unsigned side = segment->from_second != flow->client_is_second;
	const struct flow_direction *from = &flow->direction[side];
	const struct connection *connection = flow->connection;
	__builtin_prefetch(&from->packets, 1);
	if (connection) {
		__builtin_prefetch(connection, 1);
		__builtin_prefetch(&connection->data[0], 1);
		__builtin_prefetch(&connection->data[1], 1);
	}
	const struct samples *samples;
	if (segment->payload) {
		__builtin_prefetch(&from->mapping, 1);
		samples = from->samples;
	} else {
		samples = flow->direction[!side].samples;
		if (samples)
			__builtin_prefetch(&samples->rtt, 1);
	}
	__builtin_prefetch(samples, 1);
	return samples;
}

static ALWAYS_INLINE void prefetch_ring(const struct samples *samples, bool sends)
{
	const uint32_t mask = samples->mask;
	if (sends) {
		__builtin_prefetch(&samples->ring[samples->head & mask], 1);
		return;
	}
	/* An acknowledgement of two segments looks at three. */
	__builtin_prefetch(&samples->ring[samples->tail & mask], 1);
	__builtin_prefetch(&samples->ring[(samples->tail + 2) & mask], 1);
	/* Most round trips are like the ones before. */
	unsigned bucket = delays_bucket(samples->smoothed_ns) - samples->rtt.first;
	if (bucket < samples->rtt.size)
		__builtin_prefetch((const uint8_t *)samples->rtt.buckets + bucket, 1);
}

static void take(struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	if (__builtin_expect(tracker->watcher != NULL, 0))
		tracker->watcher->segment(tracker->watcher, tracker, flow, segment);
	else
		tcp_segment(tracker, flow, segment);
}

static void take_batch(struct tracker *tracker, const struct segment *segments, size_t count)
{
	struct flow *flows[BATCH];
	const struct samples *samples[BATCH];
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(&tracker->slots[segments[i].hash & tracker->slot_mask]);
	for (size_t i = 0; i < count; i++) {
		flows[i] = guess(tracker, &segments[i]);
		if (flows[i])
			prefetch_flow(flows[i]);
	}
	for (size_t i = 0; i < count; i++)
		samples[i] = flows[i] ? prefetch_direction(flows[i], &segments[i]) : NULL;
	for (size_t i = 0; i < count; i++)
		if (samples[i])
			prefetch_ring(samples[i], segments[i].payload);
	const bool watched = tracker->watcher != NULL;
	bool opened = false; /* a SYN may open a new flow, for the rest of the batch too */
	for (size_t i = 0; i < count; i++) {
		const struct segment *segment = &segments[i];
		struct flow *flow = flows[i];
		opened |= (segment->flags & TCP_SYN) != 0;
		if (__builtin_expect(!flow || opened || !flow_key_equal(&flow->key, &segment->key), 0) &&
			!(flow = tracker_find(tracker, segment)))
			continue;
		if (__builtin_expect(!segment->usual || watched, 0) || !quick_segment(tracker, flow, segment))
			take(tracker, flow, segment);
	}
}

void take_segments(struct tracker *tracker, const struct segment *segments, size_t count)
{
	for (size_t from = 0; from < count; from += BATCH)
		take_batch(tracker, segments + from, from + BATCH < count ? BATCH : count - from);
}
