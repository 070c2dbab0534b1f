/* Reading scenarios: the pattern, the words, and whether they go together. */
#include "lib/fabric/scenario.h"
#include "lib/base/error.h"
#include "lib/link/trim.h"
#include "lib/sim/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_LEAST 1000000
#define LENGTH_MOST_PS ((uint64_t)WORD_HOUR * 1000) /* an hour: 2^63 ps are three months */

static const char *const patterns[PATTERNS + 1] = {
	"incast", "outcast", "permutation", "random", "pairs", "collateral", "shortflow", NULL};
static const char *const sprays[] = {"permute", "random", "flow", NULL};
static const char *const backgrounds[] = {"none", "permutation", "same", NULL};

/* ---- words, a function each: the scenario, the key, its value */

static int set_background(struct scenario *s, const char *key, const char *value, char **error)
{
	int chosen = word_choice(key, value, backgrounds, error);

	s->background = (enum background)chosen;
	return chosen < 0 ? -1 : 0;
}

static int set_spray(struct scenario *s, const char *key, const char *value, char **error)
{
	int chosen = word_choice(key, value, sprays, error);

	s->spray = (enum ndp_spray)chosen;
	return chosen < 0 ? -1 : 0;
}

static int set_size(struct scenario *s, const char *key, const char *value, char **error)
{
	return word_size(key, value, 1, 1000000000000, &s->size, error);
}

/* buffer=8, buffer=whole, buffer=published; the word may come twice. */
static int set_buffer(struct scenario *s, const char *key, const char *value, char **error)
{
	if (!strcmp(value, "whole") || !strcmp(value, "published")) {
		s->whole = *value == 'w';
		return 0;
	}
	if (word_count(key, value, 2, 100000, &s->buffer, NULL) < 0)
		return error_set(error, "%s=%s: packets (2..100000), `whole` or `published`", key, value);
	return 0;
}

static int set_slow(struct scenario *s, const char *key, const char *value, char **error)
{
	if (strncmp(value, "core:", 5) != 0 ||
		word_rate(key, value + 5, RATE_LEAST, WORD_RATE_MOST, &s->slow_core_bps, NULL) < 0)
		return error_set(
			error, "%s=%s: write core:RATE, from core:1Mbit/s to core:1000Gbit/s", key, value);
	return 0;
}

static int set_rate(struct scenario *s, const char *key, const char *value, char **error)
{
	return word_rate(key, value, RATE_LEAST, WORD_RATE_MOST, &s->rate_bps, error);
}

static int set_pacing(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"payload", "frame", NULL};
	int chosen = word_choice(key, value, names, error);

	s->pace_frames = chosen == 1;
	return chosen < 0 ? -1 : 0;
}

static int set_pulls(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"fair", "fifo", NULL};
	int chosen = word_choice(key, value, names, error);

	s->fifo = chosen == 1;
	return chosen < 0 ? -1 : 0;
}

/* What the words that come after it change. */
static int set_design(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"sigcomm", "d1.4", NULL};
	int chosen = word_choice(key, value, names, error);
	bool d14 = chosen == 1;

	s->fifo = d14;
	s->ratio = d14 ? 0 : TRIM_RATIO;
	s->window = d14 ? 10 : 0;
	return chosen < 0 ? -1 : 0;
}

static int set_code(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[] = {"published", "mended", NULL};
	int chosen = word_choice(key, value, names, error);

	s->published = chosen == 0;
	return chosen < 0 ? -1 : 0;
}

static int set_topology(struct scenario *s, const char *key, const char *value, char **error)
{
	static const struct kind {
		const char *name;
		uint32_t numbers;
		const char *form;
	} kinds[TOPOLOGIES] = {{"fattree", 1, "fattree:K"}, {"leafspine", 3, "leafspine:LEAVES:SPINES:HOSTS"},
		{"jellyfish", 3, "jellyfish:SWITCHES:DEGREE:HOSTS"}, {"star", 1, "star:HOSTS"},
		{"vl2", 3, "vl2:DA:DI:HOSTS"}};
	char name[32], *rest;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(value, ":"), value);
	for (int i = 0; i < TOPOLOGIES; i++) {
		if (strcmp(name, kinds[i].name) != 0)
			continue;
		const char *at = value + strlen(name);
		uint32_t n = 0;
		for (; n < kinds[i].numbers && *at; n++, at = rest) {
			long long number = strtoll(at + 1, &rest, 10);
			if (rest == at + 1 || number < 1 || number > 65535)
				break;
			s->shape[n] = (uint32_t)number;
		}
		if (n < kinds[i].numbers || *at)
			return error_set(error, "%s=%s: write %s", key, value, kinds[i].form);
		s->topology = (enum scenario_topology)i;
		return 0;
	}
	return error_set(error, "%s=%s: there are fattree, leafspine, jellyfish, star, vl2", key, value);
}

