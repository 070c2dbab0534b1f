/* One redirect hangs on a connection. Injected segments have the next number in order, so that ends that have everything before
 * them take them; what is still on its way makes a reset miss, and then each later packet of the flow says where the next one must
 * go (RFC 5961, section 3: only the exact number resets). */
#include "nodes/steer/steps.h"
#include "lib/base/units.h"
#include "lib/mptcp/keys.h"
#include <stdlib.h>
#include <string.h>

/* Of addresses that we announce: kernels count theirs from 1. */
enum { FIRST_ID = 200 };

/* Between resets of one redirection: what was on its way needs none of its own. */
#define CHASE_NS (10 * NS_PER_MS)

struct redirect {
	struct report is;
	uint32_t connection;
	bool holds; /* a mapping, or a question for one */
	unsigned via[VIA_MOST], via_count;
	uint32_t joined;        /* the flow; TABLE_NONE: not yet */
	int64_t next, deadline; /* of the next announcement, or reset; of the step */
	int64_t chased;         /* when resets were sent last */
	struct redirect *newer, *older;
};

struct steps {
	struct table *table;
	const struct rules *rules;
	struct steps_settings settings;
	struct steps_handlers handlers;
	struct watch_counters watched;
	struct steps_counters counters;
	struct redirect *newest;
	unsigned count;
	uint64_t number;
	int64_t now;
};

static void forget(struct steps *steps, struct redirect *redirect)
{
	*(redirect->newer ? &redirect->newer->older : &steps->newest) = redirect->older;
	if (redirect->older)
		redirect->older->newer = redirect->newer;
	steps->count--;
	free(redirect);
}

static void let_go(struct steps *steps, struct redirect *redirect)
{
	if (redirect->holds)
		steps->handlers.release(steps->handlers.context, redirect->is.waypoint, &redirect->is.client,
			&redirect->is.server);
	redirect->holds = false;
}

static void tell(const struct steps *steps, const struct redirect *redirect)
{
	steps->handlers.told(steps->handlers.context, &redirect->is);
}

static void watch_flows(struct steps *steps, const struct connection *connection, bool watched)
{
	for (uint32_t i = connection->flows; i != TABLE_NONE; i = table_flow(steps->table, i)->sibling)
		table_flow(steps->table, i)->watched = watched;
}

/* The redirection has failed; the connection stays as it is. */
static void fail(struct steps *steps, struct redirect *redirect, const char *why)
{
	struct connection *connection = table_connection(steps->table, redirect->connection);
	redirect->is.step = STEP_FAILED;
	redirect->is.why = why;
	steps->counters.failed++;
	let_go(steps, redirect);
	connection->redirect = NULL;
	watch_flows(steps, connection, false);
	tell(steps, redirect);
	forget(steps, redirect);
}

static void connection_gone(void *context, uint32_t index)
{
	struct steps *steps = context;
	struct redirect *redirect = table_connection(steps->table, index)->redirect;
	if (redirect)
		fail(steps, redirect, "the connection ended");
}

struct steps *steps_new(uint32_t capacity, const struct rules *rules, const struct steps_settings *settings,
	const struct steps_handlers *handlers)
{
	struct steps *steps = calloc(1, sizeof *steps);
	if (!steps)
		return NULL;
	steps->rules = rules;
	steps->settings = *settings;
	steps->handlers = *handlers;
	steps->table = table_new(capacity, connection_gone, steps);
	if (!steps->table) {
		free(steps);
		return NULL;
	}
	return steps;
}

void steps_free(struct steps *steps)
{
	if (!steps)
		return;
	while (steps->newest)
		forget(steps, steps->newest);
	table_free(steps->table);
	free(steps);
}

/* ---- segments of ours */

/* A segment in one side's name, at the next number of that side, that acknowledges no more than the side itself did: what is still
 * on its way to it is not ours to acknowledge. */
