/* Scenarios: the keys, their defaults (Trilogy2 D1.2, section 3.4.1.1.3: 250 MB in use, a gigabit), and what is refused. */
#include "nodes/migration/scenario.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_MOST (UINT64_C(1) << 40)
#define PAGES_MOST (UINT64_C(1) << 26)

const char *const pattern_names[PATTERNS + 1] = {"sweep", "random", NULL};
const char scenario_keys[] =
	"ram (in use), rate, dirty (memory written, a rate), working (bytes that are written over and over; 0: all), mode (precopy, postcopy), pause\n"
	"(the machine is stopped when the rest can be sent in so long), rounds, limit, then (stop, cancel, postcopy: when rounds do not end), state\n"
	"(bytes of processor and devices), pattern (sweep, random), page, round-trip";

static const struct scenario defaults = {
	.copy = {.ram = 250000000,
		.rate_bps = 1000000000,
		.pause_ns = 300 * NS_PER_MS, /* QEMU's */
		.limit_ns = 60 * NS_PER_S,
		.rounds = 30},
	.page = 4096,
	.round_trip_ns = NS_PER_MS,
};

static int refuse(const char *word, const char *what, char **error)
{
	return error_set(error, "`%s`: %s", word, what);
}

static int take_size(
	const char *word, const char *value, uint64_t least, uint64_t most, uint64_t *out, char **error)
{
	uint64_t size;
	if (unit_size(value, &size) < 0 || size < least || size > most)
		return error_set(error, "`%s`: a size from %llu to %llu bytes, such as 250MB", word,
			(unsigned long long)least, (unsigned long long)most);
	*out = size;
	return 0;
}

static int take_rate(const char *word, const char *value, uint64_t least, uint64_t *out, char **error)
{
	uint64_t rate;
	if (strcmp(value, "0") == 0)
		rate = 0;
	else if (unit_rate(value, &rate) < 0)
		return refuse(word, "a rate, such as 200Mbit/s", error);
	if (rate < least || rate > UINT64_C(1000000000000))
		return refuse(word, least ? "a rate from 1 kbit/s to 1 Tbit/s" : "a rate of at most 1 Tbit/s",
			error);
	*out = rate;
	return 0;
}

static int take_time(const char *word, const char *value, int64_t least, int64_t *out, char **error)
{
	int64_t time;
	if (unit_duration(value, &time) < 0 || time < least || time > 24 * 3600 * NS_PER_S)
		return refuse(word, "a time of at most a day, such as 300ms", error);
	*out = time;
	return 0;
}

static int take_name(
	const char *word, const char *value, const char *const names[], unsigned *out, char **error)
{
	for (unsigned i = 0; names[i]; i++)
		if (strcmp(value, names[i]) == 0) {
			*out = i;
			return 0;
		}
	return error_set(error, "`%s`: there are %s, %s%s%s", word, names[0], names[1], names[2] ? ", " : "",
		names[2] ? names[2] : "");
}

static int take_count(const char *word, const char *value, unsigned *out, char **error)
{
	int64_t count;
	if (unit_integer(value, &count) < 0 || count < 1 || count > COPY_ROUNDS)
		return error_set(error, "`%s`: a whole number, 1..%d", word, COPY_ROUNDS);
	*out = (unsigned)count;
	return 0;
}

static bool is(const char *word, const char *key)
{
	size_t length = strlen(key);
	return strncmp(word, key, length) == 0 && word[length] == '=';
}

static int take_word(struct scenario *s, const char *word, char **error)
{
	struct copy_settings *c = &s->copy;
	const char *value = strchr(word, '=');
	unsigned name = 0;
	int result = -1;

	if (!value)
		return refuse(word, "write KEY=VALUE", error);
	value++;
	if (is(word, "ram"))
		return take_size(word, value, 1, RAM_MOST, &c->ram, error);
	if (is(word, "working"))
		return take_size(word, value, 0, RAM_MOST, &c->working, error);
	if (is(word, "state"))
		return take_size(word, value, 0, RAM_MOST, &c->state, error);
	if (is(word, "page"))
		return take_size(word, value, 64, RAM_MOST, &s->page, error);
	if (is(word, "rate"))
		return take_rate(word, value, 1000, &c->rate_bps, error);
	if (is(word, "dirty"))
		return take_rate(word, value, 0, &c->dirty_bps, error);
	if (is(word, "pause"))
		return take_time(word, value, 0, &c->pause_ns, error);
	if (is(word, "limit"))
		return take_time(word, value, 1, &c->limit_ns, error);
	if (is(word, "round-trip"))
		return take_time(word, value, 0, &s->round_trip_ns, error);
	if (is(word, "rounds"))
		return take_count(word, value, &c->rounds, error);
	if (is(word, "mode") && (result = take_name(word, value, copy_mode_names, &name, error)) == 0)
		c->mode = (enum copy_mode)name;
	else if (is(word, "then") && (result = take_name(word, value, copy_then_names, &name, error)) == 0)
		c->then = (enum copy_then)name;
	else if (is(word, "pattern") && (result = take_name(word, value, pattern_names, &name, error)) == 0)
		s->pattern = (enum pattern)name;
	else if (!is(word, "mode") && !is(word, "then") && !is(word, "pattern"))
		return refuse(word,
			"no such key; there are ram, rate, dirty, working, mode, pause, rounds, limit, then, state, pattern, page, round-trip",
			error);
	return result;
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
	if (scenario->copy.working > scenario->copy.ram)
		return error_set(error, "`working` is more than the `ram` that is in use");
	if (scenario->copy.ram / scenario->page > PAGES_MOST)
		return error_set(
			error, "more than %llu pages; write a larger page=", (unsigned long long)PAGES_MOST);
	return 0;
}
