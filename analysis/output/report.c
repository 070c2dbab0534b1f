/* Report: the fields of a pass in the order of JSON. */
#include "analysis/output/report.h"
#include <arpa/inet.h>
#include <string.h>

static const char *const direction_names[] = {"forward", "reverse"};
static const struct delays no_delays;

static void emit_count(struct emitter *emitter, const char *name, uint64_t count)
{
	struct value value = value_count(count);
	emit_value(emitter, name, &value);
}

static void emit_string(struct emitter *emitter, const char *name, const char *text)
{
	struct value value = value_text(text);
	emit_value(emitter, name, &value);
}

static void emit_bool(struct emitter *emitter, const char *name, bool truth)
{
	struct value value = value_bool(truth);
	emit_value(emitter, name, &value);
}

/* From the file's first packet on: what costs no memory is 0. */
static void emit_series(struct emitter *emitter, const char *name, const struct series *series)
{
	emit_open(emitter, name, true);
	for (uint32_t i = 0; series && series->count && i < series->first; i++)
		emit_count(emitter, NULL, 0);
	for (uint32_t i = 0; series && i < series->count; i++)
		emit_count(emitter, NULL, series->values[i]);
	emit_close(emitter);
}

static void emit_delays(
	struct emitter *emitter, const char *name, struct subject *subject, const struct delays *delays)
{
	subject->delays = delays;
	emit_open(emitter, name, false);
	fields_emit(emitter, delay_fields, subject);
	emit_close(emitter);
}

static void emit_direction(struct emitter *emitter, struct subject *subject, unsigned direction)
{
	subject_direction(subject, direction);
	const struct cold *cold = subject->from->cold;
	emit_open(emitter, direction_names[direction], false);
	fields_emit(emitter, direction_fields, subject);
	emit_delays(
		emitter, "rtt", subject, subject->from->samples ? &subject->from->samples->rtt : &no_delays);
	emit_delays(emitter, "rtt_timestamp", subject, cold ? &cold->rtt_stamp : &no_delays);
	if (subject->pass->tracker->step_ns > 0) {
		emit_series(emitter, "series_unique_bytes", cold ? &cold->bytes_series : NULL);
		emit_series(emitter, "series_data_sequence", cold ? &cold->data_series : NULL);
	}
	emit_close(emitter);
}

static void emit_subflow(struct emitter *emitter, struct subject *subject, const struct flow *flow)
{
	subject_subflow(subject, flow);
	emit_open(emitter, NULL, false);
	fields_emit(emitter, subflow_fields, subject);
	emit_direction(emitter, subject, FORWARD);
	emit_direction(emitter, subject, REVERSE);
	emit_close(emitter);
}

static void emit_data(struct emitter *emitter, struct subject *subject, unsigned direction)
{
	const struct analysis_options *options = subject->pass->options;
	subject->data = subject->connection ? &subject->connection->data[direction] : NULL;
	emit_open(emitter, direction_names[direction], false);
	fields_emit(emitter, data_fields, subject);
	emit_open(emitter, "windows", true);
	for (size_t i = 0; i < options->window_count; i++) {
		const struct analysis_window *window = &options->windows[i];
		uint64_t bytes = subject->data ? subject->data->window_bytes[i] : 0;
		struct value value = value_real(window->from_s);
		emit_open(emitter, NULL, false);
		emit_value(emitter, "from_s", &value);
		value.real = window->to_s;
		emit_value(emitter, "to_s", &value);
		emit_count(emitter, "delivered_bytes", bytes);
		value.real = (double)bytes * 8 / (window->to_s - window->from_s) / 1e6;
		emit_value(emitter, "mbps", &value);
		emit_close(emitter);
	}
	emit_close(emitter);
	if (subject->pass->tracker->step_ns > 0)
		emit_series(emitter, "series_delivered_bytes", subject->data ? &subject->data->series : NULL);
	emit_close(emitter);
}

const char *event_name(const struct event *event)
{
	static const char *const names[EVENTS] = {
		[MPTCP_DSS] = "infinite_mapping",
		[MPTCP_ADD_ADDR] = "add_addr",
		[MPTCP_REMOVE_ADDR] = "remove_addr",
		[MPTCP_PRIO] = "mp_prio",
		[MPTCP_FAIL] = "mp_fail",
		[MPTCP_FASTCLOSE] = "mp_fastclose",
		[MPTCP_RST] = "mp_tcprst",
		[EVENT_FALLBACK] = "fallback",
	};
	return names[event->kind];
}

