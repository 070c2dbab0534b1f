/* Forward: whether this host may begin to forward IPv6, without being cut off, and afterwards be as it was. */
#ifndef LIQUIDNET_FORWARD_H
#define LIQUIDNET_FORWARD_H

#include <net/if.h>

/* The next line of /proc/net/ipv6_route that is a default route which a router advertised: its interface. NULL: there is
 * none any more; else where to go on. */
const char *forward_advertised(const char *routes, char interface[IF_NAMESIZE]);
/* -1 and *error: why it may not, and the remedy. */
int forward_check(char **error);

#endif
