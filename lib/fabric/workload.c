/* The patterns. */
#include "lib/fabric/workload.h"

#include <stdlib.h>

static struct flow *add(struct world *world, uint32_t from, uint32_t to, uint32_t packets, uint64_t start)
{
	const struct scenario *s = world->scenario;
	struct flow *flow = &world->flows[world->flow_count++];

	*flow = (struct flow){.from = from,
		.to = to,
		.packets = packets,
		.start = start +
			 (s->spread_ps ? (uint64_t)fabric_draw(world, (uint32_t)(s->spread_ps / 1000) + 1) *
						 1000
				       : 0),
		.end = SIM_NEVER,
		.counted = true,
		.subflows = s->transport->multipath ? (uint8_t)s->subflows : 1};
	return flow;
}

/* The last packet is a full one, as in the published simulations. */
static uint32_t packets_of(const struct scenario *s)
{
	return s->size ? (uint32_t)((s->size + s->payload - 1) / s->payload) : ENDLESS;
}

/* Everybody another's: drawn until nobody has himself. */
static uint32_t *permutation(struct world *world)
{
	uint32_t hosts = world->scenario->hosts, *to = calloc(hosts, sizeof *to);
	bool fixed = true;

	if (!to)
		abort();
	while (fixed) {
		fixed = false;
		for (uint32_t i = 0; i < hosts; i++)
			to[i] = i;
		for (uint32_t i = hosts - 1; i > 0; i--) {
			uint32_t other = fabric_draw(world, i + 1), own = to[i];
			to[i] = to[other];
			to[other] = own;
		}
		for (uint32_t i = 0; i < hosts; i++)
			fixed |= to[i] == i;
	}
	return to;
}

static void add_permutation(struct world *world, uint32_t packets)
{
	uint32_t *to = permutation(world);

	for (uint32_t i = 0; i < world->scenario->hosts; i++)
		add(world, i, to[i], packets, 0);
	free(to);
}

static void add_random(struct world *world, uint32_t packets)
{
	uint32_t hosts = world->scenario->hosts;

	for (uint32_t i = 0; i < hosts; i++)
		add(world, i, (i + 1 + fabric_draw(world, hosts - 1)) % hosts, packets, 0);
}

static void add_incast(struct world *world, uint32_t packets, uint64_t start)
{
	const struct scenario *s = world->scenario;

	for (uint32_t i = 0; i < s->count; i++)
		add(world, s->hosts - s->count + i, 0, packets, start);
}

static void add_outcast(struct world *world, uint32_t packets)
{
	const struct scenario *s = world->scenario;

	for (uint32_t i = 0; i < s->count; i++)
		add(world, 0, s->hosts - s->count + i, packets, 0);
}

static void add_pairs(struct world *world, uint32_t packets)
{
	const struct scenario *s = world->scenario;

	for (uint32_t i = 0; i < s->pair_count; i++)
		add(world, s->pairs[i][0], s->pairs[i][1], packets, 0);
}

/* The long flow comes from the first host of the second half: neither below the same switch nor a sender of the incast, unless all are. */
static void add_collateral(struct world *world, uint32_t packets)
{
	const struct scenario *s = world->scenario;
	uint32_t from = s->hosts / 2 < s->hosts - s->count ? s->hosts / 2 : s->hosts - s->count - 1;

	add(world, from, 1, ENDLESS, 0)->counted = false;
	add_incast(world, packets, s->at_ps);
}

static void add_background(struct world *world)
{
	const struct scenario *s = world->scenario;
	uint32_t last = s->hosts - 1;

	if (s->background == BACKGROUND_SAME)
		for (uint32_t i = 1; i <= 9; i++)
			add(world, (uint32_t)((uint64_t)i * last / 10), last, ENDLESS, 0)->counted = false;
	if (s->background != BACKGROUND_PERMUTATION)
		return;
	/* Host 0 takes the place that it has in the permutation: the last host gets from nobody else. */
	uint32_t *to = permutation(world), instead = to[0];
	for (uint32_t i = 1; i < s->hosts; i++)
		if ((to[i] == last ? instead : to[i]) != i)
			add(world, i, to[i] == last ? instead : to[i], ENDLESS, 0)->counted = false;
	free(to);
}

static void add_shortflow(struct world *world, uint32_t packets)
{
	const struct scenario *s = world->scenario;
	struct flow *flow = add(world, 0, s->hosts - 1, packets, s->at_ps);

	flow->repeats = true;
	flow->preferred = s->priority;
	flow->subflows = 1;
	add_background(world);
}

/* Flows at most: those of the pattern, and what follows a flow that repeats. */
static uint32_t room(const struct scenario *s)
{
	uint64_t repeats = s->length_ps / (s->gap_ps + sim_serialise(s->rate_bps, FRAME));

	if (s->pattern != PATTERN_SHORTFLOW)
		return s->hosts + s->pair_count + 1;
	return s->hosts + 1 + (repeats < 1000000 ? (uint32_t)repeats : 1000000);
}

void fabric_workload(struct world *world)
{
	const struct scenario *s = world->scenario;
	uint32_t packets = packets_of(s);

	world->flow_room = room(s);
	world->flows = calloc(world->flow_room, sizeof *world->flows);
	if (!world->flows)
		abort();
	switch (s->pattern) {
	case PATTERN_INCAST:
		add_incast(world, packets, 0);
		break;
	case PATTERN_OUTCAST:
		add_outcast(world, packets);
		break;
	case PATTERN_PERMUTATION:
		add_permutation(world, packets);
		break;
	case PATTERN_RANDOM:
		add_random(world, packets);
		break;
	case PATTERN_PAIRS:
		add_pairs(world, packets);
		break;
	case PATTERN_COLLATERAL:
		add_collateral(world, packets);
		break;
	default:
		add_shortflow(world, packets);
	}
	for (uint32_t i = 0; i < world->flow_count; i++)
		world->open += world->flows[i].counted && world->flows[i].packets != ENDLESS;
}
