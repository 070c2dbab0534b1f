#include "nodes/threats/attack/report.h"
#include "lib/base/units.h"
#include <jansson.h>
#include <stdio.h>

static json_t *ms(int64_t ns)
{
	return ns < 0 ? json_null() : json_real((double)ns / NS_PER_MS);
}

static json_t *knows(unsigned bits)
{
	json_t *list = json_array();
	for (unsigned bit = 1; bit <= KNOWS_KEYS; bit <<= 1)
		if (bits & bit)
			json_array_append_new(list, json_string(knowledge_name(bit)));
	return list;
}

static json_t *one_try(const struct play_try *t)
{
	return json_pack("{s:b, s:b, s:i, s:o, s:o, s:I, s:o, s:s}", "joined", t->joined, "succeeded",
		t->succeeded, "packets", (int)t->packets, "join_ms", ms(t->first_ns), "took_ms",
		ms(t->took_ns), "stolen_bytes", (json_int_t)t->stolen, "reset_reason",
		t->reset_reason < 0 ? json_null() : json_integer(t->reset_reason), "last_form",
		form_name(t->form));
}

/* A flood: what of it came back; a guess: what it can hit. */
static json_t *flood(const struct attack_options *o, const struct play_report *r)
{
	double seconds =
		r->ended > r->began && r->ended != INT64_MAX ? (double)(r->ended - r->began) / NS_PER_S : 0;
	double sent = (double)r->sent;
	return json_pack("{s:f, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "seconds", seconds, "answers",
		(json_int_t)r->answers, "refusals", (json_int_t)r->refusals, "region_sequence",
		r->region.sequence, "region_acknowledgement", r->region.acknowledgement, "hit", r->hit,
		"expected_hits", sent * r->hit, "published_hits",
		r->region.sequence > 0 ? sent * law_published_hit(r->region.sequence - 1) : 0.0,
		"packets_to_hit_4000_ports", r->hit > 0 ? law_packets(r->hit, 4000) : 0.0, "rate",
		(json_int_t)o->play.rate);
}

int attack_report(
	const struct attack_options *o, const struct play *play, uint64_t failed, uint64_t malformed)
{
	struct play_report r;
	unsigned joined = 0;
	uint64_t stolen = 0;
	double low, high, took = 0;
	play_report(play, &r);
	json_t *tries = json_array();
	for (unsigned i = 0; i < r.count; i++) {
		const struct play_try *t = &r.tries[i];
		json_array_append_new(tries, one_try(t));
		joined += t->joined;
		stolen += t->stolen;
		took += t->succeeded && t->took_ns > 0 ? (double)t->took_ns / NS_PER_MS : 0;
	}
	law_interval(r.succeeded, r.count, &low, &high);
	json_t *all = json_pack(
		"{s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:[ff], s:I, s:f, s:f, s:I, s:b, s:I, s:I, s:{s:i, s:i, s:i, s:I}, s:o, s:o}",
		"scenario", scenarios[o->play.scenario].name, "knows", knows(o->play.knows), "residuals",
		o->play.scenario == SCENARIO_RESIDUAL, "observes", o->play.scenario == SCENARIO_OBSERVE,
		"floods", o->play.scenario == SCENARIO_FLOOD, "tries", (int)r.count, "succeeded",
		(int)r.succeeded, "joined", (int)joined, "interval", low, high, "packets", (json_int_t)r.sent,
		"packets_per_try", r.count ? (double)r.sent / r.count : 0.0, "took_ms",
		r.succeeded ? took / r.succeeded : 0.0, "stolen_bytes", (json_int_t)stolen, "capped",
		r.capped, "not_sent", (json_int_t)failed, "malformed", (json_int_t)malformed, "seen",
		"connections", (int)r.witness->proven, "joins", (int)r.witness->joins, "joins_up",
		(int)r.witness->joins_up, "not_kept", (json_int_t)r.witness->not_kept, "flood", flood(o, &r),
		"each", tries);
	int result = all && json_dumpf(all, stdout, JSON_REAL_PRECISION(9)) == 0 && putchar('\n') != EOF &&
				     fflush(stdout) == 0
			     ? 0
			     : -1;
	json_decref(all);
	return result;
}
