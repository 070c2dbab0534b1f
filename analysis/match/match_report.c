/* Match report: a match as JSON, and that for people and as CSV. */
#include "analysis/match/match.h"
#include <arpa/inet.h>
#include <math.h>
#include <string.h>

static void put(json_t *json, const char *name, json_t *value)
{
	json_object_set_new(json, name, value);
}

static void put_count(json_t *json, const char *name, uint64_t count)
{
	put(json, name, json_integer((json_int_t)count));
}

static void put_real(json_t *json, const char *name, bool known, double value)
{
	put(json, name, known ? json_real(value) : json_null());
}

static json_t *delays_json(const struct delays *delays)
{
	json_t *json = json_object();
	bool any = delays->count > 0;
	double count = any ? (double)delays->count : 1, mean = delays->sum_ns / count;
	double variance = delays->square_sum / count - mean * mean;
	put_count(json, "samples", delays->count);
	put_real(json, "min_s", any, (double)delays->min_ns / 1e9);
	put_real(json, "mean_s", any, mean / 1e9);
	put_real(json, "sd_s", any, variance > 0 ? sqrt(variance) / 1e9 : 0);
	put_real(json, "p50_s", any, delays_percentile_s(delays, 0.5));
	put_real(json, "p95_s", any, delays_percentile_s(delays, 0.95));
	put_real(json, "p99_s", any, delays_percentile_s(delays, 0.99));
	put_real(json, "max_s", any, (double)delays->max_ns / 1e9);
	return json;
}

static json_t *series_json(const struct series *series)
{
	json_t *json = json_array();
	for (uint32_t i = 0; series->count && i < series->first; i++)
		json_array_append_new(json, json_integer(0));
	for (uint32_t i = 0; i < series->count; i++)
		json_array_append_new(json, json_integer((json_int_t)series->values[i]));
	return json;
}

static uint64_t value_at(const struct series *series, uint32_t index)
{
	return index >= series->first && index - series->first < series->count
		       ? series->values[index - series->first]
		       : 0;
}

static json_t *delay_means(const struct match_way *way)
{
	json_t *means = json_array();
	for (uint32_t i = 0; way->delay_count.count && i < way->delay_count.first + way->delay_count.count;
		i++) {
		uint64_t count = value_at(&way->delay_count, i);
		json_array_append_new(means,
			count ? json_real((double)value_at(&way->delay_sum_us, i) / (double)count / 1e6)
			      : json_null());
	}
	return means;
}

static json_t *way_json(const struct match_way *way, bool series)
{
	json_t *json = json_object();
	double least = (double)way->delay.min_ns / 1e9;
	bool any = way->delay.count > 0;
	put_count(json, "sent_packets", way->sent);
	put_count(json, "sent_bytes", way->sent_bytes);
	put_count(json, "received_packets", way->received);
	put_count(json, "lost_packets", way->lost);
	put_count(json, "lost_bytes", way->lost_bytes);
	put(json, "loss", json_real(way->sent ? (double)way->lost / (double)way->sent : 0));
	put_count(json, "reordered_packets", way->reordered);
	put(json, "delay", delays_json(&way->delay));
	put_real(json, "queueing_mean_s", any,
		any ? way->delay.sum_ns / (double)way->delay.count / 1e9 - least : 0);
	put_real(json, "queueing_p99_s", any, delays_percentile_s(&way->delay, 0.99) - least);
	put_real(json, "queueing_max_s", any, (double)way->delay.max_ns / 1e9 - least);
	if (series) {
		put(json, "series_sent_packets", series_json(&way->sent_series));
		put(json, "series_lost_packets", series_json(&way->lost_series));
		put(json, "series_delay_mean_s", delay_means(way));
	}
	return json;
}

static json_t *input_json(const struct match_input *input)
{
	json_t *json = json_object(), *name = json_string(input->path);
	put(json, "path", name ? name : json_string("(a name that is not UTF-8)"));
	put_count(json, "packets", input->packets_read);
	put_count(json, "not_ip_packets", input->ignored);
	put_count(json, "outside_packets", input->outside);
	put_count(json, "unknown_packets", input->unknown);
	put_count(json, "truncated", input->truncated);
	put_count(json, "malformed", input->malformed);
	return json;
}

static json_t *flow_json(const struct match_flow *flow, uint32_t index)
{
	static const char *const names[2][2] = {{"a_address", "a_port"}, {"b_address", "b_port"}};
	json_t *json = json_object();
	put_count(json, "index", index);
	put_count(json, "ip_protocol", flow->protocol);
	for (unsigned end = 0; end < 2; end++) {
		char text[INET6_ADDRSTRLEN];
		unsigned side = end ^ flow->second_at_a;
		inet_ntop(flow->version == 6 ? AF_INET6 : AF_INET, flow->address[side], text, sizeof text);
		put(json, names[end][0], json_string(text));
		put_count(json, names[end][1], flow->port[side]);
	}
	put(json, "a_to_b", way_json(&flow->way[0], false));
	put(json, "b_to_a", way_json(&flow->way[1], false));
	return json;
}

json_t *match_json(const struct matcher *matcher)
{
	json_t *json = json_object(), *clock = json_object(), *flows = json_array();
	put(json, "a", input_json(&matcher->input[0]));
	put(json, "b", input_json(&matcher->input[1]));
	put(clock, "offset_s", json_real((double)matcher->offset_ns / 1e9));
	put_real(clock, "uncertainty_s", matcher->uncertainty_ns >= 0, (double)matcher->uncertainty_ns / 1e9);
	put(clock, "used_offset_s", json_real((double)matcher->used_offset_ns / 1e9));
	put(json, "clock", clock);
	put(json, "a_to_b", way_json(&matcher->way[0], matcher->step_ns > 0));
	put(json, "b_to_a", way_json(&matcher->way[1], matcher->step_ns > 0));
	for (uint32_t i = 0; i < matcher->flow_count; i++) {
		const struct match_flow *flow = &matcher->flows[i];
		if (flow->way[0].sent || flow->way[1].sent)
			json_array_append_new(flows, flow_json(flow, i));
	}
	put(json, "flows", flows);
	return json;
}

