/* The sender's lists: what is in flight, what is to be sent again; and what answers do to them. */
#include "nodes/ndp/sender.h"
#include "nodes/ndp/pulls.h"

#include <stddef.h>
#include <string.h>

#define NONE UINT16_MAX
#define PULLS_AHEAD 64    /* windows: a pull number that jumps further is no receiver's */
#define KEEPALIVE_RTOS 16 /* the first; each further one doubles */
#define KEEPALIVE_DOUBLES 10

enum { UNSENT, FLIGHT, AGAIN, ACKED };           /* states of a slot */
enum { NOTHING, WAS_ACK, WAS_NACK, WAS_BOUNCE }; /* answers in the history */

void ndp_sender_init(struct ndp_sender *s, uint32_t total, uint32_t window, struct ndp_slot *slots,
	uint64_t *sent, uint32_t slot_count)
{
	*s = (struct ndp_sender){.slots = slots,
		.sent = sent,
		.slot_mask = slot_count - 1,
		.total = total,
		.window = window,
		.flight = {NONE, NONE},
		.again = {NONE, NONE}};
}

static uint16_t place(const struct ndp_sender *s, uint32_t sequence)
{
	return (uint16_t)(sequence & s->slot_mask);
}

/* The packet whose slot that is. */
static uint32_t sequence_at(const struct ndp_sender *s, uint16_t at)
{
	return s->oldest + ((at - s->oldest) & s->slot_mask);
}

static struct ndp_slot *slot(const struct ndp_sender *s, uint32_t sequence)
{
	return &s->slots[place(s, sequence)];
}

static void link_between(
	struct ndp_sender *s, struct ndp_list *list, uint16_t previous, uint16_t at, uint16_t next)
{
	s->slots[at].previous = previous;
	s->slots[at].next = next;
	*(previous == NONE ? &list->first : &s->slots[previous].next) = at;
	*(next == NONE ? &list->last : &s->slots[next].previous) = at;
}

static void unlink_from(struct ndp_sender *s, struct ndp_list *list, uint16_t at)
{
	const struct ndp_slot *own = &s->slots[at];

	*(own->previous == NONE ? &list->first : &s->slots[own->previous].next) = own->next;
	*(own->next == NONE ? &list->last : &s->slots[own->next].previous) = own->previous;
}

/* To be sent again: behind the others, or before them. */
static void send_again(struct ndp_sender *s, uint16_t at, bool first)
{
	unlink_from(s, &s->flight, at);
	s->slots[at].state = AGAIN;
	if (first)
		link_between(s, &s->again, NONE, at, s->again.first);
	else
		link_between(s, &s->again, s->again.last, at, NONE);
	s->counters.again++;
}

uint32_t ndp_sender_start(struct ndp_sender *s, uint64_t now)
{
	s->heard = now;
	s->expected = s->window < s->total ? s->window : s->total;
	return (uint32_t)s->expected;
}

static void settle(struct ndp_sender *s, uint32_t sequence)
{
	uint16_t at = place(s, sequence);

	unlink_from(s, s->slots[at].state == FLIGHT ? &s->flight : &s->again, at);
	s->slots[at].state = ACKED;
	while (s->oldest < s->fresh && slot(s, s->oldest)->state == ACKED)
		slot(s, s->oldest++)->state = UNSENT;
}

/* Whether a packet that was never sent has a slot. Without RTOs nothing would ever free the slot of a packet whose ACK was lost: there
 * the oldest, which has been in flight for as many packets as there are slots, makes room. */
static bool have_slot(struct ndp_sender *s)
{
	if (s->fresh - s->oldest > s->slot_mask && !s->sent)
		settle(s, s->oldest);
	return s->fresh - s->oldest <= s->slot_mask;
}

bool ndp_sender_next(struct ndp_sender *s, uint64_t now, uint32_t *sequence, bool *again)
{
	*again = s->again.first != NONE;
	if (*again) {
		*sequence = sequence_at(s, s->again.first);
		unlink_from(s, &s->again, s->again.first);
	} else if (s->fresh == s->total) {
		return false;
	} else if (!have_slot(s)) {
		s->debt++;
		return false;
	} else {
		*sequence = s->fresh++;
	}
	slot(s, *sequence)->state = FLIGHT;
	link_between(s, &s->flight, s->flight.last, place(s, *sequence), NONE);
	if (s->sent)
		s->sent[place(s, *sequence)] = now;
	s->counters.packets++;
	return true;
}

