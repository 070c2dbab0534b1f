/* The link model; see model.h. Three places hold packets: a ring of those that wait, the server, which takes
 * the head of the ring when it is free and knows at once when that packet will depart, and a heap of those on
 * their way, by departure. Everything happens at the time at which it is due, however late somebody asks:
 * advance() catches up. */
#include "lib/link/model.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/link/codel.h"
#include "lib/link/opportunities.h"
#include "lib/link/ring.h"
#include "lib/link/trace.h"
#include "lib/link/trimmer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is drawn, a sequence each within a direction: adding one never shifts the others. The first two are
 * the wheel's too (harness/links/wheel_geometry.c). */
enum draw {
	DRAW_LOSS = 1,
	DRAW_JITTER = 2,
	DRAW_JITTER_2 = 3,
	DRAW_STATE = 4,
	DRAW_DUPLICATE = 5,
	DRAW_CORRUPT = 6,
	DRAW_BIT = 7,
	DRAW_REORDER = 8,
	DRAW_TRIM = 9,
	DRAW_TRY = 10,
	DRAW_LATE = 11,
	DRAWS
};

#define FRAME_BYTES 1514 /* Ethernet's */

struct model {
	struct shape shape;
	uint64_t stream, keys[DRAWS];
	struct opportunities offered;
	struct trace *losses;
	struct radio *radio;
	struct trimmer *trimmer; /* in place of `waiting`; NULL: the link does not trim */
	uint32_t frame_bytes;
	struct station *station; /* in a medium; NULL: the link is its own */
	struct codel codel;
	uint64_t number;     /* packets offered */
	uint64_t bad_since;  /* Gilbert-Elliott's state: 1 is bad */
	struct ring waiting; /* departure_ns: its arrival */
	uint64_t waiting_bytes, high_packets, high_bytes, largest;
	/* The server. */
	int64_t free_ns;
	uint64_t remainder; /* ... and this many 1/rate ns later */
	uint32_t serving_bytes;
	/* On their way. */
	struct heap leaving;
	int64_t last_departure_ns;
};

static uint64_t draw(const struct model *m, enum draw what, uint64_t number)
{
	return draw_number(m->keys[what], number);
}

/* In [0, 1). */
static double uniform(const struct model *m, enum draw what, uint64_t number)
{
	return (double)draw(m, what, number) * 0x1p-53;
}

static bool chance(const struct model *m, enum draw what, uint64_t number, double share)
{
	return share > 0 && draw(m, what, number) < (uint64_t)(share * 0x1p53);
}

/* ---- the shape */

static void adopt(struct model *m, const struct shape *shape)
{
	bool same_codel = m->shape.queue == shape->queue &&
			  m->shape.codel_target_ns == shape->codel_target_ns &&
			  m->shape.codel_interval_ns == shape->codel_interval_ns;
	if (shape->seed != m->shape.seed)
		m->number = 0;
	if (shape->rate_bps != m->shape.rate_bps)
		m->remainder = 0;
	if (shape->loss_model != m->shape.loss_model)
		m->bad_since = 0;
	if (!same_codel)
		codel_init(&m->codel, shape->codel_target_ns, shape->codel_interval_ns);
	m->shape = *shape;
	for (unsigned what = 0; what < DRAWS; what++)
		m->keys[what] = draw_key(shape->seed, m->stream, what);
	if (m->trimmer)
		trimmer_limit(m->trimmer, shape, m->frame_bytes);
}

/* Those that are others than before; only a new trace of opportunities starts anew. */
static int load_traces(struct model *m, const struct shape *shape, char **error)
{
	struct trace *opportunities = NULL, *losses = NULL;
	bool other_opportunities = strcmp(shape->opportunities, m->shape.opportunities) != 0;
	bool other_losses = strcmp(shape->loss_trace, m->shape.loss_trace) != 0;
	if (other_opportunities && *shape->opportunities &&
		!(opportunities = trace_opportunities(shape->opportunities, error)))
		return -1;
	if (other_losses && *shape->loss_trace && !(losses = trace_losses(shape->loss_trace, error))) {
		trace_free(opportunities);
		return -1;
	}
	if (other_opportunities) {
		trace_free(m->offered.trace);
		opportunities_init(&m->offered, opportunities);
	}
	if (other_losses) {
		trace_free(m->losses);
		m->losses = losses;
	}
	return 0;
}

