/* Capture: packets out of pcap and pcapng, files and pipes, both byte orders, any time resolution, link types
 * mixed, compressed by gzip or zstd. libpcap refuses mixed link types and costs a call a packet. */
#ifndef LIQUIDNET_ANALYSIS_CAPTURE_H
#define LIQUIDNET_ANALYSIS_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

struct capture_packet {
	int64_t time_ns;     /* since 1970 */
	const uint8_t *data; /* `captured` bytes, valid until the next call of capture_next */
	uint32_t captured;   /* bytes in the file */
	uint32_t original;   /* bytes on the wire; never less than captured */
	uint16_t link_type;  /* LINKTYPE_ of the pcap registry */
};

struct capture_counters {
	uint64_t packets;   /* handed out */
	uint64_t truncated; /* records that the file's end, or an error while reading, cuts short (0 or 1) */
	uint64_t malformed; /* records or blocks that cannot be; after one of a pcap file, or a bad length,
			       reading ends */
	uint64_t malformed_offset; /* of the first of them, in bytes from the start of the file */
};

struct capture;

/* NULL and *error when the file cannot be opened or is neither pcap nor pcapng. */
struct capture *capture_open(const char *path, char **error);
struct capture *capture_open_memory(const void *data, size_t size, const char *name, char **error);

/* Fills up to `max` packets, in file order; 0 at the end. */
size_t capture_next(struct capture *capture, struct capture_packet *packets, size_t max);

const struct capture_counters *capture_counters(const struct capture *capture);
/* Bytes of the file as it lies; 0: not known (a pipe, memory). */
uint64_t capture_size(const struct capture *capture);
/* "pcap" or "pcapng". */
const char *capture_format(const struct capture *capture);
void capture_close(struct capture *capture);

#endif
