/* The configuration file of liquidnet-detour: read, checked, defaults filled in. */
#include "nodes/detour/daemon/config.h"
#include "lib/base/clock.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/detour/wire.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *const top_keys[] = {"listen", "nat", "vpn", "manage_forwarding", NULL};
static const char *const listen_keys[] = {"address", "port", NULL};
static const char *const nat_keys[] = {"enabled", "idle", "max_mappings", "max_per_client", "allow", NULL};
static const char *const vpn_keys[] = {"enabled", "port", "subnet", "device", "certificate", "key", "peers",
	"encryption", "directory", "route_metric", NULL};

/* "10.0.0.0/8", or an address alone (/32). */
static int read_network(const struct conf_node *node, struct network *network, char **error)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr address;
	int64_t bits = 32;
	const char *slash = node->value ? strchr(node->value, '/') : NULL;
	size_t length = !node->value ? 0 : slash ? (size_t)(slash - node->value) : strlen(node->value);
	if (length == 0 || length >= sizeof text)
		return conf_error(node, error, "no network; write it as 10.0.0.0/8");
	memcpy(text, node->value, length);
	text[length] = '\0';
	if (inet_pton(AF_INET, text, &address) != 1 ||
		(slash && (unit_integer(slash + 1, &bits) < 0 || bits < 0 || bits > 32)))
		return conf_error(node, error, "'%s' is no network; write it as 10.0.0.0/8", node->value);
	network->mask = bits ? UINT32_MAX << (32 - bits) : 0;
	network->address = ntohl(address.s_addr);
	if (network->address & ~network->mask)
		return conf_error(node, error,
			"'%s' has bits set beyond its prefix; clear them or lengthen the prefix",
			node->value);
	return 0;
}

static int read_port(const struct conf_node *map, uint16_t fallback, uint16_t *port, char **error)
{
	int64_t value;
	if (conf_integer(map, "port", 1, UINT16_MAX, fallback, &value, error) < 0)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

static int read_listen(struct detour_config *config, const struct conf_node *map, char **error)
{
	const char *address;
	if (map && conf_only(map, listen_keys, error) < 0)
		return -1;
	if (conf_string(map, "address", "0.0.0.0", &address, error) < 0 ||
		read_port(map, DETOUR_WIRE_PORT, &config->port, error) < 0)
		return -1;
	if (inet_pton(AF_INET, address, &config->address) != 1)
		return conf_error(conf_child(map, "address"), error,
			"'%s' is no IPv4 address; 0.0.0.0 is any of this host", address);
	return 0;
}

static int read_allow(struct detour_config *config, const struct conf_node *list, char **error)
{
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	if (!list->children)
		return conf_error(
			list, error, "an empty list would allow nobody; leave the key out to allow anybody");
	config->allow = calloc(list->children, sizeof *config->allow);
	if (!config->allow)
		return error_set(error, "out of memory");
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_network(n, &config->allow[config->allow_count++], error) < 0)
			return -1;
	return 0;
}

static int read_nat(struct detour_config *config, const struct conf_node *map, char **error)
{
	int64_t in_all, per_client;
	if (map && conf_only(map, nat_keys, error) < 0)
		return -1;
	if (conf_bool(map, "enabled", true, &config->nat, error) < 0 ||
		conf_duration(map, "idle", 100 * NS_PER_MS, 7 * 86400 * NS_PER_S, 300 * NS_PER_S,
			&config->limits.idle_ns, error) < 0 ||
		conf_integer(map, "max_mappings", 1, 1 << 20, 65536, &in_all, error) < 0 ||
		conf_integer(map, "max_per_client", 1, 60000, 1024, &per_client, error) < 0)
		return -1;
	config->limits.max_mappings = (size_t)in_all;
	config->limits.max_per_client = (size_t)per_client;
	return read_allow(config, conf_child(map, "allow"), error);
}

static int read_peers(struct detour_config *config, const struct conf_node *map, char **error)
{
	const struct conf_node *list = conf_child(map, "peers");
	if (!list)
		return conf_error(
			map, error, "'peers' is missing; list the clients' certificate files there");
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	if (!list->children)
		return conf_error(list, error, "no peer could connect; list the clients' certificate files");
	config->peers = calloc(list->children, sizeof *config->peers);
	if (!config->peers)
		return error_set(error, "out of memory");
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		if (conf_check_file(n, error) < 0)
			return -1;
		config->peers[config->peer_count++] = n->value;
	}
	return 0;
}

