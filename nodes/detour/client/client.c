/* Glue: events of the kernel, of the detours and of the tunnels go into the policy; its actions go to the
 * kernel and to the detours. Nothing is decided here. */
#include "nodes/detour/client/client.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/survey.h"
#include "nodes/detour/client/routes.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

const char *client_detour_name(const struct client *client, unsigned detour)
{
	return detour < client->settings->count ? client->settings->detours[detour].name : "direct";
}

/* ---- what the policy wants ---- */

/* The SYN that is about to leave is to have its destination. */
static bool want_option(struct client *client, const struct paths_action *action)
{
	uint8_t key[MESSAGE_KEY_SIZE];

	return client->destinations &&
	       requests_option_key(client->requests, action->detour, &action->local.address, key) &&
	       destinations_want(client->destinations, address_v4(&action->local.address),
		       address_v4(&action->remote.address), action->remote.port,
		       address_v4(&action->destination), key) == 0;
}

static void create(struct client *client, const struct paths_action *action)
{
	struct mptcp_pm_local local = {
		.address = action->local, .id = action->local_id, .if_index = action->if_index};
	char from[PLACE_TEXT], to[PLACE_TEXT], *error = NULL;

	/* One that is not there (any more) has no number: routing decides, and the address is refused where it is gone, too. */
	if (action->detour < client->settings->count &&
		client->settings->detours[action->detour].kind == DETOUR_DIRECT)
		local.if_index = (int)if_nametoindex(client->settings->detours[action->detour].device);
	place_text(&action->local, from);
	place_text(&action->remote, to);
	if (action->option && !want_option(client, action)) {
		paths_subflow_refused(client->paths, clock_now_ns(), action->token, action->detour);
		return;
	}
	if (mptcp_pm_subflow_create(client->pm, action->token, &local, &action->remote, &error) == 0) {
		client->counters.created++;
		log_info("subflow-create", "token=%08x detour=%s local=%s remote=%s id=%u by=%s",
			action->token, client_detour_name(client, action->detour), from, to, action->local_id,
			action->option ? "option" : "mapping");
		return;
	}
	client->counters.refused++;
	log_warning("subflow-refused", "token=%08x detour=%s local=%s remote=%s id=%u error=\"%s\"",
		action->token, client_detour_name(client, action->detour), from, to, action->local_id, error);
	free(error);
	paths_subflow_refused(client->paths, clock_now_ns(), action->token, action->detour);
}

static void destroy(struct client *client, const struct paths_action *action)
{
	char from[PLACE_TEXT], to[PLACE_TEXT], *error = NULL;
	int result =
		mptcp_pm_subflow_destroy(client->pm, action->token, &action->local, &action->remote, &error);

	client->counters.destroyed++;
	log_info("subflow-destroy", "token=%08x detour=%s local=%s remote=%s result=\"%s\"", action->token,
		client_detour_name(client, action->detour), place_text(&action->local, from),
		place_text(&action->remote, to), result == 0 ? "done" : error);
	free(error);
}

static void set_priority(struct client *client, const struct paths_action *action)
{
	char *error = NULL;

	if (mptcp_pm_set_backup(
		    client->pm, action->token, &action->local, &action->remote, action->backup, &error) < 0)
		log_warning("subflow-priority", "token=%08x detour=%s backup=%d error=\"%s\"", action->token,
			client_detour_name(client, action->detour), action->backup, error);
	free(error);
}

static void perform(struct client *client)
{
	struct paths_action action;

	while (paths_next_action(client->paths, &action)) {
		switch (action.kind) {
		case PATHS_ASK:
			client_ask(client, &action);
			break;
		case PATHS_CREATE:
			create(client, &action);
			break;
		case PATHS_DESTROY:
			destroy(client, &action);
			break;
		case PATHS_PRIORITY:
			set_priority(client, &action);
			break;
		}
	}
}

static void survey(struct client *client);

/* How much has passed on connections that wait for it (join_after_bytes). */
static void look(struct client *client)
{
	struct survey_subflow *list;
	int64_t began = clock_now_ns();
	size_t count;
	char *error = NULL;

	client->counters.looks++;
	if (survey_take(false, &list, &count, &error) < 0) {
		log_error("survey", "error=\"%s\"", error);
		free(error);
		count = 0; /* no progress: the next look is later */
	}
	int64_t now = clock_now_ns();
	paths_look(client->paths, now, now - began, list, count);
	free(list);
}

