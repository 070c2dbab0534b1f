/* Making a world of a scenario, and letting it run. */
#include "lib/fabric/run.h"
#include "lib/fabric/workload.h"

#include <stdlib.h>

#define BINS_MOST 4096 /* 0.3 s at 10 Gbit/s */

/* ---- the network */

/* D1.4 and the authors' simulator give a queue so many packets of payload; the frames are larger, so that 8 packets are 7 frames
 * (data/ndp/notes.yaml). */
static void limit_trim(const struct scenario *s, struct sim_settings *settings)
{
	uint32_t frame = s->payload + (s->whole ? FRAME : 0);

	settings->discipline = SIM_TRIM;
	settings->trim = (struct trim_limits){.low_bytes = s->buffer * frame,
		.high_bytes = s->buffer * frame,
		.ratio = s->ratio,
		.tail_chance = TRIM_FAIR,
		.bounce = s->bounce};
}

/* The authors' simulator, for TCP: of a buffer, the last three packets drop at random, 1100 / the bytes before them. */
static void limit_plain(const struct scenario *s, struct sim_settings *settings)
{
	uint32_t frame = s->payload + s->transport->header, early = s->buffer > 3 ? s->buffer - 3 : s->buffer;

	settings->discipline = s->transport->discipline;
	settings->limit_bytes = s->buffer * frame;
	settings->mark_bytes = s->marks * frame;
	settings->early_bytes = early * frame;
	settings->early_chance = (uint32_t)((1100ULL << 32) / ((uint64_t)early * frame));
}

/* The published code slows the way down from core 0 to pod 0 only, not the way up. */
static void slow_core(struct world *world)
{
	uint32_t slowed = UINT32_MAX;

	for (uint32_t i = 0; i < world->network.topology->ports; i++) {
		struct sim_place place;
		world->network.topology->describe(world->network.topology, i, &place);
		if (place.from_rank < 3 || (slowed != UINT32_MAX && i != slowed))
			continue;
		sim_network_rate(&world->network, i, world->scenario->slow_core_bps);
		if (!world->scenario->published)
			sim_network_rate(&world->network, place.reverse, world->scenario->slow_core_bps);
		return;
	}
}

static void arrive(void *user, struct sim_packet *packet)
{
	struct world *world = user;

	world->transport->arrive(world, packet);
}

static void timer(void *user, uint32_t what)
{
	struct world *world = user;
	enum timer kind = what >> TIMER_SHIFT;
	uint32_t number = what & ((1U << TIMER_SHIFT) - 1);

	if (kind == TIMER_START)
		world->transport->start(world, number);
	else
		world->transport->timer(world, kind, number);
}

static int make_network(struct world *world, char **error)
{
	const struct scenario *s = world->scenario;
	struct sim_settings settings = {
		.rate_bps = s->rate_bps, .delay_ps = s->delay_ps, .seed = world->seed};
	struct sim_topology *topology = fabric_topology(s, world->seed, error);

	if (!topology)
		return -1;
	if (s->transport->discipline == SIM_TRIM)
		limit_trim(s, &settings);
	else
		limit_plain(s, &settings);
	sim_network_init(&world->network, topology, &settings);
	world->network.user = world;
	world->network.arrive = arrive;
	world->network.timer = timer;
	if (s->slow_core_bps)
		slow_core(world);
	return 0;
}

/* ---- the run */

/* Throughput over time, where a short dip is looked for. */
static void make_bins(struct world *world)
{
	const struct scenario *s = world->scenario;

	if (s->pattern != PATTERN_COLLATERAL)
		return;
	world->bin_ps = 10 * sim_serialise(s->rate_bps, s->payload + FRAME);
	world->bin_count = BINS_MOST;
	world->bins = calloc((size_t)world->bin_count * world->flow_room, sizeof *world->bins);
	if (!world->bins)
		abort();
}

int fabric_open(struct world *world, const struct scenario *scenario, uint64_t seed, char **error)
{
	*world = (struct world){.scenario = scenario, .seed = seed};
	if (make_network(world, error) < 0)
		return -1;
	world->transport = scenario->transport->functions;
	fabric_workload(world);
	world->transport->open(world);
	make_bins(world);
	for (uint32_t i = 0; i < world->flow_count; i++)
		sim_timer_at(&world->network, world->flows[i].start, TIMER_OF(TIMER_START, i));
	return 0;
}

void fabric_close(struct world *world)
{
	world->transport->close(world);
	sim_network_free(&world->network);
	free(world->flows);
	free(world->bins);
}

void fabric_run(struct world *world)
{
	const struct scenario *s = world->scenario;
	uint64_t marked = s->length_ps - s->measure_ps;

	if (!fabric_ends(s)) {
		sim_run(&world->network, marked);
		for (uint32_t i = 0; i < world->flow_count; i++)
			world->flows[i].marked = world->flows[i].arrived;
	}
	sim_run(&world->network, s->length_ps);
}
