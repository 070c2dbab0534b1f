/* Scenarios: the keys, their defaults (the authors' simulator's, absim, with the fluctuation of the paper) and what is refused. */
#include "nodes/replica/sim/scenario.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const arrival_names[ARRIVAL_KINDS + 1] = {"exponential", "absim", "closed", NULL};

static const struct scenario defaults = {
	.select = SELECT_C3,
	.control = true,
	.servers = 50,
	.concurrency = 4,
	.clients = 150,
	.generators = 200,
	.replicas = 3,
	.service_ns = 4e6,
	.network_ns = 250e3,
	.fluctuation_ns = 500e6,
	.ratio = 3,
	.load = 0.7,
	.repair = 0.1,
	.arrivals = ARRIVALS_EXPONENTIAL,
	.requests = 600000,
	.warmup = 0.1,
};

/* What is read while the words are gone through. */
struct reading {
	struct scenario *scenario;
	bool control_said;
	const char *key, *value;
	char **error;
};

static int refuse(const struct reading *r, const char *what)
{
	return error_set(r->error, "`%s=%s`: %s", r->key, r->value, what);
}

static int take_count(const struct reading *r, int64_t least, int64_t most, unsigned *out)
{
	int64_t value;

	if (unit_integer(r->value, &value) < 0 || value < least || value > most)
		return error_set(r->error, "`%s=%s`: a whole number, %lld..%lld", r->key, r->value,
			(long long)least, (long long)most);
	*out = (unsigned)value;
	return 0;
}

static int take_duration(const struct reading *r, double *out)
{
	int64_t value;

	if (unit_duration(r->value, &value) < 0 || value < 0)
		return refuse(r, "a time, such as 4ms");
	*out = (double)value;
	return 0;
}

static int take_word(const struct reading *r, const char *const words[])
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], r->value))
			return i;
	char known[128] = "";
	for (int i = 0; words[i]; i++)
		snprintf(
			known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", words[i]);
	error_set(r->error, "`%s=%s`: there are %s", r->key, r->value, known);
	return -1;
}

static int take_fraction(const struct reading *r, double *out)
{
	return unit_fraction(r->value, out) == 0 ? 0 : refuse(r, "a share, such as 70%");
}

/* A:B, two numbers of which the first is a share. */
static int take_pair(const struct reading *r, double *first, double *second, bool second_is_share)
{
	char copy[64];
	char *colon;

	snprintf(copy, sizeof copy, "%s", r->value);
	colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		int fault = unit_fraction(copy, first) < 0 ||
			    (second_is_share ? unit_fraction(colon + 1, second)
					     : unit_number(colon + 1, second)) < 0;
		if (!fault && *first > 0 && *first < 1 && *second > 0)
			return 0;
	}
	return refuse(r, second_is_share ? "SHARE:DEMAND, such as 20%:80%" : "SHARE:TIMES, such as 20%:3");
}

static int take_select(struct reading *r)
{
	int word = take_word(r, selection_names);

	if (word >= 0)
		r->scenario->select = (enum selection)word;
	return word < 0 ? -1 : 0;
}

static int take_arrivals(struct reading *r)
{
	int word = take_word(r, arrival_names);

	if (word >= 0)
		r->scenario->arrivals = (enum arrivals)word;
	return word < 0 ? -1 : 0;
}

static int take_control(struct reading *r)
{
	static const char *const words[] = {"no", "yes", NULL};
	int word = take_word(r, words);

	if (word < 0)
		return -1;
	r->scenario->control = word == 1;
	r->control_said = true;
	return 0;
}

static int take_ratio(struct reading *r)
{
	if (unit_number(r->value, &r->scenario->ratio) < 0 || r->scenario->ratio < 1)
		return refuse(r, "how many times faster the fast speed is, 1 or more");
	return 0;
}

static int take_load(struct reading *r)
{
	if (take_fraction(r, &r->scenario->load) < 0)
		return -1;
	if (r->scenario->load >= 1)
		return refuse(r, "queues grow without end; below 100%");
	return r->scenario->load > 0 ? 0 : refuse(r, "above 0");
}

static int take_requests(struct reading *r)
{
	return take_count(r, 1000, 100000000, &r->scenario->requests);
}

