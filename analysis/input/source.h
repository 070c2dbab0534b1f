/* Source: the bytes of a capture out of a descriptor, inflated when they are compressed (gzip, RFC 1952; zstd,
 * RFC 8878; several members or frames in a row are one). */
#ifndef LIQUIDNET_ANALYSIS_SOURCE_H
#define LIQUIDNET_ANALYSIS_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct source_inflater;

struct source {
	int fd;
	int known; /* 0: not looked at yet, 1: as it is, 2: compressed */
	struct source_inflater *inflater;
};

/* Takes the descriptor over; -1: there is none. */
void source_start(struct source *source, int fd);
/* Up to `size` bytes; 0 at the end, -1 with errno: EBADMSG for compressed data that are corrupt or cut short. */
ssize_t source_read(struct source *source, void *buffer, size_t size);
/* What an errno of source_read means. */
const char *source_error(const struct source *source, int number);
void source_end(struct source *source);

#endif
