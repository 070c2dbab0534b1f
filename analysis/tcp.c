/* TCP: what one segment changes in its flow: sequence space seen, acknowledgements, retransmissions and their
 * kinds, round trips, windows, handshake and end. Kinds are what a capture can tell of the sender's reasons:
 * docs/analysis.md defines them. */
#include "analysis/state.h"

/* Linux never times out sooner (TCP_RTO_MIN), nor probes the tail sooner than twice the smoothed round trip.
 */
#define TIMEOUT_LEAST_NS ((int64_t)200000000)
/* Without a round trip known, what arrives this soon after a later segment was reordered, not sent again. */
#define REORDER_LEAST_NS ((int64_t)3000000)

struct fresh_context {
	struct tracker *tracker;
	struct flow *flow;
	unsigned direction;
	int64_t now_ns;
};

static void fresh(void *context, uint64_t start, uint64_t end)
{
	const struct fresh_context *to = context;
	data_fresh(to->tracker, to->flow, to->direction, start, end, to->now_ns);
}

static void start_direction(struct flow_direction *direction, uint32_t base)
{
	direction->base = base;
	direction->started = true;
}

static void syn(struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment,
	const struct tcp_options *options, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[side];
	from->syn_packets++;
	if (!from->started)
		start_direction(from, segment->sequence + 1);
	from->mapping_base = 1;
	if (options->present & OPTION_MSS)
		from->mss = options->mss;
	if (options->present & OPTION_WINDOW_SCALE)
		from->window_scale = options->window_scale;
	from->sack_permitted |= (options->present & OPTION_SACK_PERMITTED) != 0;
	from->timestamps |= (options->present & OPTION_TIMESTAMP) != 0;
	if (side == FORWARD && !(segment->flags & TCP_ACK)) {
		if (!flow->syn_seen)
			flow->syn_sequence = segment->sequence;
		flow->syn_seen = true;
		/* The last SYN before the answer is the one that was answered, as far as round trips go; the
		 * handshake starts with the first. */
		if (flow->syn_ns < 0)
			flow->syn_ns = now_ns;
	} else if (side == REVERSE) {
		flow->syn_ack_seen = true;
		if (flow->syn_ack_ns < 0) {
			flow->syn_ack_ns = now_ns;
			if (flow->connection->requested && !flow->joined && !segment->options_cut &&
				!(options->present & OPTION_MPTCP))
				flow->connection->fallback = FALLBACK_NO_REPLY;
		}
	}
	if (!flow->joined && !flow->connection->mptcp)
		flow->connection->data[side].based = true;
	(void)tracker;
}

static void rtt_sample(struct flow_direction *data, int64_t rtt_ns)
{
	if (rtt_ns < 0)
		return;
	delays_add(&data->rtt, rtt_ns);
	if (data->smoothed_rtt_ns)
		data->smoothed_rtt_ns += (rtt_ns - data->smoothed_rtt_ns) / 8;
	else
		data->smoothed_rtt_ns = rtt_ns;
	if (!data->least_rtt_ns || rtt_ns < data->least_rtt_ns)
		data->least_rtt_ns = rtt_ns;
}

static void sack(struct flow_direction *from, struct flow_direction *data, const struct tcp_options *options,
	uint64_t ack)
{
	from->sack_packets++;
	for (unsigned i = 0; i < options->sack_count; i++) {
		uint64_t start = unwrap(data->base, options->sack[i][0], ack);
		uint64_t end = unwrap(data->base, options->sack[i][1], ack);
		/* RFC 2883: a first block at or below the ACK, or within the second, reports a duplicate. */
		if (i == 0 && end <= ack) {
			from->dsack_packets++;
			continue;
		}
		if (i == 0 && options->sack_count > 1 &&
			start >= unwrap(data->base, options->sack[1][0], ack) &&
			end <= unwrap(data->base, options->sack[1][1], ack))
			from->dsack_packets++;
		if (end > data->sacked)
			data->sacked = end;
	}
}

