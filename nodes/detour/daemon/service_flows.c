/* What the NAT service hears of flows: which mappings live, how much a member has moved, and the trail. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/detour/daemon/service_internal.h"
#include <stdlib.h>

#define RECOUNT_PAUSE_US (1000 * 1000ULL)

void service_flows_keep(struct service *s, const struct mapping *mapping)
{
	if (!mapping->live)
		return;
	struct mapping *kept = mapping_add(s->ended, mapping->owner, &mapping->client, mapping->detour_port,
		&mapping->remote, service_now_ns());
	if (kept)
		kept->live = mapping->live;
}

/* The mapping that a flow came by: one that is there, or that has ended before it. */
static struct mapping *mapping_of(struct service *s, const struct flow *flow, bool *ended)
{
	struct mapping_table *const tables[] = {s->table, s->ended};
	for (int i = 0; i < 2; i++) {
		struct mapping *m = mapping_find_port(tables[i], &flow->client.address, flow->detour.port);
		*ended = i == 1;
		if (m && place_equal(&m->remote, &flow->remote))
			return m;
	}
	return NULL;
}

struct whose {
	const uint8_t *key;
	const struct member *member;
};

static void compare_key(void *context, struct member *member)
{
	struct whose *whose = context;
	if (memcmp(member->option_key, whose->key, MESSAGE_KEY_SIZE) == 0)
		whose->member = member;
}

/* Who sent a flow whose destination was in its SYN: there is no mapping for it. NULL: it was not. */
static struct member *sender_of(struct service *s, const struct flow *flow)
{
	uint8_t key[DESTINATION_KEY];
	struct whose whose = {key, NULL};
	if (!s->destinations || !address_is_v4(&flow->client.address) ||
		!destinations_key(s->destinations, address_v4(&flow->client.address), key))
		return NULL;
	members_each(s->members, compare_key, &whose);
	return (struct member *)whose.member;
}

static void write_trail(
	struct service *s, enum trail_kind kind, const struct flow *flow, uint64_t owner, bool known)
{
	struct trail_record r = {.kind = kind,
		.client = flow->client,
		.detour = flow->detour,
		.outgoing = flow->outgoing,
		.remote = flow->remote,
		.up = flow->bytes_up,
		.down = flow->bytes_down};
	if (!s->trail)
		return;
	snprintf(r.member, sizeof r.member, "%s", known ? service_owner_name(s, owner) : "?");
	trail_write(s->trail, &r);
}

static void count_end(struct service *s, uint64_t owner, const struct flow *flow)
{
	struct member *member = owner == MAPPING_NOBODY ? NULL : members_find(s->members, owner);
	if (!member)
		return;
	member->counters.flows++;
	member->counters.bytes_up += flow->bytes_up;
	member->counters.bytes_down += flow->bytes_down;
}

static void on_flow(void *context, enum flow_event event, const struct flow *flow)
{
	struct service *s = context;
	bool ended = false;
	struct mapping *m = mapping_of(s, flow, &ended);
	const struct member *sender = m ? NULL : sender_of(s, flow);
	uint64_t owner = m ? m->owner : sender ? sender->id : 0;
	if (event == FLOW_BEGAN || event == FLOW_ENDED)
		write_trail(s, event == FLOW_BEGAN ? TRAIL_BEGAN : TRAIL_ENDED, flow, owner, m || sender);
	if (event == FLOW_ENDED && (m || sender))
		count_end(s, owner, flow);
	if (!m)
		return;
	if (event == FLOW_LIVE)
		m->live++;
	if (event == FLOW_OVER && m->live)
		m->live--;
	if (ended) {
		if (m->live == 0 && event == FLOW_ENDED)
			mapping_remove(s->ended, m);
	} else if (m->owner == MAPPING_NOBODY) {
		mapping_use(s->table, m, service_now_ns());
	}
}

/* --- counted anew
 * ------------------------------------------------------------------------------------------------ */

static void count_live(void *context, const struct flow *flow)
{
	bool ended;
	struct mapping *m = mapping_of(context, flow, &ended);
	if (m && flow->live)
		m->live++;
}

static void recount(struct service *s)
{
	char *error = NULL;
	for (struct mapping *m = mapping_first(s->table); m; m = mapping_next(s->table, m))
		m->live = 0;
	for (struct mapping *m = mapping_first(s->ended); m; m = mapping_next(s->ended, m))
		m->live = 0;
	if (flows_each(s->flows, count_live, s, &error) < 0)
		log_error("flows", "problem=\"%s\"", error);
	free(error);
	for (struct mapping *m = mapping_first(s->ended), *next; m; m = next) {
		next = mapping_next(s->ended, m);
		if (!m->live)
			mapping_remove(s->ended, m);
	}
}

static int on_recount(sd_event_source *source, uint64_t when, void *context)
{
	(void)source, (void)when;
	recount(context);
	return 0;
}

/* A walk over the kernel's table costs its size: once a second at most. */
static void on_lost(void *context)
{
	struct service *s = context;
	int enabled = SD_EVENT_OFF;
	sd_event_source_get_enabled(s->recount_source, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	struct trail_record record = {.kind = TRAIL_LOST};
	if (s->trail)
		trail_write(s->trail, &record);
	log_warning("flows", "problem=\"the kernel's events were more than could be taken\" losses=%llu",
		(unsigned long long)flows_losses(s->flows));
	sd_event_source_set_time_relative(s->recount_source, RECOUNT_PAUSE_US);
	sd_event_source_set_enabled(s->recount_source, SD_EVENT_ONESHOT);
}

int service_flows_start(struct service *s, char **error)
{
	const struct flows_handlers handlers = {.event = on_flow, .lost = on_lost, .context = s};
	s->flows = flows_open(s->loop, s->config->mark, s->config->mark_mask, &handlers, error);
	if (!s->flows)
		return -1;
	/* At once: flows of an earlier life may run through what will be adopted. */
	int result =
		sd_event_add_time_relative(s->loop, &s->recount_source, CLOCK_MONOTONIC, 0, 0, on_recount, s);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}
