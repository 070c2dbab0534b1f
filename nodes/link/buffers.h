/* Buffers: pieces of memory of equal size for the held packets, up to a limit. They come from chunks that are touched before use
 * (and so locked, after mlockall). Chunks are kept until the end. */
#ifndef LIQUIDNET_LINK_BUFFERS_H
#define LIQUIDNET_LINK_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

struct buffers {
	size_t size; /* of one */
	uint64_t allocated, limit;
	void *free;   /* a list, linked through the first bytes */
	void *chunks; /* likewise */
};

void buffers_init(struct buffers *buffers, size_t size, uint64_t limit);
void buffers_free(struct buffers *buffers);
/* NULL when the limit or the machine's memory is reached. */
void *buffers_get(struct buffers *buffers);
void buffers_put(struct buffers *buffers, void *buffer);

#endif