#define COUNT(field, least, most)                                                                            \
	static int take_##field(struct reading *r)                                                           \
	{                                                                                                    \
		return take_count(r, least, most, &r->scenario->field);                                      \
	}
COUNT(servers, 1, SCENARIO_SERVERS)
COUNT(concurrency, 1, 1000)
COUNT(clients, 1, SCENARIO_CLIENTS)
COUNT(generators, 1, SCENARIO_GENERATORS)
COUNT(replicas, 1, CHOOSER_REPLICAS)

#define DURATION(name)                                                                                       \
	static int take_##name(struct reading *r)                                                            \
	{                                                                                                    \
		return take_duration(r, &r->scenario->name##_ns);                                            \
	}
DURATION(service)
DURATION(network)
DURATION(fluctuation)

#define FRACTION(field)                                                                                      \
	static int take_##field(struct reading *r)                                                           \
	{                                                                                                    \
		return take_fraction(r, &r->scenario->field);                                                \
	}
FRACTION(repair)
FRACTION(warmup)

static int take_skew(struct reading *r)
{
	return take_pair(r, &r->scenario->skew_share, &r->scenario->skew_demand, true);
}

static int take_slow(struct reading *r)
{
	return take_pair(r, &r->scenario->slow_share, &r->scenario->slow_slower, false);
}

static const struct {
	const char *name;
	int (*take)(struct reading *reading);
} keys[] = {
	{"servers", take_servers},
	{"concurrency", take_concurrency},
	{"service", take_service},
	{"clients", take_clients},
	{"generators", take_generators},
	{"replicas", take_replicas},
	{"select", take_select},
	{"control", take_control},
	{"fluctuation", take_fluctuation},
	{"ratio", take_ratio},
	{"load", take_load},
	{"network", take_network},
	{"repair", take_repair},
	{"arrivals", take_arrivals},
	{"requests", take_requests},
	{"warmup", take_warmup},
	{"skew", take_skew},
	{"slow", take_slow},
};
enum { KEYS = sizeof keys / sizeof *keys };

static int take_pair_of_words(struct reading *r, char *word)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return error_set(r->error, "`%s`: write KEY=VALUE, such as clients=150", word);
	*equals = '\0';
	r->key = word;
	r->value = equals + 1;
	for (int i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].name, word))
			return keys[i].take(r);
	char known[256] = "";
	for (int i = 0; i < KEYS; i++)
		snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
			keys[i].name);
	return error_set(r->error, "no key `%s`; there are %s", word, known);
}

static int check(const struct scenario *s, char **error, char **warning)
{
	if (s->replicas > s->servers)
		return error_set(error, "replicas=%u, but there are %u servers", s->replicas, s->servers);
	if (s->service_ns <= 0)
		return error_set(error, "service=0: above 0");
	if (s->warmup > 0.9)
		return error_set(error, "warmup: at most 90%%, or nothing is left to count");
	if (warning && s->fluctuation_ns > 0 && s->fluctuation_ns < s->service_ns)
		error_set(warning,
			"fluctuation is shorter than a service: a request meets several speeds, but is served at its first");
	return 0;
}

int scenario_parse(struct scenario *scenario, const char *text, char **error, char **warning)
{
	char copy[sizeof scenario->text], *rest = copy;
	struct reading reading = {.scenario = scenario, .error = error};

	*scenario = defaults;
	if (strlen(text) >= sizeof copy)
		return error_set(error, "a scenario of more than %zu characters", sizeof copy - 1);
	strcpy(scenario->text, text);
	strcpy(copy, text);
	for (char *word; (word = strsep(&rest, " "));)
		if (*word && take_pair_of_words(&reading, word) < 0)
			return -1;
	if (!reading.control_said)
		scenario->control = scenario->select == SELECT_C3 || scenario->select == SELECT_ROUND_ROBIN;
	return check(scenario, error, warning);
}

double scenario_capacity(const struct scenario *s)
{
	double capacity = s->servers * s->concurrency / s->service_ns;

	if (s->slow_share > 0)
		capacity *= 1 - s->slow_share + s->slow_share / s->slow_slower;
	if (s->fluctuation_ns > 0 && s->arrivals != ARRIVALS_ABSIM)
		capacity *= (1 + s->ratio) / 2;
	return capacity;
}
