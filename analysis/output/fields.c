/* Fields: the value of everything that is reported. Names and units are a contract (docs/analysis.md). */
#include "analysis/output/report.h"
#include <arpa/inet.h>
#include <math.h>
#include <string.h>

static const struct cold no_cold = {.sacked = ORIGIN};
static const struct range_list no_list;

static const struct cold *cold(const struct subject *s)
{
	return s->from->cold ? s->from->cold : &no_cold;
}

#define FIELD(name, expression)                                                                              \
	static struct value name(struct subject *s)                                                          \
	{                                                                                                    \
		return expression;                                                                           \
	}
#define COLD_COUNT(name, member) FIELD(name, value_count(cold(s)->member))

/* ---- a direction of a subflow */

/* A keep-alive is one byte that was there already; what is discarded nobody took. */
static uint64_t unique_of(const struct flow_direction *from)
{
	const struct cold *rare = from->cold ? from->cold : &no_cold;
	return from->payload_bytes - rare->retransmitted_bytes - rare->keepalives - rare->discarded_bytes;
}

static double rate_mbps(uint64_t bytes, int64_t duration_ns)
{
	return (double)bytes * 8e3 / (double)duration_ns;
}

static bool has_data(const struct flow_direction *from)
{
	return from->samples && from->samples->first_bytes;
}

static int64_t first_data_ns(const struct flow_direction *from)
{
	return has_data(from) ? from->samples->first_data_ns : NEVER;
}

/* Bytes over the time between the first and the last payload: the first segment's took none of it. */
static struct value throughput(struct subject *s)
{
	const struct samples *samples = s->from->samples;
	uint64_t unique = unique_of(s->from);
	if (!has_data(s->from) || s->from->last_data_ns <= samples->first_data_ns ||
		unique < samples->first_bytes)
		return value_null();
	return value_real(
		rate_mbps(unique - samples->first_bytes, s->from->last_data_ns - samples->first_data_ns));
}

static struct value missing(struct subject *s)
{
	uint64_t span = ranges_high(&s->from->seen) - ORIGIN,
		 seen = unique_of(s->from) - cold(s)->below_bytes;
	return value_count(has_data(s->from) && seen && span > seen ? span - seen : 0);
}

/* RFC 7323, section 2.2: scaled when both SYNs said so; a SYN/ACK says so only to a SYN that did. */
static struct value window_max(struct subject *s)
{
	bool own = s->from->syn_packets, other = s->peer->syn_packets;
	unsigned scale = s->from->window_scale;
	if (own && other)
		scale = scale != NO_SCALE && s->peer->window_scale != NO_SCALE ? scale : 0;
	else if ((own && scale == NO_SCALE) || (other && s->peer->window_scale == NO_SCALE))
		scale = 0;
	else if (!own || s->side == FORWARD)
		return value_null();
	return value_count((uint64_t)s->from->window_max << scale);
}

static struct value share(struct subject *s)
{
	uint64_t sum = s->unique[connection_direction(s->flow, s->side)];
	return sum ? value_real(flow_is_copy(s->flow) ? 0 : (double)unique_of(s->from) / (double)sum)
		   : value_null();
}

