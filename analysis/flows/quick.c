/* Quick: the short way for what nearly every segment is: the next bytes of a direction, or a plain acknowledgement, with
 * no other options than a timestamp and a DSS, on a flow where no hole, no fallback and no question is open. It looks
 * first, and changes nothing when in doubt; then it does what tcp_segment, mptcp_options and data_fresh would do, and
 * nothing else. Whoever changes one of those changes this; test_analysis_random compares. */
#include "analysis/flows/state.h"

/* As far as an acknowledgement may go ahead: the largest window (RFC 7323, section 2.3). */
#define REACH ((uint32_t)1 << 30)
/* Data positions from here on are left to those who judge them. */
#define DATA_FAR ((uint64_t)1 << 61)
/* What of a direction's concerns its own segments; the rest concerns acknowledgements of them. */
#define OWN (HEED_UNMAPPED | HEED_HOLES)
/* Beside a DSS option's own flags: that there is one. */
enum { DSS_HERE = 256 };

static inline uint64_t data_position(const struct data_direction *data, uint64_t number, bool is_64)
{
	if (__builtin_expect(is_64, 1))
		return number - data->base + ORIGIN;
	uint64_t near = data->seen.edge > data->acked ? data->seen.edge : data->acked;
	return unwrap((uint32_t)data->base, (uint32_t)number, near);
}

/* What the newest mapping becomes by a segment's own; false when the one before has still work to do. */
static inline bool extend(const struct flow_direction *from, const struct data_direction *data,
	const struct dss *dss, uint64_t edge, struct mapping *mapping)
{
	if (!data->numbered || !from->mapping_base || !dss->length)
		return false;
	uint64_t start = unwrap(from->mapping_base, dss->subflow_sequence, edge), end = start + dss->length;
	uint64_t position = data_position(data, dss->sequence, dss->flags & DSS_DSN_64);
	if (position - start == mapping->data - mapping->start) {
		if (start == mapping->end) {
			mapping->end = end;
			return true;
		}
		if (start >= mapping->start && end <= mapping->end)
			return true;
	}
	if (mapping->end > mapping->start && mapping->end > edge)
		return false;
	*mapping = (struct mapping){start, end, position};
	return true;
}

/* The segment is of a flow without open questions, the next of its direction, and new. */
static inline bool is_next(const struct flow *flow, const struct flow_direction *from,
	const struct flow_direction *peer, const struct segment *segment, uint64_t edge)
{
	uint32_t signature = segment->signature;
	if (!flow->settled || flow->copied || flow->syn_data || !from->packets)
		return false;
	if (peer->reset || peer->recovery || (peer->heed & ~OWN) || (from->heed & OWN))
		return false;
	if (segment->sequence != from->base + (uint32_t)edge || from->acked > edge)
		return false;
	return (from->signature[0] != signature && from->signature[1] != signature &&
		       from->signature[2] != signature) ||
	       !signature;
}

/* The connection is one whose segments of this flow are mapped, or all are as they are; `flags`: the DSS's, or 0. */
static inline bool is_clear(
	const struct connection *connection, const struct flow *flow, unsigned side, unsigned flags)
{
	if (!connection->mptcp)
		return !flags;
	if (connection->fallback || (flags & DSS_FIN))
		return false;
	return !flags || (connection->option_seen && flow->has_mptcp[side] &&
				 (connection->has_token[0] || connection->has_token[1]));
}

static inline void count_packet(struct flow_direction *from, const struct segment *segment)
{
	from->packets++;
	from->header_bytes += segment->header_bytes;
	from->option_bytes += segment->options_sent;
	from->mptcp_bytes += segment->parsed.mptcp_bytes;
	from->dss_packets += (segment->parsed.present & OPTION_DSS) / OPTION_DSS;
	from->last_ns = segment->time_ns;
	if (__builtin_expect(segment->signature != 0, 1)) {
		from->signature[2] = from->signature[1];
		from->signature[1] = from->signature[0];
		from->signature[0] = segment->signature;
	}
	if (__builtin_expect(segment->window > from->window_max, 0))
		from->window_max = segment->window;
	from->last_window = segment->window;
}

