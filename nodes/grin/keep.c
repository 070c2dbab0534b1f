/* Subflows over cables; see the header. */
#include "nodes/grin/keep.h"

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Of a connection that was opened here. */
struct own {
	uint32_t peer_primary;
	uint32_t peer[PLAN_LINKS];
	uint8_t peer_id[PLAN_LINKS];
	unsigned peer_count;
	int64_t settles; /* then the peer has told all */
	bool told_all, gate_passed, drawn, set_aside;
	struct plan_pair only; /* affinity: what was drawn; the primary addresses: the direct path */
	uint64_t got;          /* bytes that have got through, by the last look */
};

/* Of a path. */
struct path {
	uint64_t got;
	int64_t moved; /* when `got` last grew, or there was nothing to wait for */
};

/* A subflow that was accepted here: only its death is looked after. */
struct guest {
	uint32_t token;
	struct place local, remote;
	uint64_t got;
	int64_t moved;
	bool seen;
};

struct keep {
	struct keep_settings settings;
	struct keep_handlers handlers;
	struct subflows *subflows;
	struct guest *guests;
	size_t guest_count, guest_room;
	unsigned connections, accepted; /* that live; of those accepted, as of the last look */
	struct keep_counters counters;
};

static void act(void *context, const struct subflow_action *action)
{
	struct keep *keep = context;

	keep->counters.created += action->kind == SUBFLOW_CREATE;
	keep->handlers.act(keep->handlers.context, action);
}

struct keep *keep_new(const struct keep_settings *settings, const struct keep_handlers *handlers)
{
	struct keep *keep = calloc(1, sizeof *keep);
	const struct subflows_settings kept = {.paths = KEEP_PATHS,
		.connection_size = sizeof(struct own),
		.path_size = sizeof(struct path),
		.join_ns = settings->dead_ns,
		.retry_first_ns = settings->dead_ns / 3,
		.retry_last_ns = 4 * settings->dead_ns,
		.stable_ns = settings->dead_ns};

	if (!keep)
		abort();
	keep->settings = *settings;
	keep->handlers = *handlers;
	keep->subflows = subflows_new(&kept, act, keep);
	return keep;
}

void keep_free(struct keep *keep)
{
	if (!keep)
		return;
	subflows_free(keep->subflows);
	free(keep->guests);
	free(keep);
}

const struct keep_counters *keep_counters(const struct keep *keep)
{
	return &keep->counters;
}

const struct subflows *keep_connections(const struct keep *keep)
{
	return keep->subflows;
}

bool keep_busy(const struct keep *keep)
{
	return keep->connections || keep->accepted;
}

int64_t keep_deadline(const struct keep *keep)
{
	return subflows_deadline(keep->subflows);
}

/* In host order; 0: IPv6. */
static uint32_t host(struct place place)
{
	return ntohl(address_v4(&place.address).s_addr);
}

/* ---- paths: own end x peer's end */

static int own_end(const struct keep *keep, uint32_t address)
{
	if (address == keep->settings.primary)
		return 0;
	for (unsigned i = 0; i < keep->settings.count; i++)
		if (keep->settings.own[i] == address)
			return (int)i + 1;
	return -1;
}

static int peer_end(const struct own *own, uint32_t address)
{
	if (address == own->peer_primary)
		return 0;
	for (unsigned i = 0; i < own->peer_count; i++)
		if (own->peer[i] == address)
			return (int)i + 1;
	return -1;
}

/* -1: of no path of ours, or the initial one. */
static int path_of(const struct keep *keep, const struct own *own, uint32_t local, uint32_t remote)
{
	int i = own_end(keep, local), k = peer_end(own, remote);

	return i < 0 || k < 0 || i + k == 0 ? -1 : i * (PLAN_LINKS + 1) + k;
}

/* ---- what is wanted */

