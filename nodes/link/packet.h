/* Changes of a packet's bytes: a link marks congestion (RFC 3168), flips a bit, or trims. Frames are Ethernet's, with or without
 * VLAN tags, and carry IPv4 or IPv6; other frames are left alone. */
#ifndef LIQUIDNET_LINK_PACKET_H
#define LIQUIDNET_LINK_PACKET_H

#include "lib/link/trim.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the sender declared that it understands marks: ECT(0), ECT(1) or marked already. */
bool packet_is_ecn(const void *frame, uint32_t bytes);
/* Marks it, and keeps the IPv4 header's checksum right. Only where packet_is_ecn. */
void packet_mark(void *frame, uint32_t bytes);
/* Flips one bit behind the Ethernet header; `draw` says which. */
void packet_corrupt(void *frame, uint32_t bytes, uint64_t draw);

/* NDP over IPv4, for links that trim: what the frame is to the port (lib/link/trim.h), when UDP's `port` is NDP's; and in *header_bytes the
 * frame up to the end of its NDP header, 0 where it cannot be cut. */
enum trim_class packet_trim_class(const void *frame, uint32_t bytes, uint16_t port, uint16_t *header_bytes);
/* Makes a HEADER of a DATA packet; the frame then has the length that packet_trim_class said. It has no UDP checksum, because the
 * data are gone. */
void packet_trim(void *frame);
/* Turns a HEADER around: type RTS, source and destination (addresses and ports) swapped, to the Ethernet address `to`. */
void packet_bounce(void *frame, const uint8_t to[6]);

#endif
