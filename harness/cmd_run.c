/* liquidnet run: an experiment from file to tables. Everything that can be refused is refused before anything
 * starts. */
#include "harness/commands.h"
#include "harness/crew.h"
#include "harness/doctor.h"
#include "harness/find.h"
#include "harness/host.h"
#include "harness/plan.h"
#include "harness/progress.h"
#include "harness/project.h"
#include "harness/provenance.h"
#include "harness/results.h"
#include "harness/shape.h"
#include "harness/summary.h"
#include "lib/error.h"
#include "lib/units.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct run_options {
	const char *experiment, *results, *backend;
	struct selection selection;
	int64_t jobs, seed;
	bool dry, quiet;
};

static const char help[] =
	"Usage: liquidnet run EXPERIMENT [OPTION...]\n"
	"EXPERIMENT is a name (see liquidnet list) or the path of a YAML file.\n\n"
	"  --trials N              trials a cell, instead of the experiment's\n"
	"  --procedures PATTERNS   only these (comma-separated; * and ? match); also optional ones\n"
	"  --only PATTERNS         only these configurations\n"
	"  --jobs N                trials at once\n"
	"  --seed N                another order and other losses\n"
	"  --backend NAME          shape every link with netem or link (default: the first that serves)\n"
	"  --results DIR           where results go (default: results)\n"
	"  --dry-run               check everything, print the plan, start nothing\n"
	"\nExit status: 0 every trial counts, 1 some do not, 2 bad input (nothing was started), 130 "
	"stopped.\n";

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "liquidnet run: %s%s; see liquidnet run --help\n", what, value ? value : "");
	return 2;
}

static int number(const char *text, int64_t min, int64_t max, int64_t *value)
{
	return unit_integer(text, value) < 0 || *value < min || *value > max ? -1 : 0;
}

/* -1: go on; else the exit status. */
static int read_options(struct run_options *o, int argc, char **argv)
{
	static const struct option options[] = {{"trials", required_argument, NULL, 't'},
		{"procedures", required_argument, NULL, 'p'}, {"only", required_argument, NULL, 'o'},
		{"jobs", required_argument, NULL, 'j'}, {"seed", required_argument, NULL, 's'},
		{"backend", required_argument, NULL, 'b'}, {"results", required_argument, NULL, 'r'},
		{"dry-run", no_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {0}};
	int64_t trials = 0;
	*o = (struct run_options){.results = "results", .seed = -1};
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 't':
			if (number(optarg, 1, 100000, &trials) < 0)
				return bad("--trials wants a number from 1 to 100000, not ", optarg);
			o->selection.trials = (unsigned)trials;
			break;
		case 'p':
			o->selection.procedures = optarg;
			break;
		case 'o':
			o->selection.configurations = optarg;
			break;
		case 'j':
			if (number(optarg, 1, 256, &o->jobs) < 0)
				return bad("--jobs wants a number from 1 to 256, not ", optarg);
			break;
		case 's':
			if (number(optarg, 0, INT64_MAX, &o->seed) < 0)
				return bad("--seed wants a number, not ", optarg);
			break;
		case 'b':
			o->backend = optarg;
			break;
		case 'r':
			o->results = optarg;
			break;
		case 'd':
			o->dry = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return bad("no such option, or its value is missing: ", argv[optind - 1]);
		}
	if (optind + 1 != argc)
		return bad("name one experiment", NULL);
	o->experiment = argv[optind];
	return -1;
}

/* Every link of every configuration that the plan uses must find a back end. */
static int check_links(const struct experiment *e, const struct plan *plan, const char *backend, char **error)
{
	const struct shape_backend **chosen = calloc(e->topology->links_count + 1, sizeof *chosen);
	bool *checked = calloc(e->configurations_count + 1, sizeof *checked);
	int result = 0;
	for (size_t i = 0; result == 0 && i < plan->count; i++) {
		const struct configuration *c = &e->configurations[plan->trials[i].configuration];
		if (checked[plan->trials[i].configuration])
			continue;
		checked[plan->trials[i].configuration] = true;
		char *reason = NULL;
		if (shape_choose(e->topology, c->links, backend, chosen, &reason) < 0)
			result = conf_error(c->at, error, "%s", reason);
		free(reason);
	}
	free(checked);
	free(chosen);
	return result;
}

static int prepare_host(struct host *host, const struct experiment *e, char **error)
{
	for (size_t i = 0; i < e->host_settings_count; i++)
		if (host_sysctl(host, e->host_settings[i].key, e->host_settings[i].value, error) < 0)
			return -1;
	return 0;
}

static void print_plan(const struct experiment *e, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		printf("%4zu  %-28s %-20s %u\n", i + 1, e->configurations[plan->trials[i].configuration].name,
			e->procedures[plan->trials[i].procedure].name, plan->trials[i].repeat);
}

static int signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Runs a checked plan. Returns the exit status. */
static int carry_out(const struct experiment *e, const struct plan *plan, const struct run_options *o,
	int argc, char **argv, char **error)
{
	struct results results = {.log_fd = -1};
	struct crew_tally tally = {0};
	struct crew_options options = {.root = project_root(),
		.backend = o->backend,
		.jobs = (unsigned)o->jobs,
		.retries = e->retries,
		.stop_fd = signals()};
	struct host *host = host_open(error);
	if (!host)
		return 2;
	if (prepare_host(host, e, error) < 0 ||
		results_open(&results, o->results, e->name, e->path, e->base_path, error) < 0) {
		host_close(host);
		return 2;
	}
	json_t *provenance = provenance_take(e, plan, o->seed, argc, argv);
	int result = results_write_json(&results, "provenance.json", provenance, error);
	json_decref(provenance);
	struct progress *progress = progress_open(stderr, plan->count, 13.0 / (double)options.jobs);
	if (result == 0)
		result = crew_run(e, plan, &options, host, &results, progress, &tally, error);
	progress_close(progress);
	host_close(host);
	results_close(&results);
	if (result == 0) {
		printf("\n");
		result =
			summary_make(e, project_root(), results.folder, stdout, isatty(STDOUT_FILENO), error);
	}
	printf("\nResults: %s\n", results.folder);
	close(options.stop_fd);
	return result < 0 ? 1 : tally.stopped ? 130 : tally.bad ? 1 : 0;
}

static int run(struct run_options *o, int argc, char **argv, char **error)
{
	struct plan plan = {0};
	struct experiment *e = find_experiment(o->experiment, error);
	int status = 2;
	if (!e)
		return 2;
	o->seed = o->seed >= 0 ? o->seed : (int64_t)e->seed;
	o->jobs = o->jobs ? o->jobs : e->jobs;
	o->backend = o->backend ? o->backend : e->backend;
	o->selection.seed = (uint64_t)o->seed;
	if (plan_make(&plan, e, &o->selection, error) < 0 || check_programs(e, &plan, error) < 0) {
		status = 2;
	} else if (o->dry) {
		print_plan(e, &plan);
		status = 0;
	} else if (doctor_require(error) == 0 && check_links(e, &plan, o->backend, error) == 0) {
		status = carry_out(e, &plan, o, argc, argv, error);
	}
	plan_free(&plan);
	experiment_free(e);
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct run_options options;
	char *error = NULL;
	int status = read_options(&options, argc, argv);
	if (status >= 0)
		return status;
	status = run(&options, argc, argv, &error);
	if (error)
		fprintf(stderr, "liquidnet run: %s\n", error);
	free(error);
	return status;
}
