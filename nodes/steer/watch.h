/* Watch: learns about connections from passing packets. It takes keys from handshakes, verifies joins with them, follows the sequence
 * numbers of both directions, and looks for patterns. It only observes; steps.h acts. Pure. */
#ifndef LIQUIDNET_STEER_WATCH_H
#define LIQUIDNET_STEER_WATCH_H

#include "nodes/steer/table.h"

/* What a packet showed for the first time. */
enum sighting_news {
	NEWS_KEYS = 1,      /* a connection, with its keys */
	NEWS_PROVEN = 32,   /* the third packet of a join, with the right HMAC */
	NEWS_JOIN = 2,      /* a join of a known connection was asked for */
	NEWS_UP = 4,        /* a flow's server has spoken after the third packet: both ends have it */
	NEWS_RESET = 8,     /* the flow was reset by an end */
	NEWS_FINISHED = 16, /* both ends have closed it */
};

struct sighting {
	unsigned news;
	uint32_t flow, connection; /* TABLE_NONE: not one that is known */
	unsigned direction;        /* FROM_CLIENT, FROM_SERVER */
};

struct watch_counters {
	uint64_t packets, malformed, cut, other;
	uint64_t no_keys;  /* connections whose handshake was not seen, as far as there was room for them */
	uint64_t bad_keys; /* the third packet contradicts the SYN/ACK */
	uint64_t bad_hmac; /* joins that the keys do not prove */
	uint64_t gaps;     /* sequence numbers that did not pass here */
	uint64_t payload_cut; /* segments of which not all payload was at hand (merged ones) */
};

/* Processes a packet; *sighting is what it shows. A flow that has ended stays if it is watched; otherwise it is removed before this returns,
 * and sighting->flow is TABLE_NONE. */
void watch_packet(struct table *table, const struct rules *rules, struct watch_counters *counters,
	const struct packet *packet, struct sighting *sighting);

#endif
