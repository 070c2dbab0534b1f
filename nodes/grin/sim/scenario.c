/* Scenarios; see the header. */
#include "nodes/grin/sim/scenario.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/grin/plan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words */

static int find(const char *what, const char *name, const char *const names[], char **error)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(name, names[i]))
			return i;
	return error_set(error, "no %s `%s`", what, name);
}

static int whole(const char *key, const char *value, int64_t least, int64_t most, unsigned *out, char **error)
{
	int64_t number;

	if (unit_integer(value, &number) < 0 || number < least || number > most)
		return error_set(error, "%s=%s: a whole number, %lld to %lld", key, value, (long long)least,
			(long long)most);
	*out = (unsigned)number;
	return 0;
}

static int take_net(struct scenario *s, const char *value, char **error)
{
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

static int take_word(struct scenario *s, const char *key, const char *value, int *between, char **error)
{
	static const char *const yes_no[] = {"no", "yes", NULL}, *const ways[] = {"random", "rounds", NULL};
	int at = 0;

	if (!strcmp(key, "net"))
		return take_net(s, value, error);
	if (!strcmp(key, "pattern")) {
		at = find("pattern", value, traffic_pattern_names, error);
		s->pattern = (enum traffic_pattern)at;
	} else if (!strcmp(key, "model")) {
		at = find("model", value, fluid_model_names, error);
		s->model = (enum fluid_model)at;
	} else if (!strcmp(key, "cables")) {
		at = find("way to join servers", value, ways, error);
		s->rounds = at == 1;
	} else if (!strcmp(key, "between")) {
		at = *between = find("answer", value, yes_no, error);
	} else if (!strcmp(key, "shuffle")) {
		at = find("answer", value, yes_no, error);
		s->fixed = at == 0;
	} else if (!strcmp(key, "active")) {
		if (unit_fraction(value, &s->active) < 0 || s->active <= 0)
			return error_set(error, "active=%s: a share, 1%% to 100%%", value);
	} else if (!strcmp(key, "acks")) {
		if (unit_fraction(value, &s->acks) < 0 || s->acks > 0.5)
			return error_set(error, "acks=%s: a share, 0%% to 50%%", value);
	} else if (!strcmp(key, "group"))
		return whole(key, value, 2, 10000, &s->group, error);
	else if (!strcmp(key, "racks"))
		return whole(key, value, 1, 1000, &s->racks, error);
	else if (!strcmp(key, "size"))
		return whole(key, value, 2, 1000, &s->size, error);
	else if (!strcmp(key, "subflows"))
		return whole(key, value, 0, PLAN_PAIRS, &s->subflows, error);
	else
		return error_set(error,
			"no key `%s`; there are net, pattern, active, group, racks, size, between, cables, model, acks, shuffle, subflows",
			key);
	return at < 0 ? -1 : 0;
}

int scenario_parse(struct scenario *s, const char *text, char **error)
{
	char words[sizeof s->text], *rest = words;
	int between = -1;

	*s = (struct scenario){.net = NET_GRIN,
		.degree = 2,
		.active = 0.5,
		.group = 20,
		.racks = 6,
		.size = 20,
		.subflows = 16};
	if ((size_t)snprintf(words, sizeof words, "%s", text) >= sizeof words)
		return error_set(error, "a scenario of more than %zu letters", sizeof words - 1);
	snprintf(s->text, sizeof s->text, "%s", text);
	for (char *word; (word = strsep(&rest, " "));) {
		char *value = strchr(word, '=');
		if (!*word)
			continue;
		if (!value)
			return error_set(error, "`%s` is no KEY=VALUE", word);
		*value++ = '\0';
		if (take_word(s, word, value, &between, error) < 0)
			return error_prefix(error, "scenario `%s`", text);
	}
	s->between = between >= 0 ? between
				  : s->racks > 1 && (s->pattern == TRAFFIC_PERMUTATION ||
							    s->pattern == TRAFFIC_RANDOM);
	if (s->rounds && s->racks > 1)
		return error_set(error, "scenario `%s`: cables in rounds join one rack; write racks=1", text);
	if (s->net == NET_GRIN && s->degree >= s->size)
		return error_set(error, "scenario `%s`: %u cables each, but %u neighbours in a rack", text,
			s->degree, s->size - 1);
	return 0;
}

/* ---- networks: numbers of their resources */

struct build {
	const struct scenario *scenario;
	struct plan *plan;
	struct fluid *fluid;
	uint64_t seed;
	unsigned servers;
};

static unsigned up(unsigned server)
{
	return 2 * server;
}
static unsigned down(unsigned server)
{
	return 2 * server + 1;
}
/* Of a cable, out of that end. */
static unsigned along(const struct build *b, unsigned server, int end)
{
	const struct plan_end *e = &b->plan->servers[server].ends[end];
	return 2 * b->servers + 2 * e->link + (server > e->peer);
}

/* What the pair's packets pass, as the plan routes them; how many. */
static unsigned grin_way(const struct build *b, unsigned source, unsigned destination, struct plan_pair pair,
	unsigned resources[FLUID_PATH])
{
	struct plan_step steps[PLAN_HOPS];
	unsigned count = 0;
	int n = plan_walk(b->plan, PLAN_COMPUTED, source, pair.source, pair.destination, steps);

	for (int i = 0; i < n; i++)
		if (steps[i].out >= 0)
			resources[count++] = along(b, steps[i].server, steps[i].out);
		else {
			resources[count++] = up(steps[i].server);
			resources[count++] = down(i + 1 < n ? steps[i + 1].server : destination);
		}
	return count;
}

static void grin_path(struct build *b, unsigned source, unsigned destination, struct plan_pair pair)
{
	unsigned resources[FLUID_PATH];

	fluid_path(b->fluid, grin_way(b, source, destination, pair, resources), resources);
	fluid_way_back(b->fluid,
		grin_way(
			b, destination, source, (struct plan_pair){pair.destination, pair.source}, resources),
		resources);
}

static void grin_paths(struct build *b, unsigned number, struct traffic_flow flow)
{
	const struct plan_server *s = &b->plan->servers[flow.source],
				 *d = &b->plan->servers[flow.destination];
	struct plan_ends ends = {.own_primary = s->primary,
		.own_count = s->count,
		.peer_primary = d->primary,
		.peer_count = d->count,
		.told_all = true};
	struct plan_pair pairs[PLAN_PAIRS];

	for (unsigned i = 0; i < s->count; i++)
		ends.own[i] = s->ends[i].address;
	for (unsigned i = 0; i < d->count; i++)
		ends.peer[i] = d->ends[i].address;
	unsigned wanted = b->scenario->subflows;
	unsigned count = wanted == 1
				 ? 0
				 : plan_choose(&ends, wanted ? wanted - 1 : 0,
					   b->scenario->fixed ? 0 : draw_key(b->seed, number, 3) | 1, pairs);
	grin_path(b, flow.source, flow.destination, (struct plan_pair){s->primary, d->primary});
	for (unsigned i = 0; i < count; i++)
		grin_path(b, flow.source, flow.destination, pairs[i]);
}

/* Multi-homed: server s has the uplinks 2s and 2s + 1 (of direction: twice that); the switch i of a rack is behind them. */
static void multihomed_paths(struct build *b, struct traffic_flow flow)
{
	unsigned size = b->scenario->size, switches = 4 * b->servers;

	for (unsigned out = 0; out < 2; out++)
		for (unsigned in = 0; in < 2; in++) {
			unsigned from = flow.source / size * 2 + out, to = flow.destination / size * 2 + in;
			unsigned resources[4] = {up(2 * flow.source + out), down(2 * flow.destination + in)},
				 count = 2;
			if (from != to) {
				resources[count++] = switches + 2 * from;
				resources[count++] = switches + 2 * to + 1;
			}
			fluid_path(b->fluid, count, resources);
			/* The same links, the other way. */
			for (unsigned k = 0; k < count; k++)
				resources[k] ^= 1;
			fluid_way_back(b->fluid, count, resources);
		}
}

static void connect_all(struct build *b, const struct traffic_flow *flows, int count)
{
	for (int i = 0; i < count; i++) {
		fluid_connection(b->fluid);
		if (b->scenario->net == NET_MULTIHOMED)
			multihomed_paths(b, flows[i]);
		else
			grin_paths(b, (unsigned)i, flows[i]);
	}
}

static int build(struct build *b, const struct traffic_flow *flows, int count, char **error)
{
	const struct scenario *s = b->scenario;

	unsigned degree = s->net == NET_GRIN ? s->degree : 0;

	b->plan = plan_new();
	if (plan_add_racks(b->plan, s->racks, s->size, error) < 0 ||
		(s->rounds ? plan_join_rounds(b->plan, degree, error)
			   : plan_interconnect(b->plan, degree, b->seed, error)) < 0)
		return -1;
	if (s->net == NET_MULTIHOMED) {
		b->fluid = fluid_new(4 * b->servers + 4 * s->racks);
		for (unsigned i = 4 * b->servers; i < b->fluid->resources; i++)
			b->fluid->capacity[i] = s->size / 2.0;
	} else
		b->fluid = fluid_new(2 * b->servers + 2 * b->plan->links);
	b->fluid->acks = s->acks;
	connect_all(b, flows, count);
	return 0;
}

static void look(const struct build *b, const struct traffic_flow *flows, struct scenario_outcome *outcome)
{
	double *received = calloc(b->servers, sizeof *received);
	unsigned char *receives = calloc(b->servers, 1);

	if (!received || !receives)
		abort();
	*outcome = (struct scenario_outcome){
		.least = INFINITY, .connections = b->fluid->connections, .excess = fluid_excess(b->fluid)};
	for (unsigned i = 0; i < b->fluid->paths; i++) {
		unsigned d = flows[b->fluid->path[i].connection].destination;
		received[d] += b->fluid->rate[i];
		receives[d] = 1;
	}
	for (unsigned i = 0; i < b->servers; i++)
		if (receives[i]) {
			outcome->receivers++;
			outcome->sum += received[i];
			outcome->least = fmin(outcome->least, received[i]);
		}
	outcome->mean = outcome->receivers ? outcome->sum / outcome->receivers : 0;
	free(received);
	free(receives);
}

int scenario_run(const struct scenario *s, uint64_t seed, struct scenario_outcome *outcome, char **error)
{
	struct build b = {.scenario = s, .seed = seed, .servers = s->racks * s->size};
	struct traffic_request request = {.pattern = s->pattern,
		.servers = b.servers,
		.rack = s->size,
		.active = s->active,
		.group = s->group,
		.between = s->between,
		.seed = seed};
	struct traffic_flow *flows;
	int count = traffic_draw(&request, &flows, error), result = -1;

	if (count >= 0 && build(&b, flows, count, error) == 0 && fluid_solve(b.fluid, s->model, error) == 0) {
		look(&b, flows, outcome);
		result = 0;
	}
	free(flows);
	plan_free(b.plan);
	fluid_free(b.fluid);
	return result;
}
