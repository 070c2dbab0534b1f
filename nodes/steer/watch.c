/* RFC 8684, sections 3.1 and 3.2, from the outside. */
#include "nodes/steer/watch.h"
#include "lib/mptcp/keys.h"
#include <string.h>

struct look {
	struct table *table;
	const struct rules *rules;
	struct watch_counters *counters;
	const struct packet *packet;
	struct sighting *sighting;
};

static const uint8_t *find(const struct packet *packet, enum mptcp_subtype subtype)
{
	return packet->options_length ? option_find(packet->options, packet->options_length, subtype) : NULL;
}

/* Whether `a` comes after `b` in sequence space (RFC 1982). */
static bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* ---- flows begin */

static void begin_capable(struct look *look)
{
	struct sighting *s = look->sighting;
	s->flow = table_add(look->table, look->packet);
	s->direction = FROM_CLIENT;
}

/* The same join on the other side of a waypoint, which changes addresses and nothing else. */
static bool is_copy(const struct look *look, uint32_t connection, uint32_t nonce)
{
	for (uint32_t i = table_connection(look->table, connection)->flows; i != TABLE_NONE;
		i = table_flow(look->table, i)->sibling)
		if (table_flow(look->table, i)->is_join &&
			table_flow(look->table, i)->nonce[FROM_CLIENT] == nonce)
			return true;
	return false;
}

static void begin_join(struct look *look, const uint8_t *option)
{
	struct sighting *s = look->sighting;
	struct option_join join;
	option_join(option, &join);
	uint32_t connection = join.has_token ? table_by_token(look->table, join.token) : TABLE_NONE;
	if (connection == TABLE_NONE)
		return;
	s->flow = table_add(look->table, look->packet);
	s->direction = FROM_CLIENT;
	if (s->flow == TABLE_NONE)
		return;
	/* The room that it needed may have been the connection's. */
	if (table_by_token(look->table, join.token) != connection) {
		table_remove(look->table, s->flow);
		s->flow = TABLE_NONE;
		return;
	}
	struct flow *flow = table_flow(look->table, s->flow);
	if (is_copy(look, connection, join.nonce)) {
		flow->state = FLOW_BLIND;
		return;
	}
	flow->is_join = true;
	flow->nonce[FROM_CLIENT] = join.nonce;
	table_join(look->table, s->flow, connection);
	s->news |= NEWS_JOIN;
}

/* A SYN. */
static void begin(struct look *look)
{
	const uint8_t *option = find(look->packet, MPTCP_CAPABLE);
	struct option_capable capable;
	if (option) {
		option_capable(option, &capable);
		if (capable.version == 1)
			begin_capable(look);
	} else if ((option = find(look->packet, MPTCP_JOIN))) {
		begin_join(look, option);
	}
}

/* Multipath TCP in the middle of it, unknown: remembered once, so that it is counted once. */
static void begin_blind(struct look *look)
{
	const struct packet *p = look->packet;
	struct tcp_options parsed;
	if (!p->payload_length || !p->options_length || p->flags & (PACKET_FIN | PACKET_RST | PACKET_SYN))
		return;
	options_parse(p->options, p->options_length, false, &parsed);
	if (!(parsed.present & OPTION_DSS))
		return;
	uint32_t index = table_add(look->table, p);
	if (index == TABLE_NONE)
		return;
	table_flow(look->table, index)->state = FLOW_BLIND;
	look->counters->no_keys++;
}

/* ---- handshakes */

static bool answer_join(const struct connection *connection, struct flow *flow, const uint8_t *option)
{
	struct option_join join;
	uint8_t hmac[MPTCP_HMAC_JOIN_ACK];
	if (!option || option[1] != 16)
		return false;
	option_join(option, &join);
	flow->nonce[FROM_SERVER] = join.nonce;
	return mptcp_hmac_join(1, connection->key[FROM_SERVER], connection->key[FROM_CLIENT],
		       flow->nonce[FROM_SERVER], flow->nonce[FROM_CLIENT], hmac) &&
	       memcmp(hmac, join.hmac, MPTCP_HMAC_JOIN_SYN_ACK) == 0;
}

