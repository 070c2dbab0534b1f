/* Experiment, the network's part: settings of nodes, links of configurations, capture points. */
#include "harness/experiment/experiment_internal.h"
#include "harness/experiment/traces.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

#define CONGESTION_KEY "net.ipv4.tcp_congestion_control"
#define CONGESTION_NAME_MAX 15 /* TCP_CA_NAME_MAX without its zero */

/* `all` or a node's name; -1 in *node: all. */
static int read_place(const struct experiment *e, const struct conf_node *of, int *node, char **error)
{
	*node = strcmp(of->key, "all") == 0 ? -1 : topology_node(e->topology, of->key);
	return *node >= 0 || strcmp(of->key, "all") == 0
		       ? 0
		       : conf_error(of, error, "no node `%s` in topology %s", of->key, e->topology->name);
}

bool sysctl_named(const char *key)
{
	return strncmp(key, "net.", 4) == 0 && !strstr(key, "..") && !strchr(key, '/');
}

static int read_sysctls(
	const struct conf_node *of, int node, struct setting *settings, size_t *n, char **error)
{
	if (conf_expect(of, CONF_MAPPING, error) < 0)
		return -1;
	for (const struct conf_node *item = conf_first(of); item; item = item->next) {
		if (conf_expect(item, CONF_SCALAR, error) < 0)
			return -1;
		if (!sysctl_named(item->key))
			return conf_error(item, error,
				"`%s` is no sysctl of a network namespace; it begins with `net.`", item->key);
		settings[(*n)++] =
			(struct setting){.node = node, .key = item->key, .value = item->value, .at = item};
	}
	return 0;
}

static int read_algorithm(
	const struct conf_node *item, int node, struct setting *settings, size_t *n, char **error)
{
	if (conf_expect(item, CONF_SCALAR, error) < 0)
		return -1;
	size_t length = strlen(item->value);
	if (length == 0 || length > CONGESTION_NAME_MAX ||
		strspn(item->value, "abcdefghijklmnopqrstuvwxyz0123456789_-") != length)
		return conf_error(item, error,
			"`%s` is no name of a congestion control; write reno, or {NODE: reno}", item->value);
	settings[(*n)++] = (struct setting){
		.node = node, .key = CONGESTION_KEY, .value = item->value, .on_sockets = true, .at = item};
	return 0;
}

/* settings: {all: {KEY: VALUE}, NODE: {KEY: VALUE}}; congestion: NAME | {all: NAME, NODE: NAME}. What is said
 * of a node wins over what is said of all. */
int read_settings(struct experiment *e, const struct conf_node *map, const struct setting **out,
	size_t *count, char **error)
{
	const struct conf_node *sysctls = conf_child(map, "settings"),
			       *control = conf_child(map, "congestion");
	if (sysctls && conf_expect(sysctls, CONF_MAPPING, error) < 0)
		return -1;
	size_t total = control ? control->children + 1 : 0, n = 0;
	for (const struct conf_node *of = conf_first(sysctls); of; of = of->next)
		total += of->children;
	struct setting *settings = pool_alloc(e->pool, total + 1, sizeof *settings);
	int node;
	for (int all = 1; all >= 0; all--)
		for (const struct conf_node *of = conf_first(sysctls); of; of = of->next)
			if (read_place(e, of, &node, error) < 0 ||
				((node < 0) == all && read_sysctls(of, node, settings, &n, error) < 0))
				return -1;
	if (control && control->type != CONF_MAPPING && read_algorithm(control, -1, settings, &n, error) < 0)
		return -1;
	for (int all = 1; all >= 0; all--)
		for (const struct conf_node *of = conf_first(control); of; of = of->next)
			if (read_place(e, of, &node, error) < 0 ||
				((node < 0) == all && read_algorithm(of, node, settings, &n, error) < 0))
				return -1;
	*out = settings;
	*count = n;
	return 0;
}

