/* The arithmetic of the coupled congestion controls: given the windows and round-trip times of a connection's
 * paths, how much may one of them grow for a segment that was acknowledged, and what is left of it after a
 * loss. Integers only, no kernel: the BPF programs and the unit tests compile this same file.
 *
 *   LIA    RFC 6356, section 3.
 *   OLIA   R. Khalili et al., "MPTCP is not Pareto-Optimal: Performance Issues and a Possible Solution",
 *          IEEE/ACM Trans. Networking 21(5), 2013; draft-khalili-mptcp-congestion-control-05.
 *   BALIA  Q. Peng et al., "Multipath TCP: Analysis, Design, and Implementation", IEEE/ACM Trans. Networking
 *          24(1), 2016; draft-walid-mptcp-congestion-control-04.
 *
 * Windows are segments, times microseconds. A window of the sum of all paths, seen with the round-trip time
 * of one of them, has COUPLED_POINT binary digits behind its point. */
#ifndef LIQUIDNET_COUPLED_H
#define LIQUIDNET_COUPLED_H

#include <linux/types.h>
#include <stdbool.h>

#define COUPLED_PATHS 16 /* paths of a connection that are looked at; those beyond do not count */

#define COUPLED_WINDOW_MAX (1U << 18) /* 380 MB in flight */
#define COUPLED_RTT_MAX (1U << 22)    /* 4.2 s */
#define COUPLED_RUN_MAX (1ULL << 40)  /* bytes between two losses */

#define COUPLED_POINT 10
#define COUPLED_SUM_MAX (1ULL << 31) /* 2 million segments: its square fits */
#define COUPLED_EVERY_MAX (1U << 30)

/* OLIA counts what it owes in 2^-24 segments. */
#define COUPLED_CREDIT 24

struct coupled_path {
	__u32 window; /* 1..COUPLED_WINDOW_MAX */
	__u32 rtt_us; /* 1..COUPLED_RTT_MAX */
	__u64 run;    /* OLIA: bytes acknowledged between losses, 0..COUPLED_RUN_MAX */
};

#define COUPLED_INLINE static inline __attribute__((always_inline, unused))

COUPLED_INLINE __u64 coupled_clamp(__u64 value, __u64 low, __u64 high)
{
	return value < low ? low : value > high ? high : value;
}

/* A path as TCP knows it, made to fit. A window of 0 (a path that has just timed out) counts as 1. */
COUPLED_INLINE struct coupled_path coupled_path(__u64 window, __u64 rtt_us, __u64 run)
{
	struct coupled_path path = {
		.window = (__u32)coupled_clamp(window, 1, COUPLED_WINDOW_MAX),
		.rtt_us = (__u32)coupled_clamp(rtt_us, 1, COUPLED_RTT_MAX),
		.run = coupled_clamp(run, 0, COUPLED_RUN_MAX),
	};
	return path;
}

/* Whether no algorithm here can have answered a loss with this threshold: none leaves more than there was, or
 * than two segments. */
COUPLED_INLINE bool coupled_foreign(__u32 threshold, __u32 before)
{
	return threshold > 2 && threshold > before;
}

/* What a path sends in a round trip of another: window * other / its own, with COUPLED_POINT digits.
 * 18 + 22 + 10 = 50 bits before the division. */
COUPLED_INLINE __u64 coupled_seen(const struct coupled_path *path, __u32 rtt_us)
{
	return (((__u64)path->window * rtt_us) << COUPLED_POINT) / path->rtt_us;
}

/* The sum of that over all paths, COUPLED_SUM_MAX at most. */
COUPLED_INLINE __u64 coupled_sum(const struct coupled_path *paths, __u32 count, __u32 rtt_us)
{
	__u64 sum = 0;
	for (__u32 i = 0; i < COUPLED_PATHS; i++)
		if (i < count)
			sum += coupled_seen(&paths[i], rtt_us);
	return sum < COUPLED_SUM_MAX ? sum : COUPLED_SUM_MAX;
}

COUPLED_INLINE __u32 coupled_every(__u64 segments)
{
	return (__u32)coupled_clamp(segments, 1, COUPLED_EVERY_MAX);
}

/* LIA: after how many acknowledged segments a path of window `own` grows by one. RFC 6356 lets it grow by
 * min(alpha / total, 1 / own) a segment with alpha = total * max(w / rtt^2) / (sum of w / rtt)^2. With b the
 * path of the maximum, total / alpha = (sum of w * rtt_b / rtt)^2 / w_b: no alpha, and one rounding. */
COUPLED_INLINE __u32 lia_every(const struct coupled_path *paths, __u32 count, __u32 own)
{
	struct coupled_path best = {.window = 1, .rtt_us = COUPLED_RTT_MAX};
	for (__u32 i = 0; i < COUPLED_PATHS; i++) {
		/* 18 + 2 * 22 = 62 bits */
		if (i < count && (__u64)paths[i].window * best.rtt_us * best.rtt_us >=
					 (__u64)best.window * paths[i].rtt_us * paths[i].rtt_us)
			best = paths[i];
	}
	__u64 sum = coupled_sum(paths, count, best.rtt_us);
	__u32 every = coupled_every(((sum * sum) >> (2 * COUPLED_POINT)) / best.window);
	return every > own ? every : own;
}

