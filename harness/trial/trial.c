/* Trial: the steps of DESIGN's "life of a trial", in order; the first that fails ends it with its reason.
 * What runs is stopped before the sandbox is, so that no orphaned socket keeps a namespace alive. */
#include "harness/trial/trial.h"

#include "harness/trial/agreement.h"
#include "harness/lab/changes.h"
#include "harness/trial/congestion.h"
#include "harness/machine/cost.h"
#include "harness/lab/counters.h"
#include "harness/trial/fidelity.h"
#include "harness/trial/measure.h"
#include "harness/lab/network.h"
#include "harness/trial/observe.h"
#include "harness/trial/programs.h"
#include "harness/experiment/project.h"
#include "harness/lab/settings.h"
#include "harness/lab/shape.h"
#include "harness/trial/wire.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCRATCH "/tmp/scratch"

struct run { /* what one trial holds while it runs */
	struct trial *trial;
	const struct procedure *procedure;
	const struct configuration *configuration;
	struct pool *pool;
	int64_t deadline_ns;
	struct network network;
	struct shaping shaping;
	struct changer changer;
	struct stage stage;
	struct observer observer;
	struct cost cost;
	bool late; /* changes of links were */
	json_t *record;
};

json_t *trial_record(const struct trial *trial, const char *failure)
{
	const struct experiment *e = trial->experiment;
	const struct planned *p = trial->planned;
	char started[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_t *record = json_pack("{s:i, s:s, s:s, s:i, s:i, s:I, s:s, s:[], s:s, s:{}, s:[]}", "trial",
		(int)trial->number, "configuration", e->configurations[p->configuration].name, "procedure",
		e->procedures[p->procedure].name, "repeat", (int)p->repeat, "attempt", (int)trial->attempt,
		"seed", (json_int_t)p->seed, "status", "valid", "reasons", "started", started, "measures",
		"subflows");
	if (failure)
		trial_judge(record, "failed", "%s", failure);
	return record;
}

void trial_judge(json_t *record, const char *status, const char *format, ...)
{
	static const char *const order[] = {"valid", "suspect", "invalid", "failed"};
	const char *now = json_string_value(json_object_get(record, "status"));
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	json_array_append_new(json_object_get(record, "reasons"), json_string(text));
	size_t old = 0, new = 0;
	for (size_t i = 0; i < 4; i++) {
		old = now && strcmp(now, order[i]) == 0 ? i : old;
		new = strcmp(status, order[i]) == 0 ? i : new;
	}
	if (new > old)
		json_object_set_new(record, "status", json_string(order[new]));
}

/* Programs are found beside us first, then where the system has them. */
static void set_path(void)
{
	char path[8192];
	snprintf(path, sizeof path, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		project_programs());
	setenv("PATH", path, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
}

static int build(struct run *run, char **error)
{
	const struct experiment *e = run->trial->experiment;
	if (network_build(&run->network, run->trial->root, e->topology, run->deadline_ns, error) < 0 ||
		settings_apply(&run->network, e->settings, e->settings_count, error) < 0 ||
		settings_apply(&run->network, run->configuration->settings,
			run->configuration->settings_count, error) < 0 ||
		settings_apply(
			&run->network, run->procedure->settings, run->procedure->settings_count, error) < 0)
		return -1;
	cost_phase(&run->cost, "network");
	run->shaping = (struct shaping){.network = &run->network,
		.links = run->configuration->links,
		.chosen = pool_alloc(run->pool, e->topology->links_count + 1, sizeof *run->shaping.chosen),
		.folder = run->trial->folder,
		.seed = run->trial->planned->seed,
		.daemon = PROCESS_NONE};
	if (shape_choose(e->topology, run->configuration->links, run->trial->backend, run->trial->proofs,
		    run->shaping.chosen, error) < 0)
		return -1;
	if (shape_install(&run->shaping, error) < 0)
		return -1;
	cost_phase(&run->cost, "links");
	return 0;
}

static int begin_changes(void *context, char **error)
{
	struct run *run = context;
	return changes_start(&run->changer, &run->shaping, error);
}

static int serve(struct run *run, char **error)
{
	const struct trial *t = run->trial;
	const char *seed = pool_printf(run->pool, "%" PRIu64, t->planned->seed);
	if (mkdir(SCRATCH, 0700) < 0)
		return error_set(error, SCRATCH ": %s", strerror(errno));
	stage_init(&run->stage, run->pool, t->experiment, run->procedure, &run->network, t->folder, SCRATCH,
		seed, run->deadline_ns);
	run->stage.begun = begin_changes;
	run->stage.context = run;
	if (stage_daemons(&run->stage, error) < 0 || stage_asks(&run->stage, error) < 0)
		return -1;
	cost_phase(&run->cost, "daemons");
	return 0;
}

/* Every key that was set: by the experiment, by the configuration, by the procedure. */
static json_t *read_settings_of(struct run *run)
{
	const struct experiment *e = run->trial->experiment;
	const struct configuration *c = run->configuration;
	const struct procedure *p = run->procedure;
	const struct {
		const struct setting *settings;
		size_t count;
	} parts[] = {{e->settings, e->settings_count}, {c->settings, c->settings_count},
		{p->settings, p->settings_count}};
	struct setting *all = pool_alloc(
		run->pool, e->settings_count + c->settings_count + p->settings_count + 1, sizeof *all);
	size_t count = 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (size_t k = 0; k < parts[i].count; k++)
			all[count++] = parts[i].settings[k];
	return settings_read(&run->network, all, count);
}

/* What the nodes and links say at the end, while they still exist. */
static int collect(struct run *run, char **error)
{
	json_t *counters = counters_read(&run->network, error);
	json_t *links = counters ? shape_collect(&run->shaping, error) : NULL;
	if (counters)
		json_object_set_new(run->record, "counters", counters);
	if (!links)
		return -1;
	json_object_set_new(run->record, "links", links);
	cost_phase(&run->cost, "check");
	fidelity_observe(&run->network, run->configuration->links, links);
	cost_phase(&run->cost, "trains");
	json_object_set_new(run->record, "settings", read_settings_of(run));
	return stage_alive(&run->stage, error) ? 0 : -1;
}

static int measure(struct run *run, char **error)
{
	const struct experiment *e = run->trial->experiment;
	json_t *values = json_object_get(run->record, "measures");
	for (size_t i = 0; i < e->measures_count; i++) {
		const struct measure *m = &e->measures[i];
		double value;
		if (m->kind == MEASURE_CAPTURE || m->kind == MEASURE_SUM)
			continue;
		if (m->kind == MEASURE_LINK
				? measure_link(m, json_object_get(run->record, "links"), &value, error) < 0
				: measure_read(m, stage_output(&run->stage, m->program), &value, error) < 0)
			return -1;
		json_object_set_new(values, m->name, json_real(value));
	}
	return 0;
}

static void check_agreement(struct run *run, const struct delivery *delivery)
{
	const struct experiment *e = run->trial->experiment;
	const char *output = NULL;
	for (int k = 0; k < 2 && e->agree[0] >= 0; k++) {
		const struct measure *m = &e->measures[e->agree[k]];
		if (m->kind == MEASURE_SERIES)
			output = stage_output(&run->stage, m->program);
	}
	agreement_check(e, output, delivery, run->record);
}

/* The workload under observation. What it cost is noted while its processes still live. */
static int perform(struct run *run, char **error)
{
	if (observe_start(&run->observer, run->trial->experiment, run->configuration, run->procedure,
		    &run->network, run->trial->folder, error) < 0)
		return -1;
	cost_phase(&run->cost, "observe");
	json_t *earlier = cost_programs();
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
	observe_judge(record);
	fidelity_judge(run->trial->experiment->topology, run->configuration->links,
		json_number_value(json_object_get(record, "workload_s")), record);
	json_object_set_new(json_object_get(record, "verdict"), "strained",
		json_boolean(run->late || json_array_size(json_object_get(record, "reasons")) > reasons));
}

static int check(struct run *run, char **error)
{
	struct delivery delivery = {0};
	int result = wire_check(run->trial->experiment, run->procedure,
		(const char *const *)run->observer.captures, json_object_get(run->record, "counters"),
		run->record, &delivery, error);
	if (result == 0)
		result =
			measure_sums(run->trial->experiment, json_object_get(run->record, "measures"), error);
	if (result == 0)
		check_agreement(run, &delivery);
	json_decref(delivery.steps);
	if (result == 0)
		judge_machine(run);
	congestion_judge(run->record);
	return result;
}

static int work(struct run *run, char **error)
{
	if (build(run, error) < 0 || serve(run, error) < 0 || perform(run, error) < 0 ||
		collect(run, error) < 0 || measure(run, error) < 0 || check(run, error) < 0)
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
	struct run run = {.trial = trial,
		.procedure = &e->procedures[trial->planned->procedure],
		.configuration = &e->configurations[trial->planned->configuration],
		.pool = pool_new(),
		.deadline_ns = began + e->trial_limit_ns,
		.shaping = {.daemon = PROCESS_NONE},
		.record = trial_record(trial, NULL)};
	keep_log(trial->folder);
	set_path();
	cost_begin(&run.cost);
	if (work(&run, &error) < 0)
		trial_judge(run.record, "failed", "%s", error ? error : "no reason was given");
	if (run.stage.running)
		stage_stop(&run.stage);
	observe_abandon(&run.observer);
	if (run.network.topology)
		shape_stop(&run.shaping);
	cost_phase(&run.cost, "end");
	json_object_set_new(run.record, "phases", cost_end(&run.cost));
	json_object_set_new(run.record, "wall_s", json_real((double)(clock_now_ns() - began) / 1e9));
	int result = report(report_fd, run.record);
	free(error);
	return result;
}
