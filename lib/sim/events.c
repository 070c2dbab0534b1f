/* Lanes and the heap behind them. */
#include "lib/sim/events.h"

#include <stdlib.h>

#define LANE_ROOM 1024
#define HEAP_ROOM 1024
#define ARITY 4 /* children share a cache line */

static void *must(void *memory)
{
	if (!memory)
		abort(); /* nothing can go on without the few megabytes that it asks for */
	return memory;
}

void sim_events_init(struct sim_events *events)
{
	*events = (struct sim_events){.lanes = 1, .heap_room = HEAP_ROOM};
	events->heap = must(calloc(HEAP_ROOM, sizeof *events->heap));
	events->heads[0] = (struct sim_head){SIM_NEVER, 0, SIM_HEAP};
}

void sim_events_free(struct sim_events *events)
{
	for (uint32_t i = 1; i < events->lanes; i++)
		free(events->lane[i].ring);
	free(events->heap);
	*events = (struct sim_events){0};
}

uint32_t sim_events_lane(struct sim_events *events, uint64_t delay)
{
	for (uint32_t i = 1; i < events->lanes; i++)
		if (events->delay[i] == delay)
			return i;
	if (events->lanes == SIM_LANES)
		return SIM_HEAP;
	struct sim_lane *lane = &events->lane[events->lanes];
	lane->ring = must(calloc(LANE_ROOM, sizeof *lane->ring));
	lane->mask = LANE_ROOM - 1;
	events->delay[events->lanes] = delay;
	events->heads[events->lanes] = (struct sim_head){SIM_NEVER, 0, events->lanes};
	return events->lanes++;
}

/* Twice the room; what is in it keeps its order. */
void sim_lane_grow(struct sim_lane *lane)
{
	uint32_t count = lane->tail - lane->head, room = 2 * (lane->mask + 1);
	struct sim_event *ring = must(calloc(room, sizeof *ring));

	for (uint32_t i = 0; i < count; i++)
		ring[i] = lane->ring[(lane->head + i) & lane->mask];
	free(lane->ring);
	*lane = (struct sim_lane){.ring = ring, .mask = room - 1, .tail = count};
}

void sim_head_earlier(struct sim_events *events, uint32_t lane, const struct sim_event *event)
{
	uint32_t i = 0;

	while (events->heads[i].lane != lane)
		i++;
	for (; i > 0 && sim_head_before(event->time, event->order, &events->heads[i - 1]); i--)
		events->heads[i] = events->heads[i - 1];
	events->heads[i] = (struct sim_head){event->time, event->order, lane};
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->time < b->time || (a->time == b->time && (int32_t)(a->order - b->order) < 0);
}

void sim_events_at(struct sim_events *events, uint64_t time, uint32_t what)
{
	struct sim_event event = {time, events->order++, what};
	uint32_t i = events->heap_count++;

	if (i == events->heap_room) {
		events->heap_room *= 2;
		events->heap = must(realloc(events->heap, events->heap_room * sizeof *events->heap));
	}
	for (uint32_t parent; i > 0 && before(&event, &events->heap[parent = (i - 1) / ARITY]); i = parent)
		events->heap[i] = events->heap[parent];
	events->heap[i] = event;
	if (i == 0)
		sim_head_earlier(events, SIM_HEAP, &event);
}

static uint32_t least_child(const struct sim_events *events, uint32_t i)
{
	uint32_t least = ARITY * i + 1;

	for (uint32_t child = least + 1; child <= ARITY * i + ARITY && child < events->heap_count; child++)
		if (before(&events->heap[child], &events->heap[least]))
			least = child;
	return least;
}

struct sim_event sim_heap_take(struct sim_events *events)
{
	struct sim_event first = events->heap[0], last = events->heap[--events->heap_count];
	uint32_t i = 0;

	while (ARITY * i + 1 < events->heap_count) {
		uint32_t child = least_child(events, i);
		if (!before(&events->heap[child], &last))
			break;
		events->heap[i] = events->heap[child];
		i = child;
	}
	events->heap[i] = last;
	sim_head_later(events, (struct sim_head){events->heap_count ? events->heap[0].time : SIM_NEVER,
				       events->heap[0].order, SIM_HEAP});
	return first;
}
