#include "nodes/trevi/daemon/sender.h"

#include "nodes/trevi/fountain.h"
#include "nodes/trevi/window.h"
#include <stdlib.h>
#include <string.h>

struct sender {
	struct datagrams *datagrams;
	struct fountain_code *code;
	struct fountain_encoder *encoder;
	struct sender_tract tract;
	uint64_t symbols;
	struct place to, receivers[PACE_RECEIVERS];
	struct pace pace;
	/* Sent unasked: so many, of which so many were due; spread over so long. */
	uint32_t first, due;
	int64_t began_ns, over_ns;
};

static uint32_t fragments_of(uint32_t length, uint16_t fragment)
{
	return (length + fragment - 1) / fragment;
}

enum wire_code sender_code(uint32_t length, uint16_t fragment)
{
	return fragments_of(length, fragment) <= FOUNTAIN_SYSTEMATIC_MOST ? WIRE_SYSTEMATIC : WIRE_LT;
}

struct sender *sender_new(struct datagrams *datagrams, const struct sender_tract *tract, struct place to,
	const struct place *receivers, unsigned count, int64_t now_ns)
{
	uint32_t fragments = fragments_of(tract->length, tract->fragment);
	struct sender *s = count <= PACE_RECEIVERS ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return NULL;
	*s = (struct sender){.datagrams = datagrams, .tract = *tract, .to = to};
	memcpy(s->receivers, receivers, count * sizeof *receivers);
	pace_init(&s->pace, count, now_ns);
	s->code = tract->code == WIRE_SYSTEMATIC ? fountain_code_systematic(fragments, tract->session)
						 : fountain_code_of_tract(fragments);
	s->encoder =
		s->code ? fountain_encoder_new(s->code, tract->bytes, tract->length, tract->fragment) : NULL;
	if (s->encoder)
		return s;
	sender_free(s);
	return NULL;
}

void sender_free(struct sender *s)
{
	if (!s)
		return;
	fountain_encoder_free(s->encoder);
	fountain_code_free(s->code);
	free(s);
}

void sender_begin(struct sender *s, uint32_t count, int64_t over_ns, int64_t now_ns)
{
	s->first = count < sender_fragments(s) ? count : sender_fragments(s);
	s->began_ns = now_ns;
	s->over_ns = over_ns;
}

int64_t sender_expiry(const struct sender *s)
{
	return s->due < s->first ? window_due(s->began_ns, s->over_ns, s->first, s->due,
					   window_phase_of(s->tract.session))
				 : INT64_MAX;
}

uint64_t sender_session(const struct sender *s)
{
	return s->tract.session;
}

bool sender_ask(struct sender *s, const struct wire_datagram *d, struct place from, int64_t now_ns)
{
	for (unsigned i = 0; i < s->pace.count; i++)
		if (place_equal(&from, &s->receivers[i]))
			return d->type == WIRE_ASK && pace_ask(&s->pace, i, d->label, d->count, now_ns);
	return false;
}

bool sender_work(struct sender *s, double *budget, int64_t now_ns)
{
	const struct sender_tract *t = &s->tract;

	for (; sender_expiry(s) <= now_ns; s->due++)
		pace_ask(&s->pace, 0, s->due, 1, now_ns);
	for (uint32_t room = pace_room(&s->pace); room; room--) {
		if (budget && *budget < 1)
			return true;
		fountain_encode(s->encoder, wire_seed(t->code, t->source, t->session, s->pace.sent),
			datagrams_payload(s->datagrams));
		if (!datagrams_bring(s->datagrams, s->to, t->session, s->pace.sent, t->fragment))
			return true;
		if (budget)
			*budget -= 1;
		s->pace.sent++;
		s->symbols++;
	}
	return false;
}

void sender_leave(struct sender *s, unsigned receiver)
{
	pace_leave(&s->pace, receiver);
}

int sender_straggler(const struct sender *s, int64_t patience_ns, int64_t now_ns)
{
	return pace_straggler(&s->pace, patience_ns, now_ns);
}

uint64_t sender_symbols(const struct sender *s)
{
	return s->symbols;
}

uint32_t sender_fragments(const struct sender *s)
{
	return fountain_code_fragments(s->code);
}
