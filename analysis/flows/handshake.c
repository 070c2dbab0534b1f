/* Handshake: which segments are a flow's own, where its sequence numbers start, and how it ends. Endpoints are used
 * again, while one side may still know the connection before; resets are forged or come too late. So SYN and
 * SYN/ACK fix the numbers, and what does not fit them is a stray: counted, and otherwise ignored, as the receiver
 * ignores it (RFC 9293, sections 3.5.1 and 3.10.7; RFC 5961). */
#include "analysis/flows/state.h"
#include <stdlib.h>

/* RFC 7323, section 2.3: no window is larger, so nothing of a connection lies farther ahead. */
#define WINDOW_MOST ((uint64_t)1 << 30)
/* Windows are not known well from a capture; and offload shows 64 KiB at once. */
#define WINDOW_SLACK ((uint64_t)1 << 16)

void direction_start(struct flow_direction *direction, uint32_t base)
{
	direction->base = base;
	direction->started = true;
}

/* Forgets the sequence space seen so far, which was another connection's; its bytes are no data of this one. */
void direction_reset(struct tracker *tracker, struct flow *flow, unsigned side, uint32_t base)
{
	struct flow_direction *direction = &flow->direction[side];
	struct cold *cold = cold_of(tracker, direction);
	cold->discarded_bytes = direction->payload_bytes - cold->retransmitted_bytes - cold->keepalives;
	cold->below_bytes = cold->unmapped_bytes = cold->probe = 0;
	if (cold->unmapped)
		ranges_free(cold->unmapped);
	free(cold->unmapped);
	cold->unmapped = NULL;
	cold->sacked = 0;
	cold->floor = cold->mapped_high = ORIGIN;
	cold->older_next = 0;
	free(cold->older);
	cold->older = NULL;
	ranges_free(&direction->seen);
	direction->seen.edge = direction->acked = ORIGIN;
	direction->mapping = (struct mapping){0};
	direction->duplicate_run = 0;
	direction->recovery = RECOVERY_NONE;
	direction->heed &= HEED_AGAIN;
	direction->fin = false;
	if (direction->samples)
		samples_forget(direction->samples);
	if (side == FORWARD)
		flow->syn_data = 0;
	if (flow->connection && !flow->connection->mptcp)
		data_reset(&flow->connection->data[side]);
	direction_start(direction, base);
}

static uint64_t window_of(const struct flow_direction *direction, const struct flow_direction *peer)
{
	bool unscaled = direction->syn && direction->window_scale == NO_SCALE;
	unsigned scale = direction->window_scale != NO_SCALE && peer->window_scale != NO_SCALE
				 ? direction->window_scale
			 : unscaled ? 0
				    : 14;
	uint64_t window = (uint64_t)direction->window_max << scale;
	return window > 65535 ? window : 65535;
}

static bool is_within(uint64_t position, uint64_t known, uint64_t reach)
{
	return position <= known + reach && position + reach >= known;
}

/* Whether a segment's numbers lie within `reach` of what is known of both directions. */
static bool is_near(const struct flow *flow, unsigned side, const struct segment *segment, uint64_t reach)
{
	const struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	if (from->started) {
		uint64_t high = ranges_high(&from->seen);
		high = from->acked > high ? from->acked : high;
		uint64_t position = unwrap(from->base, segment->sequence, high);
		if (!is_within(position, high, reach))
			return false;
	}
	if (peer->started && (segment->flags & TCP_ACK)) {
		uint64_t position = unwrap(peer->base, segment->acknowledgement, peer->acked);
		if (!is_within(position, peer->acked, reach))
			return false;
	}
	return true;
}

/* The client's SYN was seen and nothing since that belongs to it: RFC 9293, section 3.10.7.3. */
static bool answers_syn(const struct flow *flow, unsigned side, const struct segment *segment)
{
	const struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	if (side == FORWARD) {
		uint64_t position = unwrap(from->base, segment->sequence, ORIGIN);
		return segment->flags & TCP_RST ? position >= ORIGIN && position <= ranges_high(&from->seen)
						: position + 1 >= ORIGIN && position < ORIGIN + WINDOW_MOST;
	}
	if (!(segment->flags & TCP_ACK))
		return false;
	uint64_t position = unwrap(peer->base, segment->acknowledgement, ORIGIN);
	return position >= ORIGIN && position <= ranges_high(&peer->seen) + 1;
}

