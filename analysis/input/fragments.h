/* Fragments: IP packets in pieces become whole (RFC 791, 8200). Only lengths and the beginning are kept: the
 * TCP header lies there, and payload is never looked at. Memory is bounded: the oldest packet makes room. */
#ifndef LIQUIDNET_ANALYSIS_FRAGMENTS_H
#define LIQUIDNET_ANALYSIS_FRAGMENTS_H

#include <stdbool.h>
#include <stdint.h>

enum { FRAGMENTS_HEAD = 60 }; /* bytes kept of a packet's beginning: a TCP header with all its options */

struct fragment {
	uint8_t addresses[32]; /* source and destination; IPv4: 8 bytes, the rest 0 */
	uint32_t id;
	uint32_t offset, length; /* of its payload within the packet's, in bytes */
	bool more;
	const uint8_t *data; /* `at_hand` bytes of the payload */
	uint32_t at_hand;
	int64_t time_ns;
};

struct whole {
	const uint8_t *head; /* valid until the next call */
	uint32_t at_hand;    /* bytes of it known */
	uint32_t length;     /* of the packet's payload */
};

struct fragments *fragments_new(void);
/* Takes a fragment in; true when its packet is whole now. */
bool fragments_add(struct fragments *fragments, const struct fragment *fragment, struct whole *whole);
void fragments_free(struct fragments *fragments);

#endif
