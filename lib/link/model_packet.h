/* A packet in a link: what the model keeps of it while it waits and travels, and gives back. */
#ifndef LIQUIDNET_LINK_MODEL_PACKET_H
#define LIQUIDNET_LINK_MODEL_PACKET_H

#include <stdbool.h>
#include <stdint.h>

enum model_end {
	MODEL_LEAVES,
	MODEL_DROPPED_HEAD, /* to make room for a newer one */
	MODEL_DROPPED_CODEL,
	MODEL_LOST_IN_AIR, /* each of its tries in a medium failed */
	MODEL_BOUNCED,     /* a header that goes back to its sender, the way it came */
};

struct model_packet {
	int64_t departure_ns; /* when it leaves the far end of the link, or was dropped */
	uint64_t number;      /* of its offer, from 0 */
	enum model_end end;
	bool ecn;       /* as offered */
	bool trimmed;   /* `bytes` is now the size of its header; the caller must cut the packet */
	bool marked;    /* congestion experienced: the caller must mark the packet */
	bool twice;     /* the caller must send it twice */
	bool corrupted; /* the caller must flip one bit: bit_draw modulo the number of bits that may change */
	uint64_t bit_draw;
	uint32_t bytes;
	void *token;
};

#endif
