/* Oracle: what the analysis must say of a list of packets, computed the slow and obvious way: a flag a byte of each
 * sequence space, and the whole history looked through again for every question. It shares no line with the
 * analysis; where a number is a matter of definition, it follows docs/analysis.md. */
#ifndef LIQUIDNET_TEST_ORACLE_H
#define LIQUIDNET_TEST_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WIRE_MOST = 600, FLOWS_MOST = 8, SPACE = 1 << 16, ZERO = 1 << 14 };
enum { W_FIN = 1, W_SYN = 2, W_RST = 4, W_ACK = 16 };

/* A packet as captured. Numbers are positions: of a flow's direction, ZERO is the byte behind the SYN; the data
 * level's ZERO is the connection's first byte. */
struct wire {
	int64_t time_us;
	unsigned flow;
	bool reverse;
	unsigned flags;
	int sequence, ack;
	unsigned payload, window;
	uint32_t stamp, echo;
	unsigned sacks;
	int sack[3][2];
	bool mapped, data_acked, join, strip;
	int data, map_start, map_length, data_ack; /* the mapping: subflow and data position, length */
	bool copied;                               /* a mirror port's second copy */
	uint16_t id;
	unsigned option_bytes, header_bytes; /* as written */
};

struct oracle_direction {
	uint64_t packets, payload_packets, payload_bytes, unique_bytes, retransmitted_bytes,
		retransmitted_packets;
	uint64_t recovered, out_of_order, missing, duplicate_acks, sack_packets, dsack_packets, zero_windows,
		keepalives;
	uint64_t syn_packets, fin_packets, reset_packets, header_bytes, option_bytes, duplicates,
		spurious_acked;
	uint64_t reinjected, unmapped;
	uint64_t rtt_samples;
	double rtt_sum;
	int64_t rtt_min, rtt_max;
	unsigned window_max;
};

struct oracle_data {
	uint64_t delivered, reinjected, uncaptured, before, waited, held, held_most;
	bool started;
	int edge, high, floor, acked;
	int64_t first_us, last_us;
	double wait_sum;
	int64_t wait_most;
	int64_t arrived[SPACE]; /* when; -1: not seen */
	bool pending[SPACE];    /* behind a hole */
};

struct oracle {
	const struct wire *wire;
	unsigned count;
	bool syn[FLOWS_MOST][2]; /* the SYN, or the SYN/ACK, was captured */
	struct oracle_direction direction[FLOWS_MOST][2];
	struct oracle_data data[2];
	bool seen[FLOWS_MOST][2][SPACE];
	bool mptcp;
	bool fallen; /* the options stopped: positions of the only subflow are the connection's */
	bool is_copy[FLOWS_MOST];
};

static bool same_way(const struct wire *a, const struct wire *b)
{
	return a->flow == b->flow && a->reverse == b->reverse;
}

/* The first captured payload: where a direction without SYN begins. */
static int oracle_begin(const struct oracle *o, const struct wire *w)
{
	if (o->syn[w->flow][w->reverse])
		return ZERO;
	for (unsigned i = 0; i < o->count; i++)
		if (same_way(&o->wire[i], w) && o->wire[i].payload)
			return o->wire[i].sequence;
	return ZERO;
}

/* The highest byte of a direction before packet `at`, plus one. */
static int oracle_high(const struct oracle *o, unsigned at, unsigned flow, bool reverse)
{
	int high = o->syn[flow][reverse] ? ZERO : -1;
	for (unsigned i = 0; i < at; i++) {
		const struct wire *w = &o->wire[i];
		if (w->flow == flow && w->reverse == reverse && w->payload && !w->copied) {
			int end = w->sequence + (int)w->payload;
			high = end > high ? end : high;
		}
	}
	return high;
}

/* What the other side has acknowledged of a direction before packet `at`: SYN, or the first number known. */
static int oracle_acked(const struct oracle *o, unsigned at, unsigned flow, bool reverse)
{
	int acked = o->syn[flow][reverse] ? ZERO : -1;
	for (unsigned i = 0; i < at; i++) {
		const struct wire *w = &o->wire[i];
		if (w->flow != flow || w->copied)
			continue;
		if (w->reverse == reverse) {
			if (acked < 0)
				acked = w->sequence;
		} else if ((w->flags & W_ACK) && w->ack > acked) {
			acked = w->ack;
		}
	}
	return acked;
}

