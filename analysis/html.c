/* Html: a page of its own: what was read, a table of connections, their subflows, and figures, in one file. */
#include "analysis/output/report.h"
#include "analysis/pass.h"
#include "lib/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS_MOST = 500 };

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>TCP and MPTCP flows</title>\n<style>\n"
	"body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222;background:#fff}\n"
	"table{display:block;overflow-x:auto;border-collapse:collapse;margin:.5rem 0 1.5rem;font-size:13px}th,td{border-bottom:1px solid #ddd;padding:.2rem .6rem;text-align:right}\n"
	"th{background:#f5f5f5}td.l,th.l{text-align:left}.warn{color:#a40000}svg{max-width:100%;height:auto}\n"
	"@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th{background:#282828}th,td{border-color:#444}.warn{color:#ff8a80}}\n"
	"</style></head><body>\n";

static void text(struct emitter *emitter, const char *value)
{
	for (; *value; value++) {
		if (*value == '<')
			emit_text(emitter, "&lt;");
		else if (*value == '&')
			emit_text(emitter, "&amp;");
		else if (*value == '"')
			emit_text(emitter, "&quot;");
		else
			emit_raw(emitter, value, 1);
	}
}

static void cell(
	struct emitter *emitter, struct subject *subject, const struct field *fields, const char *name)
{
	struct value value = field_value(subject, fields, name);
	emit_text(emitter, value.kind == VALUE_TEXT ? "<td class=\"l\">" : "<td>");
	if (value.kind == VALUE_TEXT)
		text(emitter, value.text);
	else if (value.kind == VALUE_BOOL)
		emit_text(emitter, value.truth ? "yes" : "no");
	else if (value.kind == VALUE_REAL)
		emit_printf(emitter, "%.6g", value.real);
	else if (value.kind != VALUE_NULL)
		emit_number(emitter, &value);
	emit_text(emitter, "</td>");
}

static const char *const data_columns[] = {"delivered_bytes", "goodput_mbps", "reinjected_bytes",
	"out_of_order_bytes", "out_of_order_delay_max_s", "uncaptured_bytes"};
static const char *const connection_columns[] = {
	"index", "protocol", "version", "fallback_reason", "token_server"};
static const char *const subflow_columns[] = {"index", "client_address", "client_port", "server_address",
	"server_port", "tunnel", "is_initial", "join_failure", "first_packet_s", "handshake_s", "ended"};
static const char *const direction_columns[] = {"packets", "unique_bytes", "share", "retransmitted_packets",
	"recovered_packets", "out_of_order_packets", "spurious_packets", "duplicate_acks", "missing_bytes",
	"throughput_mbps"};
static const char *const delay_columns[] = {"min_s", "p50_s", "p99_s"};

#define SIZE(array) (sizeof(array) / sizeof *(array))

static void names(struct emitter *emitter, const char *const *columns, size_t count, const char *prefix)
{
	for (size_t i = 0; i < count; i++) {
		emit_printf(emitter, "<th>%s", prefix);
		for (const char *p = columns[i]; *p; p++)
			emit_raw(emitter, *p == '_' ? " " : p, 1);
		emit_text(emitter, "</th>");
	}
}

static void cells(struct emitter *emitter, struct subject *subject, const struct field *fields,
	const char *const *columns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cell(emitter, subject, fields, columns[i]);
}

static void subflow_rows(struct emitter *emitter, struct subject *subject)
{
	static const struct delays none;
	for (uint32_t i = 0; i < subject_subflows(subject); i++)
		for (unsigned direction = 0; direction < 2; direction++) {
			subject_subflow(subject, subject_subflow_at(subject, i));
			subject_direction(subject, direction);
			subject->delays = subject->from->samples ? &subject->from->samples->rtt : &none;
			emit_text(emitter, "<tr>");
			cells(emitter, subject, subflow_fields, subflow_columns, SIZE(subflow_columns));
			emit_printf(emitter, "<td class=\"l\">%s</td>", direction ? "reverse" : "forward");
			cells(emitter, subject, direction_fields, direction_columns, SIZE(direction_columns));
			cells(emitter, subject, delay_fields, delay_columns, SIZE(delay_columns));
			emit_text(emitter, "</tr>\n");
		}
}

