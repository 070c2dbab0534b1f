/* Time: nanoseconds of CLOCK_MONOTONIC. */
#ifndef LIQUIDNET_CLOCK_H
#define LIQUIDNET_CLOCK_H

#include "lib/base/units.h"
#include <stdint.h>
#include <time.h>

static inline int64_t clock_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}
#endif
