/* A scenario that runs: its network, its flows, and what they measure. A transport (transport_*.c) moves the packets of the flows that are
 * its own. */
#ifndef LIQUIDNET_NDP_SIM_WORLD_H
#define LIQUIDNET_NDP_SIM_WORLD_H

#include "lib/base/draw.h"
#include "lib/sim/network.h"
#include "nodes/ndp/sim/scenario.h"

#define ENDLESS (UINT32_MAX / 2) /* packets: longer than any simulation */
#define FRAME 64                 /* bytes of an NDP header, ACK, NACK, PULL: the published simulator's */

struct world;

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

/* Timers: a kind in the upper bits of 29, the rest the number of a flow, a host or a subflow. */
enum timer { TIMER_START, TIMER_PULL, TIMER_SENDER, TIMER_SUBFLOW, TIMER_BIN, TIMER_KINDS };
#define TIMER_SHIFT 26
#define TIMER_OF(kind, number) ((uint32_t)(kind) << TIMER_SHIFT | (number))

struct transport_functions {
	void (*open)(struct world *world);  /* the flows' room is known */
	void (*count)(struct world *world); /* after the run: into world->counters */
	void (*close)(struct world *world);
	void (*start)(struct world *world, uint32_t flow);
	void (*arrive)(struct world *world, struct sim_packet *packet); /* its own now */
	void (*timer)(struct world *world, enum timer kind, uint32_t number);
};
extern const struct transport_functions ndp_functions, tcp_functions;

struct world {
	const struct scenario *scenario;
	uint64_t seed;
	struct sim_network network;
	struct flow *flows;
	uint32_t flow_count, flow_room;
	uint32_t open; /* counted flows that have not ended */
	const struct transport_functions *transport;
	struct ndp_world *ndp;
	struct tcp_world *tcp;
	uint64_t draws;
	/* Throughput over time, when asked for: packets of each flow that arrived in each bin of `bin_ps`. */
	uint64_t bin_ps;
	uint32_t *bins, bin_count;
	struct world_counters {
		uint64_t sent, again, timeouts; /* data packets; of which not for the first time */
	} counters;
};

/* For transports. */
uint32_t world_draw(struct world *world, uint32_t below);
static inline uint64_t world_now(const struct world *world)
{
	return world->network.events.now;
}
/* A packet of the flow came for the first time; with the last one, the flow has ended. */
void world_arrived(struct world *world, struct flow *flow);

#endif
