/* Freshness of a neighbour's messages; peer.h has the idea. */
#include "nodes/kibbutz/device/peer.h"

#define ANSWER_NS                                                                                            \
	100000000 /* what is not believed is answered ten times a second at most: it may be a replay */

void peer_init(struct peer *peer, uint64_t life, uint64_t challenge)
{
	*peer = (struct peer){.life = life, .challenge = challenge, .answered_at = INT64_MIN};
}

static bool may_answer(struct peer *peer, int64_t now)
{
	if (peer->answered_at != INT64_MIN && now - peer->answered_at < ANSWER_NS)
		return false;
	peer->answered_at = now;
	return true;
}

enum peer_verdict peer_read(struct peer *peer, int64_t now, const struct wire_message *message,
	uint64_t fresh, bool *answer, bool *met)
{
	*answer = *met = false;
	if (message->echo != peer->challenge) {
		peer->stale++;
		*answer = may_answer(peer, now);
		return PEER_STALE;
	}
	if (peer->their_life && message->life != peer->their_life) {
		peer->stale++;
		peer->challenge = fresh;
		peer->their_life = 0;
		peer->last = 0;
		*answer = true; /* the challenge was made for this: no replay can ask for another */
		return PEER_RENEWED;
	}
	if (message->sequence <= peer->last) {
		peer->replayed++;
		return PEER_REPLAYED;
	}
	*met = !peer->their_life;
	*answer = message->challenge != peer->their_challenge;
	peer->their_life = message->life;
	peer->their_challenge = message->challenge;
	peer->last = message->sequence;
	peer->believed++;
	return PEER_BELIEVED;
}

void peer_write(struct peer *peer, struct wire_message *message, uint64_t echo)
{
	message->life = peer->life;
	message->challenge = peer->challenge;
	message->echo = echo ? echo : peer->their_challenge;
	message->sequence = ++peer->sent;
}
