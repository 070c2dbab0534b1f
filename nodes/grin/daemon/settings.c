#include "nodes/grin/daemon/settings.h"

#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {"server", "uplink", "interfaces", "plan", "cables", "use", "routing",
	"subflows", "shuffle", "seed", "affinity", "gate", "priority", "dead", NULL};
static const char *const affinity_words[] = {"none", "strong", NULL};
enum { CABLES_MOST = PLAN_SERVERS * PLAN_LINKS / 2, GATE_MOST = 1 << 30 };

static int read_address(const struct conf_node *node, uint32_t *address, char **error)
{
	struct in_addr in;

	if (conf_expect(node, CONF_SCALAR, error) < 0)
		return -1;
	if (inet_pton(AF_INET, node->value, &in) != 1 || !plan_primary_good(ntohl(in.s_addr)))
		return conf_error(
			node, error, "`%s` is no server's address; they are of 10.0.0.0/11", node->value);
	*address = ntohl(in.s_addr);
	return 0;
}

/* Errors of the plan get the place in the file. */
static int at(const struct conf_node *node, char *reason, char **error)
{
	conf_error(node, error, "%s", reason);
	free(reason);
	return -1;
}

static int read_server(struct plan *plan, const struct conf_node *node, char **error)
{
	uint32_t address;
	char *reason = NULL;

	if (read_address(node, &address, error) < 0)
		return -1;
	int server = plan_find(plan, address);
	if (server < 0 && (server = plan_add(plan, address, 0, &reason)) < 0)
		return at(node, reason, error);
	return server;
}

/* A cable counts while both ends have used fewer than `use`. */
static int read_cable(struct plan *plan, const struct conf_node *node, unsigned use, char **error)
{
	char *reason = NULL;

	if (conf_expect(node, CONF_SEQUENCE, error) < 0)
		return -1;
	if (node->children != 2)
		return conf_error(node, error, "a cable joins two servers; write [10.0.0.1, 10.0.0.2]");
	int a = read_server(plan, node->first, error),
	    b = a < 0 ? -1 : read_server(plan, node->first->next, error);
	if (b < 0)
		return -1;
	if (a != b && (plan->servers[a].count >= use || plan->servers[b].count >= use)) {
		/* Left out; twice the same is wrong all the same, where it can be seen. */
		for (unsigned i = 0; i < plan->servers[a].count; i++)
			if (plan->servers[a].ends[i].peer == (unsigned)b)
				return conf_error(node, error, "two cables between the same pair");
		return use == PLAN_LINKS
			       ? conf_error(node, error, "an eighth cable: three bits of an address name %d",
					 PLAN_LINKS)
			       : 0;
	}
	return plan_join(plan, (unsigned)a, (unsigned)b, &reason) < 0 ? at(node, reason, error) : 0;
}

/* The cables of the topology `grin`: {servers: 10, degree: 2}. */
static int read_rounds(struct plan *plan, const struct conf_node *map, unsigned use, char **error)
{
	static const char *const known[] = {"servers", "degree", NULL};
	int64_t servers, degree;
	char *reason = NULL;

	if (conf_only(map, known, error) < 0 ||
		conf_integer(map, "servers", 2, 1000, 10, &servers, error) < 0 ||
		conf_integer(map, "degree", 0, PLAN_LINKS, 2, &degree, error) < 0)
		return -1;
	if (degree >= servers)
		return conf_error(map, error,
			"a degree of %lld among %lld servers; each has %lld neighbours at most",
			(long long)degree, (long long)servers, (long long)servers - 1);
	if (plan_add_racks(plan, 1, (unsigned)servers, &reason) < 0 ||
		plan_join_rounds(plan, use < degree ? use : (unsigned)degree, &reason) < 0)
		return at(map, reason, error);
	return 0;
}

static int read_cables(struct settings *s, const struct conf_node *root, unsigned use, char **error)
{
	const struct conf_node *list = conf_child(root, "cables");
	const char *file = NULL;

	if (conf_string(root, "plan", NULL, &file, error) < 0)
		return -1;
	if (file && list)
		return conf_error(
			list, error, "both `plan` and `cables`; one of them says who is joined to whom");
	if (file) {
		if (conf_check_file(conf_child(root, "plan"), error) < 0 ||
			!(s->plan_conf = conf_load(file, error)))
			return -1;
		root = conf_root(s->plan_conf);
		list = conf_child(root, "cables");
	}
	if (!list)
		return conf_error(
			root, error, "`cables` is missing; list the pairs of servers that are joined");
	if (list->type == CONF_MAPPING)
		return read_rounds(s->plan, list, use, error);
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next)
		if (read_cable(s->plan, n, use, error) < 0)
			return -1;
	return 0;
}

static int take_name(const struct conf_node *node, const char *name, char out[IF_NAMESIZE], char **error)
{
	size_t length = strlen(name);

	if (!length || length >= IF_NAMESIZE || strpbrk(name, "/ \"'\\;\n\t") || !strcmp(name, ".") ||
		!strcmp(name, ".."))
		return conf_error(node, error, "`%s` is no name of an interface: 1 to %d characters", name,
			IF_NAMESIZE - 1);
	memcpy(out, name, length + 1);
	return 0;
}

