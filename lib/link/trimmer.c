/* Packets of a trimming port, from pieces of memory that go round; see the header. */
#include "lib/link/trimmer.h"

#include <stddef.h>
#include <stdlib.h>

#define HEADER_BYTES 66 /* Ethernet, IPv4, UDP and NDP: what `headers` counts */
#define CHUNK 64

struct held {
	struct trim_packet trim; /* first: who gets it from the port has the rest */
	struct model_packet packet;
	struct held *next; /* free */
};

struct chunk {
	struct chunk *next;
	struct held held[CHUNK];
};

struct trimmer {
	struct trim_port port;
	struct trim_limits limits;
	uint64_t count;
	struct held *free;
	struct chunk *chunks;
};

struct trimmer *trimmer_new(uint64_t key)
{
	struct trimmer *t = calloc(1, sizeof *t);

	if (t)
		trim_init(&t->port, &t->limits, key);
	return t;
}

void trimmer_free(struct trimmer *t)
{
	while (t && t->chunks) {
		struct chunk *next = t->chunks->next;
		free(t->chunks);
		t->chunks = next;
	}
	free(t);
}

static uint32_t limit(uint64_t bytes)
{
	return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

void trimmer_limit(struct trimmer *t, const struct shape *shape, uint32_t frame_bytes)
{
	uint64_t low = (uint64_t)shape->queue_packets * frame_bytes;
	double sides = 4294967296.0 * shape->trim.tail;

	if (shape->queue_bytes && shape->queue_bytes < low)
		low = shape->queue_bytes;
	t->limits = (struct trim_limits){.low_bytes = limit(low),
		.other_bytes = limit((uint64_t)shape->trim.others * frame_bytes),
		.high_bytes = limit((uint64_t)shape->trim.headers * HEADER_BYTES),
		.ratio = shape->trim.ratio,
		.tail_chance = sides >= UINT32_MAX ? UINT32_MAX : (uint32_t)sides,
		.bounce = shape->trim.bounce};
}

static struct held *take_piece(struct trimmer *t)
{
	if (!t->free) {
		struct chunk *chunk = malloc(sizeof *chunk);
		if (!chunk)
			return NULL;
		chunk->next = t->chunks;
		t->chunks = chunk;
		for (int i = 0; i < CHUNK; i++) {
			chunk->held[i].next = t->free;
			t->free = &chunk->held[i];
		}
	}
	struct held *piece = t->free;
	t->free = piece->next;
	return piece;
}

static struct held *held_of(struct trim_packet *packet)
{
	return (struct held *)((char *)packet - offsetof(struct held, trim));
}

/* What is known of it, as the port leaves it. */
static struct model_packet known(const struct held *held)
{
	struct model_packet packet = held->packet;

	packet.trimmed = packet.bytes != held->trim.bytes;
	packet.bytes = held->trim.bytes;
	return packet;
}

static void put_piece(struct trimmer *t, struct held *piece)
{
	piece->next = t->free;
	t->free = piece;
	t->count--;
}

enum trimmer_fate trimmer_offer(struct trimmer *t, const struct model_packet *packet, enum trim_class class,
	uint16_t header_bytes, struct model_packet *other)
{
	struct held *piece = take_piece(t);

	if (!piece)
		return TRIMMER_NO_MEMORY;
	*piece = (struct held){.packet = *packet,
		.trim = {.bytes = packet->bytes, .header_bytes = header_bytes, .class = class}};
	t->count++;
	struct trim_outcome outcome = trim_arrive(&t->port, &piece->trim);
	if (!outcome.packet)
		return TRIMMER_KEPT;
	struct held *out = held_of(outcome.packet);
	*other = known(out);
	other->end = outcome.fate == TRIM_BOUNCED ? MODEL_BOUNCED : MODEL_DROPPED_HEAD;
	put_piece(t, out);
	return out == piece && outcome.fate == TRIM_DROPPED ? TRIMMER_REFUSED : TRIMMER_OTHER;
}

bool trimmer_serve(struct trimmer *t, struct model_packet *packet)
{
	if (t->port.serving)
		put_piece(t, held_of(trim_done(&t->port)));
	struct trim_packet *next = trim_serve(&t->port);
	if (next)
		*packet = known(held_of(next));
	return next != NULL;
}

uint64_t trimmer_count(const struct trimmer *t)
{
	return t->count;
}

const struct trim_port *trimmer_port(const struct trimmer *t)
{
	return &t->port;
}

void trimmer_forget_high(struct trimmer *t)
{
	t->port.low.most_bytes = t->port.low_bytes;
	t->port.high.most_bytes = t->port.high_bytes;
	t->port.counters = (struct trim_counters){0};
}
