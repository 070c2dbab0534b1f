/* Executor, a sandbox: private namespaces of this machine's kernel (sandbox.h). */
#include "harness/run/executor.h"

#include "harness/machine/project.h"
#include <stdio.h>

static int start(struct trial *trial, const char *results, unsigned seat, int cgroup_fd,
	struct execution *execution, char **error)
{
	const char *visible[] = {trial->root, project_programs(), results, NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = cgroup_fd};
	(void)seat;
	*execution = (struct execution){0};
	return sandbox_start(&execution->sandbox, &options, trial_body, trial, error);
}

static void end(struct execution *execution, json_t *record, char why[256])
{
	int status = sandbox_end(&execution->sandbox);
	if (!record)
		snprintf(why, 256, "its sandbox ended without a record (wait status %#x); see trial.log", status);
}

const struct executor executor_sandbox = {"sandbox", true, start, end};
