/* Match: two captures of one link, packet by packet. Both are read into lists of packets, by a hash of what no hop
 * changes; which way a flow goes and how far the clocks are apart follow from the packets seen at both ends.
 * Memory: 48 bytes a packet. */
#ifndef LIQUIDNET_ANALYSIS_MATCH_H
#define LIQUIDNET_ANALYSIS_MATCH_H

#include "analysis/analysis.h"
#include "analysis/flows/measures.h"

#define MATCH_NONE UINT32_MAX

struct match_packet {
	uint64_t identity;
	int64_t time_ns; /* since 1970, by the clock of its capture */
	uint32_t bytes;
	uint32_t flow;    /* index of its flow */
	uint32_t partner; /* the same packet at the other end; MATCH_NONE */
	uint8_t ttl;
	bool second; /* sent by the flow's second endpoint */
};

/* One direction, of the link or of a flow. */
struct match_way {
	uint64_t sent, sent_bytes, received, lost, lost_bytes, reordered;
	struct delays delay;
	int64_t latest_sent_ns; /* of the packets that arrived */
	struct series sent_series, lost_series, delay_sum_us, delay_count;
};

/* Both endpoints, the smaller first. */
struct match_flow {
	uint8_t address[2][16];
	uint16_t port[2];
	uint8_t version, protocol;
	/* Of packets seen at both ends once, by who sent them: how far apart (B's time less A's), and what TTL says. */
	int64_t sum_ns[2], least_ns[2], greatest_ns[2];
	uint64_t pairs[2];
	int64_t ttl_votes;      /* > 0: the first endpoint is at A */
	bool first_seen_second; /* who sent the first packet that A saw */
	bool known;             /* the side is known */
	bool second_at_a;
	struct match_way way[2]; /* 0: A to B */
};

struct match_input {
	const char *path;
	struct match_packet *packets;
	size_t count, capacity;
	int64_t first_ns, last_ns;
	uint64_t packets_read, ignored, outside, unknown, truncated, malformed;
};

struct matcher {
	struct match_input input[2];
	struct match_way way[2]; /* 0: A to B */
	struct match_flow *flows;
	uint32_t flow_count, flow_capacity, *slots, slot_mask;
	int64_t timeout_ns, step_ns, start_ns;
	/* B's clock less A's: the estimate, how wrong it can be (-1: not known), and what is used. */
	int64_t offset_ns, uncertainty_ns, used_offset_ns;
	bool both_ways;
	struct series_budget budget;
};

/* read.c: a capture into packets and flows. 0, or -1 and *error. */
int match_read(struct matcher *matcher, unsigned end, const char *path, char **error);
/* clocks.c: sides of flows, offset of clocks, out of the packets that have one partner. */
void match_clocks(struct matcher *matcher);
/* match_report.c */
json_t *match_json(const struct matcher *matcher);

#endif
