/* Report: the state of a file as JSON. Names and units are a contract (docs/analysis.md): seconds are since
 * the file's first packet unless named otherwise, null means not seen. */
#include "analysis/state.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void put(json_t *json, const char *name, json_t *value)
{
	json_object_set_new_nocheck(json, name, value);
}

static void put_count(json_t *json, const char *name, uint64_t value)
{
	put(json, name, json_integer((json_int_t)value));
}

static void put_bool(json_t *json, const char *name, bool value)
{
	put(json, name, json_boolean(value));
}

static void put_string(json_t *json, const char *name, const char *value)
{
	put(json, name, value ? json_string(value) : json_null());
}

/* Negative: not seen. */
static void put_time(json_t *json, const char *name, int64_t ns)
{
	put(json, name, ns >= 0 ? json_real((double)ns / 1e9) : json_null());
}

static double rate_mbps(uint64_t bytes, int64_t from_ns, int64_t to_ns)
{
	return to_ns > from_ns && from_ns >= 0 ? (double)bytes * 8e3 / (double)(to_ns - from_ns) : 0;
}

static void put_endpoint(
	json_t *json, const struct flow *flow, bool second, const char *address_name, const char *port_name)
{
	const struct flow_key *key = &flow->key;
	uint8_t bytes[16];
	char text[INET6_ADDRSTRLEN];
	unsigned port;
	if (key->word[4]) {
		const uint64_t *address = &key->word[second ? 2 : 0];
		for (unsigned i = 0; i < 16; i++)
			bytes[i] = (uint8_t)(address[i / 8] >> (56 - 8 * (i % 8)));
		inet_ntop(AF_INET6, bytes, text, sizeof text);
		port = (unsigned)(key->word[4] >> (second ? 0 : 16)) & 0xffff;
	} else {
		uint32_t address = htonl((uint32_t)(key->word[second] >> 16));
		inet_ntop(AF_INET, &address, text, sizeof text);
		port = (unsigned)(key->word[second] & 0xffff);
	}
	put_string(json, address_name, text);
	put_count(json, port_name, port);
}

static void put_retransmissions(json_t *json, const struct flow_direction *from)
{
	put_count(json, "retransmitted_packets", from->retransmitted_packets);
	put_count(json, "recovered_packets", from->recovered_packets);
	put_count(json, "retransmissions_fast", from->kind[RECOVERY_FAST]);
	put_count(json, "retransmissions_timeout", from->kind[RECOVERY_TIMEOUT]);
	put_count(json, "retransmissions_tail_probe", from->kind[RECOVERY_PROBE]);
	put_count(json, "retransmissions_unclear", from->kind[RECOVERY_UNCLEAR]);
	put_count(json, "spurious_packets", from->spurious_packets);
	put_count(json, "out_of_order_packets", from->out_of_order_packets);
}

/* A keep-alive is one byte that was there already. */
static uint64_t unique_of(const struct flow_direction *from)
{
	return from->payload_bytes - from->retransmitted_bytes - from->keepalives;
}

