/* Capture: the window on the file, and the pcap format. The window is a buffer that read(2) fills: from the
 * page cache that took 12.5 ns a packet of 111 bytes where mapping took 17 (by faults) to 21
 * (MADV_POPULATE_READ); pipes work alike, and a file that shrinks meanwhile cannot raise SIGBUS. The window
 * moves only between batches, so packets of one never do. */
#include "analysis/input/capture.h"
#include "analysis/input/capture_internal.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Small enough to stay in the second-level cache while it is read. */
#define WINDOW ((size_t)256 << 10)
#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define MAGIC_NG 0x0a0d0d0au
#define MAGIC_PATCHED 0xa1b2cd34u /* Linux kernels of the nineties: eight bytes more a record */

enum { FILE_HEADER = 24, RECORD_HEADER = 16, RECORD_HEADER_PATCHED = 24 };

static void read_more(struct capture *capture, size_t size)
{
	size_t at_hand = (size_t)(capture->end - capture->cursor);
	if (size > capture->buffer_size) {
		uint8_t *larger = malloc(size + WINDOW);
		if (!larger) {
			capture->last = true;
			return;
		}
		if (at_hand)
			memcpy(larger, capture->cursor, at_hand);
		free(capture->buffer);
		capture->buffer = larger;
		capture->buffer_size = size + WINDOW;
	} else {
		memmove(capture->buffer, capture->cursor, at_hand);
	}
	capture->cursor = capture->buffer;
	while (at_hand < size && !capture->last) {
		ssize_t got = source_read(
			&capture->source, capture->buffer + at_hand, capture->buffer_size - at_hand);
		if (got > 0) {
			at_hand += (size_t)got;
			capture->end_offset += (uint64_t)got;
		} else if (got == 0 || errno != EINTR) {
			capture->read_error = got < 0 ? errno : 0;
			capture->last = true;
		}
	}
	capture->end = capture->buffer + at_hand;
}

bool capture_need(struct capture *capture, size_t size)
{
	if ((size_t)(capture->end - capture->cursor) >= size)
		return true;
	if (capture->last)
		return false;
	read_more(capture, size);
	return (size_t)(capture->end - capture->cursor) >= size;
}

bool capture_skip(struct capture *capture, uint64_t size)
{
	for (;;) {
		uint64_t at_hand = (uint64_t)(capture->end - capture->cursor);
		if (size <= at_hand) {
			capture->cursor += size;
			return true;
		}
		capture->cursor = capture->end;
		size -= at_hand;
		if (!capture_need(capture, 1))
			return false;
	}
}

void capture_malformed(struct capture *capture, bool stop)
{
	if (!capture->counters.malformed++)
		capture->counters.malformed_offset =
			capture->end_offset - (uint64_t)(capture->end - capture->cursor);
	if (stop)
		capture->stopped = true;
}

/* The two lengths of a record. Before version 2.3 they stood the other way round, and in 2.3 some writers did so
 * (libpcap, sf-pcap.c). */
static void read_lengths(
	const struct capture *capture, const uint8_t *p, uint32_t *captured, uint32_t *original)
{
	*captured = capture_u32(capture, p + 8);
	*original = capture_u32(capture, p + 12);
	if (__builtin_expect(capture->version < 4, 0) && (capture->version < 3 || *captured > *original)) {
		uint32_t first = *captured;
		*captured = *original;
		*original = first;
	}
}

/* As many whole records as are at hand. `usual`: of this machine's byte order and of today's format. */
static inline size_t records(
	struct capture *capture, struct capture_packet *packets, size_t max, const bool usual)
{
	const uint8_t *p = capture->cursor, *const end = capture->end;
	const uint32_t header = usual ? RECORD_HEADER : capture->record_header;
	const int64_t unit_ns = capture->time_unit_ns;
	const uint16_t link_type = capture->link_type;
	struct capture_packet *packet = packets, *const last = packets + max;
	for (; packet < last && end - p >= header; packet++) {
		uint32_t captured, original;
		if (usual) {
			memcpy(&captured, p + 8, sizeof captured);
			memcpy(&original, p + 12, sizeof original);
		} else {
			read_lengths(capture, p, &captured, &original);
		}
		if (captured > CAPTURE_LONGEST || (size_t)(end - p) - header < captured)
			break;
		uint32_t seconds, fraction;
		memcpy(&seconds, p, sizeof seconds);
		memcpy(&fraction, p + 4, sizeof fraction);
		if (!usual && capture->swapped) {
			seconds = bswap_32(seconds);
			fraction = bswap_32(fraction);
		}
		packet->time_ns = (int64_t)seconds * 1000000000 + (int64_t)fraction * unit_ns;
		packet->data = p + header;
		packet->captured = captured;
		packet->original = original < captured ? captured : original;
		packet->link_type = link_type;
		p += header + captured;
	}
	capture->cursor = p;
	return (size_t)(packet - packets);
}

