/* The policy of nodes/detour/client; its rules are in paths.h. The keeper (lib/mptcp/subflows.h) has a path a detour for
 * each connection; serve() is the only place that opens subflows, and is called whenever a path became ready or a place
 * became free. */
#include "nodes/detour/client/paths.h"

#include <stdlib.h>
#include <string.h>

/* A connection that ends closes its subflows one by one before it says so. A replacement for the first of
 * them would be a SYN for nothing, so a place that an established subflow left stays free this long. */
#define HOLD_NS 200000000LL

struct detour {
	enum detour_kind kind;
	struct endpoint at;
	bool up; /* VPN */
	struct in_addr local;
	int if_index;
	int64_t since;
};

struct paths {
	struct paths_settings settings;
	struct detour *detours;
	unsigned count;
	struct subflows *subflows;
	struct paths_action *actions; /* a queue: [taken, queued) */
	size_t taken, queued, room;
};

/* What the policy keeps beside a connection and beside each of its subflows. */
struct plan {
	int64_t hold; /* no new subflow before: it may be closing */
};

struct path {
	int64_t since;     /* age of the detour (VPN) or of its mapping (NAT): the oldest is used first */
	uint16_t port;     /* NAT: the detour's port for this destination */
	unsigned silences; /* requests in a row without an answer */
};

static struct plan *plan_of(const struct subflows_connection *connection)
{
	return connection->own;
}

static struct path *path_of(const struct subflows_connection *connection, unsigned detour)
{
	return (struct path *)connection->own_paths + detour;
}

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
	push(context,
		(struct paths_action){.kind = action->kind == SUBFLOW_CREATE ? PATHS_CREATE : PATHS_DESTROY,
			.detour = action->path,
			.token = action->token,
			.local = action->local,
			.remote = action->remote,
			.local_id = action->local_id,
			.if_index = action->if_index});
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
		paths->detours[i] = (struct detour){.kind = detours[i].kind, .at = detours[i].at};
	paths->count = count;
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

static void ask(struct paths *paths, struct subflows_connection *connection, unsigned detour, bool fresh)
{
	connection->paths[detour].state = PATH_ASKED;
	push(paths, (struct paths_action){.kind = PATHS_ASK,
			    .detour = detour,
			    .local = {.address = connection->local.address},
			    .remote = connection->remote,
			    .fresh = fresh});
}

static bool is_used(const struct subflow *subflow)
{
	return subflow->state == PATH_JOINING || subflow->state == PATH_UP;
}

static unsigned used(const struct paths *paths, const struct subflows_connection *connection)
{
	unsigned count = 0;

	for (unsigned i = 0; i < paths->count; i++)
		count += is_used(&connection->paths[i]);
	return count;
}

/* VPN before NAT, then the oldest, then the order of the configuration. -1: none is ready. */
static int best_ready(const struct paths *paths, const struct subflows_connection *connection)
{
	int best = -1;

	for (unsigned i = 0; i < paths->count; i++) {
		if (connection->paths[i].state != PATH_READY)
			continue;
		if (best >= 0) {
			bool vpn = paths->detours[i].kind == DETOUR_VPN;
			bool best_vpn = paths->detours[best].kind == DETOUR_VPN;
			if (vpn < best_vpn ||
				(vpn == best_vpn && path_of(connection, i)->since >=
							    path_of(connection, (unsigned)best)->since))
				continue;
		}
		best = (int)i;
	}
	return best;
}

static void join(struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];
	bool vpn = detour->kind == DETOUR_VPN;

	subflows_join(paths->subflows, now, connection, index,
		&(struct subflow_wish){.local = vpn ? detour->local : connection->local.address,
			.remote = vpn ? connection->remote
				      : (struct endpoint){.address = detour->at.address,
						.port = path_of(connection, index)->port},
			.if_index = vpn ? detour->if_index : 0});
}

static void serve(struct paths *paths, int64_t now, struct subflows_connection *connection)
{
	int best;

	if (now < plan_of(connection)->hold) {
		subflows_wake_at(paths->subflows, plan_of(connection)->hold);
		return;
	}
	while (used(paths, connection) < paths->settings.limit && (best = best_ready(paths, connection)) >= 0)
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
				ask(paths, c, detour, false);
			continue;
		}
		bool moved = path->port != port, stuck = is_stuck(subflow);
		path->port = port;
		path->silences = 0;
		if (moved && stuck)
			subflow_forgive(subflow);
		if (subflow->state == PATH_ASKED || subflow->state == PATH_SILENT || (moved && stuck))
			make_ready(c, detour, since);
		serve(paths, now, c);
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

