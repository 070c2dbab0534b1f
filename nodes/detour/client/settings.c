/* The configuration of the client: YAML to struct settings, each error named by its line. */
#include "nodes/detour/client/settings.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "nodes/detour/wire.h"

#include <net/if.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define OPENVPN_PORT 1194
#define FIRST_TABLE 4400

static int read_public(const struct conf_node *map, uint8_t key[SEAL_PUBLIC], char **error)
{
	const char *text;

	if (conf_need_string(map, "key", &text, error) < 0)
		return -1;
	if (!public_find(text, key))
		return conf_error(conf_child(map, "key"), error,
			"key: '%s' is no public key; `liquidnet-collective public FILE` says one", text);
	return 0;
}

static int read_address(const struct conf_node *node, struct settings_detour *detour, char **error)
{
	struct address address;

	if (!node->value || !address_parse(node->value, &address) || address_is_none(&address))
		return conf_error(node, error,
			"address: '%s' is none; write it as 10.0.6.1 or 2001:db8::6, or one of each family as a list",
			node->value ? node->value : "a list");
	if (address_is_none(&detour->at.address))
		detour->at.address = address;
	else if (address_is_none(&detour->other) &&
		 address_family(&address) != address_family(&detour->at.address))
		detour->other = address;
	else
		return conf_error(node, error,
			"address: '%s' is one too many; one of each family may be given", node->value);
	return 0;
}

/* One, or a list with one of each family. */
static int read_addresses(const struct conf_node *node, const struct conf_node *map,
	struct settings_detour *detour, char **error)
{
	if (!node || (node->type == CONF_SEQUENCE && !node->children))
		return conf_error(
			node ? node : map, error, "address: is missing; write the detour's, as in 10.0.6.1");
	if (node->type != CONF_SEQUENCE)
		return read_address(node, detour, error);
	for (const struct conf_node *one = conf_first(node); one; one = one->next)
		if (read_address(one, detour, error) < 0)
			return -1;
	return 0;
}

static int need_v4(
	const struct conf_node *map, const struct settings_detour *detour, const char *why, char **error)
{
	char text[ADDRESS_TEXT];
	const struct address *v6 = address_is_none(&detour->other) ? &detour->at.address : &detour->other;

	if (address_is_v4(&detour->at.address) && address_is_none(&detour->other))
		return 0;
	if (address_is_v4(v6))
		v6 = &detour->at.address;
	return conf_error(conf_child(map, "address"), error, "address: %s: %s", address_text(v6, text), why);
}

static int read_nat(const struct conf_node *map, const struct settings *settings,
	struct settings_detour *detour, char **error)
{
	static const char *const keys[] = {
		"name", "kind", "address", "port", "deadline", "renew", "key", NULL};
	int64_t port;

	if (conf_only(map, keys, error) < 0 ||
		conf_integer(map, "port", 1, 65535, DETOUR_WIRE_PORT, &port, error) < 0 ||
		conf_duration(map, "deadline", 100 * NS_PER_MS, 60 * NS_PER_S, 5 * NS_PER_S,
			&detour->deadline_ns, error) < 0 ||
		conf_duration(
			map, "renew", NS_PER_S, 3600 * NS_PER_S, 30 * NS_PER_S, &detour->renew_ns, error) < 0)
		return -1;
	detour->at.port = (uint16_t)port;
	detour->sealed = conf_child(map, "key") != NULL;
	if (!detour->sealed)
		return need_v4(map, detour, "version 1 is IPv4's alone: give the detour's 'key'", error);
	if (!settings->identity_path)
		return conf_error(conf_child(map, "key"), error,
			"key: needs ours, too: 'identity' is missing; `liquidnet-collective key FILE` makes one");
	return read_public(map, detour->public_key, error);
}