int model_change(struct model *m, const struct shape *shape, char **error)
{
	if (load_traces(m, shape, error) < 0)
		return -1;
	adopt(m, shape);
	if (m->station) {
		medium_tune(m->station, &shape->medium);
		medium_draw(m->station, m->keys[DRAW_TRY], m->keys[DRAW_LATE]);
	}
	return 0;
}

struct model *model_new(const struct shape *shape, uint64_t stream, char **error)
{
	struct model *m = calloc(1, sizeof *m);

	if (!m) {
		error_set(error, "no memory for a link");
		return NULL;
	}
	m->stream = stream;
	m->frame_bytes = FRAME_BYTES;
	m->free_ns = m->last_departure_ns = INT64_MIN;
	if (load_traces(m, shape, error) < 0) {
		model_free(m);
		return NULL;
	}
	adopt(m, shape);
	if (shape->queue == QUEUE_TRIM && !(m->trimmer = trimmer_new(m->keys[DRAW_TRIM]))) {
		error_set(error, "no memory for a link");
		model_free(m);
		return NULL;
	}
	model_set_frame(m, FRAME_BYTES);
	return m;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	trimmer_free(m->trimmer);
	ring_free(&m->waiting);
	heap_free(&m->leaving);
	trace_free(m->offered.trace);
	trace_free(m->losses);
	free(m);
}

void model_set_frame(struct model *m, uint32_t bytes)
{
	m->frame_bytes = bytes;
	if (m->trimmer)
		trimmer_limit(m->trimmer, &m->shape, bytes);
}

const struct trim_port *model_trim(const struct model *m)
{
	return m->trimmer ? trimmer_port(m->trimmer) : NULL;
}

void model_set_radio(struct model *m, struct radio *radio)
{
	m->radio = radio;
}

const struct station *model_station(const struct model *m)
{
	return m->station;
}

const struct shape *model_shape(const struct model *m)
{
	return &m->shape;
}

/* ---- loss */

/* The chain takes a step a packet, and then the packet is lost as the state says. */
static bool gilbert_elliott(struct model *m, uint64_t number)
{
	const struct shape *s = &m->shape;
	if (chance(m, DRAW_STATE, number, m->bad_since ? s->to_good : s->to_bad))
		m->bad_since = !m->bad_since;
	return chance(m, DRAW_LOSS, number, m->bad_since ? s->loss_bad : s->loss_good);
}

static bool is_lost(struct model *m, uint64_t number)
{
	switch (m->shape.loss_model) {
	case LOSS_RANDOM:
		return chance(m, DRAW_LOSS, number, m->shape.loss);
	case LOSS_GILBERT_ELLIOTT:
		return gilbert_elliott(m, number);
	case LOSS_EVERY:
		return m->shape.loss_every && (number + 1) % m->shape.loss_every == 0;
	case LOSS_TRACE:
		return m->losses && m->losses->items[number % m->losses->count];
	}
	return false;
}

/* ---- the server */

static int64_t serve_by_rate(struct model *m, int64_t start, uint32_t bytes)
{
	if (m->free_ns < start)
		m->remainder = 0;
	uint64_t work = bytes * 8000000000ULL + m->remainder;
	m->remainder = work % m->shape.rate_bps;
	return start + (int64_t)(work / m->shape.rate_bps);
}

static int64_t serve(struct model *m, int64_t start, uint32_t bytes)
{
	if (m->station)
		return medium_transmit(m->station, start, bytes);
	if (m->offered.trace)
		return opportunities_serve(&m->offered, start, bytes);
	if (m->shape.rate_bps)
		return serve_by_rate(m, start, bytes);
	return start;
}

/* The radio is told how long it sends: until the last bit, opportunities that are waited for included. The
 * other direction may have moved its clock on already: a radio that was up is up for us at once. */
