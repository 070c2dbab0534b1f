/* Listeners: the TCP ports on which a host listens, over IPv4 and IPv6, at any address; in the network
 * namespace in which they were opened. */
#ifndef LIQUIDNET_LISTENERS_H
#define LIQUIDNET_LISTENERS_H

#include <stdint.h>

struct listeners;

/* NULL with *error when the kernel has no socket diagnosis. */
struct listeners *listeners_open(char **error);
void listeners_close(struct listeners *listeners);
/* Calls `add` with each port, in no order, and with some of them twice. -1 with *error; `add` may have been called before. */
int listeners_read(
	struct listeners *listeners, void (*add)(void *context, uint16_t port), void *context, char **error);
#endif
