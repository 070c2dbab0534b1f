/* Encoding and decoding of the Kibbutz protocol. */
#include "nodes/kibbutz/wire.h"

#include <arpa/inet.h>
#include <endian.h>
#include <sodium.h>
#include <string.h>

#define MAGIC 0x4b425a31 /* "KBZ1" */
#define SIGNED 52

/* Where each field is; the compiler lays it out as the wire does, and the assertion says so. */
struct layout {
	uint32_t magic;
	uint8_t type, reserved[3];
	uint32_t from, to;
	uint64_t life, challenge, echo, sequence;
	uint32_t duration_ms;
	uint8_t tag[crypto_generichash_BYTES];
} __attribute__((packed));

_Static_assert(sizeof(struct layout) == WIRE_SIZE, "84 bytes");
_Static_assert(offsetof(struct layout, tag) == SIGNED, "all but the tag is signed");
_Static_assert(crypto_generichash_KEYBYTES == WIRE_KEY_SIZE, "BLAKE2b's usual key");

static void sign(
	const uint8_t bytes[SIGNED], const uint8_t key[WIRE_KEY_SIZE], uint8_t tag[crypto_generichash_BYTES])
{
	crypto_generichash(tag, crypto_generichash_BYTES, bytes, SIGNED, key, WIRE_KEY_SIZE);
}

void wire_encode(const struct wire_message *m, const uint8_t key[WIRE_KEY_SIZE], uint8_t bytes[WIRE_SIZE])
{
	struct layout layout = {.magic = htonl(MAGIC),
		.type = (uint8_t)m->type,
		.from = m->from.s_addr,
		.to = m->to.s_addr,
		.life = htobe64(m->life),
		.challenge = htobe64(m->challenge),
		.echo = htobe64(m->echo),
		.sequence = htobe64(m->sequence),
		.duration_ms = htonl(m->duration_ms)};

	memcpy(bytes, &layout, SIGNED);
	sign(bytes, key, bytes + SIGNED);
}

static enum wire_fault check(const struct layout *layout)
{
	uint32_t duration = ntohl(layout->duration_ms);

	if (ntohl(layout->magic) != MAGIC)
		return WIRE_MAGIC;
	if (layout->type != WIRE_HELLO && layout->type != WIRE_ADVERTISE)
		return WIRE_TYPE;
	if (layout->reserved[0] | layout->reserved[1] | layout->reserved[2])
		return WIRE_RESERVED;
	if (duration > WIRE_LONGEST_MS || (layout->type == WIRE_HELLO && duration))
		return WIRE_DURATION;
	return WIRE_GOOD;
}

enum wire_fault wire_decode(const void *bytes, size_t size, const uint8_t key[WIRE_KEY_SIZE],
	struct in_addr from, struct in_addr to, struct wire_message *message)
{
	struct layout layout;
	uint8_t tag[crypto_generichash_BYTES];

	if (size != WIRE_SIZE)
		return size < WIRE_SIZE ? WIRE_SHORT : WIRE_LONG;
	memcpy(&layout, bytes, sizeof layout);
	enum wire_fault fault = check(&layout);
	if (fault != WIRE_GOOD)
		return fault;
	sign(bytes, key, tag);
	if (sodium_memcmp(tag, layout.tag, sizeof tag) != 0)
		return WIRE_FORGED;
	if (layout.from != from.s_addr || layout.to != to.s_addr)
		return WIRE_MISDIRECTED;
	*message = (struct wire_message){.type = layout.type,
		.from = from,
		.to = to,
		.life = be64toh(layout.life),
		.challenge = be64toh(layout.challenge),
		.echo = be64toh(layout.echo),
		.sequence = be64toh(layout.sequence),
		.duration_ms = ntohl(layout.duration_ms)};
	return WIRE_GOOD;
}

const char *wire_fault_name(enum wire_fault fault)
{
	static const char *const names[WIRE_FAULTS] = {
		"good", "short", "long", "magic", "type", "reserved", "duration", "forged", "misdirected"};
	return names[fault];
}