static int read_vpn(const struct conf_node *map, unsigned index, struct settings_detour *detour, char **error)
{
	static const char *const keys[] = {"name", "kind", "address", "port", "certificate", "key", "peer",
		"encryption", "device", "table", "mtu", NULL};
	int64_t port, table, mtu;
	int encryption;

	if (conf_only(map, keys, error) < 0 ||
		conf_integer(map, "port", 1, 65535, OPENVPN_PORT, &port, error) < 0 ||
		conf_integer(map, "mtu", 576, 9000, 0, &mtu, error) < 0 ||
		conf_integer(map, "table", 1, UINT32_MAX, FIRST_TABLE + index, &table, error) < 0 ||
		conf_need_file(map, "certificate", &detour->certificate, error) < 0 ||
		conf_need_secret(map, "key", &detour->key, error) < 0 ||
		conf_need_file(map, "peer", &detour->peer, error) < 0 ||
		conf_need_word(map, "encryption", openvpn_encryptions, &encryption, error) < 0 ||
		conf_string(map, "device", "tun0", &detour->device, error) < 0)
		return -1;
	if (!*detour->device || strlen(detour->device) >= IFNAMSIZ || strpbrk(detour->device, "/ \t\"%:"))
		return conf_error(conf_child(map, "device"), error,
			"device: '%s' is no name for an interface; write at most 15 characters, as in tun0",
			detour->device);
	/* 253..255 are the kernel's default, main and local tables. */
	if (table >= 253 && table <= 255)
		return conf_error(conf_child(map, "table"), error,
			"table: %lld belongs to the system's own routing; choose another", (long long)table);
	if (need_v4(map, detour, "a tunnel is reached by one address of IPv4", error) < 0)
		return -1;
	detour->encryption = (enum openvpn_encryption)encryption;
	detour->at.port = (uint16_t)port;
	detour->table = (uint32_t)table;
	detour->mtu = (unsigned)mtu;
	return 0;
}

static int read_direct(const struct conf_node *map, struct settings_detour *detour, char **error)
{
	static const char *const keys[] = {"name", "kind", "from", "device", NULL};

	const struct conf_node *from = conf_child(map, "from");

	if (conf_only(map, keys, error) < 0 || conf_string(map, "device", "", &detour->device, error) < 0)
		return -1;
	if (!from || !from->value || !address_parse(from->value, &detour->from))
		return conf_error(from ? from : map, error,
			"from: '%s' is no address; write one of this host's own, as in 10.0.2.1",
			from && from->value ? from->value : "");
	if (strlen(detour->device) >= IFNAMSIZ)
		return conf_error(conf_child(map, "device"), error,
			"device: '%s' is no name for an interface; write at most 15 characters, as in eth1",
			detour->device);
	return 0;
}

static int check_name(const struct conf_node *map, const char *name, char **error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (*name && strlen(name) <= 64 && strspn(name, allowed) == strlen(name))
		return 0;
	return conf_error(conf_child(map, "name"), error,
		"name: '%s' must have 1 to 64 letters, digits, '-' or '_'; it names files and commands",
		name);
}

static bool share_place(const struct settings_detour *a, const struct settings_detour *b)
{
	if (a->at.port != b->at.port)
		return false;
	return address_equal(&a->at.address, &b->at.address) || address_equal(&a->at.address, &b->other) ||
	       address_equal(&a->other, &b->at.address) ||
	       (!address_is_none(&a->other) && address_equal(&a->other, &b->other));
}

static int check_distinct(const struct conf_node *map, const struct settings *settings,
	const struct settings_detour *detour, char **error)
{
	for (const struct settings_detour *other = settings->detours; other < detour; other++) {
		if (!strcmp(other->name, detour->name))
			return conf_error(conf_child(map, "name"), error,
				"name: '%s' is taken by a detour above; give each its own", detour->name);
		if (other->kind != detour->kind)
			continue;
		if (detour->kind == DETOUR_DIRECT && address_equal(&other->from, &detour->from))
			return conf_error(map, error, "from: '%s' leaves from there, too; remove one of them",
				other->name);
		if (detour->kind == DETOUR_NAT && share_place(other, detour))
			return conf_error(map, error,
				"'%s' has the address and port of '%s'; remove one of them", detour->name,
				other->name);
		if (detour->kind == DETOUR_VPN && !strcmp(other->device, detour->device))
			return conf_error(map, error,
				"device: '%s' is taken by '%s'; write another, as in tun1", detour->device,
				other->name);
		if (detour->kind == DETOUR_VPN && other->table == detour->table)
			return conf_error(map, error, "table: %u is taken by '%s'; write another",
				detour->table, other->name);
	}
	return 0;
}