FIELD(packets, value_count(s->from->packets))
FIELD(payload_packets, value_count(s->from->payload_packets))
FIELD(payload_bytes, value_count(s->from->payload_bytes))
FIELD(unique_bytes, value_count(unique_of(s->from)))
COLD_COUNT(retransmitted_bytes, retransmitted_bytes)
COLD_COUNT(discarded_bytes, discarded_bytes)
COLD_COUNT(retransmitted_packets, retransmitted_packets)
COLD_COUNT(recovered_packets, recovered_packets)
COLD_COUNT(kind_fast, kind[RECOVERY_FAST])
COLD_COUNT(kind_timeout, kind[RECOVERY_TIMEOUT])
COLD_COUNT(kind_probe, kind[RECOVERY_PROBE])
COLD_COUNT(kind_unclear, kind[RECOVERY_UNCLEAR])
FIELD(spurious, value_count(cold(s)->spurious_acked + cold(s)->spurious_dsack + cold(s)->spurious_timestamp))
COLD_COUNT(spurious_acked, spurious_acked)
COLD_COUNT(spurious_dsack, spurious_dsack)
COLD_COUNT(spurious_timestamp, spurious_timestamp)
COLD_COUNT(out_of_order, out_of_order_packets)
COLD_COUNT(duplicate_acks, duplicate_acks)
COLD_COUNT(sack_packets, sack_packets)
COLD_COUNT(dsack_packets, dsack_packets)
COLD_COUNT(zero_windows, zero_windows)
COLD_COUNT(keepalives, keepalives)
COLD_COUNT(empty_keepalives, empty_keepalives)
COLD_COUNT(window_probes, zero_window_probes)
FIELD(syn_packets, value_count(s->from->syn_packets + cold(s)->syn_packets))
COLD_COUNT(fin_packets, fin_packets)
FIELD(fin_again, value_count(cold(s)->fin_packets ? cold(s)->fin_packets - 1 : 0))
COLD_COUNT(reset_packets, reset_packets)
COLD_COUNT(resets_ignored, resets_ignored)
COLD_COUNT(stray_packets, stray_packets)
COLD_COUNT(duplicate_packets, duplicate_packets)
COLD_COUNT(ect_packets, ect_packets)
COLD_COUNT(ce_packets, ce_packets)
COLD_COUNT(ece_packets, ece_packets)
COLD_COUNT(cwr_packets, cwr_packets)
FIELD(header_bytes, value_count(s->from->header_bytes))
FIELD(option_bytes, value_count(s->from->option_bytes))
FIELD(mptcp_bytes, value_count(s->from->mptcp_bytes))
COLD_COUNT(direction_malformed_options, malformed_options)
COLD_COUNT(direction_cut_options, cut_options)
FIELD(mss, s->from->mss ? value_count(s->from->mss) : value_null())
FIELD(window_scale, s->from->window_scale != NO_SCALE ? value_count(s->from->window_scale) : value_null())
FIELD(sack_permitted, value_bool(s->from->sack_permitted))
FIELD(timestamps, value_bool(s->from->timestamps))
FIELD(direction_mptcp_seen, value_bool(s->flow->has_mptcp[s->side]))
FIELD(direction_fin, value_bool(s->from->fin))
FIELD(reset_seen, value_bool(cold(s)->reset_packets > 0))
FIELD(first, s->from->packets ? value_time(s->from->first_ns) : value_null())
FIELD(last, s->from->packets ? value_time(s->from->last_ns) : value_null())
FIELD(first_data, value_time(first_data_ns(s->from)))
FIELD(last_data, has_data(s->from) ? value_time(s->from->last_data_ns) : value_null())
FIELD(mapped, value_count(flow_is_copy(s->flow) ? 0 : unique_of(s->from) - cold(s)->unmapped_bytes))
COLD_COUNT(unmapped, unmapped_bytes)
COLD_COUNT(reinjected, reinjected_bytes)
COLD_COUNT(malformed_mappings, malformed_mappings)
FIELD(dss_packets, value_count(s->from->dss_packets))
COLD_COUNT(join_packets, join_packets)

