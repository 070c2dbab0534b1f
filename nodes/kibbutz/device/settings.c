/* The configuration of the device daemon: YAML to struct settings, each error named by its line. */
#include "nodes/kibbutz/device/settings.h"
#include "lib/base/error.h"
#include "lib/base/units.h"

#include <errno.h>
#include <net/if.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name goes into rules and commands. */
static int read_interface(const struct conf_node *map, const char **name, char **error)
{
	if (conf_need_string(map, "interface", name, error) < 0)
		return -1;
	if (!**name || strlen(*name) >= IFNAMSIZ || strpbrk(*name, "/ \t\"%:\n*\\"))
		return conf_error(conf_child(map, "interface"), error,
			"interface: '%s' is no name for an interface; write at most 15 characters, as in wlan0",
			*name);
	return 0;
}

static int need_map(const struct conf_node *root, const char *key, const struct conf_node **map, char **error)
{
	*map = conf_child(root, key);
	if (!*map)
		return conf_error(
			root, error, "%s: is missing; nodes/kibbutz/README.md says what belongs there", key);
	return conf_expect(*map, CONF_MAPPING, error);
}

static int read_cellular(const struct conf_node *root, struct settings *s, char **error)
{
	static const char *const keys[] = {"interface", "gateway", "tail", NULL};
	const struct conf_node *map;

	if (need_map(root, "cellular", &map, error) < 0 || conf_only(map, keys, error) < 0 ||
		read_interface(map, &s->cellular, error) < 0 ||
		conf_need_address(map, "gateway", &s->gateway, error) < 0)
		return -1;
	return conf_duration(map, "tail", 100 * NS_PER_MS, WIRE_LONGEST_MS * NS_PER_MS, 10 * NS_PER_S,
		&s->policy.period_ns, error);
}

static int read_local(const struct conf_node *root, struct settings *s, char **error)
{
	static const char *const keys[] = {"interface", "address", "prefix", NULL};
	const struct conf_node *map;
	int64_t prefix;

	if (need_map(root, "local", &map, error) < 0 || conf_only(map, keys, error) < 0 ||
		read_interface(map, &s->local, error) < 0 ||
		conf_need_address(map, "address", &s->address, error) < 0 ||
		conf_integer(map, "prefix", 8, 30, 16, &prefix, error) < 0)
		return -1;
	s->prefix = (int)prefix;
	if (!strcmp(s->local, s->cellular))
		return conf_error(conf_child(map, "interface"), error,
			"interface: %s is the cellular one; neighbours are on another", s->local);
	return 0;
}

static int read_profile(const struct conf_node *root, struct settings *s, char **error)
{
	const char *names[KIBBUTZ_PROFILES + 1] = {NULL};
	int profile;

	for (int i = 0; i < KIBBUTZ_PROFILES; i++)
		names[i] = kibbutz_profile_name((enum kibbutz_profile)i);
	if (conf_word(root, "profile", names, KIBBUTZ_ENERGY, &profile, error) < 0)
		return -1;
	s->policy.profile = (enum kibbutz_profile)profile;
	return 0;
}

static int read_watchdog(const struct conf_node *root, struct settings *s, char **error)
{
	static const char *const keys[] = {
		"enabled", "poll", "timeouts", "window", "dead", "well", "disbelief", NULL};
	const struct conf_node *map = conf_child(root, "watchdog");
	struct kibbutz_settings *p = &s->policy;
	int64_t timeouts, window, dead;

	if (map && (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0))
		return -1;
	if (conf_bool(map, "enabled", p->watchdog, &p->watchdog, error) < 0 ||
		conf_duration(map, "poll", 10 * NS_PER_MS, 60 * NS_PER_S, 200 * NS_PER_MS, &s->poll_ns,
			error) < 0 ||
		conf_integer(map, "timeouts", 1, 15, p->timeouts, &timeouts, error) < 0 ||
		conf_integer(map, "window", 0, 10000, p->window, &window, error) < 0 ||
		conf_integer(map, "dead", 1, 15, p->dead, &dead, error) < 0 ||
		conf_duration(map, "well", 0, 3600 * NS_PER_S, p->well_ns, &p->well_ns, error) < 0 ||
		conf_duration(
			map, "disbelief", 0, 3600 * NS_PER_S, p->disbelief_ns, &p->disbelief_ns, error) < 0)
		return -1;
	p->timeouts = (unsigned)timeouts;
	p->window = (unsigned)window;
	p->dead = (unsigned)dead;
	return 0;
}

