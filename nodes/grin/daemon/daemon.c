/* liquidnet-grin: events of the kernel and surveys go into the keeper; what it wants goes to the kernel. Nothing is decided here. */
#include "nodes/grin/daemon/daemon.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/pm.h"
#include "lib/mptcp/survey.h"
#include "nodes/grin/daemon/machine.h"
#include "nodes/grin/daemon/settings.h"
#include "nodes/grin/keep.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* A peer tells its addresses at once, one after the other: a pause as long as several round trips of a data centre ends the list. */
#define SETTLE_NS (200 * NS_PER_MS)

struct grin {
	const struct settings *settings;
	struct machine *machine;
	struct mptcp_pm *pm;
	struct keep *keep;
	sd_event_source *tick, *look;
	bool lost; /* events, or all that was before the start */
	uint64_t looks_failed;
};

/* ---- what the keeper wants */

static void create(struct grin *g, const struct subflow_action *action)
{
	struct mptcp_pm_local local = {.address = action->local, .id = action->local_id};
	char from[PLACE_TEXT], to[PLACE_TEXT], *error = NULL;
	int result = mptcp_pm_subflow_create(g->pm, action->token, &local, &action->remote, &error);

	log_info("subflow", "token=%08x from=%s to=%s%s%s%s", action->token, place_text(&action->local, from),
		place_text(&action->remote, to), result < 0 ? " error=\"" : "",
		result < 0 && error ? error : "", result < 0 ? "\"" : "");
	free(error);
	if (result < 0)
		keep_refused(g->keep, clock_now_ns(), action->token, action->path);
}

static void act(void *context, const struct subflow_action *action)
{
	struct grin *g = context;
	char from[PLACE_TEXT], to[PLACE_TEXT];

	if (action->kind == SUBFLOW_CREATE)
		create(g, action);
	else if (action->kind == SUBFLOW_PRIORITY)
		mptcp_pm_set_backup(
			g->pm, action->token, &action->local, &action->remote, action->backup, NULL);
	else {
		/* It may have gone by itself. */
		int result =
			mptcp_pm_subflow_destroy(g->pm, action->token, &action->local, &action->remote, NULL);
		log_info("subflow-dead", "token=%08x from=%s to=%s result=%d", action->token,
			place_text(&action->local, from), place_text(&action->remote, to), result);
	}
}

static void announce(void *context, uint32_t token, uint32_t address, uint8_t id)
{
	struct grin *g = context;
	struct mptcp_pm_local local = {
		.address.address = address_of_v4((struct in_addr){htonl(address)}), .id = id};
	char text[ADDRESS_TEXT], *error = NULL;

	if (mptcp_pm_announce(g->pm, token, &local, &error) < 0)
		log_warning("announce", "token=%08x address=%s error=\"%s\"", token,
			address_text(&local.address.address, text), error ? error : "");
	free(error);
}

static void set_aside(void *context, uint32_t token, struct place local, struct place remote)
{
	struct grin *g = context;
	char *error = NULL;

	if (mptcp_pm_set_backup(g->pm, token, &local, &remote, true, &error) < 0)
		log_warning("set-aside", "token=%08x error=\"%s\"", token, error ? error : "");
	free(error);
}

/* ---- time */

static void look(struct grin *g)
{
	struct survey_subflow *opened = NULL, *accepted = NULL;
	size_t opened_count = 0, accepted_count = 0;
	char *error = NULL;

	if (survey_take(false, &opened, &opened_count, &error) < 0 ||
		survey_take(true, &accepted, &accepted_count, &error) < 0) {
		if (!g->looks_failed++)
			log_warning("survey", "error=\"%s\"", error ? error : "");
	} else {
		keep_look(g->keep, clock_now_ns(), opened, opened_count, accepted, accepted_count, g->lost);
		g->lost = false;
	}
	free(opened);
	free(accepted);
	free(error);
}