static int read_vpn_network(struct detour_config *config, const struct conf_node *map, char **error)
{
	const struct conf_node *subnet = conf_child(map, "subnet");
	const char *device;
	if (!subnet)
		return conf_error(map, error,
			"'subnet' is missing; give the tunnel a network of its own, such as 10.8.0.0/24");
	if (read_network(subnet, &config->vpn_subnet, error) < 0)
		return -1;
	/* OpenVPN's own range for --server. */
	if (config->vpn_subnet.mask < UINT32_MAX << 16 || config->vpn_subnet.mask > UINT32_MAX << 3)
		return conf_error(subnet, error, "'%s': the prefix must be /16 to /29", subnet->value);
	if (conf_string(map, "device", "lqdetour", &device, error) < 0)
		return -1;
	if (!*device || strlen(device) >= IFNAMSIZ || strpbrk(device, "/ \t\n\"%{}"))
		return conf_error(conf_child(map, "device"), error,
			"'%s' is no interface name (1 to 15 characters)", device);
	strcpy(config->device, device);
	return 0;
}

static int read_vpn(struct detour_config *config, const struct conf_node *map, char **error)
{
	if (map && conf_only(map, vpn_keys, error) < 0)
		return -1;
	if (conf_bool(map, "enabled", false, &config->vpn, error) < 0)
		return -1;
	if (!config->vpn)
		return 0;
	int encryption;
	int64_t metric;
	if (read_port(map, 1194, &config->vpn_port, error) < 0 || read_vpn_network(config, map, error) < 0 ||
		conf_need_file(map, "certificate", &config->certificate, error) < 0 ||
		conf_need_file(map, "key", &config->key, error) < 0 || read_peers(config, map, error) < 0 ||
		conf_word(map, "encryption", openvpn_encryptions, OPENVPN_PLAIN, &encryption, error) < 0 ||
		conf_string(map, "directory", "/run/liquidnet/detour", &config->directory, error) < 0 ||
		conf_integer(map, "route_metric", 0, 65535, 0, &metric, error) < 0)
		return -1;
	config->encryption = (enum openvpn_encryption)encryption;
	config->route_metric = (unsigned)metric;
	if (strpbrk(config->directory, "\"\\\n"))
		return conf_error(
			conf_child(map, "directory"), error, "a quote or backslash is not allowed here");
	if (config->vpn_port == config->port)
		return conf_error(
			map, error, "port %u is that of 'listen', too; choose another", config->port);
	return 0;
}

static int read_all(struct detour_config *config, char **error)
{
	const struct conf_node *root = conf_root(config->conf);
	if (conf_only(root, top_keys, error) < 0 ||
		conf_bool(root, "manage_forwarding", false, &config->manage_forwarding, error) < 0 ||
		read_listen(config, conf_child(root, "listen"), error) < 0 ||
		read_nat(config, conf_child(root, "nat"), error) < 0 ||
		read_vpn(config, conf_child(root, "vpn"), error) < 0)
		return -1;
	if (!config->nat && !config->vpn)
		return conf_error(root, error, "neither 'nat' nor 'vpn' is enabled; enable at least one");
	return 0;
}

struct detour_config *detour_config_load(const char *path, char **error)
{
	struct detour_config *config = calloc(1, sizeof *config);
	if (!config) {
		error_set(error, "out of memory");
		return NULL;
	}
	config->conf = conf_load(path, error);
	if (!config->conf || read_all(config, error) < 0) {
		detour_config_free(config);
		return NULL;
	}
	return config;
}

void detour_config_free(struct detour_config *config)
{
	if (!config)
		return;
	free(config->allow);
	free(config->peers);
	if (config->conf)
		conf_free(config->conf);
	free(config);
}

bool detour_config_allows(const struct detour_config *config, struct in_addr client)
{
	for (size_t i = 0; i < config->allow_count; i++)
		if ((ntohl(client.s_addr) & config->allow[i].mask) == config->allow[i].address)
			return true;
	return config->allow_count == 0;
}
