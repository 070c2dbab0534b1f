/* Networks to simulate: hosts and switches joined by links, each link a port at either end; and the equal paths between hosts. A path
 * is a list of ports. Nothing here knows rates, queues or packets (network.h).
 *
 * Hosts are 0..hosts-1. Ports are 0..ports-1; a port is one direction of a link, out of the node that it belongs to. */
#ifndef LIQUIDNET_SIM_TOPOLOGY_H
#define LIQUIDNET_SIM_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_HOPS_MAX 24
#define SIM_PORTS_MAX 65535
#define SIM_PATHS_MAX 1024 /* between two hosts; where there are more, these many are used */

struct sim_place {
	uint32_t from, to; /* nodes; hosts first */
	uint32_t reverse;  /* the port of the other direction */
	uint8_t from_rank,
		to_rank; /* 0 a host, 1 a switch with hosts, 2, 3 further up; up where to_rank is higher */
};

struct sim_topology {
	uint32_t hosts, ports;
	void (*describe)(const struct sim_topology *topology, uint32_t port, struct sim_place *place);
	/* Equal shortest paths, 1..SIM_PATHS_MAX; `from` and `to` differ. */
	uint32_t (*paths)(struct sim_topology *topology, uint32_t from, uint32_t to);
	/* The ports of path `path`, at most SIM_HOPS_MAX; returns how many. */
	uint32_t (*route)(
		struct sim_topology *topology, uint32_t from, uint32_t to, uint32_t path, uint16_t *ports);
	void (*release)(struct sim_topology *topology);
};

void sim_topology_free(struct sim_topology *topology);

/* Fat tree of k-port switches (Al-Fares et al., SIGCOMM 2008), k even, 2..32: k pods of k/2 edge and k/2 aggregation switches, k^2/4
 * cores, k^3/4 hosts; with `oversubscribed` times as many hosts below each edge switch. Path number x of two hosts in different pods goes
 * over aggregation switch x / (k/2) of each pod and its core x mod (k/2). Routes are computed, not stored. NULL: more than SIM_PORTS_MAX
 * ports. */
struct sim_topology *sim_fattree(uint32_t k, uint32_t oversubscribed);

/* Any network: hosts 0..hosts-1 and other nodes, with links given by their ends. Paths are the shortest ones, in the order of
 * the links. Hosts forward for others only if `hosts_forward`. */
struct sim_cable {
	uint32_t left, right;
};
/* NULL with *error: no way between two hosts, a way too long, too many ports. The arrays stay the caller's. */
struct sim_topology *sim_graph(uint32_t hosts, uint32_t nodes, const struct sim_cable *cables,
	uint32_t cable_count, bool hosts_forward, char **error);

/* Any network whose paths are given, too: nodes 0..nodes-1, all of which forward and have queues (no node is a host in the sense above; `hosts` is their
 * number). Link i has the ports 2i, out of its left end, and 2i + 1. NULL with *error: too many ports, no such node. The array stays the caller's. */
struct sim_topology *sim_routed(
	uint32_t nodes, const struct sim_cable *cables, uint32_t cable_count, char **error);
/* Adds a path over these ports, each of which begins where the one before it ends; its number, which stands for the path in `route`, whatever `from` and `to`
 * are there. UINT32_MAX with *error: no ports, more than SIM_HOPS_MAX, a gap. */
uint32_t sim_routed_path(struct sim_topology *topology, const uint16_t *ports, uint32_t count, char **error);

#endif
