/* Data: the connection's own sequence space. Bytes of a subflow that are seen for the first time become the
 * connection's bytes through the mappings of DSS options (RFC 8684, section 3.3.1); those of a plain TCP
 * flow, or of a connection that fell back, are the connection's bytes as they are. What was there already
 * came by another subflow: a reinjection. */
#include "analysis/flows/state.h"
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
		uint64_t *value = series_at(&data->series, now_ns / tracker->step_ns, &tracker->budget);
		if (value)
			*value += bytes;
	}
	if (tracker->options->figures)
		curve_add(&data->curve, now_ns, bytes);
}

/* The first bytes of a direction. */
static void start(struct data_direction *data, uint64_t first, uint64_t length, int64_t now_ns)
{
	data->started = true;
	data->first_ns = data->last_ns = now_ns;
	data->first_bytes = (uint32_t)(length < UINT32_MAX ? length : UINT32_MAX);
	/* Without the keys or the SYN the first byte seen must do for the first. */
	if (!data->based)
		data->seen.edge = data->acked = data->floor = first;
	data->based = true;
}

/* Bytes [start, end) of the connection arrived; returns how many of them had been seen. */
static uint64_t arrived(
	struct tracker *tracker, struct data_direction *data, uint64_t first, uint64_t end, int64_t now_ns)
{
	uint64_t length = end - first;
	if (__builtin_expect(!data->started, 0))
		start(data, first, length, now_ns);
	uint64_t before = data->seen.edge;
	if (__builtin_expect(first != before, 0) && first < data->floor) {
		uint64_t outside = end < data->floor ? length : data->floor - first;
		data->before_bytes += outside;
		length -= outside;
	}
	uint64_t fresh = ranges_add(&data->seen, first, end, now_ns, NULL, NULL);
	data->holes = ranges_count(&data->seen) > 0;
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
		data->holes = ranges_count(&data->seen) > 0;
		delivered(tracker, data, before, now_ns);
	}
}

void data_mapped(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct mapping *mapping, uint64_t start, uint64_t end, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	struct data_direction *data = &flow->connection->data[connection_direction(flow, direction)];
	uint64_t data_start = mapping->data + (start - mapping->start), data_end = data_start + (end - start);
	if (__builtin_expect(data_end > DATA_LAST || data_end < data_start, 0)) {
		struct cold *cold = cold_of(tracker, from);
		cold->malformed_mappings++;
		cold->unmapped_bytes += end - start;
		return;
	}
	uint64_t again = arrived(tracker, data, data_start, data_end, now_ns);
	if (__builtin_expect(again != 0, 0))
		cold_of(tracker, from)->reinjected_bytes += again;
	if (tracker->step_ns > 0) {
		struct cold *cold = cold_of(tracker, from);
		if (data_end > cold->mapped_high)
			cold->mapped_high = data_end;
		uint64_t *value = series_at(&cold->data_series, now_ns / tracker->step_ns, &tracker->budget);
		if (value)
			*value = cold->mapped_high - ORIGIN;
	}
	if (tracker->options->figures)
		curve_raise(&cold_of(tracker, from)->data_curve, now_ns, data_end - ORIGIN);
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
	const struct mapping *older = from->cold ? from->cold->older : NULL;
	for (unsigned i = 0; older && i < MAPPINGS; i++) {
		mapping = &older[i];
		if (position >= mapping->start && position < mapping->end) {
			if (*end > mapping->end)
				*end = mapping->end;
			return mapping;
		}
	}
	return NULL;
}

/* Keeps bytes until their mapping comes, if it does. */
static void keep_unmapped(
	struct tracker *tracker, struct flow_direction *from, uint64_t start, uint64_t end, int64_t now_ns)
{
	struct cold *cold = cold_of(tracker, from);
	cold->unmapped_bytes += end - start;
	if (!cold->unmapped) {
		cold->unmapped = calloc(1, sizeof *cold->unmapped);
		if (!cold->unmapped) {
			tracker->out_of_memory = true;
			return;
		}
	}
	ranges_add(cold->unmapped, start, end, now_ns, NULL, NULL);
	from->heed |= HEED_UNMAPPED;
}

