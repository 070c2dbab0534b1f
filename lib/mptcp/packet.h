/* Reads and writes an IPv4 or IPv6 packet that carries one TCP segment. It is for programs that watch packets or insert
 * segments of their own. Captures are read by analysis/, which also knows tunnels and fragments. Pure. */
#ifndef LIQUIDNET_MPTCP_PACKET_H
#define LIQUIDNET_MPTCP_PACKET_H

#include "lib/mptcp/option_build.h"
#include <stddef.h>

#define PACKET_HEADERS                                                                                       \
	(40 + 60) /* at most, of a packet that is written: IPv6 without extensions, TCP with options */

enum packet_flags {
	PACKET_FIN = 1,
	PACKET_SYN = 2,
	PACKET_RST = 4,
	PACKET_PSH = 8,
	PACKET_ACK = 16,
};

struct packet_end {
	uint8_t address[16]; /* network order; IPv4: mapped, ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2) */
	uint16_t port;       /* host order */
};

struct packet {
	unsigned family; /* 4 or 6 */
	struct packet_end source, destination;
	uint32_t sequence, acknowledgement;
	uint16_t window; /* as sent, unscaled */
	uint8_t flags;   /* of enum packet_flags, and others as they come */
	uint8_t options_length;
	const uint8_t *options; /* in the bytes that were read; all of them, or the packet is cut */
	const uint8_t *payload;
	uint32_t payload_at_hand; /* bytes that were captured */
	uint32_t payload_length;  /* bytes that the headers say */
};

enum packet_result {
	PACKET_TCP,
	PACKET_OTHER,     /* no TCP, or a fragment */
	PACKET_CUT,       /* not all of the headers are at hand */
	PACKET_MALFORMED, /* lengths that cannot be */
	PACKET_RESULTS,
};

/* Reads a packet that begins with its IP header, of which `at_hand` bytes were captured of `length` on the wire. The result
 * points into `bytes`. Checksums are not looked at: a segment that is sent from this host has none yet. */
enum packet_result packet_read(const uint8_t *bytes, size_t at_hand, size_t length, struct packet *packet);

/* Writes a packet with options and payload (`payload_at_hand` bytes), checksums and hop limit 64, into `bytes` with room for
 * `size`. Its length, or 0 when it does not fit or the options are longer than 40 bytes; options are padded to four bytes. */
size_t packet_write(const struct packet *packet, uint8_t *bytes, size_t size);

/* How much of the sequence space a segment takes: its payload, a SYN and a FIN. */
static inline uint32_t packet_space(const struct packet *packet)
{
	return packet->payload_length + !!(packet->flags & PACKET_SYN) + !!(packet->flags & PACKET_FIN);
}

#endif
