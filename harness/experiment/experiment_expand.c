/* Experiment, filled in for one network: `${topology.PARAMETER}` becomes the parameter's value everywhere, and a block
 * with `each` (a mapping in a mapping or in a sequence) is there once for every item. Items are the nodes that a shell
 * pattern matches ("s*"), the numbers of a range ("1..6"), or the words of a list; in the block, `${each}` is the item
 * and `${index}` its place, from 1. A block whose name does not say ${each} gets it as NAME-ITEM. In a replica the
 * value of `each` is the name that it had before, its group: what is said of the group is said of all replicas. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 1024

struct scope {
	const struct experiment *e;
	const char *each; /* NULL: outside every block with `each` */
	size_t index;
};

/* The value of a name, NULL: it is not ours, and stays. *error: it is, and there is none. */
static const char *value_of(const struct scope *s, const char *name, char **error)
{
	struct pool *pool = s->e->pool;
	if (s->each && strcmp(name, "each") == 0)
		return s->each;
	if (s->each && strcmp(name, "index") == 0)
		return pool_printf(pool, "%zu", s->index);
	if (strncmp(name, "topology.", 9) != 0)
		return NULL;
	const json_t *value = json_object_get(s->e->parameters, name + 9);
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (json_is_number(value))
		return pool_printf(pool, "%.15g", json_number_value(value));
	error_set(error, "`${%s}`: the experiment's `topology` has no `%s`", name, name + 9);
	return NULL;
}

/* The text with our names replaced; the others stay for later. NULL with *error. */
static const char *fill_in(const struct scope *s, const char *text, char **error)
{
	char *buffer = NULL, name[128];
	size_t size = 0;
	if (!strstr(text, "${"))
		return text;
	FILE *out = open_memstream(&buffer, &size);
	if (!out)
		abort();
	for (const char *at = text; *at;) {
		const char *end = at[0] == '$' && at[1] == '{' ? strchr(at, '}') : NULL;
		if (at[0] == '$' && at[1] == '$') {
			fputs("$$", out);
			at += 2;
			continue;
		}
		const char *value = NULL;
		if (end && end - at - 2 < (long)sizeof name) {
			snprintf(name, sizeof name, "%.*s", (int)(end - at - 2), at + 2);
			value = value_of(s, name, error);
			if (!value && *error)
				break;
		}
		if (value) {
			fputs(value, out);
			at = end + 1;
		} else {
			fputc(*at++, out);
		}
	}
	fclose(out);
	const char *result = *error ? NULL : pool_strdup(s->e->pool, buffer);
	free(buffer);
	return result;
}

static const char *filled(const struct scope *s, const struct conf_node *at, const char *text, char **error)
{
	char *reason = NULL;
	const char *result = fill_in(s, text, &reason);
	if (!result) {
		conf_error(at, error, "%s", reason);
		free(reason);
	}
	return result;
}

/* ---- items */

struct items {
	const char **words;
	size_t count;
};

static int add_item(struct items *items, const struct conf_node *at, const char *word, char **error)
{
	if (items->count == ITEMS_MAX)
		return conf_error(at, error, "more than %d items", ITEMS_MAX);
	items->words[items->count++] = word;
	return 0;
}

static int add_range(const struct scope *s, struct items *items, const struct conf_node *at, const char *text,
	const char *dots, char **error)
{
	int64_t from, to;
	const char *low = pool_printf(s->e->pool, "%.*s", (int)(dots - text), text);
	if (unit_integer(low, &from) < 0 || unit_integer(dots + 2, &to) < 0 || from < 0 || to < from ||
		to - from >= ITEMS_MAX)
		return conf_error(
			at, error, "`%s` is no range; write 1..4, at most %d numbers", text, ITEMS_MAX);
	for (int64_t i = from; i <= to; i++)
		if (add_item(items, at, pool_printf(s->e->pool, "%lld", (long long)i), error) < 0)
			return -1;
	return 0;
}

static int add_nodes(const struct scope *s, struct items *items, const struct conf_node *at,
	const char *pattern, char **error)
{
	const struct topology *topology = s->e->topology;
	for (size_t i = 0; i < topology->nodes_count; i++)
		if (fnmatch(pattern, topology->nodes[i], 0) == 0 &&
			add_item(items, at, topology->nodes[i], error) < 0)
			return -1;
	return items->count
		       ? 0
		       : conf_error(at, error,
				 "`%s` matches no node of topology %s; write a pattern of nodes (s*), a range (1..4) or a list",
				 pattern, topology->name);
}

