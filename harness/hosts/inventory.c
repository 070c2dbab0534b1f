/* Inventory: the file. */
#include "harness/hosts/inventory.h"

#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/net/address.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_DEFAULT (UINT64_C(512) << 20)

int inventory_host(const struct inventory *inventory, const char *node)
{
	for (size_t i = 0; i < inventory->count; i++)
		if (strcmp(inventory->hosts[i].node, node) == 0)
			return (int)i;
	return -1;
}

/* They become words of ssh's command line, and of a shell's on the host. */
static bool plain_word(const char *text, const char *more)
{
	if (!*text || *text == '-')
		return false;
	for (const char *at = text; *at; at++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *at) &&
			!strchr(more, *at))
			return false;
	return true;
}

/* "name", "user@name", "user@name:port" */
static int read_login(const struct conf_node *map, struct inventory_host *host, char **error)
{
	const char *text;
	int64_t port = 0;
	if (conf_need_string(map, "ssh", &text, error) < 0)
		return -1;
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	bool good = length < sizeof host->user_and_name &&
		    (!colon || (unit_integer(colon + 1, &port) == 0 && port >= 1 && port <= 65535));
	if (good) {
		snprintf(host->user_and_name, sizeof host->user_and_name, "%.*s", (int)length, text);
		if (colon)
			snprintf(host->port, sizeof host->port, "%d", (int)port);
		good = plain_word(host->user_and_name, "@");
	}
	return good ? 0
		    : conf_error(conf_child(map, "ssh"), error,
			      "`%s` is no login; write HOST, USER@HOST or USER@HOST:PORT (an IPv6 address as a Host of ssh's configuration)",
			      text);
}

/* Of a host that can be reached from the others: no loopback, no group, nobody's, none that is of one link only. */
static bool is_of_host(const struct address *address)
{
	uint32_t number = ntohl(address_v4(address).s_addr);
	if (address_is_none(address))
		return false;
	if (address_is_v4(address))
		return number >> 24 != 0 && number >> 24 != 127 && number >> 28 < 0xe;
	/* 0000::/8 has ::1; RFC 4291, section 2.4: link-local addresses and groups */
	return address->bytes[0] != 0 && address->bytes[0] != 0xff &&
	       !(address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80);
}

static int read_address(
	struct inventory *v, const struct conf_node *map, struct inventory_host *host, char **error)
{
	struct address address = ADDRESS_NONE;
	const char *text;
	if (conf_need_string(map, "address", &text, error) < 0)
		return -1;
	if (!address_parse(text, &address) || !is_of_host(&address))
		return conf_error(conf_child(map, "address"), error,
			"`%s` is no address of a host; write the one that its interface has, of IPv4 or IPv6",
			text);
	address_text(&address, host->address);
	bool ipv6 = !address_is_v4(&address);
	if (v->count == 0)
		v->ipv6 = ipv6;
	if (ipv6 != v->ipv6)
		return conf_error(conf_child(map, "address"), error,
			"`%s` is of %s, and the address of %s is of %s; write addresses of one family", text,
			ipv6 ? "IPv6" : "IPv4", v->hosts[0].node, v->ipv6 ? "IPv6" : "IPv4");
	return 0;
}

static int read_host(struct inventory *v, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {"ssh", "address", "interface", "liquidnet", "sudo", NULL};
	if (v->count == INVENTORY_HOSTS_MAX)
		return conf_error(map, error, "more than %d hosts", INVENTORY_HOSTS_MAX);
	struct inventory_host *host = &v->hosts[v->count];
	*host = (struct inventory_host){.node = map->key, .at = map};
	if (conf_only(map, keys, error) < 0 || conf_name(map, "a host", map->key, error) < 0 ||
		read_login(map, host, error) < 0 || read_address(v, map, host, error) < 0 ||
		conf_string(map, "interface", NULL, &host->interface, error) < 0 ||
		conf_string(map, "liquidnet", "liquidnet", &host->program, error) < 0 ||
		conf_bool(map, "sudo", false, &host->sudo, error) < 0)
		return -1;
	if (!plain_word(host->program, "/"))
		return conf_error(conf_child(map, "liquidnet"), error,
			"`%s` cannot be the path of a program here; use letters, digits, - _ . and /",
			host->program);
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->hosts[i].address, host->address) == 0 ||
			(strcmp(v->hosts[i].user_and_name, host->user_and_name) == 0 &&
				strcmp(v->hosts[i].port, host->port) == 0))
			return conf_error(map, error,
				"%s and %s are the same host; each node needs one of its own",
				v->hosts[i].node, host->node);
	v->count++;
	return 0;
}

