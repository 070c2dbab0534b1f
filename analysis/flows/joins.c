/* Joins: which flows make one connection. MP_CAPABLE gives the keys, keys give the tokens (RFC 6824: SHA-1; RFC 8684:
 * SHA-256), MP_JOIN names a token, whatever a NAT did to the addresses. Where the capture began too late for
 * either, flows belong together whose data sequence numbers do: those start anywhere in 64 bits. */
#include "analysis/flows/state.h"
#include "lib/mptcp/keys.h"
#include <stdlib.h>
#include <string.h>

/* The same handshake on both sides of a NAT: what passes one takes no longer. */
#define COPY_NS ((int64_t)1000000000)

void mptcp_become(struct connection *connection)
{
	if (connection->mptcp)
		return;
	connection->mptcp = true;
	/* What was taken for plain TCP so far belongs to no data sequence space. */
	for (unsigned i = 0; i < 2; i++) {
		struct data_direction *data = &connection->data[i];
		if (data->started || !data->numbered)
			data_reset(data);
	}
}

static struct join *join_of(struct tracker *tracker, struct flow *flow)
{
	if (!flow->join && !(flow->join = arena_take(&tracker->arena, sizeof *flow->join)))
		tracker->out_of_memory = true;
	return flow->join;
}

/* The flow shows what another of its connection shows already: the other side of a NAT. */
static void mark_copy(struct tracker *tracker, struct connection *connection, struct flow *flow)
{
	for (uint32_t i = 0; i < connection->flow_count; i++) {
		struct flow *other = connection_flow(connection, i);
		if (other == flow || flow_is_copy(other) || other->joined != flow->joined)
			continue;
		if (!flow->joined || (other->join->token == flow->join->token &&
					     other->join->nonce[0] == flow->join->nonce[0])) {
			struct join *join = join_of(tracker, flow);
			if (join)
				join->copy_of = other;
			flow->copied = join != NULL;
			return;
		}
	}
}

/* Whether two flows with the same keys are one, seen twice; else the keys were used twice (by tests with a fixed
 * seed). */
static bool is_seen_twice(const struct connection *connection, const struct flow *flow, int64_t now_ns)
{
	for (uint32_t i = 0; i < connection->flow_count; i++) {
		const struct flow *other = connection_flow(connection, i);
		const struct flow_direction *client = &other->direction[FORWARD],
					    *server = &other->direction[REVERSE];
		int64_t last = client->last_ns > server->last_ns ? client->last_ns : server->last_ns;
		if (other->joined)
			continue;
		if (other->syn_seen && flow->syn_seen && other->syn_sequence == flow->syn_sequence)
			return true;
		if (now_ns - last <= COPY_NS && other->ended_ns == NEVER && other->syn_ns != NEVER &&
			flow->syn_ns != NEVER && flow->syn_ns - other->syn_ns <= COPY_NS)
			return true;
	}
	return false;
}

/* Joins were seen before their connection, which has its keys now: they go over to it. */
static void adopt(struct tracker *tracker, struct flow *flow, struct connection *other, unsigned side,
	const struct token *known)
{
	bool requested = flow->connection->requested;
	connection_add(tracker, other, flow);
	other->requested |= requested;
	other->initial_seen = true;
	other->option_seen = true;
	if (known->side != side)
		for (uint32_t i = 0; i < other->flow_count; i++) {
			struct flow *joined = connection_flow(other, i);
			joined->flipped ^= joined->joined;
		}
}

/* A key of the connection: its side's token and first data sequence number. */
static void learn_key(struct tracker *tracker, struct flow *flow, unsigned side, uint64_t key,
	unsigned version, int64_t now_ns)
{
	struct connection *connection = flow->connection;
	if (connection->has_key[side])
		return;
	uint32_t number;
	uint64_t initial;
	if (!mptcp_hash_key(key, version, &number, &initial))
		return;
	struct token *known = token_find(&tracker->tokens, number);
	if (known && known->connection != connection) {
		struct connection *other = known->connection;
		if (other->has_key[known->side] && other->key[known->side] == key) {
			if (is_seen_twice(other, flow, now_ns)) {
				connection_add(tracker, other, flow);
				mark_copy(tracker, other, flow);
				return;
			}
		} else if (!other->has_key[0] && !other->has_key[1]) {
			adopt(tracker, flow, other, side, known);
			connection = other;
		}
	}
	connection->has_key[side] = connection->has_token[side] = true;
	connection->key[side] = key;
	connection->token[side] = number;
	token_set(tracker, &tracker->tokens, number, connection, (uint8_t)side);
	struct data_direction *data = &connection->data[side];
	if (!data->started || !data->numbered) {
		data->base = initial + 1;
		data->numbered = data->based = true;
	}
}

