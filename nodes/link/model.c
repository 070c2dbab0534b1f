/* Model of one direction of a link; its rules are in model.h. The packets are one ring in order of departure:
 *   head .. waiting    serialised, propagating
 *   waiting .. tail    in the queue (the first of them is being serialised)
 * The indices only grow; the ring's size is a power of two. */
#include "nodes/link/model.h"

#include "lib/draw.h"

#include <stdlib.h>

#define FIRST_SIZE 256u
#define LARGEST_SIZE (1u << 22)

/* Streams of draws within one direction: adding one never shifts the others. */
enum draw { DRAW_LOSS = 1, DRAW_JITTER = 2 };

struct model {
	struct model_settings settings;
	uint64_t stream;
	uint64_t number;         /* of the next packet offered */
	uint64_t loss_threshold; /* of 2^53 */
	struct model_packet *ring;
	uint32_t size;
	uint64_t head, waiting, tail;
	uint64_t waiting_bytes, high_packets, high_bytes;
	int64_t free_ns;    /* when the transmitter is free again ... */
	uint64_t remainder; /* ... and this many 1/rate ns later */
	int64_t last_departure_ns;
};

static uint64_t draw(const struct model *model, enum draw what, uint64_t number)
{
	return draw_number(draw_key(model->settings.seed, model->stream, what), number);
}

static struct model_packet *at(const struct model *model, uint64_t index)
{
	return &model->ring[index & (model->size - 1)];
}

void model_change(struct model *model, const struct model_settings *settings)
{
	if (settings->seed != model->settings.seed)
		model->number = 0;
	if (settings->rate_bps != model->settings.rate_bps)
		model->remainder = 0;
	model->settings = *settings;
	model->loss_threshold = (uint64_t)(settings->loss * 0x1p53);
}

struct model *model_new(const struct model_settings *settings, uint64_t stream)
{
	struct model *model = calloc(1, sizeof *model);

	if (!model)
		return NULL;
	model->ring = calloc(FIRST_SIZE, sizeof *model->ring);
	if (!model->ring) {
		free(model);
		return NULL;
	}
	model->size = FIRST_SIZE;
	model->stream = stream;
	model->free_ns = model->last_departure_ns = INT64_MIN;
	model_change(model, settings);
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	free(model->ring);
	free(model);
}

const struct model_settings *model_settings(const struct model *model)
{
	return &model->settings;
}

/* Packets whose serialisation has ended wait no longer. */
static void settle(struct model *model, int64_t now_ns)
{
	while (model->waiting != model->tail && at(model, model->waiting)->serialised_ns <= now_ns)
		model->waiting_bytes -= at(model, model->waiting++)->bytes;
}

static bool overflows(const struct model *model, uint32_t bytes)
{
	const struct model_settings *s = &model->settings;
	return (s->queue_packets && model->tail - model->waiting >= s->queue_packets) ||
	       (s->queue_bytes && model->waiting_bytes + bytes > s->queue_bytes);
}

static bool make_room(struct model *model)
{
	if (model->tail - model->head < model->size)
		return true;
	if (model->size >= LARGEST_SIZE)
		return false;
	struct model_packet *larger = calloc(2 * (size_t)model->size, sizeof *larger);
	if (!larger)
		return false;
	for (uint64_t i = model->head; i != model->tail; i++)
		larger[i & (2 * model->size - 1)] = *at(model, i);
	free(model->ring);
	model->ring = larger;
	model->size *= 2;
	return true;
}

/* The end of serialisation of a packet that arrives now; moves the virtual clock. */
static int64_t serialise(struct model *model, int64_t now_ns, uint32_t bytes)
{
	if (model->free_ns < now_ns) {
		model->free_ns = now_ns;
		model->remainder = 0;
	}
	if (model->settings.rate_bps) {
		uint64_t work = bytes * 8000000000ULL + model->remainder;
		model->free_ns += (int64_t)(work / model->settings.rate_bps);
		model->remainder = work % model->settings.rate_bps;
	}
	return model->free_ns;
}

static int64_t propagate(struct model *model, int64_t serialised_ns, uint64_t number)
{
	const struct model_settings *s = &model->settings;
	int64_t departure = serialised_ns + s->delay_ns;

	if (s->jitter_ns) {
		double unit = (double)draw(model, DRAW_JITTER, number) * 0x1p-53;
		departure += (int64_t)(unit * (double)(2 * s->jitter_ns + 1)) - s->jitter_ns;
	}
	if (departure < model->last_departure_ns)
		departure = model->last_departure_ns;
	model->last_departure_ns = departure;
	return departure;
}

enum model_fate model_offer(struct model *model, int64_t now_ns, uint32_t bytes, void *token)
{
	uint64_t number = model->number++;

	settle(model, now_ns);
	if (model->loss_threshold && draw(model, DRAW_LOSS, number) < model->loss_threshold)
		return MODEL_LOST;
	if (overflows(model, bytes))
		return MODEL_OVERFLOW;
	if (!make_room(model))
		return MODEL_NO_MEMORY;
	struct model_packet *packet = at(model, model->tail);
	packet->serialised_ns = serialise(model, now_ns, bytes);
	packet->departure_ns = propagate(model, packet->serialised_ns, number);
	packet->bytes = bytes;
	packet->token = token;
	model->tail++;
	model->waiting_bytes += bytes;
	settle(model, now_ns); /* without a rate nothing waits */
	if (model->tail - model->waiting > model->high_packets)
		model->high_packets = model->tail - model->waiting;
	if (model->waiting_bytes > model->high_bytes)
		model->high_bytes = model->waiting_bytes;
	return MODEL_QUEUED;
}

int64_t model_next(const struct model *model)
{
	return model->head == model->tail ? MODEL_NEVER : at(model, model->head)->departure_ns;
}

bool model_take(struct model *model, int64_t now_ns, struct model_packet *packet)
{
	if (model_next(model) > now_ns || model->head == model->tail)
		return false;
	/* A departure is never before the end of serialisation, so `waiting` passes this packet here. */
	settle(model, now_ns);
	*packet = *at(model, model->head++);
	return true;
}

void model_queue(struct model *model, int64_t now_ns, struct model_queue *queue)
{
	settle(model, now_ns);
	*queue = (struct model_queue){
		.packets = model->tail - model->waiting,
		.bytes = model->waiting_bytes,
		.high_packets = model->high_packets,
		.high_bytes = model->high_bytes,
		.held = model->tail - model->head,
	};
}

void model_forget_high(struct model *model, int64_t now_ns)
{
	settle(model, now_ns);
	model->high_packets = model->tail - model->waiting;
	model->high_bytes = model->waiting_bytes;
}
