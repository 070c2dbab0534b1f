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
	MODEL_BOUNCED,     /* a header that goes back to its sender, by the way it came */
};

struct model_packet {
	int64_t departure_ns; /* when it leaves the far end of the link, or was dropped */
	uint64_t number;      /* of its offer, from 0 */
	enum model_end end;
	bool ecn;       /* as offered */
	bool trimmed;   /* `bytes` are those of its header now: the caller is to cut it */
	bool marked;    /* congestion experienced: the caller is to mark it */
	bool twice;     /* it is duplicated */
	bool corrupted; /* one bit is wrong: bit_draw modulo the bits that the caller lets it change */
	uint64_t bit_draw;
	uint32_t bytes;
	void *token;
};

#endif
