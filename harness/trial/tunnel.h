/* Tunnel: whether what goes through a UDP tunnel can be read on the wire. */
#ifndef LIQUIDNET_TUNNEL_H
#define LIQUIDNET_TUNNEL_H

#include <stdbool.h>

struct tunnel_sight {
	unsigned long data; /* UDP packets of the port that carry at least 600 bytes: data, not signalling */
	unsigned long readable; /* those in whose captured bytes the pattern stands */
};

/* Reads a capture (datagrams.h). -1 and *error when it cannot be read. */
int tunnel_look(const char *capture, int port, const char *pattern, struct tunnel_sight *sight, char **error);

#endif