/* A prefix: its name and the number of the cable, from 1, in the whole list; `number` counts those that `use` leaves out, too. */
static int name_by_number(struct settings *s, const struct conf_node *node, const struct conf_node *list,
	unsigned end, char **error)
{
	uint32_t mine = settings_me(s)->primary,
		 other = s->plan->servers[settings_me(s)->ends[end].peer].primary;
	unsigned number = 1;
	char name[64];

	if (list->type == CONF_MAPPING)
		number = settings_me(s)->ends[end].link + 1;
	for (const struct conf_node *n = list->type == CONF_MAPPING ? NULL : conf_first(list); n;
		n = n->next, number++) {
		uint32_t a, b;
		if (read_address(n->first, &a, error) < 0 || read_address(n->first->next, &b, error) < 0)
			return -1;
		if ((a == mine && b == other) || (a == other && b == mine))
			break;
	}
	snprintf(name, sizeof name, "%.40s%u", node->value, number);
	return take_name(node, name, s->cables[end], error);
}

static int name_by_neighbour(struct settings *s, const struct conf_node *map, unsigned end, char **error)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr in = {.s_addr = htonl(s->plan->servers[settings_me(s)->ends[end].peer].primary)};
	const char *name;

	inet_ntop(AF_INET, &in, text, sizeof text);
	if (conf_need_string(map, text, &name, error) < 0)
		return -1;
	return take_name(conf_child(map, text), name, s->cables[end], error);
}

static int check_neighbours(const struct settings *s, const struct conf_node *map, char **error)
{
	for (const struct conf_node *n = conf_first(map); n; n = n->next) {
		struct in_addr in;
		int other = inet_pton(AF_INET, n->key, &in) == 1 ? plan_find(s->plan, ntohl(in.s_addr)) : -1;
		if (other < 0 || (unsigned)other == s->me)
			return conf_error(n, error, "unknown neighbour `%s`; no cable leads there", n->key);
	}
	return 0;
}

static int read_interfaces(struct settings *s, const struct conf_node *root, char **error)
{
	const struct conf_node *names = conf_child(root, "interfaces");
	const struct conf_node *list = conf_child(s->plan_conf ? conf_root(s->plan_conf) : root, "cables");
	const char *uplink;

	if (conf_need_string(root, "uplink", &uplink, error) < 0 ||
		take_name(conf_child(root, "uplink"), uplink, s->uplink, error) < 0)
		return -1;
	if (!settings_me(s)->count)
		return 0;
	if (!names)
		return conf_error(
			root, error, "`interfaces` is missing; say which interface leads to which neighbour");
	if (names->type == CONF_SEQUENCE)
		return conf_expect(names, CONF_MAPPING, error);
	if (names->type == CONF_MAPPING && check_neighbours(s, names, error) < 0)
		return -1;
	for (unsigned e = 0; e < settings_me(s)->count; e++)
		if ((names->type == CONF_MAPPING ? name_by_neighbour(s, names, e, error)
						 : name_by_number(s, names, list, e, error)) < 0)
			return -1;
	return 0;
}

static int read_rest(struct settings *s, const struct conf_node *root, char **error)
{
	int routing, affinity;
	int64_t subflows, seed;

	if (conf_word(root, "routing", plan_routing_names, PLAN_COMPUTED, &routing, error) < 0 ||
		conf_integer(root, "subflows", 0, PLAN_LINKS, 0, &subflows, error) < 0 ||
		conf_integer(root, "seed", 0, INT64_MAX, 1, &seed, error) < 0 ||
		conf_bool(root, "shuffle", false, &s->shuffle, error) < 0 ||
		conf_word(root, "affinity", affinity_words, 0, &affinity, error) < 0 ||
		conf_size(root, "gate", 0, GATE_MOST, 0, &s->gate, error) < 0 ||
		conf_bool(root, "priority", true, &s->priority, error) < 0 ||
		conf_duration(
			root, "dead", 100 * NS_PER_MS, 60 * NS_PER_S, 3 * NS_PER_S, &s->dead_ns, error) < 0)
		return -1;
	if (routing == PLAN_LSRR)
		return conf_error(conf_child(root, "routing"), error,
			"a socket of Multipath TCP takes no source route (ENOPROTOOPT); write computed or static, whose paths are the same");
	s->routing = (enum plan_routing)routing;
	s->subflows = (unsigned)subflows;
	s->seed = (uint64_t)seed;
	s->affinity = affinity == 1;
	return 0;
}

static int read_all(struct settings *s, const struct conf_node *root, char **error)
{
	const struct conf_node *server = conf_child(root, "server");
	uint32_t address;
	int64_t use;

	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, keys, error) < 0)
		return -1;
	if (!server)
		return conf_error(
			root, error, "`server` is missing; write this server's address, of 10.0.0.0/11");
	if (read_address(server, &address, error) < 0 ||
		conf_integer(root, "use", 0, PLAN_LINKS, PLAN_LINKS, &use, error) < 0 ||
		read_cables(s, root, (unsigned)use, error) < 0)
		return -1;
	int me = plan_find(s->plan, address);
	if (me < 0)
		return conf_error(server, error, "no cable of the plan ends at %s", server->value);
	s->me = (unsigned)me;
	return read_interfaces(s, root, error) < 0 || read_rest(s, root, error) < 0 ? -1 : 0;
}

const struct plan_server *settings_me(const struct settings *s)
{
	return &s->plan->servers[s->me];
}

static struct settings *read_conf(struct conf *conf, char **error)
{
	struct settings *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->plan = plan_new();
	s->conf = conf;
	if (s->conf && read_all(s, conf_root(s->conf), error) == 0)
		return s;
	settings_free(s);
	return NULL;
}

struct settings *settings_load(const char *path, char **error)
{
	return read_conf(conf_load(path, error), error);
}

struct settings *settings_parse(const char *name, const char *text, size_t length, char **error)
{
	return read_conf(conf_parse(name, text, length, error), error);
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	plan_free(s->plan);
	conf_free(s->conf);
	conf_free(s->plan_conf);
	free(s);
}
