/* Rerouting: a timer, a survey, and the policy of each connection. */
#include "nodes/detour/client/rerouting.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/survey.h"
#include "nodes/detour/client/routing.h"
#include "nodes/detour/client/trains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_US (100 * 1000ULL)
#define SEGMENT 1424.0 /* bytes: what Multipath TCP has in a frame of 1,514 */
#define STUNTED 0.8    /* of what the route holds */
#define TRAIN_COUNT 6
/* A train of full datagrams tells the rate. Of loss it tells little: one of 50 lost is one in eight trains. So between two of them goes one
 * of as many small ones, which take a tenth of its bytes each. */
#define SMALL_COUNT 24
#define SMALL_SIZE SEAL_SIZE
/* Datagrams that fill a frame of 1,514 bytes, behind the headers of Ethernet, IP and UDP. */
#define TRAIN_FRAME 1514
#define HEADERS_V4 (14 + 20 + 8)
#define HEADERS_V6 (14 + 40 + 8)

/* One connection's routing; forgotten when it is gone. */
struct entry {
	uint32_t token;
	bool seen;
	struct routing routing;
	struct direct {
		uint16_t port; /* of the subflow that is watched; 0: none */
		uint64_t delivered;
		int64_t moved_ns; /* when it delivered last, or came */
	} direct;
	struct entry *next;
};

/* What trains have told of a detour, from one of our addresses. */
struct probe {
	unsigned detour;
	struct address local;
	struct trains trains;
	int64_t next; /* when the next train may go */
	bool small;   /* a train of small datagrams goes next */
	bool wanted;  /* a connection could use the detour, or does */
	bool loads;   /* one does, in the look at hand */
	bool loaded;  /* in the last one */
	bool seen;    /* a connection has that address */
	struct probe *following;
};

struct rerouting {
	struct paths *paths;
	struct requests *requests;
	struct probe *probes;
	int64_t probe_ns;
	struct routing_settings settings;
	void (*settled)(void *context);
	void *context;
	sd_event_source *timer;
	struct entry *entries;
	bool told; /* somebody else chooses (rerouting_use) */
	bool chosen[ROUTING_ROUTES];
	struct rerouting_counters counters;
};

static struct entry *entry_of(struct rerouting *rerouting, uint32_t token)
{
	struct entry *entry = rerouting->entries;

	while (entry && entry->token != token)
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof *entry);
	if (!entry)
		abort();
	entry->token = token;
	routing_init(&entry->routing, &rerouting->settings);
	entry->next = rerouting->entries;
	rerouting->entries = entry;
	return entry;
}

/* ---- trains ---- */

static struct probe *find_probe(const struct rerouting *rerouting, unsigned detour, struct address local)
{
	struct probe *probe = rerouting->probes;

	while (probe && !(probe->detour == detour && address_equal(&probe->local, &local)))
		probe = probe->following;
	return probe;
}

/* The first trains are spread over the time between two of them. */
static struct probe *get_probe(
	struct rerouting *rerouting, int64_t now, unsigned detour, struct address local)
{
	struct probe *probe = find_probe(rerouting, detour, local);

	if (probe)
		return probe;
	probe = calloc(1, sizeof *probe);
	if (!probe)
		abort();
	probe->detour = detour;
	probe->local = local;
	probe->next = now + rerouting->probe_ns * (detour % 8) / 8;
	probe->following = rerouting->probes;
	rerouting->probes = probe;
	return probe;
}

static void drop_probes(struct rerouting *rerouting, bool (*goes)(const struct probe *probe, unsigned detour),
	unsigned detour)
{
	for (struct probe **at = &rerouting->probes, *probe; (probe = *at);) {
		if (!goes(probe, detour)) {
			at = &probe->following;
			continue;
		}
		*at = probe->following;
		free(probe);
	}
}

static bool is_unseen(const struct probe *probe, unsigned detour)
{
	(void)detour;
	return !probe->seen;
}

static bool is_of(const struct probe *probe, unsigned detour)
{
	return probe->detour == detour;
}

void rerouting_forget(struct rerouting *rerouting, unsigned detour)
{
	if (rerouting)
		drop_probes(rerouting, is_of, detour);
}

static unsigned headers_of(const struct address *address)
{
	return address_is_v4(address) ? HEADERS_V4 : HEADERS_V6;
}

