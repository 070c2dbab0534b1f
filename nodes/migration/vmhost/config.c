/* Configuration of liquidnet-vmhost: see the header. */
#include "nodes/migration/vmhost/config.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const top_keys[] = {"qemu", "accel", "options", "memory", "guest", "append", "tap", "mac",
	"place", "listen", "port", "hosts", "pause", "limit", "folder", NULL};

static int read_options(struct vmhost_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *list = conf_child(root, "options");
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		if (conf_expect(n, CONF_SCALAR, error) < 0)
			return -1;
		if (config->option_count == QEMU_OPTIONS)
			return conf_error(n, error, "there may be %d words at most", QEMU_OPTIONS);
		config->options[config->option_count++] = n->value;
	}
	return 0;
}

static int read_hosts(struct vmhost_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *map = conf_child(root, "hosts");
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(map); n; n = n->next) {
		struct vmhost_other *other = &config->hosts[config->host_count];
		if (config->host_count == HOSTS)
			return conf_error(n, error, "there may be %d hosts at most", HOSTS);
		if (conf_name(n, "a host", n->key, error) < 0 ||
			conf_need_address(map, n->key, &other->address, error) < 0)
			return -1;
		other->name = n->key;
		config->host_count++;
	}
	return 0;
}

static int read_place(struct vmhost_config *config, const struct conf_node *root, char **error)
{
	char *reason = NULL;
	if (conf_need_string(root, "place", &config->place_text, error) < 0)
		return -1;
	if (site_parse(&config->place, config->place_text, &reason) == 0)
		return 0;
	conf_error(conf_child(root, "place"), error, "%s", reason);
	free(reason);
	return -1;
}

static int check_texts(const struct vmhost_config *config, const struct conf_node *root, char **error)
{
	if (!*config->tap || strlen(config->tap) >= IFNAMSIZ || strchr(config->tap, ','))
		return conf_error(
			conf_child(root, "tap"), error, "'%s' can be no interface; write tap0", config->tap);
	/* It is a part of a word of QEMU's, in which a comma ends it. */
	if (strchr(config->mac, ',') || strchr(config->folder, ','))
		return conf_error(root, error, "neither 'mac' nor 'folder' may have a comma");
	return 0;
}

/* The folder of the kernel and the initramfs: as said, by LIQUIDNET_GUEST, or where `make migration-guest` puts it. */
static int read_guest(struct vmhost_config *c, const struct conf_node *root, char **error)
{
	static const char *const places[] = {"../../build-guest", "../share/liquidnet/guest"};
	const char *said = getenv("LIQUIDNET_GUEST");
	char program[PATH_MAX - 64], folder[PATH_MAX] = "";
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (conf_string(root, "guest", said, &said, error) < 0)
		return -1;
	program[length > 0 ? length : 0] = 0;
	char *slash = strrchr(program, '/');
	if (slash)
		*slash = 0;
	for (size_t i = 0; i < sizeof places / sizeof *places && !*folder; i++) {
		snprintf(c->initrd, sizeof c->initrd, "%s/%s/initrd", program, places[i]);
		if (access(c->initrd, R_OK) == 0)
			snprintf(folder, sizeof folder, "%s/%s", program, places[i]);
	}
	const char *in = said ? said : *folder ? folder : "build-guest";
	if (snprintf(c->kernel, sizeof c->kernel, "%s/vmlinuz", in) >= (int)sizeof c->kernel ||
		snprintf(c->initrd, sizeof c->initrd, "%s/initrd", in) >= (int)sizeof c->initrd ||
		access(c->kernel, R_OK) < 0 || access(c->initrd, R_OK) < 0)
		return conf_error(root, error,
			"there is no machine in %s (vmlinuz, initrd); run `make migration-guest`, or say where with 'guest'",
			in);
	return 0;
}

static int read_all(struct vmhost_config *c, const struct conf_node *root, char **error)
{
	int64_t port;
	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, top_keys, error) < 0 ||
		conf_string(root, "qemu", "qemu-system-x86_64", &c->qemu, error) < 0 ||
		conf_string(root, "accel", "tcg,thread=multi,tb-size=128", &c->accel, error) < 0 ||
		read_guest(c, root, error) < 0 || conf_string(root, "append", "", &c->append, error) < 0 ||
		conf_string(root, "tap", "tap0", &c->tap, error) < 0 ||
		conf_string(root, "mac", "52:54:00:00:00:01", &c->mac, error) < 0 ||
		conf_need_string(root, "folder", &c->folder, error) < 0 ||
		conf_size(root, "memory", 32 << 20, UINT64_C(1) << 38, 320 << 20, &c->memory, error) < 0 ||
		conf_need_address(root, "listen", &c->listen, error) < 0 ||
		conf_integer(root, "port", 1, UINT16_MAX, 4444, &port, error) < 0 ||
		conf_duration(root, "pause", 0, 60 * NS_PER_S, 300 * NS_PER_MS, &c->pause_ns, error) < 0 ||
		conf_duration(root, "limit", NS_PER_MS, 3600 * NS_PER_S, 60 * NS_PER_S, &c->limit_ns, error) <
			0)
		return -1;
	c->port = (uint16_t)port;
	return read_place(c, root, error) < 0 || read_options(c, root, error) < 0 ||
			       read_hosts(c, root, error) < 0
		       ? -1
		       : check_texts(c, root, error);
}

struct vmhost_config *vmhost_config_load(const char *path, char **error)
{
	struct vmhost_config *config = calloc(1, sizeof *config);
	if (!config)
		abort();
	config->conf = conf_load(path, error);
	if (!config->conf || read_all(config, conf_root(config->conf), error) < 0) {
		vmhost_config_free(config);
		return NULL;
	}
	return config;
}

void vmhost_config_free(struct vmhost_config *config)
{
	if (!config)
		return;
	conf_free(config->conf);
	free(config);
}

const struct vmhost_other *vmhost_config_host(const struct vmhost_config *config, const char *name)
{
	for (unsigned i = 0; i < config->host_count; i++)
		if (strcmp(config->hosts[i].name, name) == 0)
			return &config->hosts[i];
	return NULL;
}
