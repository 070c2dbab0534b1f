/* Arrays of fixed size, linked by index; memory that was never used is never touched. */
#include "nodes/steer/table.h"
#include "lib/base/draw.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct queue {
	uint32_t newest, oldest, count, most;
};

struct table {
	uint32_t capacity, mask;
	struct flow *flows;
	struct connection *connections;
	uint32_t *buckets, *tokens; /* by the hash of the ends; by token */
	uint32_t free_flow, fresh_flow, free_connection, fresh_connection;
	struct queue young, old;
	uint32_t time;   /* packets so far */
	uint64_t secret; /* nobody else knows which ends share a bucket */
	void (*gone)(void *context, uint32_t connection);
	void *context;
	struct table_counters counters;
};

static uint32_t *new_buckets(uint32_t count)
{
	uint32_t *buckets = malloc(count * sizeof *buckets);
	if (buckets)
		memset(buckets, 0xff, count * sizeof *buckets); /* TABLE_NONE */
	return buckets;
}

struct table *table_new(uint32_t capacity, void (*gone)(void *context, uint32_t connection), void *context)
{
	struct table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	uint32_t buckets = 16;
	while (buckets < capacity)
		buckets *= 2;
	table->capacity = capacity;
	table->mask = buckets - 1;
	table->flows = calloc(capacity, sizeof *table->flows);
	table->connections = calloc(capacity, sizeof *table->connections);
	table->buckets = new_buckets(buckets);
	table->tokens = new_buckets(buckets);
	table->free_flow = table->free_connection = TABLE_NONE;
	table->young = (struct queue){TABLE_NONE, TABLE_NONE, 0, capacity / 4};
	table->old = (struct queue){TABLE_NONE, TABLE_NONE, 0, capacity - capacity / 4};
	table->gone = gone;
	table->context = context;
	if (!table->flows || !table->connections || !table->buckets || !table->tokens ||
		getrandom(&table->secret, sizeof table->secret, 0) != sizeof table->secret) {
		table_free(table);
		return NULL;
	}
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->flows);
	free(table->connections);
	free(table->buckets);
	free(table->tokens);
	free(table);
}

const struct table_counters *table_counters(const struct table *table)
{
	return &table->counters;
}

struct flow *table_flow(struct table *table, uint32_t flow)
{
	return &table->flows[flow];
}

struct connection *table_connection(struct table *table, uint32_t connection)
{
	return &table->connections[connection];
}

/* ---- finding */

static uint64_t hash_end(uint64_t secret, const struct packet_end *end)
{
	uint64_t words[2];
	memcpy(words, end->address, sizeof words);
	return draw_mix(draw_mix(words[0] ^ secret) ^ words[1] ^ (uint64_t)end->port << 48);
}

/* The same for both directions. */
static uint32_t hash_ends(const struct table *table, const struct packet *packet)
{
	return (uint32_t)(hash_end(table->secret, &packet->source) +
			  hash_end(table->secret, &packet->destination));
}