static bool oracle_keepalive(const struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	int end = w->sequence + (int)w->payload;
	return w->payload == 1 && o->seen[w->flow][w->reverse][w->sequence] &&
	       end == oracle_high(o, at, w->flow, w->reverse) &&
	       end <= oracle_acked(o, at, w->flow, w->reverse);
}

/* Whether a segment below the highest one was sent after it, by their timestamps. */
static bool oracle_sent_later(const struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	uint32_t newest = 0;
	for (unsigned i = 0; i < at; i++)
		if (same_way(&o->wire[i], w) && o->wire[i].payload && !o->wire[i].copied &&
			o->wire[i].sequence >= oracle_high(o, i, w->flow, w->reverse))
			newest = o->wire[i].stamp;
	return w->stamp > newest;
}

/* ---- the data level */

/* A byte of the connection arrives. Returns whether it had been there. */
static bool oracle_arrives(struct oracle_data *d, int position, int64_t now_us)
{
	if (position < d->floor) {
		d->before++;
		return false;
	}
	if (position < d->edge || d->arrived[position] >= 0)
		return true;
	d->arrived[position] = now_us;
	if (position + 1 > d->high)
		d->high = position + 1;
	return false;
}

/* Bytes up to `to` (or further, what follows without a hole) are in order now; what waited waits no more. */
static void oracle_deliver(struct oracle_data *d, int to, int64_t now_us)
{
	int before = d->edge;
	for (; d->edge < d->high && (d->edge < to || d->arrived[d->edge] >= 0); d->edge++) {
		int64_t *arrived = &d->arrived[d->edge];
		d->uncaptured += *arrived < 0;
		if (!d->pending[d->edge])
			continue;
		d->held--;
		d->waited++;
		d->wait_sum += (double)(now_us - *arrived);
		if (now_us - *arrived > d->wait_most)
			d->wait_most = now_us - *arrived;
	}
	if (d->edge > before) {
		d->delivered += (uint64_t)(d->edge - before);
		d->last_us = now_us;
	}
	for (int position = d->edge; position < d->high; position++)
		if (d->arrived[position] >= 0 && !d->pending[position]) {
			d->pending[position] = true;
			d->held++;
		}
	d->held_most = d->held > d->held_most ? d->held : d->held_most;
}

static void oracle_data_ack(struct oracle_data *d, int ack, int64_t now_us)
{
	if (ack <= d->acked)
		return;
	d->acked = ack;
	if (d->started)
		oracle_deliver(d, ack, now_us);
}

/* Where options stop, the first segment without any that comes in order ends the mappings: what waited for one is
 * the connection's as it is. */
static void oracle_fall(struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	const bool *seen = o->seen[w->flow][w->reverse];
	int end = w->sequence + (int)w->payload, high = oracle_high(o, at, w->flow, w->reverse);
	high = end > high ? end : high;
	for (int position = ZERO; position < high; position++)
		if (!seen[position])
			return;
	for (uint32_t flow = 1; flow < FLOWS_MOST; flow++)
		if (o->syn[flow][0])
			return;
	o->fallen = true;
	o->direction[w->flow][w->reverse].unmapped = 0;
	for (int position = ZERO; position < high; position++)
		if (o->data[w->reverse].arrived[position] < 0)
			oracle_arrives(&o->data[w->reverse], position, w->time_us);
}

static void oracle_payload_data(struct oracle *o, unsigned at, const bool *fresh)
{
	const struct wire *w = &o->wire[at];
	struct oracle_data *d = &o->data[w->reverse];
	struct oracle_direction *x = &o->direction[w->flow][w->reverse];
	bool kept = false;
	for (unsigned i = 0; i < w->payload; i++) {
		int position = w->sequence + (int)i;
		if (!fresh[i] || o->is_copy[w->flow])
			continue;
		if (o->mptcp && !w->mapped && !o->fallen) {
			kept = true;
			x->unmapped++;
			continue;
		}
		if (w->mapped)
			position = w->data + (position - w->map_start);
		if (!d->started) {
			d->started = true;
			d->first_us = d->last_us = w->time_us;
			if (!o->mptcp && !o->syn[w->flow][w->reverse])
				d->edge = d->floor = d->high = d->acked = position;
		}
		if (oracle_arrives(d, position, w->time_us)) {
			d->reinjected++;
			x->reinjected++;
		}
	}
	if (kept) {
		if (!d->started)
			d->first_us = d->last_us = w->time_us;
		oracle_fall(o, at);
		d->started |= o->fallen;
	}
	oracle_deliver(d, d->edge, w->time_us);
}

