/* The agent's programs in the kernel: attaches them to an interface, gives them maps, reads them, and detaches them. They outlive a killed
 * process and go on with the last map. The next process takes over their memory (counters, how long former owners have been idle) and
 * replaces them without a gap. */
#ifndef LIQUIDNET_AGENT_PROGRAMS_H
#define LIQUIDNET_AGENT_PROGRAMS_H

#include "nodes/balancer/agent/config.h"
#include "nodes/balancer/agent/state.h"
#include "nodes/balancer/map.h"

struct programs;

/* Loads and attaches. NULL and *error; what another life left is then still there and works. */
struct programs *programs_start(const struct agent_config *config, const struct lb_map *map, char **error);
bool programs_adopted(const struct programs *programs);
/* From one map to the next between two packets. -1 and *error: the old one stays. */
int programs_use(struct programs *programs, const struct lb_map *map, char **error);
/* -1 when the kernel does not answer. */
int programs_read(const struct programs *programs, uint64_t counts[AGENT_COUNTS]);
/* Tokens for which this server has a former owner to pass packets to, those that are expired apart. */
void programs_chains(const struct programs *programs, uint32_t *live, uint32_t *expired);
/* Takes off what is ours. */
void programs_stop(struct programs *programs);

/* The ring of a map as a server sees it. `used` of a token whose next owner differs from `before` becomes
 * `now_ns`, and its trail begins anew. (Here for the tests.) */
void agent_ring_fill(struct agent_ring *ring, const struct agent_ring *before, __u64 *used,
	struct agent_trail *trails, const struct lb_map *map, struct in_addr dip, uint64_t now_ns);
#endif
