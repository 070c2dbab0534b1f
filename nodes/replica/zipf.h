/* Numbers from 1 to n by Zipf's law: k with a probability in proportion to k^-exponent. Rejection-inversion (Hoermann and Derflinger, "Rejection-inversion to
 * generate variates from monotone discrete distributions", 1996): no table, any n. YCSB's exponent is 0.99. */
#ifndef LIQUIDNET_REPLICA_ZIPF_H
#define LIQUIDNET_REPLICA_ZIPF_H

#include <stdint.h>

struct zipf {
	double exponent, first, last, squeeze;
	uint64_t n;
};

/* n >= 1; exponent > 0. */
void zipf_init(struct zipf *zipf, uint64_t n, double exponent);
uint64_t zipf_draw(const struct zipf *zipf, uint64_t *draws);

#endif