static void heard(struct ndp_sender *s, uint64_t now)
{
	s->heard = now;
	s->silence = 0;
}

static void remember(struct ndp_sender *s, uint8_t answer)
{
	s->history[s->answers++ % NDP_HISTORY] = answer;
}

/* The slot of a packet that was sent and has no ACK yet; NULL for any other. `strange` counts what never was sent. */
static struct ndp_slot *outstanding(struct ndp_sender *s, uint32_t sequence)
{
	if (sequence >= s->fresh) {
		s->counters.strange++;
		return NULL;
	}
	if (sequence < s->oldest || slot(s, sequence)->state == ACKED)
		return NULL;
	return slot(s, sequence);
}

/* Pulls that found no slot, and have one now. */
static uint32_t pay_debt(struct ndp_sender *s)
{
	uint32_t paid = s->debt, room = s->slot_mask + 1 - (s->fresh - s->oldest);

	if (paid > room)
		paid = room;
	s->debt -= paid;
	return paid;
}

uint32_t ndp_sender_ack(struct ndp_sender *s, uint32_t sequence, uint64_t now)
{
	struct ndp_slot *own = outstanding(s, sequence);

	if (sequence >= s->fresh)
		return 0;
	heard(s, now);
	s->pulls_due++;
	s->expected--;
	remember(s, WAS_ACK);
	if (!own)
		return 0;
	settle(s, sequence);
	return pay_debt(s);
}

uint32_t ndp_sender_nack(struct ndp_sender *s, uint32_t sequence, uint64_t now)
{
	struct ndp_slot *own = outstanding(s, sequence);

	if (sequence >= s->fresh)
		return 0;
	heard(s, now);
	s->pulls_due++;
	s->expected--;
	s->counters.nacks++;
	remember(s, WAS_NACK);
	if (own && own->state == FLIGHT)
		send_again(s, place(s, sequence), false);
	return 0;
}

uint32_t ndp_sender_pull(struct ndp_sender *s, uint32_t number, uint64_t now)
{
	uint32_t more = number - s->last_pull;

	if (more > INT32_MAX) { /* an earlier one, late */
		s->pulls_due--;
		heard(s, now);
		return 0;
	}
	if (more > (uint64_t)s->window * PULLS_AHEAD) {
		s->counters.strange++;
		return 0;
	}
	s->pulls_due--;
	heard(s, now);
	s->last_pull = number;
	return more;
}

/* At least a quarter of the last answers were ACKs: the network carries, so it is this path that does not. */
static bool path_to_blame(const struct ndp_sender *s)
{
	uint32_t acks = 0, all = 0;

	for (uint32_t i = 0; i < NDP_HISTORY; i++) {
		acks += s->history[i] == WAS_ACK;
		all += s->history[i] != NOTHING;
	}
	return 4 * acks > all;
}

uint32_t ndp_sender_bounced(struct ndp_sender *s, uint32_t sequence, uint64_t now)
{
	struct ndp_slot *own = outstanding(s, sequence);

	if (!own || own->state != FLIGHT)
		return 0;
	heard(s, now);
	s->expected--;
	s->counters.bounces++;
	remember(s, WAS_BOUNCE);
	send_again(s, place(s, sequence), true);
	return (s->pulls_due == 0 && s->expected <= 1) || path_to_blame(s);
}

static bool work_left(const struct ndp_sender *s)
{
	return s->again.first != NONE || s->fresh < s->total;
}

uint64_t ndp_sender_due(const struct ndp_sender *s, uint64_t rto)
{
	if (!s->sent || ndp_sender_done(s))
		return NDP_NEVER;
	if (s->flight.first != NONE)
		return s->sent[s->flight.first] + rto;
	return work_left(s) ? s->heard + (rto * KEEPALIVE_RTOS << s->silence) : NDP_NEVER;
}

uint32_t ndp_sender_timeout(struct ndp_sender *s, uint64_t rto, uint64_t now)
{
	uint64_t due = ndp_sender_due(s, rto);

	if (due == NDP_NEVER || now < due)
		return 0;
	if (s->flight.first == NONE) {
		s->counters.keepalives++;
		s->silence += s->silence < KEEPALIVE_DOUBLES;
		s->heard = now;
		return 1;
	}
	while (s->flight.first != NONE && s->sent[s->flight.first] + rto <= now) {
		s->counters.timeouts++;
		send_again(s, s->flight.first, false);
	}
	return s->flight.first == NONE && s->pulls_due <= 0;
}
