/* The pull queue: who is owed how many, who is next, and when. */
#include "nodes/ndp/pulls.h"

#include <stddef.h>

void ndp_pulls_init(struct ndp_pulls *pulls, uint64_t spacing, uint8_t patience)
{
	*pulls = (struct ndp_pulls){.spacing = spacing, .patience = patience};
}

void ndp_pulls_in_order(struct ndp_pulls *pulls, struct ndp_pull_flow **places, uint32_t room)
{
	pulls->fifo = places;
	pulls->fifo_mask = room - 1;
	pulls->fifo_head = pulls->fifo_tail = 0;
}

static struct ndp_pull_ring *ring_of(struct ndp_pulls *pulls, const struct ndp_pull_flow *flow)
{
	return &pulls->rings[flow->preferred ? 0 : 1];
}

static void join(struct ndp_pull_ring *ring, struct ndp_pull_flow *flow)
{
	if (!ring->next) {
		ring->next = flow->next = flow->previous = flow;
	} else {
		flow->previous = ring->newest;
		flow->next = ring->newest->next;
		flow->previous->next = flow->next->previous = flow;
	}
	ring->newest = flow;
}

static void leave(struct ndp_pull_ring *ring, struct ndp_pull_flow *flow)
{
	if (ring->newest == flow)
		ring->newest = flow->previous;
	if (ring->next == flow)
		ring->next = flow->next == flow ? NULL : flow->next;
	flow->previous->next = flow->next;
	flow->next->previous = flow->previous;
	flow->next = flow->previous = NULL;
	flow->idle = 0;
}

void ndp_pulls_join(struct ndp_pulls *pulls, struct ndp_pull_flow *flow)
{
	if (!flow->next)
		join(ring_of(pulls, flow), flow);
}

static bool none_waits(const struct ndp_pulls *pulls)
{
	return pulls->rings[0].queued + pulls->rings[1].queued == 0;
}

uint32_t ndp_pulls_owe(struct ndp_pulls *pulls, struct ndp_pull_flow *flow, uint64_t now)
{
	if (none_waits(pulls) && (!pulls->begun || now - pulls->last >= pulls->spacing)) {
		pulls->begun = true;
		pulls->last = now;
		pulls->pacer++;
		return ++flow->sent;
	}
	ndp_pulls_join(pulls, flow);
	flow->queued++;
	ring_of(pulls, flow)->queued++;
	if (pulls->fifo && pulls->fifo_tail - pulls->fifo_head <= pulls->fifo_mask)
		pulls->fifo[pulls->fifo_tail++ & pulls->fifo_mask] = flow;
	return 0;
}

uint64_t ndp_pulls_due(const struct ndp_pulls *pulls)
{
	return none_waits(pulls) ? NDP_NEVER : pulls->last + pulls->spacing;
}

/* The next flow of the ring that is owed a pull; there is one. */
static struct ndp_pull_flow *turn(struct ndp_pull_ring *ring, uint8_t patience)
{
	struct ndp_pull_flow *flow;

	for (;;) {
		flow = ring->next;
		ring->next = flow->next;
		if (flow->queued)
			break;
		if (patience && ++flow->idle >= patience)
			leave(ring, flow);
	}
	flow->idle = 0;
	return flow;
}

static struct ndp_pull_flow *next_flow(struct ndp_pulls *pulls)
{
	if (pulls->fifo && pulls->fifo_head != pulls->fifo_tail)
		return pulls->fifo[pulls->fifo_head++ & pulls->fifo_mask];
	return turn(&pulls->rings[pulls->rings[0].queued ? 0 : 1], pulls->patience);
}

struct ndp_pull_flow *ndp_pulls_take(struct ndp_pulls *pulls, uint64_t now)
{
	uint64_t due = ndp_pulls_due(pulls);

	if (due == NDP_NEVER || now < due)
		return NULL;
	pulls->pacer++;
	pulls->last = now - due < pulls->spacing ? due : now;
	struct ndp_pull_flow *flow = next_flow(pulls);
	flow->queued--;
	flow->sent++;
	ring_of(pulls, flow)->queued--;
	return flow;
}

/* Takes a flow out of the order; the others close up. */
static void leave_order(struct ndp_pulls *pulls, const struct ndp_pull_flow *flow)
{
	uint32_t kept = pulls->fifo_head;

	for (uint32_t i = pulls->fifo_head; i != pulls->fifo_tail; i++) {
		struct ndp_pull_flow *other = pulls->fifo[i & pulls->fifo_mask];
		if (other != flow)
			pulls->fifo[kept++ & pulls->fifo_mask] = other;
	}
	pulls->fifo_tail = kept;
}

void ndp_pulls_forget(struct ndp_pulls *pulls, struct ndp_pull_flow *flow)
{
	struct ndp_pull_ring *ring = ring_of(pulls, flow);

	if (!flow->next)
		return;
	if (pulls->fifo && flow->queued)
		leave_order(pulls, flow);
	ring->queued -= flow->queued;
	flow->queued = 0;
	leave(ring, flow);
}