/* An acknowledgement by `from` of what `data` sent. */
static void acknowledge(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const struct tcp_options *options, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction], *data = &flow->direction[!direction];
	if (!data->started) {
		start_direction(data, segment->acknowledgement);
		return;
	}
	uint64_t ack = unwrap(data->base, segment->acknowledgement, data->acked);
	if (ack > data->acked) {
		data->acked = ack;
		data->duplicate_run = 0;
		data->last_ack_ns = now_ns;
		if (data->rtt_armed && ack >= data->rtt_end) {
			rtt_sample(data, now_ns - data->rtt_ns);
			data->rtt_armed = false;
		}
		if (data->recovery != RECOVERY_NONE && ack >= data->recovery_end)
			data->recovery = RECOVERY_NONE;
		const struct connection *connection = flow->connection;
		if (!connection_is_mapped(connection))
			data_acknowledged(tracker,
				&flow->connection->data[connection_direction(flow, !direction)], ack, now_ns);
	} else if (ack == data->acked && !segment->payload &&
		   !(segment->flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
		   segment->window == from->last_window && ack < ranges_high(&data->seen) &&
		   !options->rare_count) {
		/* RFC 5681, section 2; options of MPTCP other than DSS make none (RFC 8684, section 3.3.4).
		 */
		data->duplicate_run++;
		from->duplicate_acks++;
	}
	if (options->present & OPTION_SACK)
		sack(from, data, options, ack);
	if (data->stamp_armed && (options->present & OPTION_TIMESTAMP) &&
		(int32_t)(options->echo - data->stamp) >= 0) {
		if (options->echo == data->stamp && now_ns >= data->stamp_ns)
			delays_add(&data->rtt_stamp, now_ns - data->stamp_ns);
		data->stamp_armed = false;
	}
}

/* Why the sender sent [start, end) again, as far as a capture shows. */
static enum recovery classify(
	const struct flow_direction *from, uint64_t start, uint64_t end, uint64_t high, int64_t now_ns)
{
	int64_t last = from->last_data_ns > from->last_ack_ns ? from->last_data_ns : from->last_ack_ns;
	int64_t idle = now_ns - last;
	bool loss_reported = from->sacked > start || from->duplicate_run >= 3;
	if (idle >= TIMEOUT_LEAST_NS && start <= from->acked)
		return RECOVERY_TIMEOUT;
	if (from->recovery == RECOVERY_TIMEOUT && start < from->recovery_end)
		return RECOVERY_TIMEOUT;
	if (end == high && !loss_reported && from->smoothed_rtt_ns && idle >= 2 * from->smoothed_rtt_ns)
		return RECOVERY_PROBE;
	if (loss_reported || (from->recovery == RECOVERY_FAST && start < from->recovery_end))
		return RECOVERY_FAST;
	return RECOVERY_UNCLEAR;
}

/* Whether a segment below the highest one was sent after it, or only arrived after it. */
static bool sent_again(const struct flow_direction *from, const struct tcp_options *options, int64_t now_ns)
{
	if ((options->present & OPTION_TIMESTAMP) && from->newest_stamp) {
		int32_t later = (int32_t)(options->timestamp - from->newest_stamp);
		if (later != 0)
			return later > 0;
	}
	int64_t round_trip = from->least_rtt_ns > REORDER_LEAST_NS ? from->least_rtt_ns : REORDER_LEAST_NS;
	return now_ns - from->newest_ns >= round_trip;
}

static void below_highest(struct flow_direction *from, const struct segment *segment,
	const struct tcp_options *options, uint64_t start, uint64_t end, uint64_t high, uint64_t fresh_bytes,
	int64_t now_ns)
{
	uint64_t again = end - start - fresh_bytes;
	if (again == 1 && segment->payload == 1 && end == high) {
		from->keepalives++;
		return;
	}
	from->retransmitted_bytes += again;
	if (again) {
		from->retransmitted_packets++;
		from->rtt_armed = false;
		if (end <= from->acked)
			from->spurious_packets++;
	} else if (sent_again(from, options, now_ns)) {
		from->recovered_packets++;
	} else {
		from->out_of_order_packets++;
		return;
	}
	enum recovery kind = classify(from, start, end, high, now_ns);
	from->kind[kind]++;
	if (kind == RECOVERY_FAST || kind == RECOVERY_TIMEOUT) {
		if (from->recovery != kind || start >= from->recovery_end)
			from->recovery_end = high;
		from->recovery = (uint8_t)kind;
	}
}

/* Data of an MPTCP connection that starts without a mapping: it fell back to TCP (RFC 8684, section 3.7). */
static void check_first_data(
	struct flow *flow, const struct flow_direction *from, const struct segment *segment, uint64_t start)
{
	struct connection *connection = flow->connection;
	if (connection->mptcp && !connection->fallback && !flow->joined && !flow->copy_of &&
		start == ORIGIN && from->mapping.end == 0 && from->mapping_base == 1 && !segment->options_cut)
		connection->fallback = FALLBACK_NO_MAPPING;
}

