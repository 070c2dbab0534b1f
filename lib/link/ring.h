/* The model's stores of packets: a ring in order of arrival, and a heap in order of departure (at equal times in order of
 * their numbers). The caller makes room before it pushes, so a push never fails. */
#ifndef LIQUIDNET_LINK_RING_H
#define LIQUIDNET_LINK_RING_H

#include "lib/link/model_packet.h"
#include <stdbool.h>
#include <stdint.h>

struct ring {
	struct model_packet *items;
	uint64_t size, first, count; /* size: a power of two, or 0 */
};

struct heap {
	struct model_packet *items;
	uint64_t size, count;
};

/* Room for one more / for `more` more. False: no memory. */
bool ring_room(struct ring *ring);
bool heap_room(struct heap *heap, uint64_t more);
void ring_free(struct ring *ring);
void heap_free(struct heap *heap);

static inline bool ring_empty(const struct ring *ring)
{
	return ring->count == 0;
}

static inline struct model_packet *ring_head(const struct ring *ring)
{
	return &ring->items[ring->first & (ring->size - 1)];
}

static inline void ring_pop(struct ring *ring)
{
	ring->first++;
	ring->count--;
}

static inline void ring_push(struct ring *ring, const struct model_packet *packet)
{
	ring->items[(ring->first + ring->count++) & (ring->size - 1)] = *packet;
}

static inline bool heap_empty(const struct heap *heap)
{
	return heap->count == 0;
}

static inline const struct model_packet *heap_first(const struct heap *heap)
{
	return &heap->items[0];
}

void heap_push(struct heap *heap, const struct model_packet *packet);
void heap_pop(struct heap *heap);

#endif