/* BALIA: likewise. With x = w / rtt and a = max(x) / x of the path, it grows by x / rtt / (sum of x)^2 *
 * (1 + a) / 2 * (4 + a) / 5 a segment. Times the path's own rtt, with m = max(x) * rtt and s = sum(x) * rtt,
 * both in segments, the inverse of that is 10 w s^2 / ((w + m) (4 w + m)). */
COUPLED_INLINE __u64 balia_strongest(
	const struct coupled_path *paths, __u32 count, const struct coupled_path *own)
{
	__u64 most = (__u64)own->window << COUPLED_POINT;
	for (__u32 i = 0; i < COUPLED_PATHS; i++) {
		__u64 seen = i < count ? coupled_seen(&paths[i], own->rtt_us) : 0;
		if (seen > most)
			most = seen;
	}
	return most < COUPLED_SUM_MAX ? most : COUPLED_SUM_MAX;
}

COUPLED_INLINE __u32 balia_every(
	const struct coupled_path *paths, __u32 count, const struct coupled_path *own)
{
	__u64 most = balia_strongest(paths, count, own), sum = coupled_sum(paths, count, own->rtt_us);
	__u64 window = (__u64)own->window << COUPLED_POINT;
	/* The sum is at most COUPLED_PATHS times the largest: the quotient is below 2^35, times 10 w 2^57. */
	return coupled_every(sum * sum / (window + most) * 10 * own->window / (4 * window + most));
}

/* BALIA: the window after a loss, w - w / 2 * min(a, 1.5); with more than one path at least 1, not 2. */
COUPLED_INLINE __u32 balia_after_loss(
	const struct coupled_path *paths, __u32 count, const struct coupled_path *own)
{
	__u64 most = balia_strongest(paths, count, own), window = (__u64)own->window << COUPLED_POINT;
	__u64 loss = most < window + window / 2 ? most : window + window / 2;
	return coupled_every((2 * window - loss) >> (COUPLED_POINT + 1));
}

/* OLIA's order of paths: whether run_a / rtt_a^2 is less than (-1), as much as or more than (1) run_b /
 * rtt_b^2. A path whose losses are 1 / run apart carries sqrt(2 run) / rtt: the largest is the best. Exact:
 * 40 + 44 bits, in two halves. */
COUPLED_INLINE int olia_compare(const struct coupled_path *a, const struct coupled_path *b)
{
	const __u64 low = (1U << 22) - 1;
	__u64 square_a = (__u64)a->rtt_us * a->rtt_us, square_b = (__u64)b->rtt_us * b->rtt_us;
	__u64 low_a = a->run * (square_b & low), low_b = b->run * (square_a & low);
	__u64 high_a = a->run * (square_b >> 22) + (low_a >> 22);
	__u64 high_b = b->run * (square_a >> 22) + (low_b >> 22);
	low_a &= low;
	low_b &= low;
	if (high_a != high_b)
		return high_a < high_b ? -1 : 1;
	return low_a < low_b ? -1 : low_a > low_b;
}

/* OLIA: what one acknowledged segment adds to a path, in 2^-COUPLED_CREDIT segments, negative too:
 *   (w / rtt^2) / (sum of w / rtt)^2 + a / w.
 * Of the best paths, those whose window is not the largest take from the paths of the largest window:
 * a = 1 / (paths * such paths) for the first, a = -1 / (paths * paths of the largest window) for the others,
 * 0 when there are none to give to. `own` is one of the paths. */
COUPLED_INLINE __s64 olia_step(const struct coupled_path *paths, __u32 count, const struct coupled_path *own)
{
	struct coupled_path best = {.window = 1, .rtt_us = 1};
	__u32 largest = 0, widest = 0, poor = 0;
	__u64 sum = coupled_sum(paths, count, own->rtt_us);
	for (__u32 i = 0; i < COUPLED_PATHS; i++) {
		if (i < count && olia_compare(&paths[i], &best) >= 0)
			best = paths[i];
		if (i < count && paths[i].window > largest)
			largest = paths[i].window;
	}
	for (__u32 i = 0; i < COUPLED_PATHS; i++) {
		if (i < count && paths[i].window == largest)
			widest++;
		else if (i < count && olia_compare(&paths[i], &best) == 0)
			poor++;
	}
	/* 18 + 20 + 24 = 62 bits; the sum is at least the own window. */
	__u64 step = sum ? ((__u64)own->window << (2 * COUPLED_POINT + COUPLED_CREDIT)) / (sum * sum) : 0;
	__u64 share = 0;
	if (poor && own->window == largest)
		share = (1ULL << COUPLED_CREDIT) / ((__u64)count * widest * own->window);
	else if (poor && olia_compare(own, &best) == 0)
		return (__s64)(step + (1ULL << COUPLED_CREDIT) / ((__u64)count * poor * own->window));
	return (__s64)step - (__s64)share;
}

#endif
