/* One record a connection, one path a link (0: the own one, 1 + i: neighbour i's). Events and wishes change
 * the records; settle() then asks the kernel for what is missing and takes away what is too much. A path is
 * never taken away before another is up: a connection that began at a neighbour's link gets its own link when
 * that neighbour's time ends. */
#include "nodes/kibbutz/device/steer.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/pm.h"

#include <arpa/inet.h>
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

enum state { NONE, JOINING, UP };

struct path {
	enum state state;
	bool backup; /* as the peer knows it */
	int64_t at;  /* JOINING: given up then; NONE: not tried before; UP: unwanted since, or 0 */
	unsigned failures;
	uint16_t left; /* local port of the subflow before, which we have taken away; 0: it is gone */
	struct endpoint local, remote;
};

struct connection {
	struct connection *next;
	uint32_t token;
	int64_t since;
	struct endpoint remote;
	struct path paths[];
};

struct steer {
	const struct settings *settings;
	struct in_addr cellular;
	struct mptcp_pm *pm;
	sd_event *loop;
	sd_event_source *timer;
	bool own_backup, open[SETTINGS_NEIGHBOURS], backup[SETTINGS_NEIGHBOURS];
	struct connection *first;
};

static unsigned path_count(const struct steer *steer)
{
	return steer->settings->count + 1;
}

static const char *path_name(const struct steer *steer, unsigned i)
{
	return i ? steer->settings->neighbours[i - 1].name : "own";
}

static struct in_addr path_address(const struct steer *steer, unsigned i)
{
	return i ? settings_path(steer->settings, i - 1) : steer->cellular;
}

/* The link to which a local address belongs; -1: to none of ours (loopback, another network). */
static int find_path(const struct steer *steer, struct in_addr address)
{
	for (unsigned i = 0; i < path_count(steer); i++)
		if (path_address(steer, i).s_addr == address.s_addr)
			return (int)i;
	return -1;
}