/* Each cable once: whether a subflow on another path has one of the ends already, as after a restart, when the peer's ends are known in another order. */
static bool end_in_use(const struct keep *keep, const struct subflows_connection *c, int path)
{
	int i = path / (PLAN_LINKS + 1), k = path % (PLAN_LINKS + 1);

	for (int p = 1; keep->settings.subflows == 0 && p < (int)c->count; p++) {
		bool shares = (i && p / (PLAN_LINKS + 1) == i) || (k && p % (PLAN_LINKS + 1) == k);
		unsigned state = c->paths[p].state;
		if (p != path && shares &&
			(state == SUBFLOW_JOINING || state == SUBFLOW_UP || state == SUBFLOW_WAITING))
			return true;
	}
	return false;
}

static void join(struct keep *keep, int64_t now, struct subflows_connection *c, struct plan_pair pair)
{
	int path = path_of(keep, c->own, pair.source, pair.destination);

	if (path < 0 || c->paths[path].state != SUBFLOW_NONE || end_in_use(keep, c, path))
		return;
	subflows_join(keep->subflows, now, c, (unsigned)path,
		&(struct subflow_wish){.local = address_of_v4((struct in_addr){htonl(pair.source)}),
			.remote = {
				address_of_v4((struct in_addr){htonl(pair.destination)}), c->remote.port}});
}

static unsigned choose(
	const struct keep *keep, const struct subflows_connection *c, struct plan_pair pairs[PLAN_PAIRS])
{
	const struct keep_settings *s = &keep->settings;
	const struct own *own = c->own;
	struct plan_ends ends = {.own_primary = s->primary,
		.own_count = s->count,
		.peer_primary = own->peer_primary,
		.peer_count = own->peer_count,
		.told_all = own->told_all};

	memcpy(ends.own, s->own, sizeof ends.own);
	memcpy(ends.peer, own->peer, sizeof ends.peer);
	/* So many at random: of all that there are. */
	if (s->subflows && !own->told_all)
		return 0;
	return plan_choose(&ends, s->subflows,
		s->shuffle || s->subflows ? draw_key(s->seed, c->token, 5) | 1 : 0, pairs);
}

/* Incast mode: of the direct path and the chosen ones, one by lot. */
static void join_one(struct keep *keep, int64_t now, struct subflows_connection *c)
{
	struct own *own = c->own;
	struct plan_pair pairs[PLAN_PAIRS];
	uint64_t draws = draw_key(keep->settings.seed, c->token, 6);

	if (!own->told_all)
		return;
	if (!own->drawn) {
		unsigned count = choose(keep, c, pairs), lot = (unsigned)draw_below(&draws, count + 1);
		own->drawn = true;
		own->only =
			lot ? pairs[lot - 1] : (struct plan_pair){keep->settings.primary, own->peer_primary};
	}
	join(keep, now, c, own->only);
}

static void want(struct keep *keep, int64_t now, struct subflows_connection *c)
{
	const struct own *own = c->own;
	struct plan_pair pairs[PLAN_PAIRS];

	if (!own->gate_passed)
		return;
	if (keep->settings.affinity) {
		join_one(keep, now, c);
		return;
	}
	unsigned count = choose(keep, c, pairs);
	for (unsigned i = 0; i < count; i++)
		join(keep, now, c, pairs[i]);
}

/* ---- connections */

/* Of this network, between primary addresses, and ours. */
static bool ours(const struct keep *keep, struct place local, struct place remote)
{
	return host(local) == keep->settings.primary && plan_primary_good(host(remote));
}

static struct subflows_connection *begin(
	struct keep *keep, int64_t now, uint32_t token, struct place local, struct place remote)
{
	struct subflows_connection *c = subflows_find(keep->subflows, token);

	if (c || !ours(keep, local, remote))
		return c;
	if (keep->connections == KEEP_CONNECTIONS) {
		keep->counters.beyond++;
		return NULL;
	}
	c = subflows_open(keep->subflows, now, token, local, remote);
	keep->connections++;
	keep->counters.opened++;
	struct own *own = c->own;
	own->peer_primary = host(remote);
	own->gate_passed = keep->settings.gate == 0;
	own->settles = now + keep->settings.settle_ns;
	subflows_wake_at(keep->subflows, own->settles);
	return c;
}

