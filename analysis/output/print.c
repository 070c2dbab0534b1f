/* Print: a pass for people, as aligned text. */
#include "analysis/output/report.h"
#include <arpa/inet.h>
#include <string.h>

static const char *const direction_names[] = {"forward", "reverse"};

static unsigned long long count(struct subject *subject, const struct field *fields, const char *name)
{
	struct value value = field_value(subject, fields, name);
	return value.kind == VALUE_COUNT ? value.count : 0;
}

static const char *text(
	struct subject *subject, const struct field *fields, const char *name, const char *otherwise)
{
	struct value value = field_value(subject, fields, name);
	return value.kind == VALUE_TEXT ? value.text : otherwise;
}

static double number(struct subject *subject, const struct field *fields, const char *name)
{
	struct value value = field_value(subject, fields, name);
	return value.kind == VALUE_SECONDS ? (double)value.ns / 1e9
	       : value.kind == VALUE_REAL  ? value.real
					   : 0;
}

static bool yes(struct subject *subject, const struct field *fields, const char *name)
{
	struct value value = field_value(subject, fields, name);
	return value.kind == VALUE_BOOL && value.truth;
}

static void print_ms(struct emitter *emitter, const struct value *value)
{
	if (value->kind == VALUE_NULL)
		emit_printf(emitter, " %9s", "-");
	else
		emit_printf(emitter, " %9.3f",
			value->kind == VALUE_SECONDS ? (double)value->ns / 1e6 : value->real * 1e3);
}

static void print_endpoint(struct emitter *emitter, struct subject *subject, bool server)
{
	char address[64];
	snprintf(address, sizeof address, "%s",
		text(subject, subflow_fields, server ? "server_address" : "client_address", "?"));
	bool six = strchr(address, ':') != NULL;
	emit_printf(emitter, "%s%s%s:%llu", six ? "[" : "", address, six ? "]" : "",
		count(subject, subflow_fields, server ? "server_port" : "client_port"));
}

static void print_direction(struct emitter *emitter, struct subject *subject, unsigned direction)
{
	static const struct delays none;
	subject_direction(subject, direction);
	subject->delays = subject->from->samples ? &subject->from->samples->rtt : &none;
	emit_printf(emitter, "    %-7s %9llu %12llu %12llu %9llu %6llu %6llu %6llu %8.2f",
		direction_names[direction], count(subject, direction_fields, "packets"),
		count(subject, direction_fields, "payload_bytes"),
		count(subject, direction_fields, "unique_bytes"),
		count(subject, direction_fields, "retransmitted_bytes"),
		count(subject, direction_fields, "out_of_order_packets"),
		count(subject, direction_fields, "duplicate_acks"),
		count(subject, direction_fields, "zero_windows"),
		number(subject, direction_fields, "throughput_mbps"));
	static const char *const times[] = {"min_s", "p50_s", "p99_s"};
	for (unsigned i = 0; i < 3; i++) {
		struct value value = field_value(subject, delay_fields, times[i]);
		print_ms(emitter, &value);
	}
	emit_raw(emitter, "\n", 1);
}

/* What is rare, and only when it is there. */
static void print_rarities(struct emitter *emitter, struct subject *subject)
{
	static const struct {
		const char *field, *what;
	} rare[] = {
		{"duplicate_packets", "captured twice"},
		{"stray_packets", "not of this connection"},
		{"resets_ignored", "resets that were not accepted"},
		{"discarded_bytes", "bytes that are no data"},
		{"spurious_packets", "retransmissions without need"},
		{"zero_window_probes", "window probes"},
		{"ce_packets", "marked by congestion"},
		{"fin_retransmissions", "FINs again"},
		{"missing_bytes", "bytes missing"},
	};
	for (unsigned direction = 0; direction < 2; direction++) {
		bool any = false;
		subject_direction(subject, direction);
		if (!subject->from->cold)
			continue;
		for (unsigned i = 0; i < sizeof rare / sizeof *rare; i++) {
			unsigned long long value = count(subject, direction_fields, rare[i].field);
			if (!value)
				continue;
			emit_printf(emitter, "%s%s%llu %s", any ? ", " : "    also ",
				any                    ? ""
				: direction == FORWARD ? "forward: "
						       : "reverse: ",
				value, rare[i].what);
			any = true;
		}
		if (any)
			emit_raw(emitter, "\n", 1);
	}
}