static void emit_address(struct emitter *emitter, const struct event *event)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (event->address.family)
		inet_ntop(event->address.family == 6 ? AF_INET6 : AF_INET, event->address.address, text,
			sizeof text);
	emit_count(emitter, "address_id", event->address.address_id);
	emit_string(emitter, "address", event->address.family ? text : NULL);
	emit_count(emitter, "port", event->address.port);
	emit_bool(emitter, "echo", event->flag);
}

static void emit_event(struct emitter *emitter, const struct event *event)
{
	struct value time = value_seconds(event->time_ns);
	char text[24];
	emit_open(emitter, NULL, false);
	emit_value(emitter, "time_s", &time);
	emit_string(emitter, "event", event_name(event));
	emit_count(emitter, "subflow", event->flow);
	emit_string(emitter, "sent_by", event->direction == FORWARD ? "client" : "server");
	switch (event->kind) {
	case MPTCP_ADD_ADDR:
		emit_address(emitter, event);
		break;
	case MPTCP_REMOVE_ADDR:
		emit_open(emitter, "address_ids", true);
		for (unsigned i = 0; i < event->id_count; i++)
			emit_count(emitter, NULL, event->ids[i]);
		emit_close(emitter);
		break;
	case MPTCP_PRIO:
		emit_bool(emitter, "backup", event->flag);
		break;
	case MPTCP_RST:
		emit_count(emitter, "flags_and_reason", event->flag);
		emit_string(emitter, "reason", reset_reason_name(event->flag));
		break;
	case MPTCP_FAIL:
		snprintf(text, sizeof text, "%016llx", (unsigned long long)event->value);
		emit_string(emitter, "data_sequence", text);
		break;
	case EVENT_FALLBACK:
		emit_string(emitter, "reason", fallback_name(event->flag));
		break;
	default:
		break;
	}
	emit_close(emitter);
}

static void emit_connection(struct emitter *emitter, struct subject *subject)
{
	const struct connection *connection = subject->connection;
	emit_open(emitter, NULL, false);
	fields_emit(emitter, connection_fields, subject);
	emit_data(emitter, subject, FORWARD);
	emit_data(emitter, subject, REVERSE);
	emit_open(emitter, "subflows", true);
	for (uint32_t i = 0; i < subject_subflows(subject); i++)
		emit_subflow(emitter, subject, subject_subflow_at(subject, i));
	emit_close(emitter);
	emit_open(emitter, "events", true);
	for (uint32_t i = 0; connection && i < connection->event_count; i++)
		emit_event(emitter, &connection->events[i]);
	emit_close(emitter);
	emit_count(emitter, "events_dropped", connection ? connection->events_dropped : 0);
	emit_close(emitter);
}

bool report_wants(const struct pass *pass, uint32_t index)
{
	return !pass->options->only_connection || pass->options->connection_index == index;
}

static void emit_numbers(struct emitter *emitter, const struct pass *pass)
{
	char name[16];
	emit_open(emitter, "link_types", false);
	for (unsigned i = 0; i < PASS_LINKS; i++) {
		snprintf(name, sizeof name, "%u", i);
		if (pass->link_packets[i])
			emit_count(emitter, name, pass->link_packets[i]);
	}
	emit_close(emitter);
	emit_open(emitter, "encapsulations", false);
	for (enum tunnel i = TUNNEL_NONE + 1; i < TUNNELS; i++)
		if (pass->decoder.tunnels[i])
			emit_count(emitter, tunnel_name(i), pass->decoder.tunnels[i]);
	emit_close(emitter);
}

void report_file(struct emitter *emitter, const struct pass *pass)
{
	struct subject subject = {.pass = pass};
	struct pass_connection next;
	uint32_t at = 0, index = 0;
	emit_open(emitter, NULL, false);
	fields_emit(emitter, file_fields, &subject);
	emit_numbers(emitter, pass);
	if (pass->tracker->step_ns > 0) {
		struct value step = value_seconds(pass->tracker->step_ns);
		emit_value(emitter, "step_s", &step);
	}
	emit_open(emitter, "connections", true);
	for (; pass_next_connection(pass, &at, &next); index++) {
		if (!report_wants(pass, index))
			continue;
		subject_connection(&subject, &next, index);
		emit_connection(emitter, &subject);
	}
	emit_close(emitter);
	emit_close(emitter);
}