/* Half a look early: a train of 250 ms does not wait for 300. */
static void send_trains(struct rerouting *rerouting, int64_t now)
{
	for (struct probe *probe = rerouting->probes; probe; probe = probe->following) {
		unsigned headers = headers_of(&probe->local);
		if (probe->wanted && now + (int64_t)(LOOK_US / 2 * NS_PER_US) >= probe->next) {
			probe->next = now + rerouting->probe_ns;
			probe->small = true;
			if (requests_probe(rerouting->requests, probe->detour, &probe->local, TRAIN_COUNT,
				    TRAIN_FRAME - headers))
				trains_missed(&probe->trains, probe->loaded);
		} else if (probe->wanted && probe->small && !probe->loaded &&
			   !requests_probe_is_out(rerouting->requests, probe->detour, &probe->local)) {
			probe->small = false;
			requests_probe(
				rerouting->requests, probe->detour, &probe->local, SMALL_COUNT, SMALL_SIZE);
		}
		probe->wanted = false;
		probe->loaded = probe->loads;
		probe->loads = false;
	}
	drop_probes(rerouting, is_unseen, 0);
	for (struct probe *probe = rerouting->probes; probe; probe = probe->following)
		probe->seen = false;
}

void rerouting_probed(struct rerouting *rerouting, unsigned detour, const struct address *local,
	unsigned sent, unsigned arrived, int64_t span_ns, unsigned size)
{
	struct probe *probe = rerouting ? find_probe(rerouting, detour, *local) : NULL;

	if (!probe)
		return;
	if (size == SMALL_SIZE)
		trains_counted(&probe->trains, sent, arrived, probe->loaded);
	else
		trains_answered(
			&probe->trains, sent, arrived, span_ns, size + headers_of(local), probe->loaded);
	log_debug("probed", "detour=%u arrived=%u of=%u span_us=%lld", detour, arrived, sent,
		(long long)(span_ns / NS_PER_US));
}

double rerouting_worth(const struct rerouting *rerouting, unsigned detour)
{
	for (const struct probe *probe = rerouting->probes; probe; probe = probe->following)
		if (probe->detour == detour)
			return trains_are_silent(&probe->trains) ? 0 : trains_worth(&probe->trains, 0);
	return 0;
}

/* ---- looks ---- */

static void forget_unseen(struct rerouting *rerouting)
{
	for (struct entry **at = &rerouting->entries, *entry; (entry = *at);) {
		if (entry->seen) {
			entry->seen = false;
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		free(entry);
	}
}

static const struct survey_subflow *find(
	const struct survey_subflow *list, size_t count, uint32_t token, const struct subflow *subflow)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].token == token && place_equal(&list[i].local, &subflow->local) &&
			place_equal(&list[i].remote, &subflow->remote))
			return &list[i];
	return NULL;
}

/* The direct path as the routes: data is under way and nothing was delivered for `dead_ns`. The kernel would wait for a quarter of an hour, and
 * try it less and less often. */
static void watch_direct(struct rerouting *rerouting, int64_t now, struct entry *entry,
	const struct subflows_connection *connection, const struct survey_subflow *list, size_t count)
{
	struct subflow ends = {0};
	const struct survey_subflow *found = NULL;
	struct direct *direct = &entry->direct;

	if (paths_direct_ends(rerouting->paths, connection, &ends.local, &ends.remote))
		found = find(list, count, connection->token, &ends);
	bool same = found && direct->port == found->local.port && direct->delivered == found->bytes_acked;
	if (!same || !found->unacked) {
		*direct = found ? (struct direct){found->local.port, found->bytes_acked, now}
				: (struct direct){0};
		return;
	}
	if (now - direct->moved_ns < rerouting->settings.dead_ns)
		return;
	*direct = (struct direct){0};
	if (!paths_direct_dead(rerouting->paths, now, connection->token))
		return;
	rerouting->counters.direct++;
	log_info("direct-dead", "token=%08x", connection->token);
}

/* Of the chosen, one that could be used and is not; -1: none. */
static int next_chosen(const struct rerouting *rerouting, const struct subflows_connection *connection)
{
	for (unsigned i = 0; i < rerouting->settings.routes; i++)
		if (rerouting->chosen[i] &&
			(connection->paths[i].state == PATH_READY || paths_rests(connection, i)))
			return (int)i;
	return -1;
}

