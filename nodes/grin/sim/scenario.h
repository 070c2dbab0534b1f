/* A scenario of `liquidnet sim grin`: KEY=VALUE words, and one instance of it as streams. */
#ifndef LIQUIDNET_GRIN_SCENARIO_H
#define LIQUIDNET_GRIN_SCENARIO_H

#include "nodes/grin/sim/fluid.h"
#include "nodes/grin/traffic.h"

/* SINGLE: an uplink each. GRIN: `degree` cables each. MULTIHOMED: two uplinks each, to two switches of the rack between which the rack's way
 * to the rest of the network is shared out (3.3.1). The rest of the network is never full. */
enum scenario_net { NET_SINGLE, NET_GRIN, NET_MULTIHOMED };

struct scenario {
	char text[160]; /* the words, in their order of the table below */
	enum scenario_net net;
	unsigned degree; /* GRIN */
	enum traffic_pattern pattern;
	double active;
	unsigned group;
	unsigned racks, size;
	bool between;
	bool rounds; /* cables as in topologies/grin.py, not at random */
	enum fluid_model model;
	double acks; /* what acknowledgements take on their way back, as a share of what they acknowledge */
	bool fixed;  /* cables in their order, as a daemon without `shuffle`; else drawn per connection */
	unsigned subflows; /* besides the first, at most; 0: the fewest that use every cable once */
};

/* Keys: net (single, grin1..grin7, multihomed), pattern, active (10%), group, racks, size, between (yes, no; default yes for permutation and random),
 * cables (random, rounds), model (lia, tcp, uncoupled, optimum), acks (2.6%), shuffle (yes, no), subflows. -1 with *error. */
int scenario_parse(struct scenario *scenario, const char *text, char **error);

struct scenario_outcome {
	double mean;  /* rate of a receiver, in uplinks */
	double least; /* of the receivers */
	double sum;
	unsigned receivers, connections;
	double excess; /* of the solution: fluid_excess */
};
/* One instance: cables, traffic and subflows are drawn by `seed`; the traffic is the same for all nets of a seed. -1 with *error. */
int scenario_run(
	const struct scenario *scenario, uint64_t seed, struct scenario_outcome *outcome, char **error);

#endif
