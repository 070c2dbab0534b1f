/* Time: nanoseconds of CLOCK_MONOTONIC. */
#ifndef LIQUIDNET_CLOCK_H
#define LIQUIDNET_CLOCK_H
#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

static inline int64_t clock_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}
#endif
