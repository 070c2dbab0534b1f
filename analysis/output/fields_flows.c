/* Fields of files, connections and subflows; those of directions are fields.c's. */
#include "analysis/output/report.h"
#include <arpa/inet.h>
#include <string.h>

#define FIELD(name, expression)                                                                              \
	static struct value name(struct subject *s)                                                          \
	{                                                                                                    \
		return expression;                                                                           \
	}

/* ---- a file */

/* A path is bytes; JSON wants UTF-8. */
static struct value path(struct subject *s)
{
	json_t *name = json_string(s->pass->path);
	json_decref(name);
	return value_text(name ? s->pass->path : "(a name that is not UTF-8)");
}

static const struct capture_counters *records(const struct subject *s)
{
	static const struct capture_counters none;
	return s->pass->capture ? capture_counters(s->pass->capture) : &none;
}

FIELD(format, value_text(s->pass->capture ? capture_format(s->pass->capture) : "live"))
FIELD(file_packets, value_count(s->pass->packets))
FIELD(truncated, value_count(records(s)->truncated))
FIELD(malformed, value_count(records(s)->malformed + s->pass->decoded[DECODE_MALFORMED]))
FIELD(malformed_offset, records(s)->malformed ? value_count(records(s)->malformed_offset) : value_null())
FIELD(tcp_packets, value_count(s->pass->decoded[DECODE_TCP]))
FIELD(other_packets, value_count(s->pass->decoded[DECODE_OTHER]))
FIELD(fragments, value_count(s->pass->decoded[DECODE_FRAGMENT]))
FIELD(reassembled, value_count(s->pass->decoder.reassembled))
FIELD(cut_headers, value_count(s->pass->decoded[DECODE_CUT]))
FIELD(short_frames, value_count(s->pass->decoder.short_frames))
FIELD(unknown_link, value_count(s->pass->decoded[DECODE_LINK]))
FIELD(file_malformed_options, value_count(s->pass->tracker->counters.malformed_options))
FIELD(file_cut_options, value_count(s->pass->tracker->counters.cut_options))
FIELD(file_duplicates, value_count(s->pass->tracker->counters.duplicate_packets))
FIELD(file_strays, value_count(s->pass->tracker->counters.stray_packets))
FIELD(left_out, value_count(s->pass->left_out))
FIELD(backwards, value_count(s->pass->backwards))
FIELD(backwards_most, value_seconds(s->pass->backwards_most_ns))
FIELD(series_dropped, value_count(s->pass->tracker->budget.dropped))
FIELD(start_time, value_count((uint64_t)s->pass->start_ns))
FIELD(duration, value_seconds(s->pass->latest_ns - s->pass->earliest_ns))

const struct field file_fields[] = {
	{"path", path, false},
	{"format", format, false},
	{"packets", file_packets, false},
	{"truncated", truncated, false},
	{"malformed", malformed, false},
	{"malformed_record_offset", malformed_offset, false},
	{"tcp_packets", tcp_packets, false},
	{"other_packets", other_packets, false},
	{"fragments", fragments, false},
	{"reassembled_packets", reassembled, false},
	{"cut_headers", cut_headers, false},
	{"short_frames", short_frames, false},
	{"unknown_link_packets", unknown_link, false},
	{"malformed_options", file_malformed_options, false},
	{"cut_options", file_cut_options, false},
	{"duplicate_packets", file_duplicates, false},
	{"stray_packets", file_strays, false},
	{"left_out_packets", left_out, false},
	{"clock_back_packets", backwards, false},
	{"clock_back_max_s", backwards_most, false},
	{"series_dropped", series_dropped, false},
	{"start_time_ns", start_time, false},
	{"duration_s", duration, false},
	{NULL, NULL, false},
};

/* ---- a connection */

const char *fallback_name(enum fallback fallback)
{
	static const char *const names[] = {
		NULL, "no_reply", "no_mapping", "infinite_mapping", "mp_fail", "options_stopped"};
	return names[fallback];
}

static struct value token(struct subject *s, unsigned side)
{
	if (!s->connection || !s->connection->has_token[side])
		return value_null();
	snprintf(s->text, sizeof s->text, "%08x", s->connection->token[side]);
	return value_text(s->text);
}

static struct value version(struct subject *s)
{
	return s->connection && s->connection->mptcp && s->connection->version >= 0
		       ? value_count((uint64_t)s->connection->version)
		       : value_null();
}

