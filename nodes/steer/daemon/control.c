/* What liquidnet-steer answers on its control socket. Keys are never told. */
#include "lib/base/clock.h"
#include "lib/base/units.h"
#include "nodes/steer/daemon/steer.h"
#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS_TOLD = 1000 };

static void put(json_t *out, const char *name, uint64_t value)
{
	json_object_set_new(out, name, json_integer((json_int_t)value));
}

static void put_end(json_t *out, const char *name, const struct packet_end *end)
{
	char text[PLACE_TEXT];
	steer_end_text(end, text);
	json_object_set_new(out, name, json_string(text));
}

static void put_token(json_t *out, uint32_t token)
{
	char text[9];
	snprintf(text, sizeof text, "%08x", token);
	json_object_set_new(out, "token", json_string(text));
}

/* Times in milliseconds since the rule held, or since it was asked for. */
static json_t *report_json(const struct steer *steer, const struct report *report)
{
	json_t *out = json_object(), *times = json_object();
	put(out, "number", report->number);
	put_token(out, report->token);
	put_end(out, "client", &report->client);
	put_end(out, "server", &report->server);
	put_end(out, "from", &report->from);
	if (report->at[AT_MAPPED])
		put_end(out, "to", &report->to);
	json_object_set_new(out, "waypoint", json_string(steer->config->waypoints[report->waypoint].name));
	put(out, "stage", report->stage);
	json_object_set_new(out, "cause",
		report->rule < 0 ? json_string("asked") : json_sprintf("rule %d", report->rule + 1));
	json_object_set_new(out, "step", json_string(step_name(report->step)));
	if (report->why)
		json_object_set_new(out, "why", json_string(report->why));
	for (unsigned i = AT_MAPPED; i < MOMENTS; i++)
		if (report->at[i])
			json_object_set_new(times, moment_name(i),
				json_real((double)(report->at[i] - report->at[AT_MATCH]) / NS_PER_MS));
	json_object_set_new(out, "ms", times);
	put(out, "announcements", report->announcements);
	put(out, "resets", report->resets);
	put(out, "old_bytes_after", report->old_bytes_after);
	return out;
}

static json_t *waypoints_json(const struct steer *steer)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < steer->config->waypoint_count; i++) {
		const struct waypoint_counters *c = waypoints_counters(steer->waypoints, i);
		char text[PLACE_TEXT];
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
				      steer->config->waypoints[i].name, "at",
				      place_text(&steer->config->waypoints[i].at, text), "up",
				      waypoints_is_up(steer->waypoints, i), "asked", (json_int_t)c->asked,
				      "repeated", (json_int_t)c->repeated, "granted", (json_int_t)c->granted,
				      "refused", (json_int_t)c->refused, "silent", (json_int_t)c->silent,
				      "released", (json_int_t)c->released, "unsealed",
				      (json_int_t)c->unsealed, "unknown", (json_int_t)c->unknown));
	}
	return list;
}

static json_t *counters_json(struct steer *steer)
{
	const struct watch_counters *w = steps_watched(steer->steps);
	const struct table_counters *t = table_counters(steps_table(steer->steps));
	const struct steps_counters *s = steps_counters(steer->steps);
	uint64_t drops = ring_drops(steer->ring);
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {{"packets", w->packets}, {"drops", drops}, {"malformed", w->malformed}, {"cut", w->cut},
		{"other", w->other}, {"flows", t->flows}, {"connections", t->connections},
		{"proven_flows", t->old}, {"pushed_young", t->pushed_young}, {"pushed_proven", t->pushed_old},
		{"table_refused", t->refused}, {"no_keys", w->no_keys}, {"bad_keys", w->bad_keys},
		{"bad_hmac", w->bad_hmac}, {"gaps", w->gaps}, {"payload_cut", w->payload_cut},
		{"begun", s->begun}, {"done", s->done}, {"failed", s->failed}, {"refused", s->refused},
		{"strayed", s->strayed}, {"injected", steer->counters.injected},
		{"not_injected", steer->counters.not_injected}};
	json_t *out = json_object();
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		put(out, list[i].name, list[i].value);
	return out;
}

