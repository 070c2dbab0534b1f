/* From the map to what one server must know of it: each token's owner, and to whom packets go from here. */
#include "nodes/balancer/agent/programs.h"

static uint32_t address(const struct lb_map *map, unsigned server)
{
	return server == LB_NO_SERVER ? 0 : map->servers[server].dip.s_addr;
}

void agent_ring_fill(struct agent_ring *ring, const struct agent_ring *before, __u64 *used,
	struct agent_trail *trails, const struct lb_map *map, struct in_addr dip, uint64_t now_ns)
{
	unsigned self = lb_map_find_dip(map, dip);
	for (uint32_t t = 0; t < map->tokens; t++) {
		bool member = false;
		unsigned next = self == LB_NO_SERVER ? LB_NO_SERVER : lb_map_next(map, t, self, &member);
		ring->head[t] = address(map, map->chains[t][0]);
		ring->next[t] = member ? address(map, next) : AGENT_ABSENT;
		if (before->tokens != map->tokens || ring->next[t] != before->next[t])
			used[t] = now_ns, trails[t] = (struct agent_trail){0};
	}
	ring->vip = map->vip.s_addr;
	ring->dip = dip.s_addr;
	ring->tokens = map->tokens;
	ring->generation = map->generation;
}
