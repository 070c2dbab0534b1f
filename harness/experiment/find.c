/* Find: see the header. */
#include "harness/experiment/find.h"

#include "harness/machine/project.h"
#include "lib/base/error.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The files of that name (a shell pattern) that are experiments of the project: its own lie in experiments/, a
 * system's in a folder of its name below. globfree is due on 0. */
static int find_files(const char *name, glob_t *found)
{
	char pattern[PATH_MAX];
	snprintf(pattern, sizeof pattern, "%s/experiments/{,*/}%s.yaml", project_root(), name);
	return glob(pattern, GLOB_BRACE, NULL, found) == 0 ? 0 : -1;
}

/* The dot of .yaml comes before all that a name may hold. */
static int by_name(const void *a, const void *b)
{
	const unsigned char *x = (const unsigned char *)strrchr(*(char *const *)a, '/') + 1;
	const unsigned char *y = (const unsigned char *)strrchr(*(char *const *)b, '/') + 1;
	for (; *x && *x == *y; x++, y++)
		;
	return (*x == '.' ? 0 : *x) - (*y == '.' ? 0 : *y);
}

int find_each(int (*fn)(void *context, const char *name, const char *path), void *context)
{
	glob_t found;
	int result = 0;
	if (find_files("*", &found) < 0)
		return 0;
	qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_name);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
		char name[NAME_MAX];
		const char *base = strrchr(found.gl_pathv[i], '/') + 1;
		snprintf(name, sizeof name, "%.*s", (int)(strlen(base) - strlen(".yaml")), base);
		result = fn(context, name, found.gl_pathv[i]);
	}
	globfree(&found);
	return result;
}

struct names_list {
	char text[1024];
};

static int add_name(void *context, const char *name, const char *path)
{
	struct names_list *list = context;
	size_t used = strlen(list->text);
	(void)path;
	snprintf(list->text + used, sizeof list->text - used, "%s%s", used ? ", " : "", name);
	return 0;
}

struct experiment *find_experiment(const char *name, char **error)
{
	size_t length = strlen(name);
	bool is_path = strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".yaml") == 0);
	if (is_path)
		return experiment_load(project_root(), name, error);
	glob_t found;
	if (!strpbrk(name, "*?[{") && find_files(name, &found) == 0) {
		struct experiment *e = experiment_load(project_root(), found.gl_pathv[0], error);
		globfree(&found);
		return e;
	}
	struct names_list list = {""};
	find_each(add_name, &list);
	error_set(error, "no experiment `%s`; there are: %s", name, list.text);
	return NULL;
}
