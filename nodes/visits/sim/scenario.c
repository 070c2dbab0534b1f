/* Scenarios: the keys, their defaults (Trilogy2 D1.2, section 3.2; nodes/visits/README.md has what was fitted), and what is refused. */
#include "nodes/visits/sim/scenario.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/words.h"
#include <stdio.h>
#include <string.h>

static const struct scenario defaults = {
	.policy = SWITCHING_FIXED,
	.visits = {.switching_ns = 3 * NS_PER_MS,
		.dwell_ns = 100 * NS_PER_MS,
		.idle_ns = 10 * NS_PER_MS,
		.dwell_step_ns = 100 * NS_PER_MS,
		.dwell_most_ns = 500 * NS_PER_MS,
		.boost_above_bps = 15000000,
		.idle_factor = 3,
		.flush_ns = 5 * NS_PER_MS},
	.overhead_ns = 215 * NS_PER_US,
	.stale_ns = 11 * NS_PER_MS,
	.backoff_ns = 68 * NS_PER_US,
	.delay_ns = 2 * NS_PER_MS,
	.tries = 7,
	.window = 256,
	.duration_ns = 30 * NS_PER_S,
	.warmup_ns = 2 * NS_PER_S,
};

static int take_policy(struct scenario *s, const char *key, const char *value, char **error)
{
	static const char *const names[SWITCHINGS + 1] = {"fixed", "dynamic", "none", NULL};
	int chosen = word_choice(key, value, names, error);

	if (chosen < 0)
		return -1;
	s->policy = (enum switching)chosen;
	return 0;
}

/* PHY[:SUCCESS[:WIRE[:WINDOW]]], or `quiet`. */
static int take_point(struct scenario *s, const char *key, const char *value, char **error)
{
	struct access_point point = {
		.serves = true, .success = 1, .wire_bps = 100000000, .phy_bps = 54000000};
	char copy[96], *rest = copy, *phy, *success, *wire, *window;
	int64_t packets = 0;

	if (s->count == SCENARIO_POINTS)
		return error_set(error, "%s=%s: more than %d access points", key, value, SCENARIO_POINTS);
	point.serves = strcmp(value, "quiet") != 0;
	snprintf(copy, sizeof copy, "%s", point.serves ? value : "54Mbit/s");
	phy = strsep(&rest, ":");
	success = strsep(&rest, ":");
	wire = strsep(&rest, ":");
	window = strsep(&rest, ":");
	if (rest || unit_rate(phy, &point.phy_bps) < 0 || point.phy_bps < 1000 ||
		(success && (unit_fraction(success, &point.success) < 0 || point.success <= 0)) ||
		(wire && (unit_rate(wire, &point.wire_bps) < 0 || point.wire_bps < 1000)) ||
		(window && (unit_integer(window, &packets) < 0 || packets < 2 || packets > 100000)))
		return word_refuse(key, value,
			"write PHY:SUCCESS:WIRE:WINDOW, such as 54Mbit/s or 6Mbit/s:40% or 54Mbit/s:100%:6Mbit/s, or quiet",
			error);
	point.window = (unsigned)packets;
	s->points[s->count++] = point;
	return 0;
}

static int take_word(struct scenario *s, char *word, char **error)
{
	const struct {
		const char *key;
		int64_t *out, least;
	} times[] = {
		{"T", &s->visits.dwell_ns, NS_PER_MS},
		{"Tw", &s->visits.idle_ns, 0},
		{"Tws", &s->visits.flush_ns, 0},
		{"step", &s->visits.dwell_step_ns, 0},
		{"most", &s->visits.dwell_most_ns, NS_PER_MS},
		{"switching", &s->visits.switching_ns, 0},
		{"overhead", &s->overhead_ns, 0},
		{"stale", &s->stale_ns, 0},
		{"backoff", &s->backoff_ns, 0},
		{"delay", &s->delay_ns, 0},
		{"duration", &s->duration_ns, NS_PER_MS},
		{"warmup", &s->warmup_ns, 0},
	};
	char list[WORD_LIST] = "ap, policy, boost, factor, window, tries";
	const char *value = word_cut(word, error);

	if (!value)
		return -1;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		if (!strcmp(word, times[i].key))
			return word_time(word, value, times[i].least, WORD_HOUR, times[i].out, error);
		word_list_add(list, times[i].key);
	}
	if (!strcmp(word, "ap"))
		return take_point(s, word, value, error);
	if (!strcmp(word, "policy"))
		return take_policy(s, word, value, error);
	if (!strcmp(word, "boost"))
		return word_rate(word, value, 0, WORD_RATE_MOST, &s->visits.boost_above_bps, error);
	if (!strcmp(word, "factor"))
		return word_number(word, value, 1, 1000, &s->visits.idle_factor, error);
	if (!strcmp(word, "window"))
		return word_count(word, value, 2, 100000, &s->window, error);
	if (!strcmp(word, "tries"))
		return word_count(word, value, 1, 32, &s->tries, error);
	return word_unknown(word, list, error);
}

static int check(const struct scenario *s, char **error)
{
	int64_t stays = s->visits.idle_ns && s->visits.idle_ns < s->visits.dwell_ns ? s->visits.idle_ns
										    : s->visits.dwell_ns;

	if (s->count == 0)
		return error_set(error, "no access point; write ap=54Mbit/s");
	if (s->warmup_ns >= s->duration_ns)
		return error_set(error, "the warm-up is as long as all of it; write a longer duration=");
	if (s->policy == SWITCHING_DYNAMIC && s->visits.idle_ns > s->visits.dwell_ns)
		return error_set(error, "Tw exceeds T; with the dynamic policy it is at most T");
	if (s->policy == SWITCHING_DYNAMIC && s->visits.dwell_most_ns < s->visits.dwell_ns)
		return error_set(
			error, "`most` is less than T; the longest visit is no shorter than the first");
	if (s->stale_ns > 100 * stays)
		return error_set(error, "`stale` is more than 100 times as long as the radio waits (Tw, T)");
	return 0;
}

int scenario_parse(struct scenario *scenario, const char *text, char **error)
{
	char copy[SCENARIO_TEXT], *rest = NULL;

	*scenario = defaults;
	if (strlen(text) >= sizeof copy)
		return error_set(error, "a scenario of more than %zu characters", sizeof copy - 1);
	strcpy(scenario->text, text);
	strcpy(copy, text);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (take_word(scenario, word, error) < 0)
			return -1;
	scenario->visits.policy = scenario->policy == SWITCHING_DYNAMIC ? VISITS_DYNAMIC : VISITS_FIXED;
	return check(scenario, error);
}
