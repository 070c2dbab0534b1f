/* The configuration of liquidnet-detour: its YAML file, checked. Every key is explained in detour.example.yaml. */
#ifndef LIQUIDNET_DETOUR_CONFIG_H
#define LIQUIDNET_DETOUR_CONFIG_H

#include "lib/net/openvpn.h"
#include "nodes/detour/collective.h"
#include "nodes/detour/daemon/members.h"
#include "nodes/detour/reach.h"
#include <net/if.h>

#define CONFIG_ADDRESSES 8

struct conf;
struct conf_node;

struct config_member {
	const char *name;
	uint8_t key[SEAL_PUBLIC];
	struct member_rights rights;
};

struct detour_config {
	/* listen */
	struct address addresses[CONFIG_ADDRESSES]; /* 0.0.0.0 and :: are any of theirs */
	size_t address_count;
	struct address announced[CONFIG_ADDRESSES];
	size_t announced_count;
	uint16_t port;
	bool manage_forwarding;
	bool keep; /* on_exit: keep */

	/* nat */
	bool nat;
	int64_t idle_ns, lease_ns;
	size_t max_mappings, max_per_client;
	uint32_t rate, client_rate;
	uint32_t mark, mark_mask, flows_most, flow_rate, flow_idle_s;
	const char **syn_interfaces; /* where destinations in SYNs are understood */
	size_t syn_count;
	struct network *allow; /* addresses that may ask by version 1 */
	size_t allow_count;

	struct reach reach;

	/* version 2 */
	const char *identity_path; /* NULL: version 2 is not spoken */
	struct identity identity;
	struct config_member *members;
	size_t member_count;
	struct member_rights list_rights; /* of members of the list */
	const char *list_path;            /* NULL: no collective */
	uint8_t list_key[SEAL_PUBLIC];
	const char *state_directory; /* what outlives the daemon: the highest version of the list */

	/* log */
	const char *log_directory; /* NULL: no log */
	uint64_t log_size;
	size_t log_keep;

	bool vpn;
	uint16_t vpn_port;
	struct network vpn_subnet; /* IPv4 */
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
/* The first IPv4 address that is listened at, 0.0.0.0 for any, for OpenVPN. */
struct in_addr detour_config_v4(const struct detour_config *config);

/* --- config_nat.c: who may ask for what ---------------------------------------------------------------------- */
int config_read_networks(
	const struct conf_node *list, struct network **networks, size_t *count, char **error);
int config_read_nat(struct detour_config *config, const struct conf_node *map, char **error);
int config_read_reach(struct detour_config *config, const struct conf_node *map, char **error);
int config_read_members(struct detour_config *config, const struct conf_node *root, char **error);

#endif
