/* The words of scenarios, and whether they go together. */
#include "nodes/grin/sim/scenario.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/words.h"
#include "nodes/grin/plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words, a function each: the scenario, the key, its value */

static int set_net(struct scenario *s, const char *key, const char *value, char **error)
{
	(void)key;
	if (!strcmp(value, "single"))
		s->net = NET_SINGLE;
	else if (!strcmp(value, "multihomed"))
		s->net = NET_MULTIHOMED;
	else if (strlen(value) == 5 && !strncmp(value, "grin", 4) && value[4] >= '1' && value[4] <= '7') {
		s->net = NET_GRIN;
		s->degree = (unsigned)(value[4] - '0');
	} else
		return error_set(error, "net=%s: there are single, grin1 to grin7, multihomed", value);
	return 0;
}

/* 0: `own`; else one more than the place among the names, which NULL ends; or -1. */
static int choice_beside(
	const char *key, const char *value, const char *own, const char *const names[], char **error)
{
	const char *all[16] = {own};

	for (size_t i = 0; i + 2 < sizeof all / sizeof *all && names[i]; i++)
		all[i + 1] = names[i];
	return word_choice(key, value, all, error);
}

static int set_pattern(struct scenario *s, const char *key, const char *value, char **error)
{
	int at = choice_beside(key, value, "incast", traffic_pattern_names, error);

	if (at < 0)
		return -1;
	s->pattern = at ? (unsigned)at - 1 : PATTERN_INCAST;
	return 0;
}

/* "1-5+5-1": servers from 1, as the experiments count them. */
static int set_flows(struct scenario *s, const char *key, const char *value, char **error)
{
	s->pattern = PATTERN_FLOWS;
	s->flow_count = 0;
	for (const char *at = value;;) {
		unsigned from, to;
		int length = 0;
		if (sscanf(at, "%5u-%5u%n", &from, &to, &length) != 2 || (at[length] && at[length] != '+') ||
			from == 0 || to == 0 || from == to)
			return error_set(error,
				"%s=%s: write A-B+C-D with numbers of different servers, from 1", key, value);
		if (s->flow_count == SCENARIO_FLOWS)
			return error_set(error, "%s: more than %d; leave some out", key, SCENARIO_FLOWS);
		s->flows[s->flow_count++] = (struct traffic_flow){from - 1, to - 1};
		if (!at[length])
			return 0;
		at += length + 1;
	}
}

static int set_model(struct scenario *s, const char *key, const char *value, char **error)
{
	int at = choice_beside(key, value, "packets", fluid_model_names, error);

	if (at < 0)
		return -1;
	s->packets = at == 0;
	s->model = at ? (enum fluid_model)(at - 1) : 0;
	return 0;
}

static int set_cables(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"random", "rounds", NULL};
	int at = word_choice(key, value, names, error);

	s->rounds = at == 1;
	return at < 0 ? -1 : 0;
}

static int set_shuffle(struct scenario *s, const char *key, const char *value, char **error)
{
	bool shuffled = false;

	if (word_yes(key, value, &shuffled, error) < 0)
		return -1;
	s->fixed = !shuffled;
	return 0;
}

static int set_active(struct scenario *s, const char *key, const char *value, char **error)
{
	if (unit_fraction(value, &s->active) < 0 || s->active <= 0)
		return error_set(error, "%s=%s: a share, 1%% to 100%%", key, value);
	return 0;
}

/* A share, for streams, or what becomes of packets. */
static int set_acks(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[ACKS_KINDS + 1] = {"queued", "first", "free", NULL};
	int at = word_choice(key, value, names, NULL);

	if (at >= 0)
		s->packet.acks = (enum scenario_acks)at;
	else if (unit_fraction(value, &s->acks) < 0 || s->acks > 0.5)
		return error_set(error,
			"%s=%s: a share, 0%% to 50%%; with model=packets queued, first or free", key, value);
	return 0;
}

static int set_control(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[SIM_GROWTHS + 1] = {"reno", "cubic", "lia", NULL};
	int at = word_choice(key, value, names, error);

	s->packet.growth = (enum sim_growth)at;
	return at < 0 ? -1 : 0;
}