static void tell(struct keep *keep, uint32_t token)
{
	for (unsigned i = 0; i < keep->settings.count; i++) {
		keep->counters.told++;
		keep->handlers.announce(
			keep->handlers.context, token, keep->settings.own[i], (uint8_t)(i + 1));
	}
}

static void end(struct keep *keep, uint32_t token)
{
	if (subflows_find(keep->subflows, token)) {
		subflows_close(keep->subflows, token);
		keep->connections--;
	}
	size_t kept = 0;
	for (size_t i = 0; i < keep->guest_count; i++)
		if (keep->guests[i].token != token)
			keep->guests[kept++] = keep->guests[i];
	keep->guest_count = kept;
}

/* An address of the peer: of a cable that ends at it, so never one of its own kind of ours. */
static bool learn(struct keep *keep, int64_t now, struct subflows_connection *c, uint32_t address, uint8_t id)
{
	struct own *own = c->own;

	if (!plan_inside(address) || plan_g(address) == 0 || own_end(keep, address) >= 0) {
		keep->counters.foreign++;
		return false;
	}
	if (peer_end(own, address) >= 0)
		return true;
	if (own->peer_count == PLAN_LINKS) {
		keep->counters.foreign++;
		return false;
	}
	own->peer[own->peer_count] = address;
	own->peer_id[own->peer_count++] = id;
	own->settles = now + keep->settings.settle_ns;
	own->told_all = false;
	subflows_wake_at(keep->subflows, own->settles);
	return true;
}

static void announced(
	struct keep *keep, int64_t now, struct subflows_connection *c, const struct mptcp_pm_event *event)
{
	if (!address_is_v4(&event->remote.address)) {
		keep->counters.foreign++;
		return;
	}
	keep->counters.heard++;
	if (learn(keep, now, c, host(event->remote), event->remote_id))
		want(keep, now, c);
}

static void came_up(struct keep *keep, int64_t now, struct subflows_connection *c, struct place local,
	struct place remote, uint8_t id, bool backup)
{
	struct own *own = c->own;
	int path = path_of(keep, own, host(local), host(remote));

	if (path < 0)
		return;
	if (c->paths[path].state != SUBFLOW_UP)
		((struct path *)c->own_paths)[path] = (struct path){.moved = now};
	subflows_up(keep->subflows, now, c, (unsigned)path, local, remote, id, backup);
	if (keep->settings.affinity && own->drawn && !own->set_aside) {
		own->set_aside = true;
		keep->handlers.set_aside(keep->handlers.context, c->token, c->local, c->remote);
	}
}

void keep_event(struct keep *keep, int64_t now, const struct mptcp_pm_event *event)
{
	struct place local = event->local, remote = event->remote;
	struct subflows_connection *c = event->token ? subflows_find(keep->subflows, event->token) : NULL;
	bool ends = address_is_v4(&local.address) && address_is_v4(&remote.address);

	switch (event->type) {
	case MPTCP_PM_EVENT_ESTABLISHED:
		if (ends && event->server_side && ours(keep, local, remote)) {
			keep->counters.accepted++;
			keep->accepted++;
			tell(keep, event->token);
		} else if (ends && !event->server_side && (c = begin(keep, now, event->token, local, remote)))
			want(keep, now, c);
		break;
	case MPTCP_PM_EVENT_CLOSED:
		end(keep, event->token);
		break;
	case MPTCP_PM_EVENT_ANNOUNCED:
		if (c)
			announced(keep, now, c, event);
		break;
	case MPTCP_PM_EVENT_SUB_ESTABLISHED:
		if (c && ends)
			came_up(keep, now, c, local, remote, event->local_id, event->backup);
		break;
	case MPTCP_PM_EVENT_SUB_CLOSED:
		if (c && ends)
			subflows_down(keep->subflows, now, c,
				path_of(keep, c->own, host(local), host(remote)), local, remote);
		break;
	default:
		break;
	}
}

