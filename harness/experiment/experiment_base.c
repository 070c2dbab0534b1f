/* Experiment, its base: `base: FILE` (beside the file) makes an experiment a variation of another. Mappings
 * are merged key by key, what the variation says wins; lists and values are replaced whole, and so are
 * `configurations` and `factors`, which are what a variation varies: either replaces both, and a design. A
 * `design` replaces both, and is merged with the base's. Every node keeps its own file and line. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct conf_node *merge(struct pool *pool, const struct conf_node *base, const struct conf_node *over);

struct conf_node *tree_copy(struct pool *pool, const struct conf_node *node)
{
	struct conf_node *twin = pool_alloc(pool, 1, sizeof *twin);
	*twin = *node;
	return twin;
}

void tree_append(struct conf_node *map, struct conf_node ***tail, struct conf_node *child)
{
	child->next = NULL;
	child->parent = map;
	**tail = child;
	*tail = &child->next;
	map->children++;
}

static bool is_design(const char *key)
{
	return strcmp(key, "design") == 0;
}

static bool varies(const char *key)
{
	return strcmp(key, "configurations") == 0 || strcmp(key, "factors") == 0 || is_design(key);
}

/* The base's keys in their order, then the variation's own. */
static struct conf_node *merge(struct pool *pool, const struct conf_node *base, const struct conf_node *over)
{
	struct conf_node *merged = tree_copy(pool, over);
	bool empty = over->type == CONF_SCALAR && over->plain && !*over->value;
	if (base->type != CONF_MAPPING || (over->type != CONF_MAPPING && !empty))
		return merged;
	struct conf_node **tail = &merged->first;
	merged->type = CONF_MAPPING;
	merged->first = NULL;
	merged->children = 0;
	for (const struct conf_node *one = base->first; one; one = one->next) {
		const struct conf_node *own = conf_child(over, one->key);
		bool varied = !base->parent && !base->key && varies(one->key);
		bool replaced = conf_child(over, "configurations") || conf_child(over, "factors") ||
				conf_child(over, "design");
		if (varied && replaced && !own)
			continue;
		tree_append(merged, &tail,
			varied && own && !is_design(one->key) ? tree_copy(pool, own)
			: own                                 ? merge(pool, one, own)
							      : tree_copy(pool, one));
	}
	for (const struct conf_node *one = conf_first(over); one; one = one->next)
		if (!conf_child(base, one->key))
			tree_append(merged, &tail, tree_copy(pool, one));
	return merged;
}

int load_with_base(struct experiment *e, char **error)
{
	const char *name;
	e->conf = conf_load(e->path, error);
	if (!e->conf)
		return -1;
	e->document = conf_root(e->conf);
	if (conf_string(e->document, "base", NULL, &name, error) < 0)
		return -1;
	if (!name)
		return 0;
	const struct conf_node *at = conf_child(e->document, "base");
	const char *slash = strrchr(e->path, '/');
	if (strchr(name, '/'))
		return conf_error(at, error, "`%s`: name a file beside this one, without a slash", name);
	e->base_path = pool_printf(e->pool, "%.*s%s", slash ? (int)(slash - e->path + 1) : 0, e->path, name);
	char *reason = NULL;
	e->base = conf_load(e->base_path, &reason);
	if (!e->base) {
		conf_error(at, error, "%s", reason);
		free(reason);
		return -1;
	}
	if (conf_child(conf_root(e->base), "base"))
		return conf_error(at, error, "`%s` has a base itself; name that one", name);
	e->document = merge(e->pool, conf_root(e->base), e->document);
	return 0;
}
