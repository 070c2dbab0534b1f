/* MPTCP: options become connections: MP_CAPABLE gives the keys, keys give the tokens (RFC 6824: SHA-1; RFC
 * 8684: SHA-256), MP_JOIN names a token, whatever a NAT did to the addresses. DSS options feed the data
 * level; the rest become events. */
#include "analysis/state.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6824 and RFC 8684, section 3.1: the token is the first 32 bits of the key's hash, the initial data
 * sequence number the last 64. */
static void hash_key(uint64_t key, unsigned version, uint32_t *token, uint64_t *initial)
{
	uint8_t wire[8], hash[EVP_MAX_MD_SIZE] = {0};
	unsigned length = 0;
	for (unsigned i = 0; i < 8; i++)
		wire[i] = (uint8_t)(key >> (56 - 8 * i));
	if (!EVP_Digest(wire, sizeof wire, hash, &length, version ? EVP_sha256() : EVP_sha1(), NULL) ||
		length < 8)
		length = 8;
	*token = (uint32_t)(option_u64(hash) >> 32);
	*initial = option_u64(hash + length - 8);
}

static void become_mptcp(struct connection *connection)
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

/* The flow shows what another of its connection shows already: the other side of a NAT. */
static void mark_copy(struct connection *connection, struct flow *flow)
{
	for (uint32_t i = 0; i < connection->flow_count; i++) {
		struct flow *other = connection->flows[i];
		if (other == flow || other->copy_of || other->joined != flow->joined)
			continue;
		if (!flow->joined ||
			(other->join_token == flow->join_token && other->join_nonce == flow->join_nonce)) {
			flow->copy_of = other;
			return;
		}
	}
}

/* A key of the connection: its side's token and first data sequence number. */
static void learn_key(
	struct tracker *tracker, struct flow *flow, unsigned side, uint64_t key, unsigned version)
{
	struct connection *connection = flow->connection;
	if (connection->has_key[side])
		return;
	uint32_t number;
	uint64_t initial;
	hash_key(key, version, &number, &initial);
	struct token *known = token_find(tracker, number);
	if (known && known->connection != connection) {
		struct connection *other = known->connection;
		if (other->has_key[known->side] && other->key[known->side] == key) {
			connection_add(tracker, other, flow);
			mark_copy(other, flow);
			return;
		}
		if (!other->has_key[0] && !other->has_key[1]) {
			/* Joins were seen before the connection: they wait for it here. */
			bool requested = connection->requested;
			connection_add(tracker, other, flow);
			other->requested |= requested;
			other->initial_seen = true;
			other->option_seen = true;
			if (known->side != side)
				for (uint32_t i = 0; i < other->flow_count; i++)
					other->flows[i]->flipped ^= other->flows[i]->joined;
			connection = other;
		}
	}
	connection->has_key[side] = connection->has_token[side] = true;
	connection->key[side] = key;
	connection->token[side] = number;
	token_set(tracker, number, connection, (uint8_t)side);
	struct data_direction *data = &connection->data[side];
	if (!data->started) {
		data->base = initial + 1;
		data->numbered = data->based = true;
	}
}

