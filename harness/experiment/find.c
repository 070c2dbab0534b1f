/* Find: see the header. */
#include "harness/experiment/find.h"

#include "harness/experiment/project.h"
#include "lib/base/error.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int find_each(int (*fn)(void *context, const char *name, const char *path), void *context)
{
	char pattern[PATH_MAX];
	glob_t found;
	int result = 0;
	snprintf(pattern, sizeof pattern, "%s/experiments/*.yaml", project_root());
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
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
	char path[PATH_MAX];
	size_t length = strlen(name);
	bool is_path = strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".yaml") == 0);
	if (is_path)
		return experiment_load(project_root(), name, error);
	if (snprintf(path, sizeof path, "%s/experiments/%s.yaml", project_root(), name) < (int)sizeof path &&
		access(path, F_OK) == 0)
		return experiment_load(project_root(), path, error);
	struct names_list list = {""};
	find_each(add_name, &list);
	error_set(error, "no experiment `%s`; there are: %s", name, list.text);
	return NULL;
}
