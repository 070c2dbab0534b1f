/* Transports: they move the packets of flows in a simulated fabric. A simulator's program has a table of transports. Those of
 * TCP are here. A system adds its own (nodes/SYSTEM/sim), which shares its policy with the system's daemons. */
#ifndef LIQUIDNET_FABRIC_TRANSPORT_H
#define LIQUIDNET_FABRIC_TRANSPORT_H

#include "lib/sim/network.h"

struct world;

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

struct transport {
	const char *name; /* in scenarios */
	const struct transport_functions *functions;
	unsigned kind;                  /* the functions' own: which of a family */
	enum sim_discipline discipline; /* of switches: SIM_TRIM, SIM_TAIL or SIM_ECN */
	uint32_t window, buffer; /* packets, where a scenario does not say: the first window; of a queue */
	uint32_t header;         /* bytes of a data packet besides its payload */
	bool sprays;             /* spray= is for it */
	bool multipath;          /* subflows= is for it */
};

/* Those of TCP, as Trilogy2 D1.4, section 3.6.2, and the authors' simulator compare NDP with (tcp.h). */
extern const struct transport fabric_tcp, fabric_tcp_spray, fabric_dctcp, fabric_mptcp_uncoupled,
	fabric_mptcp_lia, fabric_mptcp_olia;
#define FABRIC_TCP                                                                                           \
	&fabric_tcp, &fabric_tcp_spray, &fabric_dctcp, &fabric_mptcp_uncoupled, &fabric_mptcp_lia,           \
		&fabric_mptcp_olia

#endif