/* The SYN/ACK. False: the flow is none of ours. */
static bool answer(struct look *look, struct flow *flow)
{
	const struct packet *p = look->packet;
	struct option_capable capable;
	if (p->acknowledgement != flow->direction[FROM_CLIENT].next)
		return true; /* not to this SYN */
	if (flow->is_join) {
		if (!answer_join(
			    table_connection(look->table, flow->connection), flow, find(p, MPTCP_JOIN))) {
			look->counters->bad_hmac++;
			return false;
		}
	} else {
		const uint8_t *option = find(p, MPTCP_CAPABLE);
		if (!option)
			return false; /* the server speaks TCP */
		option_capable(option, &capable);
		if (capable.version != 1 || capable.keys != 1)
			return false;
		flow->server_key = capable.key[0];
	}
	flow->state = FLOW_ANSWERED;
	return true;
}

static bool prove_keys(struct look *look, struct flow *flow)
{
	const uint8_t *option = find(look->packet, MPTCP_CAPABLE);
	struct option_capable capable;
	uint32_t token[2];
	uint64_t initial;
	if (!option)
		return true; /* the third packet was lost; the first data has the keys, too */
	option_capable(option, &capable);
	if (capable.keys != 2 || look->packet->acknowledgement != flow->direction[FROM_SERVER].next)
		return true;
	if (capable.key[1] != flow->server_key) {
		look->counters->bad_keys++;
		return false;
	}
	if (!mptcp_hash_key(capable.key[0], 1, &token[0], &initial) ||
		!mptcp_hash_key(capable.key[1], 1, &token[1], &initial))
		return false;
	if (table_connect(look->table, look->sighting->flow, capable.key, token) == TABLE_NONE)
		return false;
	flow->state = FLOW_PROVEN;
	look->sighting->news |= NEWS_KEYS;
	return true;
}

static bool prove_join(struct look *look, struct flow *flow)
{
	const uint8_t *option = find(look->packet, MPTCP_JOIN);
	const struct connection *connection = table_connection(look->table, flow->connection);
	struct option_join join;
	uint8_t hmac[MPTCP_HMAC_JOIN_ACK];
	if (!option || option[1] != 24)
		return true;
	option_join(option, &join);
	if (!mptcp_hmac_join(1, connection->key[FROM_CLIENT], connection->key[FROM_SERVER],
		    flow->nonce[FROM_CLIENT], flow->nonce[FROM_SERVER], hmac) ||
		memcmp(hmac, join.hmac, sizeof hmac) != 0) {
		look->counters->bad_hmac++;
		return false;
	}
	flow->state = FLOW_PROVEN;
	look->sighting->news |= NEWS_PROVEN;
	return true;
}

/* False: the flow is none of ours. */
static bool shake_hands(struct look *look, struct flow *flow, unsigned direction)
{
	const struct packet *p = look->packet;
	bool syn = p->flags & PACKET_SYN;
	if (flow->state == FLOW_ASKED && direction == FROM_SERVER && syn && p->flags & PACKET_ACK)
		return answer(look, flow);
	if (flow->state == FLOW_ANSWERED && direction == FROM_CLIENT && !syn && p->flags & PACKET_ACK)
		return flow->is_join ? prove_join(look, flow) : prove_keys(look, flow);
	if (flow->state == FLOW_PROVEN && direction == FROM_SERVER && !syn && p->flags & PACKET_ACK) {
		flow->state = FLOW_UP;
		look->sighting->news |= NEWS_UP;
	}
	return true;
}

/* ---- numbers and payload */

static void scan(struct look *look, struct direction *side, uint32_t skip)
{
	const struct packet *p = look->packet;
	if (skip >= p->payload_length)
		return;
	uint32_t at_hand = p->payload_at_hand > skip ? p->payload_at_hand - skip : 0;
	bool cut = p->payload_at_hand < p->payload_length;
	look->counters->payload_cut += cut;
	for (unsigned i = 0; i < look->rules->count; i++) {
		const struct rule *rule = &look->rules->rule[i];
		if (!rule->has_pattern || side->patterns[i] == PATTERN_FOUND)
			continue;
		side->patterns[i] = rule_scan(rule, side->patterns[i], p->payload + skip, at_hand);
		if (cut && side->patterns[i] != PATTERN_FOUND)
			side->patterns[i] = 0;
	}
}

static void forget_beginnings(struct direction *side)
{
	for (unsigned i = 0; i < RULES_MOST; i++)
		if (side->patterns[i] != PATTERN_FOUND)
			side->patterns[i] = 0;
}

