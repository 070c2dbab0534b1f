/* Stamp: sends numbered packets from one network namespace to another and takes the kernel's own times at both ends. This
 * measures what the path between them does to packets. UDP, one way, paced.
 *
 * What the times mean (both CLOCK_REALTIME: they may be subtracted, not compared with clock_now_ns):
 *   sent      SOF_TIMESTAMPING_TX_SCHED: the packet is handed to the sending interface, its next hop
 * resolved, before the clsact hook and the queue discipline, so before any emulation on that interface.
 *             (TX_SOFTWARE would be after it: veth stamps in its transmit function.) A late system call or
 *             a preempted sender does not count.
 *   received  SO_TIMESTAMPNS: the last interface hands the packet to its host, before the host's stack.
 * Between the two lie every queue, hook and device; over a bare veth pair a microsecond or so.
 * The packets leave by the interface that has the sender's address, whatever the routes say. */
#ifndef LIQUIDNET_STAMP_H
#define LIQUIDNET_STAMP_H

#include <stdint.h>

struct stamp_plan {
	int netns[2];           /* descriptors: sender, receiver */
	const char *address[2]; /* IPv4 or IPv6, numeric, of the sender's and the receiver's interface */
	uint32_t count;         /* packets, at least 1 */
	uint32_t bytes;         /* of a frame with its Ethernet header, STAMP_BYTES_MIN to 9014 */
	int64_t interval_ns; /* mean; each interval is drawn from 0.5 to 1.5 times this, the same in every run */
	int64_t patience_ns; /* how long to wait for a packet: at least the path's longest delay */
};
#define STAMP_BYTES_MIN 72

struct stamp {
	int64_t sent_ns;
	int64_t received_ns; /* 0: lost. Of a packet that comes twice, the first */
};

/* Sends and collects; stamps[] has room for plan->count, by number. First it sends packets that are not
 * counted until one arrives, so that neighbours are known and the way is open. The caller may want SCHED_FIFO
 * for an even pace; the times do not need it. Returns 0; -1 and *error when there are no such addresses,
 * nothing arrives for `patience_ns` and a second, or the kernel gives no times; STAMP_NO_ROUTE and *error
 * when the sender knows no way to that address. Single-threaded programs only. */
#define STAMP_NO_ROUTE (-2)
int stamp_run(const struct stamp_plan *plan, struct stamp *stamps, char **error);

/* Microseconds, by nearest rank; all 0 when nothing was received. */
struct stamp_summary {
	uint32_t count, received, late; /* late: came after one that was sent later */
	double min_us, median_us, p90_us, p99_us, max_us;
};

/* How much longer than `expected_ns` the packets took: give the delay, the serialisation and the median of a
 * bare way. */
struct stamp_summary stamp_summarise(const struct stamp *stamps, uint32_t count, int64_t expected_ns);

#endif
