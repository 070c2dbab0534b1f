/* Wire: see the header. The data connection is the one that delivered most; its direction is the one that
 * did. */
#include "harness/trial/wire.h"

#include "analysis/analysis.h"
#include "harness/place/counters.h"
#include "harness/record/verdict.h"
#include "harness/trial/tunnel.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

#define WIRE_STEP_S 0.005  /* of bytes over time */
#define READABLE_SHARE 0.9 /* of a plain tunnel's data packets; the rest may be acknowledgements or cut */
#define HIDDEN_SHARE 0.01
#define SERIES_STEPS 40 /* of these make one of a subflow's in the record: 50 numbers a trial */

static const char *text(json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

static json_int_t count(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *busier_direction(json_t *connection)
{
	json_int_t forward = count(json_object_get(connection, "forward"), "delivered_bytes");
	json_int_t reverse = count(json_object_get(connection, "reverse"), "delivered_bytes");
	return reverse > forward ? "reverse" : "forward";
}

static json_t *data_connection(json_t *connections)
{
	json_t *connection, *best = NULL;
	json_int_t most = -1;
	size_t i;
	json_array_foreach(connections, i, connection) {
		json_int_t bytes =
			count(json_object_get(connection, busier_direction(connection)), "delivered_bytes");
		if (bytes > most) {
			most = bytes;
			best = connection;
		}
	}
	return best;
}

/* The node that has an address, or -1. */
static int node_of(const struct topology *topology, const char *address)
{
	for (size_t i = 0; i < topology->links_count; i++)
		for (int k = 0; k < 2; k++)
			if (*address && strcmp(topology->links[i].ends[k].address, address) == 0)
				return topology->links[i].ends[k].node;
	return -1;
}

/* Every connection of the capture speaks the protocol of the label, and none fell back. */
static void check_protocol(const struct expect *x, const char *at, json_t *connections, json_t *record)
{
	json_t *connection;
	size_t i;
	json_array_foreach(connections, i, connection) {
		bool seen = json_is_true(json_object_get(connection, "mptcp_option_seen")) ||
			    json_is_true(json_object_get(connection, "mptcp_requested"));
		if (x->protocol == EXPECT_TCP && seen)
			verdict_judge(record, "failed",
				"the label says TCP, and connection %zu at %s shows MPTCP options", i, at);
		if (x->protocol != EXPECT_MPTCP)
			continue;
		if (strcmp(text(connection, "protocol"), "mptcp") != 0)
			verdict_judge(record, "failed",
				"the label says MPTCP, and connection %zu at %s is plain TCP", i, at);
		else if (json_is_true(json_object_get(connection, "fallback")))
			verdict_judge(record, "failed", "connection %zu at %s fell back to TCP (%s)", i, at,
				text(connection, "fallback_reason"));
	}
}

static void check_counters(const struct expect *x, json_t *counters, json_t *record)
{
	const char *node, *name;
	if (x->protocol == EXPECT_TCP && (name = counters_find(counters, "MPTcpExt", "", &node)))
		verdict_judge(record, "failed", "the label says TCP, and node %s counted %s", node, name);
	if (x->protocol == EXPECT_MPTCP && (name = counters_find(counters, "MPTcpExt", "Fallback", &node)))
		verdict_judge(
			record, "failed", "node %s counted %s: a connection fell back to TCP", node, name);
}

/* A series of bytes in steps of SERIES_STEPS times the length. */
static json_t *coarser(json_t *series)
{
	json_t *out = json_array(), *bytes;
	json_int_t sum = 0;
	size_t i, count = json_array_size(series);
	json_array_foreach(series, i, bytes) {
		sum += json_integer_value(bytes);
		if ((i + 1) % SERIES_STEPS && i + 1 < count)
			continue;
		json_array_append_new(out, json_integer(sum));
		sum = 0;
	}
	return out;
}

/* Notes the data connection's subflows in the order of the promise, those not promised after; both must be
 * the same. */
static void check_subflows(
	const struct experiment *e, const struct expect *x, json_t *connection, json_t *record)
{
	json_t *all = json_object_get(connection, "subflows"), *subflow,
	       *out = json_object_get(record, "subflows");
	const char *direction = busier_direction(connection), *at = e->captures[x->capture].name;
	bool *used = calloc(json_array_size(all) + 1, sizeof *used);
	size_t i, extra = 0;
	for (size_t want = 0; want < x->subflows_count + 1; want++) {
		bool found = false;
		json_array_foreach(all, i, subflow) {
			int node = node_of(e->topology, text(subflow, "client_address"));
			bool counts = !json_is_number(json_object_get(subflow, "copy_of")) &&
				      json_is_number(json_object_get(subflow, "established_s"));
			bool rest = want == x->subflows_count;
			if (used[i] || !counts || found || (!rest && node != x->subflows[want]))
				continue;
			used[i] = true;
			found = !rest;
			extra += rest && x->subflows_count;
			json_t *bytes = json_object_get(subflow, direction);
			json_array_append_new(
				out, json_pack("{s:s, s:s, s:I, s:I, s:O, s:o}", "node",
					     node >= 0 ? e->topology->nodes[node] : "?", "address",
					     text(subflow, "client_address"), "unique_bytes",
					     count(bytes, "unique_bytes"), "payload_bytes",
					     count(bytes, "payload_bytes"), "established_s",
					     json_object_get(subflow, "established_s"), "series_bytes",
					     coarser(json_object_get(bytes, "series_unique_bytes"))));
		}
		if (want < x->subflows_count && !found)
			verdict_judge(record, "failed",
				"no subflow from node %s on the data connection at %s",
				e->topology->nodes[x->subflows[want]], at);
	}
	if (extra)
		verdict_judge(record, "failed",
			"%zu subflows more on the data connection at %s than promised", extra, at);
	free(used);
}

static int check_tunnel(const struct expect *x, const char *capture, json_t *record, char **error)
{
	struct tunnel_sight sight;
	if (tunnel_look(capture, x->tunnel_port, x->tunnel_pattern, &sight, error) < 0)
		return -1;
	double share = sight.data ? (double)sight.readable / (double)sight.data : 0;
	json_object_set_new(record, "tunnel",
		json_pack("{s:I, s:I}", "data_packets", (json_int_t)sight.data, "readable_packets",
			(json_int_t)sight.readable));
	if (sight.data < 100)
		verdict_judge(record, "failed", "only %lu data packets in the tunnel (UDP port %d)",
			sight.data, x->tunnel_port);
	else if (x->tunnel_readable && share < READABLE_SHARE)
		verdict_judge(record, "failed",
			"the tunnel should be plain, and %.0f %% of its packets cannot be read",
			100 * (1 - share));
	else if (!x->tunnel_readable && share > HIDDEN_SHARE)
		verdict_judge(record, "failed",
			"the tunnel should be encrypted, and %.0f %% of its packets can be read",
			100 * share);
	return 0;
}

static bool must_agree(const struct experiment *e, size_t capture)
{
	for (int k = 0; k < 2 && e->agree[k] >= 0; k++) {
		const struct measure *m = &e->measures[e->agree[k]];
		if (m->kind == MEASURE_CAPTURE && m->capture == (int)capture)
			return true;
	}
	return false;
}

/* A capture's connections, with the windows of that capture's measures; NULL with *error. */
static json_t *analyse(
	const struct experiment *e, size_t capture, bool series, const char *path, char **error)
{
	struct analysis_window windows[ANALYSIS_WINDOWS]; /* more were refused with the experiment */
	struct analysis_options options = {
		.windows = windows, .step_s = series || must_agree(e, capture) ? WIRE_STEP_S : 0};
	for (size_t i = 0; i < e->measures_count; i++)
		if (e->measures[i].kind == MEASURE_CAPTURE && e->measures[i].capture == (int)capture)
			windows[options.window_count++] =
				(struct analysis_window){e->measures[i].window[0], e->measures[i].window[1]};
	return analysis_run(&path, 1, &options, error);
}

static void take_measures(const struct experiment *e, size_t capture, json_t *connection, json_t *record)
{
	json_t *windows =
		json_object_get(json_object_get(connection, busier_direction(connection)), "windows");
	size_t next = 0;
	for (size_t i = 0; i < e->measures_count; i++) {
		const struct measure *m = &e->measures[i];
		if (m->kind != MEASURE_CAPTURE || m->capture != (int)capture)
			continue;
		double bytes = json_number_value(
			json_object_get(json_array_get(windows, next++), "delivered_bytes"));
		json_object_set_new(json_object_get(record, "measures"), m->name,
			json_real(bytes / (m->window[1] - m->window[0]) * m->scale));
	}
}

static void take_delivery(json_t *connection, struct delivery *delivery)
{
	json_t *direction = json_object_get(connection, busier_direction(connection));
	json_decref(delivery->steps);
	delivery->steps = json_incref(json_object_get(direction, "series_delivered_bytes"));
	delivery->step_s = WIRE_STEP_S;
}

static bool wanted(const struct experiment *e, const struct expect *x, size_t capture)
{
	if (x->capture == (int)capture)
		return true;
	for (size_t i = 0; i < e->measures_count; i++)
		if (e->measures[i].kind == MEASURE_CAPTURE && e->measures[i].capture == (int)capture)
			return true;
	return false;
}

static int check_capture(const struct experiment *e, const struct expect *x, size_t capture, const char *path,
	json_t *record, struct delivery *delivery, char **error)
{
	json_t *result = analyse(e, capture, x->capture == (int)capture, path, error);
	if (!result)
		return -1;
	json_t *connections =
		json_object_get(json_array_get(json_object_get(result, "files"), 0), "connections");
	json_t *connection = data_connection(connections);
	if (!connection) {
		verdict_judge(
			record, "failed", "the capture at %s shows no connection", e->captures[capture].name);
	} else {
		take_measures(e, capture, connection, record);
		if (must_agree(e, capture))
			take_delivery(connection, delivery);
		if (x->capture == (int)capture) {
			check_protocol(x, e->captures[capture].name, connections, record);
			check_subflows(e, x, connection, record);
			json_object_set_new(record, "series_step_s", json_real(WIRE_STEP_S * SERIES_STEPS));
		}
	}
	json_decref(result);
	return 0;
}

int wire_check(const struct experiment *e, const struct procedure *procedure, const char *const *captures,
	json_t *counters, json_t *record, struct delivery *delivery, char **error)
{
	const struct expect *x = &procedure->expect;
	for (size_t i = 0; i < e->captures_count; i++)
		if (wanted(e, x, i) && check_capture(e, x, i, captures[i], record, delivery, error) < 0)
			return -1;
	check_counters(x, counters, record);
	return x->tunnel_capture >= 0 ? check_tunnel(x, captures[x->tunnel_capture], record, error) : 0;
}
