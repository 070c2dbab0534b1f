/* The configuration file of liquidnet-steer: read, checked, defaults filled in. */
#include "nodes/steer/daemon/config.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DETOUR_PORT = 45672 };

static const char *const top_keys[] = {"interfaces", "identity", "waypoints", "rules", "table",
	"announce_every", "join_within", "quiet", "resets", "redirects", NULL};
static const char *const waypoint_keys[] = {"name", "address", "port", "key", NULL};
static const char *const rule_keys[] = {"match", "via", NULL};
static const char *const match_keys[] = {"payload", "port", "bytes_over", "token", NULL};

static int read_interfaces(struct steer_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *list = conf_child(root, "interfaces");
	if (!list)
		return conf_error(
			root, error, "'interfaces' is missing; list those that connections enter by");
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		if (config->interface_count == RING_INTERFACES)
			return conf_error(n, error, "there may be %d interfaces at most", RING_INTERFACES);
		if (!n->value || !if_nametoindex(n->value))
			return conf_error(n, error, "no interface is called '%s'; `ip link` lists them",
				n->value ? n->value : "");
		config->interfaces[config->interface_count++] = n->value;
	}
	if (!config->interface_count)
		return conf_error(list, error, "an empty list watches nothing");
	return 0;
}

/* By a socket that is connected there: no packet is sent. */
static bool is_reached(const struct place *at)
{
	struct sockaddr_storage address;
	socklen_t length = place_sockaddr(at, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool reached = fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0;
	if (fd >= 0)
		close(fd);
	return reached;
}

static int read_waypoint(struct steer_config *config, const struct conf_node *node, char **error)
{
	struct waypoint *waypoint = &config->waypoints[config->waypoint_count];
	const char *address, *key;
	int64_t port;
	if (config->waypoint_count == WAYPOINTS_MOST)
		return conf_error(node, error, "there may be %d waypoints at most", WAYPOINTS_MOST);
	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, waypoint_keys, error) < 0 ||
		conf_need_string(node, "name", &waypoint->name, error) < 0 ||
		conf_need_string(node, "address", &address, error) < 0 ||
		conf_need_string(node, "key", &key, error) < 0 ||
		conf_integer(node, "port", 1, UINT16_MAX, DETOUR_PORT, &port, error) < 0)
		return -1;
	if (steer_config_waypoint(config, waypoint->name) >= 0)
		return conf_error(
			conf_child(node, "name"), error, "two waypoints are called '%s'", waypoint->name);
	waypoint->at.port = (uint16_t)port;
	if (!address_parse(address, &waypoint->at.address))
		return conf_error(conf_child(node, "address"), error, "'%s' is no address", address);
	if (!public_find(key, waypoint->key))
		return conf_error(conf_child(node, "key"), error,
			"'%s' is no public key: 44 characters of base64, or @FILE", key);
	if (!is_reached(&waypoint->at))
		return conf_error(conf_child(node, "address"), error, "no route leads to %s: %s", address,
			strerror(errno));
	config->waypoint_count++;
	return 0;
}

static int read_waypoints(struct steer_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *list = conf_child(root, "waypoints");
	const char *path;
	if (!list)
		return conf_error(root, error, "'waypoints' is missing; connections are led over them");
	if (conf_expect(list, CONF_SEQUENCE, error) < 0 ||
		conf_need_string(root, "identity", &path, error) < 0)
		return -1;
	if (identity_load(path, &config->identity, error) < 0)
		return error_prefix(error, "%s:%u", list->file, conf_child(root, "identity")->line);
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_waypoint(config, n, error) < 0)
			return -1;
	return config->waypoint_count ? 0 : conf_error(list, error, "an empty list leads nowhere");
}

static int read_via(
	const struct steer_config *config, const struct conf_node *node, struct rule *rule, char **error)
{
	int waypoint = node->value ? steer_config_waypoint(config, node->value) : -1;
	if (waypoint < 0)
		return conf_error(node, error, "no waypoint is called '%s'; 'waypoints' names them",
			node->value ? node->value : "");
	if (rule->via_count == VIA_MOST)
		return conf_error(node, error, "there may be %d waypoints in a row at most", VIA_MOST);
	rule->via[rule->via_count++] = (unsigned)waypoint;
	return 0;
}

static int read_pattern(const struct conf_node *match, struct rule *rule, char **error)
{
	const struct conf_node *node = conf_child(match, "payload");
	const char *pattern;
	if (conf_string(match, "payload", NULL, &pattern, error) < 0)
		return -1;
	if (!pattern)
		return 0;
	size_t length = strlen(pattern);
	if (length == 0 || length > PATTERN_MOST)
		return conf_error(node, error, "a pattern has 1 to %d bytes, not %zu", PATTERN_MOST, length);
	rule->has_pattern = true;
	rule->pattern_length = (unsigned)length;
	memcpy(rule->pattern, pattern, length);
	rule_prepare(rule);
	return 0;
}