/* Numbers far from all others: once it is a stray, twice in a row the capture missed much. */
static bool is_second(struct tracker *tracker, struct flow_direction *from, const struct segment *segment)
{
	struct cold *cold = cold_of(tracker, from);
	if (cold->suspected && segment->sequence - cold->suspect < WINDOW_SLACK * 16) {
		cold->suspected = false;
		return true;
	}
	cold->suspected = true;
	cold->suspect = segment->sequence;
	return false;
}

bool handshake_accepts(
	struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	if (flow->syn_seen && !flow->syn_ack_seen && !flow->direction[REVERSE].started) {
		if (answers_syn(flow, side, segment))
			return true;
		return !(segment->flags & TCP_RST) && side == REVERSE && (segment->flags & TCP_ACK) &&
		       is_near(flow, side, segment, WINDOW_MOST) && is_second(tracker, from, segment);
	}
	if (__builtin_expect(is_near(flow, side, segment, WINDOW_MOST), 1))
		return true;
	if ((segment->flags & TCP_RST) || !is_second(tracker, from, segment))
		return false;
	/* Whichever of the two numbers is far begins anew. */
	uint64_t high = ranges_high(&from->seen);
	if (!is_within(unwrap(from->base, segment->sequence, high), high, WINDOW_MOST))
		direction_reset(tracker, flow, side, segment->sequence);
	const struct flow_direction *peer = &flow->direction[!side];
	if ((segment->flags & TCP_ACK) &&
		!is_within(
			unwrap(peer->base, segment->acknowledgement, peer->acked), peer->acked, WINDOW_MOST))
		direction_reset(tracker, flow, !side, segment->acknowledgement);
	return true;
}

struct flow *handshake_owner(struct flow *flow, const struct segment *segment)
{
	struct flow *previous = flow->previous;
	unsigned side = segment->from_second != flow->client_is_second;
	if (!previous || (segment->flags & TCP_SYN))
		return flow;
	bool begins = flow->syn_seen && !flow->syn_ack_seen && !flow->direction[REVERSE].started;
	bool fits =
		begins ? answers_syn(flow, side, segment) : is_near(flow, side, segment, WINDOW_SLACK * 16);
	unsigned old_side = segment->from_second != previous->client_is_second;
	return !fits && is_near(previous, old_side, segment, WINDOW_SLACK * 16) ? previous : flow;
}

bool handshake_opens_new_flow(const struct flow *flow, const struct segment *segment)
{
	unsigned side = segment->from_second != flow->client_is_second;
	const struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	uint32_t base = segment->sequence + 1;
	if (!(segment->flags & TCP_ACK)) {
		/* Both sides may open at once (RFC 9293, section 3.5, figure 7). */
		if (side == REVERSE && flow->syn_seen && !flow->syn_ack_seen && !from->started)
			return false;
		return !from->started || base != from->base;
	}
	if (from->syn && from->base == base)
		return false;
	if (!peer->syn)
		return from->started ? from->base != base : peer->started;
	if (segment->acknowledgement - peer->base <= flow->syn_data)
		return false;
	/* It answers another SYN, which this capture lacks; unless ours is still without an answer. */
	return flow->established_ns != NEVER || flow->ended_ns != NEVER || from->started;
}