static void events(struct emitter *emitter, const struct connection *connection)
{
	if (!connection->event_count)
		return;
	emit_text(emitter, "<ul>");
	for (uint32_t i = 0; i < connection->event_count; i++) {
		const struct event *event = &connection->events[i];
		emit_printf(emitter, "<li>%.6f s: %s%s by %s on subflow %u %s</li>\n",
			(double)event->time_ns / 1e9,
			event->kind == MPTCP_ADD_ADDR && event->flag ? "echo of " : "", event_name(event),
			event->direction == FORWARD ? "client" : "server", event->flow,
			event->kind == EVENT_FALLBACK ? fallback_name(event->flag)
			: event->kind == MPTCP_RST    ? reset_reason_name(event->flag)
						      : "");
	}
	emit_text(emitter, "</ul>\n");
}

static void connection(struct emitter *emitter, struct subject *subject)
{
	emit_printf(emitter, "<h3 id=\"c%u\">Connection %u</h3>\n<table><tr><th class=\"l\"></th>",
		subject->index, subject->index);
	names(emitter, data_columns, SIZE(data_columns), "");
	emit_text(emitter, "</tr>\n");
	for (unsigned direction = 0; direction < 2; direction++) {
		subject_direction(subject, direction);
		emit_printf(emitter, "<tr><td class=\"l\">%s</td>", direction ? "reverse" : "forward");
		cells(emitter, subject, data_fields, data_columns, SIZE(data_columns));
		emit_text(emitter, "</tr>\n");
	}
	emit_text(emitter, "</table>\n<table><tr>");
	names(emitter, subflow_columns, SIZE(subflow_columns), "");
	emit_text(emitter, "<th></th>");
	names(emitter, direction_columns, SIZE(direction_columns), "");
	names(emitter, delay_columns, SIZE(delay_columns), "rtt ");
	emit_text(emitter, "</tr>\n");
	subflow_rows(emitter, subject);
	emit_text(emitter, "</table>\n");
	events(emitter, subject->connection);
}

static void overview(struct emitter *emitter, const struct pass *pass)
{
	struct subject subject = {.pass = pass};
	struct pass_connection next;
	uint32_t at = 0, index = 0, shown = 0, idle = 0;
	emit_text(emitter, "<table><tr>");
	names(emitter, connection_columns, SIZE(connection_columns), "");
	emit_text(emitter, "<th>subflows</th>");
	names(emitter, data_columns, 2, "forward ");
	names(emitter, data_columns, 2, "reverse ");
	emit_text(emitter, "</tr>\n");
	for (; pass_next_connection(pass, &at, &next); index++) {
		if (!next.connection || !report_wants(pass, index) || shown == CONNECTIONS_MOST) {
			idle++;
			continue;
		}
		shown++;
		subject_connection(&subject, &next, index);
		emit_text(emitter, "<tr>");
		cells(emitter, &subject, connection_fields, connection_columns, SIZE(connection_columns));
		emit_printf(emitter, "<td><a href=\"#c%u\">%u</a></td>", index, subject_subflows(&subject));
		for (unsigned direction = 0; direction < 2; direction++) {
			subject_direction(&subject, direction);
			cells(emitter, &subject, data_fields, data_columns, 2);
		}
		emit_text(emitter, "</tr>\n");
	}
	emit_text(emitter, "</table>\n");
	if (idle)
		emit_printf(emitter,
			"<p>%u connections more, without data or beyond the first %d, are not listed.</p>\n",
			idle, CONNECTIONS_MOST);
}

