/* Arena: memory that is taken piece by piece and given back all at once. A capture of many flows takes a hundred
 * thousand pieces; each by malloc, and each freed, was a tenth of the time. */
#ifndef LIQUIDNET_ANALYSIS_ARENA_H
#define LIQUIDNET_ANALYSIS_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* Zeros are an empty one. Not for two threads at once. */
struct arena {
	struct arena_chunk *chunks; /* the newest first */
	char *at;
	size_t left; /* bytes behind `at` */
};

/* `size` bytes of zeros that start at a cache line (64 bytes); NULL without memory. They live until arena_free(). */
void *arena_take(struct arena *arena, size_t size);
void arena_free(struct arena *arena);

#endif