void keep_refused(struct keep *keep, int64_t now, uint32_t token, unsigned path)
{
	struct subflows_connection *c = subflows_find(keep->subflows, token);

	keep->counters.refused++;
	if (c)
		subflows_failed(keep->subflows, now, c, path);
}

/* ---- looks */

/* Whether what is under way has heard nothing for too long. */
static bool is_dead(
	const struct keep *keep, int64_t now, const struct survey_subflow *s, uint64_t *got, int64_t *moved)
{
	uint64_t all = s->bytes_acked + s->bytes_received;

	if (all != *got || (!s->unacked && !s->timeouts)) {
		*got = all;
		*moved = now;
		return false;
	}
	return now - *moved >= keep->settings.dead_ns;
}

static void look_at_opened(struct keep *keep, int64_t now, const struct survey_subflow *s)
{
	struct subflows_connection *c = subflows_find(keep->subflows, s->token);

	if (!c)
		return;
	struct own *own = c->own;
	int path = path_of(keep, own, host(s->local), host(s->remote));
	own->got += s->bytes_acked + s->bytes_received;
	if (path < 0)
		return;
	if (c->paths[path].state == SUBFLOW_NONE)
		came_up(keep, now, c, s->local, s->remote, s->local_id, s->backup_ours);
	struct path *p = &((struct path *)c->own_paths)[path];
	if (c->paths[path].state != SUBFLOW_UP || !is_dead(keep, now, s, &p->got, &p->moved))
		return;
	keep->counters.died++;
	/* It is taken away, and the path has failed: another may be tried after the back-off. */
	subflows_turn_away(keep->subflows, c, (unsigned)path, s->local, s->remote);
	subflows_failed(keep->subflows, now, c, (unsigned)path);
}

static struct guest *find_guest(struct keep *keep, int64_t now, const struct survey_subflow *s)
{
	for (size_t i = 0; i < keep->guest_count; i++) {
		struct guest *g = &keep->guests[i];
		if (g->token == s->token && place_equal(&g->local, &s->local) &&
			place_equal(&g->remote, &s->remote))
			return g;
	}
	if (keep->guest_count == keep->guest_room) {
		keep->guest_room = keep->guest_room ? 2 * keep->guest_room : 64;
		keep->guests = reallocarray(keep->guests, keep->guest_room, sizeof *keep->guests);
		if (!keep->guests)
			abort();
	}
	keep->guests[keep->guest_count] = (struct guest){s->token, s->local, s->remote, 0, now, true};
	return &keep->guests[keep->guest_count++];
}

/* The one who sends sees it first: the server, mostly. The initial subflow is left to the kernel. */
static void look_at_accepted(struct keep *keep, int64_t now, const struct survey_subflow *s)
{
	if (s->initial || !plan_inside(host(s->local)))
		return;
	struct guest *g = find_guest(keep, now, s);
	g->seen = true;
	if (!is_dead(keep, now, s, &g->got, &g->moved))
		return;
	keep->counters.died++;
	g->moved = now;
	keep->handlers.act(keep->handlers.context,
		&(struct subflow_action){
			.kind = SUBFLOW_DESTROY, .token = s->token, .local = s->local, .remote = s->remote});
}

static void forget_guests(struct keep *keep)
{
	size_t kept = 0;

	for (size_t i = 0; i < keep->guest_count; i++)
		if (keep->guests[i].seen) {
			keep->guests[kept] = keep->guests[i];
			keep->guests[kept++].seen = false;
		}
	keep->guest_count = kept;
}

static unsigned alive(uint32_t token, const struct survey_subflow *list, size_t count)
{
	unsigned n = 0;

	for (size_t i = 0; i < count; i++)
		n += list[i].token == token;
	return n;
}