static json_t *direction_json(const struct tracker *tracker, const struct flow *flow, unsigned direction)
{
	const struct flow_direction *from = &flow->direction[direction], *peer = &flow->direction[!direction];
	bool mptcp = flow->connection->mptcp;
	json_t *json = json_object();
	uint64_t unique = unique_of(from);
	put_count(json, "packets", from->packets);
	put_count(json, "payload_packets", from->payload_packets);
	put_count(json, "payload_bytes", from->payload_bytes);
	put_count(json, "unique_bytes", unique);
	put_count(json, "retransmitted_bytes", from->retransmitted_bytes);
	put_retransmissions(json, from);
	put_count(json, "missing_bytes",
		ranges_high(&from->seen) - ORIGIN > unique && from->started && unique
			? ranges_high(&from->seen) - ORIGIN - unique
			: 0);
	put_count(json, "duplicate_acks", from->duplicate_acks);
	put_count(json, "sack_packets", from->sack_packets);
	put_count(json, "dsack_packets", from->dsack_packets);
	put_count(json, "zero_windows", from->zero_windows);
	put_count(json, "keepalives", from->keepalives);
	/* RFC 7323, section 2.2: scaled when both SYNs said so. */
	bool scaled = from->window_scale != 255 && peer->window_scale != 255;
	put_count(json, "window_max_bytes", (uint64_t)from->window_max << (scaled ? from->window_scale : 0));
	put_count(json, "syn_packets", from->syn_packets);
	put_count(json, "header_bytes", from->header_bytes);
	put_count(json, "tcp_option_bytes", from->option_bytes);
	put_count(json, "mptcp_option_bytes", from->mptcp_bytes);
	put_count(json, "malformed_options", from->malformed_options);
	put_count(json, "cut_options", from->cut_options);
	put(json, "mss", from->mss ? json_integer(from->mss) : json_null());
	put(json, "window_scale", from->window_scale != 255 ? json_integer(from->window_scale) : json_null());
	put_bool(json, "sack_permitted", from->sack_permitted);
	put_bool(json, "timestamps", from->timestamps);
	put_bool(json, "mptcp_option_seen", from->has_mptcp);
	put_bool(json, "fin", from->fin);
	put_bool(json, "reset", from->reset);
	put_time(json, "first_s", from->first_ns);
	put_time(json, "last_s", from->packets ? from->last_ns : -1);
	put_time(json, "first_data_s", from->first_data_ns);
	put_time(json, "last_data_s", from->payload_packets ? from->last_data_ns : -1);
	put(json, "throughput_mbps", json_real(rate_mbps(unique, from->first_data_ns, from->last_data_ns)));
	put(json, "rtt", delays_json(&from->rtt));
	put(json, "rtt_timestamp", delays_json(&from->rtt_stamp));
	if (mptcp) {
		put_count(json, "mapped_bytes", flow->copy_of ? 0 : unique - from->unmapped_bytes);
		put_count(json, "unmapped_bytes", from->unmapped_bytes);
		put_count(json, "reinjected_bytes", from->reinjected_bytes);
		put_count(json, "malformed_mappings", from->malformed_mappings);
		put_count(json, "dss_packets", from->dss_packets);
		put_count(json, "join_packets", from->join_packets);
	}
	if (tracker->step_ns > 0) {
		put(json, "series_unique_bytes", series_json(&from->bytes_series));
		put(json, "series_data_sequence", series_json(&from->data_series));
	}
	return json;
}

static const char *ended(const struct flow *flow)
{
	if (flow->direction[0].reset || flow->direction[1].reset)
		return "reset";
	if (flow->direction[0].fin && flow->direction[1].fin)
		return "fin";
	return flow->direction[0].fin || flow->direction[1].fin ? "half_closed" : "open";
}

static int64_t between(int64_t from_ns, int64_t to_ns)
{
	return from_ns >= 0 && to_ns >= from_ns ? to_ns - from_ns : -1;
}

static void put_token(json_t *json, const char *name, bool known, uint32_t token)
{
	char text[16];
	snprintf(text, sizeof text, "%08x", token);
	put_string(json, name, known ? text : NULL);
}

static json_t *subflow_json(const struct tracker *tracker, const struct flow *flow)
{
	json_t *json = json_object();
	bool flipped = flow->flipped;
	put_count(json, "index", flow->index);
	put_endpoint(json, flow, flow->client_is_second != flipped, "client_address", "client_port");
	put_endpoint(json, flow, flow->client_is_second == flipped, "server_address", "server_port");
	put_bool(json, "is_initial", !flow->joined);
	put_string(json, "opened_by", flipped ? "server" : "client");
	put(json, "copy_of", flow->copy_of ? json_integer(flow->copy_of->index) : json_null());
	put_bool(json, "backup", flow->backup);
	put(json, "address_id", flow->has_address_id ? json_integer(flow->address_id) : json_null());
	put_token(json, "join_token", flow->has_address_id, flow->join_token);
	put_time(json, "first_packet_s", flow->first_ns);
	put_time(json, "established_s", flow->established_ns);
	int64_t last[2] = {flow->direction[0].last_ns, flow->direction[1].last_ns};
	put_time(json, "last_packet_s", last[0] > last[1] ? last[0] : last[1]);
	put_time(json, "ended_s", flow->ended_ns);
	put_time(json, "handshake_s", between(flow->syn_ns, flow->established_ns));
	put_time(json, "handshake_syn_to_syn_ack_s", between(flow->syn_ns, flow->syn_ack_ns));
	put_time(json, "handshake_syn_ack_to_ack_s", between(flow->syn_ack_ns, flow->established_ns));
	put_bool(json, "syn_seen", flow->syn_seen);
	const char *how = ended(flow);
	put_string(json, "ended", how);
	put_string(json, "ended_by",
		!strcmp(how, "open")                ? NULL
		: flow->closed_by_server != flipped ? "server"
						    : "client");
	put(json, "forward", direction_json(tracker, flow, flipped));
	put(json, "reverse", direction_json(tracker, flow, !flipped));
	return json;
}

