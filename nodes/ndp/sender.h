/* The sender of a flow: which packet leaves when. The first window leaves without being asked. After that one packet leaves per
 * pull; packets that must be sent again go first (Trilogy2 D1.4, section 3.6.1.3; SIGCOMM 2017, section 3.2). The sender counts
 * in packets; bytes, sockets and paths (lib/ndp/ndp_paths.h) are the caller's.
 *
 * Every function that reports an arrival returns how many packets may leave now: call ndp_sender_next so many times, or until it
 * returns false. Times are the caller's, in any unit, and never decrease.
 *
 * A packet without an answer for an RTO is sent again. RTOs are off when `sent` is NULL: a network that bounces headers and corrupts
 * nothing needs none. */
#ifndef LIQUIDNET_NDP_SENDER_H
#define LIQUIDNET_NDP_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#define NDP_HISTORY 12 /* answers that a bounce is judged by */

#define NDP_SLOTS_MAX 32768

/* A packet from its first departure until its ACK. Packet number s has slot number s modulo the number of slots. */
struct ndp_slot {
	uint16_t next, previous; /* slots in the list that it is in: in flight, or to be sent again */
	uint8_t state;
};

struct ndp_list {
	uint16_t first, last; /* slots; UINT16_MAX: empty */
};

struct ndp_sender {
	struct ndp_slot *slots;
	uint64_t *sent;                /* when each left last, or NULL */
	uint32_t slot_mask;            /* so many slots, less one */
	uint32_t total, window;        /* packets */
	uint32_t oldest, fresh;        /* the oldest without an ACK; the next that was never sent */
	uint32_t last_pull;            /* number */
	uint32_t debt;                 /* pulls that found no free slot */
	int64_t pulls_due;             /* answers less pulls: what the receiver still owes */
	int64_t expected;              /* answers to the first window still out; below 0 later */
	struct ndp_list flight, again; /* in order of departure; in order of the next */
	uint8_t history[NDP_HISTORY];  /* the last answers */
	uint32_t answers;
	uint64_t heard;   /* when anything came last */
	uint32_t silence; /* keep-alives since then */
	struct ndp_sender_counters {
		uint64_t packets, again, nacks, bounces, timeouts, keepalives;
		uint64_t strange; /* what came and can belong to nothing that was sent: dropped */
	} counters;
};

/* A flow of `total` packets. `slots` (zeroed; a power of two, at least `window`, at most NDP_SLOTS_MAX) and `sent` (as many, or NULL) are
 * the caller's and stay so. No more than that many packets are between the oldest without an ACK and the newest: they are what the sender
 * must keep. An answer may be late by as many packet times before that slows the flow. */
void ndp_sender_init(struct ndp_sender *sender, uint32_t total, uint32_t window, struct ndp_slot *slots,
	uint64_t *sent, uint32_t slot_count);
/* The first window. */
uint32_t ndp_sender_start(struct ndp_sender *sender, uint64_t now);
/* The packet that leaves now: its sequence, and whether it left before. False: none is left to send. */
bool ndp_sender_next(struct ndp_sender *sender, uint64_t now, uint32_t *sequence, bool *again);

uint32_t ndp_sender_ack(struct ndp_sender *sender, uint32_t sequence, uint64_t now);
uint32_t ndp_sender_nack(struct ndp_sender *sender, uint32_t sequence, uint64_t now);
/* A PULL, or the pull of an ACK or NACK (after that one's own function). */
uint32_t ndp_sender_pull(struct ndp_sender *sender, uint32_t number, uint64_t now);
/* An RTS: the header came back. */
uint32_t ndp_sender_bounced(struct ndp_sender *sender, uint32_t sequence, uint64_t now);

/* When ndp_sender_timeout is to be called, NDP_NEVER (pulls.h) if not at all. `rto` > 0, the same in both. */
uint64_t ndp_sender_due(const struct ndp_sender *sender, uint64_t rto);
/* Packets whose RTO is over are to be sent again, with the next pulls; or at once, where no answer and no pull is on its way. And a
 * keep-alive: one packet unasked when pulls are owed but nothing came for 16 RTOs, then 32, ... */
uint32_t ndp_sender_timeout(struct ndp_sender *sender, uint64_t rto, uint64_t now);

/* Every packet has its ACK. */
static inline bool ndp_sender_done(const struct ndp_sender *sender)
{
	return sender->oldest == sender->total;
}

#endif
