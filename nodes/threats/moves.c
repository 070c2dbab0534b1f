/* What each scenario does: Trilogy 2, D1.1, section 2.1.2, its steps named in the comments. */
#include "lib/mptcp/keys.h"
#include "nodes/threats/play_internal.h"
#include <string.h>

enum { FIRST_ID = 9 /* of the address that is announced: one that nobody has */ };

static const uint8_t *find(const struct packet *packet, enum mptcp_subtype subtype)
{
	return packet->options_length ? option_find(packet->options, packet->options_length, subtype) : NULL;
}

/* A join's SYN that came to our address. */
static bool is_join(const struct packet *packet)
{
	return (packet->flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN && find(packet, MPTCP_JOIN);
}

/* (i) of T1, and what the residual attacks have of it: a segment in the peer's name. */
static void send_form(struct play *p, int64_t now, enum form form)
{
	struct option_list options = {.length = 0};
	struct known known;
	if (!play_know(p, &known))
		return;
	unsigned from = !p->options.target;
	forge_form(&known, from, form, p->options.own.address, (uint8_t)(FIRST_ID + form), &options);
	struct packet packet = forge_segment(&known, from, &options);
	play_send(p, now, &packet);
}

/* ---- announce, residual: each form once, to each connection */

static void announce_due(struct play *p, int64_t now)
{
	if (p->form == p->options.forms_count)
		return;
	play_try(p)->form = p->options.forms[p->form];
	send_form(p, now, p->options.forms[p->form++]);
	p->due = now + STEP_NS;
}

static void announce_received(struct play *p, int64_t now, const struct packet *packet)
{
	/* (ii) */
	if (!is_join(packet) || play_try(p)->joined)
		return;
	play_joined(p, now);
	play_took(p, now);
}

static bool announce_judge(struct play *p, int64_t now)
{
	(void)now;
	return play_try(p)->joined;
}

const struct moves moves_announce = {announce_due, announce_received, announce_due, announce_judge, NULL};

/* ---- takeover: (iii) to (viii) are a NAT at our host; (ix) is here */

static void takeover_begin(struct play *p, int64_t now)
{
	play_try(p)->form = FORM_RIGHT;
	send_form(p, now, FORM_RIGHT);
}

static void send_resets(struct play *p, int64_t now)
{
	struct known known;
	if (p->resets == RESETS_MOST || !play_know(p, &known))
		return;
	for (unsigned from = 0; from < 2; from++) {
		struct packet packet = forge_reset(&known, from);
		play_send(p, now, &packet);
	}
	p->resets++;
	p->reset_at = now;
	p->due = now + RETRY_NS;
}

/* Payload on the first subflow after the last reset: one missed. */
static void takeover_due(struct play *p, int64_t now)
{
	const struct witness_connection *c = &p->witness.list[p->entry];
	bool alive = false;
	for (unsigned side = 0; side < 2; side++)
		alive |= c->side[side].data_at > p->reset_at;
	if (alive)
		send_resets(p, now);
	else
		p->due = now + RETRY_NS;
}

static void takeover_received(struct play *p, int64_t now, const struct packet *packet)
{
	const struct witness_connection *c = &p->witness.list[p->entry];
	const uint8_t *option = find(packet, MPTCP_JOIN);
	unsigned from = memcmp(packet->source.address, c->end[OF_SERVER].address, 16) == 0;
	if (is_join(packet)) {
		play_joined(p, now);
		return;
	}
	if (from == p->options.target && option && option[1] == 24)
		p->proven = true;
	else if (from != p->options.target && p->proven && !p->up &&
		 !(packet->flags & (PACKET_SYN | PACKET_RST))) {
		p->up = true; /* (viii) */
		send_resets(p, now);
	}
	if (p->up) {
		p->through[from] += packet->payload_length;
		play_try(p)->stolen += packet->payload_length;
		if (p->through[OF_CLIENT] && p->through[OF_SERVER])
			play_took(p, now);
	}
}

static bool takeover_judge(struct play *p, int64_t now)
{
	const struct witness_connection *c = &p->witness.list[p->entry];
	for (unsigned side = 0; side < 2; side++)
		if (!p->through[side] || c->side[side].data_at > now - QUIET_NS)
			return false;
	return p->up;
}

const struct moves moves_takeover = {takeover_begin, takeover_received, takeover_due, takeover_judge, NULL};

/* ---- eavesdrop, bad-ack: a subflow of our own */

static void guest_moves_begin(struct play *p, int64_t now)
{
	struct option_list options = {.length = 0};
	struct packet packet;
	struct known known;
	struct packet_end own = p->options.own;
	if (!play_know(p, &known))
		return;
	own.port = (uint16_t)(1024 + draw_below(&p->draws, 60000));
	guest_begin(&p->guest, &known, &own, &p->options.server, p->options.scenario == SCENARIO_BAD_ACK,
		draw_next(&p->draws), &options, &packet);
	play_send(p, now, &packet);
}

static void guest_moves_received(struct play *p, int64_t now, const struct packet *in)
{
	struct option_list options = {.length = 0};
	struct packet packet;
	enum guest_state before = p->guest.state;
	if (guest_packet(&p->guest, in, &options, &packet))
		play_send(p, now, &packet);
	struct play_try *t = play_try(p);
	if (p->guest.state == GUEST_PROVEN && before == GUEST_ASKED)
		play_joined(p, now);
	if (p->guest.state == GUEST_ESTABLISHED && before == GUEST_PROVEN)
		p->due = now + STEP_NS;
	t->stolen = p->guest.bytes;
	t->reset_reason = p->guest.reset_reason;
	if (t->stolen)
		play_took(p, now);
}

/* Without any number of the first subflow: our own is authenticated, and says that the address with id 0 is gone. */
static void guest_moves_due(struct play *p, int64_t now)
{
	struct option_list options = {.length = 0};
	struct packet packet;
	if (p->guest.state != GUEST_ESTABLISHED)
		return;
	guest_remove(&p->guest, 0, &options, &packet);
	play_send(p, now, &packet);
	p->reset_at = now;
}

/* All of it, not some: the first subflow is silent. */
static bool guest_moves_judge(struct play *p, int64_t now)
{
	const struct witness_connection *c = &p->witness.list[p->entry];
	return p->guest.bytes && c->side[OF_SERVER].data_at <= now - QUIET_NS;
}

static void guest_moves_end(struct play *p, int64_t now)
{
	struct option_list options = {.length = 0};
	struct packet packet;
	if (p->guest.state != GUEST_ESTABLISHED)
		return;
	guest_close(&p->guest, &options, &packet);
	play_send(p, now, &packet);
}

const struct moves moves_guest = {
	guest_moves_begin, guest_moves_received, guest_moves_due, guest_moves_judge, guest_moves_end};

/* ---- bad-answer: the join is drawn to us, and our proof is wrong */

static void answer_received(struct play *p, int64_t now, const struct packet *in)
{
	struct option_list options = {.length = 0};
	const uint8_t *option = find(in, MPTCP_JOIN), wrong[MPTCP_HMAC_JOIN_SYN_ACK] = {0};
	struct play_try *t = play_try(p);
	if (is_join(in)) {
		play_joined(p, now);
		option_put_mss(&options, 1460);
		option_put_join_syn_ack(
			&options, FIRST_ID + FORM_RIGHT, false, wrong, (uint32_t)draw_next(&p->draws));
		struct packet packet = {.family = 4,
			.source = in->destination,
			.destination = in->source,
			.sequence = (uint32_t)draw_next(&p->draws),
			.acknowledgement = in->sequence + 1,
			.window = UINT16_MAX,
			.flags = PACKET_SYN | PACKET_ACK,
			.options = options.bytes,
			.options_length = options.length};
		play_send(p, now, &packet);
	} else if (in->flags & PACKET_RST) {
		option = find(in, MPTCP_RST);
		t->reset_reason = option ? option[3] : -1;
	} else if (option && option[1] == 24) {
		p->proven = true;
		play_took(p, now);
	}
}

static bool answer_judge(struct play *p, int64_t now)
{
	(void)now;
	return p->proven;
}

const struct moves moves_answer = {takeover_begin, answer_received, NULL, answer_judge, NULL};
