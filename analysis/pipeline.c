/* Pipeline: a pass on two threads: this one reads and decodes, another keeps the state. Batches go through a ring
 * in their order, so the result is that of one thread, to the byte. */
#include "analysis/pass.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

/* Batches large enough that passing one on costs little a packet, and all of them together small enough for the
 * second-level cache. */
enum { SLOTS = 16, SLOT_SEGMENTS = 128, OPTIONS_MOST = 40 };

struct slot {
	size_t count; /* 0: the end */
	size_t rare;  /* options copied */
	struct segment segments[SLOT_SEGMENTS] __attribute__((aligned(64)));
	/* Of the few segments whose options are looked at again: the packets are gone by then. */
	uint8_t options[SLOT_SEGMENTS][OPTIONS_MOST];
};

struct pipeline {
	struct tracker *tracker;
	sem_t empty, full;
	struct slot slots[SLOTS];
};

static void *keep_state(void *argument)
{
	struct pipeline *pipeline = argument;
	for (unsigned at = 0;; at = (at + 1) % SLOTS) {
		struct slot *slot = &pipeline->slots[at];
		while (sem_wait(&pipeline->full) < 0)
			;
		if (!slot->count)
			return NULL;
		if (!pipeline->tracker->out_of_memory)
			take_segments(pipeline->tracker, slot->segments, slot->count);
		sem_post(&pipeline->empty);
	}
}

/* Options that stage two will parse go with their segment. */
static void keep_options(struct slot *slot, size_t from)
{
	for (size_t i = from; i < slot->count; i++) {
		struct segment *segment = &slot->segments[i];
		if (!segment->parsed.rare_count && !(segment->parsed.present & OPTION_SACK))
			continue;
		uint8_t *copy = slot->options[slot->rare++];
		memcpy(copy, segment->options, segment->options_length);
		segment->options = copy;
	}
}

static void fill(struct pass *pass, struct slot *slot)
{
	struct capture_packet packets[PASS_BATCH];
	slot->count = slot->rare = 0;
	while (slot->count + PASS_BATCH <= SLOT_SEGMENTS) {
		size_t size = capture_next(pass->capture, packets, PASS_BATCH), from = slot->count;
		if (!size)
			return;
		slot->count += pass_decode(pass, packets, size, slot->segments + from);
		keep_options(slot, from);
	}
}

int pipeline_run(struct pass *pass)
{
	struct pipeline *pipeline = aligned_alloc(64, sizeof *pipeline);
	pthread_t thread;
	if (!pipeline)
		return -1;
	pipeline->tracker = pass->tracker;
	sem_init(&pipeline->empty, 0, SLOTS);
	sem_init(&pipeline->full, 0, 0);
	int status = pthread_create(&thread, NULL, keep_state, pipeline) == 0 ? 0 : -1;
	for (unsigned at = 0; status == 0; at = (at + 1) % SLOTS) {
		while (sem_wait(&pipeline->empty) < 0)
			;
		fill(pass, &pipeline->slots[at]);
		bool more = pipeline->slots[at].count > 0;
		sem_post(&pipeline->full);
		if (!more)
			break;
	}
	if (status == 0)
		pthread_join(thread, NULL);
	sem_destroy(&pipeline->empty);
	sem_destroy(&pipeline->full);
	free(pipeline);
	return status;
}
