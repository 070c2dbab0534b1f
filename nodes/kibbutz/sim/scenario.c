/* Scenarios as people write them: a mix of devices, then KEY=VALUE words. The same text serves the command
 * line and the rows of data/kibbutz/kibbutz-published.csv. */
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/words.h"
#include "nodes/kibbutz/sim/kibbutz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "web:3" */
static int add_devices(struct scenario *s, char *word, char **error)
{
	char *number = strchr(word, ':');
	int64_t count = 1;

	if (number) {
		*number++ = '\0';
		if (unit_integer(number, &count) < 0 || count < 1 || count > SCENARIO_DEVICES)
			return error_set(error, "`%s:%s`: a number of devices is 1..%d", word, number,
				SCENARIO_DEVICES);
	}
	for (int class = 0; class < TRAFFIC_CLASSES; class ++) {
		if (strcmp(word, traffic_classes[class].name) != 0)
			continue;
		if (s->count + count > SCENARIO_DEVICES)
			return error_set(error, "more than %d devices; leave some out", SCENARIO_DEVICES);
		memset(s->classes + s->count, class, (size_t)count);
		s->count += (unsigned)count;
		return 0;
	}
	return error_set(error, "no class of traffic `%s`; there are streaming, web, background", word);
}

static int set_gaps(struct scenario *s, const char *value, char **error)
{
	for (enum gaps g = GAPS_NORMAL; g < GAPS_CONSTANT; g++)
		if (!strcmp(gaps_name(g), value)) {
			s->gaps = g;
			return 0;
		}
	return error_set(error, "gaps=%s: there are normal, uniform, exponential", value);
}

static int set_radio(struct scenario *s, const char *value, char **error)
{
	const struct radio_profile *profile = radio_profile(value);
	int64_t tail = s->radio.tail_ns;

	if (!profile)
		return error_set(error, "radio=%s: there are 3g-simulation, 3g, lte", value);
	s->radio = *profile;
	if (s->own_tail) /* tail= came first */
		s->radio.tail_ns = tail;
	return 0;
}

static int set_tail(struct scenario *s, const char *value, char **error)
{
	s->own_tail = true;
	return word_time("tail", value, NS_PER_MS, WORD_HOUR, &s->radio.tail_ns, error);
}

static int set_word(struct scenario *s, char *word, char **error)
{
	const char *value = word_cut(word, error);

	if (!value)
		return -1;
	if (!strcmp(word, "tail"))
		return set_tail(s, value, error);
	if (!strcmp(word, "oracle"))
		return word_time(word, value, NS_PER_MS, WORD_HOUR, &s->oracle_ns, error);
	if (!strcmp(word, "length"))
		return word_time(word, value, NS_PER_MS, 30 * 24 * WORD_HOUR, &s->length_ns, error);
	if (!strcmp(word, "gaps"))
		return set_gaps(s, value, error);
	if (!strcmp(word, "radio"))
		return set_radio(s, value, error);
	if (!strcmp(word, "rate"))
		return word_rate(word, value, 1000, WORD_RATE_MOST, &s->rate_bps, error);
	if (!strcmp(word, "credit"))
		return word_count(word, value, 1, 1000000, &s->credit, error);
	if (!strcmp(word, "alone"))
		return word_yes(word, value, &s->alone, error);
	return word_unknown(word, "tail, oracle, length, gaps, radio, rate, credit, alone", error);
}

int scenario_parse(struct scenario *s, const char *text, char **error)
{
	char copy[sizeof s->text], *rest, *devices, *more, *word;

	*s = (struct scenario){
		.radio = radio_profiles[0], .length_ns = 7200000000000, .rate_bps = 2000000, .credit = 5};
	if (snprintf(s->text, sizeof s->text, "%s", text) >= (int)sizeof s->text)
		return error_set(error, "a scenario has at most %zu characters", sizeof s->text - 1);
	strcpy(copy, s->text);
	devices = strtok_r(copy, " ", &rest);
	if (!devices)
		return error_set(error, "an empty scenario; write for example `web:3`");
	for (word = strtok_r(devices, "+", &more); word; word = strtok_r(NULL, "+", &more))
		if (add_devices(s, word, error) < 0)
			return error_prefix(error, "scenario `%s`", text);
	for (word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (set_word(s, word, error) < 0)
			return error_prefix(error, "scenario `%s`", text);
	if (!s->count)
		return error_set(error, "scenario `%s`: no device", text);
	if (s->oracle_ns && s->count > 1 && !s->alone)
		return error_set(error, "scenario `%s`: an oracle is for devices alone; add alone=yes", text);
	return 0;
}