static const char *const event_names[MPTCP_SUBTYPES] = {
	[MPTCP_DSS] = "infinite_mapping",
	[MPTCP_ADD_ADDR] = "add_addr",
	[MPTCP_REMOVE_ADDR] = "remove_addr",
	[MPTCP_PRIO] = "mp_prio",
	[MPTCP_FAIL] = "mp_fail",
	[MPTCP_FASTCLOSE] = "mp_fastclose",
	[MPTCP_RST] = "mp_tcprst",
};

static json_t *event_json(const struct event *event)
{
	json_t *json = json_object();
	put_time(json, "time_s", event->time_ns);
	put_string(json, "event", event_names[event->subtype]);
	put_count(json, "subflow", event->flow);
	put_string(json, "sent_by", event->direction == FORWARD ? "client" : "server");
	if (event->subtype == MPTCP_ADD_ADDR) {
		char text[INET6_ADDRSTRLEN] = "";
		if (event->address.family)
			inet_ntop(event->address.family == 6 ? AF_INET6 : AF_INET, event->address.address,
				text, sizeof text);
		put_count(json, "address_id", event->address.address_id);
		put_string(json, "address", event->address.family ? text : NULL);
		put_count(json, "port", event->address.port);
		put_bool(json, "echo", event->flag);
	} else if (event->subtype == MPTCP_REMOVE_ADDR) {
		json_t *ids = json_array();
		for (unsigned i = 0; i < event->id_count; i++)
			json_array_append_new(ids, json_integer(event->ids[i]));
		put(json, "address_ids", ids);
	} else if (event->subtype == MPTCP_PRIO) {
		put_bool(json, "backup", event->flag);
	} else if (event->subtype == MPTCP_RST) {
		put_count(json, "flags_and_reason", event->flag);
	} else if (event->subtype == MPTCP_FAIL) {
		char text[24];
		snprintf(text, sizeof text, "%016llx", (unsigned long long)event->value);
		put_string(json, "data_sequence", text);
	}
	return json;
}

static json_t *data_json(const struct tracker *tracker, const struct data_direction *data)
{
	json_t *json = json_object();
	static const struct range_list none = {0};
	const struct range_list *seen = data->seen.list ? data->seen.list : &none;
	int64_t first = data->started ? data->first_ns : -1;
	put_count(json, "delivered_bytes", data->delivered);
	put_time(json, "first_data_s", first);
	put_time(json, "last_data_s", data->started ? data->last_ns : -1);
	put(json, "goodput_mbps", json_real(rate_mbps(data->delivered, first, data->last_ns)));
	put_count(json, "reinjected_bytes", data->reinjected_bytes);
	put_count(json, "uncaptured_bytes", data->uncaptured_bytes + seen->forgotten);
	put_count(json, "before_bytes", data->before_bytes);
	put_count(json, "undelivered_bytes", seen->held);
	put_count(json, "out_of_order_bytes", seen->waited_bytes);
	put(json, "out_of_order_delay_mean_s",
		seen->waited_bytes ? json_real(seen->waited_sum / (double)seen->waited_bytes / 1e9)
				   : json_null());
	put_time(json, "out_of_order_delay_max_s", seen->waited_bytes ? seen->waited_max_ns : -1);
	put_count(json, "out_of_order_held_max_bytes", seen->held_max);
	put_bool(json, "data_fin", data->finished);
	json_t *windows = json_array();
	for (size_t i = 0; i < tracker->options->window_count; i++) {
		const struct analysis_window *window = &tracker->options->windows[i];
		json_t *entry = json_object();
		put(entry, "from_s", json_real(window->from_s));
		put(entry, "to_s", json_real(window->to_s));
		put_count(entry, "delivered_bytes", data->window_bytes[i]);
		put(entry, "mbps",
			json_real((double)data->window_bytes[i] * 8 / (window->to_s - window->from_s) / 1e6));
		json_array_append_new(windows, entry);
	}
	put(json, "windows", windows);
	if (tracker->step_ns > 0)
		put(json, "series_delivered_bytes", series_json(&data->series));
	return json;
}

static const char *const fallback_names[] = {NULL, "no_reply", "no_mapping", "infinite_mapping", "mp_fail"};

static uint64_t unique_bytes(const struct flow *flow, unsigned direction)
{
	const struct flow_direction *from = &flow->direction[connection_direction(flow, direction)];
	return flow->copy_of ? 0 : unique_of(from);
}