static int set_start(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[STARTS + 1] = {"hystart", "plain", "none", NULL};
	int at = word_choice(key, value, names, error);

	s->packet.start = (enum scenario_start)at;
	return at < 0 ? -1 : 0;
}

static int set_full(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"told", "lost", NULL};
	int at = word_choice(key, value, names, error);

	s->packet.lost = at == 1;
	return at < 0 ? -1 : 0;
}

static int set_affinity(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"none", "strong", NULL};
	int at = word_choice(key, value, names, error);

	s->packet.strong = at == 1;
	return at < 0 ? -1 : 0;
}

static int set_rate(struct scenario *s, const char *key, const char *value, char **error)
{
	return word_rate(key, value, 1000000, 100000000000, &s->packet.rate_bps, error);
}

#define WHOLE(name, field, least, most)                                                                      \
	static int name(struct scenario *s, const char *key, const char *value, char **error)                \
	{                                                                                                    \
		return word_count(key, value, least, most, &s->field, error);                                \
	}
#define DURATION(name, field, least_ns)                                                                      \
	static int name(struct scenario *s, const char *key, const char *value, char **error)                \
	{                                                                                                    \
		return word_ps(key, value, least_ns, &s->packet.field, error);                               \
	}
#define BYTES(name, field, most)                                                                             \
	static int name(struct scenario *s, const char *key, const char *value, char **error)                \
	{                                                                                                    \
		return word_size(key, value, 1, most, &s->packet.field, error);                              \
	}
WHOLE(set_group, group, 2, 10000)
WHOLE(set_racks, racks, 1, 1000)
WHOLE(set_size, size, 2, 1000)
WHOLE(set_subflows, subflows, 0, PLAN_PAIRS)
WHOLE(set_queue, packet.queue, 1, 1000000)
WHOLE(set_phase, packet.phase, 0, 1000000)
WHOLE(set_connections, packet.connections, 1, 1000)
WHOLE(set_rounds, packet.rounds, 1, 10000)
DURATION(set_delay, delay_ps, 0)
DURATION(set_length, length_ps, 1000000)
DURATION(set_measure, measure_ps, 1000000)
DURATION(set_spread, spread_ps, 0)
DURATION(set_pause, pause_ps, 0)
BYTES(set_window, window, 1000000000)
BYTES(set_burst, burst, 1000000)
BYTES(set_bytes, bytes, 1000000000)

static const struct word {
	const char *key;
	int (*set)(struct scenario *, const char *, const char *, char **);
	bool packets; /* for model=packets alone */
} words[] = {{"net", set_net, false}, {"pattern", set_pattern, false}, {"flows", set_flows, false},
	{"active", set_active, false}, {"group", set_group, false}, {"racks", set_racks, false},
	{"size", set_size, false}, {"cables", set_cables, false}, {"model", set_model, false},
	{"acks", set_acks, false}, {"shuffle", set_shuffle, false}, {"subflows", set_subflows, false},
	{"rate", set_rate, true}, {"delay", set_delay, true}, {"queue", set_queue, true},
	{"control", set_control, true}, {"start", set_start, true}, {"full", set_full, true},
	{"window", set_window, true}, {"burst", set_burst, true}, {"length", set_length, true},
	{"measure", set_measure, true}, {"spread", set_spread, true}, {"phase", set_phase, true},
	{"bytes", set_bytes, true}, {"connections", set_connections, true}, {"rounds", set_rounds, true},
	{"pause", set_pause, true}, {"affinity", set_affinity, true}};

#define WORDS (sizeof words / sizeof *words)

/* What the whole text has to be looked at for. */
struct said {
	int between;                    /* -1: nothing */
	const char *packets, *transfer; /* a key of packets; one of transfers; or NULL */
	bool acks_share, acks_packets, spread;
};

