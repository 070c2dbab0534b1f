/* Ranges: see the header. */
#include "analysis/flows/ranges.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An entry's wait ends: the edge reached it. */
static void release(struct ranges *ranges, const struct range *range, int64_t now_ns)
{
	uint64_t bytes = range->end - range->start;
	ranges->list->held -= bytes;
	ranges->list->waited_bytes += bytes;
	ranges->list->waited_sum += (double)bytes * (double)now_ns - range->arrivals;
	if (now_ns - range->first_ns > ranges->list->waited_max_ns)
		ranges->list->waited_max_ns = now_ns - range->first_ns;
}

/* The first entry that ends at or after `position`. New data mostly belongs at the end. */
static uint32_t find(const struct ranges *ranges, uint64_t position)
{
	uint32_t low = 0, high = ranges_count(ranges);
	if (high && ranges->list->beyond[high - 1].end < position)
		return high;
	if (high > 1 && ranges->list->beyond[high - 2].end < position)
		return high - 1;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (ranges->list->beyond[middle].end < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_entries(struct ranges *ranges, uint32_t from, uint32_t to)
{
	memmove(ranges->list->beyond + from, ranges->list->beyond + to,
		(ranges->list->count - to) * sizeof *ranges->list->beyond);
	ranges->list->count -= to - from;
}

static void give_up_lowest(struct ranges *ranges, int64_t now_ns)
{
	ranges->list->forgotten += ranges->list->beyond[0].start - ranges->edge;
	ranges->edge = ranges->list->beyond[0].end;
	release(ranges, &ranges->list->beyond[0], now_ns);
	remove_entries(ranges, 0, 1);
}

static bool make_room(struct ranges *ranges)
{
	if (ranges->list && ranges->list->count < ranges->list->capacity)
		return true;
	uint32_t capacity = ranges->list ? ranges->list->capacity * 2 : 8;
	if (capacity > RANGES_LIMIT)
		return false;
	struct range_list *more = realloc(ranges->list, sizeof *more + capacity * sizeof *more->beyond);
	if (!more)
		return false;
	if (!ranges->list)
		memset(more, 0, sizeof *more);
	ranges->list = more;
	more->capacity = capacity;
	return true;
}

static void count_held(struct ranges *ranges, uint64_t bytes)
{
	ranges->list->held += bytes;
	if (ranges->list->held > ranges->list->held_max)
		ranges->list->held_max = ranges->list->held;
}

/* Puts an entry before `at`; without room the lowest hole is given up, which may be the one before the new
 * entry. */
static void insert(struct ranges *ranges, uint32_t at, const struct range *range, int64_t now_ns)
{
	if (!make_room(ranges)) {
		if (at == 0) {
			if (ranges->list)
				ranges->list->forgotten += range->start - ranges->edge;
			ranges->edge = range->end;
			return;
		}
		give_up_lowest(ranges, now_ns);
		at--;
	}
	struct range *beyond = ranges->list->beyond;
	memmove(beyond + at + 1, beyond + at, (ranges->list->count - at) * sizeof *beyond);
	beyond[at] = *range;
	ranges->list->count++;
	count_held(ranges, range->end - range->start);
}

/* Reports the parts of [start, end) that no entry of first..last-1 covers; returns their bytes. */
static uint64_t report(const struct ranges *ranges, uint64_t start, uint64_t end, uint32_t first,
	uint32_t last, ranges_fresh *fresh, void *context)
{
	uint64_t bytes = 0, position = start;
	for (uint32_t i = first; i <= last; i++) {
		uint64_t until =
			i < last && ranges->list->beyond[i].start < end ? ranges->list->beyond[i].start : end;
		if (position < until) {
			bytes += until - position;
			if (fresh)
				fresh(context, position, until);
		}
		if (i < last && ranges->list->beyond[i].end > position)
			position = ranges->list->beyond[i].end;
	}
	return bytes;
}

uint64_t ranges_add_anywhere(struct ranges *ranges, uint64_t start, uint64_t end, int64_t now_ns,
	ranges_fresh *fresh, void *context)
{
	if (start < ranges->edge)
		start = ranges->edge;
	if (start >= end)
		return 0;
	/* What began before the edge may end beyond it. */
	if (start == ranges->edge && ranges_count(ranges) == 0)
		return ranges_add(ranges, start, end, now_ns, fresh, context);
	uint32_t first = find(ranges, start), last = first;
	while (last < ranges_count(ranges) && ranges->list->beyond[last].start <= end)
		last++;
	uint64_t bytes = report(ranges, start, end, first, last, fresh, context);
	struct range merged = {start, end, (double)bytes * (double)now_ns, now_ns};
	for (uint32_t i = first; i < last; i++) {
		const struct range *old = &ranges->list->beyond[i];
		if (start == ranges->edge)
			release(ranges, old, now_ns);
		else
			ranges->list->held -= old->end - old->start;
		merged.start = old->start < merged.start ? old->start : merged.start;
		merged.end = old->end > merged.end ? old->end : merged.end;
		merged.arrivals += old->arrivals;
		merged.first_ns = old->first_ns < merged.first_ns ? old->first_ns : merged.first_ns;
	}
	/* An entry is never adjacent to the edge, so `merged` starts there only when [start, end) does. */
	if (start == ranges->edge) {
		remove_entries(ranges, first, last);
		ranges->edge = merged.end;
		return bytes;
	}
	if (last > first) {
		ranges->list->beyond[first] = merged;
		remove_entries(ranges, first + 1, last);
		count_held(ranges, merged.end - merged.start);
		return bytes;
	}
	insert(ranges, first, &merged, now_ns);
	return bytes;
}

uint64_t ranges_advance(struct ranges *ranges, uint64_t to, int64_t now_ns)
{
	uint64_t missing = 0, high = ranges_high(ranges);
	uint32_t passed = 0;
	if (to > high)
		to = high;
	while (passed < ranges_count(ranges) && ranges->list->beyond[passed].start <= to) {
		const struct range *range = &ranges->list->beyond[passed++];
		missing += range->start - ranges->edge;
		ranges->edge = range->end;
		release(ranges, range, now_ns);
	}
	if (passed)
		remove_entries(ranges, 0, passed);
	if (ranges->edge < to) {
		missing += to - ranges->edge;
		ranges->edge = to;
	}
	return missing;
}

void ranges_lower(struct ranges *ranges, uint64_t to, uint64_t floor, int64_t now_ns)
{
	uint64_t edge = ranges->edge;
	if (to >= floor)
		return;
	ranges->edge = to;
	if (edge > floor) {
		const struct range known = {floor, edge, (double)(edge - floor) * (double)now_ns, now_ns};
		insert(ranges, 0, &known, now_ns);
	}
}

void ranges_free(struct ranges *ranges)
{
	free(ranges->list);
	ranges->list = NULL;
}
