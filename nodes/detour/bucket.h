/* Token bucket: how often something may happen. Pure; one division. */
#ifndef LIQUIDNET_DETOUR_BUCKET_H
#define LIQUIDNET_DETOUR_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	int64_t full_at; /* when it will be full again, ns; in the past: it is */
};

/* Takes one of `burst` (>= 1) tokens, of which `rate` (>= 1) come back a second. False when there is none. */
static inline bool bucket_take(struct bucket *bucket, int64_t now_ns, uint32_t rate, uint32_t burst)
{
	int64_t each = 1000000000LL / rate, at = bucket->full_at > now_ns ? bucket->full_at : now_ns;
	if (at + each - now_ns > each * burst)
		return false;
	bucket->full_at = at + each;
	return true;
}

#endif