const struct field direction_fields[] = {
	{"packets", packets, false},
	{"payload_packets", payload_packets, false},
	{"payload_bytes", payload_bytes, false},
	{"unique_bytes", unique_bytes, false},
	{"retransmitted_bytes", retransmitted_bytes, false},
	{"discarded_bytes", discarded_bytes, false},
	{"retransmitted_packets", retransmitted_packets, false},
	{"recovered_packets", recovered_packets, false},
	{"retransmissions_fast", kind_fast, false},
	{"retransmissions_timeout", kind_timeout, false},
	{"retransmissions_tail_probe", kind_probe, false},
	{"retransmissions_unclear", kind_unclear, false},
	{"spurious_packets", spurious, false},
	{"spurious_acknowledged", spurious_acked, false},
	{"spurious_dsack", spurious_dsack, false},
	{"spurious_timestamp", spurious_timestamp, false},
	{"out_of_order_packets", out_of_order, false},
	{"missing_bytes", missing, false},
	{"duplicate_acks", duplicate_acks, false},
	{"sack_packets", sack_packets, false},
	{"dsack_packets", dsack_packets, false},
	{"zero_windows", zero_windows, false},
	{"zero_window_probes", window_probes, false},
	{"keepalives", keepalives, false},
	{"keepalives_empty", empty_keepalives, false},
	{"window_max_bytes", window_max, false},
	{"syn_packets", syn_packets, false},
	{"fin_packets", fin_packets, false},
	{"fin_retransmissions", fin_again, false},
	{"reset_packets", reset_packets, false},
	{"resets_ignored", resets_ignored, false},
	{"stray_packets", stray_packets, false},
	{"duplicate_packets", duplicate_packets, false},
	{"ect_packets", ect_packets, false},
	{"ce_packets", ce_packets, false},
	{"ece_packets", ece_packets, false},
	{"cwr_packets", cwr_packets, false},
	{"header_bytes", header_bytes, false},
	{"tcp_option_bytes", option_bytes, false},
	{"mptcp_option_bytes", mptcp_bytes, false},
	{"malformed_options", direction_malformed_options, false},
	{"cut_options", direction_cut_options, false},
	{"mss", mss, false},
	{"window_scale", window_scale, false},
	{"sack_permitted", sack_permitted, false},
	{"timestamps", timestamps, false},
	{"mptcp_option_seen", direction_mptcp_seen, false},
	{"fin", direction_fin, false},
	{"reset", reset_seen, false},
	{"first_s", first, false},
	{"last_s", last, false},
	{"first_data_s", first_data, false},
	{"last_data_s", last_data, false},
	{"throughput_mbps", throughput, false},
	{"share", share, false},
	{"mapped_bytes", mapped, true},
	{"unmapped_bytes", unmapped, true},
	{"reinjected_bytes", reinjected, true},
	{"malformed_mappings", malformed_mappings, true},
	{"dss_packets", dss_packets, true},
	{"join_packets", join_packets, true},
	{NULL, NULL, false},
};

/* ---- a distribution of delays */

static struct value delay_sd(struct subject *s)
{
	const struct delays *delays = s->delays;
	double count = (double)delays->count, mean = delays->sum_ns / count;
	double variance = delays->square_sum / count - mean * mean;
	return delays->count ? value_real(variance > 0 ? sqrt(variance) / 1e9 : 0) : value_null();
}

static struct value percentile(const struct subject *s, double fraction)
{
	return s->delays->count ? value_real(delays_percentile_s(s->delays, fraction)) : value_null();
}

FIELD(delay_samples, value_count(s->delays->count))
FIELD(delay_min, s->delays->count ? value_seconds(s->delays->min_ns) : value_null())
FIELD(delay_mean,
	s->delays->count ? value_real(s->delays->sum_ns / (double)s->delays->count / 1e9) : value_null())
FIELD(delay_p50, percentile(s, 0.5))
FIELD(delay_p95, percentile(s, 0.95))
FIELD(delay_p99, percentile(s, 0.99))
FIELD(delay_max, s->delays->count ? value_seconds(s->delays->max_ns) : value_null())

const struct field delay_fields[] = {
	{"samples", delay_samples, false},
	{"min_s", delay_min, false},
	{"mean_s", delay_mean, false},
	{"sd_s", delay_sd, false},
	{"p50_s", delay_p50, false},
	{"p95_s", delay_p95, false},
	{"p99_s", delay_p99, false},
	{"max_s", delay_max, false},
	{NULL, NULL, false},
};

/* ---- the data level */

static const struct range_list *list(const struct subject *s)
{
	return s->data && s->data->seen.list ? s->data->seen.list : &no_list;
}

static struct value goodput(struct subject *s)
{
	const struct data_direction *data = s->data;
	if (!data || !data->started || data->last_ns <= data->first_ns || data->delivered < data->first_bytes)
		return value_null();
	return value_real(rate_mbps(data->delivered - data->first_bytes, data->last_ns - data->first_ns));
}

