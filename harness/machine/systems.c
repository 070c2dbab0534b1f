/* Systems: see the header. */
#include "harness/machine/systems.h"

#include "harness/machine/project.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/pool.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct pool *pool;
	struct system_program *programs;
	size_t count;
	bool read;
} known;

static int read_needs(const struct conf_node *list, struct system_program *p, char **error)
{
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	enum capability *needs = pool_alloc(known.pool, list->children + 1, sizeof *needs);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		enum capability c = item->type == CONF_SCALAR ? capability_named(item->value) : CAPABILITIES;
		if (c == CAPABILITIES)
			return conf_error(item, error,
				"no capability `%s`; `liquidnet doctor --json` lists them",
				item->type == CONF_SCALAR ? item->value : "?");
		needs[p->needs_count++] = c;
	}
	p->needs = needs;
	return 0;
}

static int read_version(const struct conf_node *list, struct system_program *p, char **error)
{
	size_t n = 0;
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	const char **words = pool_alloc(known.pool, list->children + 1, sizeof *words);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		if (conf_expect(item, CONF_SCALAR, error) < 0)
			return -1;
		words[n++] = item->value;
	}
	p->version = words;
	return 0;
}

static int read_program(const char *system, const struct conf_node *at, char **error)
{
	static const char *const keys[] = {"package", "version", "needs", "launches", NULL};
	int64_t launches;
	known.programs =
		pool_grow(known.pool, known.programs, known.count, known.count + 1, sizeof *known.programs);
	struct system_program *p = &known.programs[known.count++];
	*p = (struct system_program){.name = at->key, .system = system, .at = at};
	if (at->type == CONF_SCALAR && !*at->value)
		return 0;
	if (conf_only(at, keys, error) < 0 || conf_string(at, "package", NULL, &p->package, error) < 0 ||
		conf_integer(at, "launches", 1, 16, 0, &launches, error) < 0 ||
		read_version(conf_child(at, "version"), p, error) < 0 ||
		read_needs(conf_child(at, "needs"), p, error) < 0)
		return -1;
	p->launches = (size_t)launches;
	return 0;
}

/* The document stays as long as the process: names are its. */
static int read_file(const char *path, char **error)
{
	static const char *const keys[] = {"system", "title", "source", "programs", NULL};
	const char *system, *ignored;
	struct conf *conf = conf_load(path, error);
	if (!conf)
		return -1;
	const struct conf_node *root = conf_root(conf), *programs = conf_child(root, "programs");
	if (conf_only(root, keys, error) < 0 || conf_need_string(root, "system", &system, error) < 0 ||
		conf_string(root, "title", NULL, &ignored, error) < 0 ||
		(programs && conf_expect(programs, CONF_MAPPING, error) < 0))
		return -1;
	for (const struct conf_node *one = conf_first(programs); one; one = one->next)
		if (read_program(system, one, error) < 0)
			return -1;
	return 0;
}

static int read_all(char **error)
{
	char pattern[PATH_MAX];
	glob_t found;
	int result = 0;
	snprintf(pattern, sizeof pattern, "%s/nodes/{debian,*/system}.yaml", project_root());
	if (glob(pattern, GLOB_BRACE, NULL, &found) != 0)
		return 0; /* an old installation */
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		result = read_file(found.gl_pathv[i], error);
	globfree(&found);
	return result;
}

const struct system_program *systems_programs(size_t *count, char **error)
{
	static const struct system_program none;
	if (!known.read) {
		known.pool = pool_new();
		if (read_all(error) < 0)
			return NULL;
		known.read = true;
	}
	*count = known.count;
	return known.count ? known.programs : &none;
}

const struct system_program *systems_program(const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t count;
	const struct system_program *all = systems_programs(&count, NULL);
	for (size_t i = 0; all && i < count; i++)
		if (strcmp(all[i].name, slash ? slash + 1 : name) == 0)
			return &all[i];
	return NULL;
}

int systems_find(const char *name, char *path, size_t size)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		return access(name, X_OK);
	}
	snprintf(path, size, "%s/%s", project_programs(), name);
	for (size_t i = 0; access(path, X_OK) < 0; i++) {
		if (i == sizeof folders / sizeof *folders)
			return -1;
		snprintf(path, size, "%s/%s", folders[i], name);
	}
	return 0;
}
