/* Encoding and decoding of the NDP header. */
#include "lib/ndp/ndp_wire.h"

#include <arpa/inet.h>
#include <string.h>

#define VERSION 1

/* Where each field is; the compiler lays it out as the wire does, and the assertion says so. */
struct layout {
	uint8_t version, type;
	uint16_t flags;
	uint32_t flow, sequence, pull, pacer;
	uint8_t path, paths;
	uint16_t length;
} __attribute__((packed));

_Static_assert(sizeof(struct layout) == NDP_WIRE_SIZE, "24 bytes");

#define OF_DATA (NDP_FLAG_SYN | NDP_FLAG_LAST | NDP_FLAG_RTX)

/* The flags that a type may have. */
static const uint16_t flags_of[NDP_TYPES] = {
	[NDP_DATA] = OF_DATA,
	[NDP_HEADER] = OF_DATA,
	[NDP_RTS] = OF_DATA,
	[NDP_ACK] = NDP_FLAG_PULL,
	[NDP_NACK] = NDP_FLAG_PULL,
	[NDP_PULL] = NDP_FLAG_PULL,
};

void ndp_encode(const struct ndp_message *m, uint8_t bytes[NDP_WIRE_SIZE])
{
	struct layout layout = {.version = VERSION,
		.type = (uint8_t)m->type,
		.flags = htons(m->flags),
		.flow = htonl(m->flow),
		.sequence = htonl(m->sequence),
		.pull = htonl(m->pull),
		.pacer = htonl(m->pacer),
		.path = m->path,
		.paths = m->paths,
		.length = htons(m->length)};

	memcpy(bytes, &layout, NDP_WIRE_SIZE);
}

static enum ndp_fault check(const struct ndp_message *m, size_t size)
{
	if (m->flags & ~flags_of[m->type])
		return NDP_FLAGS;
	if (m->type == NDP_PULL && !(m->flags & NDP_FLAG_PULL))
		return NDP_FLAGS;
	if ((m->flags & NDP_FLAG_PULL) ? m->pull == 0 : m->pull != 0)
		return NDP_NUMBER;
	if (m->type == NDP_PULL && m->sequence != 0)
		return NDP_NUMBER;
	if (m->path >= m->paths)
		return NDP_PATH;
	if (size - NDP_WIRE_SIZE != (m->type == NDP_DATA ? m->length : 0))
		return NDP_LENGTH;
	if (flags_of[m->type] == OF_DATA ? m->length == 0 : m->length != 0)
		return NDP_LENGTH;
	return NDP_GOOD;
}

enum ndp_fault ndp_decode(const void *bytes, size_t size, struct ndp_message *message)
{
	struct layout layout;

	if (size < NDP_WIRE_SIZE)
		return NDP_SHORT;
	memcpy(&layout, bytes, sizeof layout);
	if (layout.version != VERSION)
		return NDP_VERSION;
	if (layout.type < NDP_DATA || layout.type >= NDP_TYPES)
		return NDP_TYPE;
	struct ndp_message m = {.type = (enum ndp_type)layout.type,
		.flags = ntohs(layout.flags),
		.flow = ntohl(layout.flow),
		.sequence = ntohl(layout.sequence),
		.pull = ntohl(layout.pull),
		.pacer = ntohl(layout.pacer),
		.path = layout.path,
		.paths = layout.paths,
		.length = ntohs(layout.length)};
	enum ndp_fault fault = check(&m, size);
	if (fault == NDP_GOOD)
		*message = m;
	return fault;
}

const char *ndp_fault_name(enum ndp_fault fault)
{
	static const char *const names[NDP_FAULTS] = {
		"good", "short", "version", "type", "flags", "number", "path", "length"};
	return names[fault];
}
