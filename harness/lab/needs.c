/* Needs: see the header. */
#include "harness/lab/needs.h"

#include "harness/machine/project.h"
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether a program is an executable: a path as it is, a name beside us or in the usual places. */
static bool program_exists(const char *name)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	char path[PATH_MAX];
	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	snprintf(path, sizeof path, "%s/%s", project_programs(), name);
	bool found = access(path, X_OK) == 0;
	for (size_t i = 0; !found && i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", folders[i], name);
		found = access(path, X_OK) == 0;
	}
	return found;
}

static int check_program(const struct program *p, char **error)
{
	/* `mptcpize run PROGRAM`: the program behind a launcher is looked for too. */
	const char *names[2] = {p->argv[0], NULL};
	if (strcmp(p->argv[0], "mptcpize") == 0 && p->argv[1] && p->argv[2])
		names[1] = p->argv[2];
	for (int i = 0; i < 2 && names[i]; i++)
		if (!strstr(names[i], "${") && !program_exists(names[i]))
			return conf_error(p->at, error,
				"program `%s` is not installed; run `make` in the project's folder (it installs what is missing)",
				names[i]);
	return 0;
}

int needs_check(const struct experiment *e, const struct plan *plan, char **error)
{
	for (size_t i = 0; i < e->services_count; i++)
		if (check_program(&e->services[i], error) < 0)
			return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct procedure *p = &e->procedures[plan->trials[i].procedure];
		for (size_t d = 0; d < p->daemons_count; d++)
			for (size_t k = 0; k < e->daemons_count; k++)
				if (strcmp(e->daemons[k].name, p->daemons[d]) == 0 &&
					check_program(&e->daemons[k], error) < 0)
					return -1;
		const struct workload *w = &e->workloads[p->workload];
		for (size_t k = 0; k < w->programs_count; k++)
			if (check_program(&w->programs[k], error) < 0)
				return -1;
	}
	return 0;
}