static int64_t serve_by_radio(struct model *m, int64_t start, uint32_t bytes)
{
	radio_advance(m->radio, start);
	int64_t may_start = radio_start(m->radio, start);
	int64_t end = serve(m, radio_is_up(m->radio) ? start : may_start, bytes);
	radio_packet(m->radio, start, end > may_start ? end - may_start : 0);
	return end;
}

/* The end of serialisation of a packet that the server takes at `start`. */
static int64_t serialise(struct model *m, int64_t start, uint32_t bytes)
{
	m->free_ns = m->radio ? serve_by_radio(m, start, bytes) : serve(m, start, bytes);
	m->serving_bytes = bytes;
	return m->free_ns;
}

/* ---- the way */

/* Standard deviation 1, mean 0. Normal: Box and Muller 1958. Pareto: index 3, whose mean is 3/2 and variance
 * 3/4 of its least value's. */
static double deviate(const struct model *m, uint64_t number)
{
	double u = 1 - uniform(m, DRAW_JITTER, number); /* in (0, 1] */
	if (m->shape.jitter == JITTER_NORMAL)
		return sqrt(-2 * log(u)) * cos(2 * M_PI * uniform(m, DRAW_JITTER_2, number));
	return (1 / cbrt(u) - 1.5) / sqrt(0.75);
}

static int64_t jitter(const struct model *m, uint64_t number)
{
	const struct shape *s = &m->shape;
	if (s->jitter_ns == 0)
		return 0;
	if (s->jitter == JITTER_UNIFORM)
		return (int64_t)(uniform(m, DRAW_JITTER, number) * (double)(2 * s->jitter_ns + 1)) -
		       s->jitter_ns;
	double off = deviate(m, number) * (double)s->jitter_ns;
	return off < (double)-s->delay_ns ? -s->delay_ns : (int64_t)off;
}

static int64_t propagate(struct model *m, int64_t serialised_ns, uint64_t number)
{
	const struct shape *s = &m->shape;
	if (chance(m, DRAW_REORDER, number, s->reorder))
		return serialised_ns;
	int64_t departure = serialised_ns + s->delay_ns + jitter(m, number);
	if (s->jitter_reorders)
		return departure;
	if (departure < m->last_departure_ns)
		departure = m->last_departure_ns;
	m->last_departure_ns = departure;
	return departure;
}

/* Puts a packet among those that leave. There is room: make_room saw to it. */
static void leave(struct model *m, struct model_packet *packet, int64_t at, enum model_end end)
{
	packet->departure_ns = at;
	packet->end = end;
	heap_push(&m->leaving, packet);
}

static void send_off(struct model *m, struct model_packet *packet, int64_t start)
{
	uint64_t number = packet->number;
	packet->twice = chance(m, DRAW_DUPLICATE, number, m->shape.duplicate);
	packet->corrupted = chance(m, DRAW_CORRUPT, number, m->shape.corrupt);
	packet->bit_draw = packet->corrupted ? draw(m, DRAW_BIT, number) : 0;
	int64_t end = serialise(m, start, packet->bytes);
	leave(m, packet, propagate(m, end, number), MODEL_LEAVES);
}

/* ---- the queue */

/* When the server will take the head of the ring. */
static int64_t next_start(const struct model *m)
{
	int64_t arrived = ring_head(&m->waiting)->departure_ns;
	return arrived > m->free_ns ? arrived : m->free_ns;
}

static bool codel_condemns(struct model *m, struct model_packet *packet, int64_t start)
{
	if (m->shape.queue != QUEUE_CODEL ||
		!codel_drops(&m->codel, start, start - packet->departure_ns, m->waiting_bytes, m->largest))
		return false;
	if (!m->shape.ecn || !packet->ecn)
		return true;
	codel_marked(&m->codel);
	packet->marked = true;
	return false;
}

static struct model_packet take_head(struct model *m)
{
	struct model_packet packet = *ring_head(&m->waiting);
	ring_pop(&m->waiting);
	m->waiting_bytes -= packet.bytes;
	return packet;
}