void client_settle(struct client *client)
{
	if (client->lost) {
		client->lost = false;
		survey(client);
	}
	perform(client);
	int64_t paths = paths_deadline(client->paths), requests = requests_deadline(client->requests);
	int64_t first = paths < requests ? paths : requests, looks = paths_look_at(client->paths);

	if (looks < first)
		first = looks;
	if (first == PATHS_NEVER) {
		sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
		return;
	}
	/* Rounded up: a timer that is early would run twice. */
	sd_event_source_set_time(
		client->timer, (uint64_t)(first < 0 ? 0 : (first + NS_PER_US - 1) / NS_PER_US));
	sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	struct client *client = context;
	int64_t now = clock_now_ns();
	(void)source;
	(void)usec;

	client_tick_detours(client, now);
	paths_tick(client->paths, now);
	if (now >= paths_look_at(client->paths))
		look(client);
	client_settle(client);
	return 0;
}

/* ---- the kernel's events ---- */

static void count_verdict(struct client *client, uint32_t token, enum paths_verdict verdict)
{
	client->counters.verdicts[verdict]++;
	if (verdict == PATHS_TAKEN && paths_fits_none(client->paths, paths_find(client->paths, token)))
		client->counters.other_family++;
}

static void on_established(struct client *client, const struct mptcp_pm_event *event)
{
	char from[PLACE_TEXT], to[PLACE_TEXT];
	enum paths_verdict verdict = paths_established(
		client->paths, clock_now_ns(), event->token, event->local, event->remote, event->server_side);

	count_verdict(client, event->token, verdict);
	if (verdict == PATHS_TAKEN)
		favourites_use(client->favourites, clock_now_ns(), event->local.address, event->remote);
	log_info("connection", "token=%08x local=%s remote=%s verdict=%s", event->token,
		place_text(&event->local, from), place_text(&event->remote, to), paths_verdict_name(verdict));
}

static void on_subflow(struct client *client, const struct mptcp_pm_event *event)
{
	bool up = event->type == MPTCP_PM_EVENT_SUB_ESTABLISHED;
	char from[PLACE_TEXT], to[PLACE_TEXT];

	if (event->server_side)
		return;
	log_info(up ? "subflow-established" : "subflow-closed",
		"token=%08x local=%s remote=%s id=%u error=%d", event->token, place_text(&event->local, from),
		place_text(&event->remote, to), event->local_id, event->error);
	if (up) {
		client->counters.established++;
		paths_subflow_established(client->paths, clock_now_ns(), event->token, event->local,
			event->remote, event->local_id);
	} else {
		client->counters.failed += event->error != 0;
		paths_subflow_closed(
			client->paths, clock_now_ns(), event->token, event->local, event->remote);
	}
}

static void on_event(void *context, const struct mptcp_pm_event *event)
{
	struct client *client = context;

	switch (event->type) {
	case MPTCP_PM_EVENT_ESTABLISHED:
		on_established(client, event);
		break;
	case MPTCP_PM_EVENT_SUB_ESTABLISHED:
	case MPTCP_PM_EVENT_SUB_CLOSED:
		on_subflow(client, event);
		break;
	case MPTCP_PM_EVENT_CLOSED:
		paths_closed(client->paths, event->token);
		log_debug("connection-closed", "token=%08x", event->token);
		break;
	case MPTCP_PM_EVENT_CREATED:          /* too early to add anything */
	case MPTCP_PM_EVENT_LISTENER_CREATED: /* what is accepted here is left alone */
	case MPTCP_PM_EVENT_LISTENER_CLOSED:
	case MPTCP_PM_EVENT_ANNOUNCED:
		paths_announced(client->paths, clock_now_ns(), event->token,
			client_source_towards(&event->remote), event->remote);
		break;
	case MPTCP_PM_EVENT_REMOVED:
	case MPTCP_PM_EVENT_SUB_PRIORITY:
		break;
	}
	client_settle(client);
}

static void on_overrun(void *context)
{
	struct client *client = context;

	client->counters.overruns++;
	client->lost = true;
	log_warning("events-lost", "overruns=%llu", (unsigned long long)client->counters.overruns);
	client_settle(client);
}

/* ---- the truth, after events were lost or before there were any ---- */

static void on_missed_close(void *context, struct subflows_connection *connection)
{
	struct client *client = context;

	log_debug("connection-closed", "token=%08x", connection->token);
	paths_closed(client->paths, connection->token);
}

static void on_missed_end(void *context, struct subflows_connection *connection, unsigned detour)
{
	struct client *client = context;
	const struct subflow *subflow = &connection->paths[detour];

	paths_subflow_closed(
		client->paths, clock_now_ns(), connection->token, subflow->local, subflow->remote);
}

