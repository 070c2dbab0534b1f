/* Executor, a sandbox: private namespaces of this machine's kernel (sandbox.h). */
#include "harness/run/executor.h"

#include "harness/machine/project.h"

static int start(
	struct trial *trial, const char *results, int cgroup_fd, struct sandbox *sandbox, char **error)
{
	const char *visible[] = {trial->root, project_programs(), results, NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = cgroup_fd};
	return sandbox_start(sandbox, &options, trial_body, trial, error);
}

const struct executor executor_sandbox = {"sandbox", start, sandbox_end};
