/* The detour protocol's datagrams: bytes to values and back. Nothing here knows of sockets or mappings. */
#include "nodes/detour/wire.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum {
	AT_VERSION = 0,
	AT_OPERATION = 1,
	AT_RESERVED = 2,
	AT_REMOTE = 4,
	AT_REMOTE_PORT = 8,
	AT_DETOUR_PORT = 10
};

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

/* An address that a host on the network can have: not 0.0.0.0, loopback, multicast or broadcast. */
static bool is_unicast(struct in_addr address)
{
	uint32_t host = ntohl(address.s_addr);
	return host != INADDR_ANY && host != INADDR_BROADCAST && !IN_MULTICAST(host) &&
	       host >> 24 != IN_LOOPBACKNET;
}

enum detour_wire_fault detour_wire_decode(const void *bytes, size_t size, struct detour_message *message)
{
	const uint8_t *at = bytes;
	if (size < DETOUR_WIRE_SIZE)
		return DETOUR_WIRE_SHORT;
	if (size > DETOUR_WIRE_SIZE)
		return DETOUR_WIRE_LONG;
	if (at[AT_VERSION] != DETOUR_WIRE_VERSION)
		return DETOUR_WIRE_BAD_VERSION;
	if (at[AT_OPERATION] != DETOUR_WIRE_REQUEST && at[AT_OPERATION] != DETOUR_WIRE_RESPONSE)
		return DETOUR_WIRE_BAD_OPERATION;
	struct detour_message read = {
		.operation = at[AT_OPERATION],
		.reserved = get16(at + AT_RESERVED),
		.remote_port = get16(at + AT_REMOTE_PORT),
		.detour_port = get16(at + AT_DETOUR_PORT),
	};
	memcpy(&read.remote.s_addr, at + AT_REMOTE, sizeof read.remote.s_addr);
	if (!is_unicast(read.remote) || read.remote_port == 0 || read.detour_port == 0)
		return DETOUR_WIRE_BAD_ENDPOINT;
	*message = read;
	return DETOUR_WIRE_OK;
}

void detour_wire_encode(const struct detour_message *message, uint8_t bytes[DETOUR_WIRE_SIZE])
{
	bytes[AT_VERSION] = DETOUR_WIRE_VERSION;
	bytes[AT_OPERATION] = (uint8_t)message->operation;
	put16(bytes + AT_RESERVED, message->reserved);
	memcpy(bytes + AT_REMOTE, &message->remote.s_addr, sizeof message->remote.s_addr);
	put16(bytes + AT_REMOTE_PORT, message->remote_port);
	put16(bytes + AT_DETOUR_PORT, message->detour_port);
}

const char *detour_wire_fault_name(enum detour_wire_fault fault)
{
	static const char *const names[DETOUR_WIRE_FAULTS] = {
		[DETOUR_WIRE_OK] = "ok",
		[DETOUR_WIRE_SHORT] = "short",
		[DETOUR_WIRE_LONG] = "long",
		[DETOUR_WIRE_BAD_VERSION] = "version",
		[DETOUR_WIRE_BAD_OPERATION] = "operation",
		[DETOUR_WIRE_BAD_ENDPOINT] = "endpoint",
	};
	return (unsigned)fault < DETOUR_WIRE_FAULTS ? names[fault] : "unknown";
}
