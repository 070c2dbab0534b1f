/* A scenario of `liquidnet sim grin`: KEY=VALUE words, and one instance of it, as streams or packet by packet. */
#ifndef LIQUIDNET_GRIN_SCENARIO_H
#define LIQUIDNET_GRIN_SCENARIO_H

#include "lib/sim/mptcp.h"
#include "nodes/grin/sim/fluid.h"
#include "nodes/grin/traffic.h"

/* SINGLE: an uplink each. GRIN: `degree` cables each. MULTIHOMED: two uplinks each, to two switches of the rack between which the rack's way
 * to the rest of the network is shared out (3.3.1). The rest of the network is never full. */
enum scenario_net { NET_SINGLE, NET_GRIN, NET_MULTIHOMED };

/* Besides enum traffic_pattern's. INCAST: all others to the first server. FLOWS: a list. */
enum { PATTERN_INCAST = TRAFFIC_PATTERNS, PATTERN_FLOWS };

enum { SCENARIO_FLOWS = 64, SCENARIO_TEXT = 320 };

/* How slow start is: left by HyStart, too; left by loss alone; not at all. */
enum scenario_start { START_HYSTART, START_PLAIN, START_NONE, STARTS };
/* Acknowledgements wait in queues with data; overtake it there; the same, and take no room on links. */
enum scenario_acks { ACKS_QUEUED, ACKS_FIRST, ACKS_FREE, ACKS_KINDS };

/* model=packets. */
struct scenario_packets {
	uint64_t rate_bps, delay_ps; /* of every link, one way */
	unsigned queue;              /* packets that wait at a link */
	enum sim_growth growth;      /* COUPLED: by LIA */
	enum scenario_start start;
	enum scenario_acks acks;
	bool lost; /* what its own full queue does not take is lost to a sender, which is not told */
	uint64_t window, burst; /* bytes: a connection's receive window; given to a subflow at a time */
	uint64_t length_ps, measure_ps,
		spread_ps; /* of a run; its last part, which counts; connections begin at random in it; transfers: 0 */
	unsigned phase; /* other draws of those beginnings, for the same cables and traffic */
	/* Transfers instead of streams: `bytes` for each flow over so many connections, all at once; over connections that were opened a pause before, `rounds` of that. */
	uint64_t bytes, pause_ps;
	unsigned connections, rounds; /* 0 rounds: new connections, once */
	bool strong;                  /* a connection has one path, drawn */
};

struct scenario {
	char text[SCENARIO_TEXT]; /* as it was written */
	enum scenario_net net;
	unsigned degree;  /* GRIN */
	unsigned pattern; /* enum traffic_pattern, or of those above */
	struct traffic_flow flows[SCENARIO_FLOWS];
	unsigned flow_count;
	double active;
	unsigned group;
	unsigned racks, size;
	bool between;
	bool rounds;  /* cables as in topologies/grin.py, not at random */
	bool packets; /* not streams */
	enum fluid_model model;
	double acks; /* of streams: what acknowledgements take on their way back, as a share of what they acknowledge */
	bool fixed; /* cables in their order, as a daemon without `shuffle`; else drawn per connection */
	unsigned subflows; /* besides the first, at most; 0: the fewest that use every cable once */
	struct scenario_packets packet;
};

/* The keys: scenario.c has their table, nodes/grin/README.md their meaning. -1 with *error, one line. */
int scenario_parse(struct scenario *scenario, const char *text, char **error);

struct scenario_outcome {
	double mean;  /* rate of a receiver, in uplinks */
	double least; /* of the receivers */
	double sum;
	unsigned receivers, connections;
	double excess; /* of streams: fluid_excess */
	/* Of the first connections: their rates, in uplinks. */
	struct scenario_rate {
		unsigned from, to;
		double rate;
	} each[SCENARIO_FLOWS];
	/* Packet by packet. */
	double median, most_90, most_99; /* transfers: times, milliseconds */
	struct sim_mptcp_counters counters;
};
/* One instance: cables, traffic and subflows are drawn by `seed`; the traffic is the same for all nets of a seed. -1 with *error. */
int scenario_run(
	const struct scenario *scenario, uint64_t seed, struct scenario_outcome *outcome, char **error);

#endif