static void follow(struct look *look, struct flow *flow, unsigned direction)
{
	const struct packet *p = look->packet;
	struct direction *side = &flow->direction[direction], *other = &flow->direction[!direction];
	uint32_t end = p->sequence + packet_space(p), skip = 0;
	if (p->flags & PACKET_SYN) {
		struct tcp_options parsed;
		options_parse(p->options, p->options_length, false, &parsed);
		side->scale = parsed.present & OPTION_WINDOW_SCALE ? parsed.window_scale : 0;
		side->next = end;
		side->started = true;
	} else if (!side->started) {
		return;
	} else if (after(p->sequence, side->next)) {
		look->counters->gaps++;
		side->holes = true;
		side->hole = p->sequence;
		forget_beginnings(side);
	} else {
		skip = side->next - p->sequence;
	}
	if (flow->state >= FLOW_PROVEN && p->payload_length)
		scan(look, side, skip);
	if (after(end, side->next))
		side->next = end;
	side->bytes += p->payload_length;
	side->window = p->window;
	side->finished |= (p->flags & PACKET_FIN) != 0;
	if (p->flags & PACKET_ACK) {
		side->ack = p->acknowledgement;
		if (other->holes && !after(other->hole, p->acknowledgement))
			other->holes = false;
	}
}

static void known(struct look *look)
{
	const struct packet *p = look->packet;
	struct sighting *s = look->sighting;
	struct flow *flow = table_flow(look->table, s->flow);
	if (flow->state == FLOW_BLIND) {
		table_touch(look->table, s->flow, false);
		s->flow = TABLE_NONE;
		return;
	}
	if (p->flags & PACKET_RST) {
		/* What an end takes (RFC 5961, section 3.2): anything else is a stranger's, who could make us forget. */
		const struct direction *side = &flow->direction[s->direction];
		s->news |= !side->started || p->sequence == side->next ? NEWS_RESET : 0;
		return;
	}
	if (!shake_hands(look, flow, s->direction)) {
		s->news |= NEWS_RESET; /* to us it is over */
		return;
	}
	follow(look, flow, s->direction);
	table_touch(look->table, s->flow, flow->state >= FLOW_PROVEN && (p->payload_length || flow->is_join));
	if (flow->direction[0].finished && flow->direction[1].finished)
		s->news |= NEWS_FINISHED;
}

/* Whether a SYN on a flow that is known is the ports' next use: not a repetition, and not of a flow that lives: anybody could send
 * one. */
static bool is_new(struct table *table, uint32_t index, const struct packet *packet)
{
	const struct flow *flow = table_flow(table, index);
	if (flow->state == FLOW_BLIND)
		return true;
	return !flow->watched && flow->state < FLOW_PROVEN &&
	       packet->sequence + 1 != flow->direction[FROM_CLIENT].next;
}

void watch_packet(struct table *table, const struct rules *rules, struct watch_counters *counters,
	const struct packet *packet, struct sighting *sighting)
{
	struct look look = {table, rules, counters, packet, sighting};
	unsigned opening = packet->flags & (PACKET_SYN | PACKET_ACK | PACKET_RST | PACKET_FIN);
	*sighting = (struct sighting){.flow = TABLE_NONE, .connection = TABLE_NONE};
	counters->packets++;
	sighting->flow = table_find(table, packet, &sighting->direction);
	if (sighting->flow != TABLE_NONE && opening == PACKET_SYN && !is_new(table, sighting->flow, packet))
		return;
	if (sighting->flow != TABLE_NONE && opening == PACKET_SYN) {
		table_remove(table, sighting->flow);
		sighting->flow = TABLE_NONE;
	}
	if (sighting->flow == TABLE_NONE) {
		if (opening == PACKET_SYN)
			begin(&look);
		else
			begin_blind(&look);
		if (sighting->flow == TABLE_NONE)
			return;
	}
	known(&look);
	if (sighting->flow == TABLE_NONE)
		return;
	sighting->connection = table_flow(table, sighting->flow)->connection;
	if (sighting->news & (NEWS_RESET | NEWS_FINISHED) && !table_flow(table, sighting->flow)->watched) {
		table_remove(table, sighting->flow);
		sighting->flow = TABLE_NONE;
		if (sighting->connection != TABLE_NONE &&
			!table_connection(table, sighting->connection)->used)
			sighting->connection = TABLE_NONE;
	}
}
