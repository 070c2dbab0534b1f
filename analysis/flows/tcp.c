/* TCP: what one segment changes in its flow: sequence space seen, acknowledgements, round trips, windows. What comes
 * again is again.c's, who belongs to the flow is handshake.c's. */
#include "analysis/flows/state.h"

/* A mirror port shows a packet again within microseconds, a router's `any` after its queue. */
#define DUPLICATE_NS ((int64_t)200000000)
/* Without an IP identification only what follows at once is a duplicate. */
#define DUPLICATE_UNNUMBERED_NS ((int64_t)50000)

struct fresh_context {
	struct tracker *tracker;
	struct flow *flow;
	unsigned direction;
	const struct segment *segment;
};

static void fresh(void *context, uint64_t start, uint64_t end)
{
	const struct fresh_context *to = context;
	/* Sent before the first byte that this capture showed. */
	if (start < ORIGIN)
		cold_of(to->tracker, &to->flow->direction[to->direction])->below_bytes +=
			(end < ORIGIN ? end : ORIGIN) - start;
	data_fresh(to->tracker, to->flow, to->direction, start, end, to->segment, to->segment->time_ns);
}

static inline bool is_duplicate(struct flow_direction *from, const struct segment *segment)
{
	uint32_t signature = segment->signature;
	if (!signature)
		return false;
	for (unsigned i = 0; i < SIGNATURES; i++)
		if (__builtin_expect(from->signature[i] == signature, 0))
			return segment->time_ns - from->last_ns <=
			       (segment->ip_id ? DUPLICATE_NS : DUPLICATE_UNNUMBERED_NS);
	for (unsigned i = SIGNATURES - 1; i > 0; i--)
		from->signature[i] = from->signature[i - 1];
	from->signature[0] = signature;
	return false;
}

