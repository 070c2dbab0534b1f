/* Expectation: when packets that have crossed a link should have left it. The observed times are compared with a model of
 * the same packets, which uses their times at the near end and the link's rate and delay. The model does not predict the
 * jitter of a single packet. It is known which packets were lost; they took no time of the link, because a link loses
 * packets before it queues them. */
#ifndef LIQUIDNET_LINK_EXPECT_H
#define LIQUIDNET_LINK_EXPECT_H

#include "lib/link/shape.h"
#include <stddef.h>
#include <stdint.h>

/* ns that a frame of `bytes` (with its Ethernet header) occupies the link; 0: no rate limits it. */
double link_serialisation_ns(const struct shape *shape, uint32_t bytes);
/* The longest that a frame may take: behind a full queue of such frames, and with all of the jitter. */
int64_t link_longest_ns(const struct shape *shape, uint32_t bytes);

/* departures_ns[i]: when the packet that was offered at offered_ns[i] should have left the link. All packets have `bytes`
 * bytes and are in the order of their offers; a time before that of the predecessor counts as the predecessor's. Packets
 * wait only for the packets given here. -1 and *error: no memory. */
int link_expect(const struct shape *shape, uint32_t bytes, const int64_t *offered_ns, size_t count,
	int64_t *departures_ns, char **error);

#endif
