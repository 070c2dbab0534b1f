/* Print: a result of the analysis for people, as aligned text, and as CSV. Both are made from the JSON, so
 * that they cannot say anything else. */
#include "analysis/analysis.h"
#include <math.h>
#include <string.h>

static const char *const direction_names[] = {"forward", "reverse"};

static double number(const json_t *json, const char *name)
{
	return json_number_value(json_object_get(json, name));
}

static long long count(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

static const char *text(const json_t *json, const char *name, const char *otherwise)
{
	const char *value = json_string_value(json_object_get(json, name));
	return value ? value : otherwise;
}

static bool yes(const json_t *json, const char *name)
{
	return json_is_true(json_object_get(json, name));
}

static void endpoint(const json_t *subflow, const char *address, const char *port, char *result, size_t size)
{
	const char *host = text(subflow, address, "?");
	bool six = strchr(host, ':') != NULL;
	snprintf(result, size, "%s%s%s:%lld", six ? "[" : "", host, six ? "]" : "", count(subflow, port));
}

/* A time in ms, or a dash. */
static void print_ms(const json_t *json, const char *name, FILE *out)
{
	const json_t *value = json_object_get(json, name);
	if (json_is_number(value))
		fprintf(out, " %9.3f", json_number_value(value) * 1e3);
	else
		fprintf(out, " %9s", "-");
}

static void print_subflow(const json_t *subflow, FILE *out)
{
	char client[72], server[72];
	endpoint(subflow, "client_address", "client_port", client, sizeof client);
	endpoint(subflow, "server_address", "server_port", server, sizeof server);
	fprintf(out, "  subflow %lld  %s -> %s  %s%s%s, starts %.3f s, ends: %s\n", count(subflow, "index"),
		client, server, yes(subflow, "is_initial") ? "initial" : "joined",
		yes(subflow, "backup") ? ", backup" : "",
		json_is_integer(json_object_get(subflow, "copy_of")) ? ", seen twice" : "",
		number(subflow, "first_packet_s"), text(subflow, "ended", "?"));
	for (size_t i = 0; i < 2; i++) {
		const json_t *from = json_object_get(subflow, direction_names[i]);
		fprintf(out, "    %-7s %9lld %12lld %12lld %9lld %6lld %6lld %6lld %8.2f", direction_names[i],
			count(from, "packets"), count(from, "payload_bytes"), count(from, "unique_bytes"),
			count(from, "retransmitted_bytes"), count(from, "out_of_order_packets"),
			count(from, "duplicate_acks"), count(from, "zero_windows"),
			number(from, "throughput_mbps"));
		print_ms(json_object_get(from, "rtt"), "min_s", out);
		print_ms(json_object_get(from, "rtt"), "p50_s", out);
		print_ms(json_object_get(from, "rtt"), "p99_s", out);
		fprintf(out, "\n");
	}
}

static void print_data(const json_t *connection, size_t direction, FILE *out)
{
	const json_t *data = json_object_get(connection, direction_names[direction]);
	size_t i;
	const json_t *window;
	fprintf(out, "  %-7s delivered %lld bytes in order, %.2f Mbit/s; reinjected %lld; out of order %lld",
		direction_names[direction], count(data, "delivered_bytes"), number(data, "goodput_mbps"),
		count(data, "reinjected_bytes"), count(data, "out_of_order_bytes"));
	if (count(data, "out_of_order_bytes"))
		fprintf(out, " (waited %.3f ms on average, %.3f ms at most)",
			number(data, "out_of_order_delay_mean_s") * 1e3,
			number(data, "out_of_order_delay_max_s") * 1e3);
	fprintf(out, "\n");
	json_array_foreach(json_object_get(data, "windows"), i, window)
		fprintf(out, "          %g to %g s: %lld bytes, %.3f Mbit/s\n", number(window, "from_s"),
			number(window, "to_s"), count(window, "delivered_bytes"), number(window, "mbps"));
}

static void print_connection(const json_t *connection, FILE *out)
{
	size_t i;
	const json_t *subflow, *version = json_object_get(connection, "version");
	fprintf(out, "\nconnection %lld  %s", count(connection, "index"), text(connection, "protocol", "?"));
	if (json_is_integer(version))
		fprintf(out, " v%lld", (long long)json_integer_value(version));
	if (json_is_string(json_object_get(connection, "token_server")))
		fprintf(out, ", token %s", text(connection, "token_server", ""));
	if (yes(connection, "fallback"))
		fprintf(out, ", FELL BACK to TCP (%s)", text(connection, "fallback_reason", "?"));
	if (!yes(connection, "initial_seen"))
		fprintf(out, ", initial subflow not in this capture");
	fprintf(out, "\n");
	print_data(connection, 0, out);
	print_data(connection, 1, out);
	fprintf(out, "            %9s %12s %12s %9s %6s %6s %6s %8s %9s %9s %9s\n", "packets", "payload B",
		"unique B", "again B", "ooo", "dupack", "zerow", "Mbit/s", "rtt ms", "median", "99 %");
	json_array_foreach(json_object_get(connection, "subflows"), i, subflow)
		print_subflow(subflow, out);
	const json_t *event;
	json_array_foreach(json_object_get(connection, "events"), i, event)
		fprintf(out, "  %10.6f s  %s by %s on subflow %lld %s\n", number(event, "time_s"),
			text(event, "event", "?"), text(event, "sent_by", "?"), count(event, "subflow"),
			text(event, "address", ""));
}

static void print_file(const json_t *file, FILE *out)
{
	static const struct {
		const char *name, *what;
	} remarks[] = {
		{"truncated", "records cut short by the end of the file, or by an error while reading"},
		{"malformed", "malformed packets or records"},
		{"malformed_options", "TCP options with a length that cannot be"},
		{"fragments", "IP fragments (not reassembled)"},
		{"cut_headers", "packets whose headers the snap length cuts"},
		{"cut_options", "segments whose options the snap length cuts"},
		{"unknown_link_packets", "packets of a link type that is not known"},
		{"series_dropped", "series entries beyond the memory for them"},
	};
	fprintf(out, "%s: %s, %lld packets in %.3f s, %lld of them TCP, %zu connections\n",
		text(file, "path", "?"), text(file, "format", "?"), count(file, "packets"),
		number(file, "duration_s"), count(file, "tcp_packets"),
		json_array_size(json_object_get(file, "connections")));
	for (size_t i = 0; i < sizeof remarks / sizeof *remarks; i++)
		if (count(file, remarks[i].name))
			fprintf(out, "  %lld %s\n", count(file, remarks[i].name), remarks[i].what);
	size_t i;
	const json_t *connection;
	json_array_foreach(json_object_get(file, "connections"), i, connection)
		print_connection(connection, out);
	fprintf(out, "\n");
}

static void print_match(const json_t *match, FILE *out)
{
	fprintf(out, "%-8s %10s %10s %8s %9s %10s %10s %10s %10s %12s\n", "", "sent", "received", "lost",
		"loss %", "min ms", "median ms", "99 % ms", "max ms", "queue ms");
	for (size_t i = 0; i < 2; i++) {
		static const char *const names[] = {"a_to_b", "b_to_a"};
		const json_t *way = json_object_get(match, names[i]), *delay = json_object_get(way, "delay");
		fprintf(out, "%-8s %10lld %10lld %8lld %9.4f", i ? "B to A" : "A to B",
			count(way, "sent_packets"), count(way, "received_packets"),
			count(way, "lost_packets"), number(way, "loss") * 100);
		print_ms(delay, "min_s", out);
		fputc(' ', out);
		print_ms(delay, "p50_s", out);
		fputc(' ', out);
		print_ms(delay, "p99_s", out);
		fputc(' ', out);
		print_ms(delay, "max_s", out);
		fprintf(out, "   ");
		print_ms(way, "queueing_mean_s", out);
		fprintf(out, "\n");
	}
}

int analysis_print_table(const json_t *result, FILE *out)
{
	size_t i;
	const json_t *file;
	if (json_is_object(json_object_get(result, "a_to_b")))
		print_match(result, out);
	json_array_foreach(json_object_get(result, "files"), i, file)
		print_file(file, out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}

/* RFC 4180: quoted when it must be. */
static void csv_text(const char *value, FILE *out)
{
	if (!strpbrk(value, ",\"\r\n")) {
		fputs(value, out);
		return;
	}
	fputc('"', out);
	for (; *value; value++) {
		if (*value == '"')
			fputc('"', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static void csv_value(const json_t *value, FILE *out)
{
	if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%.9g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", out);
	else if (json_is_string(value))
		csv_text(json_string_value(value), out);
}

/* Columns are the names of JSON: of the file, the connection, the subflow, its direction, and two
 * distributions. */
static const char *const connection_columns[] = {
	"index", "protocol", "version", "fallback", "token_client", "token_server"};
static const char *const subflow_columns[] = {"index", "client_address", "client_port", "server_address",
	"server_port", "is_initial", "opened_by", "backup", "first_packet_s", "established_s",
	"last_packet_s", "handshake_s", "ended"};
static const char *const direction_columns[] = {"packets", "payload_packets", "payload_bytes", "unique_bytes",
	"retransmitted_bytes", "retransmitted_packets", "recovered_packets", "retransmissions_fast",
	"retransmissions_timeout", "retransmissions_tail_probe", "retransmissions_unclear",
	"spurious_packets", "out_of_order_packets", "missing_bytes", "duplicate_acks", "sack_packets",
	"dsack_packets", "zero_windows", "keepalives", "window_max_bytes", "header_bytes", "tcp_option_bytes",
	"mptcp_option_bytes", "mss", "window_scale", "throughput_mbps", "mapped_bytes", "reinjected_bytes"};
static const char *const delay_columns[] = {"samples", "min_s", "mean_s", "p50_s", "p95_s", "p99_s", "max_s"};

#define SIZE(array) (sizeof(array) / sizeof *(array))

static void csv_columns(const json_t *json, const char *const *names, size_t size, FILE *out)
{
	for (size_t i = 0; i < size; i++) {
		fputc(',', out);
		csv_value(json_object_get(json, names[i]), out);
	}
}

static void csv_header(const char *prefix, const char *const *names, size_t size, FILE *out)
{
	for (size_t i = 0; i < size; i++)
		fprintf(out, ",%s%s", prefix, names[i]);
}

static void csv_file(const json_t *file, FILE *out)
{
	size_t i, j;
	const json_t *connection, *subflow;
	json_array_foreach(json_object_get(file, "connections"), i, connection) {
		json_array_foreach(json_object_get(connection, "subflows"), j, subflow) {
			for (size_t k = 0; k < 2; k++) {
				const json_t *from = json_object_get(subflow, direction_names[k]);
				csv_text(text(file, "path", ""), out);
				csv_columns(connection, connection_columns, SIZE(connection_columns), out);
				csv_columns(subflow, subflow_columns, SIZE(subflow_columns), out);
				fprintf(out, ",%s", direction_names[k]);
				csv_columns(from, direction_columns, SIZE(direction_columns), out);
				csv_columns(json_object_get(from, "rtt"), delay_columns, SIZE(delay_columns),
					out);
				fputc('\n', out);
			}
		}
	}
}

static const char *const match_columns[] = {"sent_packets", "received_packets", "lost_packets", "loss",
	"sent_bytes", "lost_bytes", "reordered_packets", "queueing_mean_s", "queueing_max_s"};

static void csv_match(const json_t *match, FILE *out)
{
	fputs("direction", out);
	csv_header("", match_columns, SIZE(match_columns), out);
	csv_header("delay_", delay_columns, SIZE(delay_columns), out);
	fputc('\n', out);
	for (size_t i = 0; i < 2; i++) {
		const json_t *way = json_object_get(match, i ? "b_to_a" : "a_to_b");
		fputs(i ? "b_to_a" : "a_to_b", out);
		csv_columns(way, match_columns, SIZE(match_columns), out);
		csv_columns(json_object_get(way, "delay"), delay_columns, SIZE(delay_columns), out);
		fputc('\n', out);
	}
}

int analysis_print_csv(const json_t *result, FILE *out)
{
	size_t i;
	const json_t *file;
	if (json_is_object(json_object_get(result, "a_to_b"))) {
		csv_match(result, out);
	} else {
		fputs("file", out);
		csv_header("connection_", connection_columns, 1, out);
		csv_header("", connection_columns + 1, SIZE(connection_columns) - 1, out);
		csv_header("subflow_", subflow_columns, 1, out);
		csv_header("", subflow_columns + 1, SIZE(subflow_columns) - 1, out);
		fputs(",direction", out);
		csv_header("", direction_columns, SIZE(direction_columns), out);
		csv_header("rtt_", delay_columns, SIZE(delay_columns), out);
		fputc('\n', out);
	}
	json_array_foreach(json_object_get(result, "files"), i, file)
		csv_file(file, out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
