/* The policy of nodes/detour/client; its rules are in paths.h. The keeper (lib/mptcp/subflows.h) has a path a detour for
 * each connection; paths_serve() is the only place that opens subflows, and is called whenever a path became ready or a place
 * became free. What the kernel tells is in paths_events.c. */
#include "nodes/detour/client/paths_internal.h"

#include <stdlib.h>
#include <string.h>
static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- actions ---- */

static void push(struct paths *paths, struct paths_action action)
{
	if (paths->queued == paths->room) {
		paths->room = paths->room ? 2 * paths->room : 16;
		paths->actions = must(realloc(paths->actions, paths->room * sizeof *paths->actions));
	}
	paths->actions[paths->queued++] = action;
}

static void on_action(void *context, const struct subflow_action *action)
{
	static const enum paths_action_kind kinds[] = {[SUBFLOW_CREATE] = PATHS_CREATE,
		[SUBFLOW_DESTROY] = PATHS_DESTROY,
		[SUBFLOW_PRIORITY] = PATHS_PRIORITY};
	push(context, (struct paths_action){.kind = kinds[action->kind],
			      .detour = action->path,
			      .token = action->token,
			      .local = action->local,
			      .remote = action->remote,
			      .local_id = action->local_id,
			      .if_index = action->if_index,
			      .backup = action->backup});
}

bool paths_next_action(struct paths *paths, struct paths_action *action)
{
	if (paths->taken == paths->queued) {
		paths->taken = paths->queued = 0;
		return false;
	}
	*action = paths->actions[paths->taken++];
	return true;
}

struct paths *paths_new(
	const struct paths_settings *settings, const struct paths_detour *detours, unsigned count)
{
	struct paths *paths = must(calloc(1, sizeof *paths));
	const struct subflows_settings kept = {.paths = count,
		.connection_size = sizeof(struct plan),
		.path_size = sizeof(struct path),
		.join_ns = settings->join_deadline_ns,
		.retry_first_ns = settings->retry_first_ns,
		.retry_last_ns = settings->retry_last_ns,
		.attempts = settings->attempts,
		.stable_ns = settings->stable_ns};

	paths->settings = *settings;
	paths->detours = must(calloc(count + 1, sizeof *paths->detours));
	for (unsigned i = 0; i < count; i++)
		paths->detours[i] = (struct detour){
			.kind = detours[i].kind, .at = detours[i].at, .local = detours[i].from};
	paths->count = count;
	paths->look_at = PATHS_NEVER;
	paths->subflows = subflows_new(&kept, on_action, paths);
	return paths;
}

void paths_free(struct paths *paths)
{
	if (!paths)
		return;
	subflows_free(paths->subflows);
	free(paths->actions);
	free(paths->detours);
	free(paths);
}

/* ---- connections ---- */

const struct subflows_connection *paths_find(const struct paths *paths, uint32_t token)
{
	return subflows_find(paths->subflows, token);
}

const struct subflows_connection *paths_first(const struct paths *paths)
{
	return subflows_first(paths->subflows);
}

void paths_closed(struct paths *paths, uint32_t token)
{
	subflows_close(paths->subflows, token);
}

void paths_compare(struct paths *paths, const struct survey_subflow *list, size_t count,
	const struct subflows_missed *missed)
{
	subflows_compare(paths->subflows, list, count, missed);
}

/* ---- opening subflows ---- */

void paths_ask(struct paths *paths, struct subflows_connection *connection, unsigned detour, bool fresh)
{
	connection->paths[detour].state = PATH_ASKED;
	push(paths, (struct paths_action){.kind = PATHS_ASK,
			    .detour = detour,
			    .local = {.address = connection->local.address},
			    .remote = connection->remote,
			    .fresh = fresh});
}

/* Whatever has become of the subflow that rested: another one on its path does not. */
bool paths_rests(const struct subflows_connection *connection, unsigned detour)
{
	return connection->paths[detour].state == PATH_UP && path_of(connection, detour)->rests != 0;
}

unsigned paths_used(const struct paths *paths, const struct subflows_connection *connection)
{
	unsigned count = 0;

	for (unsigned i = 0; i < paths->count; i++)
		count += is_used(&connection->paths[i]) && !paths_rests(connection, i);
	return count;
}

