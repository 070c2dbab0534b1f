/* Scenarios as text: a traffic pattern, then KEY=VALUE words. The command line and the tables of published numbers
 * (data/ndp/ndp-published.csv) use the same text; nodes/ndp/README.md lists the words. */
#ifndef LIQUIDNET_FABRIC_SCENARIO_H
#define LIQUIDNET_FABRIC_SCENARIO_H

#include "lib/fabric/transport.h"
#include "lib/ndp/ndp_paths.h"
#include "lib/sim/topology.h"

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_TEXT 256
#define SCENARIO_PAIRS 64

enum pattern {
	PATTERN_INCAST,      /* the last N hosts send to host 0 */
	PATTERN_OUTCAST,     /* host 0 sends to the last N hosts */
	PATTERN_PERMUTATION, /* every host sends to one and receives from one */
	PATTERN_RANDOM,      /* every host sends to any other */
	PATTERN_PAIRS,       /* A-B+C-D+... */
	PATTERN_COLLATERAL, /* a long flow to host 1, and after `at` an incast of N to host 0, below the same switch */
	PATTERN_SHORTFLOW, /* host 0 sends `size` to the last host again and again, beside the background */
	PATTERNS
};

enum background { BACKGROUND_NONE, BACKGROUND_PERMUTATION, BACKGROUND_SAME };

enum scenario_topology {
	TOPOLOGY_FATTREE,
	TOPOLOGY_LEAFSPINE,
	TOPOLOGY_JELLYFISH,
	TOPOLOGY_STAR,
	TOPOLOGY_VL2,
	TOPOLOGIES
};

struct scenario {
	char text[SCENARIO_TEXT]; /* as it was written */
	enum pattern pattern;
	uint32_t count; /* N */
	uint32_t pairs[SCENARIO_PAIRS][2], pair_count;
	const struct transport *transport;
	enum background background;

	enum scenario_topology topology;
	uint32_t hosts, k;
	uint32_t shape[4]; /* the other topologies' numbers, in the order of their words */
	uint32_t oversubscribed;
	uint64_t rate_bps, delay_ps;
	uint64_t slow_core_bps; /* 0: none */

	uint64_t size;      /* bytes of a flow; 0: without end */
	uint32_t payload;   /* of a full packet */
	uint32_t window;    /* packets; NDP's first, TCP's first */
	uint32_t buffer;    /* packets; 0: the transport's own */
	bool whole;         /* they are whole packets; else bytes as in the published code */
	uint32_t marks;     /* DCTCP: packets */
	uint32_t threshold; /* slow start's end, packets; 0: none */
	uint32_t ratio;     /* headers for a data packet; 0: strict priority */
	bool bounce;
	enum ndp_spray spray;
	bool penalty;     /* NDP passes over bad paths */
	bool fifo;        /* pulls: first in, first out; else flows take turns */
	bool pace_frames; /* pulls are spaced for the whole frame, not for the payload */
	bool priority;    /* the short flow's pulls come first */
	uint32_t subflows;
	bool syn; /* TCP: data waits for a SYN's round trip */
	uint64_t rto_ps, rto_least_ps,
		scan_ps; /* rto 0: NDP's off, TCP's its own; scan 0: timers are exact */
	bool published;  /* code=published: with the faults of the published code */

	uint64_t length_ps, measure_ps; /* of the simulation; its last part, in which throughput counts */
	uint64_t at_ps, gap_ps;         /* when the incast of `collateral` begins; between two short flows */
	uint64_t spread_ps;             /* flows begin at random in this time */
};

/* Reads one. `transports`: those there are, to a NULL; the first is usual. -1 with *error, which names the word and what is allowed. */
int fabric_parse(
	struct scenario *scenario, const struct transport *const *transports, const char *text, char **error);
/* Whether flows end (size > 0 and no pattern without end): then completion times are measured, else throughput. */
bool fabric_ends(const struct scenario *scenario);
/* The network; `seed` is for random ones. NULL with *error. */
struct sim_topology *fabric_topology(const struct scenario *scenario, uint64_t seed, char **error);

#endif
