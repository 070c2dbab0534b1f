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
	const struct subflows_settings kept = {.paths = count + 1,
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
		paths->detours[i] = (struct detour){.is = detours[i], .local = detours[i].from};
	paths->detours[count].is.kind = DETOUR_DIRECT;
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

const struct address *paths_address(const struct paths_detour *detour, const struct address *like)
{
	if (address_family(&detour->at.address) == address_family(like))
		return &detour->at.address;
	return address_family(&detour->other) == address_family(like) ? &detour->other : NULL;
}

bool paths_ends(const struct paths *paths, const struct subflows_connection *connection, unsigned index,
	struct ends *ends)
{
	const struct paths_detour *detour = &paths->detours[index].is;
	const struct plan *plan = plan_of(connection);
	const struct address *at = paths_address(detour, &connection->local.address);

	*ends = (struct ends){.local = connection->local.address, .remote = connection->remote};
	if (!at && !address_is_none(&plan->other_local)) {
		at = paths_address(detour, &plan->other_local);
		*ends = (struct ends){.local = plan->other_local, .remote = plan->other_remote};
	}
	if (at)
		ends->detour = *at;
	return at;
}

void paths_ask(struct paths *paths, struct subflows_connection *connection, unsigned detour, bool fresh)
{
	struct ends ends;

	if (!paths_ends(paths, connection, detour, &ends))
		return;
	connection->paths[detour].state = PATH_ASKED;
	push(paths, (struct paths_action){.kind = PATHS_ASK,
			    .detour = detour,
			    .local = {.address = ends.local},
			    .remote = ends.remote,
			    .fresh = fresh});
}

/* Whatever has become of the subflow that rested: another one on its path does not. */
bool paths_rests(const struct subflows_connection *connection, unsigned detour)
{
	return connection->paths[detour].state == PATH_UP && path_of(connection, detour)->rests != 0;
}

bool paths_have_room(const struct paths *paths, const struct subflows_connection *connection)
{
	return plan_of(connection)->room > paths->settings.limit;
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
	enum detour_kind kind = paths->detours[detour].is.kind;

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
	bool nat = detour->is.kind == DETOUR_NAT;

	struct subflow_wish wish = {
		.local = address_is_none(&detour->local) ? connection->local.address : detour->local,
		.remote = connection->remote,
		.if_index = detour->if_index};
	struct ends ends;

	if (nat) {
		paths_ends(paths, connection, index, &ends);
		wish = (struct subflow_wish){
			.local = ends.local, .remote = {ends.detour, path_of(connection, index)->port}};
	}
	path_of(connection, index)->rests = 0;
	make_room(paths, connection);
	subflows_join(paths->subflows, now, connection, index, &wish);
	struct subflow *subflow = &connection->paths[index];
	if (!path_of(connection, index)->option || subflow->state != PATH_JOINING)
		return;
	paths->actions[paths->queued - 1].option = true;
	paths->actions[paths->queued - 1].destination = connection->remote.address;
	if (subflow->at > now + OPTION_NS)
		subflow->at = now + OPTION_NS;
	subflows_wake_at(paths->subflows, subflow->at);
}

/* ---- the direct path */

unsigned paths_direct(const struct paths *paths)
{
	return paths->count;
}

bool paths_direct_ends(const struct paths *paths, const struct subflows_connection *connection,
	struct place *local, struct place *remote)
{
	const struct subflow *after = &connection->paths[paths_direct(paths)];

	if (connection->initial_closed && after->state != PATH_UP)
		return false;
	*local = connection->initial_closed ? after->local : connection->local;
	*remote = connection->remote;
	return true;
}

void paths_join_direct(struct paths *paths, int64_t now, struct subflows_connection *connection)
{
	subflows_join(paths->subflows, now, connection, paths_direct(paths),
		&(struct subflow_wish){.local = connection->local.address, .remote = connection->remote});
}

/* It is never given up: the path may be back in an hour, and nothing else would tell. */
void paths_restore_direct(struct paths *paths, int64_t now, struct subflows_connection *connection)
{
	struct subflow *direct = &connection->paths[paths_direct(paths)];

	if (!connection->initial_closed)
		return;
	if (direct->state == PATH_IDLE)
		subflows_failed(paths->subflows, now, connection, paths_direct(paths));
	if (direct->state != PATH_GIVEN_UP)
		return;
	direct->state = PATH_WAITING;
	direct->at = now + paths->settings.retry_last_ns;
	subflows_wake_at(paths->subflows, direct->at);
}

bool paths_direct_dead(struct paths *paths, int64_t now, uint32_t token)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);
	unsigned direct = paths_direct(paths), others = 0;

	for (unsigned i = 0; connection && i < paths->count; i++)
		others += connection->paths[i].state == PATH_UP;
	if (!others)
		return false;
	if (!connection->initial_closed) {
		connection->initial_closed = true;
		subflows_turn_away(
			paths->subflows, connection, direct, connection->local, connection->remote);
	} else if (connection->paths[direct].state == PATH_UP) {
		subflows_destroy(paths->subflows, connection, direct);
		subflows_failed(paths->subflows, now, connection, direct);
	}
	paths_restore_direct(paths, now, connection);
	return true;
}