static void settle(struct grin *g)
{
	int64_t due;

	if (g->lost)
		look(g);
	due = keep_deadline(g->keep);
	if (due != SUBFLOWS_NEVER) /* rounded up: a timer that is early would run twice */
		sd_event_source_set_time(
			g->tick, (uint64_t)((due < 0 ? 0 : due) + NS_PER_US - 1) / NS_PER_US);
	sd_event_source_set_enabled(g->tick, due == SUBFLOWS_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	int looking = SD_EVENT_OFF;
	sd_event_source_get_enabled(g->look, &looking);
	if (looking == SD_EVENT_OFF && keep_busy(g->keep)) {
		sd_event_source_set_time_relative(g->look, (uint64_t)g->settings->dead_ns / 4 / NS_PER_US);
		sd_event_source_set_enabled(g->look, SD_EVENT_ONESHOT);
	}
}

static int on_tick(sd_event_source *source, uint64_t at, void *context)
{
	struct grin *g = context;

	(void)source, (void)at;
	keep_tick(g->keep, clock_now_ns());
	settle(g);
	return 0;
}

static int on_look(sd_event_source *source, uint64_t at, void *context)
{
	struct grin *g = context;

	(void)source, (void)at;
	look(g);
	settle(g);
	return 0;
}

static void on_event(void *context, const struct mptcp_pm_event *event)
{
	struct grin *g = context;

	keep_event(g->keep, clock_now_ns(), event);
	settle(g);
}

static void on_overrun(void *context)
{
	struct grin *g = context;

	g->lost = true;
	log_warning("events-lost", "effect=\"the kernel's sockets are looked at instead\"");
	settle(g);
}

/* ---- questions */

static void do_status(void *context, struct control_request *request, int count, char **words)
{
	struct grin *g = context;
	const struct keep_counters *c = keep_counters(g->keep);
	struct machine_traffic traffic = {0};
	char *error = NULL, primary[ADDRESS_TEXT];

	(void)count, (void)words;
	if (machine_traffic(g->machine, &traffic, &error) < 0) {
		control_refuse(request, "%s", error);
		free(error);
		return;
	}
	struct address me = address_of_v4((struct in_addr){htonl(settings_me(g->settings)->primary)});
	address_text(&me, primary);
	json_t *answer = json_pack("{s:s, s:s, s:i}", "server", primary, "routing",
		plan_routing_names[g->settings->routing], "cables", (int)settings_me(g->settings)->count);
	json_object_set_new(answer, "counters",
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "opened",
			(json_int_t)c->opened, "accepted", (json_int_t)c->accepted, "told",
			(json_int_t)c->told, "heard", (json_int_t)c->heard, "foreign", (json_int_t)c->foreign,
			"created", (json_int_t)c->created, "refused", (json_int_t)c->refused, "died",
			(json_int_t)c->died, "beyond", (json_int_t)c->beyond, "undecoded",
			(json_int_t)mptcp_pm_undecoded(g->pm)));
	json_object_set_new(answer, "forwarded",
		json_pack("{s:I, s:I}", "packets", (json_int_t)traffic.forwarded_packets, "bytes",
			(json_int_t)traffic.forwarded_bytes));
	json_object_set_new(answer, "marked", json_integer((json_int_t)traffic.marked_packets));
	control_answer(request, answer);
}

static void do_neighbours(void *context, struct control_request *request, int count, char **words)
{
	struct grin *g = context;
	const struct plan_server *me = settings_me(g->settings);
	json_t *list = json_array();

	(void)count, (void)words;
	for (unsigned e = 0; e < me->count; e++) {
		char text[3][INET_ADDRSTRLEN];
		const uint32_t all[3] = {g->settings->plan->servers[me->ends[e].peer].primary,
			me->ends[e].address, me->ends[e].peer_address};
		for (int i = 0; i < 3; i++) {
			struct in_addr in = {.s_addr = htonl(all[i])};
			inet_ntop(AF_INET, &in, text[i], sizeof text[i]);
		}
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "neighbour", text[0], "interface",
				      g->settings->cables[e], "address", text[1], "peer", text[2]));
	}
	control_answer(request, json_pack("{s:o}", "neighbours", list));
}

