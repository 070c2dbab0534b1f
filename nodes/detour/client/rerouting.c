/* Rerouting: a timer, a survey, and the policy of each connection. */
#include "nodes/detour/client/rerouting.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/survey.h"
#include "nodes/detour/client/routing.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_US (200 * 1000ULL)

/* One connection's routing; forgotten when it is gone. */
struct entry {
	uint32_t token;
	bool seen;
	struct routing routing;
	struct entry *next;
};

struct rerouting {
	struct paths *paths;
	struct routing_settings settings;
	void (*settled)(void *context);
	void *context;
	sd_event_source *timer;
	struct entry *entries;
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
		if (list[i].token == token && endpoint_equal(list[i].local, subflow->local) &&
			endpoint_equal(list[i].remote, subflow->remote))
			return &list[i];
	return NULL;
}

static void reroute(struct rerouting *rerouting, const struct subflows_connection *connection,
	const struct survey_subflow *list, size_t count)
{
	struct routing_sample samples[ROUTING_ROUTES] = {0};
	struct entry *entry = entry_of(rerouting, connection->token);
	int64_t now = clock_now_ns();
	bool waiting = false;

	entry->seen = true;
	for (size_t i = 0; i < count; i++)
		waiting |= list[i].token == connection->token && list[i].unacked > 0;
	for (unsigned i = 0; i < rerouting->settings.routes; i++) {
		const struct subflow *subflow = &connection->paths[i];
		const struct survey_subflow *found =
			subflow->state == PATH_UP ? find(list, count, connection->token, subflow) : NULL;
		samples[i] = (struct routing_sample){
			.there = subflow->state == PATH_READY || subflow->state == PATH_UP,
			.carries = found != NULL,
			.delivered = found ? found->bytes_acked : 0,
			.outstanding = found ? found->unacked : 0};
	}
	struct routing_change change = routing_look(&entry->routing, now, samples, waiting);
	/* A place that is free is the paths' own business. */
	if (change.why == ROUTING_STAY || change.from < 0)
		return;
	bool dead = change.why == ROUTING_DEAD;
	++*(dead ? &rerouting->counters.dead : &rerouting->counters.better);
	log_info("reroute", "token=%08x from=%d to=%d why=%s", connection->token, change.from, change.to,
		dead ? "dead" : "better");
	paths_reroute(rerouting->paths, now, connection->token, (unsigned)change.from, change.to, dead);
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
	rerouting->settled(rerouting->context);
	return 0;
}

struct rerouting *rerouting_new(sd_event *loop, struct paths *paths, unsigned routes, unsigned limit,
	void (*settled)(void *context), void *context, char **error)
{
	struct rerouting *rerouting = calloc(1, sizeof *rerouting);

	if (!rerouting)
		abort();
	rerouting->paths = paths;
	rerouting->settings =
		(struct routing_settings){.routes = routes < ROUTING_ROUTES ? routes : ROUTING_ROUTES,
			.limit = limit,
			.margin = 1.2,
			.settle_ns = NS_PER_S,
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
	free(rerouting);
}

const struct rerouting_counters *rerouting_counters(const struct rerouting *rerouting)
{
	return &rerouting->counters;
}