static void closed(void *context, struct subflows_connection *c)
{
	struct keep *keep = context;

	subflows_close(keep->subflows, c->token);
	keep->connections--;
}

struct ended {
	struct keep *keep;
	int64_t now;
};

static void path_ended(void *context, struct subflows_connection *c, unsigned path)
{
	struct ended *ended = context;

	subflows_failed(ended->keep->subflows, ended->now, c, path);
}

static void connection_closed(void *context, struct subflows_connection *c)
{
	closed(((struct ended *)context)->keep, c);
}

/* What began unseen: those opened here are taken over with the addresses of the peer that their subflows show; those accepted here, whose peer has
 * made no subflow yet, are told again. */
static void catch_up(struct keep *keep, int64_t now, const struct survey_subflow *opened, size_t opened_count,
	const struct survey_subflow *accepted, size_t accepted_count)
{
	struct ended ended = {keep, now};

	for (size_t i = 0; i < opened_count; i++)
		if (opened[i].initial)
			begin(keep, now, opened[i].token, opened[i].local, opened[i].remote);
	/* In the order of our ends, so that the k-th goes with the k-th again. */
	for (unsigned e = 0; e <= keep->settings.count; e++)
		for (size_t i = 0; i < opened_count; i++) {
			struct subflows_connection *c = subflows_find(keep->subflows, opened[i].token);
			bool its = own_end(keep, host(opened[i].local)) ==
				   (int)((e + 1) % (keep->settings.count + 1));
			if (c && its && !opened[i].initial && plan_g(host(opened[i].remote)))
				learn(keep, now, c, host(opened[i].remote), 0);
		}
	for (size_t i = 0; i < opened_count; i++) {
		struct subflows_connection *c = subflows_find(keep->subflows, opened[i].token);
		if (c)
			came_up(keep, now, c, opened[i].local, opened[i].remote, opened[i].local_id,
				opened[i].backup_ours);
	}
	subflows_compare(keep->subflows, opened, opened_count,
		&(struct subflows_missed){connection_closed, path_ended, &ended});
	for (size_t i = 0; i < accepted_count; i++)
		if (accepted[i].initial && ours(keep, accepted[i].local, accepted[i].remote) &&
			alive(accepted[i].token, accepted, accepted_count) == 1)
			tell(keep, accepted[i].token);
}

void keep_look(struct keep *keep, int64_t now, const struct survey_subflow *opened, size_t opened_count,
	const struct survey_subflow *accepted, size_t accepted_count, bool anew)
{
	if (anew)
		catch_up(keep, now, opened, opened_count, accepted, accepted_count);
	for (struct subflows_connection *c = subflows_first(keep->subflows); c; c = c->next)
		((struct own *)c->own)->got = 0;
	for (size_t i = 0; i < opened_count; i++)
		look_at_opened(keep, now, &opened[i]);
	keep->accepted = 0;
	for (size_t i = 0; i < accepted_count; i++) {
		keep->accepted += accepted[i].initial && ours(keep, accepted[i].local, accepted[i].remote);
		look_at_accepted(keep, now, &accepted[i]);
	}
	forget_guests(keep);
	for (struct subflows_connection *c = subflows_first(keep->subflows); c; c = c->next) {
		struct own *own = c->own;
		if (!own->gate_passed && own->got >= keep->settings.gate)
			own->gate_passed = true;
		want(keep, now, c);
	}
}

/* ---- time */

void keep_tick(struct keep *keep, int64_t now)
{
	if (!subflows_wake(keep->subflows, now))
		return;
	for (struct subflows_connection *c = subflows_first(keep->subflows); c; c = c->next) {
		struct own *own = c->own;
		for (unsigned path = 0; path < c->count; path++)
			subflows_due(keep->subflows, now, c, path);
		if (!own->told_all && now >= own->settles)
			own->told_all = true;
		else if (!own->told_all)
			subflows_wake_at(keep->subflows, own->settles);
		want(keep, now, c);
	}
}
