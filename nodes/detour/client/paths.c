/* The policy of nodes/client; its rules are in paths.h. Each connection has one `struct path` a detour, a
 * small state machine; serve() is the only place that opens subflows, and is called whenever a path became
 * ready or a place became free. */
#include "nodes/detour/client/paths.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
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
	struct paths_connection *buckets[BUCKETS];
	struct paths_connection *first, *last;
	struct paths_action *actions; /* a queue: [taken, queued) */
	size_t taken, queued, room;
	int64_t deadline;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct paths *paths_new(
	const struct paths_settings *settings, const struct paths_detour *detours, unsigned count)
{
	struct paths *paths = must(calloc(1, sizeof *paths));

	paths->settings = *settings;
	paths->detours = must(calloc(count + 1, sizeof *paths->detours));
	for (unsigned i = 0; i < count; i++)
		paths->detours[i] = (struct detour){.kind = detours[i].kind, .at = detours[i].at};
	paths->count = count;
	paths->deadline = PATHS_NEVER;
	return paths;
}

void paths_free(struct paths *paths)
{
	if (!paths)
		return;
	while (paths->first)
		paths_closed(paths, paths->first->token);
	free(paths->actions);
	free(paths->detours);
	free(paths);
}

/* ---- actions and time ---- */

static void push(struct paths *paths, struct paths_action action)
{
	if (paths->queued == paths->room) {
		paths->room = paths->room ? 2 * paths->room : 16;
		paths->actions = must(realloc(paths->actions, paths->room * sizeof *paths->actions));
	}
	paths->actions[paths->queued++] = action;
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

int64_t paths_deadline(const struct paths *paths)
{
	return paths->deadline;
}

static void wake_at(struct paths *paths, int64_t at)
{
	if (at < paths->deadline)
		paths->deadline = at;
}

static int64_t back_off(const struct paths_settings *settings, unsigned times)
{
	int64_t pause = settings->retry_first_ns;

	while (times-- > 1 && pause < settings->retry_last_ns)
		pause *= 2;
	return pause < settings->retry_last_ns ? pause : settings->retry_last_ns;
}

static void set_timer(struct paths *paths, struct path *path, enum path_state state, int64_t at)
{
	path->state = state;
	path->at = at;
	wake_at(paths, at);
}

/* ---- connections ---- */

static struct paths_connection *find(const struct paths *paths, uint32_t token)
{
	struct paths_connection *connection = paths->buckets[token % BUCKETS];

	while (connection && connection->token != token)
		connection = connection->bucket_next;
	return connection;
}

const struct paths_connection *paths_find(const struct paths *paths, uint32_t token)
{
	return find(paths, token);
}

const struct paths_connection *paths_first(const struct paths *paths)
{
	return paths->first;
}

static struct paths_connection *add(
	struct paths *paths, uint32_t token, struct endpoint local, struct endpoint remote)
{
	struct paths_connection *connection =
		must(calloc(1, sizeof *connection + paths->count * sizeof connection->paths[0]));

	connection->token = token;
	connection->local = local;
	connection->remote = remote;
	connection->bucket_next = paths->buckets[token % BUCKETS];
	paths->buckets[token % BUCKETS] = connection;
	connection->previous = paths->last;
	*(paths->last ? &paths->last->next : &paths->first) = connection;
	paths->last = connection;
	return connection;
}

void paths_closed(struct paths *paths, uint32_t token)
{
	struct paths_connection *connection = find(paths, token);
	struct paths_connection **link = &paths->buckets[token % BUCKETS];

	if (!connection)
		return;
	while (*link != connection)
		link = &(*link)->bucket_next;
	*link = connection->bucket_next;
	*(connection->previous ? &connection->previous->next : &paths->first) = connection->next;
	*(connection->next ? &connection->next->previous : &paths->last) = connection->previous;
	free(connection->locals);
	free(connection);
}

/* The kernel wants local address and identifier one to one within a connection; the initial subflow's own
 * pair (its address with its port) is identifier 0, and the same address without a port is another. 0: none
 * is left. */
static uint8_t local_id(struct paths_connection *connection, struct in_addr address)
{
	bool taken[256] = {true};
	unsigned id = 0;

	for (unsigned i = 0; i < connection->local_count; i++) {
		if (connection->locals[i].address.s_addr == address.s_addr)
			return connection->locals[i].id;
		taken[connection->locals[i].id] = true;
	}
	while (id < 256 && taken[id])
		id++;
	return id < 256 ? (uint8_t)id : 0;
}

static void note_local(struct paths_connection *connection, struct in_addr address, uint8_t id)
{
	if (!id || local_id(connection, address) == 0)
		return;
	for (unsigned i = 0; i < connection->local_count; i++)
		if (connection->locals[i].address.s_addr == address.s_addr)
			return;
	connection->locals =
		must(realloc(connection->locals, (connection->local_count + 1) * sizeof *connection->locals));
	connection->locals[connection->local_count++] = (struct paths_local){.address = address, .id = id};
}

/* ---- opening subflows ---- */

static void ask(struct paths *paths, struct paths_connection *connection, unsigned detour, bool fresh)
{
	connection->paths[detour].state = PATH_ASKED;
	push(paths,
		(struct paths_action){
			.kind = PATHS_ASK, .detour = detour, .remote = connection->remote, .fresh = fresh});
}

static void destroy(struct paths *paths, const struct paths_connection *connection, unsigned detour,
	struct endpoint local, struct endpoint remote)
{
	push(paths, (struct paths_action){.kind = PATHS_DESTROY,
			    .detour = detour,
			    .token = connection->token,
			    .local = local,
			    .remote = remote});
}

static bool is_used(const struct path *path)
{
	return path->state == PATH_JOINING || path->state == PATH_UP;
}

static unsigned used(const struct paths *paths, const struct paths_connection *connection)
{
	unsigned count = 0;

	for (unsigned i = 0; i < paths->count; i++)
		count += is_used(&connection->paths[i]);
	return count;
}

/* VPN before NAT, then the oldest, then the order of the configuration. -1: none is ready. */
static int best_ready(const struct paths *paths, const struct paths_connection *connection)
{
	int best = -1;

	for (unsigned i = 0; i < paths->count; i++) {
		const struct path *path = &connection->paths[i];
		if (path->state != PATH_READY)
			continue;
		if (best >= 0) {
			bool vpn = paths->detours[i].kind == DETOUR_VPN;
			bool best_vpn = paths->detours[best].kind == DETOUR_VPN;
			if (vpn < best_vpn ||
				(vpn == best_vpn && path->since >= connection->paths[best].since))
				continue;
		}
		best = (int)i;
	}
	return best;
}

static void join(struct paths *paths, int64_t now, struct paths_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];
	struct path *path = &connection->paths[index];
	bool vpn = detour->kind == DETOUR_VPN;

	path->local = (struct endpoint){.address = vpn ? detour->local : connection->local.address};
	path->remote = vpn ? connection->remote
			   : (struct endpoint){.address = detour->at.address, .port = path->port};
	path->local_id = local_id(connection, path->local.address);
	if (!path->local_id) {
		path->state = PATH_GIVEN_UP;
		return;
	}
	note_local(connection, path->local.address, path->local_id);
	set_timer(paths, path, PATH_JOINING, now + paths->settings.join_deadline_ns);
	push(paths, (struct paths_action){.kind = PATHS_CREATE,
			    .detour = index,
			    .token = connection->token,
			    .local = path->local,
			    .remote = path->remote,
			    .local_id = path->local_id,
			    .if_index = vpn ? detour->if_index : 0});
}