void mptcp_capable(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const uint8_t *option)
{
	struct connection *connection = flow->connection;
	struct option_capable seen;
	int64_t now_ns = segment->time_ns;
	option_capable(option, &seen);
	if (flow->joined || flow_is_copy(flow) || connection->fallback == FALLBACK_NO_REPLY)
		return;
	connection->initial_seen = true;
	if ((segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		connection->requested = true;
		/* v1 sends its key later; v0's counts only when the answer is v0. */
		if (seen.keys == 1 && seen.version == 0)
			learn_key(tracker, flow, FORWARD, seen.key[0], 0, now_ns);
		return;
	}
	connection->version = (int8_t)seen.version;
	connection->checksum |= seen.flags >> 7;
	mptcp_become(connection);
	if (segment->flags & TCP_SYN) {
		if (seen.keys)
			learn_key(tracker, flow, REVERSE, seen.key[0], seen.version, now_ns);
		return;
	}
	if (seen.keys == 2 && direction == FORWARD) {
		learn_key(tracker, flow, FORWARD, seen.key[0], seen.version, now_ns);
		learn_key(tracker, flow, REVERSE, seen.key[1], seen.version, now_ns);
	}
	if (seen.has_data_length && seen.data_length && !flow_is_copy(flow)) {
		/* The first data, behind what the SYN carried. */
		uint64_t start = unwrap(flow->direction[direction].base, segment->sequence, ORIGIN);
		const struct mapping first = {start, start + seen.data_length, ORIGIN};
		data_map(tracker, flow, direction, &first, now_ns);
	}
}

/* The SYN of a join: the token is that of whoever gets it. */
static void open_join(struct tracker *tracker, struct flow *flow, const struct option_join *seen)
{
	struct join *join = join_of(tracker, flow);
	if (!join)
		return;
	flow->joined = true;
	join->has_token = true;
	join->address_id = seen->address_id;
	join->token = seen->token;
	join->nonce[0] = seen->nonce;
	join->has_nonce[0] = true;
	struct token *known = token_find(&tracker->tokens, seen->token);
	if (known && known->connection != flow->connection) {
		flow->flipped = known->side == FORWARD;
		connection_add(tracker, known->connection, flow);
		mark_copy(tracker, known->connection, flow);
	} else if (!known) {
		flow->connection->has_token[REVERSE] = true;
		flow->connection->token[REVERSE] = seen->token;
		token_set(tracker, &tracker->tokens, seen->token, flow->connection, REVERSE);
	}
	mptcp_become(flow->connection);
}

void mptcp_join(struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment,
	const uint8_t *option)
{
	struct option_join seen;
	bool is_syn = (segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	option_join(option, &seen);
	cold_of(tracker, &flow->direction[direction])->join_packets++;
	if (is_syn && seen.has_token && !flow->joined && !flow->connection->requested &&
		!flow->connection->has_key[FORWARD])
		open_join(tracker, flow, &seen);
	else if (!flow->joined && !flow->syn_seen && !flow->connection->initial_seen &&
		 join_of(tracker, flow))
		flow->joined = true;
	struct join *join = flow->join;
	if (!flow->joined || !join)
		return;
	mptcp_become(flow->connection);
	if (segment->flags & TCP_SYN)
		join->backup |= seen.backup;
	if (seen.hmac && direction == REVERSE && (segment->flags & TCP_SYN)) {
		join->answered = true;
		join->nonce[1] = seen.nonce;
		join->has_nonce[1] = join->has_hmac[1] = true;
		memcpy(join->hmac[1], seen.hmac, 8);
	} else if (seen.hmac && direction == FORWARD && !(segment->flags & TCP_SYN) && option[1] == 24) {
		join->completed = true;
		join->has_hmac[0] = true;
		memcpy(join->hmac[0], seen.hmac, 20);
	}
}

int mptcp_join_is_authentic(const struct connection *connection, const struct flow *flow)
{
	const struct join *join = flow->join;
	if (!join || !connection->has_key[0] || !connection->has_key[1] || !join->has_nonce[0] ||
		!join->has_nonce[1])
		return -1;
	int result = -1;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t expected[MPTCP_HMAC_JOIN_ACK];
		unsigned own = i ^ flow->flipped;
		if (!join->has_hmac[i])
			continue;
		if (!mptcp_hmac_join(connection->version, connection->key[own], connection->key[!own],
			    join->nonce[i], join->nonce[!i], expected))
			return -1;
		if (memcmp(expected, join->hmac[i], i ? MPTCP_HMAC_JOIN_SYN_ACK : MPTCP_HMAC_JOIN_ACK) != 0)
			return 0;
		result = 1;
	}
	return result;
}

/* ---- ties by data sequence numbers */

/* What is outstanding and waiting of a connection is less than the largest window; numbers of 32 bits are close
 * by chance 64 times as often as is acceptable, so both directions must be. */
enum { SPACE_SHIFT = 28, SPACE_SHIFT_32 = 22 };

static uint64_t space_number(uint64_t sequence, bool is_64)
{
	return is_64 ? sequence >> SPACE_SHIFT : (uint64_t)1 << 63 | (uint32_t)sequence >> SPACE_SHIFT_32;
}

static bool is_close(uint64_t a, uint64_t b, bool is_64)
{
	if (is_64)
		return a - b + ((uint64_t)1 << SPACE_SHIFT) <= (uint64_t)2 << SPACE_SHIFT;
	return (uint32_t)a - (uint32_t)b + (1u << SPACE_SHIFT_32) <= 2u << SPACE_SHIFT_32;
}

static bool share_an_address(const struct flow *a, const struct flow *b)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < 2; j++) {
			bool six = a->key.word[4] & KEY_SIX;
			if (six != (bool)(b->key.word[4] & KEY_SIX))
				return false;
			if (six ? a->key.word[2 * i] == b->key.word[2 * j] &&
						a->key.word[2 * i + 1] == b->key.word[2 * j + 1]
				: a->key.word[i] >> 16 == b->key.word[j] >> 16)
				return true;
		}
	return false;
}

