#include "nodes/trevi/daemon/receiver.h"

#include "nodes/trevi/daemon/tracts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct receiver {
	struct datagrams *datagrams;
	const struct window_settings *settings;
	struct window_link *link;
	uint32_t length;
	uint16_t fragment;
	uint8_t hash[WIRE_HASH];
	enum wire_code made;
	struct fountain_code *code;
	struct fountain_decoder *decoder;
	uint8_t *bytes;
	enum receiver_state state;
	struct receiver_counters count;
	unsigned sources;
	struct receiver_source source[RECEIVER_SOURCES];
};

struct receiver *receiver_new(struct datagrams *datagrams, const struct window_settings *settings,
	struct window_link *link, const struct wire_frame *f)
{
	uint32_t fragments = (f->length + f->fragment - 1) / f->fragment;
	struct receiver *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->datagrams = datagrams;
	r->settings = settings;
	r->link = link;
	r->length = f->length;
	r->fragment = f->fragment;
	memcpy(r->hash, f->hash, WIRE_HASH);
	r->made = (enum wire_code)f->code;
	r->code = r->made == WIRE_SYSTEMATIC ? fountain_code_systematic(fragments, f->session)
					     : fountain_code_of_tract(fragments);
	r->decoder = r->code ? fountain_decoder_new(r->code, f->fragment, true) : NULL;
	r->bytes = malloc(f->length);
	if (r->decoder && r->bytes)
		return r;
	receiver_free(r);
	return NULL;
}

void receiver_free(struct receiver *r)
{
	if (!r)
		return;
	fountain_decoder_free(r->decoder);
	fountain_code_free(r->code);
	free(r->bytes);
	free(r);
}

/* What the tract may lack beyond what is asked for, of all sources. */
static uint32_t missing(const struct receiver *r)
{
	uint32_t spare = window_spare(&r->source[0].window, r->made == WIRE_SYSTEMATIC), out = 0,
		 rest = window_rest(receiver_fragments(r), fountain_symbols(r->decoder), spare);

	for (unsigned i = 0; i < r->sources; i++)
		out += r->source[i].active ? r->source[i].window.outstanding : 0;
	return rest > out ? rest - out : 0;
}

static uint32_t ask(struct receiver *r, struct receiver_source *s, double *budget, int64_t now_ns)
{
	uint32_t room = window_room(&s->window, r->settings, now_ns), more = missing(r);

	room = room < more ? room : more;
	/* With several sources nobody can say which of them brings the rest. */
	uint32_t left = r->made == WIRE_SYSTEMATIC ? window_end(&s->window, r->settings, more) : 0;
	if (budget && room > *budget)
		room = *budget < 0 ? 0 : (uint32_t)*budget;
	if (room == 0)
		return left;
	room = room < WIRE_COUNT_MAX ? room : WIRE_COUNT_MAX;
	if (budget)
		*budget -= room;
	/* A request that cannot be sent is as one that was lost. */
	uint32_t first = window_ask(&s->window, room, now_ns);
	datagrams_ask(r->datagrams, s->at, s->session, first, room);
	return left;
}

double receiver_need(const struct receiver *r)
{
	const struct window *w = &r->source[0].window;

	if (r->state != RECEIVER_RECEIVING || r->made != WIRE_SYSTEMATIC || !r->sources || w->ending)
		return 0;
	return missing(r) / fmax(window_left(w), 1);
}

struct receiver_source *receiver_add(
	struct receiver *r, struct place at, uint64_t session, uint8_t number, const struct window *before)
{
	if (r->sources == RECEIVER_SOURCES)
		return NULL;
	struct receiver_source *s = &r->source[r->sources++];
	*s = (struct receiver_source){.at = at, .session = session, .number = number, .active = true};
	window_init(&s->window, r->settings, before);
	/* Where several sources serve a tract, what one of them sends at first overflows nothing; not to grow after losses cost 3 % there. */
	if (r->made != WIRE_SYSTEMATIC)
		s->window.opening = 0;
	s->window.link = r->link;
	window_phase(&s->window, window_phase_of(session));
	return s;
}

