/* The policy: what the kernel tells of connections and subflows, what time brings, and what bytes. */
#include "nodes/detour/client/paths_internal.h"

/* ---- events of connections and subflows ---- */

/* No detour leads there: to this host itself, to many, to what is known by one link alone. */
static bool is_unreachable(struct place local, struct place remote)
{
	static const struct address loopback = {{[15] = 1}};
	const uint8_t *bytes = remote.address.bytes;
	uint32_t v4 = ntohl(address_v4(&remote.address).s_addr);

	if (!remote.port || address_is_none(&remote.address) ||
		address_equal(&local.address, &remote.address))
		return true;
	if (address_is_v4(&remote.address))
		return !v4 || v4 >> 24 == IN_LOOPBACKNET || IN_MULTICAST(v4) || IN_BADCLASS(v4);
	return address_equal(&remote.address, &loopback) || bytes[0] == 0xff ||
	       (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

static enum paths_verdict judge(
	const struct paths *paths, struct place local, struct place remote, bool server_side)
{

	if (server_side)
		return PATHS_SERVER_SIDE;
	if (is_unreachable(local, remote))
		return PATHS_UNREACHABLE;
	for (unsigned i = 0; i < paths->count; i++) {
		const struct paths_detour *detour = &paths->detours[i].is;
		if (detour->kind <= DETOUR_VPN && (address_equal(&detour->at.address, &remote.address) ||
							  address_equal(&detour->other, &remote.address) ||
							  detour->at.port == remote.port))
			return PATHS_TO_DETOUR;
	}
	return PATHS_TAKEN;
}

enum paths_verdict paths_found(struct paths *paths, int64_t now, uint32_t token, struct place local,
	struct place remote, bool server_side)
{
	enum paths_verdict verdict = judge(paths, local, remote, server_side);

	if (verdict != PATHS_TAKEN)
		return verdict;
	if (paths_find(paths, token))
		return PATHS_KNOWN;
	struct subflows_connection *connection = subflows_open(paths->subflows, now, token, local, remote);
	plan_of(connection)->hold = now + paths->settings.join_after_ns;
	plan_of(connection)->heir = -1;
	plan_of(connection)->room = ROOM_MOST;
	paths_wait_for_bytes(paths, now, connection);
	for (unsigned i = 0; i < paths->count; i++)
		paths_enter(paths, now, connection, i);
	return PATHS_TAKEN;
}

enum paths_verdict paths_established(struct paths *paths, int64_t now, uint32_t token, struct place local,
	struct place remote, bool server_side)
{
	enum paths_verdict verdict = paths_found(paths, now, token, local, remote, server_side);

	if (verdict == PATHS_TAKEN)
		paths_serve(paths, now, subflows_find(paths->subflows, token));
	return verdict;
}

void paths_serve_all(struct paths *paths, int64_t now)
{
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next)
		paths_serve(paths, now, c);
}

/* The direct way of a subflow from there; several may have one address, and differ by their ports alone. Behind them stands what follows the
 * initial subflow. -1: none. */
static int direct_of(
	const struct paths *paths, const struct subflows_connection *connection, struct place local)
{
	int best = -1, most = 0;

	for (unsigned i = 0; i < paths->count + connection->initial_closed; i++) {
		const struct detour *detour = &paths->detours[i];
		const struct subflow *subflow = &connection->paths[i];
		const struct address *from =
			address_is_none(&detour->local) ? &connection->local.address : &detour->local;
		if (detour->is.kind != DETOUR_DIRECT || !address_equal(from, &local.address))
			continue;
		bool its = subflow->left == local.port ||
			   (subflow->state == PATH_UP && subflow->local.port == local.port);
		int fits = its ? 3 : subflow->state == PATH_JOINING ? 2 : subflow->state != PATH_UP ? 1 : 0;
		if (fits <= most)
			continue;
		most = fits;
		best = (int)i;
	}
	return best;
}

/* The path that a subflow runs across, told by its addresses; -1: the initial subflow, or another's work.
 */
static int detour_of(const struct paths *paths, const struct subflows_connection *connection,
	struct place local, struct place remote)
{
	for (unsigned i = 0; i < paths->count; i++) {
		const struct detour *detour = &paths->detours[i];
		const struct subflow *subflow = &connection->paths[i];
		uint16_t port = path_of(connection, i)->port;
		struct ends ends;
		if (detour->is.kind == DETOUR_NONE || detour->is.kind == DETOUR_DIRECT)
			continue;
		if (detour->is.kind == DETOUR_NAT) {
			/* Two daemons may share a host: then the port decides. */
			if (paths_ends(paths, connection, i, &ends) &&
				address_equal(&remote.address, &ends.detour) &&
				(!port || port == remote.port || subflow->remote.port == remote.port))
				return (int)i;
			continue;
		}
		if (!place_equal(&remote, &connection->remote) ||
			address_equal(&local.address, &connection->local.address))
			continue;
		if ((detour->up && address_equal(&local.address, &detour->local)) ||
			address_equal(&local.address, &subflow->local.address))
			return (int)i;
	}
	return place_equal(&remote, &connection->remote) && !place_equal(&local, &connection->local)
		       ? direct_of(paths, connection, local)
		       : -1;
}

void paths_subflow_established(
	struct paths *paths, int64_t now, uint32_t token, struct place local, struct place remote, uint8_t id)
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
	bool same = subflow->state == PATH_UP && place_equal(&subflow->local, &local);
	bool place = subflow->state == PATH_JOINING ||
		     (subflow->state != PATH_UP && paths_used(paths, connection) < paths->settings.limit);
	/* One that was given up for silent may come late: welcome, unless its place is taken. */
	if (!same && !place) {
		subflows_note_local(connection, local.address, id);
		subflows_turn_away(paths->subflows, connection, (unsigned)index, local, remote);
		return;
	}
	subflows_up(paths->subflows, now, connection, (unsigned)index, local, remote, id, false);
	if (paths->detours[index].is.kind == DETOUR_NAT && !path_of(connection, (unsigned)index)->port)
		path_of(connection, (unsigned)index)->port = remote.port;
}

