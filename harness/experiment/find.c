/* Find: see the header. */
#include "harness/experiment/find.h"

#include "harness/machine/project.h"
#include "lib/base/error.h"
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The user's own lie in the working folder, or in experiments/ there. */
#define OWN "{,experiments/{,*/}}"

/* The files of that name (a shell pattern) that may be experiments: the installation's lie in experiments/, a system's in a
 * folder of its name below. globfree is due on 0. */
static int find_files(bool own, const char *name, glob_t *found)
{
	char pattern[PATH_MAX];
	int length =
		own ? snprintf(pattern, sizeof pattern, OWN "%s.yaml", name)
		    : snprintf(pattern, sizeof pattern, "%s/experiments/{,*/}%s.yaml", project_root(), name);
	return length < (int)sizeof pattern && glob(pattern, GLOB_BRACE, NULL, found) == 0 ? 0 : -1;
}

static void name_of(const char *path, char name[NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)(strlen(base) - strlen(".yaml")), base);
}

/* A folder holds YAML files of many kinds: an experiment says its name in a line of its own. */
static bool says_name(const char *path, const char *name)
{
	char line[512], said[256];
	bool found = false;
	FILE *in = fopen(path, "re");
	while (in && !found && fgets(line, sizeof line, in))
		found = sscanf(line, "experiment: %255s", said) == 1 && strcmp(said, name) == 0;
	if (in)
		fclose(in);
	return found;
}

/* Whether a file is an experiment of the user's own: what lies in the installation's tree is not. */
static bool is_own(const char *path)
{
	char real[PATH_MAX], name[NAME_MAX + 1];
	size_t length = strlen(project_root());
	name_of(path, name);
	return realpath(path, real) && !(strncmp(real, project_root(), length) == 0 && real[length] == '/') &&
	       says_name(path, name);
}

struct found {
	char *path;
	bool own;
};

/* By name, the user's own first. */
static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	char first[NAME_MAX + 1], second[NAME_MAX + 1];
	name_of(x->path, first);
	name_of(y->path, second);
	int order = strcmp(first, second);
	return order ? order : y->own - x->own;
}

int find_each(int (*fn)(void *context, const char *name, const char *path, bool own), void *context)
{
	struct found *all = NULL;
	size_t count = 0;
	char last[NAME_MAX + 1] = "", name[NAME_MAX + 1];
	int result = 0;
	for (int own = 0; own < 2; own++) {
		glob_t files;
		if (find_files(own, "*", &files) < 0)
			continue;
		all = realloc(all, (count + files.gl_pathc) * sizeof *all);
		for (size_t i = 0; i < files.gl_pathc; i++)
			if (!own || is_own(files.gl_pathv[i]))
				all[count++] = (struct found){strdup(files.gl_pathv[i]), own};
		globfree(&files);
	}
	if (count)
		qsort(all, count, sizeof *all, by_name);
	for (size_t i = 0; result == 0 && i < count; i++) {
		name_of(all[i].path, name);
		if (strcmp(name, last) != 0)
			result = fn(context, name, all[i].path, all[i].own);
		strcpy(last, name);
	}
	for (size_t i = 0; i < count; i++)
		free(all[i].path);
	free(all);
	return result;
}

/* The file of an experiment, to be freed; NULL: there is none of that name. */
static char *file_of(bool own, const char *name)
{
	glob_t found;
	char *path = NULL;
	if (strpbrk(name, "*?[{") || find_files(own, name, &found) < 0)
		return NULL;
	for (size_t i = 0; !path && i < found.gl_pathc; i++)
		if (!own || is_own(found.gl_pathv[i]))
			path = strdup(found.gl_pathv[i]);
	globfree(&found);
	return path;
}

/* ---- what to say where there is none */

struct names_list {
	char text[1024];
};

static int add_name(void *context, const char *name, const char *path, bool own)
{
	struct names_list *list = context;
	size_t used = strlen(list->text);
	(void)path;
	(void)own;
	snprintf(list->text + used, sizeof list->text - used, "%s%s", used ? ", " : "", name);
	return 0;
}

static struct experiment *none(const char *name, char **error)
{
	struct names_list list = {""};
	find_each(add_name, &list);
	error_set(error, "no experiment `%s`; there are: %s", name, list.text);
	return NULL;
}

struct experiment *find_installed(const char *name, char **error)
{
	char *path = file_of(false, name);
	struct experiment *e = path ? experiment_load(project_root(), path, error) : none(name, error);
	free(path);
	return e;
}

struct experiment *find_experiment(const char *name, char **error)
{
	size_t length = strlen(name);
	bool is_path = strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".yaml") == 0);
	if (is_path && access(name, F_OK) < 0) {
		error_set(error,
			"%s: %s; `liquidnet list` has experiments by name, `liquidnet new NAME` writes one",
			name, strerror(errno));
		return NULL;
	}
	if (is_path)
		return experiment_load(project_root(), name, error);
	char *own = file_of(true, name), *installed = file_of(false, name);
	if (own && installed)
		fprintf(stderr,
			"liquidnet: %s is %s of this folder, not the installation's; %s is that one\n", name,
			own, installed);
	const char *path = own ? own : installed;
	struct experiment *e = path ? experiment_load(project_root(), path, error) : none(name, error);
	free(own);
	free(installed);
	return e;
}