void paths_serve(struct paths *paths, int64_t now, struct subflows_connection *connection)
{
	int best;

	paths_restore_direct(paths, now, connection);
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

static bool fits(const struct paths *paths, const struct subflows_connection *connection, unsigned index)
{
	const struct paths_detour *detour = &paths->detours[index].is;
	struct ends ends;

	if (detour->kind == DETOUR_NAT)
		return paths_ends(paths, connection, index, &ends);
	if (detour->kind == DETOUR_DIRECT)
		return address_is_none(&detour->from) ||
		       address_family(&detour->from) == address_family(&connection->local.address);
	return address_is_v4(&connection->local.address);
}

bool paths_fits_none(const struct paths *paths, const struct subflows_connection *connection)
{
	bool any = false;

	for (unsigned i = 0; i < paths->count; i++) {
		bool there = paths->detours[i].is.kind != DETOUR_NONE;
		if (there && connection->paths[i].state != PATH_OTHER_FAMILY)
			return false;
		any |= there;
	}
	return any;
}

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
static bool is_for(const struct paths *paths, const struct subflows_connection *connection, unsigned detour,
	struct address local, struct place remote)
{
	struct ends ends;

	return paths_ends(paths, connection, detour, &ends) && place_equal(&ends.remote, &remote) &&
	       address_equal(&ends.local, &local);
}

void paths_mapped(struct paths *paths, int64_t now, unsigned detour, struct address local,
	struct place remote, uint16_t port, int64_t since)
{
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		struct subflow *subflow = &c->paths[detour];
		struct path *path = path_of(c, detour);
		if (!is_for(paths, c, detour, local, remote)) {
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
	struct paths *paths, int64_t now, unsigned detour, struct address local, struct place remote)
{
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		struct subflow *subflow = &c->paths[detour];
		if (!is_for(paths, c, detour, local, remote) ||
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
	bool there = detour->up || detour->is.kind == DETOUR_DIRECT;

	if (!fits(paths, connection, index))
		connection->paths[index].state = PATH_OTHER_FAMILY;
	/* A program that bound to the address of the tunnel, or of the direct way, is on that path already. */
	else if (there && !address_equal(&detour->local, &connection->local.address))
		make_ready(connection, index, detour->since);
	else
		connection->paths[index].state = PATH_IDLE;
}

/* What a connection first wants of a detour. */
void paths_enter(struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];

	if (detour->is.kind == DETOUR_NONE)
		connection->paths[index].state = PATH_IDLE;
	else if (detour->is.kind == DETOUR_NAT && fits(paths, connection, index)) {
		paths_ask(paths, connection, index, false);
		if (now < detour->option_not_before ||
			!address_equal(&detour->option_local, &connection->local.address))
			return;
		*path_of(connection, index) = (struct path){.port = connection->remote.port, .option = true};
		make_ready(connection, index, detour->since);
	} else
		paths_enter_way(paths, connection, index);
}

void paths_set_option(struct paths *paths, unsigned index, struct address local)
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
	paths->detours[index] = (struct detour){.is.kind = DETOUR_NONE};
	if (detour)
		paths->detours[index].is = *detour;
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
		paths_enter_way(paths, c, index);
		paths_serve(paths, now, c);
	}
}

void paths_tunnel_up(struct paths *paths, int64_t now, unsigned index, struct address local, int if_index)
{
	struct detour *detour = &paths->detours[index];

	if (detour->up && address_equal(&detour->local, &local) && detour->if_index == if_index)
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

bool paths_wants(const struct paths *paths, unsigned detour, struct address local, struct place remote)
{
	for (const struct subflows_connection *c = paths_first(paths); c; c = c->next)
		if (is_for(paths, c, detour, local, remote) && c->paths[detour].state != PATH_GIVEN_UP)
			return true;
	return false;
}
