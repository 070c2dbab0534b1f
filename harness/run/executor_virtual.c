/* Executor, a kernel in virtual time: `liquidnet-virtual` boots one per trial, with this machine's files read only and
 * the run's folder to write into. In it `liquidnet trial FILE` runs the trial that FILE describes, a JSON file in the
 * trial's folder, and prints the record. What is drawn at random comes from the trial's seed. */
#include "harness/run/executor.h"

#include "harness/machine/project.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME "trial.json"
/* Wall time in which the guest's clock must move. */
#define WATCHDOG_S "60"

static int describe(const struct trial *trial, const char *results, char path[PATH_MAX], char **error)
{
	const struct experiment *e = trial->experiment;
	const struct planned *p = trial->planned;
	json_t *what = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:i, s:i}", "results", results, "root",
		trial->root, "folder", trial->folder, "backend", trial->backend, "configuration",
		e->configurations[p->configuration].name, "procedure", e->procedures[p->procedure].name, "repeat",
		(int)p->repeat, "seed", (json_int_t)p->seed, "number", (int)trial->number, "attempt",
		(int)trial->attempt);
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
	unsigned seat, int report_fd, int cgroup_fd)
{
	char program[PATH_MAX], liquidnet[PATH_MAX], seed[32], processor[16], cpu[32], log[PATH_MAX];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	snprintf(program, sizeof program, "%s/liquidnet-virtual", project_programs());
	snprintf(liquidnet, sizeof liquidnet, "%s/liquidnet", project_programs());
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)trial->planned->seed);
	snprintf(processor, sizeof processor, "%ld", (long)seat % processors);
	snprintf(cpu, sizeof cpu, "%.9g", trial->cpu);
	snprintf(log, sizeof log, "%s/kernel.log", trial->folder);
	const char *argv[] = {program, "run", "--clock", experiment_clock_name(trial->clock), "--cpu", cpu, "--seed", seed,
		"--processor", processor, "--watchdog", WATCHDOG_S, "--out", results, "--result", side, "--", liquidnet,
		"trial", file, NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC), said = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (nothing < 0 || said < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(report_fd, STDOUT_FILENO) < 0 ||
		dup2(said, STDERR_FILENO) < 0)
		_exit(126);
	int members = cgroup_fd >= 0 ? openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
	if (members >= 0 && write(members, "0", 1) < 0)
		dprintf(STDERR_FILENO, "its cgroup: %s\n", strerror(errno));
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0); /* an interrupt from the keyboard is the harness's */
	execv(program, (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

static int start(struct trial *trial, const char *results, unsigned seat, int cgroup_fd,
	struct execution *execution, char **error)
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
		become(trial, results, file, execution->side, seat, report[1], cgroup_fd);
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return error_set(error, "fork: %s", strerror(errno));
	}
	execution->sandbox =
		(struct sandbox){pid, (int)syscall(SYS_pidfd_open, pid, 0), report[0]};
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
		snprintf(why, 256, "its clock stood still for " WATCHDOG_S " s: %s computes without a system call", spun);
	else if (!record)
		snprintf(why, 256, "its kernel ended without a record (%s, wait status %#x); see kernel.log and trial.log",
			how ? how : "killed", status);
	json_decref(side);
}

const struct executor executor_virtual = {"virtual time", false, start, end};