static void print_subflow(struct emitter *emitter, struct subject *subject, const struct flow *flow)
{
	subject_subflow(subject, flow);
	emit_printf(emitter, "  subflow %u  ", flow->index);
	print_endpoint(emitter, subject, false);
	emit_text(emitter, " -> ");
	print_endpoint(emitter, subject, true);
	emit_printf(emitter, "  %s", flow->joined ? "joined" : "initial");
	const char *carrier = text(subject, subflow_fields, "tunnel", NULL);
	if (carrier)
		emit_printf(emitter, ", in %s", carrier);
	const char *failure = text(subject, subflow_fields, "join_failure", NULL);
	if (failure)
		emit_printf(emitter, ", JOIN FAILED (%s)", failure);
	const char *reason = text(subject, subflow_fields, "reset_reason", NULL);
	if (reason)
		emit_printf(emitter, ", reason %s", reason);
	emit_printf(emitter, "%s%s, starts %.3f s, ends: %s\n",
		yes(subject, subflow_fields, "backup") ? ", backup" : "",
		flow_is_copy(flow) ? ", seen twice" : "", number(subject, subflow_fields, "first_packet_s"),
		text(subject, subflow_fields, "ended", "?"));
	print_direction(emitter, subject, FORWARD);
	print_direction(emitter, subject, REVERSE);
	print_rarities(emitter, subject);
}

static void print_data(struct emitter *emitter, struct subject *subject, unsigned direction)
{
	const struct analysis_options *options = subject->pass->options;
	subject->data = &subject->connection->data[direction];
	emit_printf(emitter,
		"  %-7s delivered %llu bytes in order, %.2f Mbit/s; reinjected %llu; out of order %llu",
		direction_names[direction], count(subject, data_fields, "delivered_bytes"),
		number(subject, data_fields, "goodput_mbps"), count(subject, data_fields, "reinjected_bytes"),
		count(subject, data_fields, "out_of_order_bytes"));
	if (count(subject, data_fields, "out_of_order_bytes"))
		emit_printf(emitter, " (waited %.3f ms on average, %.3f ms at most)",
			number(subject, data_fields, "out_of_order_delay_mean_s") * 1e3,
			number(subject, data_fields, "out_of_order_delay_max_s") * 1e3);
	if (count(subject, data_fields, "uncaptured_bytes"))
		emit_printf(emitter, "; not captured %llu", count(subject, data_fields, "uncaptured_bytes"));
	emit_raw(emitter, "\n", 1);
	for (size_t i = 0; i < options->window_count; i++) {
		const struct analysis_window *window = &options->windows[i];
		uint64_t bytes = subject->data->window_bytes[i];
		emit_printf(emitter, "          %g to %g s: %llu bytes, %.3f Mbit/s\n", window->from_s,
			window->to_s, (unsigned long long)bytes,
			(double)bytes * 8 / (window->to_s - window->from_s) / 1e6);
	}
}

static void print_event(struct emitter *emitter, const struct event *event)
{
	char address[INET6_ADDRSTRLEN] = "";
	const char *what = event_name(event), *of = "";
	if (event->kind == MPTCP_ADD_ADDR) {
		if (event->address.family)
			inet_ntop(event->address.family == 6 ? AF_INET6 : AF_INET, event->address.address,
				address, sizeof address);
		of = event->flag ? "echo of " : "";
	} else if (event->kind == EVENT_FALLBACK) {
		snprintf(address, sizeof address, "(%s)", fallback_name(event->flag));
	} else if (event->kind == MPTCP_RST) {
		snprintf(address, sizeof address, "(%s)", reset_reason_name(event->flag));
	}
	emit_printf(emitter, "  %10.6f s  %s%s by %s on subflow %u %s\n", (double)event->time_ns / 1e9, of,
		what, event->direction == FORWARD ? "client" : "server", event->flow, address);
}

/* A flow without data is a line. */
static void print_idle(struct emitter *emitter, struct subject *subject)
{
	const struct flow *flow = subject->flow;
	emit_printf(emitter, "connection %u  tcp  ", subject->index);
	print_endpoint(emitter, subject, false);
	emit_text(emitter, " -> ");
	print_endpoint(emitter, subject, true);
	emit_printf(emitter, "  no data, %llu and %llu packets, starts %.3f s, ends: %s\n",
		(unsigned long long)flow->direction[FORWARD].packets,
		(unsigned long long)flow->direction[REVERSE].packets,
		number(subject, subflow_fields, "first_packet_s"),
		text(subject, subflow_fields, "ended", "?"));
}

