/* Ring: the TCP packets that enter by some interfaces, which the kernel puts into shared memory (packet(7), PACKET_RX_RING). All
 * interfaces share one ring, so that an answer does not overtake its question. It is version 2, which wakes its reader for each packet;
 * version 3 waits for a full block or a millisecond. Packets that the host itself sends do not come here, and so neither do the
 * daemon's own segments. It needs CAP_NET_RAW to open. */
#ifndef LIQUIDNET_STEER_RING_H
#define LIQUIDNET_STEER_RING_H

#include <stddef.h>
#include <stdint.h>

enum { RING_INTERFACES = 16 };

struct ring;

/* Room for 16,384 packets of up to 2,000 bytes: 32 MiB. At most RING_INTERFACES. NULL with *error. */
struct ring *ring_open(const char *const *interfaces, unsigned count, char **error);
void ring_close(struct ring *ring);
int ring_fd(const struct ring *ring); /* readable when there are packets */

/* Calls `take` for each packet that is there, from its IP header on, at most `most`; `length` is what it has on the wire. Returns how
 * many. */
unsigned ring_read(struct ring *ring, unsigned most,
	void (*take)(void *context, const uint8_t *bytes, size_t at_hand, size_t length), void *context);
/* Packets that found no room, ever. */
uint64_t ring_drops(struct ring *ring);

#endif
