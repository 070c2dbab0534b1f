/* CSV: a line a subflow and direction (RFC 4180). Columns are names of JSON; new ones come last, so that scripts
 * which count columns go on working. */
#include "analysis/output/report.h"
#include <string.h>

enum level { FILE_LEVEL, CONNECTION, SUBFLOW, DIRECTION, RTT, DATA, LEVELS };

static const struct field *const level_fields[LEVELS] = {
	file_fields, connection_fields, subflow_fields, direction_fields, delay_fields, data_fields};

static const struct column {
	uint8_t level;
	const char *field, *name; /* name: of the column where it is another */
} columns[] = {
	{FILE_LEVEL, "path", "file"},
	{CONNECTION, "index", "connection_index"},
	{CONNECTION, "protocol", NULL},
	{CONNECTION, "version", NULL},
	{CONNECTION, "fallback", NULL},
	{CONNECTION, "token_client", NULL},
	{CONNECTION, "token_server", NULL},
	{SUBFLOW, "index", "subflow_index"},
	{SUBFLOW, "client_address", NULL},
	{SUBFLOW, "client_port", NULL},
	{SUBFLOW, "server_address", NULL},
	{SUBFLOW, "server_port", NULL},
	{SUBFLOW, "is_initial", NULL},
	{SUBFLOW, "opened_by", NULL},
	{SUBFLOW, "backup", NULL},
	{SUBFLOW, "first_packet_s", NULL},
	{SUBFLOW, "established_s", NULL},
	{SUBFLOW, "last_packet_s", NULL},
	{SUBFLOW, "handshake_s", NULL},
	{SUBFLOW, "ended", NULL},
	{DIRECTION, NULL, "direction"},
	{DIRECTION, "packets", NULL},
	{DIRECTION, "payload_packets", NULL},
	{DIRECTION, "payload_bytes", NULL},
	{DIRECTION, "unique_bytes", NULL},
	{DIRECTION, "retransmitted_bytes", NULL},
	{DIRECTION, "retransmitted_packets", NULL},
	{DIRECTION, "recovered_packets", NULL},
	{DIRECTION, "retransmissions_fast", NULL},
	{DIRECTION, "retransmissions_timeout", NULL},
	{DIRECTION, "retransmissions_tail_probe", NULL},
	{DIRECTION, "retransmissions_unclear", NULL},
	{DIRECTION, "spurious_packets", NULL},
	{DIRECTION, "out_of_order_packets", NULL},
	{DIRECTION, "missing_bytes", NULL},
	{DIRECTION, "duplicate_acks", NULL},
	{DIRECTION, "sack_packets", NULL},
	{DIRECTION, "dsack_packets", NULL},
	{DIRECTION, "zero_windows", NULL},
	{DIRECTION, "keepalives", NULL},
	{DIRECTION, "window_max_bytes", NULL},
	{DIRECTION, "header_bytes", NULL},
	{DIRECTION, "tcp_option_bytes", NULL},
	{DIRECTION, "mptcp_option_bytes", NULL},
	{DIRECTION, "mss", NULL},
	{DIRECTION, "window_scale", NULL},
	{DIRECTION, "throughput_mbps", NULL},
	{DIRECTION, "mapped_bytes", NULL},
	{DIRECTION, "reinjected_bytes", NULL},
	{RTT, "samples", "rtt_samples"},
	{RTT, "min_s", "rtt_min_s"},
	{RTT, "mean_s", "rtt_mean_s"},
	{RTT, "p50_s", "rtt_p50_s"},
	{RTT, "p95_s", "rtt_p95_s"},
	{RTT, "p99_s", "rtt_p99_s"},
	{RTT, "max_s", "rtt_max_s"},
	/* Since then. */
	{CONNECTION, "fallback_reason", NULL},
	{CONNECTION, "fallback_s", NULL},
	{DATA, "delivered_bytes", "connection_delivered_bytes"},
	{DATA, "goodput_mbps", "connection_goodput_mbps"},
	{DATA, "reinjected_bytes", "connection_reinjected_bytes"},
	{DATA, "out_of_order_bytes", "connection_out_of_order_bytes"},
	{DATA, "out_of_order_delay_mean_s", "connection_out_of_order_delay_mean_s"},
	{DATA, "out_of_order_delay_max_s", "connection_out_of_order_delay_max_s"},
	{DATA, "uncaptured_bytes", "connection_uncaptured_bytes"},
	{DIRECTION, "share", NULL},
	{DIRECTION, "unmapped_bytes", NULL},
	{DIRECTION, "discarded_bytes", NULL},
	{DIRECTION, "duplicate_packets", NULL},
	{DIRECTION, "stray_packets", NULL},
	{DIRECTION, "zero_window_probes", NULL},
	{DIRECTION, "fin_retransmissions", NULL},
	{DIRECTION, "ce_packets", NULL},
	{DIRECTION, "ece_packets", NULL},
	{RTT, "sd_s", "rtt_sd_s"},
	{SUBFLOW, "copy_of", NULL},
	{SUBFLOW, "tunnel", NULL},
	{SUBFLOW, "ecn", NULL},
	{SUBFLOW, "join_failure", NULL},
	{SUBFLOW, "reset_reason", NULL},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

void csv_header(struct emitter *emitter)
{
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (i)
			emit_raw(emitter, ",", 1);
		emit_text(emitter, columns[i].name ? columns[i].name : columns[i].field);
	}
	emit_raw(emitter, "\n", 1);
}