static void serve(struct paths *paths, int64_t now, struct paths_connection *connection)
{
	int best;

	if (now < connection->hold) {
		wake_at(paths, connection->hold);
		return;
	}
	while (used(paths, connection) < paths->settings.limit && (best = best_ready(paths, connection)) >= 0)
		join(paths, now, connection, (unsigned)best);
}

static void path_failed(struct paths *paths, int64_t now, struct path *path)
{
	if (path->state == PATH_UP && now - path->at >= paths->settings.stable_ns)
		path->failures = 0;
	path->failures++;
	path->local.port = 0;
	if (path->failures >= paths->settings.attempts)
		path->state = PATH_GIVEN_UP;
	else
		set_timer(paths, path, PATH_WAITING, now + back_off(&paths->settings, path->failures));
}

/* ---- detours ---- */

static void make_ready(struct path *path, int64_t since)
{
	path->state = PATH_READY;
	path->since = since;
}

/* The detour changed under a path that had failed: its past says nothing about the new one. */
static bool is_stuck(const struct path *path)
{
	return path->state == PATH_WAITING || path->state == PATH_GIVEN_UP;
}

void paths_mapped(struct paths *paths, int64_t now, unsigned detour, struct endpoint remote, uint16_t port,
	int64_t since)
{
	for (struct paths_connection *c = paths->first; c; c = c->next) {
		struct path *path = &c->paths[detour];
		if (!endpoint_equal(c->remote, remote)) {
			if (path->state == PATH_SILENT) /* it is there after all */
				ask(paths, c, detour, false);
			continue;
		}
		bool moved = path->port != port;
		path->port = port;
		path->silences = 0;
		if (moved && is_stuck(path))
			path->failures = 0;
		if (path->state == PATH_ASKED || path->state == PATH_SILENT || (moved && is_stuck(path)))
			make_ready(path, since);
		serve(paths, now, c);
	}
}