static void do_status(void *context, struct control_request *request, int count, char **words)
{
	struct steer *steer = context;
	json_t *reports = json_array();
	uint64_t last = steps_counters(steer->steps)->begun;
	(void)count, (void)words;
	for (uint64_t n = last > REPORTS_KEPT ? last - REPORTS_KEPT + 1 : 1; n <= last; n++)
		json_array_append_new(reports, report_json(steer, &steer->reports[n % REPORTS_KEPT]));
	control_answer(request, json_pack("{s:o, s:o, s:o}", "redirections", reports, "waypoints",
					waypoints_json(steer), "counters", counters_json(steer)));
}

static json_t *connection_json(struct steer *steer, const struct connection *connection)
{
	struct table *table = steps_table(steer->steps);
	const struct flow *flow = table_flow(table, connection->current);
	json_t *out = json_object();
	unsigned flows = 0;
	for (uint32_t i = connection->flows; i != TABLE_NONE; i = table_flow(table, i)->sibling)
		flows++;
	put_token(out, connection->token[FROM_SERVER]);
	put_end(out, "client", &flow->client);
	put_end(out, "server", &connection->server);
	put_end(out, "at", &flow->server);
	put(out, "flows", flows);
	put(out, "bytes_up", flow->direction[FROM_CLIENT].bytes);
	put(out, "bytes_down", flow->direction[FROM_SERVER].bytes);
	json_object_set_new(out, "redirecting", json_boolean(connection->redirect != NULL));
	json_object_set_new(out, "strayed", json_boolean(connection->strayed));
	return out;
}

static void do_connections(void *context, struct control_request *request, int count, char **words)
{
	struct steer *steer = context;
	struct table *table = steps_table(steer->steps);
	json_t *list = json_array();
	(void)count, (void)words;
	for (uint32_t i = table_next(table, TABLE_NONE);
		i != TABLE_NONE && json_array_size(list) < CONNECTIONS_TOLD; i = table_next(table, i))
		json_array_append_new(list, connection_json(steer, table_connection(table, i)));
	control_answer(request, json_pack("{s:I, s:o}", "total",
					(json_int_t)table_counters(table)->connections, "connections", list));
}

static void do_redirect(void *context, struct control_request *request, int count, char **words)
{
	struct steer *steer = context;
	unsigned via[VIA_MOST];
	char *end;
	unsigned long token = strtoul(words[0], &end, 16);
	if (!*words[0] || *end || token > UINT32_MAX) {
		control_refuse(request,
			"'%s' is no token: eight hexadecimal digits; `connections` lists them", words[0]);
		return;
	}
	if (strcmp(words[1], "via") != 0) {
		control_refuse(request, "write: redirect %s via NAME", words[0]);
		return;
	}
	for (int i = 2; i < count; i++) {
		int waypoint = steer_config_waypoint(steer->config, words[i]);
		if (waypoint < 0) {
			control_refuse(request, "no waypoint is called '%s'; `status` lists them", words[i]);
			return;
		}
		via[i - 2] = (unsigned)waypoint;
	}
	const char *why =
		steps_redirect(steer->steps, clock_now_ns(), (uint32_t)token, via, (unsigned)count - 2);
	if (why)
		control_refuse(request, "%s", why);
	else
		control_answer(request,
			json_pack("{s:I}", "number", (json_int_t)steps_counters(steer->steps)->begun));
	steer_arm(steer);
}

void steer_answer_waiters(struct steer *steer)
{
	for (unsigned i = 0; i < steer->config->waypoint_count; i++)
		if (!waypoints_is_up(steer->waypoints, i))
			return;
	while (steer->waiting)
		control_answer(steer->waiters[--steer->waiting], json_object());
}

static void do_wait(void *context, struct control_request *request, int count, char **words)
{
	struct steer *steer = context;
	(void)count, (void)words;
	if (steer->waiting == WAITERS_MOST) {
		control_refuse(request, "too many wait already");
		return;
	}
	steer->waiters[steer->waiting++] = request;
	steer_answer_waiters(steer);
}

const struct control_command steer_commands[] = {
	{"status", "", "redirections with the time of every step, waypoints, counters", 0, 0, do_status},
	{"connections", "", "those with known keys, 1,000 at most", 0, 0, do_connections},
	{"redirect", "TOKEN via NAME...", "leads a connection over a waypoint, or several in a row", 3,
		2 + VIA_MOST, do_redirect},
	{"wait", "", "answers when all waypoints are up", 0, 0, do_wait},
	{NULL, NULL, NULL, 0, 0, NULL},
};
