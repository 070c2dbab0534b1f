/* Executor, hosts elsewhere: the trial runs in a sandbox of this machine as ever, but its nodes are the inventory's hosts;
 * what it prepares and keeps for them lies where it lies on a host. One trial at a time: a host is there once. */
#include "harness/run/executor.h"

#include "harness/machine/project.h"
#include "harness/record/provenance.h"
#include "harness/record/verdict.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/tmp/trial" /* the trial's, inside, where a host has its copies of files */
/* Beyond the trial's own limit: round trips before and after, and captures on their way here. */
#define GRACE_NS (120 * NS_PER_S)

/* One run a process. */
static struct hosts *hosts;
static const struct inventory *inventory;

static const char **program_names(const struct needs *needs)
{
	const char **names = calloc(needs->programs_count + 1, sizeof *names);
	size_t count = 0;
	for (size_t i = 0; names && i < needs->programs_count; i++)
		if (needs->programs[i].at) /* what every experiment needs builds networks */
			names[count++] = needs->programs[i].name;
	return names;
}

static json_t *environment(const struct experiment *e, const struct needs *needs, char **error)
{
	const char **names = needs ? program_names(needs) : NULL;
	int result = names ? hosts_check_programs(hosts, names, error) : 0;
	if (result == 0)
		result = hosts_check_settings(hosts, e, error);
	free(names);
	if (result < 0)
		return NULL;
	json_t *all = provenance_environment();
	json_object_set_new(all, "hosts", hosts_facts(hosts));
	return all;
}

static unsigned jobs(void)
{
	return 1;
}

static int64_t limit_ns(const struct experiment *e)
{
	return e->trial_limit_ns + GRACE_NS;
}

struct task { /* of a body */
	struct trial trial;
	const char *sockets[256]; /* by node index */
	char paths[INVENTORY_HOSTS_MAX][108];
	char why[512]; /* no host is there for it; "": they are */
};

/* A trial that could not begin is a record with its reason, as others that failed. */
static int report_failure(const struct task *task, int report_fd)
{
	json_t *record = verdict_record(
		task->trial.experiment, task->trial.planned, task->trial.number, task->trial.attempt);
	verdict_judge(record, "failed", "%s", task->why);
	char *text = json_dumps(record, JSON_COMPACT);
	int result = text && dprintf(report_fd, "%s\n", text) > 0 ? 0 : 1;
	free(text);
	json_decref(record);
	return result;
}

static int body(void *context, int report_fd)
{
	struct task *task = context;
	if (!*task->why &&
		(mkdir(FOLDER, 0755) < 0 || mount(task->trial.folder, FOLDER, NULL, MS_BIND, NULL) < 0))
		snprintf(task->why, sizeof task->why, "%s: %s", FOLDER, strerror(errno));
	if (*task->why)
		return report_failure(task, report_fd);
	snprintf(task->trial.folder, sizeof task->trial.folder, FOLDER);
	task->trial.hosts = task->sockets;
	return trial_body(&task->trial, report_fd);
}

static void name_sockets(struct task *task, const struct topology *topology)
{
	for (size_t i = 0; i < topology->nodes_count && i < sizeof task->sockets / sizeof *task->sockets;
		i++) {
		int h = inventory_host(inventory, topology->nodes[i]);
		if (h < 0)
			continue;
		struct place place = hosts_place(hosts, (size_t)h);
		snprintf(task->paths[h], sizeof task->paths[h], "%s", place.socket);
		task->sockets[i] = task->paths[h];
	}
}

static int start(
	struct trial *trial, const char *results, int cgroup_fd, struct execution *execution, char **error)
{
	const char *visible[] = {trial->root, project_programs(), results, hosts_folder(hosts), NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = cgroup_fd};
	static struct task task; /* the sandbox has a copy of its own */
	char *why = NULL;
	*execution = (struct execution){0};
	task = (struct task){.trial = *trial};
	if (hosts_ready(hosts, &why) < 0)
		snprintf(task.why, sizeof task.why, "%s", why);
	free(why);
	struct topology *topology =
		trial->experiment->configurations[trial->planned->configuration].variant->topology;
	inventory_apply(inventory, hosts_interfaces(hosts), topology);
	name_sockets(&task, topology);
	return sandbox_start(&execution->sandbox, &options, body, &task, error);
}

static void end(struct execution *execution, json_t *record, char why[256])
{
	int status = sandbox_end(&execution->sandbox);
	if (!record)
		snprintf(why, 256, "its sandbox ended without a record (wait status %#x); see trial.log",
			status);
}

static const struct executor executor = {"hosts", false, environment, jobs, limit_ns, start, end};

const struct executor *executor_of_hosts(struct hosts *there, const struct inventory *listed)
{
	hosts = there;
	inventory = listed;
	return &executor;
}