static unsigned rank(const struct paths *paths, unsigned detour)
{
	enum detour_kind kind = paths->detours[detour].kind;

	return kind == DETOUR_VPN ? 0 : kind == DETOUR_DIRECT ? 1 : 2;
}

/* VPN, direct, NAT; then the oldest, then the order of the configuration. -1: none is ready. */
static int best_ready(const struct paths *paths, const struct subflows_connection *connection)
{
	int best = -1;

	for (unsigned i = 0; i < paths->count; i++) {
		if (connection->paths[i].state != PATH_READY)
			continue;
		if (best >= 0) {
			unsigned this = rank(paths, i), that = rank(paths, (unsigned)best);
			if (this > that ||
				(this == that && path_of(connection, i)->since >=
							 path_of(connection, (unsigned)best)->since))
				continue;
		}
		best = (int)i;
	}
	return best;
}

/* For one more: the one that rests for longest goes. */
static void make_room(struct paths *paths, struct subflows_connection *connection)
{
	unsigned count = 0;
	int oldest = -1;

	for (unsigned i = 0; i < paths->count; i++) {
		count += is_used(&connection->paths[i]);
		if (paths_rests(connection, i) &&
			(oldest < 0 ||
				path_of(connection, i)->rests < path_of(connection, (unsigned)oldest)->rests))
			oldest = (int)i;
	}
	if (oldest < 0 || count < plan_of(connection)->room)
		return;
	path_of(connection, (unsigned)oldest)->rests = 0;
	subflows_destroy(paths->subflows, connection, (unsigned)oldest);
	connection->paths[oldest].state = PATH_READY;
}

#define OPTION_NS 1000000000LL /* a SYN with an option that is not answered by then was dropped */

static void join(struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];
	bool nat = detour->kind == DETOUR_NAT;

	path_of(connection, index)->rests = 0;
	make_room(paths, connection);
	subflows_join(paths->subflows, now, connection, index,
		&(struct subflow_wish){
			.local = detour->local.s_addr ? detour->local : connection->local.address,
			.remote = nat ? (struct endpoint){.address = detour->at.address,
						.port = path_of(connection, index)->port}
				      : connection->remote,
			.if_index = detour->if_index});
	struct subflow *subflow = &connection->paths[index];
	if (!path_of(connection, index)->option || subflow->state != PATH_JOINING)
		return;
	paths->actions[paths->queued - 1].option = true;
	paths->actions[paths->queued - 1].destination = connection->remote.address;
	if (subflow->at > now + OPTION_NS)
		subflow->at = now + OPTION_NS;
	subflows_wake_at(paths->subflows, subflow->at);
}

void paths_serve(struct paths *paths, int64_t now, struct subflows_connection *connection)
{
	int best;

	if (now < plan_of(connection)->hold) {
		subflows_wake_at(paths->subflows, plan_of(connection)->hold);
		return;
	}
	struct plan *plan = plan_of(connection);
	if (plan->waits)
		return;
	if (plan->heir >= 0 && connection->paths[plan->heir].state == PATH_READY &&
		paths_used(paths, connection) < paths->settings.limit)
		join(paths, now, connection, (unsigned)plan->heir);
	while (paths_used(paths, connection) < paths->settings.limit &&
		(best = best_ready(paths, connection)) >= 0)
		join(paths, now, connection, (unsigned)best);
}

/* ---- detours ---- */

static void make_ready(struct subflows_connection *connection, unsigned detour, int64_t since)
{
	connection->paths[detour].state = PATH_READY;
	path_of(connection, detour)->since = since;
}

/* The detour changed under a path that had failed: its past says nothing about the new one. */
static bool is_stuck(const struct subflow *subflow)
{
	return subflow->state == PATH_WAITING || subflow->state == PATH_GIVEN_UP;
}

/* A mapping is for one address of ours. */
static bool is_for(const struct subflows_connection *connection, struct in_addr local, struct endpoint remote)
{
	return endpoint_equal(connection->remote, remote) && connection->local.address.s_addr == local.s_addr;
}