static void payload(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const struct tcp_options *options, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	uint32_t sequence = segment->sequence + ((segment->flags & TCP_SYN) != 0);
	if (!from->started)
		start_direction(from, sequence);
	uint64_t high = ranges_high(&from->seen);
	uint64_t start = unwrap(from->base, sequence, high), end = start + segment->payload;
	from->payload_packets++;
	from->payload_bytes += segment->payload;
	if (__builtin_expect(start == ORIGIN, 0))
		check_first_data(flow, from, segment, start);
	if (__builtin_expect(from->payload_packets == 1, 0))
		from->first_data_ns = now_ns;
	struct fresh_context context = {tracker, flow, direction, now_ns};
	uint64_t fresh_bytes = segment->payload;
	if (__builtin_expect(start == from->seen.edge && !from->seen.count, 1)) {
		from->seen.edge = end;
		data_fresh(tracker, flow, direction, start, end, now_ns);
	} else {
		fresh_bytes = ranges_add_anywhere(&from->seen, start, end, now_ns, fresh, &context);
	}
	if (start >= high) {
		from->newest_ns = now_ns;
		from->newest_stamp = options->present & OPTION_TIMESTAMP ? options->timestamp : 0;
		if (!from->rtt_armed) {
			from->rtt_armed = true;
			from->rtt_end = end;
			from->rtt_ns = now_ns;
		}
		/* One in eight: a second look at what rtt has already, and each sample is two cache misses.
		 */
		if (from->payload_packets % 8 == 1 && !from->stamp_armed &&
			(options->present & OPTION_TIMESTAMP)) {
			from->stamp_armed = true;
			from->stamp = options->timestamp;
			from->stamp_ns = now_ns;
		}
	} else {
		below_highest(from, segment, options, start, end, high, fresh_bytes, now_ns);
	}
	from->last_data_ns = now_ns;
}

static void window(struct flow_direction *from, const struct segment *segment)
{
	/* RFC 7323, section 2.2: never scaled in a SYN; those are left out, the rest is scaled in the report.
	 */
	if (!(segment->flags & TCP_SYN) && segment->window > from->window_max)
		from->window_max = segment->window;
	if (segment->window == 0 && !(segment->flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		from->zero_windows++;
	from->last_window = segment->window;
}

static void ending(struct flow *flow, unsigned direction, const struct segment *segment, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	if (!flow->direction[0].fin && !flow->direction[1].fin && flow->ended_ns < 0)
		flow->closed_by_server = direction == REVERSE;
	if (segment->flags & TCP_RST)
		from->reset = true;
	if (segment->flags & TCP_FIN)
		from->fin = true;
	if (flow->ended_ns < 0 &&
		((segment->flags & TCP_RST) || (flow->direction[0].fin && flow->direction[1].fin)))
		flow->ended_ns = now_ns;
}

void tcp_segment(struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	unsigned direction = segment->from_second != flow->client_is_second;
	struct flow_direction *from = &flow->direction[direction];
	int64_t now_ns = segment->time_ns - tracker->start_ns;
	struct tcp_options options;
	options_parse(segment->options, segment->options_length, segment->options_cut, &options);
	from->packets++;
	from->header_bytes += segment->header_bytes;
	from->option_bytes += segment->options_sent;
	from->mptcp_bytes += options.mptcp_bytes;
	from->last_ns = now_ns;
	if (__builtin_expect(from->packets == 1, 0))
		from->first_ns = now_ns;
	if (__builtin_expect(options.malformed, 0)) {
		from->malformed_options += options.malformed;
		tracker->counters.malformed_options += options.malformed;
	}
	if (__builtin_expect(segment->options_cut, 0)) {
		from->cut_options++;
		tracker->counters.cut_options++;
	}
	if (__builtin_expect(segment->flags & TCP_SYN, 0))
		syn(tracker, flow, direction, segment, &options, now_ns);
	else if (__builtin_expect(!from->started, 0))
		start_direction(from, segment->sequence);
	if (options.present & OPTION_MPTCP)
		mptcp_options(tracker, flow, direction, segment, &options);
	if (segment->flags & TCP_ACK) {
		if (__builtin_expect(flow->established_ns < 0, 0) && direction == FORWARD &&
			flow->syn_ack_seen && !(segment->flags & (TCP_SYN | TCP_RST)))
			flow->established_ns = now_ns;
		acknowledge(tracker, flow, direction, segment, &options, now_ns);
	}
	if (segment->payload)
		payload(tracker, flow, direction, segment, &options, now_ns);
	window(from, segment);
	if (__builtin_expect(segment->flags & (TCP_FIN | TCP_RST), 0))
		ending(flow, direction, segment, now_ns);
}
