/* Back ends: what they share. */
#include "harness/links/backend.h"

#include "lib/base/draw.h"

uint64_t shape_seed(uint64_t seed, size_t link)
{
	return draw_mix(seed + DRAW_GOLDEN * (link + 1)) >> 1;
}

bool shaping_uses(const struct shaping *shaping, const struct shape_backend *backend, size_t link)
{
	return shaping->chosen[link] == backend;
}
