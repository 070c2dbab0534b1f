/* Tracker: the tables of one file: flows by endpoints (open addressing; a slot is eight bytes, so a probe
 * touches one cache line), connections by token. Flows live in blocks and never move. */
#include "analysis/state.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { FIRST_SLOTS = 1024, FIRST_TOKENS = 64 };

struct tracker *tracker_new(const struct analysis_options *options)
{
	struct tracker *tracker = calloc(1, sizeof *tracker);
	if (!tracker)
		return NULL;
	tracker->options = options;
	tracker->step_ns = (int64_t)(options->step_s * 1e9);
	for (size_t i = 0; i < options->window_count; i++) {
		tracker->window_ns[i][0] = (int64_t)(options->windows[i].from_s * 1e9);
		tracker->window_ns[i][1] = (int64_t)(options->windows[i].to_s * 1e9);
	}
	tracker->slots = calloc(FIRST_SLOTS, sizeof *tracker->slots);
	tracker->slot_mask = FIRST_SLOTS - 1;
	tracker->tokens = calloc(FIRST_TOKENS, sizeof *tracker->tokens);
	tracker->token_mask = FIRST_TOKENS - 1;
	if (!tracker->slots || !tracker->tokens) {
		tracker_free(tracker);
		return NULL;
	}
	return tracker;
}

static void free_direction(struct flow_direction *direction)
{
	ranges_free(&direction->seen);
	if (direction->unmapped)
		ranges_free(direction->unmapped);
	free(direction->unmapped);
	free(direction->older);
	series_free(&direction->bytes_series);
	series_free(&direction->data_series);
	delays_free(&direction->rtt);
	delays_free(&direction->rtt_stamp);
}

void tracker_free(struct tracker *tracker)
{
	if (!tracker)
		return;
	for (uint32_t i = 0; i < tracker->flow_count; i++) {
		struct flow *flow = tracker_flow(tracker, i);
		free_direction(&flow->direction[0]);
		free_direction(&flow->direction[1]);
	}
	for (uint32_t i = 0; i < tracker->block_count; i++)
		munmap(tracker->blocks[i], FLOW_BLOCK * sizeof(struct flow));
	for (struct connection *connection = tracker->first, *next; connection; connection = next) {
		next = connection->next;
		for (unsigned i = 0; i < 2; i++) {
			ranges_free(&connection->data[i].seen);
			series_free(&connection->data[i].series);
		}
		free(connection->flows);
		free(connection->events);
		free(connection);
	}
	free(tracker->blocks);
	free(tracker->slots);
	free(tracker->tokens);
	free(tracker);
}

void data_reset(struct data_direction *data)
{
	ranges_free(&data->seen);
	series_free(&data->series);
	*data = (struct data_direction){.seen.edge = ORIGIN, .acked = ORIGIN};
}

struct connection *tracker_new_connection(struct tracker *tracker)
{
	struct connection *connection = aligned_alloc(64, sizeof *connection);
	if (!connection)
		return NULL;
	memset(connection, 0, sizeof *connection);
	connection->version = -1;
	data_reset(&connection->data[0]);
	data_reset(&connection->data[1]);
	if (tracker->last)
		tracker->last->next = connection;
	else
		tracker->first = connection;
	tracker->last = connection;
	return connection;
}

void connection_add(struct tracker *tracker, struct connection *connection, struct flow *flow)
{
	if (connection->flow_count == connection->flow_capacity) {
		uint32_t capacity = connection->flow_capacity ? connection->flow_capacity * 2 : 2;
		struct flow **more = realloc(connection->flows, capacity * sizeof *more);
		if (!more) {
			tracker->out_of_memory = true;
			return;
		}
		connection->flows = more;
		connection->flow_capacity = capacity;
	}
	struct connection *old = flow->connection;
	if (old) {
		uint32_t kept = 0;
		for (uint32_t i = 0; i < old->flow_count; i++)
			if (old->flows[i] != flow)
				old->flows[kept++] = old->flows[i];
		old->flow_count = kept;
		old->merged = kept == 0;
	}
	connection->flows[connection->flow_count++] = flow;
	flow->connection = connection;
}

static bool grow_slots(struct tracker *tracker)
{
	uint32_t mask = tracker->slot_mask * 2 + 1;
	struct flow_slot *slots = calloc((size_t)mask + 1, sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i <= tracker->slot_mask; i++) {
		const struct flow_slot *old = &tracker->slots[i];
		if (!old->flow)
			continue;
		uint32_t at = old->hash & mask;
		while (slots[at].flow)
			at = (at + 1) & mask;
		slots[at] = *old;
	}
	free(tracker->slots);
	tracker->slots = slots;
	tracker->slot_mask = mask;
	return true;
}

