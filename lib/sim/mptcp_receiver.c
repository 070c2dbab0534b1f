/* The receiver: what is here, of the subflow and of the connection, and what it says of that. */
#include "lib/sim/mptcp_internal.h"

#include <string.h>

#define BITS 256
#define EVERY 2 /* packets in order per acknowledgement */

static bool is_here(const struct gaps *g, uint32_t number)
{
	uint32_t bit = number & (g->bits - 1);

	return g->here[bit / 64] >> (bit % 64) & 1;
}

static void flip(struct gaps *g, uint32_t number)
{
	uint32_t bit = number & (g->bits - 1);

	g->here[bit / 64] ^= 1ULL << (bit % 64);
}

/* Room for `beyond` packets from the base on. */
static void make_room(struct gaps *g, uint32_t beyond)
{
	struct gaps old = *g;

	if (beyond < old.bits)
		return;
	g->bits = old.bits ? old.bits : BITS;
	while (g->bits <= beyond)
		g->bits *= 2;
	g->here = sim_must(calloc(g->bits / 64, sizeof *g->here));
	for (uint32_t i = 0; i < old.bits; i++)
		if (is_here(&old, old.base + i))
			flip(g, old.base + i);
	free(old.here);
}

/* False: it was here already. */
static bool take(struct gaps *g, uint32_t number)
{
	if (number < g->base)
		return false;
	make_room(g, number - g->base);
	if (is_here(g, number))
		return false;
	flip(g, number);
	for (; is_here(g, g->base); g->base++)
		flip(g, g->base);
	return true;
}

/* The newest block first, as tcp_sack_new_ofo_skb keeps them. */
static void remember(struct subflow *s, uint32_t sequence)
{
	struct block new = {sequence, sequence + 1};
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->block_count; i++) {
		struct block b = s->blocks[i];
		if (b.low > new.high || b.high < new.low) {
			s->blocks[kept++] = b;
			continue;
		}
		new.low = b.low < new.low ? b.low : new.low;
		new.high = b.high > new.high ? b.high : new.high;
	}
	kept = kept < BLOCKS ? kept : BLOCKS - 1;
	memmove(&s->blocks[1], s->blocks, kept * sizeof *s->blocks);
	s->blocks[0] = new;
	s->block_count = kept + 1;
}

static void forget(struct subflow *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->block_count; i++)
		if (s->blocks[i].high > s->gaps.base)
			s->blocks[kept++] = s->blocks[i];
	s->block_count = kept;
}

static void answer(struct sim_mptcp *m, struct subflow *s, bool duplicate)
{
	struct sim_packet *packet = sim_mptcp_packet(m, s, PACKET_ACK, m->settings.control);
	uint32_t number = (uint32_t)(packet - m->network->packets);

	if (number >= m->answer_room) {
		m->answer_room = 2 * number + 1024;
		m->answers = sim_must(reallocarray(m->answers, m->answer_room, sizeof *m->answers));
	}
	m->answers[number] = (struct answer){.base = s->gaps.base,
		.data = m->connections[s->connection].gaps.base,
		.block = s->block_count ? s->blocks[0] : (struct block){0},
		.duplicate = duplicate};
	s->pending = 0;
	s->delayed_due = SIM_NEVER;
	sim_send(m->network, packet, 0, 0, s->back);
}

static void wait_a_little(struct sim_mptcp *m, struct subflow *s)
{
	if (s->delayed_due == SIM_NEVER)
		s->delayed_due = now_of(m) + m->settings.delayed_ps;
	if (s->delayed_timed)
		return;
	s->delayed_timed = true;
	sim_timer_at(m->network, s->delayed_due, TIMER_DELAYED << TIMER_SHIFT | number_of(m, s));
}

void sim_receiver_data(struct sim_mptcp *m, struct subflow *s, const struct sim_packet *packet)
{
	struct connection *c = &m->connections[s->connection];
	uint32_t sequence = packet->sequence, data_base = c->gaps.base;
	bool in_order = sequence == s->gaps.base && !s->block_count, fresh = take(&s->gaps, sequence);

	if (fresh && sequence >= s->gaps.base)
		remember(s, sequence);
	forget(s);
	take(&c->gaps, packet->number);
	s->pending++;
	if (s->quick)
		s->quick--;
	bool pushed = !c->endless && packet->number == c->tail; /* PSH, and whoever asked has read all */
	if (!in_order || !fresh || pushed || s->pending >= EVERY || s->quick)
		answer(m, s, !fresh);
	else
		wait_a_little(m, s);
	if (c->gaps.base != data_base && c->gaps.base == c->tail + 1 && !c->endless)
		m->done(m->user, s->connection);
}

void sim_receiver_timer(struct sim_mptcp *m, struct subflow *s)
{
	s->delayed_timed = false;
	if (s->delayed_due != SIM_NEVER && now_of(m) >= s->delayed_due)
		answer(m, s, false);
	else if (s->delayed_due != SIM_NEVER)
		wait_a_little(m, s);
}
