/* Scenarios: the keys, their defaults (Trilogy2 D1.2, section 3.4.1.1.3: 250 MB in use, a gigabit), and what is refused. */
#include "nodes/migration/scenario.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/words.h"
#include <stdbool.h>
#include <stdio.h>
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

#define DAY (24 * WORD_HOUR)

static int take_word(struct scenario *s, char *word, char **error)
{
	struct copy_settings *c = &s->copy;
	const struct {
		const char *key;
		uint64_t *out, least;
	} sizes[] = {{"ram", &c->ram, 1}, {"working", &c->working, 0}, {"state", &c->state, 0},
		{"page", &s->page, 64}};
	const struct {
		const char *key;
		int64_t *out, least;
	} times[] = {
		{"pause", &c->pause_ns, 0}, {"limit", &c->limit_ns, 1}, {"round-trip", &s->round_trip_ns, 0}};
	char list[WORD_LIST] = "rate, dirty, rounds, mode, then, pattern";
	const char *value = word_cut(word, error);
	int chosen;

	if (!value)
		return -1;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (!strcmp(word, sizes[i].key))
			return word_size(word, value, sizes[i].least, RAM_MOST, sizes[i].out, error);
		word_list_add(list, sizes[i].key);
	}
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		if (!strcmp(word, times[i].key))
			return word_time(word, value, times[i].least, DAY, times[i].out, error);
		word_list_add(list, times[i].key);
	}
	if (!strcmp(word, "rate"))
		return word_rate(word, value, 1000, WORD_RATE_MOST, &c->rate_bps, error);
	if (!strcmp(word, "dirty"))
		return word_rate(word, value, 0, WORD_RATE_MOST, &c->dirty_bps, error);
	if (!strcmp(word, "rounds"))
		return word_count(word, value, 1, COPY_ROUNDS, &c->rounds, error);
	if (!strcmp(word, "mode")) {
		if ((chosen = word_choice(word, value, copy_mode_names, error)) >= 0)
			c->mode = (enum copy_mode)chosen;
	} else if (!strcmp(word, "then")) {
		if ((chosen = word_choice(word, value, copy_then_names, error)) >= 0)
			c->then = (enum copy_then)chosen;
	} else if (!strcmp(word, "pattern")) {
		if ((chosen = word_choice(word, value, pattern_names, error)) >= 0)
			s->pattern = (enum pattern)chosen;
	} else
		return word_unknown(word, list, error);
	return chosen < 0 ? -1 : 0;
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