static struct packet segment_of(const struct flow *flow, unsigned side, unsigned flags)
{
	const struct direction *direction = &flow->direction[side];
	return (struct packet){.family = flow->family,
		.source = side == FROM_CLIENT ? flow->client : flow->server,
		.destination = side == FROM_CLIENT ? flow->server : flow->client,
		.sequence = direction->next,
		.acknowledgement = flags & PACKET_ACK ? direction->ack : 0,
		.window = flags & PACKET_ACK ? direction->window : 0,
		.flags = (uint8_t)flags};
}

static void send_options(struct steps *steps, const struct flow *flow, unsigned side,
	const struct option_list *list, uint32_t ahead)
{
	struct packet packet = segment_of(flow, side, PACKET_ACK);
	packet.sequence += ahead;
	packet.options = list->bytes;
	packet.options_length = list->length;
	steps->handlers.send(steps->handlers.context, &packet);
}

/* Data that passed here after we looked makes the next number an old one by the time it arrives; a number a little ahead is taken
 * as long as the window reaches it (RFC 9293, section 3.10.7.4). */
static uint32_t ahead(const struct flow *flow)
{
	const struct direction *client = &flow->direction[FROM_CLIENT];
	uint32_t quarter = ((uint32_t)client->window << client->scale) / 4;
	return quarter < 8192 ? quarter : 8192;
}

static void announce(struct steps *steps, struct redirect *redirect)
{
	const struct connection *connection = table_connection(steps->table, redirect->connection);
	const struct flow *flow = table_flow(steps->table, connection->current);
	const struct packet_end *to = &redirect->is.to;
	struct option_address address = {.address_id = (uint8_t)(FIRST_ID + redirect->is.stage),
		.family = flow->family,
		.port = to->port};
	size_t size = flow->family == 6 ? 16 : 4;
	uint8_t hmac[MPTCP_HMAC_ADDRESS];
	struct option_list list = {0};
	memcpy(address.address, to->address + 16 - size, size);
	address.hmac = hmac;
	if (!mptcp_hmac_address(connection->key[FROM_SERVER], connection->key[FROM_CLIENT],
		    address.address_id, address.address, size, address.port, hmac))
		return;
	option_put_address(&list, &address);
	send_options(steps, flow, FROM_SERVER, &list, ahead(flow));
	redirect->is.announcements++;
}

/* The client forgets the address again, and may take another. */
static void withdraw(struct steps *steps, const struct redirect *redirect)
{
	const struct connection *connection = table_connection(steps->table, redirect->connection);
	struct option_list list = {0};
	uint8_t id = (uint8_t)(FIRST_ID + redirect->is.stage);
	option_put_remove(&list, &id, 1);
	send_options(steps, table_flow(steps->table, connection->current), FROM_SERVER, &list, 0);
}

static void reset(
	struct steps *steps, struct redirect *redirect, const struct flow *flow, unsigned side, uint32_t at)
{
	struct packet packet = segment_of(flow, side, PACKET_RST);
	if (redirect->is.resets >= steps->settings.resets_most)
		return;
	packet.sequence = at;
	redirect->is.resets++;
	steps->handlers.send(steps->handlers.context, &packet);
}

/* ---- steps */

static void ask(struct steps *steps, struct redirect *redirect)
{
	redirect->holds = true;
	const struct report *is = &redirect->is;
	steps->handlers.ask(steps->handlers.context, is->waypoint, &is->client, &is->server);
}

