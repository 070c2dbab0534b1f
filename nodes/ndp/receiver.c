/* What is here, what is answered, and who is owed a pull. */
#include "nodes/ndp/receiver.h"

void ndp_receiver_init(struct ndp_receiver *r, uint64_t *here, uint32_t ahead, bool preferred)
{
	*r = (struct ndp_receiver){.pulls.preferred = preferred, .here = here, .ahead = ahead};
}

static uint64_t *word(struct ndp_receiver *r, uint32_t sequence)
{
	return &r->here[(sequence & (r->ahead - 1)) / 64];
}

static uint64_t bit(uint32_t sequence)
{
	return 1ULL << (sequence % 64);
}

static bool is_here(struct ndp_receiver *r, uint32_t sequence)
{
	return sequence < r->base || (sequence - r->base < r->ahead && (*word(r, sequence) & bit(sequence)));
}

/* Keeps it. False: it lies too far ahead. */
static bool keep(struct ndp_receiver *r, uint32_t sequence)
{
	if (sequence - r->base >= r->ahead)
		return false;
	*word(r, sequence) |= bit(sequence);
	r->received++;
	while (*word(r, r->base) & bit(r->base)) {
		*word(r, r->base) &= ~bit(r->base);
		r->base++;
	}
	return true;
}

/* A packet behind the last, or another last: no sender of this flow says so. */
static bool strange(const struct ndp_receiver *r, uint32_t sequence, bool last)
{
	if (sequence == UINT32_MAX)
		return true;
	if (r->total)
		return sequence >= r->total || last != (sequence == r->total - 1);
	return last && sequence + 1 < r->end;
}

struct ndp_answer ndp_receive(struct ndp_receiver *r, struct ndp_pulls *host, bool whole, uint32_t sequence,
	bool last, uint64_t now)
{
	struct ndp_answer answer = {.reply = NDP_REPLY_NONE};

	if (strange(r, sequence, last))
		return answer;
	if (last)
		r->total = sequence + 1;
	if (r->end <= sequence)
		r->end = sequence + 1;
	bool here = is_here(r, sequence);
	answer.fresh = whole && !here && keep(r, sequence);
	answer.reply = here || answer.fresh ? NDP_REPLY_ACK : NDP_REPLY_NACK;
	answer.complete = answer.fresh && ndp_receiver_complete(r);
	if (!here || !ndp_receiver_complete(r))
		answer.pull = ndp_pulls_owe(host, &r->pulls, now);
	if (ndp_receiver_complete(r))
		ndp_pulls_forget(host, &r->pulls);
	return answer;
}