FIELD(index_of, value_count(s->index))
FIELD(protocol, value_text(s->connection && s->connection->mptcp ? "mptcp" : "tcp"))
FIELD(requested, value_bool(s->connection && s->connection->requested))
FIELD(option_seen, value_bool(s->connection && s->connection->option_seen))
FIELD(fallback, value_bool(s->connection && s->connection->fallback != FALLBACK_NONE))
FIELD(fallback_reason, value_text(s->connection ? fallback_name(s->connection->fallback) : NULL))
FIELD(fallback_time, s->connection ? value_time(s->connection->fallback_ns) : value_null())
FIELD(initial_seen, value_bool(!s->connection || !s->connection->mptcp || s->connection->initial_seen))
FIELD(checksum, value_bool(s->connection && s->connection->checksum))
FIELD(fastclose, value_bool(s->connection && s->connection->fastclosed))
FIELD(token_client, token(s, FORWARD))
FIELD(token_server, token(s, REVERSE))

const struct field connection_fields[] = {
	{"index", index_of, false},
	{"protocol", protocol, false},
	{"version", version, false},
	{"mptcp_requested", requested, false},
	{"mptcp_option_seen", option_seen, false},
	{"fallback", fallback, false},
	{"fallback_reason", fallback_reason, false},
	{"fallback_s", fallback_time, false},
	{"initial_seen", initial_seen, false},
	{"checksum", checksum, false},
	{"fastclose", fastclose, false},
	{"token_client", token_client, false},
	{"token_server", token_server, false},
	{NULL, NULL, false},
};

/* ---- a subflow */

static struct value address(struct subject *s, bool second)
{
	const struct flow_key *key = &s->flow->key;
	if (key->word[4] & KEY_SIX) {
		uint8_t bytes[16];
		const uint64_t *words = &key->word[second ? 2 : 0];
		for (unsigned i = 0; i < 16; i++)
			bytes[i] = (uint8_t)(words[i / 8] >> (56 - 8 * (i % 8)));
		inet_ntop(AF_INET6, bytes, s->text, sizeof s->text);
		return value_text(s->text);
	}
	char *p = s->text;
	uint32_t bytes = (uint32_t)(key->word[second] >> 16);
	for (int shift = 24; shift >= 0; shift -= 8) {
		unsigned byte = bytes >> shift & 255;
		if (byte >= 100)
			*p++ = (char)('0' + byte / 100);
		if (byte >= 10)
			*p++ = (char)('0' + byte / 10 % 10);
		*p++ = (char)('0' + byte % 10);
		*p++ = shift ? '.' : '\0';
	}
	return value_text(s->text);
}

static struct value port(const struct subject *s, bool second)
{
	const struct flow_key *key = &s->flow->key;
	if (key->word[4] & KEY_SIX)
		return value_count(key->word[4] >> (second ? 0 : 16) & 0xffff);
	return value_count(key->word[second] & 0xffff);
}

static bool client_second(const struct subject *s)
{
	return s->flow->client_is_second != s->flow->flipped;
}

static struct value tunnel(struct subject *s)
{
	uint64_t carrier = s->flow->key.word[4];
	enum tunnel kind = carrier >> KEY_TUNNEL_SHIFT & 15;
	if (kind == TUNNEL_NONE)
		return value_null();
	if (kind != TUNNEL_VXLAN && kind != TUNNEL_GENEVE)
		return value_text(tunnel_name(kind));
	snprintf(
		s->text, sizeof s->text, "%s %u", tunnel_name(kind), (unsigned)(carrier >> KEY_NUMBER_SHIFT));
	return value_text(s->text);
}

static const char *ended_how(const struct flow *flow)
{
	if (flow->direction[0].reset || flow->direction[1].reset)
		return "reset";
	if (flow->direction[0].fin && flow->direction[1].fin)
		return "fin";
	return flow->direction[0].fin || flow->direction[1].fin ? "half_closed" : "open";
}

static struct value ended_by(struct subject *s)
{
	if (!strcmp(ended_how(s->flow), "open"))
		return value_null();
	return value_text(s->flow->closed_by_server != s->flow->flipped ? "server" : "client");
}

static struct value between(int64_t from_ns, int64_t to_ns)
{
	return from_ns != NEVER && to_ns != NEVER && to_ns >= from_ns ? value_seconds(to_ns - from_ns)
								      : value_null();
}

static struct value first_packet(struct subject *s)
{
	const struct flow_direction *d = s->flow->direction;
	if (!d[0].packets || !d[1].packets)
		return value_seconds(d[0].packets ? d[0].first_ns : d[1].first_ns);
	return value_seconds(d[0].first_ns < d[1].first_ns ? d[0].first_ns : d[1].first_ns);
}

static struct value last_packet(struct subject *s)
{
	const struct flow_direction *d = s->flow->direction;
	if (!d[0].packets || !d[1].packets)
		return value_seconds(d[0].packets ? d[0].last_ns : d[1].last_ns);
	return value_seconds(d[0].last_ns > d[1].last_ns ? d[0].last_ns : d[1].last_ns);
}

