/* The configuration file of liquidnet-detour: read, checked, defaults filled in. */
#include "nodes/detour/daemon/config.h"
#include "lib/base/clock.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "nodes/detour/wire.h"
#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char *const top_keys[] = {"listen", "nat", "reach", "identity", "members", "collective", "log",
	"vpn", "manage_forwarding", "on_exit", NULL};
static const char *const listen_keys[] = {"address", "addresses", "announce", "port", NULL};
static const char *const log_keys[] = {"directory", "size", "keep", NULL};
static const char *const vpn_keys[] = {"enabled", "port", "subnet", "device", "certificate", "key", "peers",
	"encryption", "directory", "route_metric", NULL};

static int read_port(const struct conf_node *map, uint16_t fallback, uint16_t *port, char **error)
{
	int64_t value;
	if (conf_integer(map, "port", 1, UINT16_MAX, fallback, &value, error) < 0)
		return -1;
	*port = (uint16_t)value;
	return 0;
}

static int read_address(const struct conf_node *node, struct address *addresses, size_t *count, char **error)
{
	if (*count == CONFIG_ADDRESSES)
		return conf_error(node, error, "there may be %d addresses at most", CONFIG_ADDRESSES);
	if (!node->value || !address_parse(node->value, &addresses[(*count)++]))
		return conf_error(node, error, "'%s' is no address; 0.0.0.0 and :: are any of this host",
			node->value ? node->value : "a list");
	return 0;
}

static int read_addresses(
	const struct conf_node *list, struct address *addresses, size_t *count, char **error)
{
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_address(n, addresses, count, error) < 0)
			return -1;
	return 0;
}

static int read_listen(struct detour_config *config, const struct conf_node *map, char **error)
{
	const struct conf_node *one = conf_child(map, "address"), *list = conf_child(map, "addresses");
	if (map && conf_only(map, listen_keys, error) < 0)
		return -1;
	if (one && list)
		return conf_error(one, error, "give 'address' or 'addresses', not both");
	if (read_port(map, DETOUR_WIRE_PORT, &config->port, error) < 0 ||
		(one && read_address(one, config->addresses, &config->address_count, error) < 0) ||
		read_addresses(list, config->addresses, &config->address_count, error) < 0 ||
		read_addresses(
			conf_child(map, "announce"), config->announced, &config->announced_count, error) < 0)
		return -1;
	if (list && !config->address_count)
		return conf_error(
			list, error, "an empty list listens nowhere; leave the key out for everywhere");
	return 0;
}

static int read_log(struct detour_config *config, const struct conf_node *map, char **error)
{
	int64_t keep;
	if (!map)
		return 0;
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, log_keys, error) < 0 ||
		conf_need_string(map, "directory", &config->log_directory, error) < 0 ||
		conf_size(map, "size", 4096, UINT64_C(1) << 40, 64 << 20, &config->log_size, error) < 0 ||
		conf_integer(map, "keep", 1, 1000000, 1000, &keep, error) < 0)
		return -1;
	if (!config->identity_path)
		return conf_error(map, error, "a log is signed: 'identity' is missing");
	config->log_keep = (size_t)keep;
	return 0;
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
	if (!subnet->value || !network_parse(subnet->value, &config->vpn_subnet))
		return conf_error(subnet, error,
			"'%s' is no network, or has bits set beyond its prefix; write it as 10.8.0.0/24",
			subnet->value ? subnet->value : "a list");
	/* OpenVPN's own range for --server. */
	if (config->vpn_subnet.bits < 96 + 16 || config->vpn_subnet.bits > 96 + 29)
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
		conf_need_secret(map, "key", &config->key, error) < 0 || read_peers(config, map, error) < 0 ||
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
	static const char *const exits[] = {"remove", "keep", NULL};
	const struct conf_node *root = conf_root(config->conf);
	int on_exit;
	if (conf_only(root, top_keys, error) < 0 ||
		conf_bool(root, "manage_forwarding", false, &config->manage_forwarding, error) < 0 ||
		conf_word(root, "on_exit", exits, 0, &on_exit, error) < 0 ||
		read_listen(config, conf_child(root, "listen"), error) < 0 ||
		config_read_nat(config, conf_child(root, "nat"), error) < 0 ||
		config_read_reach(config, conf_child(root, "reach"), error) < 0 ||
		config_read_members(config, root, error) < 0 ||
		read_log(config, conf_child(root, "log"), error) < 0 ||
		read_vpn(config, conf_child(root, "vpn"), error) < 0)
		return -1;
	config->keep = on_exit == 1;
	if (!config->nat && !config->vpn)
		return conf_error(root, error, "neither 'nat' nor 'vpn' is enabled; enable at least one");
	if (config->nat && !config->allow_count && !config->member_count && !config->list_path)
		return conf_error(root, error,
			"nobody may ask for mappings; name members (identity, members, collective), or addresses for version 1 (nat: allow)");
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
	free(config->syn_interfaces);
	free(config->peers);
	free(config->reach.allow);
	free(config->reach.deny);
	free(config->reach.ports);
	for (size_t i = 0; i < config->member_count; i++)
		free((void *)config->members[i].rights.on_behalf);
	free(config->members);
	sodium_memzero(&config->identity, sizeof config->identity);
	if (config->conf)
		conf_free(config->conf);
	free(config);
}

struct in_addr detour_config_v4(const struct detour_config *config)
{
	for (size_t i = 0; i < config->address_count; i++)
		if (address_is_v4(&config->addresses[i]))
			return address_v4(&config->addresses[i]);
	return (struct in_addr){htonl(INADDR_ANY)};
}
