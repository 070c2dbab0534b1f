/* Which path each packet of a flow takes. The packets take all paths in a random order, one packet per path; after the last
 * path a new order begins (Trilogy2 D1.4, section 3.6.2: randomised round robin). For networks with unequal paths a sender
 * may keep a score per path, from the answers to packets that took it, and avoid a path with many more trims than the others
 * (SIGCOMM 2017, section 3.2.3). Pure: memory and seed are the caller's. */
#ifndef LIQUIDNET_NDP_PATHS_H
#define LIQUIDNET_NDP_PATHS_H

#include <stdint.h>

enum ndp_spray {
	NDP_SPRAY_PERMUTE, /* as above */
	NDP_SPRAY_RANDOM,  /* any path for each packet, as switches with per-packet ECMP do */
	NDP_SPRAY_FLOW,    /* one random path for the flow, as ECMP by flow does */
};

/* What is known of a path. */
struct ndp_path {
	uint32_t acks, nacks; /* answers to packets that took it; a bounce counts as three NACKs */
	uint32_t avoid;       /* how often it is skipped between two uses */
	uint32_t skips;       /* how often it is still skipped before its next use */
};

struct ndp_paths {
	uint16_t *order;         /* `count` path numbers */
	struct ndp_path *scores; /* `count`, zeroed; NULL: no path is avoided */
	uint32_t count, at;
	enum ndp_spray spray;
	uint64_t key, draws;
	uint64_t acks, nacks; /* of all paths */
};

/* `order` and `scores` (or NULL) have room for `count` (1..65535) and stay the caller's. `seed`: of this flow and direction. */
void ndp_paths_init(struct ndp_paths *paths, uint16_t *order, struct ndp_path *scores, uint32_t count,
	enum ndp_spray spray, uint64_t seed);
/* The path of the next packet, below `count`. */
uint32_t ndp_paths_next(struct ndp_paths *paths);

enum ndp_feedback { NDP_FEEDBACK_ACK, NDP_FEEDBACK_NACK, NDP_FEEDBACK_BOUNCE };
/* An answer about a packet that took `path`; a path that does not exist is ignored. */
void ndp_paths_feedback(struct ndp_paths *paths, uint32_t path, enum ndp_feedback feedback);

#endif
