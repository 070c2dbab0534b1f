/* Datagrams: the UDP packets of a capture, one by one. */
#ifndef LIQUIDNET_DATAGRAMS_H
#define LIQUIDNET_DATAGRAMS_H

#include <stddef.h>
#include <stdint.h>

struct datagram {
	int64_t at_ns;             /* of the capture's clock */
	unsigned from, to;         /* ports */
	unsigned length;           /* bytes of payload, as the header says */
	const unsigned char *data; /* what was captured of it */
	size_t size;
};

/* Calls `each` for every whole or first fragment's datagram of a capture (Ethernet, IPv4 or IPv6 without extension
 * headers). -1 and *error when it cannot be read. */
int datagrams_read(const char *capture, void (*each)(void *context, const struct datagram *datagram),
	void *context, char **error);

#endif
