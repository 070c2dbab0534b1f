/* The Kibbutz protocol between two devices, version 1: one UDP datagram of 84 bytes, network byte order,
 * nodes/kibbutz/daemons.md has the table. Authenticated by a key that the two share: BLAKE2b-256 over the first 52
 * bytes. */
#ifndef LIQUIDNET_KIBBUTZ_WIRE_H
#define LIQUIDNET_KIBBUTZ_WIRE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PORT 45675
#define WIRE_SIZE 84
#define WIRE_KEY_SIZE 32
#define WIRE_LONGEST_MS 3600000 /* an advertisement promises an hour at most */

enum wire_type { WIRE_HELLO = 1, WIRE_ADVERTISE = 2 };

struct wire_message {
	enum wire_type type;
	struct in_addr from, to; /* so that a message cannot be played back to its author or to a third */
	uint64_t life;           /* drawn when the author began */
	uint64_t challenge;      /* the author's, to be echoed */
	uint64_t echo;           /* the reader's challenge, as the author knows it */
	uint64_t sequence;       /* grows with each message of a life */
	uint32_t duration_ms;    /* ADVERTISE; else 0 */
};

enum wire_fault {
	WIRE_GOOD,
	WIRE_SHORT,
	WIRE_LONG,
	WIRE_MAGIC, /* another protocol, or version */
	WIRE_TYPE,
	WIRE_RESERVED,
	WIRE_DURATION,
	WIRE_FORGED,
	WIRE_MISDIRECTED, /* genuine, but from or for somebody else */
	WIRE_FAULTS
};

void wire_encode(
	const struct wire_message *message, const uint8_t key[WIRE_KEY_SIZE], uint8_t bytes[WIRE_SIZE]);
/* Reads any bytes. *message is filled in for WIRE_GOOD only. `from` and `to` are the addresses between which
 * the datagram travelled. */
enum wire_fault wire_decode(const void *bytes, size_t size, const uint8_t key[WIRE_KEY_SIZE],
	struct in_addr from, struct in_addr to, struct wire_message *message);
const char *wire_fault_name(enum wire_fault fault);
#endif
