/* One record a connection in the keeper (lib/mptcp/subflows.h), one path a link (0: the own one, 1 + i: neighbour i's).
 * Events and wishes change what the keeper knows; settle() then asks for what is missing and takes away what is too
 * much. A path is never taken away before another is up: a connection that began at a neighbour's link gets its own link
 * when that neighbour's time ends. */
#include "nodes/kibbutz/device/steer.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/pm.h"
#include "lib/mptcp/subflows.h"
#include <linux/mptcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_NS (20 * NS_PER_S) /* a SYN may wait for a radio, and be repeated */
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_LAST_NS (16 * NS_PER_S)
#define LINGER_NS (20 * NS_PER_S) /* an unwanted path goes then, whether or not another has come up */
/* A connection that lives this long gets the own link as well, at low priority: without it the side that
 * sends down could not turn to another path when the neighbour's fails. Short ones, most of the web's, are
 * spared the promotion. */
#define OWN_AFTER_NS (5 * NS_PER_S)

/* What steering keeps beside each subflow. */
struct plan {
	int64_t unwanted_since; /* 0: it is wanted */
};

struct steer {
	const struct settings *settings;
	struct in_addr cellular;
	struct mptcp_pm *pm;
	sd_event_source *timer;
	bool own_backup, open[SETTINGS_NEIGHBOURS], backup[SETTINGS_NEIGHBOURS];
	struct subflows *subflows;
};

static unsigned path_count(const struct steer *steer)
{
	return steer->settings->count + 1;
}

static const char *path_name(const struct steer *steer, unsigned i)
{
	return i ? steer->settings->neighbours[i - 1].name : "own";
}

static struct address path_address(const struct steer *steer, unsigned i)
{
	return address_of_v4(i ? settings_path(steer->settings, i - 1) : steer->cellular);
}

/* The link to which a local address belongs; -1: to none of ours (loopback, another network). */
static int find_path(const struct steer *steer, struct address address)
{
	for (unsigned i = 0; i < path_count(steer); i++) {
		struct address own = path_address(steer, i);
		if (address_equal(&own, &address))
			return (int)i;
	}
	return -1;
}

static int64_t *unwanted_since(const struct subflows_connection *c, unsigned i)
{
	return &((struct plan *)c->own_paths + i)->unwanted_since;
}

static bool any_open(const struct steer *steer)
{
	for (unsigned i = 0; i < steer->settings->count; i++)
		if (steer->open[i])
			return true;
	return false;
}

/* The own link belongs to every connection that lives long or has nothing else, and to all when it must
 * carry. */
static bool wanted(const struct steer *steer, const struct subflows_connection *c, unsigned i, int64_t now)
{
	if (i)
		return steer->open[i - 1];
	return now - c->since >= OWN_AFTER_NS || !any_open(steer) || !steer->own_backup ||
	       steer->settings->policy.profile != KIBBUTZ_ENERGY;
}

static bool low(const struct steer *steer, unsigned i)
{
	return i ? steer->backup[i - 1] : steer->own_backup;
}

/* ---- what the kernel is to do */

static void create(struct steer *steer, const struct subflow_action *action)
{
	struct subflows_connection *c = subflows_find(steer->subflows, action->token);
	const char *name = path_name(steer, action->path);
	struct mptcp_pm_local local = {.address = action->local,
		.id = action->local_id,
		.flags = action->backup ? MPTCP_PM_ADDR_FLAG_BACKUP : 0};
	char *error = NULL;

	if (mptcp_pm_subflow_create(steer->pm, action->token, &local, &action->remote, &error) == 0) {
		log_info("subflow-create", "token=%08x path=%s backup=%d", action->token, name,
			action->backup);
		return;
	}
	subflows_failed(steer->subflows, clock_now_ns(), c, action->path);
	log_warning("subflow-refused", "token=%08x path=%s error=\"%s\"", action->token, name, error);
	free(error);
}

static void act(void *context, const struct subflow_action *action)
{
	struct steer *steer = context;
	const char *name = path_name(steer, action->path);
	char *error = NULL;
	int result;

	switch (action->kind) {
	case SUBFLOW_CREATE:
		create(steer, action);
		break;
	case SUBFLOW_DESTROY:
		result = mptcp_pm_subflow_destroy(
			steer->pm, action->token, &action->local, &action->remote, &error);
		log_info("subflow-destroy", "token=%08x path=%s result=\"%s\"", action->token, name,
			result == 0 ? "done" : error);
		break;
	case SUBFLOW_PRIORITY:
		result = mptcp_pm_set_backup(
			steer->pm, action->token, &action->local, &action->remote, action->backup, &error);
		log_info("priority", "token=%08x path=%s backup=%d result=\"%s\"", action->token, name,
			action->backup, result == 0 ? "sent" : error);
		break;
	}
	free(error);
}

/* ---- what is wanted */