#define WHOLE(name, field, least, most)                                                                      \
	static int name(struct scenario *s, const char *key, const char *value, char **error)                \
	{                                                                                                    \
		return word_count(key, value, least, most, &s->field, error);                                \
	}
#define DURATION(name, field, least_ns)                                                                      \
	static int name(struct scenario *s, const char *key, const char *value, char **error)                \
	{                                                                                                    \
		return word_ps(key, value, least_ns, &s->field, error);                                      \
	}
#define YES(name, field)                                                                                     \
	static int name(struct scenario *s, const char *key, const char *value, char **error)                \
	{                                                                                                    \
		return word_yes(key, value, &s->field, error);                                               \
	}
WHOLE(set_hosts, hosts, 2, 8192)
WHOLE(set_oversubscribed, oversubscribed, 1, 64)
WHOLE(set_mtu, payload, 64, 65000)
WHOLE(set_window, window, 1, 1024)
WHOLE(set_marks, marks, 1, 100000)
WHOLE(set_threshold, threshold, 0, 100000)
WHOLE(set_ratio, ratio, 0, 1000)
WHOLE(set_subflows, subflows, 1, 16)
DURATION(set_delay, delay_ps, 0)
DURATION(set_length, length_ps, 1000)
DURATION(set_measure, measure_ps, 1000)
DURATION(set_at, at_ps, 0)
DURATION(set_gap, gap_ps, 0)
DURATION(set_spread, spread_ps, 0)
DURATION(set_rto, rto_ps, 1000)
DURATION(set_rto_least, rto_least_ps, 1000)
DURATION(set_scan, scan_ps, 0)
YES(set_bounce, bounce)
YES(set_penalty, penalty)
YES(set_priority, priority)
YES(set_syn, syn)

static const struct word {
	const char *key;
	int (*set)(struct scenario *, const char *, const char *, char **);
} words[] = {{"hosts", set_hosts}, {"topology", set_topology}, {"oversubscribed", set_oversubscribed},
	{"rate", set_rate}, {"delay", set_delay}, {"slow", set_slow}, {"size", set_size}, {"mtu", set_mtu},
	{"window", set_window}, {"buffer", set_buffer}, {"marks", set_marks}, {"ssthresh", set_threshold},
	{"ratio", set_ratio}, {"bounce", set_bounce}, {"spray", set_spray}, {"penalty", set_penalty},
	{"pacing", set_pacing}, {"pulls", set_pulls}, {"design", set_design}, {"priority", set_priority},
	{"background", set_background}, {"subflows", set_subflows}, {"syn", set_syn}, {"rto", set_rto},
	{"rto-least", set_rto_least}, {"scan", set_scan}, {"code", set_code}, {"length", set_length},
	{"measure", set_measure}, {"at", set_at}, {"gap", set_gap}, {"spread", set_spread}};

#define WORDS (sizeof words / sizeof *words)

static int set_transport(
	struct scenario *s, const struct transport *const *transports, const char *value, char **error)
{
	char list[WORD_LIST] = "";

	for (; *transports; transports++) {
		if (!strcmp((*transports)->name, value)) {
			s->transport = *transports;
			return 0;
		}
		word_list_add(list, (*transports)->name);
	}
	return error_set(error, "transport=%s: there are %s", value, list);
}

static int set_word(struct scenario *s, const struct transport *const *transports, char *text, char **error)
{
	char list[WORD_LIST] = "transport";
	const char *value = word_cut(text, error);

	if (!value)
		return -1;
	if (!strcmp(text, "transport"))
		return set_transport(s, transports, value, error);
	for (size_t i = 0; i < WORDS; i++) {
		if (!strcmp(text, words[i].key))
			return words[i].set(s, text, value, error);
		word_list_add(list, words[i].key);
	}
	return word_unknown(text, list, error);
}

