/* Pipeline: a pass on two threads: this one reads and decodes, another keeps the state. Batches go through a ring
 * in their order, so the result is that of one thread, to the byte. Whoever must wait looks for a moment, then sleeps
 * until half of the ring is ready for it: to wake a thread costs as much as some hundred packets. */
#include "analysis/pass.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Batches large enough that passing one on costs little a packet, and all of them together small enough for the
 * second-level cache. LOOKS: a few microseconds. */
enum { SLOTS = 32, SLOT_SEGMENTS = 128, OPTIONS_MOST = 40, LOOKS = 100 };

struct slot {
	size_t count; /* 0: the end */
	size_t rare;  /* options copied */
	struct segment segments[SLOT_SEGMENTS] __attribute__((aligned(64)));
	/* Of the few segments whose options are looked at again: the packets are gone by then. */
	uint8_t options[SLOT_SEGMENTS][OPTIONS_MOST];
};

/* A count of slots that one thread raises and the other waits for. They are less than half the numbers' range apart. */
struct progress {
	atomic_uint count __attribute__((aligned(64)));
	atomic_bool awaited; /* somebody sleeps, until it is `until` */
	atomic_uint until;
	pthread_mutex_t mutex;
	pthread_cond_t reached;
};

struct pipeline {
	struct tracker *tracker;
	struct progress filled, emptied;
	atomic_bool ended; /* no more will be filled */
	struct slot slots[SLOTS];
};

static void start_progress(struct progress *progress)
{
	atomic_init(&progress->count, 0);
	atomic_init(&progress->until, 0);
	atomic_init(&progress->awaited, false);
	pthread_mutex_init(&progress->mutex, NULL);
	pthread_cond_init(&progress->reached, NULL);
}

static void end_progress(struct progress *progress)
{
	pthread_mutex_destroy(&progress->mutex);
	pthread_cond_destroy(&progress->reached);
}

static inline bool has_reached(struct progress *progress, unsigned count)
{
	return (int)(atomic_load(&progress->count) - count) >= 0;
}

static void wake(struct progress *progress)
{
	pthread_mutex_lock(&progress->mutex);
	pthread_cond_signal(&progress->reached);
	pthread_mutex_unlock(&progress->mutex);
}

static void raise_to(struct progress *progress, unsigned count)
{
	atomic_store(&progress->count, count);
	/* Who is about to sleep has said so before it looked once more; `until` was written before that. */
	if (atomic_load(&progress->awaited) && has_reached(progress, atomic_load(&progress->until)))
		wake(progress);
}

/* Until the count is `least` at least; who has to sleep sleeps until it is `enough`, or `ended` (may be NULL). */
static void await(struct progress *progress, unsigned least, unsigned enough, atomic_bool *ended)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		if (has_reached(progress, least))
			return;
#ifdef __x86_64__
		__builtin_ia32_pause();
#endif
	}
	pthread_mutex_lock(&progress->mutex);
	atomic_store(&progress->until, enough);
	atomic_store(&progress->awaited, true);
	while (!has_reached(progress, enough) && !(ended && atomic_load(ended)))
		pthread_cond_wait(&progress->reached, &progress->mutex);
	atomic_store(&progress->awaited, false);
	pthread_mutex_unlock(&progress->mutex);
}

static void *keep_state(void *argument)
{
	struct pipeline *pipeline = argument;
	for (unsigned at = 0;; at++) {
		await(&pipeline->filled, at + 1, at + SLOTS / 2, &pipeline->ended);
		struct slot *slot = &pipeline->slots[at % SLOTS];
		if (!slot->count)
			return NULL;
		if (!pipeline->tracker->out_of_memory)
			take_segments(pipeline->tracker, slot->segments, slot->count);
		raise_to(&pipeline->emptied, at + 1);
	}
}

/* Options that stage two will parse go with their segment. */
static void keep_options(struct slot *slot, size_t from)
{
	for (size_t i = from; i < slot->count; i++) {
		struct segment *segment = &slot->segments[i];
		if (__builtin_expect(segment->usual, 1) ||
			(!segment->parsed.rare_count && !(segment->parsed.present & OPTION_SACK)))
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
	atomic_init(&pipeline->ended, false);
	start_progress(&pipeline->filled);
	start_progress(&pipeline->emptied);
	int status = pthread_create(&thread, NULL, keep_state, pipeline) == 0 ? 0 : -1;
	bool more = status == 0;
	for (unsigned at = 0; more; at++) {
		await(&pipeline->emptied, at + 1 - SLOTS, at - SLOTS / 2, NULL);
		struct slot *slot = &pipeline->slots[at % SLOTS];
		fill(pass, slot);
		more = slot->count > 0;
		raise_to(&pipeline->filled, at + 1);
	}
	if (status == 0) {
		atomic_store(&pipeline->ended, true);
		wake(&pipeline->filled);
		pthread_join(thread, NULL);
	}
	end_progress(&pipeline->filled);
	end_progress(&pipeline->emptied);
	free(pipeline);
	return status;
}