static size_t records_at_hand(struct capture *capture, struct capture_packet *packets, size_t max)
{
	if (!capture->swapped && capture->version >= 4 && capture->record_header == RECORD_HEADER)
		return records(capture, packets, max, true);
	return records(capture, packets, max, false);
}

static size_t next_pcap(struct capture *capture, struct capture_packet *packets, size_t max)
{
	for (;;) {
		size_t count = records_at_hand(capture, packets, max);
		if (count)
			return count;
		size_t size = capture->record_header;
		if (capture_need(capture, size)) {
			uint32_t captured, original;
			read_lengths(capture, capture->cursor, &captured, &original);
			if (captured > CAPTURE_LONGEST) {
				capture_malformed(capture, true);
				return 0;
			}
			size += captured;
		}
		if (!capture_need(capture, size)) {
			capture->counters.truncated += capture->end != capture->cursor || capture->read_error;
			capture->stopped = true;
			return 0;
		}
	}
}

size_t capture_next(struct capture *capture, struct capture_packet *packets, size_t max)
{
	if (capture->stopped)
		return 0;
	size_t count =
		capture->is_ng ? capture_next_ng(capture, packets, max) : next_pcap(capture, packets, max);
	capture->counters.packets += count;
	return count;
}

/* Reads the file's first bytes: which format, byte order, time unit. */
static int read_header(struct capture *capture, const char *path, char **error)
{
	bool enough = capture_need(capture, 4);
	if (capture->read_error)
		return error_set(error, "%s: cannot be read: %s", path,
			source_error(&capture->source, capture->read_error));
	if (!enough)
		return error_set(
			error, "%s: is empty or shorter than any capture; give a pcap or pcapng file", path);
	uint32_t magic = capture_u32(capture, capture->cursor);
	if (magic == MAGIC_NG) {
		capture->is_ng = true;
		return 0;
	}
	if (magic != MAGIC_US && magic != MAGIC_NS && magic != MAGIC_PATCHED) {
		capture->swapped = true;
		magic = bswap_32(magic);
	}
	if (magic != MAGIC_US && magic != MAGIC_NS && magic != MAGIC_PATCHED)
		return error_set(error,
			"%s: is no capture (it starts with 0x%08x); give a pcap or pcapng file, as it is or by gzip or zstd",
			path, bswap_32(magic));
	if (!capture_need(capture, FILE_HEADER))
		return error_set(error, "%s: ends within its header; capture it again", path);
	capture->time_unit_ns = magic == MAGIC_NS ? 1 : 1000;
	capture->record_header = magic == MAGIC_PATCHED ? RECORD_HEADER_PATCHED : RECORD_HEADER;
	capture->version = capture_u16(capture, capture->cursor + 6);
	capture->link_type = (uint16_t)capture_u32(capture, capture->cursor + 20);
	capture->cursor += FILE_HEADER;
	return 0;
}

struct capture *capture_open(const char *path, char **error)
{
	struct capture *capture = calloc(1, sizeof *capture);
	if (!capture) {
		error_set(error, "%s: out of memory", path);
		return NULL;
	}
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	source_start(&capture->source, fd);
	if (fd < 0) {
		error_set(error, "%s: cannot be opened: %s", path, strerror(errno));
		capture_close(capture);
		return NULL;
	}
	if (read_header(capture, path, error) < 0) {
		capture_close(capture);
		return NULL;
	}
	return capture;
}

struct capture *capture_open_memory(const void *data, size_t size, const char *name, char **error)
{
	struct capture *capture = calloc(1, sizeof *capture);
	if (!capture) {
		error_set(error, "%s: out of memory", name);
		return NULL;
	}
	source_start(&capture->source, -1);
	capture->cursor = data;
	capture->end = capture->cursor + size;
	capture->end_offset = size;
	capture->last = true;
	if (read_header(capture, name, error) < 0) {
		capture_close(capture);
		return NULL;
	}
	return capture;
}

const struct capture_counters *capture_counters(const struct capture *capture)
{
	return &capture->counters;
}

const char *capture_format(const struct capture *capture)
{
	return capture->is_ng ? "pcapng" : "pcap";
}

uint64_t capture_size(const struct capture *capture)
{
	struct stat file;
	return fstat(capture->source.fd, &file) == 0 && S_ISREG(file.st_mode) ? (uint64_t)file.st_size : 0;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	source_end(&capture->source);
	free(capture->buffer);
	free(capture->interfaces);
	free(capture);
}
