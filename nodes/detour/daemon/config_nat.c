/* Who may ask, for how much, and where to: the keys nat, reach, identity, members and collective. */
#include "lib/base/clock.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/detour/daemon/config.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const nat_keys[] = {"enabled", "idle", "lease", "max_mappings", "max_per_client", "rate",
	"allow", "mark", "flows_per_client", "flow_rate", "flow_idle", "syn_option", NULL};
static const char *const reach_keys[] = {"allow", "deny", "ports", NULL};
static const char *const member_words[] = {"name", "key", "mappings", "rate", "on_behalf", NULL};
static const char *const collective_keys[] = {"list", "key", "mappings", "rate", "state", NULL};

int config_read_networks(const struct conf_node *list, struct network **networks, size_t *count, char **error)
{
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	*networks = calloc(list->children + 1, sizeof **networks);
	if (!*networks)
		return error_set(error, "out of memory");
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (!n->value || !network_parse(n->value, &(*networks)[(*count)++]))
			return conf_error(n, error,
				"'%s' is no network, or has bits set beyond its prefix; write it as 10.0.0.0/8 or 2001:db8::/32",
				n->value ? n->value : "a list");
	return 0;
}

/* Of version 1 alone: a whole Internet of addresses that anybody can forge is no permission. */
static int check_allow(const struct conf_node *list, const struct detour_config *config, char **error)
{
	if (list && !config->allow_count)
		return conf_error(list, error, "an empty list allows nobody; leave the key out for that");
	for (size_t i = 0; i < config->allow_count; i++) {
		bool v4 = address_is_v4(&config->allow[i].address) && config->allow[i].bits >= 96;
		if (!v4)
			return conf_error(list, error,
				"version 1 has no IPv6; members ask by version 2 (identity, members)");
		if (config->allow[i].bits < 96 + 8)
			return conf_error(list, error,
				"requests of version 1 are not authenticated: name the addresses (/8 to /32), or have members ask by version 2");
	}
	return 0;
}

static int read_mark(struct detour_config *config, const struct conf_node *map, char **error)
{
	const char *text;
	unsigned mark, mask;
	char rest;
	if (conf_string(map, "mark", "0x4c510000/0xffff0000", &text, error) < 0)
		return -1;
	if (sscanf(text, "0x%x/0x%x%c", &mark, &mask, &rest) != 2 || !mark || mark & ~mask)
		return conf_error(conf_child(map, "mark"), error,
			"'%s' is no mark; write it as 0x4c510000/0xffff0000, with no bits beyond its mask",
			text);
	config->mark = mark;
	config->mark_mask = mask;
	return 0;
}

static int read_numbers(struct detour_config *config, const struct conf_node *map, char **error)
{
	int64_t in_all, per_client, rate, flows, flow_rate, idle;
	if (conf_integer(map, "max_mappings", 1, 1 << 20, 65536, &in_all, error) < 0 ||
		conf_integer(map, "max_per_client", 1, 60000, 1024, &per_client, error) < 0 ||
		conf_integer(map, "rate", 1, 10000000, 200, &rate, error) < 0 ||
		conf_integer(map, "flows_per_client", 1, 65535, 2048, &flows, error) < 0 ||
		conf_integer(map, "flow_rate", 1, 1000000, 500, &flow_rate, error) < 0 ||
		conf_duration(map, "flow_idle", 60 * NS_PER_S, 30 * 86400 * NS_PER_S, 7440 * NS_PER_S, &idle,
			error) < 0)
		return -1;
	config->max_mappings = (size_t)in_all;
	config->max_per_client = (size_t)per_client;
	config->rate = config->client_rate = (uint32_t)rate;
	config->flows_most = (uint32_t)flows;
	config->flow_rate = (uint32_t)flow_rate;
	config->flow_idle_s = (uint32_t)(idle / NS_PER_S);
	config->list_rights = (struct member_rights){.mappings = (size_t)per_client, .rate = (uint32_t)rate};
	return 0;
}

int config_read_nat(struct detour_config *config, const struct conf_node *map, char **error)
{
	const struct conf_node *allow = conf_child(map, "allow");
	if (map && conf_only(map, nat_keys, error) < 0)
		return -1;
	if (conf_bool(map, "enabled", true, &config->nat, error) < 0 ||
		conf_duration(map, "idle", 100 * NS_PER_MS, 7 * 86400 * NS_PER_S, 300 * NS_PER_S,
			&config->idle_ns, error) < 0 ||
		conf_duration(map, "lease", 2 * NS_PER_S, 86400 * NS_PER_S, 300 * NS_PER_S, &config->lease_ns,
			error) < 0 ||
		read_numbers(config, map, error) < 0 || read_mark(config, map, error) < 0 ||
		config_read_networks(allow, &config->allow, &config->allow_count, error) < 0 ||
		conf_names(conf_child(map, "syn_option"), "interface, as in eth0", &config->syn_interfaces,
			&config->syn_count, error) < 0)
		return -1;
	return check_allow(allow, config, error);
}

