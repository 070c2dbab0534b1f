/* Experiment, the network's part: settings of nodes, links of configurations, capture points. */
#include "harness/experiment/companions.h"
#include "harness/experiment/experiment_internal.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONGESTION_KEY "net.ipv4.tcp_congestion_control"
#define CONGESTION_NAME_MAX 15 /* TCP_CA_NAME_MAX without its zero */

static int add_parameter(const struct conf_node *item, json_t *into, char **error)
{
	int64_t integer;
	double number;
	json_t *value;
	if (conf_expect(item, CONF_SCALAR, error) < 0)
		return -1;
	if (!item->plain)
		value = json_string(item->value);
	else if (strcmp(item->value, "true") == 0 || strcmp(item->value, "false") == 0)
		value = json_boolean(*item->value == 't');
	else if (unit_integer(item->value, &integer) == 0)
		value = json_integer(integer);
	else if (unit_number(item->value, &number) == 0)
		value = json_real(number);
	else
		value = json_string(item->value);
	return value && json_object_set_new(into, item->key, value) == 0
		       ? 0
		       : conf_error(item, error, "`%s` is no text for a topology", item->value);
}

int read_parameters(const struct conf_node *map, json_t *into, char **error)
{
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if (strcmp(item->key, "name") != 0 && add_parameter(item, into, error) < 0)
			return -1;
	return 0;
}

/* A topology may lie beside the experiment, or in topologies/ there, as in a bundle. */
static const char *own_topology(const struct experiment *e, const char *name)
{
	static const char *const places[] = {"%s.py", "topologies/%s.py"};
	for (size_t i = 0; !strchr(name, '/') && i < 2; i++) {
		const char *path =
			experiment_beside(e, pool_printf(e->pool, i ? places[1] : places[0], name));
		if (access(path, R_OK) == 0)
			return path;
	}
	return NULL;
}

int read_topology(struct experiment *e, const char *project, json_t *parameters, char **error)
{
	const struct conf_node *at = conf_child(e->document, "topology");
	const char *name;
	char *reason = NULL;
	e->parameters = json_object();
	if (at && at->type == CONF_MAPPING) {
		if (conf_need_string(at, "name", &name, error) < 0 ||
			read_parameters(at, e->parameters, error) < 0)
			return -1;
	} else if (conf_need_string(e->document, "topology", &name, error) < 0) {
		return -1;
	}
	json_object_update(e->parameters, parameters);
	e->topology_file = own_topology(e, name);
	e->topology = topology_describe(project, e->topology_file, name, e->parameters, &reason);
	if (e->topology)
		return 0;
	conf_error(at, error, "%s", reason);
	free(reason);
	return -1;
}

int read_place(
	const struct experiment *e, const struct conf_node *at, struct subflow_place *place, char **error)
{
	char node[64];
	const char *name = at->type == CONF_SCALAR ? at->value : "", *slash = strchr(name, '/');
	snprintf(node, sizeof node, "%.*s", (int)(slash ? slash - name : (long)strlen(name)), name);
	*place = (struct subflow_place){.name = name, .node = topology_node(e->topology, node), .link = -1};
	if (slash)
		place->link = topology_link(e->topology, slash + 1);
	bool fits = place->node >= 0 &&
		    (!slash || (place->link >= 0 && topology_end(e->topology, place->node, place->link)));
	return fits ? 0
		    : conf_error(at, error, "`%s` is no place of topology %s; write NODE or NODE/LINK", name,
			      e->topology->name);
}

/* `all` or a node's name; -1 in *node: all. */
static int read_whose(const struct experiment *e, const struct conf_node *of, int *node, char **error)
{
	*node = strcmp(of->key, "all") == 0 ? -1 : topology_node(e->topology, of->key);
	return *node >= 0 || strcmp(of->key, "all") == 0
		       ? 0
		       : conf_error(of, error, "no node `%s` in topology %s; its nodes are %s", of->key,
				 e->topology->name, known_nodes(e));
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
			if (read_whose(e, of, &node, error) < 0 ||
				((node < 0) == all && read_sysctls(of, node, settings, &n, error) < 0))
				return -1;
	if (control && control->type != CONF_MAPPING && read_algorithm(control, -1, settings, &n, error) < 0)
		return -1;
	for (int all = 1; all >= 0; all--)
		for (const struct conf_node *of = conf_first(control); of; of = of->next)
			if (read_whose(e, of, &node, error) < 0 ||
				((node < 0) == all && read_algorithm(of, node, settings, &n, error) < 0))
				return -1;
	*out = settings;
	*count = n;
	return 0;
}

static int read_shape(const struct conf_node *map, struct shape *shape, char **error)
{
	return shape_read(map, shape, error) < 0 || shape_check(map, shape, error) < 0 ||
			       companions_beside(map, shape, error) < 0
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

/* One link, or all that a pattern matches; a link that is named wins over a pattern. */
static int read_links_named(
	struct experiment *e, const struct conf_node *item, struct link_shape *links, char **error)
{
	const struct topology *topology = e->topology;
	bool any = false;
	if (!strpbrk(item->key, "*?[")) {
		int link = link_named(e, item, item->key, error);
		return link < 0 ? -1 : read_link(item, &links[link], error);
	}
	for (size_t i = 0; i < topology->links_count; i++)
		if (fnmatch(item->key, topology->links[i].name, 0) == 0) {
			any = true;
			if (read_link(item, &links[i], error) < 0)
				return -1;
		}
	return any ? 0
		   : conf_error(
			     item, error, "no link of topology %s matches `%s`", topology->name, item->key);
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
	for (int named = 0; named < 2; named++)
		for (const struct conf_node *item = conf_first(map); item; item = item->next)
			if (item != all && (strpbrk(item->key, "*?[") == NULL) == named &&
				read_links_named(e, item, links, error) < 0)
				return -1;
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
	static const char *const keys[] = {"snap", "each", NULL};
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
				"`%s` is no place of topology %s; write NODE/LINK: a node, and one of its links",
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
