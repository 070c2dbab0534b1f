/* Trial: the steps of DESIGN's "life of a trial", in order; the first that fails ends it with its reason.
 * What runs is stopped before the sandbox is, so that no orphaned socket keeps a namespace alive. */
#include "harness/trial/trial.h"

#include "harness/lab/lab.h"
#include "harness/links/changes.h"
#include "harness/machine/cost.h"
#include "harness/machine/project.h"
#include "harness/observe/congestion.h"
#include "harness/observe/observe.h"
#include "harness/place/counters.h"
#include "harness/record/verdict.h"
#include "harness/trial/agreement.h"
#include "harness/trial/checks.h"
#include "harness/trial/fidelity.h"
#include "harness/trial/programs.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH "/tmp/scratch"
#define TENTH_NS (NS_PER_S / 10)

struct run { /* what one trial holds while it runs */
	struct trial *trial;
	const struct experiment *experiment; /* in the configuration's network */
	const struct procedure *procedure;
	const struct configuration *configuration;
	struct pool *pool;
	int64_t deadline_ns;
	struct lab_options options;
	struct lab lab;
	struct changer changer;
	struct stage stage;
	struct observer observer;
	struct cost cost;
	bool late; /* changes of links were */
	json_t *record;
};

/* Programs are found beside us first, then where the system has them. */
static void set_path(void)
{
	char path[8192];
	snprintf(path, sizeof path, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		project_programs());
	setenv("PATH", path, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
}

static void note_built(void *context)
{
	cost_phase(context, "network");
}

static int build(struct run *run, char **error)
{
	run->options = (struct lab_options){.experiment = run->experiment,
		.configuration = run->configuration,
		.procedure = run->procedure,
		.root = run->trial->root,
		.files = run->trial->files,
		.folder = run->trial->folder,
		.backend = run->trial->backend,
		.proofs = run->trial->proofs,
		.seed = run->trial->planned->seed,
		.hosts = run->trial->hosts,
		.waits = run->trial->clock == TRIAL_VIRTUAL,
		.deadline_ns = run->deadline_ns,
		.built = note_built,
		.context = &run->cost};
	int result = lab_open(&run->lab, &run->options, run->pool, error);
	if (result == 0)
		cost_phase(&run->cost, "links");
	return result;
}

static int begin_changes(void *context, char **error)
{
	struct run *run = context;
	return changes_start(&run->changer, &run->lab.shaping, error);
}

static int serve(struct run *run, char **error)
{
	const struct trial *t = run->trial;
	const char *seed = pool_printf(run->pool, "%" PRIu64, t->planned->seed);
	if (mkdir(SCRATCH, 0700) < 0)
		return error_set(error, SCRATCH ": %s", strerror(errno));
	const struct stage_options options = {.experiment = run->experiment,
		.configuration = run->configuration,
		.procedure = run->procedure,
		.network = &run->lab.network,
		.folder = t->folder,
		.scratch = SCRATCH,
		.files = t->files,
		.seed = seed,
		.deadline_ns = run->deadline_ns};
	stage_init(&run->stage, run->pool, &options);
	run->stage.begun = begin_changes;
	run->stage.context = run;
	if (stage_setup(&run->stage, error) < 0 || stage_daemons(&run->stage, error) < 0 ||
		stage_asks(&run->stage, error) < 0)
		return -1;
	cost_phase(&run->cost, "daemons");
	return 0;
}

/* What the nodes and links say at the end, while they still exist. */
static int collect(struct run *run, char **error)
{
	json_t *counters = counters_read(&run->lab.network, error);
	json_t *links = counters ? shape_collect(&run->lab.shaping, error) : NULL;
	if (counters)
		json_object_set_new(run->record, "counters", counters);
	if (!links)
		return -1;
	json_object_set_new(run->record, "links", links);
	cost_phase(&run->cost, "check");
	fidelity_observe(&run->lab.network, run->configuration->links, links);
	cost_phase(&run->cost, "trains");
	json_object_set_new(run->record, "settings", lab_settings(&run->lab, &run->options, run->pool));
	return stage_alive(&run->stage, error) ? 0 : -1;
}

/* The output of the one program that a measure reads. */
static const char *single_output(const struct run *run, const struct measure *m)
{
	const struct workload *w = &run->experiment->workloads[run->procedure->workload];
	const char *output = NULL;
	size_t count = 0;
	for (size_t i = 0; i < w->programs_count; i++)
		if (program_called(&w->programs[i], m->program)) {
			output = stage_output(&run->stage, w->programs[i].name);
			count++;
		}
	return count == 1 ? output : NULL;
}

static void check_agreement(struct run *run, struct evidence *evidence)
{
	const struct experiment *e = run->experiment;
	struct delivery delivery = checks_delivery(evidence);
	const char *output = NULL;
	for (int k = 0; k < 2 && e->agree[k] >= 0; k++)
		if (e->measures[e->agree[k]].kind == MEASURE_SERIES)
			output = single_output(run, &e->measures[e->agree[k]]);
	agreement_check(e, output, &delivery, run->record);
}

/* In virtual time a workload begins with a whole tenth of a second: what came before takes some microseconds more or less where folders lie
 * deeper or PATH is longer, and a window that grows from another place between two ticks of 1 ms can end another way. */
static void await_tenth(const struct run *run)
{
	if (run->trial->clock == TRIAL_REAL)
		return;
	int64_t at = (clock_now_ns() / TENTH_NS + 1) * TENTH_NS;
	struct timespec until = {at / NS_PER_S, at % NS_PER_S};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* The workload under observation. What it cost is noted while its processes still live. */
static int perform(struct run *run, char **error)
{
	await_tenth(run); /* whoever observes */
	if (observe_start(&run->observer, run->experiment, run->trial->clock, run->configuration,
		    run->procedure, &run->lab.network, run->trial->folder, error) < 0)
		return -1;
	cost_phase(&run->cost, "observe");
	json_t *earlier = cost_programs();
	await_tenth(run);
	int64_t began = clock_now_ns();
	int result = stage_workload(&run->stage, error);
	run->late = changes_end(&run->changer, run->record);
	json_object_set_new(run->record, "workload_s", json_real((double)(clock_now_ns() - began) / 1e9));
	cost_phase(&run->cost, "workload");
	json_t *programs = cost_programs();
	cost_subtract(programs, earlier);
	json_decref(earlier);
	json_object_set_new(run->record, "programs_cpu_s", programs);
	json_object_set_new(run->record, "memory_mib", json_real(cost_memory_mib()));
	if (observe_stop(&run->observer, run->record, result == 0 ? error : NULL) < 0)
		result = -1;
	cost_phase(&run->cost, "observe");
	return result;
}

/* What is found here is about the machine, not about the experiment. */
static void judge_machine(struct run *run)
{
	json_t *record = run->record;
	size_t reasons = json_array_size(json_object_get(record, "reasons"));
	observe_judge(run->experiment, record);
	fidelity_judge(run->experiment->topology, run->configuration->links,
		json_number_value(json_object_get(record, "workload_s")), record);
	json_object_set_new(json_object_get(record, "verdict"), "strained",
		json_boolean(run->late || json_array_size(json_object_get(record, "reasons")) > reasons));
}

static int check(struct run *run, char **error)
{
	struct evidence evidence = {.experiment = run->experiment,
		.configuration = run->configuration,
		.procedure = run->procedure,
		.stage = &run->stage,
		.captures = (const char *const *)run->observer.captures,
		.record = run->record};
	int result = measures_take(&evidence, error) < 0 || checks_make(&evidence, error) < 0 ? -1 : 0;
	if (result == 0) {
		check_agreement(run, &evidence);
		judge_machine(run);
	}
	evidence_free(&evidence);
	congestion_judge(run->record);
	return result;
}

static int work(struct run *run, char **error)
{
	if (build(run, error) < 0 || serve(run, error) < 0 || perform(run, error) < 0 ||
		collect(run, error) < 0 || check(run, error) < 0)
		return -1;
	cost_phase(&run->cost, "check");
	return 0;
}

static int report(int fd, json_t *record)
{
	char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(9));
	int result = text && dprintf(fd, "%s\n", text) > 0 ? 0 : 1;
	free(text);
	return result;
}

static void keep_log(const char *folder)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/trial.log", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

int trial_body(void *context, int report_fd)
{
	struct trial *trial = context;
	const struct experiment *e = trial->experiment;
	int64_t began = clock_now_ns();
	char *error = NULL;
	const struct configuration *configuration = &e->configurations[trial->planned->configuration];
	struct run run = {.trial = trial,
		.experiment = configuration->variant,
		.procedure = &configuration->variant->procedures[trial->planned->procedure],
		.configuration = configuration,
		.pool = pool_new(),
		.deadline_ns = began + e->trial_limit_ns,
		.lab = LAB_NONE,
		.record = verdict_record(e, trial->planned, trial->number, trial->attempt)};
	keep_log(trial->folder);
	set_path();
	cost_begin(&run.cost);
	if (work(&run, &error) < 0) {
		network_blame(&run.lab.network, &error);
		verdict_judge(run.record, "failed", "%s", error ? error : "no reason was given");
	}
	if (run.stage.running)
		stage_stop(&run.stage);
	observe_abandon(&run.observer);
	lab_close(&run.lab);
	cost_phase(&run.cost, "end");
	json_object_set_new(run.record, "phases", cost_end(&run.cost));
	json_object_set_new(run.record, "wall_s", json_real((double)(clock_now_ns() - began) / 1e9));
	int result = report(report_fd, run.record);
	free(error);
	return result;
}