static struct flow *allocate(struct tracker *tracker)
{
	if (tracker->flow_count == tracker->block_count * FLOW_BLOCK) {
		struct flow **blocks = realloc(tracker->blocks, (tracker->block_count + 1) * sizeof *blocks);
		if (!blocks)
			return NULL;
		tracker->blocks = blocks;
		/* Mapped: what is not used costs nothing, and large pages spare most address translations. */
		struct flow *block = mmap(NULL, FLOW_BLOCK * sizeof *block, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			return NULL;
		madvise(block, FLOW_BLOCK * sizeof *block, MADV_HUGEPAGE);
		blocks[tracker->block_count++] = block;
	}
	struct flow *flow = tracker_flow(tracker, tracker->flow_count);
	flow->index = tracker->flow_count++;
	return flow;
}

/* Who is the client when no SYN was seen: the side with the higher port, as servers have the well-known ones.
 */
static bool guess_client_is_second(const struct segment *segment)
{
	const struct flow_key *key = &segment->key;
	bool six = key->word[4] != 0;
	unsigned first = (unsigned)((six ? key->word[4] >> 16 : key->word[0]) & 0xffff);
	unsigned second = (unsigned)((six ? key->word[4] : key->word[1]) & 0xffff);
	if (first == second)
		return segment->from_second;
	return second > first;
}

static struct flow *new_flow(struct tracker *tracker, const struct segment *segment)
{
	struct flow *flow = allocate(tracker);
	struct connection *connection = flow ? tracker_new_connection(tracker) : NULL;
	if (!connection) {
		tracker->out_of_memory = true;
		return NULL;
	}
	flow->key = segment->key;
	flow->syn_ns = flow->syn_ack_ns = flow->established_ns = flow->ended_ns = -1;
	flow->first_ns = segment->time_ns - tracker->start_ns;
	if ((segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		flow->client_is_second = segment->from_second;
	else if (segment->flags & TCP_SYN)
		flow->client_is_second = !segment->from_second;
	else
		flow->client_is_second = guess_client_is_second(segment);
	for (unsigned i = 0; i < 2; i++) {
		struct flow_direction *direction = &flow->direction[i];
		direction->seen.edge = direction->acked = direction->sacked = direction->mapped_high = ORIGIN;
		direction->window_scale = 255;
		direction->first_ns = direction->first_data_ns = -1;
	}
	connection_add(tracker, connection, flow);
	return flow->connection ? flow : NULL;
}

/* A SYN with another sequence number on the endpoints of a flow whose SYN or data were seen opens a new one
 * (RFC 9293, section 3.6.1: endpoints may be used again). */
static bool opens_new_flow(const struct flow *flow, const struct segment *segment)
{
	if ((segment->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return false;
	if (flow->syn_seen)
		return segment->sequence != flow->syn_sequence;
	return flow->syn_ack_seen ? segment->sequence + 1 != flow->direction[FORWARD].base : true;
}

struct flow *tracker_find(struct tracker *tracker, const struct segment *segment)
{
	uint32_t at = segment->hash & tracker->slot_mask;
	for (; tracker->slots[at].flow; at = (at + 1) & tracker->slot_mask) {
		struct flow_slot *slot = &tracker->slots[at];
		if (slot->hash != segment->hash)
			continue;
		struct flow *flow = slot->flow;
		if (memcmp(&flow->key, &segment->key, sizeof flow->key) != 0)
			continue;
		if (__builtin_expect((segment->flags & TCP_SYN) && opens_new_flow(flow, segment), 0)) {
			flow = new_flow(tracker, segment);
			if (flow)
				slot->flow = flow;
		}
		return flow;
	}
	struct flow *flow = new_flow(tracker, segment);
	if (!flow)
		return NULL;
	tracker->slots[at] = (struct flow_slot){flow, segment->hash};
	if (tracker->flow_count > tracker->slot_mask / 2 && !grow_slots(tracker) &&
		tracker->flow_count == tracker->slot_mask)
		tracker->out_of_memory = true;
	return flow;
}

static uint32_t token_slot(const struct token *tokens, uint32_t mask, uint32_t token)
{
	uint32_t at = token * 0x9e3779b1u & mask;
	while (tokens[at].connection && tokens[at].token != token)
		at = (at + 1) & mask;
	return at;
}

struct token *token_find(struct tracker *tracker, uint32_t token)
{
	struct token *found = &tracker->tokens[token_slot(tracker->tokens, tracker->token_mask, token)];
	return found->connection ? found : NULL;
}

void token_set(struct tracker *tracker, uint32_t token, struct connection *connection, uint8_t side)
{
	if (tracker->token_count > tracker->token_mask / 2) {
		uint32_t mask = tracker->token_mask * 2 + 1;
		struct token *tokens = calloc((size_t)mask + 1, sizeof *tokens);
		if (!tokens) {
			tracker->out_of_memory = true;
			return;
		}
		for (uint32_t i = 0; i <= tracker->token_mask; i++)
			if (tracker->tokens[i].connection)
				tokens[token_slot(tokens, mask, tracker->tokens[i].token)] =
					tracker->tokens[i];
		free(tracker->tokens);
		tracker->tokens = tokens;
		tracker->token_mask = mask;
	}
	struct token *slot = &tracker->tokens[token_slot(tracker->tokens, tracker->token_mask, token)];
	tracker->token_count += slot->connection == NULL;
	*slot = (struct token){token, side, connection};
}
