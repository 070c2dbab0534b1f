/* The configuration, and the shares. */
#include "nodes/steer/front/config.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

static const char *const top_keys[] = {"address", "port", "servers", "release", "release_after", NULL};
static const char *const server_keys[] = {"name", "address", "share", NULL};
static const char *const release_words[] = {"rst", "keep", NULL};

static int check_sum(const struct front_config *config, char **error)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < config->count; i++)
		sum += config->servers[i].share;
	return sum <= 100 ? 0
			  : error_set(error, "servers have %u %% of the connections together, more than 100",
				    sum);
}

static int read_server(struct front_config *config, const struct conf_node *node, char **error)
{
	struct front_server *server = &config->servers[config->count];
	int64_t share;
	if (config->count == SERVERS_MOST)
		return conf_error(node, error, "there may be %d servers at most", SERVERS_MOST);
	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, server_keys, error) < 0 ||
		conf_need_string(node, "name", &server->name, error) < 0 ||
		conf_need_address(node, "address", &server->address, error) < 0 ||
		conf_integer(node, "share", 0, 100, 0, &share, error) < 0)
		return -1;
	server->share = (unsigned)share;
	for (unsigned i = 0; i < config->count; i++)
		if (strcmp(config->servers[i].name, server->name) == 0)
			return conf_error(node, error, "two servers are called '%s'", server->name);
	config->count++;
	return 0;
}

static int read_all(struct front_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *list = conf_child(root, "servers");
	int64_t port;
	int release;
	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, top_keys, error) < 0 ||
		conf_need_address(root, "address", &config->address, error) < 0 ||
		conf_integer(root, "port", 1, UINT16_MAX, 80, &port, error) < 0 ||
		conf_word(root, "release", release_words, 0, &release, error) < 0 ||
		conf_size(root, "release_after", 1, UINT64_C(1) << 40, 20000, &config->release_after, error) <
			0)
		return -1;
	config->port = (uint16_t)port;
	config->release = release == 0;
	if (!list)
		return conf_error(root, error, "'servers' is missing; list those that take connections");
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_server(config, n, error) < 0)
			return -1;
	if (!config->count)
		return conf_error(list, error, "an empty list takes nothing off this host");
	char *reason = NULL;
	if (check_sum(config, &reason) < 0) {
		conf_error(list, error, "%s", reason);
		free(reason);
		return -1;
	}
	return 0;
}

struct front_config *front_config_load(const char *path, char **error)
{
	struct front_config *config = calloc(1, sizeof *config);
	if (!config)
		abort();
	config->conf = conf_load(path, error);
	if (!config->conf || read_all(config, conf_root(config->conf), error) < 0) {
		front_config_free(config);
		return NULL;
	}
	return config;
}

void front_config_free(struct front_config *config)
{
	if (!config)
		return;
	conf_free(config->conf);
	free(config);
}

int front_share(struct front_config *config, const char *name, unsigned share, char **error)
{
	for (unsigned i = 0; i < config->count; i++) {
		if (strcmp(config->servers[i].name, name) != 0)
			continue;
		unsigned before = config->servers[i].share;
		config->servers[i].share = share;
		if (check_sum(config, error) == 0)
			return 0;
		config->servers[i].share = before;
		return -1;
	}
	return error_set(error, "no server is called '%s'; `status` lists them", name);
}