static void begin(struct steps *steps, uint32_t index, const unsigned *via, unsigned via_count,
	unsigned stage, int rule)
{
	struct connection *connection = table_connection(steps->table, index);
	const struct flow *flow = table_flow(steps->table, connection->current);
	struct redirect *redirect = NULL;
	if (steps->count < steps->settings.redirects_most)
		redirect = calloc(1, sizeof *redirect);
	if (!redirect) {
		steps->counters.refused++;
		return;
	}
	redirect->is = (struct report){.number = ++steps->number,
		.token = connection->token[FROM_SERVER],
		.client = flow->client,
		.from = flow->server,
		.server = connection->server,
		.waypoint = via[0],
		.stage = stage,
		.rule = rule,
		.at = {[AT_MATCH] = steps->now}};
	redirect->connection = index;
	memcpy(redirect->via, via, via_count * sizeof *via);
	redirect->via_count = via_count;
	redirect->joined = TABLE_NONE;
	redirect->next = STEPS_NEVER;
	redirect->deadline = STEPS_NEVER; /* whoever is asked has deadlines of its own */
	redirect->older = steps->newest;
	if (steps->newest)
		steps->newest->newer = redirect;
	steps->newest = redirect;
	steps->count++;
	steps->counters.begun++;
	connection->redirect = redirect;
	watch_flows(steps, connection, true);
	tell(steps, redirect);
	ask(steps, redirect);
}

/* Both ends of the old flows, at the numbers that passed, and at those that the ends themselves expect, as a challenge ACK tells. */
static void reset_old(struct steps *steps, struct redirect *redirect)
{
	const struct connection *connection = table_connection(steps->table, redirect->connection);
	redirect->next = STEPS_NEVER;
	redirect->chased = steps->now;
	for (uint32_t i = connection->flows; i != TABLE_NONE; i = table_flow(steps->table, i)->sibling) {
		const struct flow *flow = table_flow(steps->table, i);
		if (i == redirect->joined || flow->state < FLOW_PROVEN)
			continue;
		for (unsigned side = 0; side < 2; side++) {
			uint32_t passed = flow->direction[side].next, expected = flow->direction[!side].ack;
			reset(steps, redirect, flow, side, passed);
			if (redirect->is.at[AT_QUIET] > redirect->is.at[AT_RELEASED] && expected != passed)
				reset(steps, redirect, flow, side, expected);
		}
	}
}

static void release_old(struct steps *steps, struct redirect *redirect)
{
	redirect->is.step = STEP_RELEASING;
	redirect->is.at[AT_UP] = redirect->is.at[AT_RELEASED] = redirect->is.at[AT_QUIET] = steps->now;
	redirect->deadline = steps->now + steps->settings.quiet_ns;
	/* What was mapped is only for connections that begin; this one has begun. */
	let_go(steps, redirect);
	tell(steps, redirect);
	reset_old(steps, redirect);
}

static void finish(struct steps *steps, struct redirect *redirect)
{
	uint32_t index = redirect->connection;
	struct connection *connection = table_connection(steps->table, index);
	unsigned via[VIA_MOST], via_count = redirect->via_count, stage = redirect->is.stage;
	int rule = redirect->is.rule;
	memcpy(via, redirect->via, sizeof via);
	redirect->is.step = STEP_DONE;
	steps->counters.done++;
	tell(steps, redirect);
	connection->current = redirect->joined;
	connection->redirect = NULL;
	for (uint32_t i = connection->flows, next; i != TABLE_NONE; i = next) {
		next = table_flow(steps->table, i)->sibling;
		if (i != redirect->joined)
			table_remove(steps->table, i);
	}
	watch_flows(steps, connection, false);
	forget(steps, redirect);
	if (via_count > 1)
		begin(steps, index, via + 1, via_count - 1, stage + 1, rule);
}

