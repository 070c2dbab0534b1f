/* What the link does to a packet's bytes: marks congestion (RFC 3168), flips a bit. Frames are Ethernet's,
 * with VLAN tags or without, IPv4 or IPv6, and may be anything else: those are left alone. */
#ifndef LIQUIDNET_LINK_PACKET_H
#define LIQUIDNET_LINK_PACKET_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the sender declared that it understands marks: ECT(0), ECT(1) or marked already. */
bool packet_is_ecn(const void *frame, uint32_t bytes);
/* Marks it, and keeps the IPv4 header's checksum right. Only where packet_is_ecn. */
void packet_mark(void *frame, uint32_t bytes);
/* Flips one bit behind the Ethernet header; `draw` says which. */
void packet_corrupt(void *frame, uint32_t bytes, uint64_t draw);

#endif
