/* Tracker: the tables of one file: flows by endpoints (open addressing; a slot is eight bytes, so a probe
 * touches one cache line), connections by token. Flows live in blocks and never move. */
#include "analysis/flows/state.h"
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
	tracker->windows = options->window_count > 0;
	tracker->plain = tracker->step_ns <= 0 && !options->figures;
	for (size_t i = 0; i < options->window_count; i++) {
		tracker->window_ns[i][0] = (int64_t)(options->windows[i].from_s * 1e9);
		tracker->window_ns[i][1] = (int64_t)(options->windows[i].to_s * 1e9);
	}
	tracker->slots = calloc(FIRST_SLOTS, sizeof *tracker->slots);
	tracker->slot_mask = FIRST_SLOTS - 1;
	tracker->tokens.tokens = calloc(FIRST_TOKENS, sizeof *tracker->tokens.tokens);
	tracker->spaces.tokens = calloc(FIRST_TOKENS, sizeof *tracker->spaces.tokens);
	tracker->tokens.mask = tracker->spaces.mask = FIRST_TOKENS - 1;
	if (!tracker->slots || !tracker->tokens.tokens || !tracker->spaces.tokens) {
		tracker_free(tracker);
		return NULL;
	}
	return tracker;
}

static void free_direction(struct flow_direction *direction)
{
	struct cold *cold = direction->cold;
	ranges_free(&direction->seen);
	if (direction->samples)
		samples_free(direction->samples);
	if (!cold)
		return;
	if (cold->unmapped)
		ranges_free(cold->unmapped);
	free(cold->unmapped);
	free(cold->older);
	free(cold->again);
	series_free(&cold->bytes_series);
	series_free(&cold->data_series);
	delays_free(&cold->rtt_stamp);
	free(cold->bytes_curve);
	free(cold->data_curve);
}

static void free_connection(struct connection *connection)
{
	for (unsigned i = 0; i < 2; i++) {
		ranges_free(&connection->data[i].seen);
		series_free(&connection->data[i].series);
		free(connection->data[i].window_bytes);
		free(connection->data[i].curve);
	}
	free(connection->flows);
	free(connection->events);
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
	for (struct connection *connection = tracker->connections, *next; connection; connection = next) {
		next = connection->next;
		free_connection(connection);
	}
	free(tracker->blocks);
	free(tracker->slots);
	free(tracker->tokens.tokens);
	free(tracker->spaces.tokens);
	arena_free(&tracker->arena);
	free(tracker);
}

struct cold *cold_of(struct tracker *tracker, struct flow_direction *direction)
{
	static _Thread_local struct cold nobody; /* what is written there without memory is never read */
	if (__builtin_expect(direction->cold != NULL, 1))
		return direction->cold;
	struct cold *cold = arena_take(&tracker->arena, sizeof *cold);
	if (!cold) {
		tracker->out_of_memory = true;
		memset(&nobody, 0, sizeof nobody);
		return &nobody;
	}
	cold->mapped_high = cold->floor = ORIGIN;
	return direction->cold = cold;
}

void data_reset(struct data_direction *data)
{
	uint64_t *windows = data->window_bytes;
	ranges_free(&data->seen);
	series_free(&data->series);
	free(data->curve);
	*data = (struct data_direction){
		.seen.edge = ORIGIN, .acked = ORIGIN, .floor = ORIGIN, .window_bytes = windows};
	if (windows)
		memset(windows, 0, ANALYSIS_WINDOWS * sizeof *windows);
}

struct connection *connection_for(struct tracker *tracker, struct flow *flow)
{
	if (flow->connection)
		return flow->connection;
	struct connection *connection = arena_take(&tracker->arena, sizeof *connection);
	if (!connection) {
		tracker->out_of_memory = true;
		return NULL;
	}
	connection->version = -1;
	connection->fallback_ns = NEVER;
	for (unsigned i = 0; i < 2; i++) {
		if (tracker->options->window_count) {
			connection->data[i].window_bytes = calloc(ANALYSIS_WINDOWS, sizeof(uint64_t));
			tracker->out_of_memory |= !connection->data[i].window_bytes;
		}
		data_reset(&connection->data[i]);
	}
	connection->next = tracker->connections;
	tracker->connections = connection;
	connection->one = flow;
	connection->flow_count = 1;
	return flow->connection = connection;
}

static bool has_room(struct connection *connection)
{
	if (connection->flow_count == 0 || connection->flow_count < connection->flow_capacity)
		return true;
	uint32_t capacity = connection->flow_capacity ? connection->flow_capacity * 2 : 2;
	struct flow **more = realloc(connection->flows, capacity * sizeof(struct flow *));
	if (!more)
		return false;
	if (!connection->flows)
		more[0] = connection->one;
	connection->flows = more;
	connection->flow_capacity = capacity;
	return true;
}

static void leave(struct connection *connection, const struct flow *flow)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < connection->flow_count; i++)
		if (connection_flow(connection, i) != flow && connection->flows)
			connection->flows[kept++] = connection->flows[i];
	connection->flow_count = kept;
}

