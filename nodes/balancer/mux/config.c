/* The configuration file of liquidnet-balancer-mux: read, checked, defaults filled in. */
#include "nodes/balancer/mux/config.h"
#include "lib/base/error.h"
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {"interface", "map", "path", "forward", "flow_table", NULL};
static const char *const paths[] = {"auto", "native", "generic", "socket", NULL};
static const char *const forwards[] = {"route", "hairpin", "kernel", NULL};

static int read_config(struct mux_config *config, const struct conf_node *root, char **error)
{
	int path, forward;
	int64_t flows;
	if (conf_only(root, keys, error) < 0 ||
		conf_need_string(root, "interface", &config->interface, error) < 0 ||
		conf_need_string(root, "map", &config->map, error) < 0 ||
		conf_word(root, "path", paths, PATH_AUTO, &path, error) < 0 ||
		conf_word(root, "forward", forwards, FORWARD_ROUTE, &forward, error) < 0 ||
		conf_integer(root, "flow_table", 0, 1 << 24, 0, &flows, error) < 0)
		return -1;
	config->path = (enum mux_path_choice)path;
	config->forward = (enum mux_forward)forward;
	config->flow_table = (unsigned)flows;
	config->ifindex = (int)if_nametoindex(config->interface);
	if (config->ifindex == 0)
		return conf_error(conf_child(root, "interface"), error, "no interface `%s`; see `ip link`",
			config->interface);
	if (config->path == PATH_SOCKET && config->flow_table)
		return conf_error(conf_child(root, "flow_table"), error,
			"the packet socket has no flow table; leave it out, or take another path");
	return 0;
}

struct mux_config *mux_config_load(const char *path, char **error)
{
	struct mux_config *config = calloc(1, sizeof *config);
	if (!config) {
		error_set(error, "out of memory");
		return NULL;
	}
	config->conf = conf_load(path, error);
	if (config->conf && read_config(config, conf_root(config->conf), error) == 0)
		return config;
	mux_config_free(config);
	return NULL;
}

void mux_config_free(struct mux_config *config)
{
	if (!config)
		return;
	conf_free(config->conf);
	free(config);
}