/* What is not chosen gives way to what is. A chosen detour that cannot be used takes nobody's place. */
static void follow(struct rerouting *rerouting, int64_t now, const struct subflows_connection *connection)
{
	int to;

	for (unsigned i = 0; i < rerouting->settings.routes; i++) {
		if (rerouting->chosen[i] || connection->paths[i].state != PATH_UP ||
			paths_rests(connection, i))
			continue;
		if ((to = next_chosen(rerouting, connection)) < 0)
			return;
		rerouting->counters.told++;
		log_info("reroute", "token=%08x from=%u to=%d why=told", connection->token, i, to);
		paths_reroute(rerouting->paths, now, connection->token, i, to, false, false);
	}
}

static void follow_all(struct rerouting *rerouting, int64_t now)
{
	for (const struct subflows_connection *c = paths_first(rerouting->paths), *next; c; c = next) {
		next = c->next;
		follow(rerouting, now, c);
	}
}

void rerouting_use(struct rerouting *rerouting, const bool *chosen)
{
	rerouting->told = chosen != NULL;
	if (!chosen)
		return;
	memcpy(rerouting->chosen, chosen, rerouting->settings.routes * sizeof *chosen);
	follow_all(rerouting, clock_now_ns());
	rerouting->settled(rerouting->context);
}

/* What the policy saw, in kbit/s: of each route what it adds, and what was observed from outside. */
static void log_look(const struct rerouting *rerouting, const struct entry *entry, int64_t now)
{
	char text[ROUTING_ROUTES * 32] = "";
	size_t at = 0;

	for (unsigned i = 0; i < rerouting->settings.routes && at < sizeof text - 32; i++) {
		const struct routing_route *route = &entry->routing.routes[i];
		at += (size_t)snprintf(text + at, sizeof text - at, " %u%s%.0f/%.0f", i,
			route->carries ? "=" : ":", (route->carries ? route->adds : route->rate) / 125,
			route->seen / 125);
	}
	log_debug(
		"look", "token=%08x ms=%lld routes=\"%s\"", entry->token, (long long)(now / NS_PER_MS), text);
}

/* A subflow that rests has the threshold that it had when it was left. Where the route has become much faster since, it would grow by
 * congestion avoidance, for seconds; a new one by slow start. `worth`: bytes a second, that are expected there. */
static bool is_stunted(const struct subflow *subflow, uint32_t token, const struct survey_subflow *list,
	size_t count, double worth)
{
	const struct survey_subflow *found =
		subflow->state == PATH_UP ? find(list, count, token, subflow) : NULL;
	return found && (double)found->ssthresh * SEGMENT < STUNTED * worth * found->least_rtt_us / 1e6;
}