/* "7-20+3-4": no commas, for scenarios are cells of CSV tables too. */
static int set_pairs(struct scenario *s, const char *text, char **error)
{
	for (const char *at = text; *at;) {
		unsigned from, to;
		int length = 0;
		if (sscanf(at, "%5u-%5u%n", &from, &to, &length) != 2 || (at[length] && at[length] != '+'))
			return error_set(error, "pairs:%s: write pairs:A-B+C-D with numbers of hosts", text);
		if (s->pair_count == SCENARIO_PAIRS)
			return error_set(error, "more than %d pairs; leave some out", SCENARIO_PAIRS);
		if (from == to)
			return error_set(error, "pairs:%s: host %u sends to itself", text, from);
		s->pairs[s->pair_count][0] = from;
		s->pairs[s->pair_count++][1] = to;
		at += length + (at[length] == '+');
	}
	return s->pair_count ? 0 : error_set(error, "pairs: write pairs:A-B+C-D with numbers of hosts");
}

static int set_pattern(struct scenario *s, char *text, char **error)
{
	char *number = strchr(text, ':'), list[WORD_LIST] = "";

	if (number)
		*number++ = '\0';
	for (int i = 0; i < PATTERNS; i++) {
		word_list_add(list, patterns[i]);
		if (strcmp(text, patterns[i]) != 0)
			continue;
		s->pattern = (enum pattern)i;
		if (i == PATTERN_PAIRS)
			return set_pairs(s, number ? number : "", error);
		bool counted = i == PATTERN_INCAST || i == PATTERN_OUTCAST || i == PATTERN_COLLATERAL;
		if (counted != (number != NULL))
			return error_set(error,
				counted ? "%s needs a number of hosts: %s:64" : "%s takes no number", text,
				text);
		return counted ? word_count(text, number, 1, 8191, &s->count, error) : 0;
	}
	return error_set(error, "no pattern `%s`; there are %s", text, list);
}

/* ---- what goes together */

static int check_hosts(struct scenario *s, char **error)
{
	static const uint32_t most_k = 32;

	if (s->topology == TOPOLOGY_FATTREE && s->shape[0]) {
		s->k = s->shape[0];
		if (s->k % 2 || s->k > most_k)
			return error_set(error, "topology=fattree:%u: K is even, 2..32", s->k);
		s->hosts = s->k * s->k * s->k / 4 * s->oversubscribed;
	} else if (s->topology == TOPOLOGY_FATTREE) {
		for (s->k = 2; s->k <= most_k && s->k * s->k * s->k / 4 * s->oversubscribed != s->hosts;
			s->k += 2)
			;
		if (s->k > most_k && s->oversubscribed == 1)
			return error_set(error,
				"hosts=%u: write 2, 16, 54, 128, 250, 432, 686, 1024, 1458, 2000, ... 8192 (k^3/4 for an even k)",
				s->hosts);
		if (s->k > most_k)
			return error_set(error,
				"hosts=%u: write k^3/4 times oversubscribed=%u for an even k, for example %u",
				s->hosts, s->oversubscribed, 128 * s->oversubscribed);
	} else {
		const uint32_t *n = s->shape;
		uint64_t hosts = s->topology == TOPOLOGY_STAR        ? n[0]
				 : s->topology == TOPOLOGY_VL2       ? (uint64_t)n[0] * n[1] / 4 * n[2]
				 : s->topology == TOPOLOGY_LEAFSPINE ? (uint64_t)n[0] * n[2]
								     : (uint64_t)n[0] * n[2];
		if (hosts > 8192)
			return error_set(error, "topology: %llu hosts; at most 8192 are simulated",
				(unsigned long long)hosts);
		s->hosts = (uint32_t)hosts;
	}
	return 0;
}

static int check_counts(const struct scenario *s, char **error)
{
	if (s->hosts < 2)
		return error_set(error, "a network of one host; nothing can be sent");
	if (s->count >= s->hosts)
		return error_set(error,
			"%s:%u: more senders than the %u other hosts; more hosts=, or fewer senders",
			patterns[s->pattern], s->count, s->hosts - 1);
	if (s->pattern == PATTERN_COLLATERAL && s->count > s->hosts - 3)
		return error_set(error, "collateral:%u: three hosts are taken already; at most %u of %u",
			s->count, s->hosts - 3, s->hosts);
	for (uint32_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i][0] >= s->hosts || s->pairs[i][1] >= s->hosts)
			return error_set(error, "pairs: %u-%u: hosts are 0..%u", s->pairs[i][0],
				s->pairs[i][1], s->hosts - 1);
	if (s->background == BACKGROUND_SAME && s->hosts < 11)
		return error_set(error, "background=same: nine other senders are needed; more hosts=");
	return 0;
}

