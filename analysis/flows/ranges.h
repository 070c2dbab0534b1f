/* Ranges: which bytes of a sequence space have been seen: everything up to an edge, and a sorted list of what
 * lies beyond holes. In order, one comparison and one addition; the list exists only while something is out
 * of order. It also knows how long bytes waited beyond a hole: each entry carries the sum of its bytes'
 * arrival times, so merging loses no exactness. */
#ifndef LIQUIDNET_ANALYSIS_RANGES_H
#define LIQUIDNET_ANALYSIS_RANGES_H

#include <stddef.h>
#include <stdint.h>

/* Holes kept a sequence space; one more and the lowest is given up (`forgotten`), so memory stays bounded
 * whatever the capture lacks. */
enum { RANGES_LIMIT = 4096 };

struct range {
	uint64_t start, end;
	double arrivals; /* sum over its bytes of the arrival time in ns */
	int64_t first_ns;
};

/* Made when something is out of order for the first time. */
struct range_list {
	uint64_t held; /* bytes beyond holes now */
	uint64_t held_max;
	uint64_t waited_bytes; /* bytes that waited beyond a hole until it was filled */
	double waited_sum;     /* byte x ns */
	int64_t waited_max_ns;
	uint64_t forgotten; /* bytes of holes given up */
	uint32_t count, capacity;
	struct range beyond[];
};

/* All zero is a good start (edge: the first byte). */
struct ranges {
	uint64_t edge; /* everything below has been seen, or was given up */
	struct range_list *list;
};

/* Entries beyond holes. */
static inline uint32_t ranges_count(const struct ranges *ranges)
{
	return __builtin_expect(ranges->list != NULL, 0) ? ranges->list->count : 0;
}

typedef void ranges_fresh(void *context, uint64_t start, uint64_t end);

/* The highest byte seen, plus one. */
static inline uint64_t ranges_high(const struct ranges *ranges)
{
	return ranges_count(ranges) ? ranges->list->beyond[ranges->list->count - 1].end : ranges->edge;
}

/* Marks [start, end) as seen at now_ns; calls `fresh` (may be NULL) for each part that had not been, in
 * order; returns their bytes. The list may be full or memory short: then holes are given up. */
uint64_t ranges_add_anywhere(struct ranges *ranges, uint64_t start, uint64_t end, int64_t now_ns,
	ranges_fresh *fresh, void *context);

static inline uint64_t ranges_add(struct ranges *ranges, uint64_t start, uint64_t end, int64_t now_ns,
	ranges_fresh *fresh, void *context)
{
	if (__builtin_expect(start != ranges->edge || ranges_count(ranges), 0))
		return ranges_add_anywhere(ranges, start, end, now_ns, fresh, context);
	ranges->edge = end;
	if (fresh)
		fresh(context, start, end);
	return end - start;
}

/* Moves the edge to `to` at least (no further than the highest byte seen); returns the bytes of the holes
 * passed over. */
uint64_t ranges_advance(struct ranges *ranges, uint64_t to, int64_t now_ns);

/* Takes the edge down to `to`: what was known below it becomes an entry beyond the hole between. `floor` is
 * where the known began; nothing below it had been seen. */
void ranges_lower(struct ranges *ranges, uint64_t to, uint64_t floor, int64_t now_ns);

void ranges_free(struct ranges *ranges);

#endif
