/* Experiment, its configurations: those that are listed, and those that factors make. A factor is a mapping
 * of levels; every combination of one level of each factor is a configuration, called by the names of its
 * levels
 * ("symmetric-loss-1"; a level called `plain` leaves no trace). What a listed configuration of the same name
 * says comes on top. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/error.h"
#include <string.h>

#define FACTORS_MAX 16
#define CONFIGURATIONS_MAX 10000

static const char *const keys[] = {"title", "trials", "links", "changes", "settings", "congestion", NULL};

static void add_settings(
	struct experiment *e, struct configuration *c, const struct setting *more, size_t count)
{
	struct setting *all = pool_grow(
		e->pool, c->settings, c->settings_count, c->settings_count + count + 1, sizeof *all);
	for (size_t i = 0; i < count; i++)
		all[c->settings_count + i] = more[i];
	c->settings = all;
	c->settings_count += count;
}

static int add_changes(
	struct experiment *e, struct configuration *c, const struct conf_node *list, char **error)
{
	size_t count = 0;
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	while (c->changes && c->changes[count])
		count++;
	c->changes = pool_grow(e->pool, c->changes, count, count + 2, sizeof *c->changes);
	c->changes[count] = list;
	return 0;
}

/* Puts what one mapping says (a level, or a listed configuration) on top of what `c` says already. */
static int apply(struct experiment *e, struct configuration *c, const struct conf_node *part, char **error)
{
	const struct setting *settings;
	const char *title;
	int64_t trials;
	size_t count;
	if (part->type == CONF_SCALAR && !*part->value)
		return 0;
	if (conf_only(part, keys, error) < 0 || conf_string(part, "title", NULL, &title, error) < 0 ||
		conf_integer(part, "trials", 1, 100000, (int64_t)c->trials, &trials, error) < 0 ||
		read_links(e, conf_child(part, "links"), c->links, error) < 0 ||
		add_changes(e, c, conf_child(part, "changes"), error) < 0 ||
		read_settings(e, part, &settings, &count, error) < 0)
		return -1;
	c->trials = (unsigned)trials;
	if (title)
		c->title = c->title ? pool_printf(e->pool, "%s, %s", c->title, title) : title;
	add_settings(e, c, settings, count);
	return 0;
}

static struct configuration *find(struct experiment *e, const char *name)
{
	for (size_t i = 0; i < e->configurations_count; i++)
		if (strcmp(e->configurations[i].name, name) == 0)
			return &e->configurations[i];
	return NULL;
}

static struct configuration *add(struct experiment *e, const struct link_shape *base, const char *name,
	const struct conf_node *at, size_t levels)
{
	struct configuration *c = &e->configurations[e->configurations_count++];
	size_t links = e->topology->links_count;
	c->name = name;
	c->at = at;
	c->links = pool_grow(e->pool, base, links, links + 1, sizeof *base);
	c->levels = pool_alloc(e->pool, levels + 1, sizeof *c->levels);
	return c;
}

/* The combination that `chosen` holds, one level a factor. */
static int combine(struct experiment *e, const struct link_shape *base,
	const struct conf_node *const chosen[], size_t factors, char **error)
{
	const char *name = "";
	for (size_t i = 0; i < factors; i++)
		if (strcmp(chosen[i]->key, "plain") != 0)
			name = pool_printf(e->pool, "%s%s%s", name, *name ? "-" : "", chosen[i]->key);
	name = *name ? name : "plain";
	if (find(e, name))
		return conf_error(chosen[factors - 1], error,
			"two combinations of levels are called `%s`; rename a level", name);
	struct configuration *c = add(e, base, name, chosen[factors - 1], factors);
	for (size_t i = 0; i < factors; i++) {
		c->levels[i] = chosen[i]->key;
		if (apply(e, c, chosen[i], error) < 0)
			return -1;
	}
	return 0;
}

static int check_factors(const struct conf_node *map, size_t *product, char **error)
{
	*product = map ? 1 : 0;
	if (map && (conf_expect(map, CONF_MAPPING, error) < 0))
		return -1;
	if (map && (map->children == 0 || map->children > FACTORS_MAX))
		return conf_error(map, error, "write 1 to %d factors, each {LEVEL: {}, ...}", FACTORS_MAX);
	for (const struct conf_node *factor = conf_first(map); factor; factor = factor->next) {
		if (conf_expect(factor, CONF_MAPPING, error) < 0)
			return -1;
		if (factor->children == 0)
			return conf_error(factor, error, "factor `%s` has no levels", factor->key);
		*product *= factor->children;
		if (*product > CONFIGURATIONS_MAX)
			return conf_error(factor, error, "the factors make more than %d configurations",
				CONFIGURATIONS_MAX);
	}
	return 0;
}

/* Every combination; the last factor's levels change fastest, as in nested loops. */
static int multiply(
	struct experiment *e, const struct conf_node *map, const struct link_shape *base, char **error)
{
	const struct conf_node *first[FACTORS_MAX], *chosen[FACTORS_MAX];
	size_t factors = 0;
	for (const struct conf_node *factor = conf_first(map); factor; factor = factor->next) {
		first[factors] = conf_first(factor);
		chosen[factors] = first[factors];
		factors++;
	}
	while (factors) {
		if (combine(e, base, chosen, factors, error) < 0)
			return -1;
		size_t i = factors;
		while (i > 0 && !(chosen[i - 1] = chosen[i - 1]->next)) {
			chosen[i - 1] = first[i - 1];
			i--;
		}
		if (i == 0)
			break;
	}
	return 0;
}

int read_configurations(struct experiment *e, const struct conf_node *root, char **error)
{
	const struct conf_node *map = conf_child(root, "configurations"),
			       *factors = conf_child(root, "factors");
	size_t product, listed = map ? map->children : 0;
	if ((map && conf_expect(map, CONF_MAPPING, error) < 0) || check_factors(factors, &product, error) < 0)
		return -1;
	if (product + listed == 0)
		return conf_error(root, error, "no configurations; add `configurations: {NAME: {}}`");
	struct link_shape *base = pool_alloc(e->pool, e->topology->links_count + 1, sizeof *base);
	if (read_links(e, conf_child(root, "links"), base, error) < 0)
		return -1;
	e->configurations = pool_alloc(e->pool, product + listed, sizeof *e->configurations);
	if (multiply(e, factors, base, error) < 0)
		return -1;
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct configuration *c = find(e, item->key);
		if (apply(e, c ? c : add(e, base, item->key, item, 0), item, error) < 0)
			return -1;
	}
	for (size_t i = 0; i < e->configurations_count; i++)
		if (read_changes(e, &e->configurations[i], error) < 0)
			return -1;
	return 0;
}
