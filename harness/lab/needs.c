/* Needs: see the header. */
#include "harness/lab/needs.h"

#include "harness/machine/project.h"
#include "lib/base/error.h"
#include <limits.h>
#include <string.h>

/* What the harness itself starts in every trial. */
static const char *const own_programs[] = {"ip", "tc", "ethtool"};

static void need(struct needs *needs, enum capability capability, const struct conf_node *at)
{
	if (!needs->capabilities[capability])
		needs->at[capability] = at;
	needs->capabilities[capability] = true;
}

static void need_program(struct needs *needs, struct pool *pool, const char *name, const struct conf_node *at)
{
	const struct system_program *known = systems_program(name);
	for (size_t i = 0; i < needs->programs_count; i++)
		if (strcmp(needs->programs[i].name, name) == 0)
			return;
	needs->programs = pool_grow(pool, needs->programs, needs->programs_count, needs->programs_count + 1,
		sizeof *needs->programs);
	needs->programs[needs->programs_count++] = (struct need_program){name, at};
	for (size_t i = 0; known && i < known->needs_count; i++)
		need(needs, known->needs[i], at);
}

/* The program of a command, and the one that it launches. What is a template is known only in the trial. */
static void need_command(
	struct needs *needs, struct pool *pool, const char *const *argv, const struct conf_node *at)
{
	const struct system_program *known = systems_program(argv[0]);
	size_t word = known ? known->launches : 0;
	if (strstr(argv[0], "${"))
		return;
	need_program(needs, pool, argv[0], at);
	for (size_t i = 1; i <= word; i++)
		if (!argv[i])
			return;
	if (word && !strstr(argv[word], "${"))
		need_program(needs, pool, argv[word], at);
}

static void need_preparations(struct needs *needs, const struct experiment *e, const struct program *p)
{
	for (const char **name = p->needs; name && *name; name++)
		for (size_t i = 0; i < e->preparations_count; i++)
			for (const char ***c = e->preparations[i].commands;
				strcmp(e->preparations[i].name, *name) == 0 && *c; c++)
				need_command(needs, e->pool, (const char *const *)*c, p->at);
}

static void need_started(struct needs *needs, const struct experiment *e, const struct program *p)
{
	need_command(needs, e->pool, (const char *const *)p->argv, p->at);
	need_preparations(needs, e, p);
}

static void need_setups(
	struct needs *needs, const struct experiment *e, const struct setup *setups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		need_command(needs, e->pool, (const char *const *)setups[i].argv, setups[i].at);
}

static void need_procedure(struct needs *needs, const struct experiment *e, const struct procedure *p)
{
	const struct workload *w = &e->workloads[p->workload];
	need_setups(needs, e, p->setups, p->setups_count);
	for (size_t d = 0; d < p->daemons_count; d++)
		for (size_t i = 0; i < e->daemons_count; i++)
			if (program_called(&e->daemons[i], p->daemons[d]))
				need_started(needs, e, &e->daemons[i]);
	for (size_t i = 0; i < w->programs_count; i++)
		need_started(needs, e, &w->programs[i]);
	for (size_t i = 0; i < p->checks_count; i++)
		if (p->checks[i].kind == CHECK_PROGRAM)
			need_started(needs, e, &p->checks[i].program);
}

/* `requires` of the experiment; `needs` of its topology, as the driver says it. */
static int need_named(
	struct needs *needs, const char *id, const char *by, const struct conf_node *at, char **error)
{
	enum capability c = capability_named(id);
	if (c == CAPABILITIES)
		return conf_error(
			at, error, "%s: no capability `%s`; `liquidnet doctor --json` lists them", by, id);
	need(needs, c, at);
	return 0;
}

void needs_always(struct needs *needs, struct pool *pool)
{
	*needs = (struct needs){0};
	for (size_t c = 0; c < CAPABILITIES; c++)
		if (capability_always((enum capability)c))
			need(needs, (enum capability)c, NULL);
	for (size_t i = 0; i < sizeof own_programs / sizeof *own_programs; i++)
		need_program(needs, pool, own_programs[i], NULL);
}

