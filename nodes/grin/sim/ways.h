/* Ways: the links of a scenario's network, and over which of them the subflows of connections go, as the plan routes them. Streams and packets take the same ones. */
#ifndef LIQUIDNET_GRIN_WAYS_H
#define LIQUIDNET_GRIN_WAYS_H

#include "nodes/grin/plan.h"
#include "nodes/grin/sim/scenario.h"
#include "nodes/grin/traffic.h"

enum { WAY_LINKS = 6 }; /* of a path at most */

/* Link i has two directions: 2i, and 2i + 1 back. `left` of 2i is a server, but for links to the core. Nodes: servers, then switches, then the core, where there are several
 * racks or switches. */
struct ways_link {
	unsigned left, right;
	double capacity; /* in uplinks */
};

struct ways {
	const struct scenario *scenario;
	uint64_t seed;
	struct plan *plan;
	unsigned servers, nodes;
	struct ways_link *links;
	unsigned count, narrow; /* links; those before `narrow` can be full */
};

/* Directions of links, in order. */
struct way {
	unsigned count, links[WAY_LINKS];
};

/* The network of an instance: cables are drawn by `seed`. -1 with *error. ways_close either way. */
int ways_open(struct ways *ways, const struct scenario *scenario, uint64_t seed, char **error);
void ways_close(struct ways *ways);
/* Calls `put` with each subflow of connection `number`, the first one first: data goes out, acknowledgements come back. */
void ways_each(const struct ways *ways, unsigned number, struct traffic_flow flow,
	void (*put)(void *context, const struct way *out, const struct way *back), void *context);

#endif