/* ---- for people, and CSV */

static double number(const json_t *json, const char *name)
{
	return json_number_value(json_object_get(json, name));
}

static long long count(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

/* A time in ms, or a dash. */
static void print_ms(const json_t *json, const char *name, FILE *out)
{
	const json_t *value = json_object_get(json, name);
	if (json_is_number(value))
		fprintf(out, " %10.3f", json_number_value(value) * 1e3);
	else
		fprintf(out, " %10s", "-");
}

static void print_way(const char *name, const json_t *way, FILE *out)
{
	const json_t *delay = json_object_get(way, "delay");
	fprintf(out, "%-8s %10lld %10lld %8lld %9.4f", name, count(way, "sent_packets"),
		count(way, "received_packets"), count(way, "lost_packets"), number(way, "loss") * 100);
	print_ms(delay, "min_s", out);
	print_ms(delay, "p50_s", out);
	print_ms(delay, "p99_s", out);
	print_ms(delay, "max_s", out);
	print_ms(way, "queueing_mean_s", out);
	fprintf(out, "\n");
}

static void print_table(const json_t *match, FILE *out)
{
	const json_t *flow, *clock = json_object_get(match, "clock");
	size_t i;
	fprintf(out, "%-8s %10s %10s %8s %9s %10s %10s %10s %10s %10s\n", "", "sent", "received", "lost",
		"loss %", "min ms", "median ms", "99 % ms", "max ms", "queue ms");
	print_way("A to B", json_object_get(match, "a_to_b"), out);
	print_way("B to A", json_object_get(match, "b_to_a"), out);
	if (json_is_number(json_object_get(clock, "uncertainty_s")))
		fprintf(out, "B's clock is %.6f s ahead of A's, give or take %.6f s; %s\n",
			number(clock, "offset_s"), number(clock, "uncertainty_s"),
			number(clock, "used_offset_s") != 0 ? "taken into account" : "taken as one clock");
	else if (number(clock, "used_offset_s") != 0)
		fprintf(out,
			"packets go one way only: delays are above the smallest, the clocks' difference is not known\n");
	json_array_foreach(json_object_get(match, "flows"), i, flow) {
		fprintf(out, "\nflow %lld  %s:%lld (A) - %s:%lld (B), IP protocol %lld\n",
			count(flow, "index"), json_string_value(json_object_get(flow, "a_address")),
			count(flow, "a_port"), json_string_value(json_object_get(flow, "b_address")),
			count(flow, "b_port"), count(flow, "ip_protocol"));
		print_way(" A to B", json_object_get(flow, "a_to_b"), out);
		print_way(" B to A", json_object_get(flow, "b_to_a"), out);
	}
}

static void csv_value(const json_t *value, FILE *out)
{
	fputc(',', out);
	if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%.15g", json_real_value(value));
	else if (json_is_string(value))
		fputs(json_string_value(value), out);
}

static const char *const way_columns[] = {"sent_packets", "received_packets", "lost_packets", "loss",
	"sent_bytes", "lost_bytes", "reordered_packets", "queueing_mean_s", "queueing_max_s"};
static const char *const delay_columns[] = {"samples", "min_s", "mean_s", "p50_s", "p95_s", "p99_s", "max_s"};
static const char *const flow_columns[] = {
	"index", "ip_protocol", "a_address", "a_port", "b_address", "b_port"};

#define SIZE(array) (sizeof(array) / sizeof *(array))

static void csv_way(const json_t *match, const json_t *flow, unsigned direction, FILE *out)
{
	const char *name = direction ? "b_to_a" : "a_to_b";
	const json_t *way = json_object_get(flow ? flow : match, name);
	fputs(name, out);
	for (size_t i = 0; i < SIZE(way_columns); i++)
		csv_value(json_object_get(way, way_columns[i]), out);
	for (size_t i = 0; i < SIZE(delay_columns); i++)
		csv_value(json_object_get(json_object_get(way, "delay"), delay_columns[i]), out);
	for (size_t i = 0; i < SIZE(flow_columns); i++)
		csv_value(flow ? json_object_get(flow, flow_columns[i]) : NULL, out);
	fputc('\n', out);
}

/* The link's two lines first, without a flow. */
static void print_csv(const json_t *match, FILE *out)
{
	size_t i;
	const json_t *flow;
	fputs("direction", out);
	for (i = 0; i < SIZE(way_columns); i++)
		fprintf(out, ",%s", way_columns[i]);
	for (i = 0; i < SIZE(delay_columns); i++)
		fprintf(out, ",delay_%s", delay_columns[i]);
	for (i = 0; i < SIZE(flow_columns); i++)
		fprintf(out, ",flow_%s", flow_columns[i]);
	fputc('\n', out);
	csv_way(match, NULL, 0, out);
	csv_way(match, NULL, 1, out);
	json_array_foreach(json_object_get(match, "flows"), i, flow) {
		csv_way(match, flow, 0, out);
		csv_way(match, flow, 1, out);
	}
}

int analysis_match_print(const json_t *match, enum analysis_format format, FILE *out)
{
	if (format == ANALYSIS_CSV)
		print_csv(match, out);
	else if (format == ANALYSIS_TABLE)
		print_table(match, out);
	else if (json_dumpf(match, out, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) < 0 ||
		 fputc('\n', out) == EOF)
		return -1;
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