void receiver_drop(struct receiver *r, uint64_t session)
{
	for (unsigned i = 0; i < r->sources; i++)
		if (r->source[i].session == session)
			r->source[i].active = false;
}

/* Decoded, and checked from end to end: a symbol that somebody changed makes bytes of another hash. */
static void finish(struct receiver *r)
{
	uint8_t hash[WIRE_HASH];

	r->state = RECEIVER_WRONG;
	if (fountain_decode(r->decoder, r->bytes, r->length) < 0)
		return;
	tract_hash(r->bytes, r->length, hash);
	if (memcmp(hash, r->hash, WIRE_HASH) == 0)
		r->state = RECEIVER_DONE;
}

bool receiver_take(struct receiver *r, const struct wire_datagram *d, struct place from, int64_t now_ns)
{
	struct receiver_source *s = NULL;

	for (unsigned i = 0; i < r->sources && !s; i++)
		if (r->source[i].session == d->session)
			s = &r->source[i];
	if (!s || d->type != WIRE_BRING)
		return false;
	if (!place_equal(&from, &s->at)) {
		r->count.foreign++;
		return true;
	}
	if (d->size != r->fragment) {
		r->count.wrong_size++;
		return true;
	}
	if (r->state != RECEIVER_RECEIVING) {
		r->count.after_end++;
		return true;
	}
	switch (window_came(&s->window, r->settings, d->label, now_ns)) {
	case WINDOW_DUPLICATE:
		r->count.duplicates++;
		return true;
	case WINDOW_UNASKED:
		r->count.unasked++;
		return true;
	case WINDOW_LATE:
		r->count.late++;
		break;
	case WINDOW_NEW:
		break;
	}
	r->count.symbols++;
	s->symbols++;
	enum fountain_added added =
		fountain_add(r->decoder, wire_seed(r->made, s->number, s->session, d->label), d->payload);
	if (added == FOUNTAIN_DONE)
		finish(r);
	else if (added == FOUNTAIN_FULL)
		r->state = RECEIVER_WRONG;
	return true;
}

uint32_t receiver_work(struct receiver *r, double *budget, int64_t now_ns)
{
	uint32_t left = 0;

	if (r->state != RECEIVER_RECEIVING)
		return 0;
	for (unsigned i = 0; i < r->sources; i++) {
		window_expire(&r->source[i].window, r->settings, now_ns);
		if (r->source[i].active)
			left += ask(r, &r->source[i], budget, now_ns);
	}
	return left;
}

int64_t receiver_expiry(const struct receiver *r, int64_t now_ns)
{
	int64_t first = INT64_MAX;

	for (unsigned i = 0; r->state == RECEIVER_RECEIVING && i < r->sources; i++) {
		int64_t when = window_expiry(&r->source[i].window, r->settings, now_ns);
		first = when < first ? when : first;
	}
	return first;
}

enum receiver_state receiver_state(const struct receiver *r)
{
	return r->state;
}

const uint8_t *receiver_bytes(const struct receiver *r)
{
	return r->bytes;
}

uint32_t receiver_length(const struct receiver *r)
{
	return r->length;
}

unsigned receiver_active(const struct receiver *r)
{
	unsigned active = 0;

	for (unsigned i = 0; i < r->sources; i++)
		active += r->source[i].active;
	return active;
}

const struct receiver_counters *receiver_counters(const struct receiver *r)
{
	return &r->count;
}

const struct receiver_source *receiver_source(const struct receiver *r, unsigned number)
{
	return &r->source[number];
}

unsigned receiver_source_count(const struct receiver *r)
{
	return r->sources;
}

uint32_t receiver_fragments(const struct receiver *r)
{
	return fountain_code_fragments(r->code);
}

void receiver_share(struct receiver *r, uint32_t windows)
{
	for (unsigned i = 0; i < r->sources; i++)
		window_share(&r->source[i].window, windows);
}

void receiver_lend(struct receiver *r, double symbols)
{
	for (unsigned i = 0; i < r->sources; i++)
		if (r->source[i].active)
			window_lend(&r->source[i].window, symbols);
}
