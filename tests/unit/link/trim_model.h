/* A trimming port as slowly and plainly as the text has it (SIGCOMM 2017, section 3.1; nodes/ndp/README.md): two lists of numbers. The
 * coin is the port's own, so that both can be held against each other after every step. */
#ifndef LIQUIDNET_TEST_TRIM_MODEL_H
#define LIQUIDNET_TEST_TRIM_MODEL_H

#include "lib/base/draw.h"
#include "lib/link/trim.h"

#include <stdlib.h>

#define MODEL_PACKETS 512

struct model_item {
	int id;
	uint32_t bytes, header_bytes;
	int class;
};

struct trim_model {
	struct trim_limits limits;
	uint64_t key, coins;
	struct model_item low[MODEL_PACKETS], high[MODEL_PACKETS], serving;
	int low_count, high_count;
	bool busy;
	uint32_t turn;
};

static inline uint32_t model_bytes(const struct model_item *list, int count)
{
	uint32_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += list[i].bytes;
	return bytes;
}

static inline uint32_t model_low(const struct trim_model *m)
{
	return model_bytes(m->low, m->low_count) +
	       (m->busy && m->serving.class < TRIM_HEADER ? m->serving.bytes : 0);
}

static inline uint32_t model_high(const struct trim_model *m)
{
	return model_bytes(m->high, m->high_count) +
	       (m->busy && m->serving.class >= TRIM_HEADER ? m->serving.bytes : 0);
}

/* The packet that is expelled, or -1; *fate says how. */
static inline int model_into_high(struct trim_model *m, struct model_item item, enum trim_fate *fate)
{
	if (model_high(m) + item.bytes <= m->limits.high_bytes) {
		m->high[m->high_count++] = item;
		*fate = TRIM_KEPT;
		return -1;
	}
	*fate = item.class == TRIM_HEADER && m->limits.bounce ? TRIM_BOUNCED : TRIM_DROPPED;
	return item.id;
}

static inline int model_arrive(struct trim_model *m, struct model_item item, enum trim_fate *fate)
{
	if (item.class >= TRIM_HEADER)
		return model_into_high(m, item, fate);
	uint32_t limit = item.class == TRIM_OTHER && m->limits.other_bytes ? m->limits.other_bytes
									   : m->limits.low_bytes;
	if (model_low(m) + item.bytes <= limit) {
		m->low[m->low_count++] = item;
		*fate = TRIM_KEPT;
		return -1;
	}
	if (item.class == TRIM_OTHER) {
		*fate = TRIM_DROPPED;
		return item.id;
	}
	bool coin = draw_number(m->key, m->coins++) >> (DRAW_BITS - 32) < m->limits.tail_chance;
	if (coin && m->low_count > 0) {
		struct model_item newest = m->low[m->low_count - 1];
		if (newest.class == TRIM_DATA &&
			model_low(m) - newest.bytes + item.bytes <= m->limits.low_bytes) {
			m->low[m->low_count - 1] = item;
			item = newest;
		}
	}
	item.bytes = item.header_bytes;
	item.class = TRIM_HEADER;
	return model_into_high(m, item, fate);
}

/* The packet that begins its service, or -1. */
static inline int model_serve(struct trim_model *m)
{
	bool high = m->high_count > 0;

	if (m->high_count > 0 && m->low_count > 0 && m->limits.ratio > 0) {
		m->turn = (m->turn + 1) % (m->limits.ratio + 1);
		high = m->turn < m->limits.ratio;
	}
	struct model_item *list = high ? m->high : m->low;
	int *count = high ? &m->high_count : &m->low_count;
	if (*count == 0)
		return -1;
	m->serving = list[0];
	m->busy = true;
	for (int i = 1; i < *count; i++)
		list[i - 1] = list[i];
	--*count;
	return m->serving.id;
}

/* A port and its model, which get the same packets. */
struct trim_pair {
	struct trim_model model;
	struct trim_port port;
	struct trim_packet packets[MODEL_PACKETS];
	bool inside[MODEL_PACKETS];
	int last_low, last_high; /* ids that left each queue last: order is kept within a queue */
};

static inline void pair_check(const struct trim_pair *pair)
{
	const struct trim_model *m = &pair->model;

	if (pair->port.low_bytes != model_low(m) || pair->port.high_bytes != model_high(m))
		abort();
	uint32_t most =
		m->limits.other_bytes > m->limits.low_bytes ? m->limits.other_bytes : m->limits.low_bytes;
	if (pair->port.low_bytes > most || pair->port.high_bytes > m->limits.high_bytes)
		abort();
	if (pair->port.low.most_bytes < pair->port.low_bytes ||
		pair->port.high.most_bytes < pair->port.high_bytes)
		abort();
}

static inline void pair_init(struct trim_pair *pair, const struct trim_limits *limits, uint64_t key)
{
	*pair = (struct trim_pair){.model = {.limits = *limits, .key = key}};
	trim_init(&pair->port, limits, key);
}

/* Packet `id` arrives at both. */
static inline void pair_arrive(
	struct trim_pair *pair, int id, uint32_t bytes, uint16_t header_bytes, int class)
{
	struct trim_packet *packet = &pair->packets[id];
	enum trim_fate fate;

	*packet =
		(struct trim_packet){.bytes = bytes, .header_bytes = header_bytes, .class = (uint8_t) class};
	pair->inside[id] = true;
	struct trim_outcome outcome = trim_arrive(&pair->port, packet);
	int expelled = model_arrive(&pair->model, (struct model_item){id, bytes, header_bytes, class}, &fate);
	if (outcome.fate != fate || (outcome.packet ? outcome.packet - pair->packets : -1) != expelled)
		abort();
	if (expelled >= 0)
		pair->inside[expelled] = false;
	pair_check(pair);
}

/* What is in service leaves, and the next begins. False: nothing waits. */
static inline bool pair_step(struct trim_pair *pair)
{
	if (pair->model.busy) {
		struct trim_packet *packet = trim_done(&pair->port);
		if (packet - pair->packets != pair->model.serving.id ||
			packet->bytes != pair->model.serving.bytes ||
			packet->class != pair->model.serving.class)
			abort();
		pair->model.busy = false;
		pair->inside[packet - pair->packets] = false;
	}
	struct trim_packet *next = trim_serve(&pair->port);
	if ((next ? next - pair->packets : -1) != model_serve(&pair->model))
		abort();
	pair_check(pair);
	return next;
}

#endif