static bool other_is_up(
	const struct steer *steer, const struct subflows_connection *c, unsigned except, int64_t now)
{
	for (unsigned i = 0; i < path_count(steer); i++)
		if (i != except && c->paths[i].state == SUBFLOW_UP && wanted(steer, c, i, now))
			return true;
	return false;
}

static void take_away(struct steer *steer, struct subflows_connection *c, unsigned i, int64_t now)
{
	int64_t *since = unwanted_since(c, i);

	if (!*since)
		*since = now;
	/* The own subflow stays where it is, at low priority: making it again would cost a promotion. */
	if (i && (other_is_up(steer, c, i, now) || c->paths[0].state == SUBFLOW_UP ||
			 now - *since >= LINGER_NS))
		subflows_destroy(steer->subflows, c, i);
}

static void settle_path(struct steer *steer, struct subflows_connection *c, unsigned i, int64_t now)
{
	struct subflow *subflow = &c->paths[i];
	bool want = wanted(steer, c, i, now);

	subflows_due(steer->subflows, now, c, i);
	if (subflow->state == SUBFLOW_UP && low(steer, i) != subflow->backup && (want || !i))
		subflows_set_backup(steer->subflows, c, i, low(steer, i));
	if (subflow->state == SUBFLOW_NONE && want)
		/* Identifier 0 is the initial subflow's, whichever link that had. */
		subflows_join(steer->subflows, now, c, i,
			&(struct subflow_wish){.local = path_address(steer, i),
				.remote = c->remote,
				.local_id = (uint8_t)(i + 1),
				.backup = low(steer, i)});
	else if (subflow->state == SUBFLOW_UP && want)
		*unwanted_since(c, i) = 0;
	else if (subflow->state == SUBFLOW_UP)
		take_away(steer, c, i, now);
}

/* What is due later; the timer asks four times a second while there is anything to wait for. */
static bool unsettled(const struct steer *steer, const struct subflows_connection *c, int64_t now)
{
	for (unsigned i = 0; i < path_count(steer); i++) {
		bool up = c->paths[i].state == SUBFLOW_UP, want = wanted(steer, c, i, now);
		if (c->paths[i].state == SUBFLOW_JOINING || (!up && (!i || want)) || (i && up && !want))
			return true;
	}
	return false;
}