static int read_key(const struct conf_node *map, uint8_t key[WIRE_KEY_SIZE], char **error)
{
	const char *path, *end;
	char text[2 * WIRE_KEY_SIZE + 8];
	size_t length = 0;

	if (conf_need_secret(map, "key_file", &path, error) < 0)
		return -1;
	FILE *file = fopen(path, "re");
	if (!file)
		return conf_error(conf_child(map, "key_file"), error,
			"key_file: %s: %s; make one with `umask 077; openssl rand -hex 32`", path,
			strerror(errno));
	size_t size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[size] = '\0';
	int bad = sodium_hex2bin(key, WIRE_KEY_SIZE, text, size, "\r\n", &length, &end);
	bool whole = !bad && length == WIRE_KEY_SIZE && end == text + size;
	sodium_memzero(text, sizeof text);
	if (whole)
		return 0;
	return conf_error(conf_child(map, "key_file"), error,
		"key_file: %s does not hold 64 hexadecimal digits; make one with `umask 077; openssl rand -hex 32`",
		path);
}

/* ---- tunnels */

static int read_provider(const struct conf_node *root, struct settings *s, char **error)
{
	static const char *const keys[] = {
		"address", "peer_certificate", "directory", "certificate", "key", NULL};
	const struct conf_node *map = conf_child(root, "provider");

	if (!map && conf_child(root, "tunnel"))
		return conf_error(conf_child(root, "tunnel"), error,
			"tunnel: to whom? write `provider` too; nodes/kibbutz/README.md has its keys");
	if (!map)
		return 0;
	if (!conf_child(root, "tunnel"))
		return conf_error(map, error,
			"provider: goes with the device's own `tunnel`, in which it sends what it forwards");
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0 ||
		conf_need_address(map, "address", &s->provider, error) < 0 ||
		conf_need_file(map, "peer_certificate", &s->provider_certificate, error) < 0 ||
		conf_need_string(map, "directory", &s->directory, error) < 0 ||
		conf_need_file(map, "certificate", &s->certificate, error) < 0 ||
		conf_need_secret(map, "key", &s->key, error) < 0)
		return -1;
	return 0;
}

static int check_tunnel(const struct conf_node *map, const struct settings *s,
	const struct settings_tunnel *tunnel, char **error)
{
	for (int i = -1; i < (int)s->count; i++) {
		const struct settings_tunnel *other = i < 0 ? &s->tunnel : &s->neighbours[i].tunnel;
		if (other != tunnel &&
			(other->port == tunnel->port || other->local.s_addr == tunnel->local.s_addr))
			return conf_error(map, error,
				"tunnel: another one has its port or local address; each needs its own");
	}
	return 0;
}

/* All tunnels or none: what one neighbour forwards would be accounted for and what another does not. */
static int read_tunnel(
	const struct conf_node *parent, struct settings *s, struct settings_tunnel *tunnel, char **error)
{
	static const char *const keys[] = {"port", "local", "remote", NULL};
	const struct conf_node *map = conf_child(parent, "tunnel");
	int64_t port;

	if (!map)
		return s->provider.s_addr
			       ? conf_error(parent, error,
					 "tunnel: is missing; with a provider each neighbour has one")
			       : 0;
	if (!s->provider.s_addr)
		return conf_error(map, error, "tunnel: needs `provider` and a `tunnel` of the device itself");
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0 ||
		conf_integer(map, "port", 1, 65535, 0, &port, error) < 0 ||
		conf_need_address(map, "local", &tunnel->local, error) < 0 ||
		conf_need_address(map, "remote", &tunnel->remote, error) < 0)
		return -1;
	if (!port)
		return conf_error(map, error, "port: is missing; it is the provider's for this tunnel");
	tunnel->port = (uint16_t)port;
	if (tunnel == &s->tunnel)
		snprintf(tunnel->interface, sizeof tunnel->interface, "kbz-own");
	else
		snprintf(tunnel->interface, sizeof tunnel->interface, "kbz%u", s->count);
	return check_tunnel(map, s, tunnel, error);
}

static int check_distinct(const struct conf_node *map, const struct settings *s, char **error)
{
	const struct settings_neighbour *n = &s->neighbours[s->count];

	for (unsigned i = 0; i < s->count; i++) {
		const struct settings_neighbour *other = &s->neighbours[i];
		if (!strcmp(other->name, n->name))
			return conf_error(map, error, "name: there are two neighbours '%s'", n->name);
		if (other->address.s_addr == n->address.s_addr || other->source.s_addr == n->source.s_addr ||
			other->guest.s_addr == n->guest.s_addr)
			return conf_error(map, error, "%s and %s share an address; each needs its own",
				other->name, n->name);
	}
	if (n->address.s_addr == s->address.s_addr || n->source.s_addr == s->address.s_addr ||
		n->source.s_addr == n->guest.s_addr)
		return conf_error(map, error,
			"%s: address, source and guest are three, and none is the local address", n->name);
	return 0;
}

