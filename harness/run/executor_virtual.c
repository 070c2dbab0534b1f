/* Executor, a kernel in virtual time: `liquidnet-virtual` boots one per trial, with this machine's files read only and
 * the run's folder to write into. In it `liquidnet trial FILE` runs the trial that FILE describes, a JSON file in the
 * trial's folder, and prints the record. What is drawn at random comes from the trial's seed. */
#include "harness/run/executor.h"

#include "harness/machine/project.h"
#include "harness/record/provenance.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME "trial.json"
/* Wall time in which the guest's clock must move. */
#define WATCHDOG_S "60"
#define MEMORY_MIB 1024
/* What takes the machine longer takes longer: wall time is only limited so that a run ends. */
#define SLOWNESS 100
#define GRACE_NS (600 * NS_PER_S)
#define SURVEY_MS 120000

static void program(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", project_programs(), name);
}

/* What is to be looked at in a kernel: `liquidnet trial --survey`. */
static char *survey_text(const struct experiment *e, const struct needs *needs)
{
	json_t *ids = json_array(), *keys = json_array();
	for (size_t c = 0; needs && c < CAPABILITIES; c++)
		if (needs->capabilities[c] && capability_of_kernel((enum capability)c))
			json_array_append_new(ids, json_string(capability_id((enum capability)c)));
	for (size_t i = 0; i < e->host_settings_count; i++)
		json_array_append_new(keys, json_string(e->host_settings[i].key));
	json_t *survey = json_pack("{s:o, s:o}", "needs", ids, "settings", keys);
	char *text = json_dumps(survey, JSON_COMPACT);
	json_decref(survey);
	return text;
}

static json_t *survey(const struct experiment *e, const struct needs *needs, char **error)
{
	char starter[PATH_MAX], liquidnet[PATH_MAX], *output = NULL;
	char *what = survey_text(e, needs);
	program(starter, "liquidnet-virtual");
	program(liquidnet, "liquidnet");
	const char *argv[] = {
		starter, "run", "--seed", "1", "--", liquidnet, "trial", "--survey", what, NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	int status = process_run(&options, true, SURVEY_MS, &output, error);
	json_t *found = status == 0 && output ? json_loads(output, 0, NULL) : NULL;
	if (!found && (!error || !*error))
		error_set(error,
			"a kernel of virtual time does not start here: %.*s; `liquidnet-virtual check` says more",
			output ? (int)strcspn(output, "\n") : 0, output ? output : "");
	free(output);
	free(what);
	return found;
}

/* What the survey did not find. */
static int check_found(const struct experiment *e, const struct needs *needs, json_t *found, char **error)
{
	json_t *lacks = json_object_get(found, "lacks"), *settings = json_object_get(found, "unknown"), *key;
	const char *id,
		*remedy =
			"trials have a kernel of virtual time, which does not have it (docs/virtual.md); use --clock real";
	size_t i;
	json_object_foreach(lacks, id, key)
		return needs_lack(needs, capability_named(id), remedy, error);
	json_array_foreach(settings, i, key)
		return conf_error(conf_child(conf_child(e->root, "host"), json_string_value(key)), error,
			"the kernel of virtual time, in which trials run, has no setting %s; use --clock real",
			json_string_value(key));
	return 0;
}

/* "kernel: {source: ..., sha256: ...}": the build's manifest, beside the kernel. */
static json_t *manifest(void)
{
	char starter[PATH_MAX], *output = NULL;
	program(starter, "liquidnet-virtual");
	const char *argv[] = {starter, "manifest", NULL};
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	json_t *all = json_object();
	process_run(&options, true, 5000, &output, NULL);
	for (char *line = output ? strtok(output, "\n") : NULL; line; line = strtok(NULL, "\n")) {
		size_t word = strcspn(line, " ");
		json_object_set_new(
			all, line[word] ? (line[word] = 0, line) : "?", json_string(line + word + 1));
	}
	free(output);
	return all;
}

static json_t *environment(const struct experiment *e, const struct needs *needs, char **error)
{
	if (!capability_has(CAN_ROOT)) {
		error_set(error, "experiments need root; run it with sudo");
		return NULL;
	}
	if (!capability_has(CAN_VIRTUAL)) {
		error_set(error, "--clock virtual: %s", capability_find(CAN_VIRTUAL)->text);
		return NULL;
	}
	if (needs && needs_check_shared(needs, error) < 0)
		return NULL;
	json_t *found = survey(e, needs, error), *all = NULL;
	if (found && check_found(e, needs, found, error) == 0) {
		all = provenance_environment();
		json_object_update(all, json_object_get(found, "kernel"));
		json_object_set_new(json_object_get(all, "kernel"), "build", manifest());
	}
	json_decref(found);
	return all;
}

/* One for each processor that this process may use; as many as memory allows. */
static unsigned jobs(void)
{
	struct sysinfo info;
	cpu_set_t allowed;
	unsigned long processors =
		sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (unsigned long)CPU_COUNT(&allowed) : 1;
	sysinfo(&info);
	unsigned long fit = info.totalram / 1024 * info.mem_unit / 1024 / MEMORY_MIB;
	unsigned long count = processors < fit ? processors : fit;
	return count > JOBS_MAX ? JOBS_MAX : count ? (unsigned)count : 1;
}

static int64_t limit_ns(const struct experiment *e)
{
	return e->trial_limit_ns * SLOWNESS + GRACE_NS;
}

static int describe(const struct trial *trial, const char *results, char path[PATH_MAX], char **error)
{
	const struct experiment *e = trial->experiment;
	const struct planned *p = trial->planned;
	json_t *what = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:i}", "results", results,
		"root", trial->root, "folder", trial->folder, "backend", trial->backend, "configuration",
		e->configurations[p->configuration].name, "procedure", e->procedures[p->procedure].name,
		"repeat", (int)p->repeat, "seed", (json_int_t)p->seed, "number", (int)trial->number,
		"attempt", (int)trial->attempt);
	json_object_set_new(what, "clock", json_string(experiment_clock_name(trial->clock)));
	int result = snprintf(path, PATH_MAX, "%s/" FILE_NAME, trial->folder) < PATH_MAX &&
				     json_dump_file(what, path, JSON_INDENT(1)) == 0
			     ? 0
			     : error_set(error, "%s: %s", path, strerror(errno));
	json_decref(what);
	return result;
}

