/* Delivery opportunities of a trace, which replace a rate. As in Mahimahi, each opportunity carries 1504 bytes, of one packet
 * or of several (Mahimahi counts the IP packet and 4 bytes of its own), and is lost if no packet waits. After its last
 * opportunity the trace begins again. */
#ifndef LIQUIDNET_LINK_OPPORTUNITIES_H
#define LIQUIDNET_LINK_OPPORTUNITIES_H

#include "lib/link/trace.h"
#include <stdint.h>

struct opportunities {
	struct trace *trace; /* NULL: none; its owner's */
	uint64_t index;      /* the one in use, counted from the start of the trace */
	uint32_t left;       /* bytes of it */
	int64_t start_ns;    /* INT64_MIN: not begun; it begins with the first packet */
};

void opportunities_init(struct opportunities *opportunities, struct trace *trace);
/* When the last byte leaves of a frame of `bytes` bytes that may leave from `start_ns` on. There must be a trace. */
int64_t opportunities_serve(struct opportunities *opportunities, int64_t start_ns, uint32_t bytes);

#endif
