/* Wheel: what the BPF program of the in-kernel back end (wheel.bpf.c) and its owner (shape_wheel.c) share.
 *
 * HTB charges a class for a packet after it has left, and lets it go into debt. A lane is an HTB class. The
 * program sends a primer into a lane, a copy of a packet stretched to a length whose price in the interface's
 * size table (TCA_STAB) is the time until the lane's target, and then the packets that are due at that time,
 * which cost nothing: the timer by which HTB waits for the debt to be paid releases them. Lanes are used in
 * turn; the targets rise. */
#ifndef LIQUIDNET_WHEEL_H
#define LIQUIDNET_WHEEL_H

#include "harness/wheel_protocol.h"
#include <linux/bpf.h>

#define WHEEL_LANES 512     /* a power of two: HTB classes of an interface at the most */
#define WHEEL_QUEUE 4096    /* a power of two: the longest queue in packets */
#define WHEEL_MAJOR 0x10000 /* handle of the root discipline, 1: */
#define WHEEL_FIRST 2       /* minor number of the first lane's class */

/* Lengths of primers: longer than any packet of the wire, so that the other end of the veth pair drops them.
 */
#define WHEEL_BASE 2048
#define WHEEL_FINE 8192   /* levels of one unit each, from fine_first_ns */
#define WHEEL_COARSE 5000 /* levels of coarse_ns each, from 0 */
#define WHEEL_SIZES (WHEEL_BASE + WHEEL_FINE + WHEEL_COARSE)

/* A share of a class's time is a share of the distance: packets that are due within 1/2^WHEEL_SHARE of their
 * distance of each other may share a lane. */
#define WHEEL_SHARE 8

struct wheel_settings {
	__u64 unit_ns;       /* of the size table */
	__u64 fine_first_ns; /* a multiple of the unit */
	__u64 coarse_ns;
	__u64 slot_ns;     /* packets that are due closer together than this share a lane */
	__u64 lanes;       /* a power of two, to WHEEL_LANES */
	__u64 rate_bps;    /* 0: not limited */
	__u64 ns_per_byte; /* x 2^22 */
	__u64 delay_ns, jitter_ns;
	__u64 queue;                /* packets, to WHEEL_QUEUE; 0: not limited */
	__u64 loss;                 /* of 2^53 */
	__u64 loss_key, jitter_key; /* of the draws */
};

struct wheel_counters {
	__u64 packets, bytes; /* offered */
	__u64 sent, sent_bytes;
	__u64 lost, overflowed; /* by the link's model */
	__u64 unsent;           /* by us: a packet that could not be copied */
	__u64 oversize;         /* by us: a super-packet, which HTB would take for a primer */
	__u64 primed;           /* lanes used */
	__u64 crowded;          /* packets that shared a lane because all were in use */
	__u64 early_max_ns;     /* the most by which sharing released a packet before its time */
	__u64 longest_wait_ns;  /* high-water mark of the queue, as time */
};

struct wheel_lane {
	__u64 target_ns;
	__u64 ready; /* its primer is in it */
};

/* Of one end: the program's, under its lock; user space reads the counters. */
struct wheel_state {
	struct bpf_spin_lock lock;
	__u32 unused;
	struct wheel_counters counters;
	__u64 accepted;          /* packets that got past the queue's limit */
	__u64 free_ns;           /* end of the last one's serialisation */
	__u64 remainder;         /* of its nanoseconds, x 2^22 */
	__u64 last_ns;           /* the last release: none comes before it */
	__u64 lane;              /* lanes taken so far; the last one is open to more packets */
	__u64 ends[WHEEL_QUEUE]; /* of the serialisation of the last packets, in turn */
	struct wheel_lane lanes[WHEEL_LANES];
};

#endif
