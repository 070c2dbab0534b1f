/* Experiment, its configurations: those that are listed, and those that factors make. A factor is a mapping
 * of levels; every combination of one level of each factor is a configuration, called by the names of its
 * levels
 * ("symmetric-loss-1"; a level called `plain` leaves no trace). What a listed configuration of the same name
 * says comes on top.
 *
 * The points of a design (experiment_design.c) come first, then what is listed.
 *
 * First every configuration gets its name, its levels and its parameters of the topology; when the rest of the
 * experiment is read, each finds its variant, and what its parts say of links, settings and changes is read there. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/error.h"
#include <string.h>

#define FACTORS_MAX 16
#define CONFIGURATIONS_MAX 10000

static const char *const keys[] = {
	"title", "trials", "links", "changes", "settings", "setup", "congestion", "topology", "value", NULL};

/* What a configuration is made of, in this order; places in the document, since each variant has its own. */
struct part {
	const char *section, *first,
		*second; /* factors FACTOR LEVEL, design points NAME, or configurations NAME */
};

struct draft { /* of a configuration, beside it */
	struct part parts[FACTORS_MAX + 1];
	size_t parts_count;
	json_t *parameters; /* of the topology, its own */
};

static const struct conf_node *find_part(const struct experiment *e, const struct part *part)
{
	const struct conf_node *of = conf_child(conf_child(e->root, part->section), part->first);
	return part->second ? conf_child(of, part->second) : of;
}

static bool says_nothing(const struct conf_node *part)
{
	return part->type == CONF_SCALAR && !*part->value;
}

static void add_value(struct experiment *e, struct configuration *c, const char *name, double value)
{
	size_t count = 0;
	while (c->values && c->values[count].name)
		count++;
	struct factor_value *values = pool_grow(e->pool, c->values, count, count + 2, sizeof *values);
	values[count] = (struct factor_value){name, value};
	c->values = values;
}

/* ---- first: names, levels, parameters */

static int draft_part(struct experiment *e, struct configuration *c, struct draft *draft, struct part where,
	const struct conf_node *part, char **error)
{
	const struct conf_node *topology = conf_child(part, "topology");
	const char *title;
	int64_t trials;
	double value;
	draft->parts[draft->parts_count++] = where;
	if (says_nothing(part))
		return 0;
	if (conf_only(part, keys, error) < 0 || conf_string(part, "title", NULL, &title, error) < 0 ||
		conf_integer(part, "trials", 1, 100000, (int64_t)c->trials, &trials, error) < 0 ||
		conf_number(part, "value", -1e300, 1e300, 0, &value, error) < 0)
		return -1;
	if (topology && (conf_expect(topology, CONF_MAPPING, error) < 0 ||
				read_parameters(topology, draft->parameters, error) < 0))
		return -1;
	if (conf_child(topology, "name"))
		return conf_error(conf_child(topology, "name"), error,
			"configurations differ in the topology's parameters, not in the topology");
	if (conf_child(part, "value"))
		add_value(e, c, where.second ? where.first : "value", value);
	c->trials = (unsigned)trials;
	if (title)
		c->title = c->title ? pool_printf(e->pool, "%s, %s", c->title, title) : title;
	return 0;
}

static struct configuration *find(struct experiment *e, const char *name)
{
	for (size_t i = 0; i < e->configurations_count; i++)
		if (strcmp(e->configurations[i].name, name) == 0)
			return &e->configurations[i];
	return NULL;
}

static struct configuration *add(
	struct experiment *e, const char *name, const struct conf_node *at, size_t levels)
{
	struct configuration *c = &e->configurations[e->configurations_count];
	e->drafts[e->configurations_count++].parameters = json_object();
	c->name = name;
	c->at = at;
	c->levels = pool_alloc(e->pool, levels + 1, sizeof *c->levels);
	return c;
}

static struct draft *draft_of(struct experiment *e, const struct configuration *c)
{
	return &e->drafts[c - e->configurations];
}