static int need_network(struct needs *needs, const struct experiment *e, char **error)
{
	const struct conf_node *at = conf_child(e->root, "topology");
	json_t *list = json_object_get(e->topology->description, "needs"), *id;
	size_t i;
	json_array_foreach(list, i, id)
		if (need_named(needs, json_is_string(id) ? json_string_value(id) : "?", "the topology needs",
			    at, error) < 0)
			return -1;
	return 0;
}

int needs_of(struct needs *needs, const struct experiment *e, const struct plan *plan, char **error)
{
	const struct conf_node *item = conf_first(conf_child(e->root, "requires"));
	size_t known;
	needs_always(needs, e->pool);
	if (!systems_programs(&known, error))
		return -1;
	for (const char **id = e->requires; id && *id; id++, item = item->next)
		if (need_named(needs, *id, "requires", item, error) < 0)
			return -1;
	if (need_network(needs, e, error) < 0)
		return -1;
	for (size_t i = 0; i < e->services_count; i++)
		need_started(needs, e, &e->services[i]);
	need_setups(needs, e, e->setups, e->setups_count);
	for (size_t c = 0; c < e->configurations_count; c++) {
		bool planned = !plan;
		for (size_t i = 0; plan && i < plan->count && !planned; i++)
			planned = plan->trials[i].configuration == c;
		if (planned)
			need_setups(needs, e, e->configurations[c].setups, e->configurations[c].setups_count);
	}
	for (size_t p = 0; p < e->procedures_count; p++) {
		bool planned = !plan;
		for (size_t i = 0; plan && i < plan->count && !planned; i++)
			planned = plan->trials[i].procedure == p;
		if (planned)
			need_procedure(needs, e, &e->procedures[p]);
	}
	return 0;
}

static int missing(const struct conf_node *at, char **error, const char *text)
{
	return at ? conf_error(at, error, "%s", text) : error_set(error, "%s", text);
}

static bool below(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* A trial has a /tmp and a /run of its own (sandbox.h): of what the host has there it sees the project and the results only. */
static bool hidden(const char *path)
{
	return (below(path, "/tmp") || below(path, "/run")) && !below(path, project_root()) &&
	       !below(path, project_programs());
}

static int check_program(const struct need_program *p, char **error)
{
	char path[PATH_MAX], text[512];
	if (hidden(p->name)) {
		snprintf(text, sizeof text,
			"program `%.200s`: a trial does not see the host's /tmp and /run; put it elsewhere, or beside the experiment and under `files`",
			p->name);
		return missing(p->at, error, text);
	}
	const struct system_program *known = systems_program(p->name);
	if (systems_find(p->name, path, sizeof path) == 0)
		return 0;
	if (known && known->package)
		snprintf(text, sizeof text,
			"program `%s` is not installed (Debian's package %s); run `make deps` in the project's folder",
			p->name, known->package);
	else
		snprintf(text, sizeof text,
			"program `%s` is not installed; run `make` in the project's folder (it installs what is missing)",
			p->name);
	return missing(p->at, error, text);
}

int needs_check_programs(const struct needs *needs, char **error)
{
	for (size_t i = 0; i < needs->programs_count; i++)
		if (check_program(&needs->programs[i], error) < 0)
			return -1;
	return 0;
}

int needs_lack(const struct needs *needs, enum capability c, const char *remedy, char **error)
{
	char text[512];
	snprintf(text, sizeof text, "this machine lacks %s: %s", capability_name(c), remedy);
	return missing(needs->at[c], error, text);
}

static int check(const struct needs *needs, bool kernel, char **error)
{
	if (!capability_has(CAN_ROOT))
		return error_set(error, "experiments need root; run it with sudo");
	for (size_t i = 0; i < CAPABILITIES; i++) {
		enum capability c = (enum capability)i;
		if (needs->capabilities[c] && (kernel || !capability_of_kernel(c)) && !capability_has(c))
			return needs_lack(needs, c, capability_find(c)->text, error);
	}
	return needs_check_programs(needs, error);
}

int needs_check(const struct needs *needs, char **error)
{
	return check(needs, true, error);
}

int needs_check_shared(const struct needs *needs, char **error)
{
	return check(needs, false, error);
}