static void capable(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const uint8_t *option, int64_t now_ns)
{
	struct connection *connection = flow->connection;
	struct option_capable seen;
	option_capable(option, &seen);
	if (flow->joined || flow->copy_of || connection->fallback == FALLBACK_NO_REPLY)
		return;
	connection->initial_seen = true;
	if ((segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		connection->requested = true;
		/* v1 sends its key later; v0's counts only when the answer is v0. */
		if (seen.keys == 1 && seen.version == 0)
			learn_key(tracker, flow, FORWARD, seen.key[0], 0);
		return;
	}
	connection->version = (int8_t)seen.version;
	connection->checksum |= seen.flags >> 7;
	become_mptcp(connection);
	if (segment->flags & TCP_SYN) {
		if (seen.keys)
			learn_key(tracker, flow, REVERSE, seen.key[0], seen.version);
		return;
	}
	if (seen.keys == 2 && direction == FORWARD) {
		learn_key(tracker, flow, FORWARD, seen.key[0], seen.version);
		learn_key(tracker, flow, REVERSE, seen.key[1], seen.version);
	}
	if (seen.has_data_length && seen.data_length && !flow->copy_of) {
		const struct mapping first = {ORIGIN, ORIGIN + seen.data_length, ORIGIN};
		data_map(tracker, flow, direction, &first, now_ns);
	}
}

static void join(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const uint8_t *option)
{
	struct option_join seen;
	option_join(option, &seen);
	flow->direction[direction].join_packets++;
	if (segment->flags & TCP_SYN)
		flow->backup |= seen.backup;
	if ((segment->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN || !seen.has_token || flow->joined ||
		flow->connection->requested || flow->connection->has_key[FORWARD]) {
		flow->joined |= !flow->syn_seen && !flow->connection->initial_seen;
		if (flow->joined)
			become_mptcp(flow->connection);
		return;
	}
	flow->joined = flow->has_address_id = true;
	flow->address_id = seen.address_id;
	flow->join_token = seen.token;
	flow->join_nonce = seen.nonce;
	struct token *known = token_find(tracker, seen.token);
	if (known && known->connection != flow->connection) {
		/* The token is that of whoever gets the SYN. */
		flow->flipped = known->side == FORWARD;
		connection_add(tracker, known->connection, flow);
		mark_copy(known->connection, flow);
	} else if (!known) {
		flow->connection->has_token[REVERSE] = true;
		flow->connection->token[REVERSE] = seen.token;
		token_set(tracker, seen.token, flow->connection, REVERSE);
	}
	become_mptcp(flow->connection);
}

static void add_event(struct connection *connection, const struct event *event)
{
	if (connection->event_count == EVENTS_LIMIT) {
		connection->events_dropped++;
		return;
	}
	/* Room doubles: it is full at every power of two from 8 on. */
	uint32_t count = connection->event_count;
	if (count == 0 || (count >= 8 && (count & (count - 1)) == 0)) {
		struct event *more = realloc(connection->events, (count ? count * 2 : 8) * sizeof *more);
		if (!more) {
			connection->events_dropped++;
			return;
		}
		connection->events = more;
	}
	connection->events[connection->event_count++] = *event;
}

/* MPTCP options that only make an event. */
static void signal_event(struct flow *flow, unsigned direction, const uint8_t *option, int64_t now_ns)
{
	struct connection *connection = flow->connection;
	struct event event = {
		.time_ns = now_ns,
		.flow = flow->index,
		.direction = (uint8_t)connection_direction(flow, direction),
		.subtype = option[2] >> 4,
	};
	switch (event.subtype) {
	case MPTCP_ADD_ADDR:
		option_address(option, &event.address);
		event.flag = event.address.echo;
		break;
	case MPTCP_REMOVE_ADDR:
		event.id_count =
			(uint8_t)(option[1] - 3u < sizeof event.ids ? option[1] - 3u : sizeof event.ids);
		memcpy(event.ids, option + 3, event.id_count);
		break;
	case MPTCP_PRIO:
		event.flag = option[2] & 1;
		break;
	case MPTCP_FAIL:
		event.value = option_u64(option + 4);
		if (connection->flow_count == 1 && !connection->fallback)
			connection->fallback = FALLBACK_FAIL;
		break;
	case MPTCP_FASTCLOSE:
		connection->fastclosed = true;
		break;
	case MPTCP_RST:
		event.flag = option[3];
		break;
	default:
		return;
	}
	if (!flow->copy_of)
		add_event(connection, &event);
}

/* The position of a data sequence number, of 32 or of 64 bits. */
static uint64_t data_position(const struct data_direction *data, uint64_t number, bool is_64)
{
	if (is_64)
		return number - data->base + ORIGIN;
	uint64_t near = data->seen.edge > data->acked ? data->seen.edge : data->acked;
	return unwrap((uint32_t)data->base, (uint32_t)number, near);
}

static void map(struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment,
	const struct dss *dss, int64_t now_ns)
{
	struct flow_direction *from = &flow->direction[direction];
	struct connection *connection = flow->connection;
	struct data_direction *data = &connection->data[connection_direction(flow, direction)];
	bool infinite = dss->length == 0;
	uint32_t length = dss->length;
	if (dss->flags & DSS_FIN) {
		/* DATA_FIN takes a number of its own, at the end of the mapping (RFC 8684, section 3.3.3). */
		data->finished = true;
		if (length)
			length--;
	}
	if (!length && !(infinite && !(dss->flags & DSS_FIN)))
		return;
	if (!data->numbered) {
		data->base = dss->sequence;
		data->numbered = true;
	}
	uint64_t high = ranges_high(&from->seen);
	if (!from->mapping_base) {
		/* The SYN was not seen: take the mapping to start with this segment, as nearly all do. */
		uint64_t position = unwrap(from->base, segment->sequence, high);
		from->mapping_base = dss->subflow_sequence - (uint32_t)position;
		from->mapping_base += from->mapping_base == 0;
	}
	struct mapping mapping = {.start = unwrap(from->mapping_base, dss->subflow_sequence, high),
		.data = data_position(data, dss->sequence, dss->flags & DSS_DSN_64)};
	mapping.end = infinite ? UINT64_MAX : mapping.start + length;
	if (infinite && !connection->fallback) {
		connection->fallback = FALLBACK_INFINITE;
		const struct event event = {.time_ns = now_ns,
			.flow = flow->index,
			.direction = (uint8_t)connection_direction(flow, direction),
			.subtype = MPTCP_DSS,
			.infinite = true};
		add_event(connection, &event);
	}
	data_map(tracker, flow, direction, &mapping, now_ns);
}

static void dss(struct tracker *tracker, struct flow *flow, unsigned direction, const struct segment *segment,
	const struct dss *option, int64_t now_ns)
{
	struct connection *connection = flow->connection;
	flow->direction[direction].dss_packets++;
	if (!connection->mptcp) {
		/* Only where the handshake was not seen can it have negotiated this. */
		if (flow->syn_seen && flow->syn_ack_seen)
			return;
		become_mptcp(connection);
	}
	if (flow->copy_of)
		return;
	if (option->flags & DSS_MAP)
		map(tracker, flow, direction, segment, option, now_ns);
	if (option->flags & DSS_ACK) {
		struct data_direction *data = &connection->data[connection_direction(flow, !direction)];
		if (data->numbered)
			data_acknowledged(tracker, data,
				data_position(data, option->acknowledgement, option->flags & DSS_ACK_64),
				now_ns);
	}
}

void mptcp_options(struct tracker *tracker, struct flow *flow, unsigned direction,
	const struct segment *segment, const struct tcp_options *options)
{
	int64_t now_ns = segment->time_ns - tracker->start_ns;
	flow->direction[direction].has_mptcp = true;
	flow->connection->option_seen = true;
	for (unsigned i = 0; i < options->rare_count; i++) {
		const uint8_t *option = options->rare[i];
		if (option[2] >> 4 == MPTCP_CAPABLE)
			capable(tracker, flow, direction, segment, option, now_ns);
		else if (option[2] >> 4 == MPTCP_JOIN)
			join(tracker, flow, direction, segment, option);
		else
			signal_event(flow, direction, option, now_ns);
	}
	/* The options may have moved the flow to another connection. */
	flow->connection->option_seen = true;
	if (options->present & OPTION_DSS)
		dss(tracker, flow, direction, segment, &options->dss, now_ns);
}
