/* Counting up a world that has run. */
#include "lib/fabric/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[MEASURES] = {"least", "p10", "p20", "p30", "p40", "median", "p60", "p70",
	"p80", "p90", "most", "mean", "end", "over", "trimmed", "trimmed-up", "again", "bounced",
	"headers-lost", "dropped", "timeouts", "dip-ms", "unfinished", "mlinks", "flow1", "flow2", "flow3",
	"flow4", "flow5", "flow6", "flow7", "flow8"};

const char *fabric_measure_name(enum measure measure)
{
	return measure < MEASURES ? names[measure] : NULL;
}

int fabric_measure_by_name(const char *name)
{
	if (!strcmp(name, "first"))
		return MEASURE_LEAST;
	if (!strcmp(name, "last"))
		return MEASURE_MOST;
	for (int i = 0; i < MEASURES; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

/* ---- flows */

static double value_of(const struct world *world, const struct flow *flow)
{
	const struct scenario *s = world->scenario;

	if (fabric_ends(s))
		return flow->end == SIM_NEVER ? NAN : (double)(flow->end - flow->start) / 1e6;
	return (double)(flow->arrived - flow->marked) * s->payload * 8e3 / (double)s->measure_ps;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void describe_samples(const double *samples, uint32_t count, double *values)
{
	double sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += samples[i];
	for (int k = 0; k <= 10; k++) {
		uint64_t rank = (uint64_t)count * (uint32_t)k / 10;
		values[MEASURE_LEAST + k] = count ? samples[rank < count ? rank : count - 1] : NAN;
	}
	values[MEASURE_MEAN] = count ? sum / count : NAN;
}

static void measure_flows(const struct world *world, struct outcome *outcome, double *samples, uint32_t room)
{
	double *all = calloc(world->flow_count + 1, sizeof *all);
	uint32_t count = 0;

	if (!all)
		abort();
	for (uint32_t i = 0, flow = 0; i < world->flow_count; i++) {
		if (!world->flows[i].counted)
			continue;
		double value = value_of(world, &world->flows[i]);
		if (flow < MEASURES - MEASURE_FLOW_1)
			outcome->values[MEASURE_FLOW_1 + flow++] = value;
		outcome->values[MEASURE_UNFINISHED] += isnan(value);
		if (!isnan(value))
			all[count++] = value;
	}
	qsort(all, count, sizeof *all, ascending);
	describe_samples(all, count, outcome->values);
	outcome->samples = count;
	if (samples)
		memcpy(samples, all, (count < room ? count : room) * sizeof *samples);
	free(all);
}

double fabric_measure_ideal_us(const struct world *world)
{
	const struct scenario *s = world->scenario;
	uint64_t frame = sim_serialise(s->rate_bps, s->payload + s->transport->header), most = 0;
	uint64_t *load = calloc(2 * s->hosts, sizeof *load);
	uint32_t shortest = SIM_HOPS_MAX;

	if (!load)
		abort();
	for (uint32_t i = 0; i < world->flow_count; i++) {
		const struct flow *flow = &world->flows[i];
		uint16_t route[SIM_HOPS_MAX];
		if (!flow->counted)
			continue;
		uint32_t hops = world->network.topology->route(
			world->network.topology, flow->from, flow->to, 0, route);
		shortest = hops < shortest ? hops : shortest;
		load[2 * flow->from] += flow->packets;
		load[2 * flow->to + 1] += flow->packets;
	}
	for (uint32_t i = 0; i < 2 * s->hosts; i++)
		most = load[i] > most ? load[i] : most;
	free(load);
	return (double)(most * frame + (shortest - 1) * frame + shortest * s->delay_ps) / 1e6;
}

static double last_end_us(const struct world *world)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < world->flow_count; i++) {
		if (!world->flows[i].counted)
			continue;
		if (world->flows[i].end == SIM_NEVER)
			return NAN;
		last = world->flows[i].end > last ? world->flows[i].end : last;
	}
	return (double)last / 1e6;
}

/* ---- the network */

static void measure_ports(const struct world *world, double *values)
{
	const struct sim_network *network = &world->network;
	double sent = (double)world->counters.sent;

	for (uint32_t i = 0; i < network->topology->ports; i++) {
		const struct sim_port *port = &network->ports[i];
		struct sim_place place;
		if (port->discipline != SIM_TRIM) {
			values[MEASURE_DROPPED] += (double)port->plain.dropped;
			continue;
		}
		network->topology->describe(network->topology, i, &place);
		values[MEASURE_TRIMMED] += (double)port->trim.counters.trimmed;
		if (place.to_rank > place.from_rank)
			values[MEASURE_TRIMMED_UP] += (double)port->trim.counters.trimmed;
		values[MEASURE_BOUNCED] += (double)port->trim.counters.bounced;
		values[MEASURE_HEADERS_LOST] += (double)port->trim.counters.headers_dropped;
	}
	values[MEASURE_TRIMMED] /= sent;
	values[MEASURE_TRIMMED_UP] /= sent;
	values[MEASURE_AGAIN] = (double)world->counters.again / sent;
	values[MEASURE_TIMEOUTS] = (double)world->counters.timeouts;
	values[MEASURE_MLINKS] = (double)network->links / 1e6;
}

/* The long flow is the first. A bin has room for ten packets. */
static double dip_ms(const struct world *world)
{
	const struct scenario *s = world->scenario;
	uint32_t low = 0;

	if (!world->bin_ps || s->pattern != PATTERN_COLLATERAL)
		return 0;
	uint64_t first = s->at_ps / world->bin_ps, last = fabric_now(world) / world->bin_ps;
	for (uint64_t bin = first; bin < last && bin < world->bin_count; bin++)
		low += world->bins[bin * world->flow_room] < 5;
	return (double)low * (double)world->bin_ps / 1e9;
}

void fabric_measure_world(const struct world *world, struct outcome *outcome, double *samples, uint32_t room)
{
	*outcome = (struct outcome){0};
	measure_flows(world, outcome, samples, room);
	measure_ports(world, outcome->values);
	outcome->values[MEASURE_DIP_MS] = dip_ms(world);
	if (fabric_ends(world->scenario) && world->scenario->pattern != PATTERN_SHORTFLOW) {
		outcome->values[MEASURE_END] = last_end_us(world);
		outcome->values[MEASURE_OVER] = last_end_us(world) / fabric_measure_ideal_us(world) - 1;
	}
}