static bool same_end(const struct packet_end *a, const struct packet_end *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

void steps_mapped(struct steps *steps, int64_t now, unsigned waypoint, const struct packet_end *client,
	const struct packet_end *server, const struct packet_end *to, const char *why)
{
	steps->now = now;
	for (struct redirect *r = steps->newest, *older; r; r = older) {
		older = r->older;
		if (r->is.step != STEP_MAPPING || r->is.waypoint != waypoint ||
			!same_end(&r->is.server, server) ||
			memcmp(r->is.client.address, client->address, sizeof client->address) != 0)
			continue;
		if (!to) {
			fail(steps, r, why);
			continue;
		}
		r->is.to = *to;
		r->is.step = STEP_ANNOUNCING;
		r->is.at[AT_MAPPED] = now;
		r->next = now;
		r->deadline = now + steps->settings.join_within_ns;
	}
	steps_tick(steps, now);
}

/* ---- what passes */

static void see_join(struct steps *steps, const struct sighting *s)
{
	struct connection *connection = table_connection(steps->table, s->connection);
	struct redirect *redirect = connection->redirect;
	const struct flow *flow = table_flow(steps->table, s->flow);
	if (!redirect || (redirect->is.step != STEP_ANNOUNCING && redirect->is.step != STEP_JOINING) ||
		!same_end(&flow->server, &redirect->is.to)) {
		/* Another box on the path has moved it, or its server has addresses of its own. */
		connection->strayed |= !same_end(&flow->server, &connection->server);
		return;
	}
	if (redirect->is.step == STEP_ANNOUNCING) {
		redirect->is.step = STEP_JOINING;
		redirect->is.at[AT_JOIN] = steps->now;
		redirect->next = STEPS_NEVER;
		tell(steps, redirect);
	}
	redirect->joined = s->flow;
	table_flow(steps->table, s->flow)->watched = true;
}

/* An old flow still speaks: what was on its way, or an end that the reset missed. */
static void chase(struct steps *steps, struct redirect *redirect, const struct packet *packet)
{
	redirect->is.at[AT_QUIET] = steps->now;
	redirect->deadline = steps->now + steps->settings.quiet_ns;
	redirect->is.old_bytes_after += packet->payload_length;
	if (redirect->next == STEPS_NEVER && !(packet->flags & PACKET_RST))
		redirect->next = redirect->chased + CHASE_NS;
	if (steps->now >= redirect->next)
		reset_old(steps, redirect);
}

static void see_redirected(
	struct steps *steps, struct redirect *redirect, const struct sighting *s, const struct packet *packet)
{
	const struct connection *connection = table_connection(steps->table, s->connection);
	bool ended = s->news & (NEWS_RESET | NEWS_FINISHED), joined = s->flow == redirect->joined;
	if (redirect->is.step == STEP_RELEASING && !joined) {
		chase(steps, redirect, packet);
		return; /* what has ended stays until all is quiet */
	}
	if (joined && s->news & NEWS_PROVEN)
		redirect->is.at[AT_PROVEN] = steps->now;
	if (redirect->is.step == STEP_JOINING && joined && s->news & NEWS_UP)
		release_old(steps, redirect);
	if (!ended)
		return;
	if (redirect->is.step == STEP_RELEASING)
		finish(steps, redirect);
	else if (joined)
		fail(steps, redirect, "the join was refused");
	else if (s->flow == connection->current)
		fail(steps, redirect, "the connection ended");
	table_remove(steps->table, s->flow);
}

static void apply_rules(struct steps *steps, const struct sighting *s)
{
	struct connection *connection = table_connection(steps->table, s->connection);
	const struct flow *flow = table_flow(steps->table, s->flow);
	const struct rule_facts facts = {.port = connection->server.port,
		.token = connection->token[FROM_SERVER],
		.bytes = flow->direction[0].bytes + flow->direction[1].bytes,
		.patterns = {flow->direction[0].patterns, flow->direction[1].patterns}};
	int rule = rules_match(steps->rules, &facts);
	if (rule < 0)
		return;
	connection->decided = true;
	if (connection->strayed)
		steps->counters.strayed++;
	else
		begin(steps, s->connection, steps->rules->rule[rule].via, steps->rules->rule[rule].via_count,
			0, rule);
}

void steps_packet(struct steps *steps, int64_t now, const struct packet *packet)
{
	struct sighting s;
	steps->now = now;
	watch_packet(steps->table, steps->rules, &steps->watched, packet, &s);
	if (s.connection == TABLE_NONE || s.flow == TABLE_NONE)
		return;
	struct connection *connection = table_connection(steps->table, s.connection);
	if (s.news & NEWS_JOIN)
		see_join(steps, &s);
	else if (connection->redirect)
		see_redirected(steps, connection->redirect, &s, packet);
	else if (!connection->decided && steps->rules->count)
		apply_rules(steps, &s);
}

void steps_passed(struct steps *steps, enum packet_result result)
{
	struct watch_counters *w = &steps->watched;
	uint64_t *counters[PACKET_RESULTS] = {
		[PACKET_OTHER] = &w->other, [PACKET_CUT] = &w->cut, [PACKET_MALFORMED] = &w->malformed};
	if (counters[result])
		++*counters[result];
}

/* ---- time */

int64_t steps_deadline(const struct steps *steps)
{
	int64_t first = STEPS_NEVER;
	for (const struct redirect *r = steps->newest; r; r = r->older) {
		first = r->next < first ? r->next : first;
		first = r->deadline < first ? r->deadline : first;
	}
	return first;
}

static void repeat(struct steps *steps, struct redirect *redirect)
{
	const struct connection *connection = table_connection(steps->table, redirect->connection);
	/* With a hole before it, the number is not the client's next one; what fills the hole passes soon. */
	if (table_flow(steps->table, connection->current)->direction[FROM_SERVER].holes) {
		redirect->next = steps->now + 10 * NS_PER_MS;
		return;
	}
	announce(steps, redirect);
	redirect->next = steps->now + steps->settings.announce_every_ns;
	if (redirect->is.announcements > 1)
		return;
	redirect->is.at[AT_ANNOUNCED] = steps->now;
	tell(steps, redirect);
}

void steps_tick(struct steps *steps, int64_t now)
{
	steps->now = now;
	for (struct redirect *r = steps->newest, *older; r; r = older) {
		older = r->older;
		if (now >= r->deadline && r->is.step == STEP_RELEASING) {
			finish(steps, r);
		} else if (now >= r->deadline) {
			if (r->is.announcements)
				withdraw(steps, r);
			fail(steps, r,
				r->is.announcements ? "the client did not join"
						    : "sequence numbers are missing");
		} else if (now >= r->next && r->is.step == STEP_RELEASING) {
			reset_old(steps, r);
		} else if (now >= r->next) {
			repeat(steps, r);
		}
	}
}

const char *steps_redirect(
	struct steps *steps, int64_t now, uint32_t token, const unsigned *via, unsigned via_count)
{
	uint32_t index = table_by_token(steps->table, token);
	if (index == TABLE_NONE)
		return "no connection with known keys has this token; `connections` lists them";
	if (table_connection(steps->table, index)->redirect)
		return "it is being redirected already";
	uint64_t begun = steps->counters.begun;
	steps->now = now;
	table_connection(steps->table, index)->decided = true;
	begin(steps, index, via, via_count, 0, -1);
	return steps->counters.begun == begun ? "as many connections are being redirected as may be" : NULL;
}

/* ---- names */

struct table *steps_table(struct steps *steps)
{
	return steps->table;
}

const struct watch_counters *steps_watched(const struct steps *steps)
{
	return &steps->watched;
}

const struct steps_counters *steps_counters(const struct steps *steps)
{
	return &steps->counters;
}

const char *step_name(enum step step)
{
	static const char *const names[STEPS] = {
		"mapping", "announcing", "joining", "releasing", "done", "failed"};
	return step < STEPS ? names[step] : "?";
}

const char *moment_name(enum moment moment)
{
	static const char *const names[MOMENTS] = {
		"match", "mapped", "announced", "join", "proven", "up", "released", "quiet"};
	return moment < MOMENTS ? names[moment] : "?";
}