/* The combination that `chosen` holds, one level a factor. */
static int combine(struct experiment *e, const struct conf_node *const chosen[], size_t factors, char **error)
{
	const char *name = "";
	for (size_t i = 0; i < factors; i++)
		if (strcmp(chosen[i]->key, "plain") != 0)
			name = pool_printf(e->pool, "%s%s%s", name, *name ? "-" : "", chosen[i]->key);
	name = *name ? name : "plain";
	if (find(e, name))
		return conf_error(chosen[factors - 1], error,
			"two combinations of levels are called `%s`; rename a level", name);
	struct configuration *c = add(e, name, chosen[factors - 1], factors);
	for (size_t i = 0; i < factors; i++) {
		struct part where = {"factors", chosen[i]->parent->key, chosen[i]->key};
		c->levels[i] = chosen[i]->key;
		if (draft_part(e, c, draft_of(e, c), where, chosen[i], error) < 0)
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
static int multiply(struct experiment *e, const struct conf_node *map, char **error)
{
	const struct conf_node *first[FACTORS_MAX], *chosen[FACTORS_MAX];
	size_t factors = 0;
	for (const struct conf_node *factor = conf_first(map); factor; factor = factor->next) {
		first[factors] = conf_first(factor);
		chosen[factors] = first[factors];
		factors++;
	}
	while (factors) {
		if (combine(e, chosen, factors, error) < 0)
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

static int add_points(struct experiment *e, char **error)
{
	const struct conf_node *item = conf_first(conf_child(conf_child(e->root, "design"), "points"));
	for (size_t i = 0; item; i++, item = item->next) {
		const struct design_point *point = &e->points[i];
		struct configuration *c = add(e, item->key, item, 1);
		struct part where = {"design", "points", item->key};
		c->levels[0] = point->design;
		if (draft_part(e, c, draft_of(e, c), where, item, error) < 0)
			return -1;
		for (size_t f = 0; f < e->design_factors_count; f++)
			add_value(e, c, e->design_factors[f].name, point->values[f]);
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
	size_t total = product + listed + e->points_count;
	if (total == 0)
		return conf_error(root, error, "no configurations; add `configurations: {NAME: {}}`");
	e->configurations = pool_alloc(e->pool, total, sizeof *e->configurations);
	e->drafts = pool_alloc(e->pool, total, sizeof *e->drafts);
	if (add_points(e, error) < 0 || multiply(e, factors, error) < 0)
		return -1;
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct configuration *c = find(e, item->key);
		struct part where = {"configurations", item->key, NULL};
		c = c ? c : add(e, item->key, item, 0);
		if (draft_part(e, c, draft_of(e, c), where, item, error) < 0)
			return -1;
	}
	return 0;
}

/* ---- then: what the parts say of the variant's network */

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

static int add_setups(
	struct experiment *e, struct configuration *c, const struct conf_node *list, char **error)
{
	const struct setup *more;
	size_t count = 0;
	if (read_setups(e, list, &more, &count, error) < 0)
		return -1;
	struct setup *all =
		pool_grow(e->pool, c->setups, c->setups_count, c->setups_count + count + 1, sizeof *all);
	for (size_t i = 0; i < count; i++)
		all[c->setups_count + i] = more[i];
	c->setups = all;
	c->setups_count += count;
	return 0;
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

/* Puts what one part says on top of what `c` says already. */
static int apply(
	struct experiment *variant, struct configuration *c, const struct conf_node *part, char **error)
{
	const struct setting *settings;
	size_t count;
	if (says_nothing(part))
		return 0;
	if (read_links(variant, conf_child(part, "links"), c->links, error) < 0 ||
		add_changes(variant, c, conf_child(part, "changes"), error) < 0 ||
		add_setups(variant, c, conf_child(part, "setup"), error) < 0 ||
		read_settings(variant, part, &settings, &count, error) < 0)
		return -1;
	add_settings(variant, c, settings, count);
	return 0;
}

/* The variant of these parameters on top of the experiment's: itself, one that is there, or a new one. */
static struct experiment *variant_of(
	struct experiment *e, const char *project, json_t *own, const struct conf_node *at, char **error)
{
	json_t *all = json_copy(e->parameters);
	json_object_update(all, own);
	struct experiment *found = json_equal(all, e->parameters) ? e : NULL;
	for (size_t i = 0; !found && i < e->variants_count; i++)
		if (json_equal(all, e->variants[i]->parameters))
			found = e->variants[i];
	if (found) {
		json_decref(all);
		return found;
	}
	struct experiment *variant = load_variant(e, project, all, error);
	if (!variant) {
		if (!strchr(*error, ':'))
			conf_error(at, error, "%s", *error);
		return NULL;
	}
	e->variants = pool_grow(
		e->pool, e->variants, e->variants_count, e->variants_count + 1, sizeof *e->variants);
	e->variants[e->variants_count++] = variant;
	return variant;
}

static int lay_out(struct experiment *e, const char *project, struct configuration *c, char **error)
{
	struct draft *draft = draft_of(e, c);
	struct experiment *variant = variant_of(e, project, draft->parameters, c->at, error);
	if (!variant)
		return -1;
	c->variant = variant;
	c->links = pool_alloc(variant->pool, variant->topology->links_count + 1, sizeof *c->links);
	if (read_links(variant, conf_child(variant->root, "links"), c->links, error) < 0)
		return -1;
	for (size_t i = 0; i < draft->parts_count; i++)
		if (apply(variant, c, find_part(variant, &draft->parts[i]), error) < 0)
			return -1;
	return check_configuration(c, error) < 0 ? -1 : read_changes(variant, c, error);
}

int lay_out_configurations(struct experiment *e, const char *project, char **error)
{
	int result = 0;
	for (size_t i = 0; result == 0 && i < e->configurations_count; i++)
		result = lay_out(e, project, &e->configurations[i], error);
	return result;
}

void forget_drafts(struct experiment *e)
{
	for (size_t i = 0; e->drafts && i < e->configurations_count; i++)
		json_decref(e->drafts[i].parameters);
	e->drafts = NULL;
}
