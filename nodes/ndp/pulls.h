/* The pull queue of a receiving host: all flows to the host share it, and it is emptied at the rate of the host's link (Trilogy2
 * D1.4, section 3.6.1.3). In D1.4 it is first in, first out. In the SIGCOMM paper flows take turns, preferred flows first.
 *
 * All pulls of a flow are equal, so the fair queue is a count per flow and two rings of flows. A flow joins, with its first pull or
 * earlier, behind the flow that joined last. It keeps its place until it has had a certain number of turns in a row without a
 * pull. The order matters: flows from the receiver's own switch that follow each other in the ring make a burst, which is trimmed
 * in every round.
 *
 * Pure: times are the caller's, in any unit (the simulator's picoseconds, a daemon's nanoseconds), and only grow; memory is the
 * caller's. */
#ifndef LIQUIDNET_NDP_PULLS_H
#define LIQUIDNET_NDP_PULLS_H

#include <stdbool.h>
#include <stdint.h>

#define NDP_NEVER UINT64_MAX

/* A flow in the queue; part of ndp_receiver. Zeroed at first. */
struct ndp_pull_flow {
	struct ndp_pull_flow *next, *previous; /* the queue's; NULL: in no ring */
	uint32_t queued;                       /* pulls that wait */
	uint32_t sent;                         /* number of the last that left */
	uint8_t idle;                          /* turns in which none waited */
	bool preferred;                        /* the caller's, to be set while none is queued */
};

struct ndp_pulls {
	uint64_t spacing; /* between two pulls: the time of a full packet on the host's link */
	uint64_t last;    /* when the last one left, or should have */
	bool begun;
	uint8_t patience; /* turns without a pull after which a flow loses its place; 0: never */
	uint32_t pacer;   /* pulls that left, of all flows */
	struct ndp_pull_ring {
		struct ndp_pull_flow *next, *newest; /* whose turn it is; behind whom a flow joins */
		uint64_t queued;                     /* pulls of its flows */
	} rings[2];                                  /* of the preferred, of the others */
	struct ndp_pull_flow **fifo;                 /* NULL: flows take turns */
	uint32_t fifo_mask, fifo_head, fifo_tail;
};

#define NDP_PATIENCE 8

void ndp_pulls_init(struct ndp_pulls *pulls, uint64_t spacing, uint8_t patience);
/* First in, first out from now on, when no pull waits: `room` (a power of two) places, the caller's. Pulls beyond that are taken in turns,
 * after those. */
void ndp_pulls_in_order(struct ndp_pulls *pulls, struct ndp_pull_flow **places, uint32_t room);
/* Gives a new flow its place before it is owed anything. */
void ndp_pulls_join(struct ndp_pulls *pulls, struct ndp_pull_flow *flow);
/* The flow is owed a pull. Returns its number when it leaves now, with the answer that is about to go; 0: it waits. */
uint32_t ndp_pulls_owe(struct ndp_pulls *pulls, struct ndp_pull_flow *flow, uint64_t now);
/* When ndp_pulls_take is to be called; NDP_NEVER while none waits. */
uint64_t ndp_pulls_due(const struct ndp_pulls *pulls);
/* The flow whose PULL leaves now: its number is flow->sent. NULL: none is due. A late call does not slow the clock: the next
 * one is due a spacing after this one was, unless that too is past. */
struct ndp_pull_flow *ndp_pulls_take(struct ndp_pulls *pulls, uint64_t now);
/* The flow needs no more: those that wait are forgotten. */
void ndp_pulls_forget(struct ndp_pulls *pulls, struct ndp_pull_flow *flow);

#endif
