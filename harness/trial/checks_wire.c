/* Checks of the wire: the label's protocol, and the data connection's subflows. */
#include "harness/place/counters.h"
#include "harness/record/verdict.h"
#include "harness/trial/checks.h"
#include "harness/trial/flows.h"
#include <stdlib.h>
#include <string.h>

#define SERIES_STEPS 40 /* of these make one of a subflow's in the record: 50 numbers a trial */

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

static json_int_t count(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* "server/link3", and what it is seen together with. */
static const char *where(const struct evidence *e, const struct check *c)
{
	const char *at = e->experiment->captures[c->captures[0]].name;
	return c->captures_count == 1 ? at : pool_printf(e->experiment->pool, "%s and others", at);
}

/* A connection that asked for Multipath TCP and got no answer, or a reset: nobody listened yet. It says nothing about
 * the protocol of those that carry data. */
static bool was_refused(const json_t *connection)
{
	const json_t *subflow;
	size_t i;
	if (!json_is_true(json_object_get(connection, "mptcp_requested")))
		return false;
	json_array_foreach(json_object_get(connection, "subflows"), i, subflow) {
		if (json_is_number(json_object_get(subflow, "established_s")) ||
			count(json_object_get(subflow, "forward"), "payload_packets") ||
			count(json_object_get(subflow, "reverse"), "payload_packets"))
			return false;
	}
	return true;
}

static void check_connection(
	struct evidence *e, const struct check *c, const char *at, size_t i, const json_t *connection)
{
	bool seen = json_is_true(json_object_get(connection, "mptcp_option_seen")) ||
		    json_is_true(json_object_get(connection, "mptcp_requested"));
	if (!c->mptcp) {
		if (seen)
			verdict_judge(e->record, "failed",
				"the label says TCP, and connection %zu at %s shows MPTCP options", i, at);
	} else if (strcmp(text(connection, "protocol"), "mptcp") != 0) {
		verdict_judge(e->record, "failed",
			"the label says MPTCP, and connection %zu at %s is plain TCP", i, at);
	} else if (json_is_true(json_object_get(connection, "fallback"))) {
		verdict_judge(e->record, "failed", "connection %zu at %s fell back to TCP (%s)", i, at,
			text(connection, "fallback_reason"));
	}
}

/* No counter of any node may speak of the other protocol; where data connections are named, others may be there. */
static void check_counters(struct evidence *e, const struct check *c)
{
	json_t *counters = json_object_get(e->record, "counters");
	const char *node, *name;
	if (c->flows.port)
		return;
	if (!c->mptcp && (name = counters_find(counters, "MPTcpExt", "", &node)))
		verdict_judge(e->record, "failed", "the label says TCP, and node %s counted %s", node, name);
	if (c->mptcp && (name = counters_find(counters, "MPTcpExt", "Fallback", &node)))
		verdict_judge(
			e->record, "failed", "node %s counted %s: a connection fell back to TCP", node, name);
}

int check_protocol(struct evidence *e, const struct check *c, char **error)
{
	json_t *connections = evidence_connections(e, c->captures, c->captures_count, false, error),
	       *connection;
	size_t i;
	if (!connections)
		return -1;
	json_t *busiest = flows_busiest(connections, &c->flows);
	if (!busiest)
		verdict_judge(e->record, "failed", "the capture at %s shows no connection%s", where(e, c),
			c->flows.port ? " of the data's port" : "");
	json_array_foreach(connections, i, connection)
		/* Without a port all are looked at: none may be of the other kind. */
		if ((!c->flows.port || flows_meant(connections, connection, &c->flows)) &&
			!(c->mptcp && connection != busiest && was_refused(connection)))
			check_connection(e, c, where(e, c), i, connection);
	check_counters(e, c);
	return 0;
}

/* A series of bytes in steps of SERIES_STEPS times the length. */
static json_t *coarser(json_t *series)
{
	json_t *out = json_array(), *bytes;
	json_int_t sum = 0;
	size_t i, steps = json_array_size(series);
	json_array_foreach(series, i, bytes) {
		sum += json_integer_value(bytes);
		if ((i + 1) % SERIES_STEPS && i + 1 < steps)
			continue;
		json_array_append_new(out, json_integer(sum));
		sum = 0;
	}
	return out;
}

static bool comes_from(const struct subflow_place *place, int node, int link)
{
	return place->node == node && (place->link < 0 || place->link == link);
}

static void note_subflow(json_t *subflow, const char *direction, const char *name, json_t *out)
{
	json_t *bytes = json_object_get(subflow, direction);
	json_array_append_new(
		out, json_pack("{s:s, s:s, s:I, s:I, s:O, s:o}", "node", name, "address",
			     text(subflow, "client_address"), "unique_bytes", count(bytes, "unique_bytes"),
			     "payload_bytes", count(bytes, "payload_bytes"), "established_s",
			     json_object_get(subflow, "established_s"), "series_bytes",
			     coarser(json_object_get(bytes, "series_unique_bytes"))));
}

/* Notes the connection's subflows in the order of the promise, those not promised after; both must be the same. */
static void match(struct evidence *e, const struct check *c, json_t *connection)
{
	const struct topology *topology = e->experiment->topology;
	json_t *all = json_object_get(connection, "subflows"), *subflow;
	json_t *out = json_object_get(e->record, "subflows");
	const char *direction = flows_direction(connection);
	bool *used = calloc(json_array_size(all) + 1, sizeof *used);
	size_t i, extra = 0;
	for (size_t want = 0; want < c->subflows_count + 1; want++) {
		bool found = false, rest = want == c->subflows_count;
		json_array_foreach(all, i, subflow) {
			int node, link;
			bool counts = !json_is_number(json_object_get(subflow, "copy_of")) &&
				      json_is_number(json_object_get(subflow, "established_s"));
			flows_place(topology, text(subflow, "client_address"), &node, &link);
			if (used[i] || !counts || found ||
				(!rest && !comes_from(&c->subflows[want], node, link)))
				continue;
			used[i] = true;
			found = !rest;
			extra += rest && c->subflows_count;
			note_subflow(subflow, direction,
				!rest       ? c->subflows[want].name
				: node >= 0 ? topology->nodes[node]
					    : "?",
				out);
		}
		if (!rest && !found)
			verdict_judge(e->record, "failed",
				"no subflow from node %s on the data connection at %s",
				c->subflows[want].name, where(e, c));
	}
	if (extra)
		verdict_judge(e->record, "failed",
			"%zu subflows more on the data connection at %s than promised", extra, where(e, c));
	free(used);
}

int check_subflows(struct evidence *e, const struct check *c, char **error)
{
	json_t *connections = evidence_connections(e, c->captures, c->captures_count, true, error);
	if (!connections)
		return -1;
	json_t *connection = flows_busiest(connections, &c->flows);
	if (!connection) {
		if (c->subflows_count)
			verdict_judge(
				e->record, "failed", "the capture at %s shows no connection", where(e, c));
		return 0;
	}
	match(e, c, connection);
	json_object_set_new(e->record, "series_step_s", json_real(EVIDENCE_STEP_S * SERIES_STEPS));
	return 0;
}
