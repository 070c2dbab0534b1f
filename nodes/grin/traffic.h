/* Traffic matrices of the GRIN evaluation (Trilogy2 D1.2, sections 3.3.2.2 and 3.3.4.1): who sends to whom. Pure and seeded: the simulator and the
 * workload of the experiments draw the same ones. Servers are numbered from 0; the i-th `size` of them are a rack. */
#ifndef LIQUIDNET_GRIN_TRAFFIC_H
#define LIQUIDNET_GRIN_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

enum traffic_pattern {
	TRAFFIC_PERMUTATION,
	TRAFFIC_GROUP,
	TRAFFIC_ALL_TO_ALL,
	TRAFFIC_RANDOM,
	TRAFFIC_PATTERNS
};
extern const char *const traffic_pattern_names[TRAFFIC_PATTERNS + 1];

struct traffic_request {
	enum traffic_pattern pattern;
	unsigned servers, rack; /* rack: servers of one */
	/* PERMUTATION, ALL_TO_ALL: share of servers that are active, 0..1; RANDOM: connections over servers. */
	double active;
	unsigned group; /* GROUP: servers of one, the sink included */
	bool between;   /* PERMUTATION, RANDOM: only between racks */
	uint64_t seed;
};

struct traffic_flow {
	unsigned source, destination;
};

/* Permutation: each active server sends to one and receives from one, never itself. Group: every server belongs to one (those that are left over to
 * none); one of each, drawn, receives from all others. All-to-all: every active server sends to every other. Random: sources and destinations
 * are drawn. *flows is the caller's to free. The number, or -1 with *error where there is no such matrix. */
int traffic_draw(const struct traffic_request *request, struct traffic_flow **flows, char **error);

/* Of the active servers that shares mean: rounded, at least two where any. */
unsigned traffic_active(const struct traffic_request *request);

#endif