static void learn_options(struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	const struct tcp_options *options = &segment->parsed;
	if (options->present & OPTION_MSS)
		from->mss = options->mss;
	if (options->present & OPTION_WINDOW_SCALE)
		from->window_scale = options->window_scale;
	from->sack_permitted |= (options->present & OPTION_SACK_PERMITTED) != 0;
	from->timestamps |= (options->present & OPTION_TIMESTAMP) != 0;
	/* RFC 3168, section 6.1.1. */
	if (side == FORWARD && (segment->flags & (TCP_ACK | TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR))
		flow->ecn_setup |= 1;
	if (side == REVERSE && (segment->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE)
		flow->ecn_setup |= 2;
	if (side == REVERSE && flow->connection && flow->connection->requested && !flow->joined &&
		!segment->options_cut && !(options->present & OPTION_MPTCP) && !flow->connection->fallback &&
		!flow->connection->mptcp) {
		flow->connection->fallback = FALLBACK_NO_REPLY;
		flow->connection->fallback_ns = segment->time_ns;
		const struct event event = {.time_ns = segment->time_ns,
			.flow = flow->index,
			.direction = REVERSE,
			.kind = EVENT_FALLBACK,
			.flag = FALLBACK_NO_REPLY};
		mptcp_event(flow->connection, &event);
	}
}

/* A reset that its receiver did not heed: it takes what was sent after it. */
static void revive(struct tracker *tracker, struct flow *flow, struct flow_direction *data)
{
	data->reset = false;
	cold_of(tracker, data)->resets_ignored++;
	flow->ended_ns = NEVER;
}

/* A window probe's byte was taken after all. */
static void take_probe(
	struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *data = &flow->direction[side];
	uint64_t probe = data->cold->probe;
	struct fresh_context context = {tracker, flow, side, segment};
	data->cold->probe = 0;
	data->heed &= (uint8_t)~HEED_PROBE;
	if (ranges_add(&data->seen, probe, probe + 1, segment->time_ns, fresh, &context))
		data->cold->discarded_bytes--;
	direction_note_holes(data);
}

static void advance(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, uint64_t ack)
{
	struct flow_direction *data = &flow->direction[!direction];
	uint64_t before = data->acked;
	bool waited = data->duplicate_run >= 3;
	if (__builtin_expect(data->cold != NULL, 0)) {
		struct cold *cold = data->cold;
		waited |= cold->sacked > before;
		if (cold->sacked <= ack)
			data->heed &= (uint8_t)~HEED_SACK;
		if (cold->probe && ack > cold->probe)
			take_probe(tracker, flow, !direction, segment);
		if (data->reset && ack > cold->reset_high)
			revive(tracker, flow, data);
	}
	if (__builtin_expect(flow->syn_data != 0, 0) && direction == REVERSE) {
		data_syn(tracker, flow, ack - ORIGIN < flow->syn_data ? ack - ORIGIN : flow->syn_data,
			segment->time_ns);
		flow->syn_data = 0;
	}
	data->acked = ack;
	data->duplicate_run = 0;
	data->last_ack_ns = segment->time_ns;
	if (__builtin_expect(data->samples != NULL, 1))
		flow_sample(tracker, data, segment, ack, waited);
	if (data->recovery != RECOVERY_NONE && ack >= data->cold->recovery_end)
		data->recovery = RECOVERY_NONE;
	struct connection *connection = flow->connection;
	if (!connection || flow_is_copy(flow))
		return;
	struct data_direction *level = &connection->data[connection_direction(flow, !direction)];
	if (!connection_is_mapped(connection))
		data_acknowledged(tracker, level, ack, segment->time_ns);
	else if (connection->fallback && data->mapping.end == UINT64_MAX && ack > data->mapping.start)
		data_acknowledged(
			tracker, level, ack - data->mapping.start + data->mapping.data, segment->time_ns);
}

/* An acknowledgement by `direction` of what the other side sent. */
static inline void acknowledge(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[direction], *data = &flow->direction[!direction];
	if (__builtin_expect(!data->started, 0)) {
		direction_start(data, segment->acknowledgement);
		data->last_ack_ns = segment->time_ns;
	}
	uint64_t ack = unwrap(data->base, segment->acknowledgement, data->acked), before = data->acked;
	if (ack > before) {
		advance(tracker, flow, direction, segment, ack);
	} else if (ack == before && !segment->payload && !(segment->flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
		   segment->window == from->last_window && !segment->parsed.rare_count && from->packets > 1) {
		/* RFC 5681, section 2; options of MPTCP other than DSS make none (RFC 8684, section 3.3.4). That
		 * data are outstanding shows in what was sent, or where that was not captured in SACK. */
		bool outstanding = ack < ranges_high(&data->seen);
		if (!outstanding && (segment->parsed.present & OPTION_SACK)) {
			uint32_t sacks[OPTIONS_SACKS][2];
			unsigned count = options_sacks(segment->options, segment->options_length, sacks);
			for (unsigned i = 0; i < count; i++)
				outstanding |= unwrap(data->base, sacks[i][1], ack) > ack;
		}
		if (outstanding) {
			data->duplicate_run =
				(uint16_t)(data->duplicate_run + (data->duplicate_run < UINT16_MAX));
			cold_of(tracker, from)->duplicate_acks++;
		}
	}
	if (__builtin_expect(segment->parsed.present & OPTION_SACK, 0))
		again_sack(tracker, from, data, segment, ack);
	if (__builtin_expect(data->heed & HEED_AGAIN, 0))
		again_acknowledged(data, segment, before);
}

/* One byte beyond a closed window (RFC 9293, section 3.8.6.1): no data before it is taken. */
static bool is_window_probe(const struct flow_direction *from, const struct flow_direction *peer,
	const struct segment *segment, uint64_t start, uint64_t high)
{
	return segment->payload == 1 && !(segment->flags & TCP_SYN) && peer->packets &&
	       peer->last_window == 0 && start == from->acked && start >= high;
}

/* Below the first byte that this capture showed: new here, though sent before. */
static void below_first(struct tracker *tracker, struct flow_direction *from, uint64_t start, int64_t now_ns)
{
	struct cold *cold = cold_of(tracker, from);
	if (start >= cold->floor)
		return;
	ranges_lower(&from->seen, start, cold->floor, now_ns);
	cold->floor = start;
}

static inline bool has_samples(struct tracker *tracker, struct flow_direction *from)
{
	if (__builtin_expect(!from->samples, 0) && !(from->samples = samples_new(&tracker->arena)))
		tracker->out_of_memory = true;
	return from->samples != NULL;
}

static void payload(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[direction];
	int64_t now_ns = segment->time_ns;
	uint32_t sequence = segment->sequence + ((segment->flags & TCP_SYN) != 0);
	uint64_t high = ranges_high(&from->seen);
	uint64_t start = unwrap(from->base, sequence, high), end = start + segment->payload;
	if (!has_samples(tracker, from))
		return;
	if (__builtin_expect(!from->samples->first_bytes, 0)) {
		from->samples->first_bytes = segment->payload;
		from->samples->first_data_ns = now_ns;
	}
	uint64_t fresh_bytes = segment->payload;
	if (__builtin_expect(
		    start == from->seen.edge && !ranges_count(&from->seen) && segment->payload > 1, 1)) {
		from->seen.edge = end;
		data_fresh(tracker, flow, direction, start, end, segment, now_ns);
	} else {
		if (is_window_probe(from, &flow->direction[!direction], segment, start, high)) {
			struct cold *cold = cold_of(tracker, from);
			cold->zero_window_probes++;
			cold->discarded_bytes++;
			cold->probe = start;
			from->heed |= HEED_PROBE;
			from->last_data_ns = now_ns;
			return;
		}
		if (start < ORIGIN && !from->syn)
			below_first(tracker, from, start, now_ns);
		struct fresh_context context = {tracker, flow, direction, segment};
		fresh_bytes = ranges_add_anywhere(&from->seen, start, end, now_ns, fresh, &context);
		direction_note_holes(from);
	}
	if (__builtin_expect(from->cold != NULL, 0) && from->cold->unmapped)
		data_check_mappings(tracker, flow, direction, segment);
	if (start >= high) {
		from->newest_ns = now_ns;
		from->newest_stamp =
			segment->parsed.present & OPTION_TIMESTAMP ? segment->parsed.timestamp : 0;
		if (!(segment->flags & TCP_SYN))
			samples_sent(from->samples, end + ((segment->flags & TCP_FIN) != 0),
				from->newest_stamp, now_ns);
	} else {
		again_below_highest(tracker, flow, direction, segment, start, end, high, fresh_bytes);
	}
	from->last_data_ns = now_ns;
}

/* The first payload of a direction. */
static void first_payload(struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	/* Without a SYN the first byte captured is ORIGIN: what an ACK named before was sent before. */
	if (!from->syn && from->started) {
		uint64_t shift = unwrap(from->base, segment->sequence, from->acked) - ORIGIN;
		from->base = segment->sequence;
		from->acked -= shift;
		if (from->cold && from->cold->sacked)
			from->cold->sacked -= shift;
	}
}

static inline void window(struct tracker *tracker, struct flow_direction *from, const struct segment *segment)
{
	/* RFC 7323, section 2.2: never scaled in a SYN; those are left out, the rest is scaled in the report. */
	if (!(segment->flags & TCP_SYN) && segment->window > from->window_max)
		from->window_max = segment->window;
	if (__builtin_expect(segment->window == 0, 0) && !(segment->flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		cold_of(tracker, from)->zero_windows++;
	from->last_window = segment->window;
}

/* What few segments have. */
static void rare(struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	struct cold *cold = cold_of(tracker, from);
	cold->malformed_options += segment->parsed.malformed;
	tracker->counters.malformed_options += segment->parsed.malformed;
	cold->cut_options += segment->options_cut;
	tracker->counters.cut_options += segment->options_cut;
	cold->ect_packets += segment->ecn == 1 || segment->ecn == 2;
	cold->ce_packets += segment->ecn == 3;
	/* In SYNs the flags negotiate. */
	if (!(segment->flags & TCP_SYN)) {
		cold->ece_packets += (segment->flags & TCP_ECE) != 0;
		cold->cwr_packets += (segment->flags & TCP_CWR) != 0;
	}
}

/* A reset's text is for people (RFC 9293, section 3.5.3); other payload that nobody took is none either. */
static void discard(struct tracker *tracker, struct flow_direction *from, const struct segment *segment)
{
	if (!segment->payload)
		return;
	from->payload_packets++;
	from->payload_bytes += segment->payload;
	cold_of(tracker, from)->discarded_bytes += segment->payload;
}

/* The third packet of the handshake. */
static void established(struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	struct flow_direction *server = &flow->direction[REVERSE];
	if (flow->syn_ack_changed && segment->acknowledgement != server->base &&
		segment->acknowledgement == flow->other_base)
		direction_reset(tracker, flow, REVERSE, flow->other_base);
	flow->established_ns = segment->time_ns;
	/* The handshake's own round trips, where nothing was sent twice. */
	if (segment->acknowledgement != server->base || server->syn_packets != 1 ||
		!has_samples(tracker, server))
		return;
	samples_measured(server->samples, segment->time_ns - flow->syn_ack_ns);
	struct flow_direction *client = &flow->direction[FORWARD];
	if (client->syn_packets == 1 && flow->syn_ns != NEVER && has_samples(tracker, client))
		samples_measured(client->samples, flow->syn_ack_ns - flow->syn_ns);
}

/* A FIN has a number of its own, and an acknowledgement of it. */
static void lone_fin(struct tracker *tracker, struct flow_direction *from, const struct segment *segment)
{
	uint64_t high = ranges_high(&from->seen), position = unwrap(from->base, segment->sequence, high);
	if (!from->started || !has_samples(tracker, from))
		return;
	if (from->fin || position < high)
		samples_forget(from->samples);
	else
		samples_sent(from->samples, position + 1,
			segment->parsed.present & OPTION_TIMESTAMP ? segment->parsed.timestamp : 0,
			segment->time_ns);
}

/* Numbers that lie within the largest window of what is known: nearly always. */
static inline bool is_plain(const struct flow *flow, unsigned side, const struct segment *segment)
{
	const struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	const uint32_t reach = 1u << 30;
	uint32_t sent = segment->sequence - from->base - (uint32_t)from->seen.edge;
	uint32_t acked = segment->acknowledgement - peer->base - (uint32_t)peer->acked;
	return flow->settled && !(segment->flags & TCP_SYN) && (segment->flags & TCP_ACK) &&
	       !from->seen.list && sent + reach <= 2 * reach && acked + reach <= 2 * reach;
}

/* From now on the numbers decide alone. */
static void settle(struct flow *flow)
{
	flow->settled = flow->direction[0].started && flow->direction[1].started && !flow->previous &&
			(flow->established_ns != NEVER || (!flow->syn_seen && !flow->syn_ack_seen));
}

/* Whether the segment changes more than counters of packets. */
static bool belongs(struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	if (__builtin_expect(segment->flags & TCP_SYN, 0)) {
		if (handshake_syn(tracker, flow, side, segment))
			return true;
	} else if (handshake_accepts(tracker, flow, side, segment)) {
		return true;
	}
	struct cold *cold = cold_of(tracker, &flow->direction[side]);
	cold->stray_packets++;
	tracker->counters.stray_packets++;
	if (segment->flags & TCP_RST) {
		cold->reset_packets++;
		cold->resets_ignored++;
	}
	return false;
}

/* Alive, and nothing to say: one byte before what comes next (RFC 9293, section 3.8.4), here without any. */
static inline bool is_empty_keepalive(const struct flow_direction *from, const struct segment *segment)
{
	uint64_t high = from->seen.edge;
	return __builtin_expect(segment->sequence + 1 == from->base + (uint32_t)high, 0) &&
	       !segment->payload && !(segment->flags & (TCP_SYN | TCP_FIN | TCP_RST)) && from->started &&
	       high > ORIGIN && from->acked == high && !ranges_count(&from->seen);
}

static void take_payload(
	struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	if (__builtin_expect(segment->flags & TCP_RST, 0)) {
		discard(tracker, from, segment);
		return;
	}
	from->payload_packets++;
	from->payload_bytes += segment->payload;
	if (__builtin_expect(
		    (segment->flags & TCP_SYN) && side == FORWARD && !(segment->flags & TCP_ACK), 0)) {
		/* Data with the SYN: whether they are taken, the answer tells. */
		flow->syn_data = segment->payload < UINT16_MAX ? (uint16_t)segment->payload : 0;
	} else if (__builtin_expect(flow->syn_data != 0, 0) && side == FORWARD &&
		   segment->sequence - from->base < flow->syn_data) {
		/* They were not taken, and come again. */
		uint64_t length = segment->payload < flow->syn_data ? segment->payload : flow->syn_data;
		flow->syn_data = 0;
		if (segment->sequence == from->base)
			data_fresh(tracker, flow, side, ORIGIN, ORIGIN + length, segment, segment->time_ns);
	}
	payload(tracker, flow, side, segment);
}

void tcp_segment(struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	if (__builtin_expect(!flow->settled, 0))
		flow = handshake_owner(flow, segment);
	unsigned side = segment->from_second != flow->client_is_second;
	struct flow_direction *from = &flow->direction[side];
	if (__builtin_expect(is_duplicate(from, segment), 0)) {
		cold_of(tracker, from)->duplicate_packets++;
		tracker->counters.duplicate_packets++;
		return;
	}
	if (__builtin_expect(from->packets == 0, 0))
		from->first_ns = segment->time_ns;
	from->packets++;
	from->header_bytes += segment->header_bytes;
	from->option_bytes += segment->options_sent;
	from->mptcp_bytes += segment->parsed.mptcp_bytes;
	from->last_ns = segment->time_ns;
	if (__builtin_expect(segment->parsed.malformed || segment->options_cut || segment->ecn ||
				     (segment->flags & (TCP_ECE | TCP_CWR)),
		    0))
		rare(tracker, flow, side, segment);
	if (__builtin_expect(!is_plain(flow, side, segment), 0) && !belongs(tracker, flow, side, segment)) {
		discard(tracker, from, segment);
		return;
	}
	if (__builtin_expect(segment->flags & TCP_SYN, 0))
		learn_options(flow, side, segment);
	else if (__builtin_expect(!from->started, 0) && !(segment->flags & TCP_RST))
		direction_start(from, segment->sequence);
	if (segment->payload && __builtin_expect(!from->samples || !from->samples->first_bytes, 0))
		first_payload(flow, side, segment);
	if (segment->parsed.present & OPTION_MPTCP)
		mptcp_options(tracker, flow, side, segment);
	if (segment->flags & TCP_ACK) {
		if (__builtin_expect(!flow->settled, 0)) {
			if (flow->established_ns == NEVER && side == FORWARD && flow->syn_ack_seen &&
				!(segment->flags & (TCP_SYN | TCP_RST)))
				established(tracker, flow, segment);
			settle(flow);
		}
		if (__builtin_expect(is_empty_keepalive(from, segment), 0))
			cold_of(tracker, from)->empty_keepalives++;
		acknowledge(tracker, flow, side, segment);
	}
	if (segment->payload)
		take_payload(tracker, flow, side, segment);
	window(tracker, from, segment);
	if (__builtin_expect(segment->flags & (TCP_FIN | TCP_RST), 0)) {
		if ((segment->flags & TCP_FIN) && !segment->payload)
			lone_fin(tracker, from, segment);
		handshake_ending(tracker, flow, side, segment);
	}
}
