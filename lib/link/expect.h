/* Expectation: when packets that have crossed a link should have come out of it. What was seen is compared with the
 * model of the same packets: their times at its near end, its rate and its delay. Jitter is not expected of any one
 * packet, and which packets were lost is known: they took no time of the link, for a link loses before it queues. */
#ifndef LIQUIDNET_LINK_EXPECT_H
#define LIQUIDNET_LINK_EXPECT_H

#include "lib/link/shape.h"
#include <stddef.h>
#include <stdint.h>

/* ns that a frame of `bytes` (with its Ethernet header) occupies the link; 0: no rate limits it. */
double link_serialisation_ns(const struct shape *shape, uint32_t bytes);
/* The longest that a frame may take: behind a full queue of such frames, and with all of the jitter. */
int64_t link_longest_ns(const struct shape *shape, uint32_t bytes);

/* departures_ns[i]: when the packet should have come out that was offered at offered_ns[i], all of `bytes`, in the order
 * of their offers (one that says that it came before its predecessor came with it). Nothing waits but for the packets
 * given here. -1 and *error: no memory. */
int link_expect(const struct shape *shape, uint32_t bytes, const int64_t *offered_ns, size_t count,
	int64_t *departures_ns, char **error);

#endif
