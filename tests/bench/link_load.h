/* Load: what a measurement of links needs besides stamped packets: busy processors, packets at a steady rate
 * over many links, a TCP transfer, and the processor time that all this takes, the kernel's share included.
 */
#ifndef LIQUIDNET_BENCH_LINK_LOAD_H
#define LIQUIDNET_BENCH_LINK_LOAD_H

#include "tests/bench/link_network.h"
#include <stdint.h>
#include <sys/types.h>

#define PROCESSORS_MOST 64

/* ---- processors */

/* One process a processor that uses all it can get: as an ordinary one, or only what nobody else wants. */
struct crowd {
	pid_t pids[PROCESSORS_MOST];
	volatile uint64_t *turns; /* that each has made */
	int count;
};
int crowd_start(struct crowd *crowd, bool idle_only, char **error);
void crowd_stop(struct crowd *crowd);

/* How much the processors do: turns of an idle-only crowd a second when nothing else runs. */
struct soak {
	struct crowd crowd;
	double capacity;
	uint64_t turns;
	int64_t since_ns;
};
/* Calibrates for a second; the machine should be quiet. */
int soak_start(struct soak *soak, char **error);
void soak_begin(struct soak *soak);
/* Seconds of processor time that others took since soak_begin. */
double soak_taken(const struct soak *soak);

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