static bool trims(const struct scenario *s)
{
	return s->transport->discipline == SIM_TRIM;
}

static int check(struct scenario *s, char **error)
{
	if (check_hosts(s, error) < 0 || check_counts(s, error) < 0)
		return -1;
	if ((s->pattern == PATTERN_SHORTFLOW || s->pattern == PATTERN_COLLATERAL) && !s->size)
		return error_set(error, "%s needs size=, for example size=90KB", patterns[s->pattern]);
	if (s->background != BACKGROUND_NONE && s->pattern != PATTERN_SHORTFLOW)
		return error_set(error, "background= goes with the pattern shortflow");
	if (s->measure_ps >= s->length_ps)
		return error_set(error, "measure= is the last part of length=, and shorter");
	if (s->slow_core_bps && s->topology != TOPOLOGY_FATTREE)
		return error_set(error, "slow=core: goes with a fat tree, which has cores");
	if (s->oversubscribed > 1 && s->topology != TOPOLOGY_FATTREE)
		return error_set(
			error, "oversubscribed= goes with a fat tree; the others say it by their numbers");
	if (!trims(s) && (s->penalty || !s->bounce))
		return error_set(
			error, "penalty= and bounce= are NDP's; transport=%s has none", s->transport->name);
	if (!s->transport->sprays && s->spray != NDP_SPRAY_PERMUTE)
		return error_set(error, "transport=%s does not choose paths by spray=", s->transport->name);
	if (!s->bounce && !s->rto_ps && trims(s))
		return error_set(error, "bounce=no loses packets; say rto= too, for example rto=1ms");
	if (s->size / s->payload >= UINT32_MAX / 2)
		return error_set(error, "size= has more than 2^31 packets of mtu=%u", s->payload);
	if (s->transport->multipath && s->pattern == PATTERN_SHORTFLOW && s->subflows < 1)
		return error_set(error, "subflows=0: at least one");
	return 0;
}

/* What the published simulations have, where the words do not say otherwise. */
static const struct scenario usual = {.hosts = 128,
	.oversubscribed = 1,
	.rate_bps = 10000000000,
	.delay_ps = 1000000,
	.payload = 9000,
	.marks = 15,
	.threshold = 15,
	.ratio = TRIM_RATIO,
	.bounce = true,
	.subflows = 8,
	.syn = true,
	.rto_least_ps = 1000000000,
	.scan_ps = 10000000000,
	.published = true,
	.length_ps = 200000000000,
	.measure_ps = 10000000000,
	.at_ps = 5000000000,
	.gap_ps = 1000000000};

/* Windows and buffers of each transport. */
static void fill(struct scenario *s, bool own_length)
{
	if (!s->window)
		s->window = s->transport->window;
	if (!s->buffer)
		s->buffer = s->transport->buffer;
	if (!s->published)
		s->scan_ps = 0;
	if (!own_length && fabric_ends(s) && s->pattern != PATTERN_SHORTFLOW)
		s->length_ps = LENGTH_MOST_PS; /* until all have ended */
}

bool fabric_ends(const struct scenario *s)
{
	return s->size > 0;
}

int fabric_parse(
	struct scenario *s, const struct transport *const *transports, const char *text, char **error)
{
	char copy[SCENARIO_TEXT], *rest, *word;
	bool own_length = strstr(text, " length=") != NULL;

	*s = usual;
	s->transport = transports[0];
	if (snprintf(s->text, sizeof s->text, "%s", text) >= (int)sizeof s->text)
		return error_set(error, "a scenario has at most %d characters", SCENARIO_TEXT - 1);
	strcpy(copy, s->text);
	word = strtok_r(copy, " ", &rest);
	if (!word)
		return error_set(error, "an empty scenario; write for example `incast:64 size=90KB`");
	if (set_pattern(s, word, error) < 0)
		return error_prefix(error, "scenario `%s`", text);
	while ((word = strtok_r(NULL, " ", &rest)))
		if (set_word(s, transports, word, error) < 0)
			return error_prefix(error, "scenario `%s`", text);
	if ((s->pattern == PATTERN_INCAST || s->pattern == PATTERN_OUTCAST) && !s->size && !own_length)
		s->size = 450000;
	fill(s, own_length);
	if (check(s, error) < 0)
		return error_prefix(error, "scenario `%s`", text);
	return 0;
}