/* The newest number known of a direction of a connection. */
static uint64_t number_of(const struct data_direction *data)
{
	uint64_t edge = data->seen.edge > data->acked ? data->seen.edge : data->acked;
	return data->base + (edge - ORIGIN);
}

static struct connection *find_tied(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct dss *dss)
{
	bool is_64 = dss->flags & DSS_MAP ? (dss->flags & DSS_DSN_64) != 0 : (dss->flags & DSS_ACK_64) != 0;
	bool both = (dss->flags & (DSS_MAP | DSS_ACK)) == (DSS_MAP | DSS_ACK);
	uint64_t number = dss->flags & DSS_MAP ? dss->sequence : dss->acknowledgement;
	unsigned sender = dss->flags & DSS_MAP ? direction : !direction;
	for (int near = -1; near <= 1; near++) {
		struct token *known =
			token_find(&tracker->spaces, space_number(number, is_64) + (uint64_t)near);
		struct connection *other = known ? known->connection : NULL;
		if (!other || other == flow->connection || !other->flow_count ||
			!other->data[known->side].numbered ||
			!is_close(number, number_of(&other->data[known->side]), is_64))
			continue;
		const struct data_direction *back = &other->data[!known->side];
		if (!is_64 &&
			!(both && back->numbered && is_close(dss->acknowledgement, number_of(back), false) &&
				share_an_address(flow, connection_flow(other, 0))))
			continue;
		flow->flipped = known->side != sender;
		return other;
	}
	return NULL;
}

/* Keeps a connection where its numbers are: they move on. */
static void keep_in_table(
	struct tracker *tracker, struct flow *flow, unsigned direction, const struct dss *dss)
{
	struct connection *connection = flow->connection;
	for (unsigned i = 0; i < 2; i++) {
		bool acknowledgement = i;
		if (!(dss->flags & (acknowledgement ? DSS_ACK : DSS_MAP)))
			continue;
		bool is_64 = dss->flags & (acknowledgement ? DSS_ACK_64 : DSS_DSN_64);
		unsigned side = connection_direction(flow, acknowledgement ? !direction : direction);
		uint64_t number = acknowledgement ? dss->acknowledgement : dss->sequence;
		struct data_direction *data = &connection->data[side];
		if (acknowledgement && !data->numbered) {
			/* The other side's numbers are known by what is acknowledged of them. */
			data->base = number;
			data->numbered = true;
		}
		uint64_t space = space_number(number, is_64);
		if (connection->space[side] == (uint32_t)space && connection->tied)
			continue;
		connection->space[side] = (uint32_t)space;
		token_set(tracker, &tracker->spaces, space, connection, (uint8_t)side);
	}
	connection->tied = true;
}

void mptcp_tie(struct tracker *tracker, struct flow *flow, unsigned direction, const struct dss *dss)
{
	struct connection *connection = flow->connection;
	if (!(dss->flags & (DSS_MAP | DSS_ACK)))
		return;
	if (!connection->tied && connection->flow_count == 1) {
		struct connection *other = find_tied(tracker, flow, direction, dss);
		if (other) {
			connection_add(tracker, other, flow);
			other->option_seen = true;
		}
	}
	keep_in_table(tracker, flow, direction, dss);
}
