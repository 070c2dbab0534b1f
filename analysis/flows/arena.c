/* Arena: see the header. Chunks are mapped: they come as zeros, and what is not used costs nothing. */
#include "analysis/flows/arena.h"
#include <stdint.h>
#include <sys/mman.h>

enum { LINE = 64, CHUNK_FIRST = 64 << 10, CHUNK_MOST = 4 << 20, LARGE_PAGE = 2 << 20 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
} __attribute__((aligned(64)));

/* A small capture takes little; of a large one every chunk is twice the one before, up to CHUNK_MOST. */
static struct arena_chunk *chunk_new(const struct arena *arena, size_t needed)
{
	size_t size = arena->chunks ? arena->chunks->size * 2 : CHUNK_FIRST;
	if (size > CHUNK_MOST)
		size = CHUNK_MOST;
	while (size < needed + sizeof(struct arena_chunk))
		size *= 2;
	struct arena_chunk *chunk =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED)
		return NULL;
	/* Fewer page faults and address translations; without large pages it is as before. */
	if (size >= LARGE_PAGE)
		madvise(chunk, size, MADV_HUGEPAGE);
	chunk->size = size;
	return chunk;
}

void *arena_take(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + LINE - 1) & ~(size_t)(LINE - 1);
	if (size > arena->left) {
		struct arena_chunk *chunk = chunk_new(arena, size);
		if (!chunk)
			return NULL;
		chunk->older = arena->chunks;
		arena->chunks = chunk;
		arena->at = (char *)(chunk + 1);
		arena->left = chunk->size - sizeof *chunk;
	}
	void *piece = arena->at;
	arena->at += size;
	arena->left -= size;
	return piece;
}

void arena_free(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *older = arena->chunks->older;
		munmap(arena->chunks, arena->chunks->size);
		arena->chunks = older;
	}
	*arena = (struct arena){0};
}
