#include "nodes/threats/witness.h"
#include "lib/mptcp/keys.h"
#include <string.h>

static bool same(const struct packet_end *a, const struct packet_end *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* Whether `a` comes after `b` in sequence space (RFC 1982). */
static bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

void witness_init(struct witness *w, uint16_t port, bool sees_joins)
{
	memset(w, 0, sizeof *w);
	w->port = port;
	w->sees_joins = sees_joins;
}

int witness_find(const struct witness *w, const struct packet *p, unsigned *from)
{
	/* The newest first: ports are used again. */
	for (int i = (int)w->count - 1; i >= 0; i--)
		for (unsigned side = 0; side < 2; side++)
			if (same(&w->list[i].end[side], &p->source) &&
				same(&w->list[i].end[!side], &p->destination)) {
				*from = side;
				return i;
			}
	return WITNESS_NONE;
}

static const uint8_t *find(const struct packet *p, enum mptcp_subtype subtype)
{
	return p->options_length ? option_find(p->options, p->options_length, subtype) : NULL;
}

/* A SYN. */
static void begin(struct witness *w, const struct packet *p)
{
	const uint8_t *capable = find(p, MPTCP_CAPABLE), *join = find(p, MPTCP_JOIN);
	if (p->destination.port != w->port || (!capable && !(join && w->sees_joins)))
		return;
	if (w->count == WITNESS_MOST) {
		w->not_kept++;
		return;
	}
	struct witness_connection *c = &w->list[w->count++];
	*c = (struct witness_connection){.end = {p->source, p->destination}, .is_join = !capable};
	w->joins += !capable;
}

static void shake_hands(
	struct witness *w, struct witness_connection *c, unsigned from, int64_t now, const struct packet *p)
{
	struct option_capable capable;
	const uint8_t *option;
	if (p->flags & PACKET_SYN) {
		c->answered |= from == OF_SERVER;
	} else if (c->is_join) {
		option = find(p, MPTCP_JOIN);
		if (from == OF_CLIENT && option && option[1] == 24)
			c->proven = true;
		if (from == OF_SERVER && c->proven && !c->up && !(p->flags & PACKET_RST)) {
			c->up = true;
			w->joins_up++;
		}
	} else if (from == OF_CLIENT && c->answered && !c->proven && (option = find(p, MPTCP_CAPABLE))) {
		option_capable(option, &capable);
		if (capable.version != 1 || capable.keys != 2)
			return;
		memcpy(c->key, capable.key, sizeof c->key);
		c->proven = true;
		c->proven_at = now;
		w->proven++;
	}
}

static void follow(struct witness_connection *c, unsigned from, int64_t now, const struct packet *p)
{
	struct witness_side *s = &c->side[from];
	uint32_t end = p->sequence + packet_space(p);
	struct tcp_options parsed;
	if (p->flags & PACKET_SYN) {
		options_parse(p->options, p->options_length, false, &parsed);
		s->scale = parsed.present & OPTION_WINDOW_SCALE ? parsed.window_scale : 0;
		s->first = p->sequence;
		s->next = end;
		s->started = true;
	} else if (!s->started) {
		return;
	} else if (end != p->sequence && after(end, s->next)) {
		/* What takes no space says nothing: it may be forged, a little ahead. */
		s->next = end;
	}
	if (p->payload_length) {
		s->bytes += p->payload_length;
		s->data_at = now;
	}
	if (p->flags & PACKET_ACK &&
		(p->flags & PACKET_SYN || !s->acknowledged || after(p->acknowledgement, s->acknowledged)))
		s->acknowledged = p->acknowledgement;
	s->window = (uint64_t)p->window << (p->flags & PACKET_SYN ? 0 : s->scale);
	s->window_max = s->window > s->window_max ? s->window : s->window_max;
}

int witness_packet(struct witness *w, int64_t now, const struct packet *p)
{
	unsigned opening = p->flags & (PACKET_SYN | PACKET_ACK | PACKET_RST), from;
	int entry = witness_find(w, p, &from);
	if (opening == PACKET_SYN && (entry < 0 || (from == OF_CLIENT && w->list[entry].proven))) {
		unsigned before = w->count;
		begin(w, p);
		entry = w->count > before ? (int)before : WITNESS_NONE;
		from = OF_CLIENT;
	}
	if (entry < 0 || p->flags & PACKET_RST)
		return WITNESS_NONE;
	struct witness_connection *c = &w->list[entry];
	bool proven = c->proven;
	shake_hands(w, c, from, now, p);
	follow(c, from, now, p);
	c->packet_at = now;
	return !c->is_join && c->proven && !proven ? entry : WITNESS_NONE;
}

bool witness_tell(const struct witness *w, int entry, unsigned knows, struct known *known)
{
	const struct witness_connection *c = &w->list[entry];
	uint64_t initial;
	*known = (struct known){.knows = knows};
	for (unsigned i = 0; i < 2; i++) {
		if (knows & KNOWS_TUPLE)
			known->end[i] = c->end[i];
		if (knows & KNOWS_SEQUENCE)
			known->next[i] = c->side[i].next;
		if (knows & KNOWS_ACKNOWLEDGEMENT)
			known->acknowledged[i] = c->side[i].acknowledged;
		if (knows & KNOWS_KEYS)
			known->key[i] = c->key[i];
		if (knows & (KNOWS_TOKEN | KNOWS_KEYS) &&
			!mptcp_hash_key(c->key[i], 1, &known->token[i], &initial))
			return false;
	}
	return c->proven || !(knows & (KNOWS_TOKEN | KNOWS_KEYS));
}
