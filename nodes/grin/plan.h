/* Plan: who is cabled to whom in a GRIN network, what the ends of the cables are called, which way packets go, and which subflows a connection
 * wants (Trilogy2 D1.2, section 3.3). Pure: no clock, no socket; the daemon, the tool and the simulator share it. Addresses are in host order.
 *
 * An address is P (8 bits, 10), G (3 bits), I (21 bits). A server's own, on its uplink, has G = 0. An end of a cable has the I of the
 * server at the OTHER end, and as G that server's count of cables: so N(address), the address with G cleared, is the primary address of the
 * neighbour behind which it lies. */
#ifndef LIQUIDNET_GRIN_PLAN_H
#define LIQUIDNET_GRIN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PLAN_LINKS = 7,       /* of a server at most: what three bits name besides 0 */
	PLAN_SERVERS = 65536, /* of a plan at most */
	PLAN_PAIRS = (PLAN_LINKS + 1) * (PLAN_LINKS + 1), /* of addresses of two servers */
	PLAN_HOPS = 64                                    /* longer walks go round in circles */
};

#define PLAN_PREFIX 0x0a000000u
#define PLAN_PREFIX_MASK 0xff000000u
#define PLAN_G_MASK 0x00e00000u
#define PLAN_I_MASK 0x001fffffu
#define PLAN_G_SHIFT 21

/* N, G and whether P is 10. */
static inline uint32_t plan_neighbour(uint32_t address)
{
	return address & ~PLAN_G_MASK;
}
static inline unsigned plan_g(uint32_t address)
{
	return (address & PLAN_G_MASK) >> PLAN_G_SHIFT;
}
static inline bool plan_inside(uint32_t address)
{
	return (address & PLAN_PREFIX_MASK) == PLAN_PREFIX;
}
/* 10.0.0.0/11, without the network's own first address and its last. */
static inline bool plan_primary_good(uint32_t address)
{
	uint32_t i = address & PLAN_I_MASK;
	return plan_inside(address) && plan_g(address) == 0 && i != 0 && i != PLAN_I_MASK;
}

/* One end of a cable, as its server sees it. */
struct plan_end {
	unsigned peer;         /* the server at the other end */
	unsigned link;         /* number of the cable in the plan */
	uint32_t address;      /* of this end */
	uint32_t peer_address; /* of the other */
};

struct plan_server {
	uint32_t primary;
	unsigned rack;
	unsigned count; /* of cables */
	struct plan_end ends[PLAN_LINKS];
};

struct plan {
	struct plan_server *servers;
	unsigned count, room, links;
};

/* An empty plan; never NULL. */
struct plan *plan_new(void);
void plan_free(struct plan *plan);

/* A server of that primary address; its number, or -1 with *error: no address of 10.0.0.0/11, or there is one. */
int plan_add(struct plan *plan, uint32_t primary, unsigned rack, char **error);
/* Racks of `size` servers, 10.0.0.1 and so on. -1 with *error. */
int plan_add_racks(struct plan *plan, unsigned racks, unsigned size, char **error);
/* A cable between two servers; both ends get their addresses (3.3.2.3). -1 with *error: the same server, two cables between a pair, an eighth
 * cable, no such server. */
int plan_join(struct plan *plan, unsigned a, unsigned b, char **error);
/* Joins free ports of servers of the same rack at random, until each server has `degree` cables; where servers x degree is odd, one port of the
 * rack stays free. The same seed gives the same plan. -1 with *error: degree above 7 or above servers - 1 of a rack. */
int plan_interconnect(struct plan *plan, unsigned degree, uint64_t seed, char **error);

/* The cables of the topology `grin` (topologies/grin.py), for the servers there are: in each of `degree` rounds every server is joined to another one,
 * by the circle method. -1 with *error: as plan_interconnect has it. */
int plan_join_rounds(struct plan *plan, unsigned degree, char **error);