static json_t *describe(const struct subflow *s)
{
	static const char *const states[] = {"none", "joining", "up", "waiting", "given-up"};
	char from[PLACE_TEXT], to[PLACE_TEXT];

	return json_pack("{s:s, s:s, s:s, s:i}", "state", states[s->state], "local",
		place_text(&s->local, from), "remote", place_text(&s->remote, to), "failures",
		(int)s->failures);
}

static void do_connections(void *context, struct control_request *request, int count, char **words)
{
	struct grin *g = context;
	json_t *list = json_array();

	(void)count, (void)words;
	for (const struct subflows_connection *c = subflows_first(keep_connections(g->keep)); c;
		c = c->next) {
		char from[PLACE_TEXT], to[PLACE_TEXT], token[16];
		json_t *subflows = json_array();
		for (unsigned i = 0; i < c->count; i++)
			if (c->paths[i].state != SUBFLOW_NONE)
				json_array_append_new(subflows, describe(&c->paths[i]));
		snprintf(token, sizeof token, "%08x", c->token);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "token", token, "local",
						    place_text(&c->local, from), "remote",
						    place_text(&c->remote, to), "subflows", subflows));
	}
	control_answer(request, json_pack("{s:o}", "connections", list));
}

static const struct control_command commands[] = {
	{"status", "", "this server, counters, what was forwarded for neighbours", 0, 0, do_status},
	{"neighbours", "", "neighbours, interfaces and addresses", 0, 0, do_neighbours},
	{"connections", "", "connections that were opened here, with their subflows", 0, 0, do_connections},
	{NULL, NULL, NULL, 0, 0, NULL}};

/* ---- the whole */

static void make_keep(struct grin *g)
{
	const struct settings *s = g->settings;
	struct keep_settings kept = {.primary = settings_me(s)->primary,
		.count = settings_me(s)->count,
		.subflows = s->subflows,
		.seed = s->seed,
		.shuffle = s->shuffle,
		.affinity = s->affinity,
		.gate = s->gate,
		.dead_ns = s->dead_ns,
		.settle_ns = SETTLE_NS};
	const struct keep_handlers handlers = {act, announce, set_aside, g};

	for (unsigned e = 0; e < kept.count; e++)
		kept.own[e] = settings_me(s)->ends[e].address;
	g->keep = keep_new(&kept, &handlers);
}

static int start(struct grin *g, sd_event *loop, char **error)
{
	const struct mptcp_pm_handlers hears = {on_event, on_overrun, g};

	if (sd_event_add_time(loop, &g->tick, CLOCK_MONOTONIC, 0, 1, on_tick, g) < 0 ||
		sd_event_add_time(loop, &g->look, CLOCK_MONOTONIC, 0, 1, on_look, g) < 0 ||
		sd_event_source_set_enabled(g->tick, SD_EVENT_OFF) < 0 ||
		sd_event_source_set_enabled(g->look, SD_EVENT_OFF) < 0)
		return error_set(error, "event loop: out of memory");
	g->pm = mptcp_pm_open(error);
	if (!g->pm || mptcp_pm_subscribe(g->pm, loop, &hears, error) < 0)
		return -1;
	/* After the subscription: what happens in between is told twice, which the keeper bears. */
	g->lost = true;
	settle(g);
	return 0;
}

int grin_serve(struct daemon *daemon, char **error)
{
	struct grin g = {.settings = daemon->config};
	int status = 1;

	if (machine_check(g.settings, error) < 0 || daemon_alone(daemon, 0, error) < 0)
		return 1;
	make_keep(&g);
	g.machine = machine_open(g.settings, error);
	if (g.machine && start(&g, daemon->loop, error) == 0)
		status = daemon_run(daemon, commands, &g);
	sd_event_source_disable_unref(g.tick);
	sd_event_source_disable_unref(g.look);
	mptcp_pm_close(g.pm);
	keep_free(g.keep);
	machine_close(g.machine);
	return status;
}