/* What part of a direction's bytes each subflow carried: the scheduler's choice, as a whole. */
static void put_shares(const struct connection *connection, json_t *subflows)
{
	static const char *const names[] = {"forward", "reverse"};
	for (unsigned direction = 0; direction < 2; direction++) {
		uint64_t sum = 0;
		for (uint32_t i = 0; i < connection->flow_count; i++)
			sum += unique_bytes(connection->flows[i], direction);
		for (uint32_t i = 0; i < connection->flow_count; i++) {
			json_t *json = json_object_get(json_array_get(subflows, i), names[direction]);
			uint64_t bytes = unique_bytes(connection->flows[i], direction);
			put(json, "share", sum ? json_real((double)bytes / (double)sum) : json_null());
		}
	}
}

static json_t *connection_json(
	const struct tracker *tracker, const struct connection *connection, size_t index)
{
	json_t *json = json_object(), *subflows = json_array(), *events = json_array();
	put_count(json, "index", index);
	put_string(json, "protocol", connection->mptcp ? "mptcp" : "tcp");
	put(json, "version",
		connection->mptcp && connection->version >= 0 ? json_integer(connection->version)
							      : json_null());
	put_bool(json, "mptcp_requested", connection->requested);
	put_bool(json, "mptcp_option_seen", connection->option_seen);
	put_bool(json, "fallback", connection->fallback != FALLBACK_NONE);
	put_string(json, "fallback_reason", fallback_names[connection->fallback]);
	put_bool(json, "initial_seen", !connection->mptcp || connection->initial_seen);
	put_bool(json, "checksum", connection->checksum);
	put_bool(json, "fastclose", connection->fastclosed);
	put_token(json, "token_client", connection->has_token[FORWARD], connection->token[FORWARD]);
	put_token(json, "token_server", connection->has_token[REVERSE], connection->token[REVERSE]);
	put(json, "forward", data_json(tracker, &connection->data[FORWARD]));
	put(json, "reverse", data_json(tracker, &connection->data[REVERSE]));
	for (uint32_t i = 0; i < connection->flow_count; i++)
		json_array_append_new(subflows, subflow_json(tracker, connection->flows[i]));
	put_shares(connection, subflows);
	put(json, "subflows", subflows);
	for (uint32_t i = 0; i < connection->event_count; i++)
		json_array_append_new(events, event_json(&connection->events[i]));
	put(json, "events", events);
	put_count(json, "events_dropped", connection->events_dropped);
	return json;
}

static json_t *link_types_json(const struct counters *counters)
{
	json_t *json = json_object();
	char name[16];
	for (size_t i = 0; i < sizeof counters->link_packets / sizeof *counters->link_packets; i++) {
		if (!counters->link_packets[i])
			continue;
		snprintf(name, sizeof name, "%zu", i);
		put_count(json, name, counters->link_packets[i]);
	}
	return json;
}

json_t *report_file(const struct tracker *tracker, const struct capture *capture, const char *path)
{
	const struct capture_counters *records = capture_counters(capture);
	const struct counters *counters = &tracker->counters;
	json_t *json = json_object(), *connections = json_array();
	/* A path is bytes; JSON wants UTF-8. */
	json_t *name = json_string(path);
	put(json, "path", name ? name : json_string("(a name that is not UTF-8)"));
	put_string(json, "format", capture_format(capture));
	put(json, "link_types", link_types_json(counters));
	put_count(json, "packets", records->packets);
	put_count(json, "truncated", records->truncated);
	put_count(json, "malformed", records->malformed + counters->decoded[DECODE_MALFORMED]);
	put(json, "malformed_record_offset",
		records->malformed ? json_integer((json_int_t)records->malformed_offset) : json_null());
	put_count(json, "tcp_packets", counters->decoded[DECODE_TCP]);
	put_count(json, "other_packets", counters->decoded[DECODE_OTHER]);
	put_count(json, "fragments", counters->decoded[DECODE_FRAGMENT]);
	put_count(json, "cut_headers", counters->decoded[DECODE_CUT]);
	put_count(json, "unknown_link_packets", counters->decoded[DECODE_LINK]);
	put_count(json, "malformed_options", counters->malformed_options);
	put_count(json, "cut_options", counters->cut_options);
	put_count(json, "series_dropped", tracker->budget.dropped);
	put_count(json, "start_time_ns", (uint64_t)tracker->start_ns);
	put(json, "duration_s", json_real((double)(tracker->end_ns - tracker->start_ns) / 1e9));
	if (tracker->step_ns > 0)
		put(json, "step_s", json_real((double)tracker->step_ns / 1e9));
	size_t index = 0;
	for (const struct connection *connection = tracker->first; connection; connection = connection->next)
		if (connection->flow_count)
			json_array_append_new(connections, connection_json(tracker, connection, index++));
	put(json, "connections", connections);
	return json;
}
