/* Whether this host itself listens on a TCP port: one exact look-up in the kernel's table of listeners (sock_diag), O(1)
 * whatever else listens. (A dump of all listeners a request let one client take a whole processor; and the kernel tells of
 * no listener that begins, so nothing could be kept.) */
#ifndef LIQUIDNET_DETOUR_HOST_PORTS_H
#define LIQUIDNET_DETOUR_HOST_PORTS_H

#include "lib/net/address.h"

struct host_ports;

/* NULL with *error when the kernel has no socket diagnosis. */
struct host_ports *host_ports_open(char **error);
void host_ports_close(struct host_ports *ports);
/* Whether a SYN from `client` to our address `own` at `port` would find a listener; also when the kernel does not say. */
bool host_ports_listens(
	struct host_ports *ports, const struct address *client, const struct address *own, uint16_t port);
/* About `count` ports will be asked for, one behind the other as a rule: as many are asked for together, once, and the answers hold until
 * this is called again. Whoever asks for others costs twice as many at most. */
void host_ports_expect(struct host_ports *ports, unsigned count);

#endif
