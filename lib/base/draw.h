/* Draws: the only random number generator here, splitmix64 (Steele, Lea, Flood, 2014; any seed is good). Draws by counter
 * (draw_number) do not depend on how many other draws were made before: the same seed, stream and number give the same
 * draw everywhere. Draws by step (draw_next) give a sequence per seed. The results are the same on every machine. Not for
 * secrets. */
#ifndef LIQUIDNET_DRAW_H
#define LIQUIDNET_DRAW_H

#ifdef __bpf__ /* whose compiler has no C library */
#include <linux/types.h>
typedef __u64 uint64_t;
#else
#include <stdint.h>
#endif

#define DRAW_GOLDEN 0x9e3779b97f4a7c15ULL
#define DRAW_BITS 53 /* of a draw: what a double holds */

/* The finaliser: every bit of the result depends on every bit of `x`. */
static inline uint64_t draw_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* The key of one sequence of draws: `stream`, such as a direction of a link, and `what` (1 to 15) is drawn. */
static inline uint64_t draw_key(uint64_t seed, uint64_t stream, unsigned what)
{
	return draw_mix(draw_mix(seed + DRAW_GOLDEN) + 16 * stream + what);
}

/* The sequence's draw of that number, from 0 to 2^DRAW_BITS - 1. */
static inline uint64_t draw_number(uint64_t key, uint64_t number)
{
	return draw_mix(key + number * DRAW_GOLDEN) >> (64 - DRAW_BITS);
}

/* The next 64 bits of a sequence; `state` begins as its seed. */
static inline uint64_t draw_next(uint64_t *state)
{
	return draw_mix(*state += DRAW_GOLDEN);
}

#ifndef __bpf__ /* nor has BPF fractions, or numbers of 128 bits */
/* The sequence's next, uniform in [0, 1). */
static inline double draw_uniform(uint64_t *state)
{
	return (double)(draw_next(state) >> (64 - DRAW_BITS)) * 0x1p-53;
}

/* The sequence's next, from 0 to n - 1 (n > 0): the high half of a product, whose bias is n / 2^64. */
static inline uint64_t draw_below(uint64_t *state, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)draw_next(state) * n) >> 64);
}
#endif

#endif
