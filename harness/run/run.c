/* Run: see the header. */
#include "harness/run/run.h"

#include "harness/cells/cells_published.h"
#include "harness/experiment/companions.h"
#include "harness/experiment/find.h"
#include "harness/lab/needs.h"
#include "harness/links/prove.h"
#include "harness/machine/awake.h"
#include "harness/machine/host.h"
#include "harness/machine/project.h"
#include "harness/machine/space.h"
#include "harness/record/inputs.h"
#include "harness/record/provenance.h"
#include "harness/record/results.h"
#include "harness/report/summary.h"
#include "harness/run/crew.h"
#include "harness/run/prepare.h"
#include "harness/run/progress.h"
#include "harness/run/service.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/terminal.h"
#include "lib/base/units.h"
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TRIAL_GUESS_S 13.0 /* until the first has ended */

int run_jobs(const char *text, int64_t *jobs)
{
	if (strcmp(text, "auto") == 0)
		*jobs = RUN_JOBS_AUTO;
	else if (unit_integer(text, jobs) < 0 || *jobs < 1 || *jobs > JOBS_MAX)
		return -1;
	return 0;
}

enum trial_clock run_clock(const struct run_options *o, const struct experiment *e)
{
	enum trial_clock clock = e->clock;
	if (o->clock)
		experiment_clock(o->clock, &clock);
	return clock;
}

/* Why a configuration's links find no back end; of a design, its point and how many share the fault. */
static int name_fault(const struct experiment *e, const struct configuration *c, const char *backend,
	struct proofs *proofs, const char *reason, char **error)
{
	size_t index = (size_t)(c - e->configurations), more = 0;
	if (index >= e->points_count)
		return conf_error(c->at, error, "%s", reason);
	for (size_t i = 0; i < e->points_count; i++)
		more += proofs_add(proofs, e->configurations[i].variant->topology, e->configurations[i].links,
				backend, NULL) < 0;
	return conf_error(c->at, error, "point %s (%s): %s; so it is at %zu of the design's %zu points",
		c->name, c->title ? c->title : "", reason, more, e->points_count);
}

/* Every link of every configuration that the plan uses must find a back end, given what was proved so far. */
static int check_links(const struct experiment *e, const struct plan *plan, const char *backend,
	struct proofs *proofs, char **error)
{
	bool *checked = calloc(e->configurations_count + 1, sizeof *checked);
	int result = 0;
	for (size_t i = 0; result == 0 && i < plan->count; i++) {
		const struct configuration *c = &e->configurations[plan->trials[i].configuration];
		if (checked[plan->trials[i].configuration])
			continue;
		checked[plan->trials[i].configuration] = true;
		char *reason = NULL;
		if (proofs_add(proofs, c->variant->topology, c->links, backend, &reason) < 0)
			result = name_fault(e, c, backend, proofs, reason, error);
		free(reason);
	}
	free(checked);
	return result;
}

/* The back ends that are on trial are tried with every setting that the plan gives them. */
static struct proofs *prove_links(
	const struct experiment *e, const struct plan *plan, const char *backend, bool here, char **error)
{
	struct proofs *proofs = proofs_new();
	proofs->elsewhere = !here;
	if (check_links(e, plan, backend, proofs, error) == 0 && proofs_run(proofs, error) == 0 &&
		check_links(e, plan, backend, proofs, error) == 0) {
		proofs_say(proofs, stderr);
		return proofs;
	}
	proofs_free(proofs);
	return NULL;
}

/* The plan, when every link of it can be shaped. Nothing is tried for it. */
static int print_plan(
	const struct experiment *e, const struct plan *plan, const char *backend, bool here, char **error)
{
	struct proofs *proofs = proofs_new();
	proofs->elsewhere = !here;
	int result = check_links(e, plan, backend, proofs, error);
	proofs_free(proofs);
	if (result < 0)
		return 2;
	for (size_t i = 0; i < plan->count; i++)
		printf("%4zu  %-28s %-20s %u\n", i + 1, e->configurations[plan->trials[i].configuration].name,
			e->procedures[plan->trials[i].procedure].name, plan->trials[i].repeat);
	return 0;
}

/* Whoever started us with SIGHUP ignored (nohup) wants the run to outlive the terminal. */
static int signals(void)
{
	sigset_t set;
	struct sigaction hangup;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hangup) < 0 || hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The stopping rule, told what an interrupted run has measured already. */
static struct until *stopping_rule(
	const struct experiment *e, const struct run_options *o, const struct records *done)
{
	if (o->until <= 0)
		return NULL;
	struct until *until = until_new(e->configurations_count * e->procedures_count, o->until);
	for (size_t i = 0; i < done->count; i++) {
		const struct record *r = &done->items[i];
		if (r->last && r->status <= TRIAL_SUSPECT)
			until_add(until, r->configuration * e->procedures_count + r->procedure,
				r->measures[e->primary]);
	}
	return until;
}

