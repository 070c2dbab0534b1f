/* Again: segments below the highest one: sent again or only late, why, and whether that was needed. Kinds are what a
 * capture can tell of the sender's reasons; docs/analysis.md defines them. */
#include "analysis/flows/state.h"
#include <stdlib.h>

/* Linux never times out sooner (TCP_RTO_MIN), nor probes the tail sooner than twice the smoothed round trip.
 */
#define TIMEOUT_LEAST_NS ((int64_t)200000000)
/* Without a round trip known, what arrives this soon after a later segment was reordered, not sent again. */
#define REORDER_LEAST_NS ((int64_t)3000000)

/* Why the sender sent [start, end) again, as far as a capture shows. */
static enum recovery classify(
	const struct flow_direction *from, uint64_t start, uint64_t end, uint64_t high, int64_t now_ns)
{
	const struct cold *cold = from->cold;
	int64_t last = from->last_data_ns > from->last_ack_ns ? from->last_data_ns : from->last_ack_ns;
	int64_t idle = now_ns - last, smoothed = from->samples->smoothed_ns;
	bool loss_reported = cold->sacked > start || from->duplicate_run >= 3;
	if (idle >= TIMEOUT_LEAST_NS && start <= from->acked)
		return RECOVERY_TIMEOUT;
	if (from->recovery == RECOVERY_TIMEOUT && start < cold->recovery_end)
		return RECOVERY_TIMEOUT;
	if (end == high && !loss_reported && smoothed && idle >= 2 * smoothed)
		return RECOVERY_PROBE;
	if (loss_reported || (from->recovery == RECOVERY_FAST && start < cold->recovery_end))
		return RECOVERY_FAST;
	return RECOVERY_UNCLEAR;
}

/* Whether a segment below the highest one was sent after it, or only arrived after it. */
static bool sent_again(const struct flow_direction *from, const struct segment *segment)
{
	if ((segment->parsed.present & OPTION_TIMESTAMP) && from->newest_stamp) {
		int32_t later = (int32_t)(segment->parsed.timestamp - from->newest_stamp);
		if (later != 0)
			return later > 0;
	}
	int64_t least = from->samples->least_ns;
	int64_t round_trip = least > REORDER_LEAST_NS ? least : REORDER_LEAST_NS;
	return segment->time_ns - from->newest_ns >= round_trip;
}

/* Keeps a retransmission until what comes back tells whether it was needed. */
static void log_again(
	struct flow_direction *from, const struct segment *segment, uint64_t start, uint64_t end)
{
	struct cold *cold = from->cold;
	if (cold && !cold->again)
		cold->again = calloc(AGAIN_LOG, sizeof *cold->again);
	if (!cold || !cold->again)
		return;
	from->heed |= HEED_AGAIN;
	bool stamped = segment->parsed.present & OPTION_TIMESTAMP;
	cold->again[cold->again_next++ % AGAIN_LOG] = (struct again){.start = start,
		.end = end,
		.stamp = stamped ? segment->parsed.timestamp : 0,
		.stamped = stamped,
		.pending = true,
		.waits_for_ack = true};
}

void again_below_highest(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, uint64_t start, uint64_t end, uint64_t high, uint64_t fresh_bytes)
{
	struct flow_direction *from = &flow->direction[direction];
	struct cold *cold = cold_of(tracker, from);
	uint64_t again = end - start - fresh_bytes;
	if (again == 1 && segment->payload == 1 && end == high && end <= from->acked) {
		cold->keepalives++;
		return;
	}
	/* What is under way now may be acknowledged late, or for another reason. */
	samples_forget(from->samples);
	cold->retransmitted_bytes += again;
	if (again) {
		cold->retransmitted_packets++;
		if (end <= from->acked)
			cold->spurious_acked++;
		else
			log_again(from, segment, start, end);
	} else if (sent_again(from, segment)) {
		cold->recovered_packets++;
	} else {
		cold->out_of_order_packets++;
		return;
	}
	enum recovery kind = classify(from, start, end, high, segment->time_ns);
	cold->kind[kind]++;
	if (kind == RECOVERY_FAST || kind == RECOVERY_TIMEOUT) {
		if (from->recovery != kind || start >= cold->recovery_end)
			cold->recovery_end = high;
		from->recovery = (uint8_t)kind;
	}
}

/* RFC 2883: bytes [start, end) arrived twice: their retransmission was not needed. */
static void duplicate_reported(struct cold *cold, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; cold->again && i < AGAIN_LOG; i++) {
		struct again *again = &cold->again[i];
		if (again->pending && again->start < end && start < again->end) {
			again->pending = false;
			cold->spurious_dsack++;
		}
	}
}

void again_sack(struct tracker *tracker, struct flow_direction *from, struct flow_direction *data,
	const struct segment *segment, uint64_t ack)
{
	struct cold *cold = cold_of(tracker, data), *reporter = cold_of(tracker, from);
	uint32_t sacks[OPTIONS_SACKS][2];
	unsigned count = options_sacks(segment->options, segment->options_length, sacks);
	reporter->sack_packets++;
	for (unsigned i = 0; i < count; i++) {
		uint64_t start = unwrap(data->base, sacks[i][0], ack);
		uint64_t end = unwrap(data->base, sacks[i][1], ack);
		/* RFC 2883: a first block at or below the ACK, or within the second, reports a duplicate. */
		bool below = i == 0 && end <= ack;
		if (below || (i == 0 && count > 1 && start >= unwrap(data->base, sacks[1][0], ack) &&
				     end <= unwrap(data->base, sacks[1][1], ack))) {
			reporter->dsack_packets++;
			duplicate_reported(cold, start, end);
			if (below)
				continue;
		}
		if (end > cold->sacked) {
			cold->sacked = end;
			data->heed |= HEED_SACK;
		}
	}
}

/* RFC 3522 (Eifel): the first acknowledgement of what was sent again echoes an older timestamp: the original had
 * arrived. */
void again_acknowledged(struct flow_direction *data, const struct segment *segment, uint64_t before)
{
	struct cold *cold = data->cold;
	bool waiting = false;
	for (unsigned i = 0; i < AGAIN_LOG; i++) {
		struct again *again = &cold->again[i];
		if (!again->waits_for_ack)
			continue;
		if (data->acked <= again->start) {
			waiting = true;
			continue;
		}
		again->waits_for_ack = false;
		if (again->pending && again->stamped && before <= again->start &&
			(segment->parsed.present & OPTION_TIMESTAMP) &&
			(int32_t)(segment->parsed.echo - again->stamp) < 0) {
			again->pending = false;
			cold->spurious_timestamp++;
		}
	}
	if (!waiting)
		data->heed &= (uint8_t)~HEED_AGAIN;
}