static int read_detour(const struct conf_node *map, struct settings *settings, char **error)
{
	struct settings_detour *detour = &settings->detours[settings->count];
	static const char *const kinds[] = {
		[DETOUR_NAT] = "nat", [DETOUR_VPN] = "vpn", [DETOUR_DIRECT] = "direct", NULL};
	int kind;

	if (conf_expect(map, CONF_MAPPING, error) < 0 ||
		conf_need_string(map, "name", &detour->name, error) < 0 ||
		check_name(map, detour->name, error) < 0 ||
		conf_need_word(map, "kind", kinds, &kind, error) < 0)
		return -1;
	detour->kind = (enum detour_kind)kind;
	if (detour->kind != DETOUR_DIRECT &&
		read_addresses(conf_child(map, "address"), map, detour, error) < 0)
		return -1;
	int result = detour->kind == DETOUR_NAT   ? read_nat(map, settings, detour, error)
		     : detour->kind == DETOUR_VPN ? read_vpn(map, settings->count, detour, error)
						  : read_direct(map, detour, error);
	if (result < 0 || check_distinct(map, settings, detour, error) < 0)
		return -1;
	settings->count++;
	return 0;
}

/* {destinations: [10.0.3.1:5201], favourites: 8} */
static int read_prefetch(const struct conf_node *map, struct settings *settings, char **error)
{
	static const char *const keys[] = {"destinations", "favourites", NULL};
	const struct conf_node *list = conf_child(map, "destinations");
	struct place place;
	int64_t favourites;

	if (map && (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0))
		return -1;
	if (conf_integer(map, "favourites", 0, 64, 8, &favourites, error) < 0)
		return -1;
	settings->favourites = (unsigned)favourites;
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	settings->prefetch = calloc(list->children + 1, sizeof *settings->prefetch);
	if (!settings->prefetch)
		return error_set(error, "out of memory");
	for (const struct conf_node *node = conf_first(list); node; node = node->next) {
		if (!node->value || !place_parse(node->value, &place) || address_is_none(&place.address))
			return conf_error(node, error,
				"destinations: '%s' is no address and port; write it as 192.0.2.1:443 or [2001:db8::1]:443",
				node->value ? node->value : "a list");
		settings->prefetch[settings->prefetch_count++] = place;
	}
	return 0;
}

/* {list: FILE, key: PUBLIC, detours: 4, region: eu}; *places: detours to be taken from it at a time. */
static int read_collective(
	const struct conf_node *map, struct settings *settings, unsigned *places, char **error)
{
	static const char *const keys[] = {"list", "key", "detours", "region", NULL};
	int64_t detours;

	*places = 0;
	if (!map)
		return 0;
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0 ||
		conf_need_string(map, "list", &settings->list_path, error) < 0 ||
		read_public(map, settings->list_key, error) < 0 ||
		conf_integer(map, "detours", 1, 32, 4, &detours, error) < 0 ||
		conf_string(map, "region", "", &settings->region, error) < 0)
		return -1;
	if (!settings->identity_path)
		return conf_error(
			map, error, "collective: 'identity' is missing: its members are known by their keys");
	*places = (unsigned)detours;
	return 0;
}

/* So many more subflows between the two addresses of the connection itself, each with a port of its own: ways of a network that
 * spreads flows by their ports. */
static void add_same_path(struct settings *settings, unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		struct settings_detour *detour = &settings->detours[settings->count++];
		*detour = (struct settings_detour){
			.kind = DETOUR_DIRECT, .device = "", .name = detour->name_room};
		snprintf(detour->name_room, sizeof detour->name_room, "same-path-%u", i);
	}
}

static int read_detours(const struct conf_node *root, struct settings *settings, char **error)
{
	const struct conf_node *detours = conf_child(root, "detours");
	unsigned places;
	int64_t same_path;

	if (read_collective(conf_child(root, "collective"), settings, &places, error) < 0 ||
		conf_integer(root, "same_path", 0, 8, 0, &same_path, error) < 0)
		return -1;
	if (same_path > settings->paths.limit)
		return conf_error(conf_child(root, "same_path"), error,
			"same_path: is more than limit, %u; raise limit", settings->paths.limit);
	if (!detours && !places && !same_path)
		return conf_error(root, error,
			"detours: is missing; name at least one detour, or a collective, or write same_path: 1");
	if (detours && conf_expect(detours, CONF_SEQUENCE, error) < 0)
		return -1;
	size_t children = detours ? detours->children : 0;
	if ((!places && !children && !same_path) || children > 64)
		return conf_error(detours, error, "detours: has %zu of them; write 1 to 64", children);
	settings->detours = calloc(children + (size_t)same_path + places + 1, sizeof *settings->detours);
	if (!settings->detours)
		return error_set(error, "out of memory");
	for (const struct conf_node *node = conf_first(detours); node; node = node->next)
		if (read_detour(node, settings, error) < 0)
			return -1;
	add_same_path(settings, (unsigned)same_path);
	settings->configured = settings->count;
	for (; places > 0; places--)
		settings->detours[settings->count++] =
			(struct settings_detour){.kind = DETOUR_NONE, .name = ""};
	return 0;
}