static void serve_head(struct model *m, int64_t start)
{
	struct model_packet packet = take_head(m);
	if (!codel_condemns(m, &packet, start)) {
		send_off(m, &packet, start);
		return;
	}
	leave(m, &packet, start, MODEL_DROPPED_CODEL);
	if (ring_empty(&m->waiting))
		codel_empty(&m->codel);
}

/* In a medium, others decide when: what this direction asks for is its head, whichever that is now. */
static void ask(struct model *m)
{
	if (m->station && ring_empty(&m->waiting))
		medium_withdraw(m->station);
	else if (m->station)
		medium_ask(m->station, next_start(m), ring_head(&m->waiting)->departure_ns,
			ring_head(&m->waiting)->bytes);
}

static void serve_turn(void *context, int64_t start)
{
	struct model *m = context;
	serve_head(m, start);
	ask(m);
}

/* The medium has tried often enough. */
static void lose_turn(void *context, int64_t at)
{
	struct model *m = context;
	struct model_packet packet = take_head(m);
	leave(m, &packet, at, MODEL_LOST_IN_AIR);
	ask(m);
}

int model_set_medium(struct model *m, struct medium *medium)
{
	struct station_user user = {serve_turn, lose_turn, m, m->keys[DRAW_TRY], m->keys[DRAW_LATE]};
	m->station = medium_join(medium, &m->shape.medium, &user);
	return m->station ? 0 : -1;
}

/* What waits was there when the packet before it left; what finds the server idle is taken as it comes. */
static void advance_trimmer(struct model *m, int64_t now)
{
	struct model_packet packet;

	while (m->free_ns <= now && trimmer_serve(m->trimmer, &packet))
		send_off(m, &packet, packet.departure_ns > m->free_ns ? packet.departure_ns : m->free_ns);
}

static void advance(struct model *m, int64_t now)
{
	if (m->trimmer) {
		advance_trimmer(m, now);
		return;
	}
	if (m->station) {
		medium_advance(m->station->medium, now);
		return;
	}
	while (!ring_empty(&m->waiting) && next_start(m) <= now)
		serve_head(m, next_start(m));
}

static uint64_t serving(const struct model *m, int64_t now)
{
	return m->free_ns > now;
}

static uint64_t queued_packets(const struct model *m, int64_t now)
{
	return m->trimmer ? trimmer_count(m->trimmer) : m->waiting.count + serving(m, now);
}

static uint64_t queued_bytes(const struct model *m, int64_t now)
{
	if (m->trimmer)
		return trimmer_port(m->trimmer)->low_bytes + trimmer_port(m->trimmer)->high_bytes;
	return m->waiting_bytes + (serving(m, now) ? m->serving_bytes : 0);
}

static bool overflows(const struct model *m, int64_t now, uint32_t bytes)
{
	const struct shape *s = &m->shape;
	if (!s->rate_bps && !m->offered.trace && !m->radio && !m->station)
		return false; /* nothing waits */
	return (s->queue_packets && m->waiting.count + serving(m, now) >= s->queue_packets) ||
	       (s->queue_bytes && queued_bytes(m, now) + bytes > s->queue_bytes);
}

/* Drops the oldest that waits until there is room. False: nothing waits, and there is none. */
static bool drop_heads(struct model *m, int64_t now, uint32_t bytes)
{
	bool full;
	while ((full = overflows(m, now, bytes)) && !ring_empty(&m->waiting)) {
		struct model_packet packet = take_head(m);
		leave(m, &packet, now, MODEL_DROPPED_HEAD);
	}
	ask(m);
	return !full;
}

static void note_high(struct model *m, int64_t now)
{
	uint64_t packets = queued_packets(m, now), bytes = queued_bytes(m, now);
	m->high_packets = packets > m->high_packets ? packets : m->high_packets;
	m->high_bytes = bytes > m->high_bytes ? bytes : m->high_bytes;
}

/* Where it trims, another packet than the one that comes may have to go. */
static enum model_fate offer_trimmer(
	struct model *m, struct model_packet *packet, enum trim_class class, uint16_t header_bytes)
{
	int64_t now_ns = packet->departure_ns;
	struct model_packet other;

