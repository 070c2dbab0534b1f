/* Experiment, the programs' part: services, preparations, daemons, workloads. */
#include "harness/experiment/experiment_internal.h"

#include "harness/experiment/names.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

bool program_called(const struct program *program, const char *name)
{
	return strcmp(program->name, name) == 0 || strcmp(program->group, name) == 0;
}

/* A command: [PROGRAM, ARGUMENT, ...], or {run: [...]} where `each` made several of it. */
static int read_words(struct experiment *e, const struct conf_node *command, const char ***argv, char **error)
{
	static const char *const keys[] = {"run", "each", NULL};
	size_t words;
	if (command->type == CONF_MAPPING) {
		if (conf_only(command, keys, error) < 0)
			return -1;
		if (!conf_child(command, "run"))
			return conf_error(command, error, "no `run`; write run: [PROGRAM, ARGUMENT, ...]");
		command = conf_child(command, "run");
	}
	if (read_strings(e, command, argv, &words, error) < 0)
		return -1;
	return words ? 0 : conf_error(command, error, "an empty command; write [PROGRAM, ARGUMENT, ...]");
}

/* setup: [{node: NODE, run: [PROGRAM, ARGUMENT, ...]}, ...] */
int read_setups(struct experiment *e, const struct conf_node *list, const struct setup **out, size_t *count,
	char **error)
{
	static const char *const keys[] = {"node", "run", "each", NULL};
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	struct setup *setups = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *setups);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct setup *s = &setups[(*count)++];
		s->at = item;
		if (conf_only(item, keys, error) < 0 || read_node(e, item, "node", &s->node, error) < 0)
			return -1;
		if (!conf_child(item, "run"))
			return conf_error(item, error, "no `run`; write run: [PROGRAM, ARGUMENT, ...]");
		if (read_words(e, conf_child(item, "run"), &s->argv, error) < 0)
			return -1;
	}
	*out = setups;
	return 0;
}

/* preparations: {NAME: [[PROGRAM, ARGUMENT, ...], ...]} */
int read_preparations(struct experiment *e, const struct conf_node *map, char **error)
{
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->preparations = pool_alloc(e->pool, (map ? map->children : 0) + 1, sizeof *e->preparations);
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct preparation *p = &e->preparations[e->preparations_count++];
		size_t n = 0;
		if (conf_expect(item, CONF_SEQUENCE, error) < 0)
			return -1;
		p->name = item->key;
		p->commands = pool_alloc(e->pool, item->children + 1, sizeof *p->commands);
		for (const struct conf_node *command = conf_first(item); command; command = command->next) {
			if (read_words(e, command, &p->commands[n++], error) < 0)
				return -1;
		}
	}
	return 0;
}

/* ready: descriptor | {listen: PORT} | {output: TEXT} */
static int read_ready(const struct conf_node *map, struct program *p, char **error)
{
	static const char *const keys[] = {"listen", "output", NULL};
	const struct conf_node *ready = conf_child(map, "ready");
	for (const char **word = p->argv; *word; word++)
		if (strstr(*word, "${ready}"))
			p->ready = READY_DESCRIPTOR;
	if (!ready)
		return 0;
	if (p->ready == READY_DESCRIPTOR)
		return conf_error(ready, error,
			"`ready` and ${ready} both; the program says READY itself, drop `ready`");
	if (conf_only(ready, keys, error) < 0 || ready->children != 1)
		return *error ? -1 : conf_error(ready, error, "write {listen: PORT} or {output: TEXT}");
	int64_t port;
	if (conf_integer(ready, "listen", 1, 65535, 0, &port, error) < 0 ||
		conf_string(ready, "output", NULL, &p->ready_text, error) < 0)
		return -1;
	p->ready_port = (int)port;
	p->ready = p->ready_text ? READY_OUTPUT : READY_LISTEN;
	return 0;
}

static int check_needs(const struct experiment *e, const struct conf_node *list, char **error)
{
	for (const struct conf_node *need = conf_first(list); need; need = need->next) {
		bool known = false;
		for (size_t i = 0; i < e->preparations_count; i++)
			known |= strcmp(e->preparations[i].name, need->value) == 0;
		if (!known)
			return conf_error(
				need, error, "no preparation `%s`; add it to `preparations`", need->value);
	}
	return 0;
}

