/* A simulated packet network: ports that store and forward, joined by a topology (topology.h). A packet has its route. The user
 * implements the hosts: it sends packets, and gets those that arrive.
 *
 * A port serialises one packet at a time, and the wire behind it adds its delay. A packet on the wire has only one event, its
 * arrival. Ports of hosts have three levels with strict priority and without a limit, which stand for a sender's own memory:
 * control, packets that are sent again, the rest. Ports of switches, and of hosts that forward (of a rank above 0), have the network's discipline. Deterministic: times are
 * integers, and events at equal times happen in the order of scheduling. */
#ifndef LIQUIDNET_SIM_NETWORK_H
#define LIQUIDNET_SIM_NETWORK_H

#include "lib/link/trim.h"
#include "lib/sim/events.h"
#include "lib/sim/topology.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_HOPS_NEAR 7 /* routes up to here lie in the packet */

enum sim_flag {
	SIM_BOUNCED = 1, /* a header that is on its way back to where it came from */
	SIM_MARKED = 2,  /* congestion experienced */
	SIM_AGAIN = 4,   /* sent again: leaves its host after control and before what is new */
	SIM_USER = 8,    /* this and the higher ones are the user's */
};

/* One cache line. */
struct sim_packet {
	struct trim_packet queued;       /* first: the port's links, size and class */
	uint32_t flow, sequence, number; /* the user's */
	uint16_t path;                   /* the user's */
	uint8_t hop, hops;
	uint64_t stamp; /* the user's */
	uint16_t route[SIM_HOPS_NEAR];
	uint8_t type; /* the user's */
	uint8_t flags;
};

enum sim_discipline {
	SIM_HOST, /* three strict levels */
	SIM_TRIM, /* lib/link/trim.h */
	SIM_TAIL, /* one queue: drops what does not fit, and with a small chance what comes close to that */
	SIM_ECN,  /* one queue: drops what does not fit, marks what leaves a long queue */
};

struct sim_settings {
	uint64_t rate_bps, delay_ps;    /* of every link */
	enum sim_discipline discipline; /* of switches */
	struct trim_limits trim;
	uint32_t limit_bytes;   /* SIM_TAIL, SIM_ECN: of a queue, the packet in service included */
	uint32_t limit_packets; /* likewise, packets of whatever size; 0: bytes alone count */
	bool control_first; /* SIM_TAIL, SIM_ECN: packets of the class TRIM_HEADER and above overtake data */
	uint32_t early_bytes;  /* SIM_TAIL: beyond so many bytes ... */
	uint32_t early_chance; /* ... a packet is dropped with this chance, of 2^32 */
	uint32_t mark_bytes; /* SIM_ECN: a packet that leaves more than so many, itself included, is marked */
	uint64_t seed;
};

/* Serialisation times, shared by all ports of one rate. */
struct sim_rate {
	uint64_t bps;
	struct sim_service {
		uint32_t bytes, lane;
		uint64_t time;
	} known[2]; /* the sizes that came last */
	uint32_t replaced;
};

struct sim_level {
	struct trim_packet *oldest, *newest;
};

/* What every packet needs comes first. */
struct sim_port {
	uint8_t discipline;
	bool busy;
	uint16_t reverse;
	uint32_t wire; /* the lane of its delay */
	uint64_t delay;
	struct sim_rate *rate;
	union {
		struct trim_port trim;
		struct {
			struct trim_packet *serving;
			struct sim_level level[3];
			uint32_t bytes, packets;
			uint64_t draws;
			uint64_t dropped, marked;
		} plain;
	};
} __attribute__((aligned(64)));

struct sim_network {
	struct sim_events events;
	struct sim_settings settings;
	struct sim_topology *topology;
	struct sim_port *ports;
	struct sim_rate rates[4];
	uint32_t rate_count;
	struct sim_packet *packets;         /* by number; never moves */
	uint16_t (*far)[SIM_HOPS_MAX];      /* longer routes, by number of the packet */
	uint32_t packet_count, free_packet; /* made so far; the first of those that wait for reuse */
	bool stop;                          /* the user's: sim_run returns after this event */
	uint64_t links;                     /* packets times links that they crossed */
	void *user;
	void (*arrive)(
		void *user, struct sim_packet *packet); /* at the end of its route; the user's from now on */
	void (*timer)(void *user, uint32_t what);
	/* NULL, or: a packet begins its service (lost: false) or is dropped at a port (true). For drawings. */
	void (*trace)(void *user, uint32_t port, const struct sim_packet *packet, bool lost);
};

/* A network over `topology`, which becomes its own. */
void sim_network_init(
	struct sim_network *network, struct sim_topology *topology, const struct sim_settings *settings);
void sim_network_free(struct sim_network *network);
/* Another rate for one port, before the first packet; at most three others in a network: false, a fourth. */
bool sim_network_rate(struct sim_network *network, uint32_t port, uint64_t rate_bps);

/* A packet with no field set but its number in the pool. Aborts beyond SIM_PACKETS_MAX. */
#define SIM_PACKETS_MAX (1U << 22)
struct sim_packet *sim_packet_new(struct sim_network *network);
void sim_packet_free(struct sim_network *network, struct sim_packet *packet);
/* Sends it over a path of the topology: queued.bytes, queued.header_bytes and queued.class, and flags are set. */
void sim_send(
	struct sim_network *network, struct sim_packet *packet, uint32_t from, uint32_t to, uint32_t path);

/* Whether the first port of the path would drop a packet of so many bytes now, as its queue is full. */
bool sim_full(struct sim_network *network, uint32_t from, uint32_t to, uint32_t path, uint32_t bytes);

/* Calls the user's timer(what) at `time`; `what` below 2^29. */
void sim_timer_at(struct sim_network *network, uint64_t time, uint32_t what);
/* The same after `delay`, one of few: they get lanes. */
void sim_timer_after(struct sim_network *network, uint64_t delay, uint32_t what);
/* Everything up to and including `until`. False: nothing is left to happen, or the user stopped it. */
bool sim_run(struct sim_network *network, uint64_t until);
/* Time to serialise so many bytes, in picoseconds, rounded down. */
uint64_t sim_serialise(uint64_t rate_bps, uint32_t bytes);

#endif
