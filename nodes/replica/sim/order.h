/* Exact order statistics. */
#ifndef LIQUIDNET_C3_ORDER_H
#define LIQUIDNET_C3_ORDER_H

#include <stdint.h>

/* The smallest of n > 0 values that at least `share` of them do not exceed. Rearranges them (Hoare's selection: linear time). */
int64_t order_quantile(int64_t *values, uint32_t n, double share);

#endif