/* In the child. Descriptors but those of the standard streams are close-on-exec. */
static void become(const struct trial *trial, const char *results, const char *file, const char *side,
	int report_fd, int cgroup_fd)
{
	char starter[PATH_MAX], liquidnet[PATH_MAX], seed[32], cpu[32], log[PATH_MAX + 16];
	program(starter, "liquidnet-virtual");
	program(liquidnet, "liquidnet");
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)trial->planned->seed);
	snprintf(cpu, sizeof cpu, "%.9g", trial->experiment->cpu);
	snprintf(log, sizeof log, "%s/kernel.log", trial->folder);
	const char *argv[] = {starter, "run", "--clock", experiment_clock_name(trial->clock), "--cpu", cpu,
		"--seed", seed, "--processor", "free", "--watchdog", WATCHDOG_S, "--out", results, "--result",
		side, "--", liquidnet, "trial", file, NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC),
	    said = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (nothing < 0 || said < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
		dup2(report_fd, STDOUT_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0)
		_exit(126);
	int members = cgroup_fd >= 0 ? openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
	if (members >= 0 && write(members, "0", 1) < 0)
		dprintf(STDERR_FILENO, "its cgroup: %s\n", strerror(errno));
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0); /* an interrupt from the keyboard is the harness's */
	execv(starter, (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", starter, strerror(errno));
	_exit(127);
}

static int start(
	struct trial *trial, const char *results, int cgroup_fd, struct execution *execution, char **error)
{
	char file[PATH_MAX];
	int report[2];
	*execution = (struct execution){.sandbox = {.pid = -1, .pidfd = -1, .report_fd = -1}};
	snprintf(execution->side, sizeof execution->side, "%s/.kernel-%u", results, trial->number);
	if (describe(trial, results, file, error) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		become(trial, results, file, execution->side, report[1], cgroup_fd);
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return error_set(error, "fork: %s", strerror(errno));
	}
	execution->sandbox = (struct sandbox){pid, (int)syscall(SYS_pidfd_open, pid, 0), report[0]};
	return 0;
}

/* What the starter wrote about the kernel, once it has ended. */
static json_t *take_side(const struct execution *execution)
{
	json_t *side = json_load_file(execution->side, 0, NULL);
	unlink(execution->side);
	return side;
}

/* The record is whole, or time is up: the kernel gets a moment to end by itself, for its own figures. */
static int await_end(const struct execution *execution, bool gently)
{
	int status = 0;
	if (!gently)
		kill(execution->sandbox.pid, SIGKILL);
	while (waitpid(execution->sandbox.pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void end(struct execution *execution, json_t *record, char why[256])
{
	int status = await_end(execution, record != NULL);
	json_t *side = take_side(execution);
	const char *spun = json_string_value(json_object_get(side, "spun"));
	const char *how = json_string_value(json_object_get(side, "end"));
	close(execution->sandbox.report_fd);
	if (execution->sandbox.pidfd >= 0)
		close(execution->sandbox.pidfd);
	if (record && side)
		json_object_set(record, "kernel", side);
	else if (!record && spun && *spun)
		snprintf(why, 256,
			"its clock stood still for " WATCHDOG_S " s: %s computes without a system call",
			spun);
	else if (!record)
		snprintf(why, 256,
			"its kernel ended without a record (%s, wait status %#x); see kernel.log and trial.log",
			how ? how : "killed", status);
	json_decref(side);
}

const struct executor executor_virtual = {"virtual time", false, environment, jobs, limit_ns, start, end};