static void settle(struct steer *steer)
{
	int64_t now = clock_now_ns();
	bool again = false;

	for (struct subflows_connection *c = subflows_first(steer->subflows); c; c = c->next) {
		for (unsigned i = 0; i < path_count(steer); i++)
			settle_path(steer, c, i, now);
		again |= unsettled(steer, c, now);
	}
	if (again)
		sd_event_source_set_time_relative(steer->timer, NS_PER_S / 1000 / 4);
	sd_event_source_set_enabled(steer->timer, again ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	(void)source;
	(void)usec;
	settle(context);
	return 0;
}

/* ---- the kernel's events ---- */

static void path_up(struct steer *steer, struct subflows_connection *c, struct place local,
	struct place remote, uint8_t id, bool backup)
{
	int i = find_path(steer, local.address);

	if (i < 0)
		return;
	*unwanted_since(c, (unsigned)i) = 0;
	subflows_up(steer->subflows, clock_now_ns(), c, (unsigned)i, local, remote, id, backup);
	log_info("subflow-up", "token=%08x path=%s", c->token, path_name(steer, (unsigned)i));
}

static void path_down(struct steer *steer, struct subflows_connection *c, struct place local,
	struct place remote, int error)
{
	int i = find_path(steer, local.address);

	if (subflows_down(steer->subflows, clock_now_ns(), c, i, local, remote))
		log_info("subflow-down", "token=%08x path=%s error=%d", c->token,
			path_name(steer, (unsigned)i), error);
}

static void on_event(void *context, const struct mptcp_pm_event *event)
{
	struct steer *steer = context;
	struct subflows_connection *c = subflows_find(steer->subflows, event->token);
	struct place local = event->local, remote = event->remote;
	bool v4 = address_is_v4(&local.address) && address_is_v4(&remote.address);

	if (event->type == MPTCP_PM_EVENT_CLOSED)
		subflows_close(steer->subflows, event->token);
	else if (event->type == MPTCP_PM_EVENT_ESTABLISHED && v4 && !event->server_side &&
		 find_path(steer, local.address) >= 0) {
		c = subflows_open(steer->subflows, clock_now_ns(), event->token, local, remote);
		path_up(steer, c, local, remote, 0, false);
	} else if (event->type == MPTCP_PM_EVENT_SUB_ESTABLISHED && v4 && c) {
		int i = find_path(steer, local.address);
		path_up(steer, c, local, remote, event->local_id, i >= 0 && c->paths[i].backup);
	} else if (event->type == MPTCP_PM_EVENT_SUB_CLOSED && v4 && c)
		path_down(steer, c, local, remote, event->error);
	settle(steer);
}

static void on_missed_close(void *context, struct subflows_connection *c)
{
	struct steer *steer = context;
	subflows_close(steer->subflows, c->token);
}

static void on_missed_end(void *context, struct subflows_connection *c, unsigned i)
{
	path_down(context, c, c->paths[i].local, c->paths[i].remote, 0);
}

/* The truth: after events were lost, and at the start. */
static void survey(struct steer *steer)
{
	const struct subflows_missed missed = {on_missed_close, on_missed_end, steer};
	struct survey_subflow *list;
	size_t count;
	char *error = NULL;

	if (survey_take(false, &list, &count, &error) < 0) {
		log_error("survey", "error=\"%s\"", error);
		free(error);
		return;
	}
	subflows_compare(steer->subflows, list, count, &missed);
	for (size_t i = 0; i < count; i++)
		if (find_path(steer, list[i].local.address) >= 0)
			path_up(steer,
				subflows_open(steer->subflows, clock_now_ns(), list[i].token, list[i].local,
					list[i].remote),
				list[i].local, list[i].remote, list[i].local_id, list[i].backup_ours);
	free(list);
	settle(steer);
}

static void on_overrun(void *context)
{
	log_warning("events-lost", "action=survey");
	survey(context);
}

/* ---- for the daemon ---- */

static struct subflows *keeper_of(struct steer *steer, unsigned paths)
{
	/* Each end of a subflow that came up starts the back-off anew, and there is no last attempt. */
	const struct subflows_settings kept = {.paths = paths,
		.path_size = sizeof(struct plan),
		.join_ns = JOIN_NS,
		.retry_first_ns = RETRY_FIRST_NS,
		.retry_last_ns = RETRY_LAST_NS};
	return subflows_new(&kept, act, steer);
}

struct steer *steer_start(
	sd_event *loop, const struct settings *settings, struct in_addr cellular, char **error)
{
	struct steer *steer = calloc(1, sizeof *steer);
	struct mptcp_pm_handlers handlers = {.event = on_event, .overrun = on_overrun, .context = steer};

	if (!steer)
		abort();
	steer->subflows = keeper_of(steer, settings->count + 1);
	steer->settings = settings;
	steer->cellular = cellular;
	steer->own_backup = true;
	steer->pm = mptcp_pm_open(error);
	int result = sd_event_add_time(loop, &steer->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, steer);
	if (result < 0)
		error_set(error, "event loop: %s", strerror(-result));
	else
		sd_event_source_set_enabled(steer->timer, SD_EVENT_OFF);
	if (!steer->pm || result < 0 || mptcp_pm_subscribe(steer->pm, loop, &handlers, error) < 0) {
		steer_stop(steer);
		return NULL;
	}
	survey(steer);
	return steer;
}

void steer_stop(struct steer *steer)
{
	if (!steer)
		return;
	subflows_free(steer->subflows);
	sd_event_source_disable_unref(steer->timer);
	mptcp_pm_close(steer->pm);
	free(steer);
}

void steer_open(struct steer *steer, unsigned neighbour, bool backup)
{
	steer->open[neighbour] = true;
	steer->backup[neighbour] = backup;
	for (struct subflows_connection *c = subflows_first(steer->subflows); c; c = c->next)
		subflow_forgive(&c->paths[neighbour + 1]);
	settle(steer);
}

void steer_close(struct steer *steer, unsigned neighbour)
{
	steer->open[neighbour] = false;
	settle(steer);
}

void steer_own(struct steer *steer, bool backup)
{
	steer->own_backup = backup;
	settle(steer);
}

unsigned steer_active(const struct steer *steer)
{
	unsigned n = 0;

	for (const struct subflows_connection *c = subflows_first(steer->subflows); c; c = c->next)
		for (unsigned i = 1; i < path_count(steer); i++)
			n += c->paths[i].state == SUBFLOW_UP;
	return n;
}

json_t *steer_report(const struct steer *steer)
{
	static const char *const states[SUBFLOW_STATES] = {
		[SUBFLOW_NONE] = "none",
		[SUBFLOW_JOINING] = "joining",
		[SUBFLOW_UP] = "up",
		[SUBFLOW_WAITING] = "none",
		[SUBFLOW_GIVEN_UP] = "none",
	};
	json_t *list = json_array();

	for (const struct subflows_connection *c = subflows_first(steer->subflows); c; c = c->next) {
		json_t *paths = json_object();
		char token[9];
		snprintf(token, sizeof token, "%08x", c->token);
		for (unsigned i = 0; i < path_count(steer); i++)
			json_object_set_new(paths, path_name(steer, i),
				json_pack("{ss sb}", "state", states[c->paths[i].state], "backup",
					c->paths[i].backup));
		json_array_append_new(list, json_pack("{ss so}", "token", token, "paths", paths));
	}
	return list;
}
