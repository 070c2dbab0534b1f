/* A VPN detour as the client sees it: an OpenVPN client that is started, watched and started again, and the
 * source route through its tunnel while that is up. */
#ifndef LIQUIDNET_CLIENT_VPN_H
#define LIQUIDNET_CLIENT_VPN_H

#include "nodes/detour/client/guard.h"
#include "nodes/detour/client/settings.h"
#include <systemd/sd-event.h>

struct vpn;

struct vpn_handlers {
	/* The tunnel is up and routed / is not any more. */
	void (*up)(void *context, unsigned detour, struct in_addr local, int if_index);
	void (*down)(void *context, unsigned detour);
	void *context;
};

/* Starts the client of settings->detours[detour]; its files go into settings->directory. Neither may end
 * before the vpn. NULL with *error when it cannot be started at all (no openvpn, a bad certificate). */
struct vpn *client_vpn_start(sd_event *loop, const struct settings *settings, unsigned detour,
	struct guard *guard, const struct vpn_handlers *handlers, char **error);
/* Something changed in this host's interfaces, rules or routes: what is missing of this tunnel's is put back. NULL-safe. */
void client_vpn_check(struct vpn *vpn);
/* Stops it, removes the route. Without a call of down(). NULL-safe. */
void client_vpn_stop(struct vpn *vpn);
/* Whether the tunnel can be used; *local and *restarts are filled in any case. */
bool vpn_is_up(const struct vpn *vpn, struct in_addr *local, unsigned *restarts);
#endif
