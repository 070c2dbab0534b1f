/* Scenarios: the keys, their defaults (the authors' simulator's, absim, with the fluctuation of the paper) and what is refused. */
#include "nodes/replica/sim/scenario.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/words.h"
#include <math.h>
#include <stdio.h>
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
	return word_refuse(r->key, r->value, what, r->error);
}

/* To an hour. */
static int take_duration(const struct reading *r, double *out)
{
	int64_t ns;

	if (word_time(r->key, r->value, 0, WORD_HOUR, &ns, r->error) < 0)
		return -1;
	*out = (double)ns;
	return 0;
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
	int word = word_choice(r->key, r->value, selection_names, r->error);

	if (word >= 0)
		r->scenario->select = (enum selection)word;
	return word < 0 ? -1 : 0;
}

static int take_arrivals(struct reading *r)
{
	int word = word_choice(r->key, r->value, arrival_names, r->error);

	if (word >= 0)
		r->scenario->arrivals = (enum arrivals)word;
	return word < 0 ? -1 : 0;
}

static int take_control(struct reading *r)
{
	r->control_said = true;
	return word_yes(r->key, r->value, &r->scenario->control, r->error);
}

static int take_ratio(struct reading *r)
{
	return word_number(r->key, r->value, 1, 1e6, &r->scenario->ratio, r->error);
}

static int take_load(struct reading *r)
{
	if (word_share(r->key, r->value, &r->scenario->load, r->error) < 0)
		return -1;
	if (r->scenario->load >= 1)
		return refuse(r, "queues grow without end; below 100%");
	return r->scenario->load > 0 ? 0 : refuse(r, "above 0");
}

static int take_requests(struct reading *r)
{
	return word_count(r->key, r->value, 1000, 100000000, &r->scenario->requests, r->error);
}

#define COUNT(field, least, most)                                                                            \
	static int take_##field(struct reading *r)                                                           \
	{                                                                                                    \
		return word_count(r->key, r->value, least, most, &r->scenario->field, r->error);             \
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
		return word_share(r->key, r->value, &r->scenario->field, r->error);                          \
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
	char list[WORD_LIST] = "";

	r->key = word;
	r->value = word_cut(word, r->error);
	if (!r->value)
		return -1;
	for (int i = 0; i < KEYS; i++) {
		if (!strcmp(keys[i].name, word))
			return keys[i].take(r);
		word_list_add(list, keys[i].name);
	}
	return word_unknown(word, list, r->error);
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