/* ---- a packet */

static void oracle_payload(struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	struct oracle_direction *x = &o->direction[w->flow][w->reverse];
	bool *seen = o->seen[w->flow][w->reverse], fresh[2048] = {false};
	unsigned again = 0;
	int high = oracle_high(o, at, w->flow, w->reverse), end = w->sequence + (int)w->payload;
	x->payload_packets++;
	x->payload_bytes += w->payload;
	if (oracle_keepalive(o, at)) {
		x->keepalives++;
		return;
	}
	for (unsigned i = 0; i < w->payload; i++) {
		fresh[i] = !seen[w->sequence + (int)i];
		again += !fresh[i];
		seen[w->sequence + (int)i] = true;
	}
	x->unique_bytes += w->payload - again;
	x->retransmitted_bytes += again;
	if (w->sequence < high) {
		if (again) {
			x->retransmitted_packets++;
			x->spurious_acked += end <= oracle_acked(o, at, w->flow, w->reverse);
		} else if (oracle_sent_later(o, at)) {
			x->recovered++;
		} else {
			x->out_of_order++;
		}
	}
	oracle_payload_data(o, at, fresh);
}

/* Whether a segment gives no round trip to what is under way: it lies below the highest one. */
static bool oracle_disturbs(const struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	if (!w->payload || w->copied || w->sequence >= oracle_high(o, at, w->flow, w->reverse))
		return false;
	/* A keep-alive: its byte was there, and acknowledged, and the last. */
	return !(w->payload == 1 && w->sequence + 1 == oracle_high(o, at, w->flow, w->reverse) &&
		 w->sequence + 1 <= oracle_acked(o, at, w->flow, w->reverse));
}

static int oracle_sacked(const struct oracle *o, unsigned at, unsigned flow, bool reverse)
{
	int most = -1;
	for (unsigned i = 0; i < at; i++) {
		const struct wire *w = &o->wire[i];
		if (w->flow != flow || w->reverse == reverse || w->copied || !(w->flags & W_ACK))
			continue;
		for (unsigned j = 0; j < w->sacks; j++)
			if (!(j == 0 && w->sack[j][1] <= w->ack) && w->sack[j][1] > most)
				most = w->sack[j][1];
	}
	return most;
}

static bool oracle_is_duplicate_ack(const struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at], *last = NULL;
	if (w->copied || !(w->flags & W_ACK) || w->payload || (w->flags & (W_SYN | W_FIN | W_RST)) || w->join)
		return false;
	for (unsigned i = 0; i < at; i++)
		if (same_way(&o->wire[i], w) && !o->wire[i].copied)
			last = &o->wire[i];
	if (!last || last->window != w->window)
		return false;
	int acked = oracle_acked(o, at, w->flow, !w->reverse);
	bool outstanding = w->ack < oracle_high(o, at, w->flow, !w->reverse);
	for (unsigned j = 0; j < w->sacks; j++)
		outstanding |= w->sack[j][1] > w->ack;
	/* What nobody has said a number of yet starts with this one. */
	return (w->ack == acked || acked < 0) && outstanding;
}

static void oracle_sample(struct oracle_direction *x, int64_t rtt)
{
	x->rtt_min = !x->rtt_samples || rtt < x->rtt_min ? rtt : x->rtt_min;
	x->rtt_max = !x->rtt_samples || rtt > x->rtt_max ? rtt : x->rtt_max;
	x->rtt_samples++;
	x->rtt_sum += (double)rtt;
}

static void oracle_round_trip(struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	struct oracle_direction *x = &o->direction[w->flow][!w->reverse];
	int acked = oracle_acked(o, at, w->flow, !w->reverse);
	unsigned duplicates = 0;
	if (acked < 0 || w->ack <= acked)
		return;
	for (unsigned i = at; i-- > 0;) {
		const struct wire *earlier = &o->wire[i];
		if (earlier->flow != w->flow || earlier->copied || earlier->reverse != w->reverse)
			continue;
		if ((earlier->flags & W_ACK) && earlier->ack > oracle_acked(o, i, w->flow, !w->reverse))
			break;
		duplicates += oracle_is_duplicate_ack(o, i);
	}
	if (duplicates >= 3 || oracle_sacked(o, at, w->flow, !w->reverse) > acked)
		return;
	for (unsigned i = at; i-- > 0;) {
		const struct wire *sent = &o->wire[i];
		if (sent->flow != w->flow || sent->reverse == w->reverse || !sent->payload || sent->copied)
			continue;
		if (oracle_disturbs(o, i))
			return;
		if (sent->sequence + (int)sent->payload != w->ack ||
			sent->sequence < oracle_high(o, i, w->flow, !w->reverse))
			continue;
		oracle_sample(x, w->time_us - sent->time_us);
		return;
	}
}