static struct value waited_mean(struct subject *s)
{
	const struct range_list *l = list(s);
	return l->waited_bytes ? value_real(l->waited_sum / (double)l->waited_bytes / 1e9) : value_null();
}

FIELD(delivered_bytes, value_count(s->data ? s->data->delivered : 0))
FIELD(data_first, s->data && s->data->started ? value_time(s->data->first_ns) : value_null())
FIELD(data_last, s->data && s->data->started ? value_time(s->data->last_ns) : value_null())
FIELD(data_reinjected, value_count(s->data ? s->data->reinjected_bytes : 0))
FIELD(data_uncaptured, value_count(s->data ? s->data->uncaptured_bytes + list(s)->forgotten : 0))
FIELD(data_before, value_count(s->data ? s->data->before_bytes : 0))
FIELD(data_undelivered, value_count(list(s)->held))
FIELD(data_waited, value_count(list(s)->waited_bytes))
FIELD(data_waited_max, list(s)->waited_bytes ? value_time(list(s)->waited_max_ns) : value_null())
FIELD(data_held_max, value_count(list(s)->held_max))
FIELD(data_fin, value_bool(s->data && s->data->finished))

const struct field data_fields[] = {
	{"delivered_bytes", delivered_bytes, false},
	{"first_data_s", data_first, false},
	{"last_data_s", data_last, false},
	{"goodput_mbps", goodput, false},
	{"reinjected_bytes", data_reinjected, false},
	{"uncaptured_bytes", data_uncaptured, false},
	{"before_bytes", data_before, false},
	{"undelivered_bytes", data_undelivered, false},
	{"out_of_order_bytes", data_waited, false},
	{"out_of_order_delay_mean_s", waited_mean, false},
	{"out_of_order_delay_max_s", data_waited_max, false},
	{"out_of_order_held_max_bytes", data_held_max, false},
	{"data_fin", data_fin, false},
	{NULL, NULL, false},
};

const struct field *field_find(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (fields->name[0] == name[0] && !strcmp(fields->name, name))
			return fields;
	return NULL;
}

struct value field_value(struct subject *subject, const struct field *fields, const char *name)
{
	const struct field *field = field_find(fields, name);
	return field ? field->get(subject) : value_null();
}

void fields_emit(struct emitter *emitter, const struct field *fields, struct subject *subject)
{
	bool mptcp = subject->connection && subject->connection->mptcp;
	for (; fields->name; fields++) {
		if (fields->mptcp_only && !mptcp)
			continue;
		struct value value = fields->get(subject);
		emit_value(emitter, fields->name, &value);
	}
}

uint32_t subject_subflows(const struct subject *subject)
{
	return subject->connection ? subject->connection->flow_count : 1;
}

const struct flow *subject_subflow_at(const struct subject *subject, uint32_t i)
{
	return subject->connection ? connection_flow(subject->connection, i) : subject->flow;
}

void subject_connection(struct subject *subject, const struct pass_connection *connection, uint32_t index)
{
	subject->connection = connection->connection;
	subject->flow = connection->flow;
	subject->index = index;
	for (unsigned direction = 0; direction < 2; direction++) {
		subject->unique[direction] = 0;
		for (uint32_t i = 0; i < subject_subflows(subject); i++) {
			const struct flow *flow = subject_subflow_at(subject, i);
			if (!flow_is_copy(flow))
				subject->unique[direction] +=
					unique_of(&flow->direction[connection_direction(flow, direction)]);
		}
	}
}

void subject_subflow(struct subject *subject, const struct flow *flow)
{
	subject->flow = flow;
}

void subject_direction(struct subject *subject, unsigned direction)
{
	subject->side = connection_direction(subject->flow, direction);
	subject->from = &subject->flow->direction[subject->side];
	subject->peer = &subject->flow->direction[!subject->side];
	subject->data = subject->connection ? &subject->connection->data[direction] : NULL;
}
