/* TCP in a simulated network, in packets of one size: Reno with fast recovery (RFC 6582), without selective and delayed
 * acknowledgements; also with packet spraying, as DCTCP, or as a subflow of Multipath TCP. The rules are those with which
 * Trilogy2 D1.4, section 3.6.2, and the authors' simulator compare NDP. With code=mended, faults of that simulator are left
 * out. */
#ifndef LIQUIDNET_FABRIC_TCP_H
#define LIQUIDNET_FABRIC_TCP_H

#include "lib/fabric/world.h"

#define TCP_UNLIMITED UINT32_MAX

/* The transports' kinds. */
enum { TCP_RENO, TCP_SPRAYS, TCP_DCTCP, TCP_UNCOUPLED, TCP_LIA, TCP_OLIA };

struct subflow {
	uint32_t flow, path;        /* its connection; the path of one that does not spray */
	struct ndp_paths out, back; /* of one that does */
	/* The sender. Windows are bytes, sequences packets. */
	uint32_t acked, sent, most,
		limit; /* all before `acked` are there; next to send; the most that it was; may be sent */
	uint32_t window, threshold; /* congestion window, slow start's end */
	uint32_t duplicates, recover;
	bool recovery, established, timed;
	uint64_t rtt, deviation, rto, deadline; /* smoothed; SIM_NEVER: no timer */
	/* DCTCP: answers and marks in this window, whose size was `round`; alpha of 2^20. */
	uint32_t seen, marked, round, alpha;
	/* Coupled: what an increase left over; OLIA's bytes since the last loss, and between the last two. */
	int64_t credit;
	uint64_t run, last_run;
	/* The receiver. */
	uint32_t base, here_bits;
	uint64_t *here; /* packets beyond `base`, a ring */
};

struct tcp_world {
	struct subflow *subflows;
	uint32_t count, room;
	uint32_t *first;    /* of each flow's subflows */
	uint32_t *assigned; /* packets of each flow that a subflow has taken */
};

static inline struct tcp_world *tcp_of(const struct world *world)
{
	return world->state;
}

/* ---- windows (tcp_window.c) */

/* An acknowledgement of new data, outside of recovery. */
void fabric_tcp_grow(struct world *world, struct subflow *subflow);
/* A loss: sets the threshold. */
void fabric_tcp_loss(struct world *world, struct subflow *subflow);
/* DCTCP: every acknowledgement, before all else. */
void fabric_dctcp_answer(struct world *world, struct subflow *subflow, bool marked);

#endif
