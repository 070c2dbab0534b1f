/* Data: the connection's own sequence space. Bytes of a subflow that are seen for the first time become the
 * connection's bytes through the mappings of DSS options (RFC 8684, section 3.3.1); those of a plain TCP
 * flow, or of a connection that fell back, are the connection's bytes as they are. What was there already
 * came by another subflow: a reinjection. */
#include "analysis/state.h"
#include <stdlib.h>

/* Data positions stay below: a mapping beyond is nonsense (or the product of a fuzzer). */
#define DATA_LAST ((uint64_t)1 << 62)

static void delivered(struct tracker *tracker, struct data_direction *data, uint64_t before, int64_t now_ns)
{
	uint64_t bytes = data->seen.edge - before;
	if (!bytes)
		return;
	data->delivered += bytes;
	data->last_ns = now_ns;
	for (size_t i = 0; i < tracker->options->window_count; i++) {
		int64_t since = now_ns - data->first_ns;
		if (since >= tracker->window_ns[i][0] && since < tracker->window_ns[i][1])
			data->window_bytes[i] += bytes;
	}
	if (tracker->step_ns > 0) {
		uint64_t *value =
			series_at(&data->series, (size_t)(now_ns / tracker->step_ns), &tracker->budget);
		if (value)
			*value += bytes;
	}
}

/* Bytes [start, end) of the connection arrived; returns how many of them had been seen. */
static uint64_t arrived(
	struct tracker *tracker, struct data_direction *data, uint64_t start, uint64_t end, int64_t now_ns)
{
	uint64_t length = end - start;
	if (!data->started) {
		data->started = true;
		data->first_ns = data->last_ns = now_ns;
		/* Without the keys the first byte seen must do for the first. */
		if (!data->based)
			data->seen.edge = data->acked = start;
		data->based = true;
	}
	if (start < ORIGIN) {
		uint64_t outside = end < ORIGIN ? length : ORIGIN - start;
		data->before_bytes += outside;
		length -= outside;
	}
	uint64_t before = data->seen.edge;
	uint64_t fresh = ranges_add(&data->seen, start, end, now_ns, NULL, NULL);
	delivered(tracker, data, before, now_ns);
	if (__builtin_expect(length != fresh, 0))
		data->reinjected_bytes += length - fresh;
	return length - fresh;
}

void data_acknowledged(
	struct tracker *tracker, struct data_direction *data, uint64_t position, int64_t now_ns)
{
	if (position <= data->acked || position > DATA_LAST)
		return;
	data->acked = position;
	if (position > data->seen.edge && data->started) {
		uint64_t before = data->seen.edge;
		data->uncaptured_bytes += ranges_advance(&data->seen, position, now_ns);
		delivered(tracker, data, before, now_ns);
	}
}

/* Bytes [start, end) of the subflow lie within the mapping. */
static void map_bytes(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct mapping *mapping, uint64_t start, uint64_t end, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	struct data_direction *data = &flow->connection->data[connection_direction(flow, direction)];
	uint64_t data_start = mapping->data + (start - mapping->start), data_end = data_start + (end - start);
	if (data_end > DATA_LAST || data_end < data_start) {
		from->malformed_mappings++;
		from->unmapped_bytes += end - start;
		return;
	}
	uint64_t again = arrived(tracker, data, data_start, data_end, now_ns);
	if (__builtin_expect(again != 0, 0))
		from->reinjected_bytes += again;
	if (tracker->step_ns > 0) {
		if (data_end > from->mapped_high)
			from->mapped_high = data_end;
		uint64_t *value =
			series_at(&from->data_series, (size_t)(now_ns / tracker->step_ns), &tracker->budget);
		if (value)
			*value = from->mapped_high - ORIGIN;
	}
}

/* The mapping that covers `position`, and how far it does (up to `end`); NULL when none is known. */
static const struct mapping *covering(const struct flow_direction *from, uint64_t position, uint64_t *end)
{
	const struct mapping *mapping = &from->mapping;
	if (position >= mapping->start && position < mapping->end) {
		if (*end > mapping->end)
			*end = mapping->end;
		return mapping;
	}
	for (unsigned i = 0; from->older && i < MAPPINGS; i++) {
		mapping = &from->older[i];
		if (position >= mapping->start && position < mapping->end) {
			if (*end > mapping->end)
				*end = mapping->end;
			return mapping;
		}
	}
	return NULL;
}

