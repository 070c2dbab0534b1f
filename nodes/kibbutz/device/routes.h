/* Policy routing of a device. Packets of a socket that is bound to a neighbour's address go through that neighbour. Packets of a socket
 * that is bound to the cellular address go over the own link. Packets of other sockets go where new connections are to begin. It uses
 * iproute2. Rules and routes carry protocol number 77, by which the remains of a killed daemon are recognized. */
#ifndef LIQUIDNET_KIBBUTZ_ROUTES_H
#define LIQUIDNET_KIBBUTZ_ROUTES_H

#include "nodes/kibbutz/device/settings.h"

/* Adds addresses, tables and rules; earlier ones of ours are removed first. *cellular becomes the own link's
 * address. -1 with *error. */
int routes_install(const struct settings *settings, struct in_addr *cellular, char **error);
/* Sets where connections begin that are bound to no address: at a neighbour's link, or at the own one (KIBBUTZ_OWN). -1 with
 * *error. */
int routes_begin(const struct settings *settings, int neighbour, char **error);
/* A tunnel has come up. The tunnel through a neighbour gets the packets of sockets that are bound to its inner address; the own
 * tunnel (KIBBUTZ_OWN) gets forwarded packets. -1 with *error. */
int routes_tunnel(const struct settings *settings, int which, char **error);
void routes_remove(const struct settings *settings);
#endif
