/* The configuration file of liquidnet-balancer-agent: read, checked, defaults filled in. */
#include "nodes/balancer/agent/config.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEADERS 40      /* IPv4 and TCP without options */
#define OUTER_HEADER 20 /* what the mux puts before */
#define MSS_MIN 536     /* RFC 9293, section 3.7.1: what every host takes */

static const char *const keys[] = {"interface", "address", "map", "ports", "translate", "idle", "mss", NULL};

static int read_interface(struct agent_config *config, const struct conf_node *root, char **error)
{
	if (conf_need_string(root, "interface", &config->interface, error) < 0)
		return -1;
	config->ifindex = (int)if_nametoindex(config->interface);
	return config->ifindex ? 0
			       : conf_error(conf_child(root, "interface"), error,
					 "no interface `%s`; see `ip link`", config->interface);
}

static int read_address(struct agent_config *config, const struct conf_node *root, char **error)
{
	const char *text;
	if (conf_need_string(root, "address", &text, error) < 0)
		return -1;
	if (inet_pton(AF_INET, text, &config->address) != 1 || config->address.s_addr == 0)
		return conf_error(conf_child(root, "address"), error,
			"`%s` is no IPv4 address; write the one that the map has for this server", text);
	return 0;
}

static int read_ports(
	struct agent_config *config, const struct conf_node *list, const struct conf_node *root, char **error)
{
	if (!list)
		return conf_error(
			root, error, "no `ports`; write those of the VIP's services, as in [80, 443]");
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	if (!list->children)
		return conf_error(list, error, "an empty list; write the ports of the VIP's services");
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		int64_t port;
		if (n->type != CONF_SCALAR || unit_integer(n->value, &port) < 0 || port < 1 ||
			port > UINT16_MAX)
			return conf_error(n, error, "no port; write a number from 1 to 65535");
		config->ports[port / 64] |= 1ULL << (port % 64);
	}
	return 0;
}

/* The interface's, or 0. */
static int interface_mtu(const char *interface)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	int result = fd < 0 ? -1 : ioctl(fd, SIOCGIFMTU, &request);
	if (fd >= 0)
		close(fd);
	return result < 0 ? 0 : request.ifr_mtu;
}

static int read_mss(struct agent_config *config, const struct conf_node *root, char **error)
{
	int64_t mss, fits = interface_mtu(config->interface) - OUTER_HEADER - HEADERS;
	if (conf_integer(root, "mss", MSS_MIN, UINT16_MAX, fits < MSS_MIN ? MSS_MIN : fits, &mss, error) < 0)
		return -1;
	config->mss = mss > UINT16_MAX ? UINT16_MAX : (unsigned)mss;
	return 0;
}

static int read_config(struct agent_config *config, const struct conf_node *root, char **error)
{
	if (conf_only(root, keys, error) < 0 || read_interface(config, root, error) < 0 ||
		read_address(config, root, error) < 0 ||
		conf_need_string(root, "map", &config->map, error) < 0 ||
		read_ports(config, conf_child(root, "ports"), root, error) < 0 ||
		conf_bool(root, "translate", true, &config->translate, error) < 0 ||
		conf_duration(root, "idle", NS_PER_S, 30 * 86400 * NS_PER_S, 900 * NS_PER_S, &config->idle_ns,
			error) < 0)
		return -1;
	return read_mss(config, root, error);
}

struct agent_config *agent_config_load(const char *path, char **error)
{
	struct agent_config *config = calloc(1, sizeof *config);
	if (!config) {
		error_set(error, "out of memory");
		return NULL;
	}
	config->conf = conf_load(path, error);
	if (config->conf && read_config(config, conf_root(config->conf), error) == 0)
		return config;
	agent_config_free(config);
	return NULL;
}

void agent_config_free(struct agent_config *config)
{
	if (!config)
		return;
	conf_free(config->conf);
	free(config);
}
