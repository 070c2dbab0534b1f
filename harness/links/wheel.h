/* Wheel: what the BPF program of the in-kernel back end (wheel.bpf.c) and its owner (shape_wheel.c) share.
 *
 * HTB charges a class for a packet after it has left, and lets it go into debt. The program sends a primer
 * into the interface's one class, a copy of a packet stretched to a length whose price in the interface's
 * size table (TCA_STAB) is the time from the release before to the next one, and then the packet that is due
 * there, which costs nothing: the timer by which HTB waits for the debt to be paid releases it. HTB's account
 * is one of absolute time as long as its credit (WHEEL_CREDIT_NS) is not used up, so a late timer makes the
 * packets after it no later. One class does, because the releases never fall back; a class for each would
 * cost seconds: the kernel looks each up in one list of all (flow_indr_dev_setup_offload). */
#ifndef LIQUIDNET_WHEEL_H
#define LIQUIDNET_WHEEL_H

#include "harness/links/wheel_protocol.h"
#include <linux/bpf.h>

#define WHEEL_QUEUE 32768   /* a power of two: the longest queue in packets */
#define WHEEL_MAJOR 0x10000 /* handle of the root discipline, 1: */
#define WHEEL_CLASS 2       /* minor number of the class */
/* What an idle class saves up, in ticks of 64 ns. When the machine stands still for longer, account and time
 * part; but the price list reaches so much further (wheel_geometry.c). */
#define WHEEL_CREDIT_NS 250000000

/* Lengths of primers: longer than any packet of the wire, so that the other end of the veth pair drops them.
 */
#define WHEEL_BASE 2048
#define WHEEL_FINE 4096   /* levels of one unit each: from 0, and again from fine_first_ns */
#define WHEEL_COARSE 5000 /* levels of coarse_ns each, from 0 */
#define WHEEL_LEVELS (2 * WHEEL_FINE + WHEEL_COARSE)
#define WHEEL_SIZES (WHEEL_BASE + WHEEL_LEVELS)

struct wheel_settings {
	__u64 unit_ns;       /* of the size table */
	__u64 fine_first_ns; /* a multiple of the unit */
	__u64 coarse_ns;     /* a multiple of the unit */
	__u64 rate_bps;      /* 0: not limited */
	__u64 ns_per_byte;   /* x 2^22 */
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
	__u64 primed;           /* releases that needed a primer */
	__u64 longest_wait_ns;  /* high-water mark of the queue, as time */
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
	__u64 paid_ns;           /* until when the class is in debt */
	__u64 ends[WHEEL_QUEUE]; /* of the serialisation of the last packets, in turn */
};

/* The level nearest to a debt, and what it costs. */
static inline __attribute__((always_inline)) __u32 wheel_level(const struct wheel_settings *w, __u64 debt_ns)
{
	__u64 nearest = debt_ns + w->unit_ns / 2, level;
	if (nearest < WHEEL_FINE * w->unit_ns)
		return (__u32)(nearest / w->unit_ns);
	if (debt_ns >= w->fine_first_ns && nearest < w->fine_first_ns + WHEEL_FINE * w->unit_ns)
		return WHEEL_FINE + (__u32)((nearest - w->fine_first_ns) / w->unit_ns);
	level = (debt_ns + w->coarse_ns / 2) / w->coarse_ns;
	return 2 * WHEEL_FINE + (__u32)(level < WHEEL_COARSE ? level : WHEEL_COARSE - 1);
}

static inline __attribute__((always_inline)) __u64 wheel_price_ns(const struct wheel_settings *w, __u32 level)
{
	if (level < WHEEL_FINE)
		return level * w->unit_ns;
	if (level < 2 * WHEEL_FINE)
		return w->fine_first_ns + (level - WHEEL_FINE) * w->unit_ns;
	return (level - 2 * WHEEL_FINE) * w->coarse_ns;
}

#endif