static struct value is_initial(struct subject *s)
{
	/* Of a connection whose beginning nobody saw it is not known. */
	if (s->connection && s->connection->mptcp && !s->connection->initial_seen && !s->flow->joined)
		return value_null();
	return value_bool(!s->flow->joined);
}

static struct value join_token(struct subject *s)
{
	if (!s->flow->join || !s->flow->join->has_token)
		return value_null();
	snprintf(s->text, sizeof s->text, "%08x", s->flow->join->token);
	return value_text(s->text);
}

static struct value ecn(struct subject *s)
{
	static const char *const names[] = {NULL, "refused", NULL, "agreed"};
	return value_text(names[s->flow->ecn_setup & 3]);
}

/* How a join failed, as far as the capture shows; the handshake has four packets (RFC 8684, section 3.2). */
static struct value join_failure(struct subject *s)
{
	const struct flow *flow = s->flow;
	if (!flow->joined || !flow->join || !flow->join->has_token || flow_is_copy(flow))
		return value_null();
	bool reset = flow->direction[0].reset || flow->direction[1].reset;
	bool used = flow->direction[0].dss_packets || flow->direction[1].dss_packets;
	if (used)
		return value_null();
	if (!flow->syn_ack_seen)
		return value_text(reset ? "refused" : "no_answer");
	if (!flow->join->answered)
		return value_text("answer_without_join");
	if (reset)
		return value_text("reset");
	return flow->join->completed ? value_null() : value_text("not_completed");
}

const char *reset_reason_name(uint8_t reason)
{
	/* RFC 8684, section 3.6. */
	static const char *const names[] = {"unspecified", "mptcp_specific", "lack_of_resources",
		"administratively_prohibited", "too_much_outstanding_data", "unacceptable_performance",
		"middlebox_interference"};
	return reason < sizeof names / sizeof *names ? names[reason] : "unknown";
}

static struct value reset_reason(struct subject *s)
{
	return s->flow->join && s->flow->join->has_reset_reason
		       ? value_text(reset_reason_name(s->flow->join->reset_reason))
		       : value_null();
}

static struct value authentic(struct subject *s)
{
	int known = s->flow->joined && s->connection ? mptcp_join_is_authentic(s->connection, s->flow) : -1;
	return known < 0 ? value_null() : value_bool(known);
}

FIELD(flow_index, value_count(s->flow->index))
FIELD(client_address, address(s, client_second(s)))
FIELD(client_port, port(s, client_second(s)))
FIELD(server_address, address(s, !client_second(s)))
FIELD(server_port, port(s, !client_second(s)))
FIELD(opened_by, value_text(s->flow->flipped ? "server" : "client"))
FIELD(copy_of, flow_is_copy(s->flow) ? value_count(s->flow->join->copy_of->index) : value_null())
FIELD(backup, value_bool(s->flow->join && s->flow->join->backup))
FIELD(address_id,
	s->flow->join && s->flow->join->has_token ? value_count(s->flow->join->address_id) : value_null())
FIELD(established, value_time(s->flow->established_ns))
FIELD(ended_time, value_time(s->flow->ended_ns))
FIELD(handshake, between(s->flow->syn_ns, s->flow->established_ns))
FIELD(handshake_half, between(s->flow->syn_ns, s->flow->syn_ack_ns))
FIELD(handshake_rest, between(s->flow->syn_ack_ns, s->flow->established_ns))
FIELD(syn_seen, value_bool(s->flow->syn_seen))
FIELD(ended, value_text(ended_how(s->flow)))

const struct field subflow_fields[] = {
	{"index", flow_index, false},
	{"client_address", client_address, false},
	{"client_port", client_port, false},
	{"server_address", server_address, false},
	{"server_port", server_port, false},
	{"tunnel", tunnel, false},
	{"is_initial", is_initial, false},
	{"opened_by", opened_by, false},
	{"copy_of", copy_of, false},
	{"backup", backup, false},
	{"address_id", address_id, false},
	{"join_token", join_token, false},
	{"join_failure", join_failure, false},
	{"join_authentic", authentic, false},
	{"reset_reason", reset_reason, false},
	{"first_packet_s", first_packet, false},
	{"established_s", established, false},
	{"last_packet_s", last_packet, false},
	{"ended_s", ended_time, false},
	{"handshake_s", handshake, false},
	{"handshake_syn_to_syn_ack_s", handshake_half, false},
	{"handshake_syn_ack_to_ack_s", handshake_rest, false},
	{"syn_seen", syn_seen, false},
	{"ecn", ecn, false},
	{"ended", ended, false},
	{"ended_by", ended_by, false},
	{NULL, NULL, false},
};
