/* CoDel (RFC 8289): decides which packets at the head of a queue are dropped (or marked), so that a standing queue
 * shrinks. Pure: the caller takes packets out of the queue and says how long each of them waited. */
#ifndef LIQUIDNET_LINK_CODEL_H
#define LIQUIDNET_LINK_CODEL_H

#include <stdbool.h>
#include <stdint.h>

struct codel {
	int64_t target_ns, interval_ns;
	int64_t first_above_ns; /* 0: the wait is below the target */
	int64_t drop_next_ns;
	uint32_t count, last_count;
	bool dropping;
	bool again; /* the packet before this one was dropped in the same call of dequeue() */
};

void codel_init(struct codel *codel, int64_t target_ns, int64_t interval_ns);
/* A packet that waited for `sojourn_ns` comes to the head at `now_ns`; `left_bytes` remain behind it; `largest_bytes` is
 * the largest packet so far. If the result is true, the caller drops the packet and calls again for the next packet at the
 * same time; or it marks the packet, calls codel_marked, and sends it. */
bool codel_drops(
	struct codel *codel, int64_t now_ns, int64_t sojourn_ns, uint64_t left_bytes, uint64_t largest_bytes);
/* The packet that codel_drops condemned was marked and goes out. */
void codel_marked(struct codel *codel);
/* The queue ran empty. */
void codel_empty(struct codel *codel);

#endif
