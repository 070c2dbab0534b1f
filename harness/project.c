/* Project: found once from where the program stands. */
#include "harness/project.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char programs[PATH_MAX];
static char root[PATH_MAX];

/* BUILD/bin/liquidnet of a source tree, or PREFIX/bin/liquidnet of an installation. */
static void find(void)
{
	if (programs[0])
		return;
	ssize_t length = readlink("/proc/self/exe", programs, sizeof programs - 1);
	programs[length > 0 ? length : 0] = 0;
	char *slash = strrchr(programs, '/');
	if (slash)
		*slash = 0;
	const char *given = getenv("LIQUIDNET_ROOT");
	if (given && *given) {
		snprintf(root, sizeof root, "%s", given);
		return;
	}
	const char *const beside[] = {"/../..", "/../share/liquidnet"};
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		char candidate[PATH_MAX + 64], driver[PATH_MAX + 128];
		snprintf(candidate, sizeof candidate, "%s%s", programs, beside[i]);
		snprintf(driver, sizeof driver, "%s/topologies/driver.py", candidate);
		if (access(driver, R_OK) == 0 && realpath(candidate, root))
			return;
	}
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
