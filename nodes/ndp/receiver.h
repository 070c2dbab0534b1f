/* The receiver of a flow. It answers every packet at once: with an ACK, or with a NACK if only the header came. For each answer it
 * puts a pull into the host's queue (pulls.h). Trilogy2 D1.4, section 3.6.1.3.
 *
 * Pure: no clock, no sockets; memory is the caller's. */
#ifndef LIQUIDNET_NDP_RECEIVER_H
#define LIQUIDNET_NDP_RECEIVER_H

#include "nodes/ndp/pulls.h"

#include <stdbool.h>
#include <stdint.h>

struct ndp_receiver {
	struct ndp_pull_flow pulls; /* first: who takes a flow from the queue has its receiver */
	uint32_t total;             /* packets, as the last one said; 0: not known yet */
	uint32_t base;              /* the first that is missing: all before it are here */
	uint32_t end;               /* one more than the highest sequence that came, as a header too */
	uint32_t received;          /* different ones, whole */
	uint64_t *here;             /* a bit for each packet from `base` on, a ring of ... */
	uint32_t ahead;             /* ... so many */
};

enum ndp_reply { NDP_REPLY_NONE, NDP_REPLY_ACK, NDP_REPLY_NACK };

struct ndp_answer {
	enum ndp_reply reply; /* about the packet that came; NONE: it can belong to nothing, and is dropped */
	uint32_t pull;        /* number of the pull that rides on the reply; 0: none does */
	bool fresh;           /* its payload is to be delivered: it came for the first time */
	bool complete;        /* with it, for the first time, everything is here */
};

/* A new flow. `here` is the caller's, zeroed: bits for `ahead` packets, a power of two from 64 on. That many packets, from the first
 * missing one on, can be kept apart; one further ahead is answered as a header is: it will be sent again. `preferred`: its pulls come
 * first. */
void ndp_receiver_init(struct ndp_receiver *receiver, uint64_t *here, uint32_t ahead, bool preferred);

/* The packet `sequence` came, whole or as a header; `last`: it says that it is the flow's last. */
struct ndp_answer ndp_receive(struct ndp_receiver *receiver, struct ndp_pulls *host, bool whole,
	uint32_t sequence, bool last, uint64_t now);

static inline bool ndp_receiver_complete(const struct ndp_receiver *receiver)
{
	return receiver->total > 0 && receiver->base == receiver->total;
}

#endif
