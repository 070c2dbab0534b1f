/* Load: what a measurement of links needs besides stamped packets: busy processors, packets at a steady rate
 * over many links, a TCP transfer, and the processor time that all this takes, the kernel's share included.
 */
#ifndef LIQUIDNET_BENCH_LINK_LOAD_H
#define LIQUIDNET_BENCH_LINK_LOAD_H

#include "tests/bench/link/link_network.h"
#include <stdint.h>
#include <sys/types.h>

#define PROCESSORS_MOST 64

/* ---- processors */

/* One process a processor that uses all it can get. */
struct crowd {
	pid_t pids[PROCESSORS_MOST];
	int count;
};
int crowd_start(struct crowd *crowd, char **error);
void crowd_stop(struct crowd *crowd);

/* What the machine does, by the time that its processors are idle, which the kernel counts from event to
 * event, interrupts and everybody's work included. */
struct use {
	double idle_s;
	int64_t since_ns;
};
struct use use_begin(void);
/* Seconds of processor time since use_begin. */
double use_taken(const struct use *use);

/* ---- packets */

struct flood {
	uint32_t packets_per_ms; /* over all links, at most FLOOD_LINKS_MOST of them, in turn */
	uint32_t bytes;          /* of a frame with its Ethernet header */
	int64_t duration_ns;
	pid_t sender, receiver;
	volatile uint64_t *counts; /* [0] sent, [1] received */
};
#define FLOOD_LINKS_MOST 500

/* From a to b, in the background, for `duration_ns`. */
int flood_start(struct flood *flood, const struct link_network *network, char **error);
/* Waits for the end and for what is under way. */
void flood_wait(struct flood *flood);
void flood_free(struct flood *flood);

/* ---- TCP */

/* The receiver's goodput in bit/s over link 0 from a to b, measured for `duration_ns` after `warm_up_ns`
 * between two arrivals, with a window of `window` bytes, cubic (BBR paces each packet by a timer of its own).
 * The receiver is woken up for each sixteenth of the window: woken up for each packet, it and not the link
 * was the limit, at 370 Mbit/s. -1 and *error. */
double tcp_goodput(const struct link_network *network, uint32_t window, int64_t warm_up_ns,
	int64_t duration_ns, char **error);

#endif