/* What every program has: its command, and when it is ready. */
static int read_command(struct experiment *e, const struct conf_node *map, struct program *p, char **error)
{
	p->at = map;
	size_t words;
	const struct conf_node *run = conf_child(map, "run");
	if (!run)
		return conf_error(map, error, "no `run`; write run: [PROGRAM, ARGUMENT, ...]");
	if (read_strings(e, run, &p->argv, &words, error) < 0 ||
		conf_duration(
			map, "within", NS_PER_MS, 86400 * NS_PER_S, 20 * NS_PER_S, &p->within_ns, error) < 0)
		return -1;
	if (words == 0)
		return conf_error(run, error, "an empty command; write [PROGRAM, ARGUMENT, ...]");
	return read_ready(map, p, error);
}

static int read_program(struct experiment *e, const struct conf_node *map, struct program *p, char **error)
{
	const struct conf_node *needs = conf_child(map, "needs");
	return read_command(e, map, p, error) < 0 || read_node(e, map, "node", &p->node, error) < 0 ||
			       conf_string(map, "config", NULL, &p->config, error) < 0 ||
			       read_strings(e, needs, &p->needs, NULL, error) < 0 ||
			       check_needs(e, needs, error) < 0
		       ? -1
		       : 0;
}

int read_check_program(struct experiment *e, const struct conf_node *map, struct program *p, char **error)
{
	static const char *const none[] = {NULL};
	p->name = p->group = "check";
	p->needs = (const char **)none;
	return read_command(e, map, p, error);
}

/* services: {NAME: {run: [PROGRAM, ...], within: TIME}} */
int read_services(struct experiment *e, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {"run", "within", NULL};
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->services = pool_alloc(e->pool, (map ? map->children : 0) + 1, sizeof *e->services);
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct program *p = &e->services[e->services_count++];
		char *reason = NULL;
		p->name = p->group = item->key;
		p->node = -1;
		if (conf_only(item, keys, error) < 0 || read_command(e, item, p, error) < 0)
			return -1;
		if (p->ready != READY_DESCRIPTOR)
			return conf_error(item, error,
				"nothing says when service `%s` is ready; pass ${ready}, where it says READY",
				p->name);
		if (!service_words(e->pool, p, 0, &reason)) {
			conf_error(item, error, "%s", reason);
			free(reason);
			return -1;
		}
	}
	return 0;
}

int read_daemons(struct experiment *e, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {
		"node", "run", "config", "ready", "within", "needs", "each", "workers", NULL};
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->daemons = pool_alloc(e->pool, (map ? map->children : 0) + 1, sizeof *e->daemons);
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct program *p = &e->daemons[e->daemons_count++];
		p->name = item->key;
		p->group = expanded_group(item, p->name);
		if (conf_only(item, keys, error) < 0 ||
			conf_bool(item, "workers", false, &p->workers, error) < 0 ||
			read_program(e, item, p, error) < 0)
			return -1;
		if (p->ready == READY_NONE)
			return conf_error(item, error,
				"nothing says when daemon `%s` is ready; pass ${ready} or add `ready`",
				p->name);
	}
	return 0;
}

static int read_workload(struct experiment *e, const struct conf_node *list, struct workload *w, char **error)
{
	static const char *const keys[] = {
		"name", "node", "run", "config", "ready", "within", "needs", "main", "ends", "each", NULL};
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	w->name = list->key;
	w->programs = pool_alloc(e->pool, list->children + 1, sizeof *w->programs);
	size_t mains = 0;
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct program *p = &w->programs[w->programs_count++];
		if (conf_only(item, keys, error) < 0 || conf_need_string(item, "name", &p->name, error) < 0 ||
			conf_bool(item, "main", false, &p->main, error) < 0 ||
			conf_bool(item, "ends", false, &p->ends, error) < 0 ||
			read_program(e, item, p, error) < 0)
			return -1;
		p->group = expanded_group(item, p->name);
		mains += p->main;
		for (const struct program *other = w->programs; other < p; other++)
			if (strcmp(other->name, p->name) == 0)
				return conf_error(
					item, error, "workload `%s` has two programs `%s`", w->name, p->name);
	}
	return mains ? 0
		     : conf_error(list, error,
			       "workload `%s` has no main program; mark those whose end is its end with `main: true`",
			       w->name);
}

int read_workloads(struct experiment *e, const struct conf_node *map, char **error)
{
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->workloads = pool_alloc(e->pool, (map ? map->children : 0) + 1, sizeof *e->workloads);
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if (read_workload(e, item, &e->workloads[e->workloads_count++], error) < 0)
			return -1;
	return 0;
}
