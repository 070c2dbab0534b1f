/* Experiment, the procedures' part: procedures and comparisons. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

/* A procedure's daemons are named one by one, or by the group that `each` made. */
static bool runs_in(const struct procedure *p, const struct program *daemon)
{
	for (size_t i = 0; i < p->daemons_count; i++)
		if (program_called(daemon, p->daemons[i]))
			return true;
	return false;
}

static int read_asks(struct experiment *e, const struct conf_node *list, struct procedure *p, char **error)
{
	static const char *const keys[] = {"daemon", "command", "as", "within", "each", NULL};
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	struct ask *asks = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *asks);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct ask *ask = &asks[p->asks_count++];
		bool known = false;
		if (conf_only(item, keys, error) < 0 ||
			conf_need_string(item, "daemon", &ask->daemon, error) < 0 ||
			conf_need_string(item, "command", &ask->command, error) < 0 ||
			conf_need_string(item, "as", &ask->as, error) < 0 ||
			conf_duration(item, "within", NS_PER_MS, 3600 * NS_PER_S, 10 * NS_PER_S,
				&ask->within_ns, error) < 0)
			return -1;
		for (size_t i = 0; i < e->daemons_count; i++)
			known |= strcmp(e->daemons[i].name, ask->daemon) == 0 && runs_in(p, &e->daemons[i]);
		if (!known)
			return conf_error(item, error, "daemon `%s` does not run in procedure `%s`",
				ask->daemon, p->name);
	}
	p->asks = asks;
	return 0;
}

static int read_published(const struct conf_node *map, struct published *p, char **error)
{
	static const char *const keys[] = {"file", "value", "sd", "n", NULL};
	if (!map)
		return 0;
	if (conf_only(map, keys, error) < 0 || conf_need_string(map, "file", &p->file, error) < 0 ||
		conf_need_string(map, "value", &p->value, error) < 0 ||
		conf_string(map, "sd", NULL, &p->sd, error) < 0 ||
		conf_string(map, "n", NULL, &p->n, error) < 0)
		return -1;
	return 0;
}

static const char *workload_name(const struct experiment *e, size_t i)
{
	return e->workloads[i].name;
}

static const char *daemon_name(const struct experiment *e, size_t i)
{
	return e->daemons[i].name;
}

static const char *procedure_name(const struct experiment *e, size_t i)
{
	return e->procedures[i].name;
}

static int find_parts(
	const struct experiment *e, const struct conf_node *map, struct procedure *p, char **error)
{
	const char *workload;
	if (conf_need_string(map, "workload", &workload, error) < 0)
		return -1;
	p->workload = -1;
	for (size_t i = 0; i < e->workloads_count; i++)
		if (strcmp(e->workloads[i].name, workload) == 0)
			p->workload = (int)i;
	if (p->workload < 0)
		return conf_error(conf_child(map, "workload"), error,
			"no workload `%s`; add it to `workloads`, or name one of these: %s", workload,
			known_names((struct experiment *)e, workload_name, e->workloads_count));
	const struct conf_node *item = conf_first(conf_child(map, "daemons"));
	for (size_t d = 0; d < p->daemons_count; d++, item = item->next) {
		bool known = false;
		for (size_t i = 0; i < e->daemons_count; i++)
			known |= program_called(&e->daemons[i], p->daemons[d]);
		if (!known)
			return conf_error(item, error,
				"no daemon `%s`; add it to `daemons`, or name one of these: %s",
				p->daemons[d],
				known_names((struct experiment *)e, daemon_name, e->daemons_count));
	}
	return check_measured(e, &e->workloads[p->workload], map, error);
}