void paths_mapped(struct paths *paths, int64_t now, unsigned detour, struct in_addr local,
	struct endpoint remote, uint16_t port, int64_t since)
{
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		struct subflow *subflow = &c->paths[detour];
		struct path *path = path_of(c, detour);
		if (!is_for(c, local, remote)) {
			if (subflow->state == PATH_SILENT) /* it is there after all */
				paths_ask(paths, c, detour, false);
			continue;
		}
		bool moved = path->port != port, stuck = is_stuck(subflow);
		path->mapped = port;
		if (path->option && !stuck) /* on its way, or there */
			continue;
		path->option = false;
		path->port = port;
		path->silences = 0;
		if (moved && stuck)
			subflow_forgive(subflow);
		if (subflow->state == PATH_ASKED || subflow->state == PATH_SILENT || (moved && stuck))
			make_ready(c, detour, since);
		paths_serve(paths, now, c);
	}
}

void paths_unmapped(
	struct paths *paths, int64_t now, unsigned detour, struct in_addr local, struct endpoint remote)
{
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		struct subflow *subflow = &c->paths[detour];
		if (!is_for(c, local, remote) ||
			(subflow->state != PATH_ASKED && subflow->state != PATH_READY))
			continue;
		subflow->state = PATH_SILENT;
		subflow->at = now + subflows_back_off(paths->subflows, ++path_of(c, detour)->silences);
		subflows_wake_at(paths->subflows, subflow->at);
	}
}

void paths_enter_way(const struct paths *paths, struct subflows_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];
	bool there = detour->up || detour->kind == DETOUR_DIRECT;

	/* A program that bound to the address of the tunnel, or of the direct way, is on that path already. */
	if (there && detour->local.s_addr != connection->local.address.s_addr)
		make_ready(connection, index, detour->since);
	else
		connection->paths[index].state = PATH_IDLE;
}

/* What a connection first wants of a detour. */
void paths_enter(struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];

	if (detour->kind == DETOUR_NAT) {
		paths_ask(paths, connection, index, false);
		if (!detour->option_local.s_addr || now < detour->option_not_before ||
			detour->option_local.s_addr != connection->local.address.s_addr)
			return;
		*path_of(connection, index) = (struct path){.port = connection->remote.port, .option = true};
		make_ready(connection, index, detour->since);
	} else
		paths_enter_way(paths, connection, index); /* and a place without a detour is idle, too */
}

void paths_set_option(struct paths *paths, unsigned index, struct in_addr local)
{
	paths->detours[index].option_local = local;
}

void paths_leave_option(
	struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index)
{
	struct path *path = path_of(connection, index);

	path->option = false;
	paths->detours[index].option_not_before = now + PATHS_OPTION_PAUSE_NS;
	subflow_forgive(&connection->paths[index]);
	path->port = path->mapped;
	if (path->mapped)
		make_ready(connection, index, now);
	else
		paths_ask(paths, connection, index, true);
}

void paths_set_detour(struct paths *paths, int64_t now, unsigned index, const struct paths_detour *detour)
{
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		if (c->paths[index].state == PATH_UP)
			subflows_destroy(paths->subflows, c, index);
		subflow_forgive(&c->paths[index]);
		c->paths[index].state = PATH_IDLE;
		*path_of(c, index) = (struct path){0};
	}
	paths->detours[index] = detour ? (struct detour){.kind = detour->kind, .at = detour->at}
				       : (struct detour){.kind = DETOUR_NONE};
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		if (detour)
			paths_enter(paths, now, c, index);
		paths_serve(paths, now, c);
	}
}

void paths_tunnel_down(struct paths *paths, int64_t now, unsigned index)
{
	paths->detours[index].up = false;
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		if (c->paths[index].state == PATH_UP)
			subflows_destroy(paths->subflows, c, index);
		c->paths[index].state = PATH_IDLE;
		paths_serve(paths, now, c);
	}
}

void paths_tunnel_up(struct paths *paths, int64_t now, unsigned index, struct in_addr local, int if_index)
{
	struct detour *detour = &paths->detours[index];

	if (detour->up && detour->local.s_addr == local.s_addr && detour->if_index == if_index)
		return;
	if (detour->up)
		paths_tunnel_down(paths, now, index);
	detour->up = true;
	detour->local = local;
	detour->if_index = if_index;
	detour->since = now;
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		subflow_forgive(&c->paths[index]);
		paths_enter_way(paths, c, index);
		paths_serve(paths, now, c);
	}
}

bool paths_wants(const struct paths *paths, unsigned detour, struct in_addr local, struct endpoint remote)
{
	for (const struct subflows_connection *c = paths_first(paths); c; c = c->next)
		if (is_for(c, local, remote) && c->paths[detour].state != PATH_GIVEN_UP)
			return true;
	return false;
}