static bool same_end(const struct packet_end *a, const struct packet_end *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

uint32_t table_find(const struct table *table, const struct packet *packet, unsigned *direction)
{
	uint32_t hash = hash_ends(table, packet);
	for (uint32_t i = table->buckets[hash & table->mask]; i != TABLE_NONE; i = table->flows[i].chain) {
		const struct flow *flow = &table->flows[i];
		if (flow->hash != hash)
			continue;
		if (same_end(&flow->client, &packet->source) &&
			same_end(&flow->server, &packet->destination)) {
			*direction = FROM_CLIENT;
			return i;
		}
		if (same_end(&flow->server, &packet->source) &&
			same_end(&flow->client, &packet->destination)) {
			*direction = FROM_SERVER;
			return i;
		}
	}
	return TABLE_NONE;
}

uint32_t table_by_token(const struct table *table, uint32_t token)
{
	uint32_t i = table->tokens[token & table->mask];
	while (i != TABLE_NONE && table->connections[i].token[FROM_SERVER] != token)
		i = table->connections[i].chain;
	return i;
}

uint32_t table_next(const struct table *table, uint32_t connection)
{
	for (connection++; connection < table->fresh_connection; connection++) /* TABLE_NONE + 1 is 0 */
		if (table->connections[connection].used)
			return connection;
	return TABLE_NONE;
}

/* ---- queues */

static struct queue *queue_of(struct table *table, const struct flow *flow)
{
	return flow->is_old ? &table->old : &table->young;
}

static void leave(struct table *table, uint32_t index)
{
	struct flow *flow = &table->flows[index];
	struct queue *queue = queue_of(table, flow);
	*(flow->newer == TABLE_NONE ? &queue->newest : &table->flows[flow->newer].older) = flow->older;
	*(flow->older == TABLE_NONE ? &queue->oldest : &table->flows[flow->older].newer) = flow->newer;
	queue->count--;
}

static void enter(struct table *table, uint32_t index)
{
	struct flow *flow = &table->flows[index];
	struct queue *queue = queue_of(table, flow);
	flow->newer = TABLE_NONE;
	flow->older = queue->newest;
	*(queue->newest == TABLE_NONE ? &queue->oldest : &table->flows[queue->newest].newer) = index;
	queue->newest = index;
	queue->count++;
}

/* Makes room in a queue. False: whoever would have to go is being redirected. */
static bool make_room(struct table *table, struct queue *queue, uint64_t *pushed)
{
	uint32_t index = queue->oldest;
	if (queue->count < queue->most)
		return true;
	while (index != TABLE_NONE && table->flows[index].watched)
		index = table->flows[index].newer;
	if (index == TABLE_NONE)
		return false;
	table_remove(table, index);
	++*pushed;
	return true;
}

void table_touch(struct table *table, uint32_t index, bool proven)
{
	struct flow *flow = &table->flows[index];
	bool promoted = proven && !flow->is_old;
	table->time++;
	if (!promoted && (table->time - flow->touched < table->capacity / 16 ||
				 queue_of(table, flow)->newest == index))
		return;
	flow->touched = table->time;
	if (promoted && make_room(table, &table->old, &table->counters.pushed_old)) {
		leave(table, index);
		flow->is_old = true;
		table->counters.old++;
	} else {
		leave(table, index);
	}
	enter(table, index);
}

/* ---- coming and going */

uint32_t table_add(struct table *table, const struct packet *packet)
{
	if (!make_room(table, &table->young, &table->counters.pushed_young)) {
		table->counters.refused++;
		return TABLE_NONE;
	}
	uint32_t index = table->free_flow;
	if (index != TABLE_NONE)
		table->free_flow = table->flows[index].chain;
	else
		index = table->fresh_flow++; /* queues hold no more than there is room for */
	uint32_t hash = hash_ends(table, packet), *bucket = &table->buckets[hash & table->mask];
	table->flows[index] = (struct flow){.client = packet->source,
		.server = packet->destination,
		.family = (uint8_t)packet->family,
		.connection = TABLE_NONE,
		.sibling = TABLE_NONE,
		.touched = table->time,
		.hash = hash,
		.chain = *bucket};
	*bucket = index;
	enter(table, index);
	table->counters.flows++;
	return index;
}

static void disconnect(struct table *table, uint32_t index)
{
	struct connection *connection = &table->connections[index];
	table->gone(table->context, index);
	uint32_t *at = &table->tokens[connection->token[FROM_SERVER] & table->mask];
	while (*at != index)
		at = &table->connections[*at].chain;
	*at = connection->chain;
	*connection = (struct connection){.chain = table->free_connection};
	table->free_connection = index;
	table->counters.connections--;
}

void table_remove(struct table *table, uint32_t index)
{
	struct flow *flow = &table->flows[index];
	uint32_t *at = &table->buckets[flow->hash & table->mask];
	while (*at != index)
		at = &table->flows[*at].chain;
	*at = flow->chain;
	leave(table, index);
	table->counters.old -= flow->is_old;
	if (flow->connection != TABLE_NONE) {
		struct connection *connection = &table->connections[flow->connection];
		at = &connection->flows;
		while (*at != index)
			at = &table->flows[*at].sibling;
		*at = flow->sibling;
		if (connection->current == index)
			connection->current = connection->flows;
		if (connection->flows == TABLE_NONE)
			disconnect(table, flow->connection);
	}
	flow->chain = table->free_flow;
	table->free_flow = index;
	table->counters.flows--;
}

void table_join(struct table *table, uint32_t flow, uint32_t connection)
{
	table->flows[flow].connection = connection;
	table->flows[flow].sibling = table->connections[connection].flows;
	table->connections[connection].flows = flow;
}

uint32_t table_connect(struct table *table, uint32_t flow, const uint64_t key[2], const uint32_t token[2])
{
	uint32_t index = table->free_connection;
	if (index != TABLE_NONE)
		table->free_connection = table->connections[index].chain;
	else if (table->fresh_connection < table->capacity)
		index = table->fresh_connection++;
	else {
		table->counters.refused++;
		return TABLE_NONE;
	}
	uint32_t *bucket = &table->tokens[token[FROM_SERVER] & table->mask];
	table->connections[index] = (struct connection){.used = true,
		.key = {key[0], key[1]},
		.token = {token[0], token[1]},
		.server = table->flows[flow].server,
		.flows = TABLE_NONE,
		.current = flow,
		.chain = *bucket};
	*bucket = index;
	table_join(table, flow, index);
	table->counters.connections++;
	return index;
}