static void reroute(struct rerouting *rerouting, const struct subflows_connection *connection,
	const struct survey_subflow *list, size_t count)
{
	struct routing_sample samples[ROUTING_ROUTES] = {0};
	struct entry *entry = entry_of(rerouting, connection->token);
	int64_t now = clock_now_ns();
	bool waiting = false;
	int64_t rtt =
		0; /* the least of the connection's: of a route without a subflow nothing better is known */

	entry->seen = true;
	watch_direct(rerouting, now, entry, connection, list, count);
	for (size_t i = 0; i < count; i++) {
		if (list[i].token != connection->token)
			continue;
		waiting |= list[i].unacked > 0;
		int64_t this = list[i].least_rtt_us * (int64_t)NS_PER_US;
		rtt = !rtt || (this && this < rtt) ? this : rtt;
	}
	for (unsigned i = 0; i < rerouting->settings.routes; i++) {
		const struct subflow *subflow = &connection->paths[i];
		const struct survey_subflow *found =
			subflow->state == PATH_UP ? find(list, count, connection->token, subflow) : NULL;
		struct probe *probe =
			rerouting->probe_ns ? get_probe(rerouting, now, i, connection->local.address) : NULL;
		bool silent = probe && trains_are_silent(&probe->trains);
		if (probe) {
			probe->seen = true;
			probe->wanted |= subflow->state == PATH_READY || subflow->state == PATH_UP;
			probe->loads |= found && !paths_rests(connection, i);
		}
		bool rests = paths_rests(connection, i);
		samples[i] = (struct routing_sample){
			.there = ((subflow->state == PATH_READY || rests) && !silent) ||
				 (subflow->state == PATH_UP && !rests),
			.carries = found != NULL && !rests,
			.rtt_ns = found ? found->least_rtt_us * (int64_t)NS_PER_US : 0,
			.probe = probe ? trains_worth(&probe->trains, rtt) : 0,
			.delivered = found ? found->bytes_acked : 0,
			.busy_ns = found ? (int64_t)(found->busy_us * NS_PER_US) : 0,
			.outstanding = found ? found->unacked : 0};
	}
	if (!paths_have_room(rerouting->paths, connection))
		routing_spare(&entry->routing);
	struct routing_change change = routing_look(&entry->routing, now, samples, waiting);
	log_look(rerouting, entry, now);
	if (rerouting->told) {
		follow(rerouting, now, connection);
		return;
	}
	/* A place that is free is the paths' own business. */
	if (change.why == ROUTING_STAY || change.from < 0)
		return;
	bool dead = change.why == ROUTING_DEAD;
	++*(dead ? &rerouting->counters.dead : &rerouting->counters.better);
	log_info("reroute", "token=%08x from=%d to=%d why=%s gives_kbit=%.0f brings_kbit=%.0f",
		connection->token, change.from, change.to, dead ? "dead" : "better", change.gives / 125,
		change.brings / 125);
	bool anew = change.to >= 0 &&
		    is_stunted(&connection->paths[change.to], connection->token, list, count, change.brings);
	paths_reroute(rerouting->paths, now, connection->token, (unsigned)change.from, change.to, dead, anew);
}

static int on_look(sd_event_source *source, uint64_t when, void *context)
{
	struct rerouting *rerouting = context;
	struct survey_subflow *list;
	size_t count;
	char *error = NULL;
	(void)when;

	sd_event_source_set_time_relative(source, LOOK_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (!paths_first(rerouting->paths)) {
		forget_unseen(rerouting);
		drop_probes(rerouting, is_unseen, 0);
		return 0;
	}
	rerouting->counters.looks++;
	if (survey_take(false, &list, &count, &error) < 0) {
		log_error("survey", "error=\"%s\"", error);
		free(error);
		return 0;
	}
	for (const struct subflows_connection *c = paths_first(rerouting->paths), *next; c; c = next) {
		next = c->next;
		reroute(rerouting, c, list, count);
	}
	free(list);
	forget_unseen(rerouting);
	send_trains(rerouting, clock_now_ns());
	rerouting->settled(rerouting->context);
	return 0;
}

struct rerouting *rerouting_new(sd_event *loop, struct paths *paths, struct requests *requests,
	const struct rerouting_settings *settings, void (*settled)(void *context), void *context,
	char **error)
{
	struct rerouting *rerouting = calloc(1, sizeof *rerouting);

	if (!rerouting)
		abort();
	rerouting->paths = paths;
	rerouting->requests = requests;
	rerouting->probe_ns = settings->probe_ns;
	rerouting->settings = (struct routing_settings){
		.routes = settings->routes < ROUTING_ROUTES ? settings->routes : ROUTING_ROUTES,
		.limit = settings->limit,
		.margin = 1.2,
		.margin_observed = 1.4,
		.settle_ns = 400 * NS_PER_MS,
		.dead_ns = 1500 * NS_PER_MS,
		.retry_first_ns = 4 * NS_PER_S,
		.retry_last_ns = 60 * NS_PER_S};
	rerouting->settled = settled;
	rerouting->context = context;
	int result = sd_event_add_time_relative(
		loop, &rerouting->timer, CLOCK_MONOTONIC, LOOK_US, 10000, on_look, rerouting);
	if (result >= 0)
		return rerouting;
	error_set(error, "event loop: %s", strerror(-result));
	free(rerouting);
	return NULL;
}

void rerouting_free(struct rerouting *rerouting)
{
	if (!rerouting)
		return;
	sd_event_source_disable_unref(rerouting->timer);
	forget_unseen(rerouting);
	forget_unseen(rerouting);
	while (rerouting->probes)
		rerouting_forget(rerouting, rerouting->probes->detour);
	free(rerouting);
}

const struct rerouting_counters *rerouting_counters(const struct rerouting *rerouting)
{
	return &rerouting->counters;
}