static void print_connection(struct emitter *emitter, struct subject *subject)
{
	const struct connection *connection = subject->connection;
	if (!connection) {
		print_idle(emitter, subject);
		return;
	}
	emit_printf(emitter, "\nconnection %u  %s", subject->index,
		text(subject, connection_fields, "protocol", "?"));
	if (connection->mptcp && connection->version >= 0)
		emit_printf(emitter, " v%d", connection->version);
	const char *token = text(subject, connection_fields, "token_server", NULL);
	if (token)
		emit_printf(emitter, ", token %s", token);
	if (connection->fallback)
		emit_printf(emitter, ", FELL BACK to TCP (%s)", fallback_name(connection->fallback));
	if (connection->mptcp && !connection->initial_seen)
		emit_text(emitter, ", initial subflow not in this capture");
	emit_raw(emitter, "\n", 1);
	print_data(emitter, subject, FORWARD);
	print_data(emitter, subject, REVERSE);
	emit_printf(emitter, "            %9s %12s %12s %9s %6s %6s %6s %8s %9s %9s %9s\n", "packets",
		"payload B", "unique B", "again B", "ooo", "dupack", "zerow", "Mbit/s", "rtt ms", "median",
		"99 %");
	for (uint32_t i = 0; i < connection->flow_count; i++)
		print_subflow(emitter, subject, connection_flow(connection, i));
	for (uint32_t i = 0; i < connection->event_count; i++)
		print_event(emitter, &connection->events[i]);
}

static void print_remarks(struct emitter *emitter, struct subject *subject)
{
	static const struct {
		const char *name, *what;
	} remarks[] = {
		{"truncated", "records cut short by the end of the file, or by an error while reading"},
		{"malformed", "malformed packets or records"},
		{"malformed_options", "TCP options with a length that cannot be"},
		{"fragments", "IP fragments that made no whole packet"},
		{"cut_headers", "packets whose headers the snap length cuts"},
		{"cut_options", "segments whose options the snap length cuts"},
		{"short_frames", "frames shorter than their IP header says (its length counts)"},
		{"unknown_link_packets", "packets of a link type that is not known"},
		{"duplicate_packets",
			"packets captured twice (a mirror port, several interfaces): counted apart"},
		{"stray_packets",
			"packets that do not belong to the connection on their ports: counted apart"},
		{"left_out_packets", "packets left out by the filter or the span"},
		{"series_dropped", "series entries beyond the memory for them"},
	};
	for (size_t i = 0; i < sizeof remarks / sizeof *remarks; i++)
		if (count(subject, file_fields, remarks[i].name))
			emit_printf(emitter, "  %llu %s\n", count(subject, file_fields, remarks[i].name),
				remarks[i].what);
	for (enum tunnel i = TUNNEL_NONE + 1; i < TUNNELS; i++)
		if (subject->pass->decoder.tunnels[i])
			emit_printf(emitter, "  %llu TCP packets within %s\n",
				(unsigned long long)subject->pass->decoder.tunnels[i], tunnel_name(i));
	if (subject->pass->backwards_most_ns >= CLOCK_BACK_REMARKED_NS)
		emit_printf(emitter,
			"  %llu packets earlier than the one before them: the clock went back, by up to %.6f s\n",
			(unsigned long long)subject->pass->backwards,
			(double)subject->pass->backwards_most_ns / 1e9);
}

void print_file(struct emitter *emitter, const struct pass *pass)
{
	struct subject subject = {.pass = pass};
	struct pass_connection next;
	uint32_t at = 0, connections = 0, index = 0;
	while (pass_next_connection(pass, &at, &next))
		connections++;
	emit_text(emitter, pass->path);
	emit_printf(emitter, ": %s, %llu packets in %.3f s, %llu of them TCP, %u connections\n",
		text(&subject, file_fields, "format", "?"), (unsigned long long)pass->packets,
		number(&subject, file_fields, "duration_s"), (unsigned long long)pass->decoded[DECODE_TCP],
		connections);
	print_remarks(emitter, &subject);
	at = 0;
	for (; pass_next_connection(pass, &at, &next); index++) {
		if (!report_wants(pass, index))
			continue;
		subject_connection(&subject, &next, index);
		print_connection(emitter, &subject);
	}
	emit_raw(emitter, "\n", 1);
}
