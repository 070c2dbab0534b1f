/* The TCP ports on which this host listens (in its network namespace), over IPv4 and IPv6, at any address. */
#ifndef LIQUIDNET_DETOUR_LISTEN_H
#define LIQUIDNET_DETOUR_LISTEN_H

#include "nodes/detour/mapping.h"

struct listeners;

/* NULL with *error when the kernel has no socket diagnosis. */
struct listeners *listeners_open(char **error);
void listeners_close(struct listeners *listeners);
/* Adds the ports to `ports`. -1 with *error; the set may then hold some of them. */
int listeners_read(struct listeners *listeners, struct port_set *ports, char **error);
#endif