void paths_unmapped(struct paths *paths, int64_t now, unsigned detour, struct endpoint remote)
{
	for (struct paths_connection *c = paths->first; c; c = c->next) {
		struct path *path = &c->paths[detour];
		if (!endpoint_equal(c->remote, remote) ||
			(path->state != PATH_ASKED && path->state != PATH_READY))
			continue;
		path->silences++;
		set_timer(paths, path, PATH_SILENT, now + back_off(&paths->settings, path->silences));
	}
}

static void enter_tunnel(const struct paths *paths, struct paths_connection *connection, unsigned index)
{
	const struct detour *detour = &paths->detours[index];
	struct path *path = &connection->paths[index];

	/* A program that bound to the tunnel's address is on that path already. */
	if (detour->up && detour->local.s_addr != connection->local.address.s_addr)
		make_ready(path, detour->since);
	else
		path->state = PATH_IDLE;
}

void paths_tunnel_down(struct paths *paths, int64_t now, unsigned index)
{
	paths->detours[index].up = false;
	for (struct paths_connection *c = paths->first; c; c = c->next) {
		struct path *path = &c->paths[index];
		if (path->state == PATH_UP)
			destroy(paths, c, index, path->local, path->remote);
		path->state = PATH_IDLE;
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
	for (struct paths_connection *c = paths->first; c; c = c->next) {
		c->paths[index].failures = 0;
		enter_tunnel(paths, c, index);
		serve(paths, now, c);
	}
}

bool paths_wants(const struct paths *paths, unsigned detour, struct endpoint remote)
{
	for (const struct paths_connection *c = paths->first; c; c = c->next)
		if (endpoint_equal(c->remote, remote) && c->paths[detour].state != PATH_GIVEN_UP)
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
		if (paths->detours[i].at.address.s_addr == remote.address.s_addr ||
			paths->detours[i].at.port == remote.port)
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
	if (find(paths, token))
		return PATHS_KNOWN;
	struct paths_connection *connection = add(paths, token, local, remote);
	connection->hold = now + paths->settings.join_after_ns;
	for (unsigned i = 0; i < paths->count; i++) {
		if (paths->detours[i].kind == DETOUR_NAT)
			ask(paths, connection, i, false);
		else
			enter_tunnel(paths, connection, i);
	}
	serve(paths, now, connection);
	return PATHS_TAKEN;
}

/* The detour that a subflow runs across, told by its addresses; -1: the initial subflow, or another's work.
 */
static int detour_of(const struct paths *paths, const struct paths_connection *connection,
	struct endpoint local, struct endpoint remote)
{
	for (unsigned i = 0; i < paths->count; i++) {
		const struct detour *detour = &paths->detours[i];
		const struct path *path = &connection->paths[i];
		if (detour->kind == DETOUR_NAT) {
			/* Two daemons may share a host: then the port decides. */
			if (remote.address.s_addr == detour->at.address.s_addr &&
				(!path->port || path->port == remote.port ||
					path->remote.port == remote.port))
				return (int)i;
			continue;
		}
		if (!endpoint_equal(remote, connection->remote) ||
			local.address.s_addr == connection->local.address.s_addr)
			continue;
		if ((detour->up && local.address.s_addr == detour->local.s_addr) ||
			local.address.s_addr == path->local.address.s_addr)
			return (int)i;
	}
	return -1;
}

void paths_subflow_established(struct paths *paths, int64_t now, uint32_t token, struct endpoint local,
	struct endpoint remote, uint8_t id)
{
	struct paths_connection *connection = find(paths, token);

	if (!connection)
		return;
	note_local(connection, local.address, id);
	int index = detour_of(paths, connection, local, remote);
	if (index < 0)
		return;
	struct path *path = &connection->paths[index];
	bool same = path->state == PATH_UP && endpoint_equal(path->local, local);
	if (same)
		return;
	/* One that was given up for silent may come late: welcome, unless its place is taken. */
	if (path->state == PATH_UP ||
		(path->state != PATH_JOINING && used(paths, connection) >= paths->settings.limit)) {
		destroy(paths, connection, (unsigned)index, local, remote);
		return;
	}
	path->state = PATH_UP;
	path->at = now;
	path->local = local;
	path->remote = remote;
	path->local_id = id;
	if (paths->detours[index].kind == DETOUR_NAT && !path->port)
		path->port = remote.port;
}

void paths_subflow_closed(
	struct paths *paths, int64_t now, uint32_t token, struct endpoint local, struct endpoint remote)
{
	struct paths_connection *connection = find(paths, token);

	if (!connection)
		return;
	if (endpoint_equal(local, connection->local) && endpoint_equal(remote, connection->remote)) {
		connection->initial_closed = true;
		return;
	}
	int index = detour_of(paths, connection, local, remote);
	if (index < 0)
		return;
	struct path *path = &connection->paths[index];
	if (path->state == PATH_UP && endpoint_equal(path->local, local))
		connection->hold = connection->hold > now + HOLD_NS ? connection->hold : now + HOLD_NS;
	else if (path->state != PATH_JOINING)
		return; /* an earlier one of this path */
	path_failed(paths, now, path);
	serve(paths, now, connection);
}

void paths_subflow_refused(struct paths *paths, int64_t now, uint32_t token, unsigned detour)
{
	struct paths_connection *connection = find(paths, token);

	if (!connection || connection->paths[detour].state != PATH_JOINING)
		return;
	path_failed(paths, now, &connection->paths[detour]);
	serve(paths, now, connection);
}

/* ---- time ---- */

static void tick_path(struct paths *paths, int64_t now, struct paths_connection *connection, unsigned index)
{
	struct path *path = &connection->paths[index];
	bool timed = path->state == PATH_JOINING || path->state == PATH_SILENT || path->state == PATH_WAITING;

	if (!timed)
		return;
	if (now < path->at) {
		wake_at(paths, path->at);
		return;
	}
	if (path->state == PATH_JOINING)
		path_failed(paths, now, path);
	else if (paths->detours[index].kind == DETOUR_NAT)
		ask(paths, connection, index, true);
	else
		enter_tunnel(paths, connection, index);
}

void paths_tick(struct paths *paths, int64_t now)
{
	if (now < paths->deadline)
		return;
	paths->deadline = PATHS_NEVER;
	for (struct paths_connection *c = paths->first; c; c = c->next) {
		for (unsigned i = 0; i < paths->count; i++)
			tick_path(paths, now, c, i);
		serve(paths, now, c);
	}
}

const char *path_state_name(enum path_state state)
{
	static const char *const names[PATH_STATES] = {
		"idle", "asked", "silent", "ready", "joining", "up", "waiting", "given-up"};
	return names[state];
}

const char *paths_verdict_name(enum paths_verdict verdict)
{
	static const char *const names[PATHS_VERDICTS] = {
		"taken", "known", "server-side", "to-detour", "unreachable"};
	return names[verdict];
}
