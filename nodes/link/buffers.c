/* See buffers.h. A chunk is small enough that making one takes some tens of microseconds: it happens between
 * packets. */
#include "nodes/link/buffers.h"

#include <sys/mman.h>

#define CHUNK 64 /* buffers in one; its first bytes link the chunks */
#define HEADER 64

struct item {
	struct item *next;
};

void buffers_init(struct buffers *buffers, size_t size, uint64_t limit)
{
	*buffers = (struct buffers){.size = (size + 63) & ~(size_t)63, .limit = limit};
}

static size_t chunk_size(const struct buffers *buffers)
{
	return HEADER + CHUNK * buffers->size;
}

void buffers_free(struct buffers *buffers)
{
	struct item *chunk = buffers->chunks;

	while (chunk) {
		struct item *next = chunk->next;
		munmap(chunk, chunk_size(buffers));
		chunk = next;
	}
	buffers->chunks = buffers->free = NULL;
	buffers->allocated = 0;
}

static int grow(struct buffers *buffers)
{
	size_t size = chunk_size(buffers);

	if (buffers->allocated + size > buffers->limit)
		return -1;
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	((struct item *)(void *)memory)->next = buffers->chunks;
	buffers->chunks = memory;
	buffers->allocated += size;
	for (size_t i = 0; i < CHUNK; i++)
		buffers_put(buffers, memory + HEADER + i * buffers->size);
	return 0;
}

void *buffers_get(struct buffers *buffers)
{
	if (!buffers->free && grow(buffers) < 0)
		return NULL;
	struct item *item = buffers->free;
	buffers->free = item->next;
	return item;
}

void buffers_put(struct buffers *buffers, void *buffer)
{
	struct item *item = buffer;
	item->next = buffers->free;
	buffers->free = item;
}
