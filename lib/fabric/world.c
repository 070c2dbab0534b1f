/* What flows and transports ask of the world. */
#include "lib/fabric/world.h"

uint32_t fabric_draw(struct world *world, uint32_t below)
{
	uint64_t key = draw_key(world->seed, 0, 4);

	return (uint32_t)(((draw_number(key, world->draws++) >> (DRAW_BITS - 32)) * below) >> 32);
}

static void count_bin(struct world *world, const struct flow *flow)
{
	uint64_t bin = fabric_now(world) / world->bin_ps;

	if (bin < world->bin_count)
		world->bins[bin * world->flow_room + (uint64_t)(flow - world->flows)]++;
}

/* A short flow that repeats is followed by one of its kind. */
static void follow(struct world *world, const struct flow *flow)
{
	uint64_t start = fabric_now(world) + world->scenario->gap_ps;

	if (world->flow_count == world->flow_room || start >= world->scenario->length_ps)
		return;
	struct flow *next = &world->flows[world->flow_count];
	*next = *flow;
	next->arrived = next->marked = 0;
	next->start = start;
	next->end = SIM_NEVER;
	sim_timer_at(&world->network, start, TIMER_OF(TIMER_START, world->flow_count++));
	world->open++;
}

void fabric_arrived(struct world *world, struct flow *flow)
{
	flow->arrived++;
	if (world->bin_ps)
		count_bin(world, flow);
	if (flow->arrived != flow->packets)
		return;
	flow->end = fabric_now(world);
	if (!flow->counted)
		return;
	if (flow->repeats)
		follow(world, flow);
	if (--world->open == 0)
		world->network.stop = true;
}