static void enter_tunnel(const struct paths *paths, struct subflows_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];

	/* A program that bound to the tunnel's address is on that path already. */
	if (detour->up && detour->local.s_addr != connection->local.address.s_addr)
		make_ready(connection, index, detour->since);
	else
		connection->paths[index].state = PATH_IDLE;
}

/* What a connection first wants of a detour. */
static void enter(struct paths *paths, struct subflows_connection *connection, unsigned index)
{
	if (paths->detours[index].kind == DETOUR_NAT)
		ask(paths, connection, index, false);
	else
		enter_tunnel(paths, connection, index); /* and a place without a detour is idle, too */
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
			enter(paths, c, index);
		serve(paths, now, c);
	}
}

void paths_tunnel_down(struct paths *paths, int64_t now, unsigned index)
{
	paths->detours[index].up = false;
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		if (c->paths[index].state == PATH_UP)
			subflows_destroy(paths->subflows, c, index);
		c->paths[index].state = PATH_IDLE;
		serve(paths, now, c);
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
		enter_tunnel(paths, c, index);
		serve(paths, now, c);
	}
}

bool paths_wants(const struct paths *paths, unsigned detour, struct in_addr local, struct endpoint remote)
{
	for (const struct subflows_connection *c = paths_first(paths); c; c = c->next)
		if (is_for(c, local, remote) && c->paths[detour].state != PATH_GIVEN_UP)
			return true;
	return false;
}

/* ---- events of connections and subflows ---- */

static enum paths_verdict judge(
	const struct paths *paths, struct endpoint local, struct endpoint remote, bool server_side)
{
	uint32_t address = ntohl(remote.address.s_addr);

	if (server_side)
		return PATHS_SERVER_SIDE;
	for (unsigned i = 0; i < paths->count; i++)
		if (paths->detours[i].kind != DETOUR_NONE &&
			(paths->detours[i].at.address.s_addr == remote.address.s_addr ||
				paths->detours[i].at.port == remote.port))
			return PATHS_TO_DETOUR;
	if (!address || !remote.port || address >> 24 == IN_LOOPBACKNET || IN_MULTICAST(address) ||
		IN_BADCLASS(address) || local.address.s_addr == remote.address.s_addr)
		return PATHS_UNREACHABLE;
	return PATHS_TAKEN;
}

enum paths_verdict paths_established(struct paths *paths, int64_t now, uint32_t token, struct endpoint local,
	struct endpoint remote, bool server_side)
{
	enum paths_verdict verdict = judge(paths, local, remote, server_side);

	if (verdict != PATHS_TAKEN)
		return verdict;
	if (paths_find(paths, token))
		return PATHS_KNOWN;
	struct subflows_connection *connection = subflows_open(paths->subflows, now, token, local, remote);
	plan_of(connection)->hold = now + paths->settings.join_after_ns;
	for (unsigned i = 0; i < paths->count; i++)
		enter(paths, connection, i);
	serve(paths, now, connection);
	return PATHS_TAKEN;
}

/* The detour that a subflow runs across, told by its addresses; -1: the initial subflow, or another's work.
 */
static int detour_of(const struct paths *paths, const struct subflows_connection *connection,
	struct endpoint local, struct endpoint remote)
{
	for (unsigned i = 0; i < paths->count; i++) {
		const struct detour *detour = &paths->detours[i];
		const struct subflow *subflow = &connection->paths[i];
		uint16_t port = path_of(connection, i)->port;
		if (detour->kind == DETOUR_NONE)
			continue;
		if (detour->kind == DETOUR_NAT) {
			/* Two daemons may share a host: then the port decides. */
			if (remote.address.s_addr == detour->at.address.s_addr &&
				(!port || port == remote.port || subflow->remote.port == remote.port))
				return (int)i;
			continue;
		}
		if (!endpoint_equal(remote, connection->remote) ||
			local.address.s_addr == connection->local.address.s_addr)
			continue;
		if ((detour->up && local.address.s_addr == detour->local.s_addr) ||
			local.address.s_addr == subflow->local.address.s_addr)
			return (int)i;
	}
	return -1;
}