static int read_token(const struct conf_node *match, struct rule *rule, char **error)
{
	const char *text;
	char *end;
	if (conf_string(match, "token", NULL, &text, error) < 0)
		return -1;
	if (!text)
		return 0;
	unsigned long value = strtoul(text, &end, 16);
	if (!*text || *end || value > UINT32_MAX)
		return conf_error(conf_child(match, "token"), error,
			"'%s' is no token: eight hexadecimal digits", text);
	rule->has_token = true;
	rule->token = (uint32_t)value;
	return 0;
}

static int read_rule(struct steer_config *config, const struct conf_node *node, char **error)
{
	struct rule *rule = &config->rules.rule[config->rules.count];
	const struct conf_node *match, *via;
	int64_t port;
	if (config->rules.count == RULES_MOST)
		return conf_error(node, error, "there may be %d rules at most", RULES_MOST);
	if (conf_expect(node, CONF_MAPPING, error) < 0 || conf_only(node, rule_keys, error) < 0)
		return -1;
	match = conf_child(node, "match");
	via = conf_child(node, "via");
	if (!match || !via)
		return conf_error(node, error, "a rule has 'match' and 'via'");
	if (conf_expect(match, CONF_MAPPING, error) < 0 || conf_only(match, match_keys, error) < 0 ||
		read_pattern(match, rule, error) < 0 || read_token(match, rule, error) < 0 ||
		conf_integer(match, "port", 1, UINT16_MAX, 0, &port, error) < 0 ||
		conf_size(match, "bytes_over", 1, UINT64_MAX, 0, &rule->bytes_over, error) < 0)
		return -1;
	rule->port = (uint16_t)port;
	if (!conf_first(match))
		return conf_error(
			match, error, "an empty 'match' holds for everything; say {bytes_over: 1} for that");
	if (via->type == CONF_SCALAR && read_via(config, via, rule, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(via); n; n = n->next)
		if (read_via(config, n, rule, error) < 0)
			return -1;
	if (!rule->via_count)
		return conf_error(via, error, "'via' names a waypoint, or several in a row");
	config->rules.count++;
	return 0;
}

static int read_steps(struct steer_config *config, const struct conf_node *root, char **error)
{
	struct steps_settings *steps = &config->steps;
	int64_t table, resets, redirects;
	if (conf_duration(root, "announce_every", 10 * NS_PER_MS, 10 * NS_PER_S, 250 * NS_PER_MS,
		    &steps->announce_every_ns, error) < 0 ||
		conf_duration(root, "join_within", 10 * NS_PER_MS, 60 * NS_PER_S, 2 * NS_PER_S,
			&steps->join_within_ns, error) < 0 ||
		conf_duration(root, "quiet", 10 * NS_PER_MS, 60 * NS_PER_S, 300 * NS_PER_MS, &steps->quiet_ns,
			error) < 0 ||
		conf_integer(root, "resets", 2, 1000, 64, &resets, error) < 0 ||
		conf_integer(root, "redirects", 1, 65536, 1024, &redirects, error) < 0 ||
		conf_integer(root, "table", 16, 1 << 24, 1 << 17, &table, error) < 0)
		return -1;
	steps->resets_most = (unsigned)resets;
	steps->redirects_most = (unsigned)redirects;
	config->table = (uint32_t)table;
	return 0;
}

static int read_all(struct steer_config *config, const struct conf_node *root, char **error)
{
	const struct conf_node *rules = conf_child(root, "rules");
	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, top_keys, error) < 0 ||
		read_interfaces(config, root, error) < 0 || read_waypoints(config, root, error) < 0 ||
		read_steps(config, root, error) < 0 ||
		(rules && conf_expect(rules, CONF_SEQUENCE, error) < 0))
		return -1;
	for (const struct conf_node *n = conf_first(rules); n; n = n->next)
		if (read_rule(config, n, error) < 0)
			return -1;
	return 0;
}

struct steer_config *steer_config_load(const char *path, char **error)
{
	struct steer_config *config;
	if (seal_init(error) < 0)
		return NULL;
	config = calloc(1, sizeof *config);
	if (!config)
		abort();
	config->conf = conf_load(path, error);
	if (!config->conf || read_all(config, conf_root(config->conf), error) < 0) {
		steer_config_free(config);
		return NULL;
	}
	return config;
}

void steer_config_free(struct steer_config *config)
{
	if (!config)
		return;
	conf_free(config->conf);
	explicit_bzero(&config->identity, sizeof config->identity);
	free(config);
}

int steer_config_waypoint(const struct steer_config *config, const char *name)
{
	for (unsigned i = 0; i < config->waypoint_count; i++)
		if (strcmp(config->waypoints[i].name, name) == 0)
			return (int)i;
	return -1;
}