static int read_shape(const struct conf_node *map, struct shape *shape, char **error)
{
	return shape_read(map, shape, error) < 0 || shape_check(map, shape, error) < 0 ||
			       traces_beside(map, shape, error) < 0
		       ? -1
		       : 0;
}

int read_link(const struct conf_node *map, struct link_shape *link, char **error)
{
	static const char *const keys[] = {SHAPE_KEYS, "forward", "reverse", NULL};
	static const char *const of_direction[] = {SHAPE_KEYS, NULL};
	if (conf_only(map, keys, error) < 0)
		return -1;
	link->shaped = true;
	for (int i = 0; i < 2; i++) {
		const struct conf_node *own = conf_child(map, i ? "reverse" : "forward");
		if (read_shape(map, &link->direction[i], error) < 0)
			return -1;
		if (own && (conf_only(own, of_direction, error) < 0 ||
				   read_shape(own, &link->direction[i], error) < 0))
			return -1;
	}
	return shape_check_pair(map, &link->direction[0], &link->direction[1], true, error);
}

int link_named(struct experiment *e, const struct conf_node *at, const char *name, char **error)
{
	const struct topology *topology = e->topology;
	int link = topology_link(topology, name);
	if (link >= 0)
		return link;
	char *names = pool_strdup(e->pool, "");
	for (size_t i = 0; i < topology->links_count; i++)
		names = pool_printf(e->pool, "%s%s%s", names, i ? ", " : "", topology->links[i].name);
	return conf_error(
		at, error, "no link `%s` in topology %s; its links are %s", name, topology->name, names);
}

int read_links(struct experiment *e, const struct conf_node *map, struct link_shape *links, char **error)
{
	const struct topology *topology = e->topology;
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	const struct conf_node *all = conf_child(map, "all");
	for (size_t i = 0; all && i < topology->links_count; i++)
		if (read_link(all, &links[i], error) < 0)
			return -1;
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		if (item == all)
			continue;
		int link = link_named(e, item, item->key, error);
		if (link < 0 || read_link(item, &links[link], error) < 0)
			return -1;
	}
	for (size_t i = 0; i < topology->links_count; i++)
		for (size_t k = 0; k < i; k++)
			if (shape_check_pair(
				    map, &links[k].direction[0], &links[i].direction[0], false, error) < 0)
				return -1;
	return 0;
}

/* captures: {NODE/LINK: {snap: BYTES}} */
int read_captures(struct experiment *e, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {"snap", NULL};
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->captures = pool_alloc(e->pool, (map ? map->children : 0) + 1, sizeof *e->captures);
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct capture_point *point = &e->captures[e->captures_count++];
		char *node = pool_strdup(e->pool, item->key), *link = strchr(node, '/');
		int64_t snap;
		if (link)
			*link++ = 0;
		point->name = item->key;
		point->node = topology_node(e->topology, node);
		point->link = link ? topology_link(e->topology, link) : -1;
		if (point->node < 0 || point->link < 0 ||
			!topology_end(e->topology, point->node, point->link))
			return conf_error(item, error,
				"`%s` is no place of topology %s; write NODE/LINK, a node and a link of its",
				item->key, e->topology->name);
		if (conf_only(item, keys, error) < 0 ||
			conf_integer(item, "snap", 64, 65535, 128, &snap, error) < 0)
			return -1;
		point->snap = (uint32_t)snap;
	}
	return 0;
}

int capture_named(const struct experiment *e, const struct conf_node *map, const char *key, bool required,
	int *index, char **error)
{
	const char *name;
	*index = -1;
	if (!required && !conf_child(map, key))
		return 0;
	if (conf_need_string(map, key, &name, error) < 0)
		return -1;
	for (size_t i = 0; i < e->captures_count; i++)
		if (strcmp(e->captures[i].name, name) == 0)
			*index = (int)i;
	return *index >= 0 ? 0
			   : conf_error(conf_child(map, key), error,
				     "`%s` is not captured; add it to `captures`", name);
}