/* How to start the same run again; resume_options reads it. */
static json_t *run_options_json(const struct run_options *o)
{
	json_t *run = json_pack("{s:s?, s:s?, s:I, s:I, s:s, s:s, s:f, s:I}", "only",
		o->selection.configurations, "procedures", o->selection.procedures, "trials",
		(json_int_t)o->selection.trials, "seed", (json_int_t)o->seed, "backend", o->backend, "clock",
		o->clock, "until", o->until, "jobs", (json_int_t)o->jobs);
	if (o->hosts)
		json_object_set_new(run, "hosts", json_string(o->hosts));
	if (o->selection.slices)
		json_object_set_new(run, "slice",
			json_pack("{s:i, s:i}", "number", (int)o->selection.slice, "of",
				(int)o->selection.slices));
	return run;
}

static json_t *command_line(const struct run_options *o)
{
	json_t *words = json_pack("[s]", "liquidnet");
	for (int i = 0; i < o->argc; i++)
		json_array_append_new(words, json_string(o->argv[i]));
	return words;
}

/* A folder to write to: a new one, or that of the run that goes on. `environment`: as it was before the host
 * was prepared. */
static int open_results(struct results *results, const struct experiment *e, const struct plan *plan,
	const struct run_options *o, const struct proofs *proofs, json_t *environment, unsigned *number,
	char **error)
{
	if (o->resume) {
		if (results_reopen(results, o->folder, number, error) < 0)
			return -1;
		results_note(results, "resumed.log", "resumed");
		return 0;
	}
	if (results_open(results, o->results, e->name, e->path, e->base_path, error) < 0 ||
		companions_copy(e, results->folder, error) < 0 ||
		inputs_copy_published(e, project_root(), results->folder, error) < 0)
		return -1;
	json_t *provenance =
		provenance_take(e, plan, command_line(o), run_options_json(o), json_incref(environment));
	json_object_set_new(provenance, "shaping", proofs_json(proofs));
	json_object_set_new(provenance, "services", services_json(e));
	int result = results_write_json(results, "provenance.json", provenance, error);
	json_decref(provenance);
	return result;
}

static int summarize(const struct experiment *e, const struct results *results, char **error)
{
	printf("\n");
	return summary_make(e, project_root(), results->folder, stdout, terminal_colors(stdout), error);
}

/* Runs a checked plan. Returns the exit status. */
static int carry_out(const struct experiment *e, const struct plan *plan, struct run_options *o,
	const struct records *done, const struct proofs *proofs, const struct executor *executor,
	json_t *environment, char **error)
{
	struct results results = {.log_fd = -1, .lock_fd = -1};
	struct crew_tally tally = {0};
	struct crew_options options = {.executor = executor,
		.root = project_root(),
		.clock = run_clock(o, e),
		.backend = o->backend,
		.proofs = proofs,
		.jobs = o->jobs == RUN_JOBS_AUTO ? executor->jobs() : (unsigned)o->jobs,
		.retries = e->retries};
	/* Before anything is changed or made. */
	if (folders_make(o->resume ? o->folder : o->results, 0755, error) < 0) {
		error_prefix(error, "another place can be chosen with --results");
		return 2;
	}
	if (space_check(o->resume ? o->folder : o->results, 0, error) < 0)
		return 2;
	struct host *host = host_open(error);
	if (!host)
		return 2;
	/* In a kernel of its own a trial makes its settings and starts its services itself. */
	bool here = executor->here;
	bool ready = (!here || prepare_host(host, e, error) == 0) &&
		     open_results(&results, e, plan, o, proofs, environment, &options.number, error) == 0 &&
		     (!here || (options.services = services_start(e, results.folder, host, error)));
	if (!ready) {
		results_close(&results);
		host_close(host);
		return 2;
	}
	snprintf(o->made, sizeof o->made, "%s", results.folder);
	options.stop_fd = signals();
	options.until = stopping_rule(e, o, done);
	options.standing = standing_new(e);
	standing_add_records(options.standing, done);
	struct progress *progress = progress_open(
		stderr, plan_count(plan, PLANNED_OPEN), TRIAL_GUESS_S / (options.jobs ? options.jobs : 2.0));
	int result = crew_run(e, plan, &options, host, &results, progress, &tally, error);
	progress_close(progress);
	services_stop(options.services);
	host_close(host);
	results_close(&results);
	until_free(options.until);
	standing_free(options.standing);
	close(options.stop_fd);
	if (result == 0)
		result = summarize(e, &results, error);
	if (tally.spared)
		printf("\n%zu planned trials were not needed (--until)\n", tally.spared);
	printf("\nResults: %s\n", results.folder);
	if ((tally.stopped || result < 0) && !o->hosts)
		printf("Stopped; go on with: liquidnet run %s --resume=%s\n", o->experiment, results.folder);
	return result < 0 ? 1 : tally.stopped ? 130 : tally.bad ? 1 : 0;
}