void paths_subflow_closed(
	struct paths *paths, int64_t now, uint32_t token, struct place local, struct place remote)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection)
		return;
	int index = detour_of(paths, connection, local, remote);
	bool was_up = index >= 0 && connection->paths[index].state == PATH_UP;
	int64_t up_at = index >= 0 ? connection->paths[index].at : 0;
	if (!subflows_down(paths->subflows, now, connection, index, local, remote)) {
		paths_restore_direct(paths, now, connection); /* it may have been the initial one */
		return;
	}
	if (!was_up && path_of(connection, (unsigned)index)->option)
		paths_leave_option(paths, now, connection, (unsigned)index);
	path_of(connection, (unsigned)index)->option = false;
	struct plan *plan = plan_of(connection);
	if (was_up && plan->heir == index && now - up_at < TURNED_AWAY_NS &&
		plan->turned_away < TURNED_AWAY_MOST) {
		subflow_forgive(&connection->paths[index]);
		connection->paths[index].state = PATH_READY;
		plan->hold = now + (TURNED_AWAY_FIRST_NS << plan->turned_away++);
		unsigned there = 0;
		for (unsigned i = 0; i < paths->count; i++)
			there += is_used(&connection->paths[i]);
		plan->room = there > paths->settings.limit ? there : paths->settings.limit;
	} else if (was_up && plan->hold < now + HOLD_NS)
		plan->hold = now + HOLD_NS;
	paths_serve(paths, now, connection);
}

void paths_announced(
	struct paths *paths, int64_t now, uint32_t token, struct address local, struct place remote)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection || address_is_v4(&connection->local.address) || !address_is_v4(&local) ||
		!address_is_v4(&remote.address))
		return;
	struct plan *plan = plan_of(connection);
	/* Where the server named no port the kernel names that of the subflow that brought the word: a detour's may be another. */
	for (unsigned i = 0; i < paths->count; i++)
		if (is_used(&connection->paths[i]) && connection->paths[i].remote.port == remote.port)
			remote.port = connection->remote.port;
	if (!address_is_none(&plan->other_local) ||
		judge(paths, (struct place){.address = local}, remote, false) != PATHS_TAKEN)
		return;
	plan->other_local = local;
	plan->other_remote = remote;
	for (unsigned i = 0; i < paths->count; i++)
		if (connection->paths[i].state == PATH_OTHER_FAMILY)
			paths_enter(paths, now, connection, i);
	paths_serve(paths, now, connection);
}

void paths_subflow_refused(struct paths *paths, int64_t now, uint32_t token, unsigned detour)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection || connection->paths[detour].state != PATH_JOINING)
		return;
	subflows_failed(paths->subflows, now, connection, detour);
	if (path_of(connection, detour)->option)
		paths_leave_option(paths, now, connection, detour);
	paths_serve(paths, now, connection);
}

void paths_reroute(
	struct paths *paths, int64_t now, uint32_t token, unsigned from, int to, bool dead, bool anew)
{
	struct subflows_connection *connection = subflows_find(paths->subflows, token);

	if (!connection || connection->paths[from].state != PATH_UP || paths_rests(connection, from))
		return;
	plan_of(connection)->heir = to;
	plan_of(connection)->turned_away = 0;
	if (dead) {
		subflows_destroy(paths->subflows, connection, from);
		subflows_failed(paths->subflows, now, connection, from);
	}
	if (to >= 0 && anew && paths_rests(connection, (unsigned)to)) {
		path_of(connection, (unsigned)to)->rests = 0;
		subflows_destroy(paths->subflows, connection, (unsigned)to);
		connection->paths[to].state = PATH_READY;
	} else if (to >= 0 && paths_rests(connection, (unsigned)to)) {
		path_of(connection, (unsigned)to)->rests = 0;
		subflows_set_backup(paths->subflows, connection, (unsigned)to, false);
	}
	if (!dead) {
		path_of(connection, from)->rests = now > 0 ? now : 1;
		subflows_set_backup(paths->subflows, connection, from, true);
	}
	paths_serve(paths, now, connection);
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
	bool dropped =
		subflow->state == PATH_JOINING && path_of(connection, index)->option && now >= subflow->at;