void connection_add(struct tracker *tracker, struct connection *connection, struct flow *flow)
{
	if (!has_room(connection)) {
		tracker->out_of_memory = true;
		return;
	}
	if (flow->connection)
		leave(flow->connection, flow);
	if (connection->flows)
		connection->flows[connection->flow_count] = flow;
	else
		connection->one = flow;
	connection->flow_count++;
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
		if (!old->number)
			continue;
		uint32_t at = old->hash & mask;
		while (slots[at].number)
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
		/* Room for the list doubles. */
		uint32_t count = tracker->block_count;
		if ((count & (count - 1)) == 0) {
			struct flow **blocks =
				realloc(tracker->blocks, (count ? count * 2 : 1) * sizeof(struct flow *));
			if (!blocks)
				return NULL;
			tracker->blocks = blocks;
		}
		/* Mapped: what is not used costs nothing, and large pages spare most address translations. */
		struct flow *block = mmap(NULL, FLOW_BLOCK * sizeof *block, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			return NULL;
		/* A lone block is too small for one; a large page then would cost more than it spares. */
		if (count >= 4)
			madvise(block, FLOW_BLOCK * sizeof *block, MADV_HUGEPAGE);
		tracker->blocks[tracker->block_count++] = block;
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
	bool six = key->word[4] & KEY_SIX;
	unsigned first = (unsigned)((six ? key->word[4] >> 16 : key->word[0]) & 0xffff);
	unsigned second = (unsigned)((six ? key->word[4] : key->word[1]) & 0xffff);
	if (first == second)
		return segment->from_second;
	return second > first;
}

static struct flow *new_flow(struct tracker *tracker, const struct segment *segment)
{
	struct flow *flow = allocate(tracker);
	if (!flow) {
		tracker->out_of_memory = true;
		return NULL;
	}
	flow->key = segment->key;
	flow->syn_ns = flow->syn_ack_ns = flow->established_ns = flow->ended_ns = NEVER;
	if ((segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		flow->client_is_second = segment->from_second;
	else if (segment->flags & TCP_SYN)
		flow->client_is_second = !segment->from_second;
	else
		flow->client_is_second = guess_client_is_second(segment);
	for (unsigned i = 0; i < 2; i++) {
		struct flow_direction *direction = &flow->direction[i];
		direction->seen.edge = direction->acked = ORIGIN;
		direction->window_scale = NO_SCALE;
		direction->last_ack_ns = direction->last_data_ns = NEVER / 2;
	}
	return flow;
}

struct flow *tracker_find(struct tracker *tracker, const struct segment *segment)
{
	uint32_t at = segment->hash & tracker->slot_mask;
	for (; tracker->slots[at].number; at = (at + 1) & tracker->slot_mask) {
		struct flow_slot *slot = &tracker->slots[at];
		if (slot->hash != segment->hash)
			continue;
		struct flow *flow = tracker_flow(tracker, slot->number - 1);
		if (!flow_key_equal(&flow->key, &segment->key))
			continue;
		if (__builtin_expect(
			    (segment->flags & TCP_SYN) && handshake_opens_new_flow(flow, segment), 0)) {
			struct flow *previous = flow;
			flow = new_flow(tracker, segment);
			if (flow) {
				flow->previous = previous;
				previous->previous = NULL;
				slot->number = flow->index + 1;
			}
		}
		return flow;
	}
	struct flow *flow = new_flow(tracker, segment);
	if (!flow)
		return NULL;
	tracker->slots[at] = (struct flow_slot){flow->index + 1, segment->hash};
	if (tracker->flow_count > tracker->slot_mask / 2 && !grow_slots(tracker) &&
		tracker->flow_count == tracker->slot_mask)
		tracker->out_of_memory = true;
	return flow;
}

static uint32_t token_slot(const struct token_table *table, uint64_t number)
{
	uint32_t at = (uint32_t)((number ^ number >> 32) * 0x9e3779b1u) & table->mask;
	while (table->tokens[at].connection && table->tokens[at].number != number)
		at = (at + 1) & table->mask;
	return at;
}

struct token *token_find(const struct token_table *table, uint64_t number)
{
	struct token *found = &table->tokens[token_slot(table, number)];
	return found->connection ? found : NULL;
}

void token_set(struct tracker *tracker, struct token_table *table, uint64_t number,
	struct connection *connection, uint8_t side)
{
	if (table->count > table->mask / 2) {
		struct token_table larger = {.mask = table->mask * 2 + 1, .count = table->count};
		larger.tokens = calloc((size_t)larger.mask + 1, sizeof *larger.tokens);
		if (!larger.tokens) {
			tracker->out_of_memory = true;
			return;
		}
		for (uint32_t i = 0; i <= table->mask; i++)
			if (table->tokens[i].connection)
				larger.tokens[token_slot(&larger, table->tokens[i].number)] =
					table->tokens[i];
		free(table->tokens);
		*table = larger;
	}
	struct token *slot = &table->tokens[token_slot(table, number)];
	table->count += slot->connection == NULL;
	*slot = (struct token){number, side, connection};
}