static int read_all(const struct conf_node *root, struct settings *settings, char **error)
{
	static const char *const keys[] = {"limit", "detours", "directory", "manage_sysctl", "join_after",
		"join_deadline", "retry_first", "retry_last", "attempts", "identity", "collective",
		"prefetch", "routing", "probe", "syn_option", "join_after_bytes", "same_path", NULL};
	struct paths_settings *paths = &settings->paths;
	int64_t limit, attempts;

	/* The kernel allows 8 subflows besides the initial one. */
	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, keys, error) < 0 ||
		conf_integer(root, "limit", 0, 8, 2, &limit, error) < 0 ||
		conf_integer(root, "attempts", 1, 1000, 5, &attempts, error) < 0 ||
		conf_duration(root, "join_after", 0, 3600 * NS_PER_S, 0, &paths->join_after_ns, error) < 0 ||
		conf_size(root, "join_after_bytes", 0, 1ULL << 40, 0, &paths->join_after_bytes, error) < 0 ||
		conf_duration(root, "join_deadline", 100 * NS_PER_MS, 120 * NS_PER_S, 5 * NS_PER_S,
			&paths->join_deadline_ns, error) < 0 ||
		conf_duration(root, "retry_first", 10 * NS_PER_MS, 60 * NS_PER_S, NS_PER_S,
			&paths->retry_first_ns, error) < 0 ||
		conf_duration(root, "retry_last", 10 * NS_PER_MS, 3600 * NS_PER_S, 8 * NS_PER_S,
			&paths->retry_last_ns, error) < 0 ||
		conf_string(root, "directory", "/run/liquidnet/client", &settings->directory, error) < 0 ||
		conf_bool(root, "manage_sysctl", false, &settings->manage_sysctl, error) < 0)
		return -1;
	if (settings->directory[0] != '/')
		return conf_error(conf_child(root, "directory"), error,
			"directory: '%s' is not absolute; begin it with a slash", settings->directory);
	if (paths->retry_last_ns < paths->retry_first_ns)
		return conf_error(conf_child(root, "retry_last"), error,
			"retry_last: is shorter than retry_first; make it at least as long");
	paths->limit = (unsigned)limit;
	paths->attempts = (unsigned)attempts;
	paths->stable_ns = 10 * NS_PER_S;
	static const char *const routings[] = {"static", "dynamic", NULL};
	int routing;
	if (conf_word(root, "routing", routings, 0, &routing, error) < 0)
		return -1;
	settings->dynamic = routing == 1;
	if (conf_duration(root, "probe", 0, 60 * NS_PER_S, 250 * NS_PER_MS, &settings->probe_ns, error) < 0)
		return -1;
	if (settings->probe_ns && settings->probe_ns < 100 * NS_PER_MS)
		return conf_error(conf_child(root, "probe"), error,
			"probe: is shorter than 100ms, the time between two looks; write 0ms for none");
	if (conf_string(root, "identity", NULL, &settings->identity_path, error) < 0)
		return -1;
	if (settings->identity_path && identity_load(settings->identity_path, &settings->identity, error) < 0)
		return error_prefix(error, "%s:%u", conf_child(root, "identity")->file,
			conf_child(root, "identity")->line);
	if (conf_names(conf_child(root, "syn_option"), "interface, as in eth0", &settings->syn_interfaces,
		    &settings->syn_count, error) < 0)
		return -1;
	if (read_prefetch(conf_child(root, "prefetch"), settings, error) < 0)
		return -1;
	return read_detours(root, settings, error);
}

static struct settings *from_conf(struct conf *conf, char **error)
{
	struct settings *settings = conf ? calloc(1, sizeof *settings) : NULL;

	if (!settings) {
		conf_free(conf);
		return NULL;
	}
	settings->conf = conf;
	if (read_all(conf_root(conf), settings, error) == 0)
		return settings;
	settings_free(settings);
	return NULL;
}

struct settings *settings_load(const char *path, char **error)
{
	return from_conf(conf_load(path, error), error);
}

struct settings *settings_parse(const char *name, const char *text, char **error)
{
	return from_conf(conf_parse(name, text, strlen(text), error), error);
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	free(settings->detours);
	free(settings->prefetch);
	free(settings->syn_interfaces);
	sodium_memzero(&settings->identity, sizeof settings->identity);
	conf_free(settings->conf);
	free(settings);
}