static int read_hosts(struct inventory *v, const struct conf_node *root, char **error)
{
	const struct conf_node *map = conf_child(root, "hosts");
	if (!map)
		return conf_error(
			root, error, "there is no `hosts`; write {NODE: {ssh: ..., address: ...}, ...}");
	if (conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	for (const struct conf_node *one = conf_first(map); one; one = one->next)
		if (conf_expect(one, CONF_MAPPING, error) < 0 || read_host(v, one, error) < 0)
			return -1;
	return v->count >= 2
		       ? 0
		       : conf_error(map, error, "fewer than two hosts; there is nothing to measure between");
}

static int read_limits(struct inventory *v, const struct conf_node *root, char **error)
{
	static const char *const keys[] = {"rate", "bytes", "until", NULL};
	const struct conf_node *map = v->limits = conf_child(root, "limits");
	if (!map)
		return conf_error(root, error,
			"there are no `limits`; write how much may be sent: {rate: 100Mbit/s, bytes: 10GB, until: 60min}");
	if (conf_only(map, keys, error) < 0)
		return -1;
	for (const char *const *key = keys; *key; key++)
		if (!conf_child(map, *key))
			return conf_error(map, error, "`limits` do not say `%s`; all three are needed", *key);
	return conf_rate(map, "rate", 100000, UINT64_C(100000000000), 0, &v->rate_bps, error) < 0 ||
			       conf_size(map, "bytes", 1000000, UINT64_C(1000000000000000), 0, &v->bytes,
				       error) < 0 ||
			       conf_duration(map, "until", 10 * NS_PER_S, 7 * 86400 * NS_PER_S, 0,
				       &v->until_ns, error) < 0
		       ? -1
		       : 0;
}

/* ~/ is the home of who runs this. */
static int read_ssh(struct inventory *v, const struct conf_node *root, char **error)
{
	static const char *const keys[] = {"config", NULL};
	const struct conf_node *map = conf_child(root, "ssh");
	const char *path = NULL, *home = getenv("HOME");
	if (!map)
		return 0;
	if (conf_only(map, keys, error) < 0 || conf_string(map, "config", NULL, &path, error) < 0)
		return -1;
	if (path && strncmp(path, "~/", 2) == 0) {
		if (asprintf(&v->ssh_config, "%s/%s", home ? home : "/root", path + 2) < 0)
			abort();
	} else if (path) {
		v->ssh_config = strdup(path);
	}
	FILE *in = v->ssh_config ? fopen(v->ssh_config, "re") : NULL;
	if (v->ssh_config && !in)
		return conf_error(conf_child(map, "config"), error, "%s cannot be read: %m", v->ssh_config);
	if (in)
		fclose(in);
	return 0;
}

/* ports: [5201/tcp, 1194/udp] */
static int read_ports(struct inventory *v, const struct conf_node *root, char **error)
{
	const struct conf_node *list = conf_child(root, "ports");
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *one = conf_first(list); one; one = one->next) {
		char number[8] = "";
		int64_t port = 0;
		if (conf_expect(one, CONF_SCALAR, error) < 0)
			return -1;
		const char *slash = strchr(one->value, '/');
		if (slash && slash - one->value < (long)sizeof number)
			snprintf(number, sizeof number, "%.*s", (int)(slash - one->value), one->value);
		bool tcp = slash && strcmp(slash, "/tcp") == 0, udp = slash && strcmp(slash, "/udp") == 0;
		if ((!tcp && !udp) || unit_integer(number, &port) < 0 || port < 1 || port > 65535)
			return conf_error(
				one, error, "`%s` is no port; write 5201/tcp or 1194/udp", one->value);
		if (v->ports_count == INVENTORY_PORTS_MAX)
			return conf_error(one, error, "more than %d ports", INVENTORY_PORTS_MAX);
		v->ports[v->ports_count++] = (struct inventory_port){tcp ? "tcp" : "udp", (int)port};
	}
	return 0;
}

static struct inventory *read_all(const char *path, struct conf *conf, char **error)
{
	static const char *const keys[] = {"hosts", "limits", "ssh", "ports", "space", NULL};
	struct inventory *v = calloc(1, sizeof *v);
	if (!v)
		abort();
	v->conf = conf;
	v->path = path;
	const struct conf_node *root = conf_root(conf);
	if (conf_only(root, keys, error) == 0 && read_hosts(v, root, error) == 0 &&
		read_limits(v, root, error) == 0 && read_ssh(v, root, error) == 0 &&
		read_ports(v, root, error) == 0 &&
		conf_size(root, "space", UINT64_C(1) << 16, UINT64_C(1) << 40, SPACE_DEFAULT, &v->space,
			error) == 0)
		return v;
	inventory_free(v);
	return NULL;
}

struct inventory *inventory_load(const char *path, char **error)
{
	struct conf *conf = conf_load(path, error);
	return conf ? read_all(path, conf, error) : NULL;
}

struct inventory *inventory_parse(const char *name, const char *text, size_t length, char **error)
{
	struct conf *conf = conf_parse(name, text, length, error);
	return conf ? read_all(name, conf, error) : NULL;
}

void inventory_free(struct inventory *inventory)
{
	if (!inventory)
		return;
	conf_free(inventory->conf);
	free(inventory->ssh_config);
	free(inventory);
}
