/* The life of a play: a connection comes up, is attacked when it has settled, and judged; then the next. */
#include "nodes/threats/play_internal.h"
#include <stdlib.h>
#include <string.h>

static const struct moves *const moves_of[SCENARIOS] = {
	[SCENARIO_ANNOUNCE] = &moves_announce,
	[SCENARIO_RESIDUAL] = &moves_announce,
	[SCENARIO_TAKEOVER] = &moves_takeover,
	[SCENARIO_BAD_ANSWER] = &moves_answer,
	[SCENARIO_EAVESDROP] = &moves_guest,
	[SCENARIO_BAD_ACK] = &moves_guest,
};

static bool floods(const struct play *p)
{
	return p->options.scenario == SCENARIO_FLOOD || p->options.scenario == SCENARIO_AMPLIFY ||
	       p->options.scenario == SCENARIO_GUESS;
}

struct play *play_new(const struct play_options *options, const struct play_handlers *handlers)
{
	static const struct moves none;
	struct play *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	p->options = *options;
	p->handlers = *handlers;
	p->moves = moves_of[options->scenario] ? moves_of[options->scenario] : &none;
	p->draws = options->seed;
	p->entry = WITNESS_NONE;
	p->begins = p->judged = p->due = p->closes = INT64_MAX;
	witness_init(&p->witness, options->server.port, options->scenario == SCENARIO_OBSERVE);
	return p;
}

void play_free(struct play *p)
{
	free(p);
}

void play_send(struct play *p, int64_t now, const struct packet *packet)
{
	if (p->sent >= p->options.cap) {
		p->capped = p->done = true;
		return;
	}
	if (!p->first_sent)
		p->first_sent = now;
	p->sent++;
	if (p->count < PLAY_TRIES_MOST)
		p->tries[p->count].packets++;
	p->handlers.send(p->handlers.context, packet);
}

bool play_know(const struct play *p, struct known *known)
{
	return p->entry != WITNESS_NONE && witness_tell(&p->witness, p->entry, p->options.knows, known);
}

void play_joined(struct play *p, int64_t now)
{
	struct play_try *t = play_try(p);
	if (!t->joined)
		t->first_ns = now - p->first_sent;
	t->joined = true;
}

void play_took(struct play *p, int64_t now)
{
	struct play_try *t = play_try(p);
	if (t->took_ns < 0)
		t->took_ns = now - p->first_sent;
}

/* ---- tries */

static void begin_try(struct play *p, int64_t now)
{
	p->attacking = true;
	p->begins = INT64_MAX;
	p->first_sent = 0;
	p->form = p->resets = 0;
	p->reset_at = 0;
	p->proven = p->up = false;
	p->through[0] = p->through[1] = 0;
	p->guest = (struct guest){.state = GUEST_CLOSED, .reset_reason = -1};
	*play_try(p) = (struct play_try){.first_ns = -1, .took_ns = -1, .reset_reason = -1};
	if (p->moves->begin)
		p->moves->begin(p, now);
}

static void end_try(struct play *p, int64_t now)
{
	struct play_try *t = play_try(p);
	if (p->moves->judge)
		t->succeeded = p->moves->judge(p, now);
	if (p->moves->end)
		p->moves->end(p, now);
	p->attacking = false;
	p->entry = WITNESS_NONE;
	p->judged = p->due = INT64_MAX;
	if (++p->count == p->options.tries)
		p->done = true;
}

/* A flood begins with the connection of which it has the token: ours, or the last one that it awaits. */
static void flood_proven(struct play *p, int64_t now, int entry)
{
	const struct packet_end *client = &p->witness.list[entry].end[OF_CLIENT];
	bool begins = p->options.scenario == SCENARIO_AMPLIFY
			      ? memcmp(client->address, p->options.own.address, sizeof client->address) == 0
			      : p->witness.proven == p->options.after;
	if (p->began || !begins)
		return;
	p->entry = entry;
	p->begins = now + p->options.settle_ns;
}

static void proven(struct play *p, int64_t now, int entry)
{
	if (floods(p)) {
		flood_proven(p, now, entry);
		return;
	}
	if (p->entry != WITNESS_NONE || p->count == p->options.tries)
		return;
	p->entry = entry;
	p->begins = now + p->options.settle_ns;
	p->judged = now + p->options.hold_ns;
}

void play_witnessed(struct play *p, int64_t now, const struct packet *packet)
{
	/* Our own guesses pass there, too. */
	if (p->flooding && p->options.scenario == SCENARIO_GUESS)
		return;
	int entry = witness_packet(&p->witness, now, packet);
	if (entry != WITNESS_NONE)
		proven(p, now, entry);
	/* Numbers are guessed while the connection is silent: they hold. */
	if (p->options.scenario == SCENARIO_GUESS && p->entry != WITNESS_NONE && !p->began)
		p->begins = now + p->options.settle_ns;
}

void play_received(struct play *p, int64_t now, const struct packet *packet)
{
	if (floods(p))
		flood_received(p, packet);
	else if (p->attacking && p->moves->received)
		p->moves->received(p, now, packet);
}

void play_tick(struct play *p, int64_t now)
{
	if (p->done)
		return;
	if (floods(p)) {
		if (now >= p->begins) {
			p->begins = INT64_MAX;
			flood_begin(p, now);
		}
		flood_tick(p, now);
		return;
	}
	if (now >= p->begins)
		begin_try(p, now);
	if (p->attacking && now >= p->due) {
		p->due = INT64_MAX;
		if (p->moves->due)
			p->moves->due(p, now);
	}
	if (!p->done && now >= p->judged)
		end_try(p, now);
}

int64_t play_deadline(const struct play *p)
{
	int64_t first = p->begins < p->due ? p->begins : p->due;
	first = p->judged < first ? p->judged : first;
	first = p->closes < first ? p->closes : first;
	return p->done ? INT64_MAX : first;
}

bool play_done(const struct play *p)
{
	return p->done;
}

void play_report(const struct play *p, struct play_report *r)
{
	*r = (struct play_report){.tries = p->tries,
		.count = floods(p) ? 0 : p->count,
		.sent = p->sent,
		.answers = p->answers,
		.refusals = p->refusals,
		.capped = p->capped,
		.began = p->began,
		.ended = p->ended,
		.region = p->region,
		.hit = p->hit,
		.witness = &p->witness};
	for (unsigned i = 0; i < r->count; i++)
		r->succeeded += p->tries[i].succeeded;
}
