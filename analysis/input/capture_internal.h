/* Capture, inside: the window on the file that both formats read from, and what they share. */
#ifndef LIQUIDNET_ANALYSIS_CAPTURE_INTERNAL_H
#define LIQUIDNET_ANALYSIS_CAPTURE_INTERNAL_H

#include "analysis/input/capture.h"
#include "analysis/input/source.h"
#include <byteswap.h>
#include <stdbool.h>
#include <string.h>

/* No packet is longer: libpcap's limit is 256 KiB, BIG TCP packets are 512 KiB at most. */
#define CAPTURE_LONGEST (1u << 20)

enum { CAPTURE_INTERFACES = 4096 }; /* pcapng: of one section; more are malformed */

struct capture_interface {
	uint16_t link_type;
	bool binary; /* time unit is 2^-exponent seconds, not 10^-exponent */
	uint8_t exponent;
	uint32_t snap_length; /* 0: none */
	int64_t offset_s;
};

struct capture {
	const uint8_t *cursor, *end; /* what is at hand and not yet read */
	uint64_t end_offset;         /* in the file, of `end` */
	bool last;                   /* nothing follows `end` */
	bool stopped;                /* the file says no more that can be trusted */
	bool is_ng, swapped;
	uint16_t link_type;
	uint16_t version; /* pcap: the minor one */
	uint32_t record_header;
	uint32_t time_unit_ns; /* pcap: of the fraction */
	int64_t last_time_ns;  /* pcapng: for packets without time */
	struct capture_interface *interfaces;
	size_t interface_count;
	struct capture_counters counters;
	struct source source;
	int read_error; /* errno of the read that ended the file, or 0 */
	uint8_t *buffer;
	size_t buffer_size;
};

static inline uint32_t capture_u32(const struct capture *capture, const uint8_t *p)
{
	uint32_t value;
	memcpy(&value, p, sizeof value);
	return capture->swapped ? bswap_32(value) : value;
}

static inline uint16_t capture_u16(const struct capture *capture, const uint8_t *p)
{
	uint16_t value;
	memcpy(&value, p, sizeof value);
	return capture->swapped ? bswap_16(value) : value;
}

/* Makes at least `size` bytes available at the cursor; false when the file ends before (what is there stays).
 */
bool capture_need(struct capture *capture, size_t size);
/* Moves over `size` bytes, however many; false when the file ends before. */
bool capture_skip(struct capture *capture, uint64_t size);
/* Counts a malformed record at the cursor; `stop` ends the reading. */
void capture_malformed(struct capture *capture, bool stop);

size_t capture_next_ng(struct capture *capture, struct capture_packet *packets, size_t max);

#endif
