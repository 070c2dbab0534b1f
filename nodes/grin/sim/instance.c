/* An instance of a scenario: its traffic, its network, and the rates of its connections, as streams or packet by packet. */
#include "nodes/grin/sim/packets.h"
#include "nodes/grin/sim/scenario.h"
#include "nodes/grin/sim/ways.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- who sends to whom */

static int draw_flows(const struct scenario *s, uint64_t seed, struct traffic_flow **flows, char **error)
{
	unsigned servers = s->racks * s->size;
	struct traffic_request request = {.pattern = (enum traffic_pattern)s->pattern,
		.servers = servers,
		.rack = s->size,
		.active = s->active,
		.group = s->group,
		.between = s->between,
		.seed = seed};

	if (s->pattern < TRAFFIC_PATTERNS)
		return traffic_draw(&request, flows, error);
	if (s->pattern == PATTERN_FLOWS) {
		*flows = must(calloc(s->flow_count, sizeof **flows));
		memcpy(*flows, s->flows, s->flow_count * sizeof **flows);
		return (int)s->flow_count;
	}
	*flows = must(calloc(servers, sizeof **flows));
	for (unsigned i = 1; i < servers; i++)
		(*flows)[i - 1] = (struct traffic_flow){i, 0};
	return (int)servers - 1;
}

/* ---- streams */

struct streams {
	const struct ways *ways;
	struct fluid *fluid;
};

/* What can be full. */
static unsigned narrow(const struct ways *ways, const struct way *way, unsigned resources[FLUID_PATH])
{
	unsigned count = 0;

	for (unsigned i = 0; i < way->count; i++)
		if (way->links[i] / 2 < ways->narrow)
			resources[count++] = way->links[i];
	return count;
}

static void put(void *context, const struct way *out, const struct way *back)
{
	struct streams *s = context;
	unsigned resources[FLUID_PATH];

	fluid_path(s->fluid, narrow(s->ways, out, resources), resources);
	fluid_way_back(s->fluid, narrow(s->ways, back, resources), resources);
}

static int streams_run(const struct ways *ways, const struct traffic_flow *flows, unsigned count,
	double *rates, struct scenario_outcome *outcome, char **error)
{
	struct streams s = {.ways = ways, .fluid = fluid_new(2 * ways->narrow)};

	s.fluid->acks = ways->scenario->acks;
	for (unsigned i = 0; i < s.fluid->resources; i++)
		s.fluid->capacity[i] = ways->links[i / 2].capacity;
	for (unsigned i = 0; i < count; i++) {
		fluid_connection(s.fluid);
		ways_each(ways, i, flows[i], put, &s);
	}
	int result = fluid_solve(s.fluid, ways->scenario->model, error);
	for (unsigned i = 0; i < count; i++)
		rates[i] = fluid_rate(s.fluid, i);
	outcome->excess = fluid_excess(s.fluid);
	fluid_free(s.fluid);
	return result;
}

/* ---- both */

static void look(const struct ways *ways, const struct traffic_flow *flows, unsigned count,
	const double *rates, struct scenario_outcome *outcome)
{
	double *received = must(calloc(ways->servers, sizeof *received));
	unsigned char *receives = must(calloc(ways->servers, 1));

	outcome->least = INFINITY;
	outcome->connections = count;
	for (unsigned i = 0; i < count; i++) {
		received[flows[i].destination] += rates[i];
		receives[flows[i].destination] = 1;
		if (i < SCENARIO_FLOWS)
			outcome->each[i] =
				(struct scenario_rate){flows[i].source, flows[i].destination, rates[i]};
	}
	for (unsigned i = 0; i < ways->servers; i++)
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
	struct traffic_flow *flows = NULL;
	struct ways ways = {0};
	double *rates = NULL;
	int count = draw_flows(s, seed, &flows, error), result = -1;

	*outcome = (struct scenario_outcome){0};
	if (count >= 0 && ways_open(&ways, s, seed, error) == 0) {
		rates = must(calloc((size_t)count + 1, sizeof *rates));
		result = (s->packets ? packets_run : streams_run)(
			&ways, flows, (unsigned)count, rates, outcome, error);
		look(&ways, flows, (unsigned)count, rates, outcome);
	}
	free(rates);
	free(flows);
	ways_close(&ways);
	return result;
}
