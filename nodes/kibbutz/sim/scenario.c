/* Scenarios as people write them: a mix of devices, then KEY=VALUE words. The same text serves the command
 * line and the rows of data/kibbutz/kibbutz-published.csv. */
#include "lib/base/error.h"
#include "lib/base/units.h"
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

static int duration(const char *key, const char *value, int64_t most_s, int64_t *out, char **error)
{
	if (unit_duration(value, out) < 0 || *out < 1000000 || *out > most_s * 1000000000)
		return error_set(error, "%s=%s: a duration such as 10s, from 1ms to %llds", key, value,
			(long long)most_s);
	return 0;
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
	return duration("tail", value, 3600, &s->radio.tail_ns, error);
}

static int set_yes(const char *key, const char *value, bool *out, char **error)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return error_set(error, "%s=%s: say yes or no", key, value);
	*out = !strcmp(value, "yes");
	return 0;
}

static int set_credit(struct scenario *s, const char *value, char **error)
{
	int64_t credit;

	if (unit_integer(value, &credit) < 0 || credit < 1 || credit > 1000000)
		return error_set(error, "credit=%s: a whole number, 1..1000000", value);
	s->credit = (unsigned)credit;
	return 0;
}

static int set_rate(struct scenario *s, const char *value, char **error)
{
	if (unit_rate(value, &s->rate_bps) < 0 || s->rate_bps < 1000)
		return error_set(error, "rate=%s: a rate such as 2Mbit/s, at least 1kbit/s", value);
	return 0;
}

static int set_word(struct scenario *s, char *word, char **error)
{
	char *value = strchr(word, '=');

	if (!value)
		return error_set(error, "`%s`: after the devices come words KEY=VALUE", word);
	*value++ = '\0';
	if (!strcmp(word, "tail"))
		return set_tail(s, value, error);
	if (!strcmp(word, "oracle"))
		return duration(word, value, 3600, &s->oracle_ns, error);
	if (!strcmp(word, "length"))
		return duration(word, value, 30 * 86400, &s->length_ns, error);
	if (!strcmp(word, "gaps"))
		return set_gaps(s, value, error);
	if (!strcmp(word, "radio"))
		return set_radio(s, value, error);
	if (!strcmp(word, "rate"))
		return set_rate(s, value, error);
	if (!strcmp(word, "credit"))
		return set_credit(s, value, error);
	if (!strcmp(word, "alone"))
		return set_yes(word, value, &s->alone, error);
	return error_set(error,
		"no setting `%s`; there are tail, oracle, length, gaps, radio, rate, credit, alone", word);
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
