/* The map as the mux's data path reads it, in the kernel or outside: a token's server is one load away. */
#ifndef LIQUIDNET_MUX_RING_H
#define LIQUIDNET_MUX_RING_H

#include "nodes/balancer/packet.h"

struct mux_ring {
	__u32 vip; /* network order; 0: no map yet */
	__u32 tokens;
	__u32 generation;
	__u32 ports; /* how many ports have a server of their own */
	__u32 dip[LB_SERVERS_MAX];
	__u16 port_owner[65536];    /* by port in network order */
	__u16 owner[LB_TOKENS_MAX]; /* two bytes a token: 65,536 tokens stay in the second-level cache */
};

/* What happens to packets, by number: verdicts of lb_read, then these. */
enum mux_count {
	MUX_FORWARDED = LB_VERDICTS,
	MUX_NO_SERVER, /* the token has no owner */
	MUX_TOO_BIG,   /* encapsulated it exceeds the MTU towards the server, where that is looked up */
	MUX_NO_ROUTE,
	MUX_FAILED, /* no room before the packet, or the socket refused it */
	MUX_COUNTS
};

struct mux_traffic {
	__u64 packets, bytes; /* bytes as they came, from the IP header on */
};

/* One for each processor. */
struct mux_counters {
	__u64 counts[MUX_COUNTS];
	struct mux_traffic servers[LB_SERVERS_MAX]; /* by the map's numbers; of what was forwarded */
};

/* The packet's server, or LB_NO_SERVER. */
LB_INLINE __u32 mux_pick(const struct mux_ring *ring, const struct lb_flow *flow)
{
	if (ring->ports) {
		__u32 server = ring->port_owner[flow->port];
		if (server != LB_NO_SERVER)
			return server;
	}
	__u32 token = lb_token(flow->hash, ring->tokens);
	return token < LB_TOKENS_MAX ? ring->owner[token] : LB_NO_SERVER;
}

#ifndef __bpf__
#include "nodes/balancer/map.h"

void mux_ring_fill(struct mux_ring *ring, const struct lb_map *map);
#endif

#endif
