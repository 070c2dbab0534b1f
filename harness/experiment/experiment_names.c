/* Experiment, its names: whatever an experiment gives a name may become a file, a folder, a column or a word of a command, so all of them
 * are looked at here, once, before anything else of the file is read. */
#include "harness/experiment/experiment_internal.h"

/* Sections whose keys are names, and what they name; two: of what lies below, too. */
static const struct section {
	const char *key, *what, *below;
} sections[] = {{"configurations", "a configuration", NULL}, {"factors", "a factor", "a level"},
	{"daemons", "a daemon", NULL}, {"services", "a service", NULL},
	{"preparations", "a preparation", NULL}, {"workloads", "a workload", NULL},
	{"measures", "a measure", NULL}, {"procedures", "a procedure", NULL}};

static int check_keys(const struct conf_node *map, const char *what, const char *below, char **error)
{
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if ((item->key && conf_name(item, what, item->key, error) < 0) ||
			(below && check_keys(item, below, NULL, error) < 0))
			return -1;
	return 0;
}

/* Programs of a workload, and of a procedure's checks: sequences of mappings with a `name`. */
static int check_programs(const struct conf_node *list, char **error)
{
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		const struct conf_node *name = item->type == CONF_MAPPING ? conf_child(item, "name") : NULL;
		if (name && name->type == CONF_SCALAR && conf_name(name, "a program", name->value, error) < 0)
			return -1;
	}
	return 0;
}

int check_names(const struct experiment *e, char **error)
{
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (check_keys(conf_child(e->root, sections[i].key), sections[i].what, sections[i].below,
			    error) < 0)
			return -1;
	for (const struct conf_node *w = conf_first(conf_child(e->root, "workloads")); w; w = w->next)
		if (check_programs(w, error) < 0)
			return -1;
	return 0;
}