/* "443" or "5000-5999" */
static int read_ports(const struct conf_node *node, struct reach_ports *ports, char **error)
{
	unsigned from, to;
	char rest;
	if (!node->value)
		return conf_error(node, error, "no port; write it as 443 or 5000-5999");
	int got = sscanf(node->value, "%u-%u%c", &from, &to, &rest);
	if (got == 1)
		to = from;
	if (got < 1 || got > 2 || (got == 1 && strspn(node->value, "0123456789") != strlen(node->value)) ||
		!from || from > to || to > UINT16_MAX)
		return conf_error(node, error, "'%s' is no port; write it as 443 or 5000-5999", node->value);
	*ports = (struct reach_ports){(uint16_t)from, (uint16_t)to};
	return 0;
}

int config_read_reach(struct detour_config *config, const struct conf_node *map, char **error)
{
	const struct conf_node *ports = conf_child(map, "ports");
	struct reach *reach = &config->reach;
	if (map && conf_only(map, reach_keys, error) < 0)
		return -1;
	if (config_read_networks(conf_child(map, "allow"), &reach->allow, &reach->allow_count, error) < 0 ||
		config_read_networks(conf_child(map, "deny"), &reach->deny, &reach->deny_count, error) < 0)
		return -1;
	if (!ports)
		return 0;
	if (conf_expect(ports, CONF_SEQUENCE, error) < 0)
		return -1;
	reach->ports = calloc(ports->children + 1, sizeof *reach->ports);
	if (!reach->ports)
		return error_set(error, "out of memory");
	for (const struct conf_node *n = conf_first(ports); n; n = n->next)
		if (read_ports(n, &reach->ports[reach->port_count++], error) < 0)
			return -1;
	return 0;
}

/* --- members
 * ----------------------------------------------------------------------------------------------------- */

static int read_rights(const struct conf_node *map, const struct detour_config *config,
	struct member_rights *rights, char **error)
{
	int64_t mappings, rate;
	if (conf_integer(map, "mappings", 1, 1 << 20, (int64_t)config->max_per_client, &mappings, error) <
			0 ||
		conf_integer(map, "rate", 1, 10000000, config->rate, &rate, error) < 0)
		return -1;
	rights->mappings = (size_t)mappings;
	rights->rate = (uint32_t)rate;
	return 0;
}

static int read_key(const struct conf_node *map, uint8_t key[SEAL_PUBLIC], char **error)
{
	const char *text;
	if (conf_need_string(map, "key", &text, error) < 0)
		return -1;
	if (!public_find(text, key))
		return conf_error(conf_child(map, "key"), error,
			"'%s' is no public key; `liquidnet-collective public FILE` says one", text);
	return 0;
}

static int read_member(struct detour_config *config, const struct conf_node *map, char **error)
{
	struct config_member *member = &config->members[config->member_count];
	struct network *networks = NULL;
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, member_words, error) < 0 ||
		conf_need_string(map, "name", &member->name, error) < 0 ||
		read_key(map, member->key, error) < 0 || read_rights(map, config, &member->rights, error) < 0)
		return -1;
	if (!collective_is_name(member->name))
		return conf_error(conf_child(map, "name"), error,
			"'%s' must have 1 to 32 letters, digits, '-', '_' or '.'", member->name);
	for (size_t i = 0; i < config->member_count; i++)
		if (strcmp(config->members[i].name, member->name) == 0 ||
			memcmp(config->members[i].key, member->key, SEAL_PUBLIC) == 0)
			return conf_error(map, error, "'%s' has the name or the key of '%s'", member->name,
				config->members[i].name);
	int result = config_read_networks(
		conf_child(map, "on_behalf"), &networks, &member->rights.on_behalf_count, error);
	member->rights.on_behalf = networks;
	config->member_count++;
	return result;
}

static int read_collective(struct detour_config *config, const struct conf_node *map, char **error)
{
	if (!map)
		return 0;
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, collective_keys, error) < 0 ||
		conf_need_string(map, "list", &config->list_path, error) < 0 ||
		read_key(map, config->list_key, error) < 0 ||
		read_rights(map, config, &config->list_rights, error) < 0)
		return -1;
	return conf_string(map, "state", "/var/lib/liquidnet", &config->state_directory, error);
}

int config_read_members(struct detour_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *list = conf_child(root, "members"),
			       *collective = conf_child(root, "collective"),
			       *identity = conf_child(root, "identity");
	if (conf_string(root, "identity", NULL, &config->identity_path, error) < 0)
		return -1;
	if (!identity && (list || collective))
		return conf_error(list ? list : collective, error,
			"members need to know this detour: 'identity' is missing; `liquidnet-collective key FILE` makes one");
	if (identity && identity_load(config->identity_path, &config->identity, error) < 0)
		return error_prefix(error, "%s:%u", identity->file, identity->line);
	if (list) {
		if (conf_expect(list, CONF_SEQUENCE, error) < 0)
			return -1;
		config->members = calloc(list->children + 1, sizeof *config->members);
		if (!config->members)
			return error_set(error, "out of memory");
		for (const struct conf_node *n = conf_first(list); n; n = n->next)
			if (read_member(config, n, error) < 0)
				return -1;
	}
	return read_collective(config, collective, error);
}
