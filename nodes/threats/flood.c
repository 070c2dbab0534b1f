/* Packets at a rate: joins from a forged source (T2, T3), and guesses (T1b). */
#include "nodes/threats/play_internal.h"
#include <string.h>

enum { FIRST_PORT = 1024 };
#define TURN_NS (100 * NS_PER_US)   /* packets whose time has come go out together, no more often than this */
#define LINGER_NS (500 * NS_PER_MS) /* for what comes back, or is looked at */

static bool guesses(const struct play *p)
{
	return p->options.scenario == SCENARIO_GUESS;
}

/* What a guess can hit: seen on the wire, while nothing moves. */
static void measure(struct play *p)
{
	const struct witness_connection *c = &p->witness.list[p->entry];
	const struct witness_side *target = &c->side[p->options.target], *peer = &c->side[!p->options.target];
	p->region = law_region((double)target->window, (double)peer->window_max,
		(double)(uint32_t)(peer->acknowledged - target->first - 1),
		(double)(uint32_t)(target->next - peer->acknowledged));
	p->hit = law_hit(&p->region, (p->options.knows & KNOWS_SEQUENCE) != 0,
		(p->options.knows & KNOWS_ACKNOWLEDGEMENT) != 0);
}

void flood_begin(struct play *p, int64_t now)
{
	unsigned knows = p->options.knows;
	p->began = now;
	p->next = (double)now;
	p->ended = INT64_MAX;
	p->closes = now;
	p->port = FIRST_PORT;
	p->flooding = true;
	/* A token of the connection is what T2 has seen, and of one's own what T3 has. */
	if (p->options.scenario == SCENARIO_AMPLIFY)
		knows |= KNOWS_TOKEN;
	if (!play_know(p, &p->known)) {
		p->known = (struct known){.knows = 0};
		p->done = knows != 0;
	}
	if (p->options.scenario == SCENARIO_AMPLIFY && !witness_tell(&p->witness, p->entry, knows, &p->known))
		p->done = true;
	p->token = p->known.token[OF_SERVER];
	if (guesses(p))
		measure(p);
}

static void send_join(struct play *p, int64_t now)
{
	struct option_list options = {.length = 0};
	struct packet_end source = p->options.from;
	uint32_t token = p->known.knows & KNOWS_TOKEN ? p->token : (uint32_t)draw_next(&p->draws);
	source.port = p->port;
	p->port = p->port == UINT16_MAX ? FIRST_PORT : (uint16_t)(p->port + 1);
	struct packet packet = forge_join(&source, &p->options.server, (uint32_t)draw_next(&p->draws), token,
		(uint32_t)draw_next(&p->draws), &options);
	play_send(p, now, &packet);
}

/* REMOVE_ADDR of an id that nobody has: it changes nothing, and is counted. */
static void send_guess(struct play *p, int64_t now)
{
	struct option_list options = {.length = 0};
	unsigned from = !p->options.target;
	forge_form(&p->known, from, FORM_REMOVE, p->options.own.address, 200, &options);
	struct packet packet = forge_segment(&p->known, from, &options);
	packet.sequence =
		p->known.knows & KNOWS_SEQUENCE ? p->known.next[from] : (uint32_t)draw_next(&p->draws);
	if (!(p->known.knows & KNOWS_ACKNOWLEDGEMENT))
		packet.acknowledgement = (uint32_t)draw_next(&p->draws);
	play_send(p, now, &packet);
}

void flood_tick(struct play *p, int64_t now)
{
	if (!p->flooding || p->done)
		return;
	if (p->flooded == p->options.count) {
		p->done = now >= p->ended + LINGER_NS;
		p->closes = p->ended + LINGER_NS;
		return;
	}
	for (; p->flooded < p->options.count && p->next <= (double)now && !p->done; p->flooded++) {
		(guesses(p) ? send_guess : send_join)(p, now);
		/* Not in step with anybody: from no time to twice the mean between two. */
		p->next += 2 * draw_uniform(&p->draws) * NS_PER_S / (double)p->options.rate;
	}
	p->closes = (int64_t)p->next + 1 > now + TURN_NS ? (int64_t)p->next + 1 : now + TURN_NS;
	if (p->flooded == p->options.count) {
		p->ended = now;
		p->closes = now + LINGER_NS;
	}
}

void flood_received(struct play *p, const struct packet *packet)
{
	if (packet->source.port != p->options.server.port || !p->flooding)
		return;
	p->answers += (packet->flags & (PACKET_SYN | PACKET_ACK)) == (PACKET_SYN | PACKET_ACK);
	p->refusals += (packet->flags & PACKET_RST) != 0;
}