/* Where the next mapping after `position` starts, or `end`. */
static uint64_t next_mapping(const struct flow_direction *from, uint64_t position, uint64_t end)
{
	uint64_t next = end;
	if (from->mapping.start > position && from->mapping.start < next &&
		from->mapping.end > from->mapping.start)
		next = from->mapping.start;
	const struct mapping *older = from->cold ? from->cold->older : NULL;
	for (unsigned i = 0; older && i < MAPPINGS; i++)
		if (older[i].end > older[i].start && older[i].start > position && older[i].start < next)
			next = older[i].start;
	return next;
}

/* Another subflow is alive, or was: then one without mappings is no fallback, but a subflow that failed. */
static bool has_joined(const struct connection *connection)
{
	for (uint32_t i = 0; i < connection->flow_count; i++) {
		const struct flow *flow = connection_flow(connection, i);
		if (flow->joined && !flow_is_copy(flow) && flow->established_ns != NEVER)
			return true;
	}
	return false;
}

void data_fall_back(struct flow *flow, unsigned direction, enum fallback reason, int64_t now_ns)
{
	struct connection *connection = flow->connection;
	connection->fallback = (uint8_t)reason;
	connection->fallback_ns = now_ns;
	const struct event event = {.time_ns = now_ns,
		.flow = flow->index,
		.direction = (uint8_t)connection_direction(flow, direction),
		.kind = EVENT_FALLBACK,
		.flag = (uint8_t)reason};
	mptcp_event(connection, &event);
}

/* Of a connection that fell back the receiver appends what comes: the first byte without a mapping follows the
 * highest one that had one. */
static void go_on(struct tracker *tracker, struct flow *flow, unsigned direction, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	const struct data_direction *data = &flow->connection->data[connection_direction(flow, direction)];
	const struct ranges *kept = from->cold ? from->cold->unmapped : NULL;
	if (!kept || !ranges_count(kept))
		return;
	const struct mapping on = {
		kept->list->beyond[0].start, UINT64_MAX, data->started ? ranges_high(&data->seen) : ORIGIN};
	data_map(tracker, flow, direction, &on, now_ns);
}

/* MPTCP has ended when bytes without a mapping are next in order, their segment has no MPTCP option at all, and
 * where mappings count from is known (RFC 8684, section 3.7). */
void data_check_mappings(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[direction];
	struct connection *connection = flow->connection;
	if (!connection || !connection->mptcp || !from->cold->unmapped || !ranges_count(from->cold->unmapped))
		return;
	if (!connection->fallback) {
		if (flow->joined || segment->options_cut ||
			(segment->parsed.present & (OPTION_MPTCP | OPTION_MALFORMED)) ||
			!from->mapping_base || ranges_count(&from->seen) || has_joined(connection))
			return;
		data_fall_back(flow, direction,
			from->mapping.end ? FALLBACK_OPTIONS_STOPPED : FALLBACK_NO_MAPPING, segment->time_ns);
	}
	go_on(tracker, flow, direction, segment->time_ns);
}

void data_syn(struct tracker *tracker, struct flow *flow, uint64_t taken, int64_t now_ns)
{
	if (!connection_for(tracker, flow) || flow_is_copy(flow))
		return;
	if (!connection_is_mapped(flow->connection)) {
		data_fresh(tracker, flow, FORWARD, ORIGIN, ORIGIN + taken, NULL, now_ns);
		return;
	}
	/* RFC 8684, appendix B: they have no mapping, and come before the connection's first byte. */
	struct data_direction *data = &flow->connection->data[connection_direction(flow, FORWARD)];
	if (data->started)
		return;
	data->based = true; /* though the number of its first byte may come later, with the client's key */
	data->seen.edge = data->floor = ORIGIN - taken;
	/* Mappings count from behind them (Linux: ssn_offset). */
	flow->direction[FORWARD].mapping_base = 1 - (uint32_t)taken;
	const struct mapping syn = {ORIGIN, ORIGIN + taken, ORIGIN - taken};
	data_mapped(tracker, flow, FORWARD, &syn, ORIGIN, ORIGIN + taken, now_ns);
}