	if (!heap_room(&m->leaving, trimmer_count(m->trimmer) + 2))
		return MODEL_NO_MEMORY;
	enum trimmer_fate fate = trimmer_offer(m->trimmer, packet, class, header_bytes, &other);
	if (fate == TRIMMER_REFUSED)
		return MODEL_OVERFLOW;
	if (fate == TRIMMER_NO_MEMORY)
		return MODEL_NO_MEMORY;
	if (fate == TRIMMER_OTHER)
		leave(m, &other, now_ns, other.end);
	advance_trimmer(m, now_ns);
	note_high(m, now_ns);
	return MODEL_QUEUED;
}

enum model_fate model_offer(struct model *m, int64_t now_ns, uint32_t bytes, bool ecn, void *token)
{
	return model_offer_as(m, now_ns, bytes, ecn, TRIM_OTHER, 0, token);
}

enum model_fate model_offer_as(struct model *m, int64_t now_ns, uint32_t bytes, bool ecn,
	enum trim_class class, uint16_t header_bytes, void *token)
{
	uint64_t number = m->number++;

	advance(m, now_ns);
	if (is_lost(m, number))
		return MODEL_LOST;
	bool beyond = ecn && m->shape.ecn_packets && queued_packets(m, now_ns) >= m->shape.ecn_packets;
	struct model_packet packet = {.departure_ns = now_ns,
		.number = number,
		.ecn = ecn,
		.marked = beyond,
		.bytes = bytes,
		.token = token};
	if (m->trimmer)
		return offer_trimmer(m, &packet, class, header_bytes);
	if (overflows(m, now_ns, bytes) &&
		(m->shape.queue != QUEUE_DROP_HEAD || !drop_heads(m, now_ns, bytes)))
		return MODEL_OVERFLOW;
	/* Whatever waits will leave: room in the heap is made now, when the packet can still be refused. */
	if (!ring_room(&m->waiting) || !heap_room(&m->leaving, m->waiting.count + 1))
		return MODEL_NO_MEMORY;
	ring_push(&m->waiting, &packet);
	m->waiting_bytes += bytes;
	m->largest = bytes > m->largest ? bytes : m->largest;
	ask(m);
	advance(m, now_ns);
	note_high(m, now_ns);
	return MODEL_QUEUED;
}

int64_t model_next(const struct model *m)
{
	int64_t first = heap_empty(&m->leaving) ? MODEL_NEVER : heap_first(&m->leaving)->departure_ns;
	if (m->trimmer ? trimmer_count(m->trimmer) < 2 : ring_empty(&m->waiting))
		return first;
	/* In order, what waits leaves after all that is on its way: it need not be looked at before that.
	 * Otherwise it may come before. */
	bool ordered = !m->shape.jitter_reorders && m->shape.reorder <= 0 &&
		       (m->shape.queue == QUEUE_DROP_TAIL || m->trimmer);
	int64_t start = m->trimmer ? m->free_ns : m->station ? medium_next(m->station) : next_start(m);
	return ordered && first != MODEL_NEVER ? first : start < first ? start : first;
}

bool model_take(struct model *m, int64_t now_ns, struct model_packet *packet)
{
	advance(m, now_ns);
	if (heap_empty(&m->leaving) || heap_first(&m->leaving)->departure_ns > now_ns)
		return false;
	*packet = *heap_first(&m->leaving);
	heap_pop(&m->leaving);
	return true;
}

void model_queue(struct model *m, int64_t now_ns, struct model_queue *queue)
{
	advance(m, now_ns);
	*queue = (struct model_queue){
		.packets = queued_packets(m, now_ns),
		.bytes = queued_bytes(m, now_ns),
		.high_packets = m->high_packets,
		.high_bytes = m->high_bytes,
		.held = queued_packets(m, now_ns) - serving(m, now_ns) + m->leaving.count,
	};
}

void model_forget_high(struct model *m, int64_t now_ns)
{
	advance(m, now_ns);
	m->high_packets = queued_packets(m, now_ns);
	m->high_bytes = queued_bytes(m, now_ns);
	if (m->trimmer)
		trimmer_forget_high(m->trimmer);
}
