/* From the map to the ring of the data path. */
#include "nodes/balancer/mux/ring.h"
#include <string.h>

void mux_ring_fill(struct mux_ring *ring, const struct lb_map *map)
{
	memset(ring->port_owner, 0xff, sizeof ring->port_owner);
	for (size_t i = 0; i < map->port_count; i++)
		ring->port_owner[htons(map->ports[i].port)] = map->ports[i].server;
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		ring->dip[i] = map->servers[i].name[0] ? map->servers[i].dip.s_addr : 0;
	for (uint32_t t = 0; t < map->tokens; t++)
		ring->owner[t] = map->chains[t][0];
	ring->vip = map->vip.s_addr;
	ring->tokens = map->tokens;
	ring->generation = map->generation;
	ring->ports = (__u32)map->port_count;
}