static void fresh_mapped(struct tracker *tracker, struct flow *flow, unsigned direction, uint64_t start,
	uint64_t end, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	while (start < end) {
		uint64_t until = end;
		const struct mapping *mapping = covering(from, start, &until);
		if (__builtin_expect(mapping != NULL, 1)) {
			data_mapped(tracker, flow, direction, mapping, start, until, now_ns);
		} else {
			until = next_mapping(from, start, end);
			keep_unmapped(tracker, from, start, until, now_ns);
		}
		start = until;
	}
}

void data_fresh(struct tracker *tracker, struct flow *flow, unsigned direction, uint64_t start, uint64_t end,
	const struct segment *segment, int64_t now_ns)
{
	/* What a SYN carries is not taken yet: see data_syn. */
	if (segment && __builtin_expect((segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN, 0))
		return;
	if (tracker->step_ns > 0) {
		uint64_t *value = series_at(&cold_of(tracker, &flow->direction[direction])->bytes_series,
			now_ns / tracker->step_ns, &tracker->budget);
		if (value)
			*value += end - start;
	}
	if (tracker->options->figures)
		curve_add(&cold_of(tracker, &flow->direction[direction])->bytes_curve, now_ns, end - start);
	struct connection *connection = flow->connection;
	if (__builtin_expect(!connection, 0) && !(connection = connection_for(tracker, flow)))
		return;
	if (flow_is_copy(flow))
		return;
	if (connection_is_mapped(connection)) {
		fresh_mapped(tracker, flow, direction, start, end, now_ns);
		return;
	}
	struct data_direction *data = &connection->data[connection_direction(flow, direction)];
	if (__builtin_expect(!data->started, 0) && flow->direction[direction].syn)
		data->based = true;
	const struct mapping identity = {start, end, start};
	data_mapped(tracker, flow, direction, &identity, start, end, now_ns);
}

/* Bytes that came before their mapping are delivered now, when it comes. */
static void map_kept(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct mapping *mapping, int64_t now_ns)
{
	struct cold *cold = flow->direction[direction].cold;
	struct ranges *kept = cold->unmapped;
	for (uint32_t i = 0; i < ranges_count(kept); i++) {
		struct range *range = &kept->list->beyond[i];
		uint64_t start = range->start > mapping->start ? range->start : mapping->start;
		uint64_t end = range->end < mapping->end ? range->end : mapping->end;
		if (start >= end)
			continue;
		data_mapped(tracker, flow, direction, mapping, start, end, now_ns);
		cold->unmapped_bytes -= end - start;
		/* What lies on both sides of a mapping in the middle is rare: the smaller rest is given up.
		 */
		if (start == range->start || end - range->start > range->end - end)
			range->start = end;
		else
			range->end = start;
	}
	uint32_t left = 0;
	for (uint32_t i = 0; i < ranges_count(kept); i++)
		if (kept->list->beyond[i].start < kept->list->beyond[i].end)
			kept->list->beyond[left++] = kept->list->beyond[i];
	if (kept->list)
		kept->list->count = left;
	if (!left)
		flow->direction[direction].heed &= (uint8_t)~HEED_UNMAPPED;
}

/* A mapping that does not go on where the newest ends. */
static void replace_mapping(
	struct tracker *tracker, struct flow_direction *from, const struct mapping *mapping)
{
	struct mapping *newest = &from->mapping;
	if (mapping->start >= newest->start && mapping->end <= newest->end &&
		mapping->data - mapping->start == newest->data - newest->start)
		return;
	/* One whose bytes have all been seen has done its work. */
	if (newest->end > newest->start && newest->end > from->seen.edge) {
		struct cold *cold = cold_of(tracker, from);
		if (!cold->older)
			cold->older = calloc(MAPPINGS, sizeof *cold->older);
		if (cold->older)
			cold->older[cold->older_next++ % MAPPINGS] = *newest;
	}
	*newest = *mapping;
}

void data_map(struct tracker *tracker, struct flow *flow, unsigned direction, const struct mapping *mapping,
	int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	struct mapping *newest = &from->mapping;
	if (mapping->start == newest->end && mapping->data - mapping->start == newest->data - newest->start)
		newest->end = mapping->end; /* goes on where the newest ends: one longer mapping */
	else
		replace_mapping(tracker, from, mapping);
	if (__builtin_expect(from->cold != NULL, 0) && from->cold->unmapped &&
		ranges_count(from->cold->unmapped))
		map_kept(tracker, flow, direction, mapping, now_ns);
}
