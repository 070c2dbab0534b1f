/* The state of a running scenario: its network, its flows, and their measurements. A transport (transport_*.c) moves the packets
 * of the flows. */
#ifndef LIQUIDNET_FABRIC_WORLD_H
#define LIQUIDNET_FABRIC_WORLD_H

#include "lib/base/draw.h"
#include "lib/fabric/scenario.h"
#include "lib/sim/network.h"

#define ENDLESS (UINT32_MAX / 2) /* packets: longer than any simulation */
#define FRAME                                                                                                \
	64 /* bytes of an NDP header, ACK, NACK, PULL, and of what else has headers alone: the published simulator's */

/* One transfer. */
struct flow {
	uint32_t from, to;
	uint32_t packets;    /* ENDLESS: without end */
	uint32_t arrived;    /* different ones, at the receiver */
	uint32_t marked;     /* of them before the measured part */
	uint64_t start, end; /* of the last missing packet's arrival; SIM_NEVER: not yet */
	bool counted;        /* it is measured: background is not */
	bool repeats;        /* another one follows it */
	bool preferred;      /* NDP: its pulls come first */
	uint8_t subflows;    /* TCP: 1, or those of Multipath TCP */
};

struct world {
	const struct scenario *scenario;
	uint64_t seed;
	struct sim_network network;
	struct flow *flows;
	uint32_t flow_count, flow_room;
	uint32_t open; /* counted flows that have not ended */
	const struct transport_functions *transport;
	void *state; /* the transport's */
	uint64_t draws;
	/* Throughput over time, when asked for: packets of each flow that arrived in each bin of `bin_ps`. */
	uint64_t bin_ps;
	uint32_t *bins, bin_count;
	struct world_counters {
		uint64_t sent, again, timeouts; /* data packets; of which not for the first time */
	} counters;
};

/* For transports. */
uint32_t fabric_draw(struct world *world, uint32_t below);
static inline uint64_t fabric_now(const struct world *world)
{
	return world->network.events.now;
}
/* A packet of the flow came for the first time; with the last one, the flow has ended. */
void fabric_arrived(struct world *world, struct flow *flow);

#endif
