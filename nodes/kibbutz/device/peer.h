/* What is fresh: a neighbour's messages, told from those of its earlier lives and from replays, without
 * clocks that agree and without anything kept on a disk. Pure: the caller sends, receives, draws random
 * numbers and tells the time.
 *
 * A message is believed when it echoes the reader's challenge, which proves that it was written after the
 * challenge was made, comes from the life of the neighbour that is known, and has a new sequence number. Who
 * echoes a wrong challenge is told the right one in a HELLO. A right echo from another life makes a new
 * challenge, which ends all that was written before: only the life that goes on can answer it. */
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
/* A genuine message has arrived; `fresh`: random, not 0, for a new challenge. *answer: a HELLO should be sent
 * (peer_write with `echo` the message's challenge); *met: the neighbour is known from now on, or anew: it may
 * know nothing of what was sent to it before. */
enum peer_verdict peer_read(struct peer *peer, int64_t now, const struct wire_message *message,
	uint64_t fresh, bool *answer, bool *met);
/* Fills in life, challenge, echo and sequence of the next message. echo 0: the challenge that we know. */
void peer_write(struct peer *peer, struct wire_message *message, uint64_t echo);
#endif
