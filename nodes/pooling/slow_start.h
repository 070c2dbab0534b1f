/* Slow start: finds its end in samples of a window. Pure. Trilogy2 D1.1, section 2.1.1.3.1.3, compares "the time at which the
 * congestion window of the fastest subflow reaches its maximum of slow start" between receive buffers that grow and buffers of a
 * fixed size. */
#ifndef LIQUIDNET_POOLING_SLOW_START_H
#define LIQUIDNET_POOLING_SLOW_START_H

#include <stddef.h>
#include <stdint.h>

struct window_sample {
	int64_t at_ns;          /* ascending */
	uint32_t cwnd;          /* segments */
	uint64_t retransmitted; /* so far */
};

#define SLOW_START_STILL_NS 1000000000 /* a window that grows no more for so long has ended its slow start */
#define SLOW_START_GROWTH 1.05         /* by no more than this factor */

/* The time of the first sample after which the window stays within SLOW_START_GROWTH for SLOW_START_STILL_NS, or of the first
 * that sees a retransmission, whichever is earlier. -1: neither is seen. */
int64_t slow_start_end(const struct window_sample *samples, size_t count);

#endif
