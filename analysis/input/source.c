/* Source: see the header. */
#include "analysis/input/source.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT = 128 << 10, MAGIC = 4 };

struct source_inflater {
	z_stream gzip;
	ZSTD_DStream *zstd; /* NULL: gzip, or as it is */
	int plain;          /* only the first bytes wait here */
	size_t at, length;  /* of `input` */
	int ended;          /* the descriptor's end was seen */
	int within;         /* a member or frame is under way */
	uint8_t input[INPUT];
};

void source_start(struct source *source, int fd)
{
	*source = (struct source){.fd = fd};
}

static ssize_t read_again(int fd, void *buffer, size_t size)
{
	ssize_t got;
	do
		got = read(fd, buffer, size);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Reads the first bytes and sees what they are. */
static int look(struct source *source)
{
	struct source_inflater *inflater = calloc(1, sizeof *inflater);
	static const uint8_t gzip[] = {0x1f, 0x8b, 8}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	if (!inflater) {
		errno = ENOMEM;
		return -1;
	}
	source->inflater = inflater;
	while (inflater->length < MAGIC && !inflater->ended) {
		ssize_t got =
			read_again(source->fd, inflater->input + inflater->length, MAGIC - inflater->length);
		if (got < 0)
			return -1;
		inflater->length += (size_t)got;
		inflater->ended = got == 0;
	}
	source->known = 2;
	if (inflater->length == MAGIC && memcmp(inflater->input, gzip, sizeof gzip) == 0) {
		/* 16: gzip's header and checksum. */
		if (inflateInit2(&inflater->gzip, 15 + 16) == Z_OK)
			return 0;
		errno = ENOMEM;
		return -1;
	}
	if (inflater->length == MAGIC && memcmp(inflater->input, zstd, sizeof zstd) == 0) {
		inflater->zstd = ZSTD_createDStream();
		if (inflater->zstd)
			return 0;
		errno = ENOMEM;
		return -1;
	}
	inflater->plain = 1;
	return 0;
}

/* One step; returns bytes made, -1 when the data are corrupt. */
static ssize_t inflate_gzip(struct source_inflater *inflater, uint8_t *buffer, size_t size)
{
	z_stream *stream = &inflater->gzip;
	stream->next_in = inflater->input + inflater->at;
	stream->avail_in = (uInt)(inflater->length - inflater->at);
	stream->next_out = buffer;
	stream->avail_out = (uInt)(size < UINT32_MAX ? size : UINT32_MAX);
	uInt room = stream->avail_out;
	int result = inflate(stream, Z_NO_FLUSH);
	inflater->at = inflater->length - stream->avail_in;
	inflater->within = 1;
	if (result == Z_STREAM_END) {
		inflater->within = 0;
		inflateReset(stream);
	} else if (result != Z_OK && result != Z_BUF_ERROR) {
		return -1;
	}
	return (ssize_t)(room - stream->avail_out);
}

static ssize_t inflate_zstd(struct source_inflater *inflater, uint8_t *buffer, size_t size)
{
	ZSTD_inBuffer in = {inflater->input, inflater->length, inflater->at};
	ZSTD_outBuffer out = {buffer, size, 0};
	size_t result = ZSTD_decompressStream(inflater->zstd, &out, &in);
	inflater->at = in.pos;
	if (ZSTD_isError(result))
		return -1;
	inflater->within = result != 0;
	return (ssize_t)out.pos;
}

static ssize_t read_compressed(struct source *source, uint8_t *buffer, size_t size)
{
	struct source_inflater *inflater = source->inflater;
	for (;;) {
		if (inflater->at == inflater->length && !inflater->ended) {
			ssize_t got = read_again(source->fd, inflater->input, INPUT);
			if (got < 0)
				return -1;
			inflater->at = 0;
			inflater->length = (size_t)got;
			inflater->ended = got == 0;
		}
		if (inflater->at == inflater->length && !inflater->within)
			return 0;
		ssize_t made = inflater->zstd ? inflate_zstd(inflater, buffer, size)
					      : inflate_gzip(inflater, buffer, size);
		if (made > 0)
			return made;
		if (made < 0 || (inflater->at == inflater->length && inflater->ended && inflater->within)) {
			errno = EBADMSG;
			return -1;
		}
	}
}

ssize_t source_read(struct source *source, void *buffer, size_t size)
{
	if (source->fd < 0)
		return 0;
	if (!source->known && look(source) < 0)
		return -1;
	if (source->known == 1)
		return read_again(source->fd, buffer, size);
	struct source_inflater *inflater = source->inflater;
	if (!inflater->plain)
		return read_compressed(source, buffer, size);
	/* As it is: what was looked at comes first, then the descriptor itself. */
	size_t waiting = inflater->length - inflater->at;
	source->known = waiting > size ? 2 : 1;
	if (!waiting)
		return inflater->ended ? 0 : read_again(source->fd, buffer, size);
	size_t given = waiting < size ? waiting : size;
	memcpy(buffer, inflater->input + inflater->at, given);
	inflater->at += given;
	return (ssize_t)given;
}

const char *source_error(const struct source *source, int number)
{
	(void)source;
	return number == EBADMSG ? "the compressed data are corrupt or cut short" : strerror(number);
}

void source_end(struct source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	if (source->inflater) {
		if (source->inflater->zstd)
			ZSTD_freeDStream(source->inflater->zstd);
		else if (!source->inflater->plain)
			inflateEnd(&source->inflater->gzip);
		free(source->inflater);
	}
	*source = (struct source){.fd = -1};
}
