/* The configuration of the provider: YAML to struct settings, each error named by its line. */
#include "nodes/kibbutz/provider/settings.h"
#include "lib/base/error.h"
#include "lib/base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_watchdog(const struct conf_node *root, struct settings *s, char **error)
{
	static const char *const keys[] = {"enabled", "poll", "timeouts", "window", "well", NULL};
	const struct conf_node *map = conf_child(root, "watchdog");
	struct kibbutz_settings *p = &s->policy;
	int64_t timeouts, window;

	if (map && (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0))
		return -1;
	if (conf_bool(map, "enabled", true, &p->watchdog, error) < 0 ||
		conf_duration(map, "poll", 10 * NS_PER_MS, 60 * NS_PER_S, 200 * NS_PER_MS, &s->poll_ns,
			error) < 0 ||
		conf_integer(map, "timeouts", 1, 15, p->timeouts, &timeouts, error) < 0 ||
		conf_integer(map, "window", 0, 10000, p->window, &window, error) < 0 ||
		conf_duration(map, "well", 0, 3600 * NS_PER_S, p->well_ns, &p->well_ns, error) < 0)
		return -1;
	p->timeouts = (unsigned)timeouts;
	p->window = (unsigned)window;
	return 0;
}

static int read_downlink(
	const struct conf_node *map, struct settings *s, struct settings_tunnel *t, char **error)
{
	static const char *const keys[] = {"address", "rate", NULL};
	const struct conf_node *downlink = conf_child(map, "downlink");

	if (!downlink)
		return 0;
	if (t->via >= 0)
		return conf_error(downlink, error, "downlink: belongs to the device's own tunnel");
	if (!s->interface)
		return conf_error(
			downlink, error, "downlink: on which interface? write `interface` at the top");
	if (conf_expect(downlink, CONF_MAPPING, error) < 0 || conf_only(downlink, keys, error) < 0 ||
		conf_need_address(downlink, "address", &t->downlink, error) < 0 ||
		conf_rate(downlink, "rate", 64000, 1000000000, 0, &t->downlink_bps, error) < 0)
		return -1;
	return t->downlink_bps ? 0
			       : conf_error(downlink, error, "rate: is missing; that of the cellular link");
}

static int read_interface(const struct conf_node *root, struct settings *s, char **error)
{
	if (conf_string(root, "interface", NULL, &s->interface, error) < 0)
		return -1;
	if (s->interface && (!*s->interface || strlen(s->interface) >= IFNAMSIZ ||
				    strpbrk(s->interface, "/ \t\"%:\n*\\")))
		return conf_error(conf_child(root, "interface"), error,
			"interface: '%s' is no name for an interface; write at most 15 characters, as in eth0",
			s->interface);
	return 0;
}

static int find_carrier(const struct settings *s, const char *device)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->tunnels[i].via < 0 && !strcmp(s->tunnels[i].device, device))
			return (int)i;
	return -1;
}

static int check_name(const struct conf_node *map, const char *key, const char *name, char **error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (*name && strlen(name) <= 32 && strspn(name, allowed) == strlen(name))
		return 0;
	return conf_error(conf_child(map, key), error,
		"%s: '%s' must have 1 to 32 letters, digits, '-' or '_'", key, name);
}

static int check_distinct(
	const struct conf_node *map, const struct settings *s, const struct settings_tunnel *t, char **error)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct settings_tunnel *other = &s->tunnels[i];
		if (other->port == t->port)
			return conf_error(conf_child(map, "port"), error,
				"port: %u is another tunnel's; choose another", t->port);
		if (other->via == t->via && !strcmp(other->device, t->device))
			return conf_error(map, error, "device: %s has such a tunnel already", t->device);
		if (other->remote.s_addr == t->remote.s_addr)
			return conf_error(conf_child(map, "remote"), error,
				"remote: another tunnel has that address; choose another");
	}
	return 0;
}

static int read_tunnel(const struct conf_node *map, struct settings *s, char **error)
{
	static const char *const keys[] = {
		"device", "via", "port", "local", "remote", "certificate", "downlink", NULL};
	struct settings_tunnel *t = &s->tunnels[s->count];
	const char *via;
	int64_t port;

	if (s->count == SETTINGS_TUNNELS)
		return conf_error(map, error, "more than %d tunnels; leave some out", SETTINGS_TUNNELS);
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0 ||
		conf_need_string(map, "device", &t->device, error) < 0 ||
		check_name(map, "device", t->device, error) < 0 ||
		conf_string(map, "via", NULL, &via, error) < 0 ||
		conf_integer(map, "port", 1, 65535, 0, &port, error) < 0 ||
		conf_need_address(map, "local", &t->local, error) < 0 ||
		conf_need_address(map, "remote", &t->remote, error) < 0 ||
		conf_need_file(map, "certificate", &t->certificate, error) < 0)
		return -1;
	if (!port)
		return conf_error(map, error, "port: is missing; each tunnel has its own");
	t->port = (uint16_t)port;
	t->via = via ? find_carrier(s, via) : -1;
	if (via && t->via < 0)
		return conf_error(conf_child(map, "via"), error,
			"via: '%s' has no tunnel of its own; write that one first, without `via`", via);
	if (via && !strcmp(via, t->device))
		return conf_error(conf_child(map, "via"), error, "via: nobody is carried by himself");
	snprintf(t->interface, sizeof t->interface, "kibbutz%u", s->count);
	if (check_distinct(map, s, t, error) < 0 || read_downlink(map, s, t, error) < 0)
		return -1;
	s->count++;
	return 0;
}

static int read_tunnels(const struct conf_node *root, struct settings *s, char **error)
{
	const struct conf_node *list = conf_child(root, "tunnels");

	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0 ||
		conf_need_string(root, "directory", &s->directory, error) < 0 ||
		conf_need_file(root, "certificate", &s->certificate, error) < 0 ||
		conf_need_secret(root, "key", &s->key, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_tunnel(n, s, error) < 0)
			return -1;
	return 0;
}

static struct settings *read_all(struct conf *conf, char **error)
{
	static const char *const keys[] = {
		"watchdog", "manage_sysctl", "interface", "directory", "certificate", "key", "tunnels", NULL};
	struct settings *s = calloc(1, sizeof *s);
	const struct conf_node *root = conf ? conf_root(conf) : NULL;

	if (!s)
		abort();
	s->conf = conf;
	s->policy = KIBBUTZ_SETTINGS;
	if (root && conf_expect(root, CONF_MAPPING, error) == 0 && conf_only(root, keys, error) == 0 &&
		conf_bool(root, "manage_sysctl", false, &s->manage_sysctl, error) == 0 &&
		read_watchdog(root, s, error) == 0 && read_interface(root, s, error) == 0 &&
		read_tunnels(root, s, error) == 0)
		return s;
	provider_settings_free(s);
	return NULL;
}

struct settings *provider_settings_load(const char *path, char **error)
{
	return read_all(conf_load(path, error), error);
}

struct settings *provider_settings_parse(const char *name, const char *text, char **error)
{
	return read_all(conf_parse(name, text, strlen(text), error), error);
}

void provider_settings_free(struct settings *settings)
{
	if (!settings)
		return;
	conf_free(settings->conf);
	free(settings);
}
