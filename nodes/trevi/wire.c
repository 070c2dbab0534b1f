#include "nodes/trevi/wire.h"

#include <endian.h>
#include <string.h>

#define MAGIC 0x54 /* T */

static void put16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof v);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof v);
}

static void put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof v);
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return be16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return be64toh(v);
}

/* ---- datagrams ---- */

bool wire_read_datagram(const uint8_t *bytes, size_t size, struct wire_datagram *out)
{
	if (size < WIRE_HEAD || size > WIRE_SYMBOL_MAX || bytes[0] != MAGIC || bytes[1] != WIRE_VERSION ||
		bytes[3] != 0)
		return false;
	*out = (struct wire_datagram){.type = (enum wire_datagram_type)bytes[2],
		.session = get64(bytes + 4),
		.label = get32(bytes + 12)};
	if (out->type == WIRE_ASK) {
		if (size != WIRE_REQUEST || get16(bytes + 18) != 0)
			return false;
		out->count = get16(bytes + 16);
		return out->count >= 1 && out->count <= WIRE_COUNT_MAX &&
		       out->label <= UINT32_MAX - out->count;
	}
	out->payload = bytes + WIRE_HEAD;
	out->size = size - WIRE_HEAD;
	return out->type == WIRE_BRING && out->size > 0;
}

size_t wire_write_datagram(const struct wire_datagram *d, uint8_t *bytes)
{
	bytes[0] = MAGIC;
	bytes[1] = WIRE_VERSION;
	bytes[2] = (uint8_t)d->type;
	bytes[3] = 0;
	put64(bytes + 4, d->session);
	put32(bytes + 12, d->label);
	if (d->type == WIRE_BRING)
		return WIRE_HEAD;
	put16(bytes + 16, d->count);
	put16(bytes + 18, 0);
	return WIRE_REQUEST;
}

/* ---- frames: 2 bytes of length of the rest, version, type, fields ---- */

enum field {
	SESSION = 1,
	NAME = 2,
	SIZES = 4,
	HASH = 8,
	GROUP = 16,
	PORT = 32,
	SOURCE = 64,
	REASON = 128,
	CODE = 256,
	FIRST = 512,
	TOOK = 1024
};

/* What a type has, in this order. */
static const uint16_t fields[WIRE_FRAME_TYPES] = {
	[WIRE_PREPARE] = SESSION | NAME | SIZES | HASH | GROUP | PORT | CODE,
	[WIRE_GET] = SESSION | NAME | PORT | SOURCE | CODE | FIRST,
	[WIRE_STOP] = SESSION,
	[WIRE_READY] = SESSION,
	[WIRE_OFFER] = SESSION | SIZES | HASH | CODE | TOOK,
	[WIRE_STORED] = SESSION,
	[WIRE_FAILED] = SESSION | REASON,
	[WIRE_FETCH] = SESSION | NAME,
	[WIRE_STORE] = SESSION | NAME | SIZES | HASH,
};
#define FRAME_HEAD 4

static size_t length_of(uint16_t has)
{
	return FRAME_HEAD + (has & SESSION ? 8 : 0) + (has & NAME ? WIRE_GUID + 4 : 0) +
	       (has & SIZES ? 6 : 0) + (has & HASH ? WIRE_HASH : 0) + (has & GROUP ? 4 : 0) +
	       (has & PORT ? 2 : 0) + (has & SOURCE ? 1 : 0) + (has & REASON ? 1 : 0) + (has & CODE ? 1 : 0) +
	       (has & FIRST ? 6 : 0) + (has & TOOK ? 4 : 0);
}

/* A tract of no bytes is one; it has no symbols. Groups are of 224.0.0.0/4. */
static bool possible(const struct wire_frame *f, uint16_t has)
{
	if ((has & SIZES) && (f->length > WIRE_TRACT_MAX || f->fragment < WIRE_FRAGMENT_MIN ||
				     f->fragment > WIRE_FRAGMENT_MAX))
		return false;
	if ((has & GROUP) && f->group.s_addr != 0 && !IN_MULTICAST(ntohl(f->group.s_addr)))
		return false;
	if ((has & REASON) && (f->reason < WIRE_ABSENT || f->reason > WIRE_REFUSED))
		return false;
	if ((has & CODE) && f->code >= WIRE_CODES)
		return false;
	if ((has & FIRST) && f->first > WIRE_COUNT_MAX)
		return false;
	return !(has & PORT) || f->port != 0;
}

ssize_t wire_read_frame(const uint8_t *bytes, size_t size, struct wire_frame *out)
{
	if (size < FRAME_HEAD)
		return 0;
	uint8_t type = bytes[3];
	uint16_t has = type > 0 && type < WIRE_FRAME_TYPES ? fields[type] : 0;
	size_t length = length_of(has);
	if (!has || bytes[2] != WIRE_VERSION || get16(bytes) != length - 2)
		return -1;
	if (size < length)
		return 0;
	*out = (struct wire_frame){.type = (enum wire_frame_type)type};
	const uint8_t *p = bytes + FRAME_HEAD;
	out->session = get64(p);
	p += 8;
	if (has & NAME) {
		memcpy(out->guid, p, WIRE_GUID);
		out->tract = get32(p + WIRE_GUID);
		p += WIRE_GUID + 4;
	}
	if (has & SIZES) {
		out->length = get32(p);
		out->fragment = get16(p + 4);
		p += 6;
	}
	if (has & HASH) {
		memcpy(out->hash, p, WIRE_HASH);
		p += WIRE_HASH;
	}
	if (has & GROUP) {
		memcpy(&out->group, p, 4);
		p += 4;
	}
	if (has & PORT) {
		out->port = get16(p);
		p += 2;
	}
	if (has & SOURCE)
		out->source = *p++;
	if (has & REASON)
		out->reason = *p++;
	if (has & CODE)
		out->code = *p++;
	if (has & FIRST) {
		out->first = get16(p);
		out->over_ns = get32(p + 2);
		p += 6;
	}
	if (has & TOOK)
		out->took_ns = get32(p);
	return possible(out, has) ? (ssize_t)length : -1;
}

size_t wire_write_frame(const struct wire_frame *f, uint8_t bytes[WIRE_FRAME_MAX])
{
	uint16_t has = fields[f->type];
	uint8_t *p = bytes + FRAME_HEAD;
	size_t length = length_of(has);

	put16(bytes, (uint16_t)(length - 2));
	bytes[2] = WIRE_VERSION;
	bytes[3] = (uint8_t)f->type;
	put64(p, f->session);
	p += 8;
	if (has & NAME) {
		memcpy(p, f->guid, WIRE_GUID);
		put32(p + WIRE_GUID, f->tract);
		p += WIRE_GUID + 4;
	}
	if (has & SIZES) {
		put32(p, f->length);
		put16(p + 4, f->fragment);
		p += 6;
	}
	if (has & HASH) {
		memcpy(p, f->hash, WIRE_HASH);
		p += WIRE_HASH;
	}
	if (has & GROUP) {
		memcpy(p, &f->group, 4);
		p += 4;
	}
	if (has & PORT) {
		put16(p, f->port);
		p += 2;
	}
	if (has & SOURCE)
		*p++ = f->source;
	if (has & REASON)
		*p++ = f->reason;
	if (has & CODE)
		*p++ = f->code;
	if (has & FIRST) {
		put16(p, f->first);
		put32(p + 2, f->over_ns);
		p += 6;
	}
	if (has & TOOK)
		put32(p, f->took_ns);
	return length;
}
