/* Distinguishes a neighbour's fresh messages from replays and from messages of its earlier lives, without synchronised clocks and without
 * storage on a disk. Pure: the caller sends, receives, draws random numbers and passes the time.
 *
 * A message is believed if three conditions hold: it echoes the reader's challenge, which proves that it was written after the challenge
 * was made; it comes from the neighbour's known life; and it has a new sequence number. A neighbour that echoes a wrong challenge gets the
 * right one in a HELLO. A right echo from another life causes a new challenge. This makes all earlier messages void, because only the life
 * that goes on can answer it. */
#ifndef LIQUIDNET_KIBBUTZ_PEER_H
#define LIQUIDNET_KIBBUTZ_PEER_H

#include "nodes/kibbutz/wire.h"
#include <stdbool.h>

struct peer {
	uint64_t life, challenge;             /* ours */
	uint64_t their_life, their_challenge; /* 0: not known */
	uint64_t sent, last;                  /* sequence numbers: our last, their last that was believed */
	int64_t answered_at;
	uint64_t believed, stale, replayed;
};

enum peer_verdict {
	PEER_BELIEVED,
	PEER_STALE,    /* echoes another challenge than ours */
	PEER_REPLAYED, /* has been seen */
	PEER_RENEWED,  /* of another life: must prove itself */
};

/* `life`, `challenge`: random, not 0. */
void peer_init(struct peer *peer, uint64_t life, uint64_t challenge);
/* A genuine message has arrived. `fresh`: random, not 0, for a new challenge. *answer: the caller should send a HELLO (peer_write
 * with the message's challenge as `echo`). *met: the neighbour is known from now on, for the first time or anew; it may know
 * nothing of what was sent to it before. */
enum peer_verdict peer_read(struct peer *peer, int64_t now, const struct wire_message *message,
	uint64_t fresh, bool *answer, bool *met);
/* Fills in life, challenge, echo and sequence of the next message. echo 0: the challenge that we know. */
void peer_write(struct peer *peer, struct wire_message *message, uint64_t echo);
#endif
