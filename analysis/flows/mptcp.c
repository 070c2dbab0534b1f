/* MPTCP: DSS options feed the data level, the others become events; MP_CAPABLE and MP_JOIN are joins.c's. */
#include "analysis/flows/state.h"
#include <stdlib.h>
#include <string.h>

void mptcp_event(struct connection *connection, const struct event *event)
{
	if (connection->event_count == EVENTS_LIMIT) {
		connection->events_dropped++;
		return;
	}
	/* Room doubles: it is full at every power of two from 8 on. */
	uint32_t count = connection->event_count;
	if (count == 0 || (count >= 8 && (count & (count - 1)) == 0)) {
		struct event *more = realloc(connection->events, (count ? count * 2 : 8) * sizeof *more);
		if (!more) {
			connection->events_dropped++;
			return;
		}
		connection->events = more;
	}
	connection->events[connection->event_count++] = *event;
}

/* MPTCP options that only make an event. */
static void signal_event(struct flow *flow, unsigned direction, const uint8_t *option, int64_t now_ns)
{
	struct connection *connection = flow->connection;
	struct event event = {
		.time_ns = now_ns,
		.flow = flow->index,
		.direction = (uint8_t)connection_direction(flow, direction),
		.kind = option[2] >> 4,
	};
	switch (event.kind) {
	case MPTCP_ADD_ADDR:
		option_address(option, &event.address);
		event.flag = event.address.echo;
		break;
	case MPTCP_REMOVE_ADDR:
		event.id_count =
			(uint8_t)(option[1] - 3u < sizeof event.ids ? option[1] - 3u : sizeof event.ids);
		memcpy(event.ids, option + 3, event.id_count);
		break;
	case MPTCP_PRIO:
		event.flag = option[2] & 1;
		break;
	case MPTCP_FAIL:
		event.value = option_u64(option + 4);
		break;
	case MPTCP_FASTCLOSE:
		connection->fastclosed = true;
		break;
	case MPTCP_RST:
		event.flag = option[3];
		if (flow->join) {
			flow->join->has_reset_reason = true;
			flow->join->reset_reason = option[3];
		}
		break;
	default:
		return;
	}
	if (flow_is_copy(flow))
		return;
	mptcp_event(connection, &event);
	/* With one subflow a failed checksum ends the mappings, not the connection (RFC 8684, section 3.7). */
	if (event.kind == MPTCP_FAIL && connection->flow_count == 1 && !connection->fallback)
		data_fall_back(flow, direction, FALLBACK_FAIL, now_ns);
}

/* The position of a data sequence number, of 32 or of 64 bits. */
static uint64_t data_position(const struct data_direction *data, uint64_t number, bool is_64)
{
	if (is_64)
		return number - data->base + ORIGIN;
	uint64_t near = data->seen.edge > data->acked ? data->seen.edge : data->acked;
	return unwrap((uint32_t)data->base, (uint32_t)number, near);
}

static void map(struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	const struct dss *dss = &segment->parsed.dss;
	struct flow_direction *from = &flow->direction[direction];
	struct connection *connection = flow->connection;
	struct data_direction *data = &connection->data[connection_direction(flow, direction)];
	bool infinite = dss->length == 0;
	uint32_t length = dss->length;
	if (dss->flags & DSS_FIN) {
		/* DATA_FIN takes a number of its own, at the end of the mapping (RFC 8684, section 3.3.3). */
		data->finished = true;
		if (length)
			length--;
	}
	if (!length && !(infinite && !(dss->flags & DSS_FIN)))
		return;
	if (__builtin_expect(!data->numbered, 0)) {
		data->base = dss->sequence;
		data->numbered = true;
	}
	uint64_t high = ranges_high(&from->seen);
	if (__builtin_expect(!from->mapping_base, 0)) {
		/* The SYN was not seen: take the mapping to start with this segment, as nearly all do. */
		uint64_t position = unwrap(from->base, segment->sequence, high);
		from->mapping_base = dss->subflow_sequence - (uint32_t)position;
		from->mapping_base += from->mapping_base == 0;
	}
	struct mapping mapping = {.start = unwrap(from->mapping_base, dss->subflow_sequence, high),
		.data = data_position(data, dss->sequence, dss->flags & DSS_DSN_64)};
	mapping.end = infinite ? UINT64_MAX : mapping.start + length;
	if (infinite) {
		const struct event event = {.time_ns = segment->time_ns,
			.flow = flow->index,
			.direction = (uint8_t)connection_direction(flow, direction),
			.kind = MPTCP_DSS};
		if (from->mapping.end != UINT64_MAX)
			mptcp_event(connection, &event);
		if (!connection->fallback)
			data_fall_back(flow, direction, FALLBACK_INFINITE, segment->time_ns);
	}
	data_map(tracker, flow, direction, &mapping, segment->time_ns);
}

static void dss(struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	struct connection *connection = flow->connection;
	const struct dss *option = &segment->parsed.dss;
	flow->direction[direction].dss_packets++;
	if (__builtin_expect(!connection->mptcp, 0)) {
		/* Only where the handshake was not seen can it have negotiated this. */
		if (flow->syn_seen && flow->syn_ack_seen)
			return;
		mptcp_become(connection);
	}
	if (__builtin_expect(!connection->has_token[0] && !connection->has_token[1], 0)) {
		mptcp_tie(tracker, flow, direction, option);
		connection = flow->connection;
	}
	if (flow_is_copy(flow))
		return;
	if (option->flags & DSS_MAP)
		map(tracker, flow, direction, segment);
	if (option->flags & DSS_ACK) {
		struct data_direction *data = &connection->data[connection_direction(flow, !direction)];
		if (data->numbered)
			data_acknowledged(tracker, data,
				data_position(data, option->acknowledgement, option->flags & DSS_ACK_64),
				segment->time_ns);
	}
}

static void rare_options(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	const uint8_t *rare[OPTIONS_RARE];
	unsigned count = options_rare(segment->options, segment->options_length, rare);
	for (unsigned i = 0; i < count; i++) {
		if (rare[i][2] >> 4 == MPTCP_CAPABLE)
			mptcp_capable(tracker, flow, direction, segment, rare[i]);
		else if (rare[i][2] >> 4 == MPTCP_JOIN)
			mptcp_join(tracker, flow, direction, segment, rare[i]);
		else
			signal_event(flow, direction, rare[i], segment->time_ns);
	}
	/* The options may have moved the flow to another connection. */
	flow->connection->option_seen = true;
}

void mptcp_options(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	if (__builtin_expect(!flow->has_mptcp[direction], 0))
		flow->has_mptcp[direction] = true;
	if (__builtin_expect(!flow->connection, 0) && !connection_for(tracker, flow))
		return;
	if (__builtin_expect(!flow->connection->option_seen, 0))
		flow->connection->option_seen = true;
	if (__builtin_expect(segment->parsed.rare_count != 0, 0))
		rare_options(tracker, flow, direction, segment);
	if (segment->parsed.present & OPTION_DSS)
		dss(tracker, flow, direction, segment);
}
