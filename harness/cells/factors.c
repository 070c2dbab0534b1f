/* Factors: see the header. */
#include "harness/cells/factors.h"

#include "harness/page/text.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct conf_node *factor_nodes(const struct experiment *e)
{
	return e->root ? conf_first(conf_child(e->root, "factors")) : NULL;
}

static void put(json_t *into, const char *const *taken, const char *name, json_t *value)
{
	char key[256];
	bool is_taken = strcmp(name, "configuration") == 0;

	for (; *taken; taken++)
		is_taken = is_taken || strcmp(*taken, name) == 0;
	snprintf(key, sizeof key, "%s%s", is_taken ? "factor." : "", name);
	json_object_set_new(into, key, value);
}

static const double *value_of(const struct configuration *c, const char *name)
{
	for (const struct factor_value *v = c->values; v && v->name; v++)
		if (strcmp(v->name, name) == 0)
			return &v->value;
	return NULL;
}

static bool any_own_value(const struct experiment *e)
{
	for (size_t i = 0; i < e->configurations_count; i++)
		if (value_of(&e->configurations[i], "value"))
			return true;
	return false;
}

/* The parameters of all configurations' networks, each once. */
static json_t *all_parameters(const struct experiment *e)
{
	json_t *all = json_object();

	for (size_t i = 0; i < e->configurations_count; i++)
		if (e->configurations[i].variant && e->configurations[i].variant->parameters)
			json_object_update_missing(all, e->configurations[i].variant->parameters);
	return all;
}

static json_t *factors_of_one(const struct experiment *e, const struct configuration *c, json_t *parameters,
	const char *const *taken)
{
	json_t *all = json_object(), *ignored;
	size_t level = 0;
	const char *name;
	const double *value;

	/* Configurations that factors made have a level of each, those that are listed alone have none. */
	for (const struct conf_node *factor = factor_nodes(e); factor; factor = factor->next) {
		const char *chosen = c->levels ? c->levels[level] : NULL;
		level += chosen != NULL;
		value = value_of(c, factor->key);
		put(all, taken, factor->key, value ? json_real(*value) : text_json(chosen));
	}
	if (e->designs && e->designs[0] && e->designs[1])
		put(all, taken, "design", text_json(c->levels ? c->levels[0] : NULL));
	for (size_t i = 0; i < e->design_factors_count; i++) {
		value = value_of(c, e->design_factors[i].name);
		put(all, taken, e->design_factors[i].name, value ? json_real(*value) : json_null());
	}
	value = value_of(c, "value");
	if (any_own_value(e))
		put(all, taken, "value", value ? json_real(*value) : json_null());
	json_object_foreach(parameters, name, ignored) {
		char key[256];
		json_t *own = c->variant ? json_object_get(c->variant->parameters, name) : NULL;
		snprintf(key, sizeof key, "topology.%s", name);
		put(all, taken, key, own ? json_copy(own) : json_null());
	}
	return all;
}

json_t *factors_of(const struct experiment *experiment, const char *const *taken)
{
	json_t *list = json_array(), *parameters = all_parameters(experiment);

	for (size_t i = 0; i < experiment->configurations_count; i++)
		json_array_append_new(
			list, factors_of_one(experiment, &experiment->configurations[i], parameters, taken));
	json_decref(parameters);
	return list;
}