static int list_items(const struct scope *s, const struct conf_node *each, struct items *items, char **error)
{
	items->words = pool_alloc(s->e->pool, ITEMS_MAX, sizeof *items->words);
	if (each->type == CONF_SCALAR) {
		const char *text = filled(s, each, each->value, error),
			   *dots = text ? strstr(text, "..") : NULL;
		if (!text)
			return -1;
		return dots ? add_range(s, items, each, text, dots, error)
			    : add_nodes(s, items, each, text, error);
	}
	if (conf_expect(each, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *item = conf_first(each); item; item = item->next) {
		const char *word = item->type == CONF_SCALAR ? filled(s, item, item->value, error) : NULL;
		if (!word)
			return *error ? -1 : conf_error(item, error, "an item is a word");
		if (add_item(items, item, word, error) < 0)
			return -1;
	}
	return items->count ? 0 : conf_error(each, error, "no items");
}

/* ---- the tree */

static struct conf_node *expand(const struct scope *s, const struct conf_node *node, char **error);

static bool says_each(const char *text)
{
	return strstr(text, "${each}") || strstr(text, "${index}");
}

/* The name without what tells replicas apart: client-${each} and client are both of the group client. */
static const char *group_of(struct pool *pool, const char *name)
{
	char *group = pool_strdup(pool, name), *to = group;
	for (const char *at = group; *at;) {
		size_t skipped = strncmp(at, "${each}", 7) == 0 ? 7 : strncmp(at, "${index}", 8) == 0 ? 8 : 0;
		at += skipped;
		if (!skipped)
			*to++ = *at++;
	}
	while (to > group && strchr("-_.", to[-1]))
		to--;
	*to = 0;
	return group + strspn(group, "-_.");
}

const char *expanded_group(const struct conf_node *at, const char *name)
{
	const struct conf_node *each = conf_child(at, "each");
	return each && each->type == CONF_SCALAR ? each->value : name;
}

/* What a replica is called: in a mapping by its key, in a sequence by `name`, where it has one. */
static int rename_replica(
	const struct scope *s, const struct conf_node *block, struct conf_node *twin, char **error)
{
	struct conf_node *name = (struct conf_node *)conf_child(twin, "name");
	struct conf_node *each = (struct conf_node *)conf_child(twin, "each");
	const struct conf_node *former = conf_child(block, "name");
	const char *text = block->key                              ? block->key
			   : former && former->type == CONF_SCALAR ? former->value
								   : "";
	const char *renamed = says_each(text) ? filled(s, block, text, error)
					      : pool_printf(s->e->pool, "%s-%s", text, s->each);
	if (!renamed)
		return -1;
	each->type = CONF_SCALAR;
	each->value = group_of(s->e->pool, text);
	if (block->key)
		twin->key = renamed;
	else if (*text)
		name->value = renamed;
	return 0;
}

static int replicate(const struct scope *outer, const struct conf_node *block, struct conf_node *parent,
	struct conf_node ***tail, char **error)
{
	struct items items = {0};
	const struct conf_node *each = conf_child(block, "each");
	if (outer->each)
		return conf_error(each, error, "`each` inside of `each`");
	if (list_items(outer, each, &items, error) < 0)
		return -1;
	for (size_t i = 0; i < items.count; i++) {
		struct scope s = {outer->e, items.words[i], i + 1};
		struct conf_node *twin = expand(&s, block, error);
		if (!twin || rename_replica(&s, block, twin, error) < 0)
			return -1;
		tree_append(parent, tail, twin);
	}
	return 0;
}

/* A mapping with `each`; a mapping of that name is something that is called so. */
static bool is_block(const struct conf_node *node)
{
	const struct conf_node *each = node->type == CONF_MAPPING ? conf_child(node, "each") : NULL;
	return each && each->type != CONF_MAPPING;
}

static int expand_children(
	const struct scope *s, const struct conf_node *node, struct conf_node *twin, char **error)
{
	struct conf_node **tail = &twin->first;
	twin->first = NULL;
	twin->children = 0;
	for (const struct conf_node *child = node->first; child; child = child->next) {
		if (is_block(child)) {
			if (replicate(s, child, twin, &tail, error) < 0)
				return -1;
			continue;
		}
		struct conf_node *own = expand(s, child, error);
		if (!own)
			return -1;
		tree_append(twin, &tail, own);
	}
	return 0;
}

static struct conf_node *expand(const struct scope *s, const struct conf_node *node, char **error)
{
	struct conf_node *twin = tree_copy(s->e->pool, node);
	if (node->key && !(twin->key = filled(s, node, node->key, error)))
		return NULL;
	if (node->type == CONF_SCALAR)
		return (twin->value = filled(s, node, node->value, error)) ? twin : NULL;
	return expand_children(s, node, twin, error) < 0 ? NULL : twin;
}

int expand_document(struct experiment *e, char **error)
{
	struct scope s = {.e = e};
	e->root = expand(&s, e->document, error);
	return e->root ? 0 : -1;
}