void paths_subflow_established(struct paths *paths, int64_t now, uint32_t token, struct endpoint local,
	struct endpoint remote, uint8_t id)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection)
		return;
	int index = detour_of(paths, connection, local, remote);
	if (index < 0) {
		subflows_note_local(connection, local.address, id);
		return;
	}
	const struct subflow *subflow = &connection->paths[index];
	bool same = subflow->state == PATH_UP && endpoint_equal(subflow->local, local);
	bool place = subflow->state == PATH_JOINING ||
		     (subflow->state != PATH_UP && used(paths, connection) < paths->settings.limit);
	/* One that was given up for silent may come late: welcome, unless its place is taken. */
	if (!same && !place) {
		subflows_note_local(connection, local.address, id);
		subflows_turn_away(paths->subflows, connection, (unsigned)index, local, remote);
		return;
	}
	subflows_up(paths->subflows, now, connection, (unsigned)index, local, remote, id, false);
	if (paths->detours[index].kind == DETOUR_NAT && !path_of(connection, (unsigned)index)->port)
		path_of(connection, (unsigned)index)->port = remote.port;
}

void paths_subflow_closed(
	struct paths *paths, int64_t now, uint32_t token, struct endpoint local, struct endpoint remote)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection)
		return;
	int index = detour_of(paths, connection, local, remote);
	bool was_up = index >= 0 && connection->paths[index].state == PATH_UP;
	if (!subflows_down(paths->subflows, now, connection, index, local, remote))
		return;
	struct plan *plan = plan_of(connection);
	if (was_up && plan->hold < now + HOLD_NS)
		plan->hold = now + HOLD_NS;
	serve(paths, now, connection);
}

void paths_subflow_refused(struct paths *paths, int64_t now, uint32_t token, unsigned detour)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection || connection->paths[detour].state != PATH_JOINING)
		return;
	subflows_failed(paths->subflows, now, connection, detour);
	serve(paths, now, connection);
}

void paths_reroute(struct paths *paths, int64_t now, uint32_t token, unsigned from, int to, bool dead)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection || connection->paths[from].state != PATH_UP)
		return;
	subflows_destroy(paths->subflows, connection, from);
	if (dead)
		subflows_failed(paths->subflows, now, connection, from);
	if (to >= 0 && connection->paths[to].state == PATH_READY)
		join(paths, now, connection, (unsigned)to);
	if (!dead)
		connection->paths[from].state = PATH_READY;
	serve(paths, now, connection);
}

/* ---- time ---- */

int64_t paths_deadline(const struct paths *paths)
{
	return subflows_deadline(paths->subflows);
}

static void tick_path(
	struct paths *paths, int64_t now, struct subflows_connection *connection, unsigned index)
{
	const struct subflow *subflow = &connection->paths[index];
	bool silent = subflow->state == PATH_SILENT;

	if (silent && now < subflow->at)
		subflows_wake_at(paths->subflows, subflow->at);
	else if (!silent && !subflows_due(paths->subflows, now, connection, index))
		return;
	else if (paths->detours[index].kind == DETOUR_NAT)
		ask(paths, connection, index, true);
	else
		enter_tunnel(paths, connection, index);
}

void paths_tick(struct paths *paths, int64_t now)
{
	if (!subflows_wake(paths->subflows, now))
		return;
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		for (unsigned i = 0; i < paths->count; i++)
			tick_path(paths, now, c, i);
		serve(paths, now, c);
	}
}

const char *path_state_name(enum path_state state)
{
	static const char *const names[PATH_STATES] = {[PATH_IDLE] = "idle",
		[PATH_ASKED] = "asked",
		[PATH_SILENT] = "silent",
		[PATH_READY] = "ready",
		[PATH_JOINING] = "joining",
		[PATH_UP] = "up",
		[PATH_WAITING] = "waiting",
		[PATH_GIVEN_UP] = "given-up"};
	return names[state];
}

const char *paths_verdict_name(enum paths_verdict verdict)
{
	static const char *const names[PATHS_VERDICTS] = {
		"taken", "known", "server-side", "to-detour", "unreachable"};
	return names[verdict];
}
