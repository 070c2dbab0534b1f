/* Pairs: two series that were taken side by side, block by block: what changes slowly is the same to both of a block, and
 * falls out of the comparison. Pure. */
#ifndef LIQUIDNET_PAIRS_H
#define LIQUIDNET_PAIRS_H

#include <stddef.h>
#include <stdint.h>

struct pairs {
	size_t n;          /* blocks */
	double ratio;      /* mean of the one / mean of the other; NAN: there is none */
	double low, high;  /* its 95 % interval: bootstrap of whole blocks; NAN for fewer than two */
	double median;     /* of the differences, one - other */
	size_t more, less; /* blocks in which the one had more, less */
	double p; /* of the sign test, two-sided: blocks without a difference are left out; NAN: none is left */
};

/* of[i] and against[i] are of one block; finite. The same seed gives the same interval. 0, or -1: out of memory. */
int pairs_compare(const double *of, const double *against, size_t n, uint64_t seed, struct pairs *out);

#endif
