/* The policy of kibbutz.h. One array of neighbours, one queue of actions, and settle(), which makes what is
 * open agree with what is advertised; everything else only changes the facts and calls it. */
#include "nodes/kibbutz/policy.h"

#include "lib/base/draw.h"
#include <stdlib.h>

struct kibbutz {
	struct kibbutz_settings settings;
	unsigned count;
	int route; /* profile energy: the neighbour in use, or KIBBUTZ_OWN */
	bool own_backup;
	int64_t shared_until;
	uint64_t random;
	int64_t quiet_until; /* nothing ends before: settle() need not look */
	struct kibbutz_action *queue;
	unsigned first, waiting, room; /* a ring */
	struct kibbutz_neighbour neighbours[];
};

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct kibbutz *kibbutz_new(const struct kibbutz_settings *settings, unsigned neighbours)
{
	struct kibbutz *k = need(calloc(1, sizeof *k + neighbours * sizeof *k->neighbours));

	k->settings = *settings;
	k->count = neighbours;
	k->route = KIBBUTZ_OWN;
	k->own_backup = true;
	k->shared_until = k->quiet_until = INT64_MIN;
	k->random = settings->seed;
	for (unsigned i = 0; i < neighbours; i++)
		k->neighbours[i] = (struct kibbutz_neighbour){.credit = settings->credit,
			.ours_until = INT64_MIN / 2,
			.theirs_until = INT64_MIN / 2,
			.disbelieved_until = INT64_MIN};
	return k;
}

void kibbutz_free(struct kibbutz *k)
{
	if (!k)
		return;
	free(k->queue);
	free(k);
}

static void act(struct kibbutz *k, struct kibbutz_action action)
{
	if (k->waiting == k->room) {
		unsigned room = k->room ? 2 * k->room : 8;
		struct kibbutz_action *queue = need(malloc(room * sizeof *queue));
		for (unsigned i = 0; i < k->waiting; i++)
			queue[i] = k->queue[(k->first + i) % k->room];
		free(k->queue);
		k->queue = queue;
		k->first = 0;
		k->room = room;
	}
	k->queue[(k->first + k->waiting++) % k->room] = action;
}

bool kibbutz_next_action(struct kibbutz *k, struct kibbutz_action *action)
{
	if (!k->waiting)
		return false;
	*action = k->queue[k->first];
	k->first = (k->first + 1) % k->room;
	k->waiting--;
	return true;
}

static bool valid(const struct kibbutz_neighbour *n, int64_t now, int64_t slack)
{
	return n->theirs_until + slack > now && n->disbelieved_until <= now && !n->tied;
}

/* The one whose radio is certain to be up longest; the one in use when it lasts as long. Staying with a
 * neighbour until its advertisement ends was tried: three streaming devices then spend 41 % of the time in
 * high power instead of 38 %, and share it unevenly. */
static int choose(const struct kibbutz *k, int64_t now)
{
	int best = k->route != KIBBUTZ_OWN && valid(&k->neighbours[k->route], now, k->settings.slack_ns)
			   ? k->route
			   : KIBBUTZ_OWN;

	for (unsigned i = 0; i < k->count; i++)
		if (valid(&k->neighbours[i], now, k->settings.slack_ns) &&
			(best == KIBBUTZ_OWN ||
				k->neighbours[i].theirs_until > k->neighbours[best].theirs_until))
			best = (int)i;
	return best;
}

static void open_or_close(struct kibbutz *k, unsigned i, bool open)
{
	struct kibbutz_neighbour *n = &k->neighbours[i];

	if (n->open == open)
		return;
	n->open = open;
	n->watch.poor = false;
	act(k, (struct kibbutz_action){.kind = open ? KIBBUTZ_OPEN : KIBBUTZ_CLOSE,
		       .neighbour = i,
		       .backup = k->settings.profile != KIBBUTZ_ENERGY});
}

static void settle(struct kibbutz *k, int64_t now)
{
	bool energy = k->settings.profile == KIBBUTZ_ENERGY, own_backup = true;

	k->route = choose(k, now);
	k->quiet_until = KIBBUTZ_NEVER;
	/* What opens comes before what closes: a connection is never left without a path in between. */
	for (unsigned i = 0; i < k->count; i++)
		if (energy ? (int)i == k->route : valid(&k->neighbours[i], now, k->settings.slack_ns))
			open_or_close(k, i, true);
	for (unsigned i = 0; i < k->count; i++) {
		struct kibbutz_neighbour *n = &k->neighbours[i];
		if (energy ? (int)i != k->route : !valid(n, now, k->settings.slack_ns))
			open_or_close(k, i, false);
		int64_t end = n->theirs_until + k->settings.slack_ns;
		if (end > now && end < k->quiet_until)
			k->quiet_until = end;
		if (n->disbelieved_until > now && n->disbelieved_until < k->quiet_until)
			k->quiet_until = n->disbelieved_until;
		if (energy && n->watch.poor)
			own_backup = false;
	}
	if (own_backup != k->own_backup) {
		k->own_backup = own_backup;
		act(k, (struct kibbutz_action){.kind = KIBBUTZ_OWN_LINK, .backup = own_backup});
	}
}

