/* Capture: the pcapng format (draft-ietf-opsawg-pcapng). Sections may differ in byte order, interfaces in
 * link type and time resolution; blocks that hold no packet are skipped by their length. */
#include "analysis/input/capture_internal.h"
#include <stdlib.h>

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2,
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
};

enum { BLOCK_HEADER = 8, BLOCK_SMALLEST = 12, OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

/* Ticks of an interface's clock to nanoseconds; times that nanoseconds since 1970 cannot say become the last
 * that they can, halved, so that differences cannot overflow. */
static int64_t to_ns(const struct capture_interface *interface, uint64_t ticks)
{
	__extension__ typedef unsigned __int128 wide;
	/* The usual clocks, without a wide division. */
	if (!interface->binary && !interface->offset_s && ticks < INT64_MAX / 2000) {
		if (interface->exponent == 6)
			return (int64_t)ticks * 1000;
		if (interface->exponent == 9)
			return (int64_t)ticks;
	}
	wide ns = (wide)ticks * 1000000000u;
	if (interface->binary) {
		ns >>= interface->exponent;
	} else {
		uint64_t scale = 1;
		for (unsigned i = 0; i < interface->exponent; i++)
			scale *= 10;
		ns /= scale;
	}
	ns += (wide)interface->offset_s * 1000000000u;
	return ns > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)ns;
}

static void read_interface_options(const struct capture *capture, struct capture_interface *interface,
	const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 4) {
		uint16_t code = capture_u16(capture, p);
		size_t length = capture_u16(capture, p + 2);
		p += 4;
		if (code == OPTION_END || (size_t)(end - p) < length)
			return;
		if (code == OPTION_TSRESOL && length >= 1) {
			interface->binary = *p & 0x80;
			interface->exponent = *p & 0x7f;
			/* 10^19 and 2^63 are the finest that 64 bits can say. */
			if (interface->exponent > (interface->binary ? 63 : 19))
				interface->exponent = interface->binary ? 63 : 19;
		}
		if (code == OPTION_TSOFFSET && length >= 8) {
			uint64_t first = capture_u32(capture, p), second = capture_u32(capture, p + 4);
			bool big = capture->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
			uint64_t offset = big ? first << 32 | second : second << 32 | first;
			/* Beyond the years that nanoseconds can say, no offset is meant. */
			if (offset < 9000000000u)
				interface->offset_s = (int64_t)offset;
		}
		length = (length + 3) & ~(size_t)3;
		if ((size_t)(end - p) < length)
			return;
		p += length;
	}
}

static bool add_interface(struct capture *capture, const uint8_t *body, size_t length)
{
	if (length < 8 || capture->interface_count >= CAPTURE_INTERFACES)
		return false;
	struct capture_interface *more =
		realloc(capture->interfaces, (capture->interface_count + 1) * sizeof *capture->interfaces);
	if (!more)
		return false;
	capture->interfaces = more;
	struct capture_interface *interface = &more[capture->interface_count++];
	*interface = (struct capture_interface){
		.link_type = capture_u16(capture, body),
		.exponent = 6,
		.snap_length = capture_u32(capture, body + 4),
	};
	read_interface_options(capture, interface, body + 8, body + length);
	return true;
}

/* Fills a packet out of a block's body; false when the block is malformed. */
static bool read_packet(struct capture *capture, uint32_t type, const uint8_t *body, size_t length,
	struct capture_packet *packet)
{
	size_t header = type == BLOCK_SIMPLE ? 4 : 20, index = 0;
	if (length < header)
		return false;
	if (type == BLOCK_ENHANCED)
		index = capture_u32(capture, body);
	else if (type == BLOCK_PACKET)
		index = capture_u16(capture, body);
	if (index >= capture->interface_count)
		return false;
	const struct capture_interface *interface = &capture->interfaces[index];
	if (type == BLOCK_SIMPLE) {
		packet->original = capture_u32(capture, body);
		packet->captured = packet->original;
		if (interface->snap_length && packet->captured > interface->snap_length)
			packet->captured = interface->snap_length;
		packet->time_ns = capture->last_time_ns;
	} else {
		uint64_t ticks =
			(uint64_t)capture_u32(capture, body + 4) << 32 | capture_u32(capture, body + 8);
		packet->time_ns = to_ns(interface, ticks);
		packet->captured = capture_u32(capture, body + 12);
		packet->original = capture_u32(capture, body + 16);
	}
	if (packet->captured > length - header)
		return false;
	if (packet->original < packet->captured)
		packet->original = packet->captured;
	packet->data = body + header;
	packet->link_type = interface->link_type;
	capture->last_time_ns = packet->time_ns;
	return true;
}

/* A section starts: its byte order is told by a magic number behind the length. Returns false at a bad one.
 */
static bool start_section(struct capture *capture)
{
	uint32_t magic;
	memcpy(&magic, capture->cursor + 8, sizeof magic);
	if (magic != 0x1a2b3c4d && magic != 0x4d3c2b1a)
		return false;
	capture->swapped = magic == 0x4d3c2b1a;
	capture->interface_count = 0;
	return true;
}

/* Ends the reading: what is left at the cursor is part of a block at most; after an error nothing is known.
 */
static void end_of_file(struct capture *capture, bool partial)
{
	capture->counters.truncated += partial || capture->read_error;
	capture->stopped = true;
}

/* Reads one block. Returns 1 with a packet, 0 with none, -1 when a batch must end before this block (it lies
 * beyond the window, and moving that would pull the data from under the batch's packets) or the file ends. */
static int read_block(struct capture *capture, struct capture_packet *packet, bool may_move)
{
	size_t at_hand = (size_t)(capture->end - capture->cursor);
	if (at_hand < BLOCK_SMALLEST) {
		if (!may_move)
			return -1;
		if (!capture_need(capture, BLOCK_SMALLEST)) {
			end_of_file(capture, capture->end != capture->cursor);
			return -1;
		}
	}
	uint32_t type = capture_u32(capture, capture->cursor);
	if (type == BLOCK_SECTION && !start_section(capture)) {
		capture_malformed(capture, true);
		return -1;
	}
	uint32_t length = capture_u32(capture, capture->cursor + 4);
	bool wanted = type == BLOCK_INTERFACE || type == BLOCK_PACKET || type == BLOCK_SIMPLE ||
		      type == BLOCK_ENHANCED;
	if (length < BLOCK_SMALLEST || length % 4 || (wanted && length > CAPTURE_LONGEST)) {
		capture_malformed(capture, true);
		return -1;
	}
	if ((size_t)(capture->end - capture->cursor) < length) {
		if (!may_move)
			return -1;
		if (!(wanted ? capture_need(capture, length) : capture_skip(capture, length))) {
			end_of_file(capture, true);
			return -1;
		}
		if (!wanted)
			return 0;
	}
	const uint8_t *body = capture->cursor + BLOCK_HEADER;
	size_t body_length = length - BLOCK_SMALLEST;
	int result = 0;
	if (type == BLOCK_INTERFACE) {
		if (!add_interface(capture, body, body_length))
			capture_malformed(capture, false);
	} else if (wanted) {
		result = read_packet(capture, type, body, body_length, packet);
		if (!result)
			capture_malformed(capture, false);
	}
	capture->cursor += length;
	return result;
}

size_t capture_next_ng(struct capture *capture, struct capture_packet *packets, size_t max)
{
	size_t count = 0;
	while (count < max && !capture->stopped) {
		int result = read_block(capture, &packets[count], count == 0);
		if (result < 0)
			break;
		count += (size_t)result;
	}
	return count;
}