static struct connection *find(const struct steer *steer, uint32_t token)
{
	for (struct connection *c = steer->first; c; c = c->next)
		if (c->token == token)
			return c;
	return NULL;
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
static bool wanted(const struct steer *steer, const struct connection *c, unsigned i, int64_t now)
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

static struct mptcp_pm_address to_pm(struct endpoint e)
{
	return (struct mptcp_pm_address){.family = AF_INET, .v4 = e.address, .port = e.port};
}

static void failed(struct path *path, int64_t now)
{
	int64_t pause = RETRY_FIRST_NS << (path->failures < 4 ? path->failures : 4);

	path->failures++;
	path->state = NONE;
	path->at = now + (pause < RETRY_LAST_NS ? pause : RETRY_LAST_NS);
}

static void create(struct steer *steer, struct connection *c, unsigned i, int64_t now)
{
	struct path *path = &c->paths[i];
	/* Identifier 0 is the initial subflow's, whichever link that had. */
	struct mptcp_pm_local local = {.address = to_pm((struct endpoint){.address = path_address(steer, i)}),
		.id = (uint8_t)(i + 1),
		.flags = low(steer, i) ? MPTCP_PM_ADDR_FLAG_BACKUP : 0};
	struct mptcp_pm_address remote = to_pm(c->remote);
	char *error = NULL;

	path->backup = low(steer, i);
	if (mptcp_pm_subflow_create(steer->pm, c->token, &local, &remote, &error) == 0) {
		path->state = JOINING;
		path->at = now + JOIN_NS;
		log_info("subflow-create", "token=%08x path=%s backup=%d", c->token, path_name(steer, i),
			path->backup);
		return;
	}
	failed(path, now);
	log_warning(
		"subflow-refused", "token=%08x path=%s error=\"%s\"", c->token, path_name(steer, i), error);
	free(error);
}

static void destroy(struct steer *steer, struct connection *c, unsigned i, int64_t now)
{
	struct path *path = &c->paths[i];
	struct mptcp_pm_address local = to_pm(path->local), remote = to_pm(path->remote);
	char *error = NULL;
	int result = mptcp_pm_subflow_destroy(steer->pm, c->token, &local, &remote, &error);

	log_info("subflow-destroy", "token=%08x path=%s result=\"%s\"", c->token, path_name(steer, i),
		result == 0 ? "done" : error);
	free(error);
	*path = (struct path){.state = NONE, .at = now, .left = path->local.port};
}

static void set_priority(struct steer *steer, struct connection *c, unsigned i)
{
	struct path *path = &c->paths[i];
	struct mptcp_pm_address local = to_pm(path->local), remote = to_pm(path->remote);
	char *error = NULL;
	int result = mptcp_pm_set_backup(steer->pm, c->token, &local, &remote, low(steer, i), &error);

	path->backup = low(steer, i);
	log_info("priority", "token=%08x path=%s backup=%d result=\"%s\"", c->token, path_name(steer, i),
		path->backup, result == 0 ? "sent" : error);
	free(error);
}

static bool other_is_up(const struct steer *steer, const struct connection *c, unsigned except, int64_t now)
{
	for (unsigned i = 0; i < path_count(steer); i++)
		if (i != except && c->paths[i].state == UP && wanted(steer, c, i, now))
			return true;
	return false;
}

static void take_away(struct steer *steer, struct connection *c, unsigned i, int64_t now)
{
	struct path *path = &c->paths[i];

	if (!path->at)
		path->at = now;
	/* The own subflow stays where it is, at low priority: making it again would cost a promotion. */
	if (i && (other_is_up(steer, c, i, now) || c->paths[0].state == UP || now - path->at >= LINGER_NS))
		destroy(steer, c, i, now);
}

static void settle_path(struct steer *steer, struct connection *c, unsigned i, int64_t now)
{
	struct path *path = &c->paths[i];
	bool want = wanted(steer, c, i, now);

	if (path->state == JOINING && now >= path->at)
		failed(path, now);
	if (path->state == UP && low(steer, i) != path->backup && (want || !i))
		set_priority(steer, c, i);
	if (path->state == NONE && want && now >= path->at)
		create(steer, c, i, now);
	else if (path->state == UP && want)
		path->at = 0;
	else if (path->state == UP)
		take_away(steer, c, i, now);
}

/* What is due later; the timer asks four times a second while there is anything to wait for. */
static bool unsettled(const struct steer *steer, const struct connection *c, int64_t now)
{
	for (unsigned i = 0; i < path_count(steer); i++)
		if (c->paths[i].state == JOINING ||
			(c->paths[i].state == NONE && (!i || wanted(steer, c, i, now))) ||
			(i && c->paths[i].state == UP && !wanted(steer, c, i, now)))
			return true;
	return false;
}

static void settle(struct steer *steer)
{
	int64_t now = clock_now_ns();
	bool again = false;

	for (struct connection *c = steer->first; c; c = c->next) {
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

static struct connection *add(struct steer *steer, uint32_t token, struct endpoint remote)
{
	struct connection *c = find(steer, token);

	if (c)
		return c;
	c = calloc(1, sizeof *c + path_count(steer) * sizeof *c->paths);
	if (!c)
		abort();
	c->token = token;
	c->since = clock_now_ns();
	c->remote = remote;
	c->next = steer->first;
	steer->first = c;
	return c;
}

static void forget(struct steer *steer, uint32_t token)
{
	for (struct connection **at = &steer->first; *at; at = &(*at)->next)
		if ((*at)->token == token) {
			struct connection *gone = *at;
			*at = gone->next;
			free(gone);
			return;
		}
}

static void path_up(
	struct steer *steer, struct connection *c, struct endpoint local, struct endpoint remote, bool backup)
{
	int i = find_path(steer, local.address);

	if (i < 0)
		return;
	c->paths[i] = (struct path){
		.state = UP, .backup = backup, .left = c->paths[i].left, .local = local, .remote = remote};
	log_info("subflow-up", "token=%08x path=%s", c->token, path_name(steer, (unsigned)i));
}

static void path_down(struct steer *steer, struct connection *c, struct endpoint local, int error)
{
	int i = find_path(steer, local.address);

	if (i < 0)
		return;
	/* The end of one that we took away comes when its successor may be joining. */
	if (c->paths[i].left == local.port) {
		c->paths[i].left = 0;
		return;
	}
	if (c->paths[i].state == NONE || (c->paths[i].state == UP && c->paths[i].local.port != local.port))
		return;
	failed(&c->paths[i], clock_now_ns());
	log_info("subflow-down", "token=%08x path=%s error=%d", c->token, path_name(steer, (unsigned)i),
		error);
}

static bool from_pm(const struct mptcp_pm_address *address, struct endpoint *e)
{
	e->port = address->port;
	if (address->family == AF_INET)
		e->address = address->v4;
	else if (IN6_IS_ADDR_V4MAPPED(&address->v6))
		memcpy(&e->address, &address->v6.s6_addr[12], sizeof e->address);
	else
		return false;
	return true;
}

static void on_event(void *context, const struct mptcp_pm_event *event)
{
	struct steer *steer = context;
	struct connection *c = find(steer, event->token);
	struct endpoint local, remote;
	bool v4 = from_pm(&event->local, &local) && from_pm(&event->remote, &remote);

	if (event->type == MPTCP_PM_EVENT_CLOSED)
		forget(steer, event->token);
	else if (event->type == MPTCP_PM_EVENT_ESTABLISHED && v4 && !event->server_side &&
		 find_path(steer, local.address) >= 0)
		path_up(steer, add(steer, event->token, remote), local, remote, false);
	else if (event->type == MPTCP_PM_EVENT_SUB_ESTABLISHED && v4 && c) {
		int i = find_path(steer, local.address);
		path_up(steer, c, local, remote, i >= 0 && c->paths[i].backup);
	} else if (event->type == MPTCP_PM_EVENT_SUB_CLOSED && v4 && c)
		path_down(steer, c, local, event->error);
	settle(steer);
}

/* Begins with what lives: after events were lost, and at the start. */
static void take_over(struct steer *steer)
{
	struct survey_subflow *list;
	size_t count;
	char *error = NULL;

	if (survey_take(false, &list, &count, &error) < 0) {
		log_error("survey", "error=\"%s\"", error);
		free(error);
		return;
	}
	while (steer->first)
		forget(steer, steer->first->token);
	for (size_t i = 0; i < count; i++)
		if (find_path(steer, list[i].local.address) >= 0)
			path_up(steer, add(steer, list[i].token, list[i].remote), list[i].local,
				list[i].remote, list[i].backup_ours);
	free(list);
	settle(steer);
}

static void on_overrun(void *context)
{
	log_warning("events-lost", "action=survey");
	take_over(context);
}

/* ---- for the daemon ---- */

struct steer *steer_start(
	sd_event *loop, const struct settings *settings, struct in_addr cellular, char **error)
{
	struct steer *steer = calloc(1, sizeof *steer);
	struct mptcp_pm_handlers handlers = {.event = on_event, .overrun = on_overrun, .context = steer};

	if (!steer)
		abort();
	steer->settings = settings;
	steer->cellular = cellular;
	steer->loop = loop;
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
	take_over(steer);
	return steer;
}

void steer_stop(struct steer *steer)
{
	if (!steer)
		return;
	while (steer->first)
		forget(steer, steer->first->token);
	sd_event_source_disable_unref(steer->timer);
	mptcp_pm_close(steer->pm);
	free(steer);
}

void steer_open(struct steer *steer, unsigned neighbour, bool backup)
{
	steer->open[neighbour] = true;
	steer->backup[neighbour] = backup;
	for (struct connection *c = steer->first; c; c = c->next)
		if (c->paths[neighbour + 1].state == NONE)
			c->paths[neighbour + 1] = (struct path){
				.left = c->paths[neighbour + 1].left}; /* earlier failures are forgiven */
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

	for (const struct connection *c = steer->first; c; c = c->next)
		for (unsigned i = 1; i < path_count(steer); i++)
			n += c->paths[i].state == UP;
	return n;
}

json_t *steer_report(const struct steer *steer)
{
	static const char *const states[] = {"none", "joining", "up"};
	json_t *list = json_array();

	for (const struct connection *c = steer->first; c; c = c->next) {
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