/* The server of a primary address, or -1. */
int plan_find(const struct plan *plan, uint32_t primary);
/* The server that has this address, primary or of a cable's end, or -1; *end (may be NULL): which end, -1 for the primary one. */
int plan_owner(const struct plan *plan, uint32_t address, int *end);

/* ---- routes */

enum plan_routing { PLAN_STATIC, PLAN_COMPUTED, PLAN_LSRR, PLAN_ROUTINGS };
extern const char *const plan_routing_names[PLAN_ROUTINGS + 1];

enum plan_route_kind {
	PLAN_UPLINK,        /* out of the uplink, the destination itself is the next hop */
	PLAN_CABLE,         /* out of the cable of that end, the peer is the next hop */
	PLAN_VIA,           /* out of the uplink to `via` */
	PLAN_NEXT_COMPUTED, /* out of the uplink to N(destination) */
	PLAN_NOWHERE
};

struct plan_route {
	uint32_t from; /* 0: any source; else a table of that source's own */
	uint32_t to;
	unsigned length; /* of the prefix `to` */
	enum plan_route_kind kind;
	int end;      /* PLAN_CABLE */
	uint32_t via; /* PLAN_VIA */
};

/* What `server` installs: calls `put` with each route. STATIC: a route for every address of a cable elsewhere; COMPUTED: one rule for all;
 * LSRR: neither, packets say their way. */
void plan_routes(const struct plan *plan, unsigned server, enum plan_routing routing,
	void (*put)(void *context, const struct plan_route *route), void *context);

/* The hops of a loose source route for a socket (source, destination) of the server `local` (Algorithm 1 of 3.3.3): 0 to 2, in order. */
unsigned plan_source_route(uint32_t local, uint32_t source, uint32_t destination, uint32_t hops[2]);

/* Where a packet goes: each step is a server and the way out of it, -1: the uplink, else an end. */
struct plan_step {
	unsigned server;
	int out;
};
/* Walks a packet from `server` by the routes alone; the number of steps, or -1: it ends nowhere, or not within PLAN_HOPS. A packet ends at
 * whoever has its destination's address. */
int plan_walk(const struct plan *plan, enum plan_routing routing, unsigned server, uint32_t source,
	uint32_t destination, struct plan_step steps[PLAN_HOPS]);

/* ---- paths and subflows */

/* The addresses of the ends of a subflow. */
struct plan_pair {
	uint32_t source, destination;
};

/* Whether a subflow between these ends, of servers with these primary addresses, makes sense: its packets pass no server twice, nor
 * does it repeat what the cable between the two does (Algorithm 1's conditions, in both directions). */
bool plan_pair_good(
	uint32_t source_primary, uint32_t destination_primary, uint32_t source, uint32_t destination);

/* All good pairs of two different servers, the primary addresses first; their number. */
unsigned plan_pairs(
	const struct plan *plan, unsigned source, unsigned destination, struct plan_pair pairs[PLAN_PAIRS]);

/* What one end knows of a connection: its addresses and those that the peer has told, in this order. */
struct plan_ends {
	uint32_t own_primary, own[PLAN_LINKS], peer_primary, peer[PLAN_LINKS];
	unsigned own_count, peer_count;
	bool told_all; /* the peer tells no more: own ends that are left over may go with its primary address */
};

/* The subflows besides the initial one. `wanted` 0: the fewest that use every cable of both ends once: the k-th own address and the peer's k-th,
 * but an end of a cable between the two only with its other end; what is left over goes with the other's primary address (own ones once it has told all). `wanted` > 0: so many at random
 * (fewer where there are no more), each cable used once before any is used twice. `shuffle` (a seed, 0: none) draws the order of the
 * first kind. What is chosen for the first addresses of the peer does not change when it tells more: new pairs come after. */
unsigned plan_choose(
	const struct plan_ends *ends, unsigned wanted, uint64_t shuffle, struct plan_pair pairs[PLAN_PAIRS]);

#endif