static inline void take_data_ack(
	struct tracker *tracker, struct data_direction *back, const struct segment *segment, unsigned flags)
{
	if (!(flags & DSS_ACK) || !back->numbered)
		return;
	uint64_t acked = data_position(back, segment->parsed.dss.acknowledgement, flags & DSS_ACK_64);
	if (acked <= back->acked)
		return;
	if (acked <= back->seen.edge && acked < DATA_FAR)
		back->acked = acked;
	else
		data_acknowledged(tracker, back, acked, segment->time_ns);
}

static inline void take_ack(struct tracker *tracker, const struct connection *connection,
	struct flow_direction *peer, struct data_direction *back, const struct segment *segment,
	uint32_t advance)
{
	uint64_t ack = peer->acked + advance;
	bool waited = peer->duplicate_run >= 3;
	peer->acked = ack;
	peer->duplicate_run = 0;
	peer->last_ack_ns = segment->time_ns;
	if (peer->samples)
		flow_sample(tracker, peer, segment, ack, waited);
	if (!connection->mptcp)
		data_acknowledged(tracker, back, ack, segment->time_ns);
}

/* Bytes that lie at `position` of the connection. */
static inline void take_bytes(struct tracker *tracker, struct flow *flow, struct flow_direction *from,
	struct data_direction *data, const struct segment *segment, uint64_t edge, uint64_t position)
{
	uint32_t length = segment->payload;
	uint64_t end = edge + length;
	int64_t now_ns = segment->time_ns;
	from->payload_packets++;
	from->payload_bytes += length;
	from->seen.edge = end;
	from->newest_ns = from->last_data_ns = now_ns;
	from->newest_stamp = segment->parsed.timestamp; /* 0 when it has none */
	samples_sent(from->samples, end, segment->parsed.timestamp, now_ns);
	if (__builtin_expect(position == data->seen.edge && !data->holes && !tracker->windows, 1)) {
		data->seen.edge = position + length;
		data->delivered += length;
		data->last_ns = now_ns;
	} else {
		const struct mapping mapping = {edge, end, position};
		data_mapped(tracker, flow, from == &flow->direction[REVERSE], &mapping, edge, end, now_ns);
	}
}

/* Both directions are at hand: the pointers are not worked out again for every member. */
#define KEEP(pointer) __asm__("" : "+r"(pointer))

bool quick_segment(struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	struct connection *connection = flow->connection;
	unsigned side = segment->from_second ^ flow->client_is_second;
	struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[side ^ 1];
	KEEP(from);
	KEEP(peer);
	uint32_t advance = segment->acknowledgement - peer->base - (uint32_t)peer->acked;
	uint64_t edge = from->seen.edge;
	if (__builtin_expect(!connection || advance > REACH || !is_next(flow, from, peer, segment, edge), 0))
		return false;
	unsigned flags = 0;
	if (segment->parsed.present & OPTION_DSS)
		flags = segment->parsed.dss.flags | DSS_HERE;
	if (__builtin_expect(!is_clear(connection, flow, side, flags), 0))
		return false;
	struct data_direction *data = &connection->data[side ^ flow->flipped];
	struct data_direction *back = &connection->data[side ^ flow->flipped ^ 1];
	KEEP(data);
	KEEP(back);
	uint64_t length = segment->payload;
	if (!length) {
		/* A mapping of bytes that come later; or a duplicate acknowledgement. */
		if ((flags & DSS_MAP) || (!advance && segment->window == from->last_window &&
						 peer->acked < ranges_high(&peer->seen)))
			return false;
		count_packet(from, segment);
		take_data_ack(tracker, back, segment, flags);
		if (advance)
			take_ack(tracker, connection, peer, back, segment, advance);
		return true;
	}
	uint64_t position = edge;
	if (__builtin_expect(length == 1 || !tracker->plain || !data->started || !from->samples ||
				     !from->samples->first_bytes,
		    0))
		return false;
	if (connection->mptcp) {
		struct mapping mapping = from->mapping;
		if ((flags & DSS_MAP) && !extend(from, data, &segment->parsed.dss, edge, &mapping))
			return false;
		position = mapping.data + (edge - mapping.start);
		if (edge < mapping.start || edge + length > mapping.end || position >= DATA_FAR)
			return false;
		from->mapping = mapping;
	}
	count_packet(from, segment);
	take_data_ack(tracker, back, segment, flags);
	if (advance)
		take_ack(tracker, connection, peer, back, segment, advance);
	take_bytes(tracker, flow, from, data, segment, edge, position);
	return true;
}