static void file(struct emitter *emitter, const struct pass *pass)
{
	static const char *const remarks[] = {"truncated", "malformed", "malformed_options", "fragments",
		"cut_headers", "cut_options", "short_frames", "unknown_link_packets", "duplicate_packets",
		"stray_packets", "clock_back_packets", "left_out_packets"};
	struct subject subject = {.pass = pass};
	struct pass_connection next;
	uint32_t at = 0, index = 0, shown = 0;
	emit_text(emitter, "<h2>");
	text(emitter, pass->path);
	emit_printf(emitter, "</h2>\n<p>%llu packets in %.3f s, %llu of them TCP.</p>\n",
		(unsigned long long)pass->packets, (double)(pass->latest_ns - pass->earliest_ns) / 1e9,
		(unsigned long long)pass->decoded[DECODE_TCP]);
	for (size_t i = 0; i < SIZE(remarks); i++) {
		struct value value = field_value(&subject, file_fields, remarks[i]);
		bool of_clock = strcmp(remarks[i], "clock_back_packets") == 0;
		if (value.count && (!of_clock || pass->backwards_most_ns >= CLOCK_BACK_REMARKED_NS))
			emit_printf(emitter, "<p class=\"warn\">%s: %llu</p>\n", remarks[i],
				(unsigned long long)value.count);
	}
	overview(emitter, pass);
	for (; pass_next_connection(pass, &at, &next) && shown < CONNECTIONS_MOST; index++) {
		if (!next.connection || !report_wants(pass, index))
			continue;
		shown++;
		subject_connection(&subject, &next, index);
		connection(emitter, &subject);
	}
}

/* The drawing goes into the page: from its <svg> on. */
static int embed(struct emitter *emitter, const char *path, char **error)
{
	FILE *svg = fopen(path, "re");
	char line[4096];
	bool within = false;
	if (!svg)
		return error_set(error, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, svg)) {
		within |= strstr(line, "<svg") != NULL;
		if (within)
			emit_text(emitter, line);
	}
	fclose(svg);
	return 0;
}

static int draw(struct emitter *emitter, const struct analysis_figures *figures, char **error)
{
	char path[] = "/tmp/liquidnet-figure-XXXXXX";
	int fd = mkstemp(path), status = -1;
	if (fd < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	close(fd);
	emit_text(emitter, "<h2>Figures of the largest connections</h2>\n");
	if (analysis_plot(figures, path, error) == 0)
		status = embed(emitter, path, error);
	unlink(path);
	return status;
}

int analysis_html(const char *const *paths, size_t count, const struct analysis_options *options,
	const char *path, const struct analysis_listener *listener, char **error)
{
	struct emitter emitter;
	struct analysis_figures *figures = analysis_figures_new();
	FILE *out = fopen(path, "we");
	int failed = 0, status = 0;
	if (!out || !figures || emit_start(&emitter, out) < 0) {
		error_set(error, "%s: cannot be written: %s", path, strerror(errno));
		if (out)
			fclose(out);
		analysis_figures_free(figures);
		return -1;
	}
	emit_text(&emitter, head);
	emit_text(&emitter, "<h1>TCP and MPTCP flows</h1>\n");
	for (size_t i = 0; i < count; i++) {
		char *problem = NULL;
		struct capture *capture = capture_open(paths[i], &problem);
		struct pass *pass = capture ? pass_new(paths[i], capture, options, &problem) : NULL;
		if (!pass || pass_run(pass, &problem) < 0) {
			failed++;
			if (listener && listener->failed)
				listener->failed(listener->context, problem ? problem : "out of memory");
			free(problem);
		} else {
			file(&emitter, pass);
			figures_collect(figures, pass);
		}
		pass_free(pass);
	}
	if (figures_any(figures))
		status = draw(&emitter, figures, error);
	emit_text(&emitter, "</body></html>\n");
	if (emit_end(&emitter, NULL) < 0)
		status = error_set(error, "%s: cannot be written", path);
	fclose(out);
	analysis_figures_free(figures);
	return status < 0 ? -1 : failed;
}