/* What was measured before, and which trials that leaves. */
static int recall(struct plan *plan, const struct experiment *e, const struct run_options *o,
	struct records *done, char **error)
{
	char path[PATH_MAX];
	*done = (struct records){0};
	if (!o->resume)
		return 0;
	snprintf(path, sizeof path, "%s/trials.jsonl", o->folder);
	if (records_load(done, e, path, error) < 0)
		return -1;
	resume_plan(plan, done);
	if (plan_count(plan, PLANNED_OPEN) > 0)
		return 0;
	return error_set(
		error, "%s: all %zu trials are done; liquidnet report shows them", o->folder, plan->count);
}

/* Where trials run; the links of hosts are as they are. */
struct ground {
	const struct executor *executor;
	struct inventory *inventory; /* NULL: here */
	struct hosts *hosts;
};

/* What can be refused before anybody is logged in to. */
static int check_hosts(struct ground *g, const struct experiment *e, const struct run_options *o,
	const struct plan *plan, char **error)
{
	if (!o->hosts)
		return 0;
	if (run_clock(o, e) != TRIAL_REAL)
		return error_set(error, "--hosts needs the real clock; leave --clock out");
	if (o->jobs > 1)
		return error_set(error, "--hosts runs one trial at a time; leave --jobs out");
	g->inventory = inventory_load(o->hosts, error);
	return g->inventory ? inventory_check(g->inventory, e, plan, error) : -1;
}

static int open_hosts(struct ground *g, char **error)
{
	if (!g->inventory)
		return 0;
	g->hosts = hosts_open(g->inventory, error);
	if (!g->hosts)
		return -1;
	g->executor = executor_of_hosts(g->hosts, g->inventory);
	return 0;
}

static int run_loaded(const struct experiment *e, struct run_options *o, char **error)
{
	struct plan plan = {0};
	struct needs needs;
	struct records done = {0};
	struct proofs *proofs = NULL;
	json_t *environment = NULL;
	struct ground ground = {0};
	int status = 2, awake = -1;
	o->seed = o->seed >= 0 ? o->seed : (int64_t)e->seed;
	o->backend = o->backend ? o->backend : e->backend;
	o->clock = o->clock ? o->clock : experiment_clock_name(e->clock);
	ground.executor = executor_of(run_clock(o, e));
	bool here = ground.executor->here && !o->hosts;
	/* How many trials stay right side by side, the experiment knows of this machine's kernel. */
	o->jobs = o->jobs ? o->jobs : e->jobs && here ? (int64_t)e->jobs : RUN_JOBS_AUTO;
	o->selection.seed = (uint64_t)o->seed;
	if (plan_make(&plan, e, &o->selection, error) < 0 || needs_of(&needs, e, &plan, error) < 0 ||
		(!o->hosts && needs_check_programs(&needs, error) < 0) ||
		check_hosts(&ground, e, o, &plan, error) < 0 || recall(&plan, e, o, &done, error) < 0) {
		status = 2;
	} else if (o->dry) {
		if (!ground.executor->here)
			printf("clock: %s (each trial in a kernel of its own; docs/virtual.md)\n", o->clock);
		status = print_plan(e, &plan, o->backend, here, error);
	} else if (open_hosts(&ground, error) == 0 &&
		   (environment = ground.executor->environment(e, &needs, error))) {
		awake = here ? awake_hold() : -1;
		if ((proofs = prove_links(e, &plan, o->backend, here, error)))
			status = carry_out(e, &plan, o, &done, proofs, ground.executor, environment, error);
	}
	hosts_close(ground.hosts);
	inventory_free(ground.inventory);
	if (awake >= 0)
		close(awake);
	json_decref(environment);
	proofs_free(proofs);
	plan_free(&plan);
	records_free(&done);
	return status;
}

int run_experiment(struct run_options *o, char **error)
{
	char folder[PATH_MAX];
	json_t *provenance = NULL;
	struct experiment *e = find_experiment(o->experiment, error);
	int status = 2;
	if (!e)
		return 2;
	if (o->resume && o->hosts) {
		error_set(error, "--resume does not go with --hosts: a run on hosts is begun anew");
		experiment_free(e);
		return 2;
	}
	if (o->resume && !o->folder) {
		snprintf(folder, sizeof folder, "%s/%s/latest", o->results, e->name);
		o->folder = folder;
	}
	if (inputs_check_network(e, project_root(), error) == 0 &&
		cells_check_published(e, project_root(), error) == 0 &&
		(!o->resume || resume_check(e, o, &provenance, error) == 0))
		status = run_loaded(e, o, error);
	json_decref(provenance);
	experiment_free(e);
	return status;
}