/* A handshake that was captured whole: SYN to SYN/ACK, SYN/ACK to the client's first ACK. */
static void oracle_handshake(struct oracle *o, unsigned flow)
{
	const struct wire *part[3] = {NULL};
	for (unsigned i = 0; i < o->count; i++) {
		const struct wire *w = &o->wire[i];
		unsigned which = w->flags & W_SYN ? w->flags & W_ACK ? 1 : 0 : 2;
		if (w->flow == flow && !w->copied && (which < 2 || !w->reverse) && !part[which])
			part[which] = w;
	}
	if (!part[1] || !part[2] || part[2]->ack != ZERO)
		return;
	oracle_sample(&o->direction[flow][1], part[2]->time_us - part[1]->time_us);
	if (part[0])
		oracle_sample(&o->direction[flow][0], part[1]->time_us - part[0]->time_us);
}

static void oracle_ack(struct oracle *o, unsigned at)
{
	const struct wire *w = &o->wire[at];
	struct oracle_direction *x = &o->direction[w->flow][w->reverse];
	x->duplicate_acks += oracle_is_duplicate_ack(o, at);
	oracle_round_trip(o, at);
	if (w->sacks) {
		x->sack_packets++;
		bool below = w->sack[0][1] <= w->ack;
		x->dsack_packets += below || (w->sacks > 1 && w->sack[0][0] >= w->sack[1][0] &&
						     w->sack[0][1] <= w->sack[1][1]);
	}
	int acked = oracle_acked(o, at, w->flow, !w->reverse);
	if (o->is_copy[w->flow])
		return;
	bool advances = acked >= 0 && w->ack > acked;
	if (!o->mptcp && advances)
		oracle_data_ack(&o->data[!w->reverse], w->ack, w->time_us);
	if (o->mptcp && w->data_acked)
		oracle_data_ack(&o->data[!w->reverse], w->data_ack, w->time_us);
	if (o->mptcp && o->fallen && advances)
		oracle_data_ack(&o->data[!w->reverse], w->ack, w->time_us);
}

static void oracle_run(struct oracle *o)
{
	for (unsigned i = 0; i < 2; i++) {
		struct oracle_data *d = &o->data[i];
		memset(d->arrived, 0xff, sizeof d->arrived);
		d->edge = d->high = d->floor = d->acked = ZERO;
	}
	for (unsigned i = 0; i < o->count; i++)
		if (o->wire[i].flags & W_SYN) {
			o->syn[o->wire[i].flow][o->wire[i].reverse] = true;
			if (o->wire[i].flags & W_ACK) /* it acknowledges the SYN */
				o->syn[o->wire[i].flow][!o->wire[i].reverse] = true;
		}
	for (unsigned i = 0; i < o->count; i++) {
		const struct wire *w = &o->wire[i];
		struct oracle_direction *x = &o->direction[w->flow][w->reverse];
		if (w->copied) {
			x->duplicates++;
			continue;
		}
		x->packets++;
		x->header_bytes += w->header_bytes;
		x->option_bytes += w->option_bytes;
		x->syn_packets += (w->flags & W_SYN) != 0;
		x->fin_packets += (w->flags & W_FIN) != 0;
		x->reset_packets += (w->flags & W_RST) != 0;
		if (!(w->flags & W_SYN) && w->window > x->window_max)
			x->window_max = w->window;
		x->zero_windows += w->window == 0 && !(w->flags & (W_SYN | W_FIN | W_RST));
		if (w->flags & W_ACK)
			oracle_ack(o, i);
		if (w->payload)
			oracle_payload(o, i);
	}
	for (unsigned flow = 0; flow < FLOWS_MOST; flow++) {
		oracle_handshake(o, flow);
		for (unsigned reverse = 0; reverse < 2; reverse++) {
			struct wire w = {.flow = flow, .reverse = reverse};
			int high = oracle_high(o, o->count, flow, reverse);
			for (int position = oracle_begin(o, &w); position < high; position++)
				o->direction[flow][reverse].missing += !o->seen[flow][reverse][position];
			if (!o->direction[flow][reverse].unique_bytes)
				o->direction[flow][reverse].missing = 0;
		}
	}
}

#endif