/* Quoted when it must be. */
static void text(struct emitter *emitter, const char *value)
{
	if (!strpbrk(value, ",\"\r\n")) {
		emit_text(emitter, value);
		return;
	}
	emit_raw(emitter, "\"", 1);
	for (; *value; value++) {
		if (*value == '"')
			emit_raw(emitter, "\"", 1);
		emit_raw(emitter, value, 1);
	}
	emit_raw(emitter, "\"", 1);
}

static void put(struct emitter *emitter, const struct value *value)
{
	if (value->kind == VALUE_TEXT)
		text(emitter, value->text);
	else if (value->kind == VALUE_BOOL)
		emit_text(emitter, value->truth ? "true" : "false");
	else if (value->kind != VALUE_NULL)
		emit_number(emitter, value);
}

static void line(struct emitter *emitter, struct subject *subject, const struct field *const *fields,
	unsigned direction)
{
	static const struct delays none;
	bool mptcp = subject->connection && subject->connection->mptcp;
	subject_direction(subject, direction);
	subject->delays = subject->from->samples ? &subject->from->samples->rtt : &none;
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (i)
			emit_raw(emitter, ",", 1);
		if (!fields[i]) {
			emit_text(emitter, direction == FORWARD ? "forward" : "reverse");
			continue;
		}
		if (fields[i]->mptcp_only && !mptcp)
			continue;
		struct value value = columns[i].level == FILE_LEVEL ? value_text(subject->pass->path)
								    : fields[i]->get(subject);
		put(emitter, &value);
	}
	emit_raw(emitter, "\n", 1);
}

void csv_file(struct emitter *emitter, const struct pass *pass)
{
	const struct field *fields[COLUMNS];
	struct subject subject = {.pass = pass};
	struct pass_connection next;
	uint32_t at = 0, index = 0;
	for (unsigned i = 0; i < COLUMNS; i++)
		fields[i] = columns[i].field ? field_find(level_fields[columns[i].level], columns[i].field)
					     : NULL;
	for (; pass_next_connection(pass, &at, &next); index++) {
		if (!report_wants(pass, index))
			continue;
		subject_connection(&subject, &next, index);
		for (uint32_t i = 0; i < subject_subflows(&subject); i++) {
			subject_subflow(&subject, subject_subflow_at(&subject, i));
			line(emitter, &subject, fields, FORWARD);
			line(emitter, &subject, fields, REVERSE);
		}
	}
}