static void survey(struct client *client)
{
	struct survey_subflow *list;
	int64_t now = clock_now_ns();
	size_t count;
	char *error = NULL;
	const struct subflows_missed missed = {on_missed_close, on_missed_end, client};

	client->counters.surveys++;
	if (survey_take(false, &list, &count, &error) < 0) {
		log_error("survey", "error=\"%s\"", error);
		free(error);
		return;
	}
	paths_compare(client->paths, list, count, &missed);
	for (size_t i = 0; i < count; i++) {
		if (!list[i].initial || paths_find(client->paths, list[i].token))
			continue;
		enum paths_verdict verdict =
			paths_found(client->paths, now, list[i].token, list[i].local, list[i].remote, false);
		count_verdict(client, list[i].token, verdict);
	}
	for (size_t i = 0; i < count; i++)
		if (!list[i].initial)
			paths_subflow_established(client->paths, now, list[i].token, list[i].local,
				list[i].remote, list[i].local_id);
	paths_serve_all(client->paths, now);
	log_info("survey", "subflows=%zu", count);
	free(list);
}

/* ---- tunnels ---- */

static void on_tunnel_up(void *context, unsigned detour, struct in_addr local, int if_index)
{
	struct client *client = context;

	paths_tunnel_up(client->paths, clock_now_ns(), detour, address_of_v4(local), if_index);
	waiters_up(client, detour);
	client_settle(client);
}

static void on_tunnel_down(void *context, unsigned detour)
{
	struct client *client = context;

	paths_tunnel_down(client->paths, clock_now_ns(), detour);
	client_settle(client);
}

/* ---- beginning and end ---- */

/* The control socket closes with the loop: until then everybody who waits must have an answer. */
static int on_exit_loop(sd_event_source *source, void *context)
{
	(void)source;
	waiters_refuse_all(context);
	return 0;
}

static int open_channels(struct client *client, char **error)
{
	struct mptcp_pm_handlers handlers = {.event = on_event, .overrun = on_overrun, .context = client};
	int result;

	result = sd_event_add_exit(client->loop, &client->exit, on_exit_loop, client);
	if (result >= 0)
		result = sd_event_add_time(
			client->loop, &client->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, client);
	if (result < 0)
		return error_set(error, "adding to the event loop: %s", strerror(-result));
	client->pm = mptcp_pm_open(error);
	if (!client->pm)
		return -1;
	return mptcp_pm_subscribe(client->pm, client->loop, &handlers, error);
}

static void on_routes(void *context)
{
	struct client *client = context;

	for (unsigned i = 0; i < client->settings->count; i++)
		client_vpn_check(client->vpns[i]);
	client_settle(client);
}

static int start_tunnels(struct client *client, char **error)
{
	struct vpn_handlers handlers = {.up = on_tunnel_up, .down = on_tunnel_down, .context = client};

	/* A client that was killed leaves its rules behind; its tunnels died with it. */
	if (routes_remove(0, error) < 0)
		return -1;
	for (unsigned i = 0; i < client->settings->count; i++) {
		if (client->settings->detours[i].kind != DETOUR_VPN)
			continue;
		if (!client->guard && !(client->guard = guard_new(client->loop, on_routes, client, error)))
			return -1;
		client->vpns[i] =
			client_vpn_start(client->loop, client->settings, i, client->guard, &handlers, error);
		if (!client->vpns[i])
			return -1;
	}
	return 0;
}

static void on_rerouted(void *context)
{
	client_settle(context);
}

static int start_rerouting(struct client *client, char **error)
{
	const struct settings *settings = client->settings;

	if (!settings->dynamic)
		return 0;
	const struct rerouting_settings routing = {
		.routes = settings->count, .limit = settings->paths.limit, .probe_ns = settings->probe_ns};
	client->rerouting = rerouting_new(
		client->loop, client->paths, client->requests, &routing, on_rerouted, client, error);
	return client->rerouting ? 0 : -1;
}

struct client *client_new(sd_event *loop, struct settings *settings, char **error)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client)
		abort();
	client->loop = loop;
	client->settings = settings;
	client_make_detours(client);
	if (settings->syn_count && !(client->destinations = destinations_open(DESTINATIONS_ASK,
					     settings->syn_interfaces, settings->syn_count, error))) {
		client_free(client);
		return NULL;
	}
	if (open_channels(client, error) < 0 || start_tunnels(client, error) < 0 ||
		client_watch_list(client, error) < 0 || start_rerouting(client, error) < 0) {
		client_free(client);
		return NULL;
	}
	/* After the subscription: what happens in between is told twice, which the policy bears. */
	client->lost = true;
	client_prefetch(client);
	client_settle(client);
	return client;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	for (unsigned i = 0; i < client->settings->count; i++)
		client_vpn_stop(client->vpns[i]);
	guard_free(client->guard);
	mptcp_pm_close(client->pm);
	sd_event_source_disable_unref(client->exit);
	sd_event_source_disable_unref(client->timer);
	rerouting_free(client->rerouting);
	destinations_close(client->destinations);
	client_free_detours(client);
	free(client);
}