/* Keeps bytes until their mapping comes, if it does. */
static void keep_unmapped(struct flow_direction *from, uint64_t start, uint64_t end, int64_t now_ns)
{
	if (!from->unmapped) {
		from->unmapped = calloc(1, sizeof *from->unmapped);
		if (!from->unmapped)
			return;
	}
	from->unmapped_bytes += ranges_add(from->unmapped, start, end, now_ns, NULL, NULL);
}

/* Where the next mapping after `position` starts, or `end`. */
static uint64_t next_mapping(const struct flow_direction *from, uint64_t position, uint64_t end)
{
	uint64_t next = end;
	if (from->mapping.start > position && from->mapping.start < next &&
		from->mapping.end > from->mapping.start)
		next = from->mapping.start;
	for (unsigned i = 0; from->older && i < MAPPINGS; i++)
		if (from->older[i].end > from->older[i].start && from->older[i].start > position &&
			from->older[i].start < next)
			next = from->older[i].start;
	return next;
}

void data_fresh(struct tracker *tracker, struct flow *flow, unsigned direction, uint64_t start, uint64_t end,
	int64_t now_ns)
{
	struct connection *connection = flow->connection;
	struct flow_direction *from = &flow->direction[direction];
	if (tracker->step_ns > 0) {
		uint64_t *value =
			series_at(&from->bytes_series, (size_t)(now_ns / tracker->step_ns), &tracker->budget);
		if (value)
			*value += end - start;
	}
	if (flow->copy_of)
		return;
	if (!connection_is_mapped(connection)) {
		const struct mapping identity = {start, end, start};
		map_bytes(tracker, flow, direction, &identity, start, end, now_ns);
		return;
	}
	while (start < end) {
		uint64_t until = end;
		const struct mapping *mapping = covering(from, start, &until);
		if (mapping) {
			map_bytes(tracker, flow, direction, mapping, start, until, now_ns);
		} else {
			until = next_mapping(from, start, end);
			keep_unmapped(from, start, until, now_ns);
		}
		start = until;
	}
}

/* Bytes that came before their mapping are delivered now, when it comes. */
static void map_kept(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct mapping *mapping, int64_t now_ns)
{
	struct ranges *kept = flow->direction[direction].unmapped;
	for (uint32_t i = 0; i < kept->count; i++) {
		struct range *range = &kept->list->beyond[i];
		uint64_t start = range->start > mapping->start ? range->start : mapping->start;
		uint64_t end = range->end < mapping->end ? range->end : mapping->end;
		if (start >= end)
			continue;
		map_bytes(tracker, flow, direction, mapping, start, end, now_ns);
		flow->direction[direction].unmapped_bytes -= end - start;
		/* What lies on both sides of a mapping in the middle is rare: the smaller rest is given up.
		 */
		if (start == range->start || end - range->start > range->end - end)
			range->start = end;
		else
			range->end = start;
	}
	uint32_t left = 0;
	for (uint32_t i = 0; i < kept->count; i++)
		if (kept->list->beyond[i].start < kept->list->beyond[i].end)
			kept->list->beyond[left++] = kept->list->beyond[i];
	kept->count = left;
}

void data_map(struct tracker *tracker, struct flow *flow, unsigned direction, const struct mapping *mapping,
	int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	struct mapping *newest = &from->mapping;
	if (mapping->start == newest->end && mapping->data - mapping->start == newest->data - newest->start) {
		/* Goes on where the newest ends: one longer mapping. */
		newest->end = mapping->end;
	} else if (mapping->start < newest->start || mapping->end > newest->end ||
		   mapping->data - mapping->start != newest->data - newest->start) {
		/* One whose bytes have all been seen has done its work. */
		if (newest->end > newest->start && newest->end > from->seen.edge) {
			if (!from->older)
				from->older = calloc(MAPPINGS, sizeof *from->older);
			if (from->older)
				from->older[from->older_next++ % MAPPINGS] = *newest;
		}
		*newest = *mapping;
	}
	if (from->unmapped && from->unmapped->count)
		map_kept(tracker, flow, direction, mapping, now_ns);
}