int64_t kibbutz_deadline(const struct kibbutz *k)
{
	return k->quiet_until == INT64_MIN ? KIBBUTZ_NEVER : k->quiet_until;
}

void kibbutz_tick(struct kibbutz *k, int64_t now)
{
	if (now >= k->quiet_until)
		settle(k, now);
}

int kibbutz_route(struct kibbutz *k, int64_t now)
{
	kibbutz_tick(k, now);
	return k->route;
}

void kibbutz_own_packet(struct kibbutz *k, int64_t now)
{
	if (now < k->shared_until)
		return;
	for (unsigned i = 0; i < k->count; i++) {
		struct kibbutz_neighbour *n = &k->neighbours[i];
		if (!n->credit)
			continue;
		k->shared_until = n->ours_until = now + k->settings.period_ns;
		n->charged = false;
		n->advertised++;
		act(k, (struct kibbutz_action){.kind = KIBBUTZ_ADVERTISE,
			       .neighbour = i,
			       .duration_ns = k->settings.period_ns});
	}
}

static bool toss(struct kibbutz *k)
{
	return draw_next(&k->random) >> 63;
}

void kibbutz_heard(struct kibbutz *k, int64_t now, unsigned neighbour, int64_t duration_ns)
{
	struct kibbutz_neighbour *n = &k->neighbours[neighbour];

	if (duration_ns > k->settings.longest_ns)
		duration_ns = k->settings.longest_ns;
	n->theirs_until = duration_ns > 0 ? now + duration_ns : now - k->settings.slack_ns;
	n->counted = false;
	n->heard++;
	/* It has just been told of our link as well, and would use it. */
	bool tie = k->settings.profile == KIBBUTZ_ENERGY && duration_ns > 0 &&
		   now - (n->ours_until - k->settings.period_ns) < k->settings.tie_ns;
	n->ties += tie;
	n->tied = tie && toss(k);
	settle(k, now);
}

bool kibbutz_forward(struct kibbutz *k, int64_t now, unsigned neighbour)
{
	struct kibbutz_neighbour *n = &k->neighbours[neighbour];

	if (now >= n->ours_until + k->settings.slack_ns) {
		n->refused++;
		return false;
	}
	n->forwarded++;
	if (!n->charged) {
		n->charged = true;
		n->credit--; /* it was positive when the period began, and falls once a period */
	}
	return true;
}

void kibbutz_used(struct kibbutz *k, int64_t now, unsigned neighbour)
{
	struct kibbutz_neighbour *n = &k->neighbours[neighbour];

	n->used++;
	if (n->counted || n->theirs_until + k->settings.slack_ns <= now)
		return;
	n->counted = true;
	n->credit++;
}

/* A path that comes and goes must not move the connections each time: it has to be well for a while. */
bool kibbutz_watch(const struct kibbutz_settings *s, struct kibbutz_watch *watch, int64_t now,
	const struct kibbutz_sample *sample)
{
	bool ill = sample->busy && (sample->timeouts >= s->timeouts ||
					   (sample->ssthresh < s->window && sample->window < s->window));

	if (ill) {
		watch->poor = true;
		watch->ill_at = now;
	} else if (watch->poor && now - watch->ill_at >= s->well_ns) {
		watch->poor = false;
	}
	return watch->poor;
}

void kibbutz_path(struct kibbutz *k, int64_t now, unsigned neighbour, const struct kibbutz_sample *sample)
{
	const struct kibbutz_settings *s = &k->settings;
	struct kibbutz_neighbour *n = &k->neighbours[neighbour];

	if (!s->watchdog || !n->open)
		return;
	kibbutz_watch(s, &n->watch, now, sample);
	if (sample->busy && sample->timeouts >= s->dead) {
		n->disbelieved_until = now + s->disbelief_ns;
		n->given_up++;
	}
	settle(k, now);
}

const struct kibbutz_settings *kibbutz_settings(const struct kibbutz *k)
{
	return &k->settings;
}

bool kibbutz_own_backup(const struct kibbutz *k)
{
	return k->own_backup;
}

const struct kibbutz_neighbour *kibbutz_neighbour(const struct kibbutz *k, unsigned neighbour)
{
	return &k->neighbours[neighbour];
}

const char *kibbutz_profile_name(enum kibbutz_profile profile)
{
	static const char *const names[KIBBUTZ_PROFILES] = {"energy", "bandwidth", "rtt"};
	return names[profile];
}

const char *kibbutz_action_name(enum kibbutz_action_kind kind)
{
	static const char *const names[KIBBUTZ_ACTIONS] = {"advertise", "open", "close", "own-link"};
	return names[kind];
}