	if (dropped) {
		subflows_failed(paths->subflows, now, connection, index);
		paths_leave_option(paths, now, connection, index);
	} else if (silent && now < subflow->at)
		subflows_wake_at(paths->subflows, subflow->at);
	else if (!silent && !subflows_due(paths->subflows, now, connection, index))
		return;
	else if (paths->detours[index].is.kind == DETOUR_NAT)
		paths_ask(paths, connection, index, true);
	else
		paths_enter_way(paths, connection, index);
}

void paths_tick(struct paths *paths, int64_t now)
{
	if (!subflows_wake(paths->subflows, now))
		return;
	for (struct subflows_connection *c = subflows_first(paths->subflows); c; c = c->next) {
		for (unsigned i = 0; i < paths->count; i++)
			tick_path(paths, now, c, i);
		if (subflows_due(paths->subflows, now, c, paths_direct(paths)))
			paths_join_direct(paths, now, c);
		paths_serve(paths, now, c);
	}
}

/* ---- bytes: which connections have carried enough to be worth more subflows (join_after_bytes), and when to look again ---- */

#define PAUSE_LEAST_NS 1000000LL
#define PAUSE_MOST_NS 100000000LL
#define LOOKS_SHARE 10 /* looks take no more of a processor than the reciprocal */

static void look_again_at(struct paths *paths, struct subflows_connection *connection, int64_t at)
{
	plan_of(connection)->look_at = at;
	if (at < paths->look_at)
		paths->look_at = at;
}

int64_t paths_look_at(const struct paths *paths)
{
	return paths->look_at;
}

void paths_wait_for_bytes(struct paths *paths, int64_t now, struct subflows_connection *connection)
{
	struct plan *plan = plan_of(connection);

	plan->waits = paths->settings.join_after_bytes > 0;
	plan->looked = now;
	if (plan->waits)
		look_again_at(paths, connection, now + PAUSE_LEAST_NS);
}

/* Until half of what is missing has passed, at the pace since the last look; without any progress, twice as long as that was ago. */
static int64_t pause_of(const struct plan *plan, uint64_t missing, uint64_t bytes, int64_t elapsed)
{
	uint64_t progress = bytes > plan->bytes ? bytes - plan->bytes : 0;
	double pause =
		progress ? (double)missing / (double)progress * (double)elapsed / 2 : 2.0 * (double)elapsed;

	return pause < PAUSE_LEAST_NS  ? PAUSE_LEAST_NS
	       : pause > PAUSE_MOST_NS ? PAUSE_MOST_NS
				       : (int64_t)pause;
}

static void judge_bytes(struct paths *paths, int64_t now, int64_t least,
	struct subflows_connection *connection, uint64_t bytes)
{
	struct plan *plan = plan_of(connection);
	uint64_t wanted = paths->settings.join_after_bytes;

	if (bytes >= wanted) {
		plan->waits = false;
		paths_serve(paths, now, connection);
		return;
	}
	int64_t pause = pause_of(plan, wanted - bytes, bytes, now - plan->looked);
	plan->bytes = bytes;
	plan->looked = now;
	look_again_at(paths, connection, now + (pause > least ? pause : least));
}

void paths_look(
	struct paths *paths, int64_t now, int64_t spent_ns, const struct survey_subflow *list, size_t count)
{
	struct subflows_connection *c;

	paths->look_at = PATHS_NEVER;
	for (c = subflows_first(paths->subflows); c; c = c->next)
		plan_of(c)->passed = 0;
	for (size_t i = 0; i < count; i++)
		if ((c = subflows_find(paths->subflows, list[i].token)))
			plan_of(c)->passed += list[i].bytes_acked + list[i].bytes_received;
	for (c = subflows_first(paths->subflows); c; c = c->next) {
		struct plan *plan = plan_of(c);
		if (!plan->waits)
			continue;
		if (now < plan->look_at && plan->passed < paths->settings.join_after_bytes)
			look_again_at(paths, c, plan->look_at);
		else
			judge_bytes(paths, now, LOOKS_SHARE * spent_ns, c, plan->passed);
	}
}

const char *path_state_name(enum path_state state)
{
	static const char *const names[PATH_STATES] = {[PATH_IDLE] = "idle",
		[PATH_ASKED] = "asked",
		[PATH_SILENT] = "silent",
		[PATH_READY] = "ready",
		[PATH_OTHER_FAMILY] = "other-family",
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
