/* Project: found once from where the program stands. */
#include "harness/machine/project.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char programs[PATH_MAX];
static char root[PATH_MAX];

static bool is_root(const char *folder)
{
	char driver[PATH_MAX + 64];
	snprintf(driver, sizeof driver, "%s/topologies/driver.py", folder);
	return access(driver, R_OK) == 0 && realpath(folder, root);
}

/* BUILD/bin/liquidnet of a source tree, however deep BUILD is in it, or PREFIX/bin/liquidnet of an
 * installation. */
static void find(void)
{
	char folder[PATH_MAX + 32];

	if (programs[0])
		return;
	ssize_t length = readlink("/proc/self/exe", programs, sizeof programs - 1);
	programs[length > 0 ? length : 0] = 0;
	char *slash = strrchr(programs, '/');
	if (slash)
		*slash = 0;
	const char *given = getenv("LIQUIDNET_ROOT");
	if (given && *given) {
		if (!realpath(given, root)) /* whoever uses it says that it is not there */
			snprintf(root, sizeof root, "%s", given);
		return;
	}
	snprintf(folder, sizeof folder, "%s/../share/liquidnet", programs);
	if (is_root(folder))
		return;
	snprintf(folder, sizeof folder, "%s", programs);
	while ((slash = strrchr(folder, '/'))) {
		*slash = 0;
		if (is_root(folder))
			return;
	}
	if (!realpath(".", root)) /* sandboxes have another working directory */
		strcpy(root, ".");
}

const char *project_root(void)
{
	find();
	return root;
}

const char *project_programs(void)
{
	find();
	return programs;
}
