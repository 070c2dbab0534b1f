/* The detour protocol, version 1 (S. Brennan 2017, section 4.1.2, figure 4.3): one UDP datagram of 12 bytes each
 * way, port 45672, network byte order:
 *   ver(8)=1 | op(8): 0 request, 1 response | reserved(16) | remote IPv4(32) | remote port(16) | detour port(16) */
#ifndef LIQUIDNET_DETOUR_WIRE_H
#define LIQUIDNET_DETOUR_WIRE_H
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define DETOUR_WIRE_PORT 45672
#define DETOUR_WIRE_SIZE 12
#define DETOUR_WIRE_VERSION 1

enum detour_wire_operation { DETOUR_WIRE_REQUEST = 0, DETOUR_WIRE_RESPONSE = 1 };
enum detour_wire_fault {
	DETOUR_WIRE_OK,
	DETOUR_WIRE_SHORT,
	DETOUR_WIRE_LONG,
	DETOUR_WIRE_BAD_VERSION,
	DETOUR_WIRE_BAD_OPERATION,
	DETOUR_WIRE_BAD_ENDPOINT, /* remote address 0, multicast, broadcast or loopback; remote port 0; detour port 0 */
	DETOUR_WIRE_FAULTS
};

struct detour_message {
	enum detour_wire_operation operation;
	uint16_t reserved;
	struct in_addr remote; /* network order, as everywhere */
	uint16_t remote_port;  /* host order */
	uint16_t detour_port;  /* host order */
};

/* Reads a datagram of `size` bytes. Checks everything but whether the operation is the one awaited. */
enum detour_wire_fault detour_wire_decode(const void *bytes, size_t size, struct detour_message *message);
/* Writes exactly DETOUR_WIRE_SIZE bytes. */
void detour_wire_encode(const struct detour_message *message, uint8_t bytes[DETOUR_WIRE_SIZE]);
/* A stable name for a counter: "short", "long", "version", "operation", "endpoint". */
const char *detour_wire_fault_name(enum detour_wire_fault fault);
#endif
