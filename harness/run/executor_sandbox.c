/* Executor, a sandbox: private namespaces of this machine's kernel (sandbox.h). */
#include "harness/run/executor.h"

#include "harness/machine/project.h"
#include "harness/record/provenance.h"
#include "lib/base/clock.h"
#include <stdio.h>

#define GRACE_NS (15 * NS_PER_S) /* beyond the trial's own limit, which it watches itself */

static json_t *environment(const struct experiment *e, const struct needs *needs, char **error)
{
	(void)e;
	return needs && needs_check(needs, error) < 0 ? NULL : provenance_environment();
}

static unsigned jobs(void)
{
	return 0;
}

static int64_t limit_ns(const struct experiment *e)
{
	return e->trial_limit_ns + GRACE_NS;
}

static int start(
	struct trial *trial, const char *results, int cgroup_fd, struct execution *execution, char **error)
{
	const char *visible[] = {trial->root, project_programs(), results, NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = cgroup_fd};
	*execution = (struct execution){0};
	return sandbox_start(&execution->sandbox, &options, trial_body, trial, error);
}

static void end(struct execution *execution, json_t *record, char why[256])
{
	int status = sandbox_end(&execution->sandbox);
	if (!record)
		snprintf(why, 256, "its sandbox ended without a record (wait status %#x); see trial.log",
			status);
}

const struct executor executor_sandbox = {"sandbox", true, environment, jobs, limit_ns, start, end};

const struct executor *executor_of(enum trial_clock clock)
{
	return clock == TRIAL_REAL ? &executor_sandbox : &executor_virtual;
}