int read_procedures(struct experiment *e, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {"title", "daemons", "ask", "workload", "with", "setup", "settings",
		"congestion", "expect", "published", "subflow_row", "optional", NULL};
	if (!map || map->children == 0)
		return conf_error(e->root, error, "no procedures; add `procedures`");
	if (conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->procedures = pool_alloc(e->pool, map->children, sizeof *e->procedures);
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct procedure *p = &e->procedures[e->procedures_count++];
		p->name = item->key;
		p->at = item;
		if (conf_only(item, keys, error) < 0 ||
			conf_string(item, "title", item->key, &p->title, error) < 0 ||
			conf_string(item, "subflow_row", item->key, &p->subflow_row, error) < 0 ||
			conf_bool(item, "optional", false, &p->optional, error) < 0 ||
			read_strings(e, conf_child(item, "daemons"), &p->daemons, &p->daemons_count, error) <
				0 ||
			find_parts(e, item, p, error) < 0 ||
			read_asks(e, conf_child(item, "ask"), p, error) < 0 ||
			read_pairs(e, conf_child(item, "with"), &p->with, &p->with_count, error) < 0 ||
			read_settings(e, item, &p->settings, &p->settings_count, error) < 0 ||
			read_checks(e, conf_child(item, "expect"), p, error) < 0 ||
			read_setups(e, conf_child(item, "setup"), &p->setups, &p->setups_count, error) < 0 ||
			read_published(conf_child(item, "published"), &p->published, error) < 0)
			return -1;
	}
	return 0;
}

static int procedure_named(const struct experiment *e, const struct conf_node *at, int *index, char **error)
{
	for (size_t i = 0; at->type == CONF_SCALAR && i < e->procedures_count; i++)
		if (strcmp(e->procedures[i].name, at->value) == 0) {
			*index = (int)i;
			return 0;
		}
	return conf_error(at, error, "no procedure `%s`; name one of these: %s",
		at->type == CONF_SCALAR ? at->value : "?",
		known_names((struct experiment *)e, procedure_name, e->procedures_count));
}

/* default_procedures: [NAME, ...]: those of a run that names none; without it, all that are not optional. */
int read_default_procedures(struct experiment *e, const struct conf_node *list, char **error)
{
	int index;
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (size_t i = 0; i < e->procedures_count; i++)
		e->procedures[i].optional = true;
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		if (procedure_named(e, item, &index, error) < 0)
			return -1;
		e->procedures[index].optional = false;
	}
	return 0;
}

int read_comparisons(struct experiment *e, const struct conf_node *list, char **error)
{
	static const char *const keys[] = {"name", "of", "against", NULL};
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	e->comparisons = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *e->comparisons);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct comparison *c = &e->comparisons[e->comparisons_count++];
		const struct conf_node *against = conf_child(item, "against"), *of = conf_child(item, "of");
		if (conf_only(item, keys, error) < 0 || conf_need_string(item, "name", &c->name, error) < 0)
			return -1;
		if (!of || !against || against->type != CONF_SEQUENCE || against->children == 0)
			return conf_error(
				item, error, "write {name: TEXT, of: PROCEDURE, against: [PROCEDURE, ...]}");
		int *indices = pool_alloc(e->pool, against->children, sizeof *indices);
		if (procedure_named(e, of, &c->of, error) < 0)
			return -1;
		for (const struct conf_node *one = conf_first(against); one; one = one->next)
			if (procedure_named(e, one, &indices[c->against_count++], error) < 0)
				return -1;
		c->against = indices;
	}
	return 0;
}

int read_procedure_pairs(struct experiment *e, const struct conf_node *list, char **error)
{
	static const char *const keys[] = {"of", "against", NULL};
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	e->pairs = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *e->pairs);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct procedure_pair *pair = &e->pairs[e->pairs_count++];
		const struct conf_node *of = conf_child(item, "of"), *against = conf_child(item, "against");
		if (conf_only(item, keys, error) < 0)
			return -1;
		if (!of || !against)
			return conf_error(item, error, "write {of: PROCEDURE, against: PROCEDURE}");
		if (procedure_named(e, of, &pair->of, error) < 0 ||
			procedure_named(e, against, &pair->against, error) < 0)
			return -1;
		if (pair->of == pair->against)
			return conf_error(item, error, "a procedure has nothing to compare with itself");
	}
	return 0;
}