static int read_neighbour(const struct conf_node *map, struct settings *s, char **error)
{
	static const char *const keys[] = {"name", "address", "source", "guest", "key_file", "tunnel", NULL};
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	struct settings_neighbour *n = &s->neighbours[s->count];

	if (s->count == SETTINGS_NEIGHBOURS)
		return conf_error(map, error, "more than %d neighbours; leave some out", SETTINGS_NEIGHBOURS);
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0 ||
		conf_need_string(map, "name", &n->name, error) < 0 ||
		conf_need_address(map, "address", &n->address, error) < 0 ||
		conf_need_address(map, "source", &n->source, error) < 0 ||
		conf_need_address(map, "guest", &n->guest, error) < 0 || read_key(map, n->key, error) < 0 ||
		read_tunnel(map, s, &n->tunnel, error) < 0)
		return -1;
	if (!*n->name || strlen(n->name) > 32 || strspn(n->name, allowed) != strlen(n->name))
		return conf_error(conf_child(map, "name"), error,
			"name: '%s' must have 1 to 32 letters, digits, '-' or '_'", n->name);
	if (check_distinct(map, s, error) < 0)
		return -1;
	s->count++;
	return 0;
}

static int read_neighbours(const struct conf_node *root, struct settings *s, char **error)
{
	const struct conf_node *list = conf_child(root, "neighbours");

	if (!list || conf_expect(list, CONF_SEQUENCE, error) < 0)
		return list ? -1 : conf_error(root, error, "neighbours: is missing; list at least one");
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_neighbour(n, s, error) < 0)
			return -1;
	return s->count ? 0 : conf_error(list, error, "neighbours: is empty; list at least one");
}

static int read_rest(const struct conf_node *root, struct settings *s, char **error)
{
	const char *begin;
	int64_t port, credit;

	if (conf_duration(root, "tie", 0, 10 * NS_PER_S, s->policy.tie_ns, &s->policy.tie_ns, error) < 0 ||
		conf_duration(root, "slack", 0, 60 * NS_PER_S, s->policy.period_ns / 10, &s->policy.slack_ns,
			error) < 0 ||
		conf_integer(root, "port", 1, 65535, WIRE_PORT, &port, error) < 0 ||
		conf_integer(root, "credit", 1, 1000000, s->policy.credit, &credit, error) < 0 ||
		conf_bool(root, "manage_sysctl", false, &s->manage_sysctl, error) < 0 ||
		conf_string(root, "trace", NULL, &s->trace, error) < 0 ||
		conf_string(root, "new_connections", "neighbour", &begin, error) < 0)
		return -1;
	if (strcmp(begin, "neighbour") != 0 && strcmp(begin, "own") != 0)
		return conf_error(conf_child(root, "new_connections"), error,
			"new_connections: '%s' is not known; write neighbour or own", begin);
	s->port = (uint16_t)port;
	s->policy.credit = (unsigned)credit;
	s->new_by_neighbour = !strcmp(begin, "neighbour") && s->policy.profile == KIBBUTZ_ENERGY;
	return 0;
}

static struct settings *read_all(struct conf *conf, char **error)
{
	static const char *const keys[] = {"cellular", "local", "port", "profile", "credit", "slack", "tie",
		"watchdog", "new_connections", "manage_sysctl", "trace", "provider", "tunnel", "neighbours",
		NULL};
	struct settings *s = calloc(1, sizeof *s);
	const struct conf_node *root;

	if (!s)
		abort();
	s->conf = conf;
	s->policy = KIBBUTZ_SETTINGS;
	s->policy.longest_ns = WIRE_LONGEST_MS * NS_PER_MS;
	root = conf ? conf_root(conf) : NULL;
	if (root && conf_expect(root, CONF_MAPPING, error) == 0 && conf_only(root, keys, error) == 0 &&
		read_cellular(root, s, error) == 0 && read_local(root, s, error) == 0 &&
		read_profile(root, s, error) == 0 && read_watchdog(root, s, error) == 0 &&
		read_rest(root, s, error) == 0 && read_provider(root, s, error) == 0 &&
		read_tunnel(root, s, &s->tunnel, error) == 0 && read_neighbours(root, s, error) == 0)
		return s;
	device_settings_free(s);
	return NULL;
}

struct in_addr settings_path(const struct settings *settings, unsigned neighbour)
{
	const struct settings_neighbour *n = &settings->neighbours[neighbour];

	return n->tunnel.port ? n->tunnel.local : n->source;
}

struct settings *device_settings_load(const char *path, char **error)
{
	return read_all(conf_load(path, error), error);
}

struct settings *device_settings_parse(const char *name, const char *text, char **error)
{
	return read_all(conf_parse(name, text, strlen(text), error), error);
}

void device_settings_free(struct settings *settings)
{
	if (!settings)
		return;
	conf_free(settings->conf);
	sodium_memzero(settings->neighbours, sizeof settings->neighbours);
	free(settings);
}