static int take_word(struct scenario *s, const char *key, const char *value, struct said *said, char **error)
{
	char list[WORD_LIST] = "between";

	if (!strcmp(key, "between")) {
		bool between = false;
		if (word_yes(key, value, &between, error) < 0)
			return -1;
		said->between = between;
		return 0;
	}
	for (size_t i = 0; i < WORDS; i++) {
		word_list_add(list, words[i].key);
		if (strcmp(key, words[i].key) != 0)
			continue;
		said->spread |= words[i].set == set_spread;
		if (words[i].packets)
			said->packets = words[i].key;
		if (words[i].set == set_connections || words[i].set == set_rounds ||
			words[i].set == set_pause || words[i].set == set_affinity)
			said->transfer = words[i].key;
		if (words[i].set == set_acks)
			*(strspn(value, "qf") ? &said->acks_packets : &said->acks_share) = true;
		return words[i].set(s, key, value, error);
	}
	return word_unknown(key, list, error);
}

/* ---- what goes together */

static int check_packets(const struct scenario *s, const struct said *said, char **error)
{
	const struct scenario_packets *p = &s->packet;

	if (!s->packets && said->packets)
		return error_set(error, "%s= goes with model=packets", said->packets);
	if (!s->packets && said->acks_packets)
		return error_set(
			error, "acks=queued, first and free go with model=packets; streams have a share");
	if (s->packets && said->acks_share)
		return error_set(
			error, "with model=packets acknowledgements are packets: acks=queued, first or free");
	if (said->transfer && !p->bytes)
		return error_set(error, "%s= goes with transfers; say bytes= too", said->transfer);
	if (p->pause_ps && !p->rounds)
		return error_set(error, "pause= is between rounds; say rounds= too");
	if (!p->bytes && p->measure_ps >= p->length_ps)
		return error_set(error, "measure= is the last part of length=, and shorter");
	return 0;
}

static int check(const struct scenario *s, char **error)
{
	if (s->rounds && s->racks > 1)
		return error_set(error, "cables in rounds join one rack; write racks=1");
	if (s->net == NET_GRIN && s->degree >= s->size)
		return error_set(
			error, "%u cables each, but %u neighbours in a rack", s->degree, s->size - 1);
	for (unsigned i = 0; i < s->flow_count; i++)
		if (s->flows[i].source >= s->racks * s->size || s->flows[i].destination >= s->racks * s->size)
			return error_set(error, "flows=: %u-%u: servers are 1 to %u", s->flows[i].source + 1,
				s->flows[i].destination + 1, s->racks * s->size);
	return 0;
}

/* Packets: what the experiments at 1 Gbit/s have. */
static const struct scenario usual = {.net = NET_GRIN,
	.degree = 2,
	.active = 0.5,
	.group = 20,
	.racks = 6,
	.size = 20,
	.subflows = 16,
	.packet = {.rate_bps = 1000000000,
		.delay_ps = 12500000,
		.queue = 300,
		.growth = SIM_CUBIC,
		.window = 4194304,
		.burst = 65536,
		.length_ps = 1000000000000,
		.measure_ps = 600000000000,
		.spread_ps = 100000000,
		.connections = 1}};

int scenario_parse(struct scenario *s, const char *text, char **error)
{
	char copy[sizeof s->text], *rest = copy;
	struct said said = {.between = -1};

	*s = usual;
	if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
		return error_set(error, "a scenario of more than %zu letters", sizeof copy - 1);
	snprintf(s->text, sizeof s->text, "%s", text);
	for (char *word; (word = strsep(&rest, " "));) {
		if (!*word)
			continue;
		const char *value = word_cut(word, error);
		if (!value || take_word(s, word, value, &said, error) < 0)
			return error_prefix(error, "scenario `%s`", text);
	}
	s->between = said.between >= 0 ? said.between
				       : s->racks > 1 && (s->pattern == TRAFFIC_PERMUTATION ||
								 s->pattern == TRAFFIC_RANDOM);
	if (s->packet.bytes && !said.spread)
		s->packet.spread_ps = 0;
	if (check(s, error) < 0 || check_packets(s, &said, error) < 0)
		return error_prefix(error, "scenario `%s`", text);
	return 0;
}
