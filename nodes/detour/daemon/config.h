/* The configuration of liquidnet-detour: its YAML file, checked. Every key is explained in
 * detour.example.yaml. */
#ifndef LIQUIDNET_DETOUR_CONFIG_H
#define LIQUIDNET_DETOUR_CONFIG_H

#include "lib/net/openvpn.h"
#include "nodes/detour/daemon/mapping.h"
#include <net/if.h>

struct conf;

struct network {
	uint32_t address, mask; /* host order; address has no bits outside mask */
};

struct detour_config {
	struct in_addr address; /* where requests are listened for, and OpenVPN's clients */
	uint16_t port;
	bool manage_forwarding;

	bool nat;
	struct mapping_limits limits;
	struct network *allow; /* clients that may ask; none: any */
	size_t allow_count;

	bool vpn;
	uint16_t vpn_port;
	struct network vpn_subnet;
	const char *certificate, *key, *directory;
	char device[IFNAMSIZ];
	const char **peers; /* certificate files of the clients */
	size_t peer_count;
	enum openvpn_encryption encryption;
	unsigned route_metric; /* of the route to everywhere that clients are told; 0: none is told */

	struct conf *conf; /* owns the texts */
};

/* Reads a file. NULL on failure, with *error of the form `FILE:LINE: ...`. */
struct detour_config *detour_config_load(const char *path, char **error);
void detour_config_free(struct detour_config *config);
bool detour_config_allows(const struct detour_config *config, struct in_addr client);
#endif
