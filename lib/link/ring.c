/* Ring and heap; see the header. */
#include "lib/link/ring.h"

#include <stdlib.h>

#define FIRST_SIZE 64
#define LARGEST_SIZE (1ULL << 24) /* packets of one direction */

static struct model_packet *allocate(uint64_t size)
{
	return size > LARGEST_SIZE ? NULL : malloc(size * sizeof(struct model_packet));
}

bool ring_room(struct ring *ring)
{
	if (ring->count < ring->size)
		return true;
	uint64_t size = ring->size ? 2 * ring->size : FIRST_SIZE;
	struct model_packet *items = allocate(size);
	if (!items)
		return false;
	for (uint64_t i = 0; i < ring->count; i++)
		items[i] = ring->items[(ring->first + i) & (ring->size - 1)];
	free(ring->items);
	*ring = (struct ring){items, size, 0, ring->count};
	return true;
}

bool heap_room(struct heap *heap, uint64_t more)
{
	if (heap->count + more <= heap->size)
		return true;
	uint64_t size = heap->size ? heap->size : FIRST_SIZE;
	while (size < heap->count + more)
		size *= 2;
	struct model_packet *items = allocate(size);
	if (!items)
		return false;
	for (uint64_t i = 0; i < heap->count; i++)
		items[i] = heap->items[i];
	free(heap->items);
	heap->items = items;
	heap->size = size;
	return true;
}

void ring_free(struct ring *ring)
{
	free(ring->items);
	*ring = (struct ring){0};
}

void heap_free(struct heap *heap)
{
	free(heap->items);
	*heap = (struct heap){0};
}

static bool before(const struct model_packet *a, const struct model_packet *b)
{
	return a->departure_ns < b->departure_ns ||
	       (a->departure_ns == b->departure_ns && a->number < b->number);
}

void heap_push(struct heap *heap, const struct model_packet *packet)
{
	uint64_t at = heap->count++;
	/* In order, the usual case, nothing moves: the newest leaves last. */
	for (uint64_t up; at > 0 && (up = (at - 1) / 2, before(packet, &heap->items[up])); at = up)
		heap->items[at] = heap->items[up];
	heap->items[at] = *packet;
}

void heap_pop(struct heap *heap)
{
	const struct model_packet last = heap->items[--heap->count];
	uint64_t at = 0, down;
	while ((down = 2 * at + 1) < heap->count) {
		if (down + 1 < heap->count && before(&heap->items[down + 1], &heap->items[down]))
			down++;
		if (!before(&heap->items[down], &last))
			break;
		heap->items[at] = heap->items[down];
		at = down;
	}
	heap->items[at] = last;
}
