/* The VPN detour of this host: a real OpenVPN server for many clients in a subnet of its own, and NAT on the
 * way out for that subnet, in an nftables table of its own. */
#ifndef LIQUIDNET_DETOUR_VPN_H
#define LIQUIDNET_DETOUR_VPN_H

#include "lib/net/openvpn.h"
#include <stdbool.h>

#define VPN_TABLE "liquidnet-detour-vpn"

struct detour_config;
struct nft_ctx;
struct vpn;

/* Makes the directory, puts the table in place (instead of one left over) and starts the server. `changed` as
 * in lib/net/openvpn.h. NULL with *error; nothing is then left. */
struct vpn *detour_vpn_start(sd_event *loop, struct nft_ctx *nft, const struct detour_config *config,
	const struct openvpn_events *events, char **error);
/* Stops the server and removes the table. NULL-safe. */
void detour_vpn_stop(struct vpn *vpn);
enum openvpn_state vpn_state(const struct vpn *vpn);
/* Whether the NAT on the way out is in place. */
bool vpn_translates(const struct vpn *vpn);
unsigned vpn_restarts(const struct vpn *vpn);
#endif
