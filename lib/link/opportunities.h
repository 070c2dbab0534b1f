/* Delivery opportunities of a trace, in the place of a rate: as Mahimahi has it, each carries 1504 bytes, of one packet or several (it
 * counts the IP packet and 4 bytes of its own), and is gone when nothing waits. After the trace's last one it begins again. */
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
/* When the last byte of a frame of `bytes` leaves that may leave from `start_ns` on. There is a trace. */
int64_t opportunities_serve(struct opportunities *opportunities, int64_t start_ns, uint32_t bytes);

#endif