static bool syn_ack(struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	uint32_t base = segment->sequence + 1;
	uint64_t taken = segment->acknowledgement - peer->base;
	if (!peer->started || !peer->syn) {
		if (!peer->started)
			direction_start(peer, segment->acknowledgement);
		peer->syn = true;
		peer->mapping_base = 1;
		taken = 0;
	}
	if (taken > flow->syn_data && taken != 0)
		return false;
	if (side == FORWARD) /* of both sides opening at once */
		return from->base == base;
	if (!from->started) {
		direction_start(from, base);
	} else if (from->base != base) {
		if (from->syn && flow->established_ns != NEVER)
			return false;
		if (from->syn) {
			/* Two answers: the client's acknowledgement will tell. */
			flow->syn_ack_changed = true;
			flow->other_base = from->base;
		}
		direction_reset(tracker, flow, side, base);
		flow->syn_ack_ns = NEVER;
	}
	from->syn = true;
	from->mapping_base = 1;
	flow->syn_ack_seen = true;
	flow->settled = false;
	if (flow->syn_ack_ns == NEVER)
		flow->syn_ack_ns = segment->time_ns;
	/* A refusal before it, or a stray reset, did not end the connection. */
	for (unsigned i = 0; i < 2; i++)
		if (flow->direction[i].reset) {
			flow->direction[i].reset = false;
			cold_of(tracker, &flow->direction[i])->resets_ignored++;
		}
	flow->ended_ns = NEVER;
	return true;
}

bool handshake_syn(struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	uint32_t base = segment->sequence + 1;
	if (from->syn_packets < UINT8_MAX)
		from->syn_packets++;
	else
		cold_of(tracker, from)->syn_packets++;
	if (segment->flags & TCP_ACK)
		return syn_ack(tracker, flow, side, segment);
	if (!from->started)
		direction_start(from, base);
	else if (from->base != base)
		direction_reset(tracker, flow, side, base);
	from->syn = true;
	from->mapping_base = 1;
	if (side == REVERSE) {
		/* Both sides open at once: this SYN is half of an answer. */
		flow->syn_ack_seen = true;
		if (flow->syn_ack_ns == NEVER)
			flow->syn_ack_ns = segment->time_ns;
		return true;
	}
	flow->syn_sequence = segment->sequence;
	flow->syn_seen = true;
	/* The last SYN before the answer is the one that was answered, as far as round trips go; the handshake
	 * starts with the first. */
	if (flow->syn_ns == NEVER)
		flow->syn_ns = segment->time_ns;
	return true;
}

/* Whether the receiver takes a reset seriously: its number lies in the window (RFC 9293, section 3.5.3). */
static bool reset_is_acceptable(const struct flow *flow, unsigned side, const struct segment *segment)
{
	const struct flow_direction *from = &flow->direction[side], *peer = &flow->direction[!side];
	if (flow->syn_seen && !flow->syn_ack_seen && !flow->direction[REVERSE].started && side == REVERSE)
		return true; /* it acknowledges the SYN, or would be a stray */
	if (!from->started)
		return true;
	uint64_t high = ranges_high(&from->seen) > from->acked ? ranges_high(&from->seen) : from->acked;
	uint64_t position = unwrap(from->base, segment->sequence, from->acked);
	return position >= from->acked && position <= high + window_of(peer, from) + WINDOW_SLACK;
}

void handshake_ending(
	struct tracker *tracker, struct flow *flow, unsigned side, const struct segment *segment)
{
	struct flow_direction *from = &flow->direction[side];
	struct cold *cold = cold_of(tracker, from);
	bool first = !flow->direction[0].fin && !flow->direction[1].fin && flow->ended_ns == NEVER;
	if (segment->flags & TCP_RST) {
		cold->reset_packets++;
		if (!reset_is_acceptable(flow, side, segment)) {
			cold->resets_ignored++;
			return;
		}
		from->reset = true;
		uint64_t high = ranges_high(&from->seen);
		cold->reset_high = (high > from->acked ? high : from->acked) + 1;
	}
	if (first)
		flow->closed_by_server = side == REVERSE;
	if (segment->flags & TCP_FIN) {
		cold->fin_packets++;
		from->fin = true;
	}
	if (flow->ended_ns == NEVER &&
		((segment->flags & TCP_RST) || (flow->direction[0].fin && flow->direction[1].fin)))
		flow->ended_ns = segment->time_ns;
}
