/* An IPv4 address with a port. */
#ifndef LIQUIDNET_ENDPOINT_H
#define LIQUIDNET_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct endpoint {
	struct in_addr address;
	uint16_t port; /* host order */
};

static inline bool endpoint_equal(struct endpoint a, struct endpoint b)
{
	return a.address.s_addr == b.address.s_addr && a.port == b.port;
}
#endif
