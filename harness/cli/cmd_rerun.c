/* liquidnet rerun: an earlier run again, with the inputs that its folder keeps, and every difference between
 * the environments then and now. */
#include "harness/cli/commands.h"
#include "harness/cli/trust.h"
#include "harness/experiment/find.h"
#include "harness/page/text.h"
#include "harness/record/differences.h"
#include "harness/record/identical.h"
#include "harness/run/executor.h"
#include "harness/run/run.h"
#include "lib/base/error.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 200

static const char help[] =
	"Usage: liquidnet rerun FOLDER [OPTION...]\n"
	"Runs again what results/EXPERIMENT/TIME holds: its copy of the experiment, the same plan, seeds and back\n"
	"end; says first how this environment differs from the one then. In virtual time the same seeds make the same\n"
	"trials: it says at the end whether they are identical, to the byte.\n\n"
	"  --jobs N|auto           trials at once (default: as then)\n"
	"  --results DIR           where results go (default: results)\n"
	"  --dry-run               the differences and the plan; starts nothing\n"
	"  --trust                 runs an experiment that others wrote without asking\n"
	"\nExit status: that of liquidnet run.\n";

/* They hold what a stranger's folder says of its machine. */
static void print_plain(const char *line)
{
	char *plain = text_plain(line ? line : "?");
	printf("  %s\n", plain ? plain : "?");
	free(plain);
}

static int print_differences(
	const struct experiment *e, const struct run_options *o, const json_t *provenance, char **error)
{
	char *lines[SHOWN] = {0};
	json_t *now = executor_of(run_clock(o, e))->environment(e, NULL, error);
	if (!now)
		return -1;
	size_t count = differences_list(json_object_get(provenance, "environment"), now, lines, SHOWN);
	printf(count ? "%zu differences of the environment (then -> now):\n"
		     : "the environment is the same\n",
		count);
	for (size_t i = 0; i < count && i < SHOWN; i++)
		print_plain(lines[i]);
	for (size_t i = 0; i < SHOWN; i++)
		free(lines[i]);
	json_decref(now);
	fflush(stdout);
	return 0;
}

/* One seed, one run: said where it is promised. */
static int print_identity(const char *then, const char *now, char **error)
{
	struct identical found;
	if (identical_runs(then, now, &found, error) < 0)
		return -1;
	printf("%s: %zu of %zu trials are the same to the byte, records and files",
		found.same == found.trials ? "identical" : "not identical", found.same, found.trials);
	if (*found.first)
		printf("; the first that is not: %s", found.first);
	if (found.missing)
		printf("; %zu trials of then were not made now", found.missing);
	printf("\n");
	return 0;
}

static int rerun(const char *named, struct run_options *o, bool trusted, char **error)
{
	/* `latest` will be another one. */
	char folder[PATH_MAX], path[PATH_MAX + 32], experiment[PATH_MAX + 32];
	json_error_t why;
	if (!realpath(named, folder))
		snprintf(folder, sizeof folder, "%s", named);
	snprintf(path, sizeof path, "%s/provenance.json", folder);
	snprintf(experiment, sizeof experiment, "%s/experiment.yaml", folder);
	json_t *provenance = json_load_file(path, 0, &why);
	int status = 2;
	if (!provenance)
		error_set(error, "%s: %s; name a folder results/EXPERIMENT/TIME", path, why.text);
	struct experiment *e = provenance ? find_experiment(experiment, error) : NULL;
	o->experiment = experiment;
	bool elsewhere = json_is_string(json_object_get(json_object_get(provenance, "run"), "hosts"));
	if (elsewhere)
		error_set(error, "%s: that run was on hosts; `liquidnet run --hosts` makes another one",
			folder);
	if (e && !elsewhere && resume_options(o, provenance, folder, error) == 0 &&
		print_differences(e, o, provenance, error) == 0 &&
		(trusted || o->dry || trust_own(e, folder) || trust_ask(e, folder, error) == 0)) {
		status = run_experiment(o, error);
		if (*o->made && run_clock(o, e) == TRIAL_VIRTUAL &&
			print_identity(folder, o->made, error) < 0)
			status = 1;
	}
	json_decref(provenance);
	experiment_free(e);
	return status;
}

int cmd_rerun(int argc, char **argv)
{
	static const struct option options[] = {{"jobs", required_argument, NULL, 'j'},
		{"results", required_argument, NULL, 'r'}, {"dry-run", no_argument, NULL, 'd'},
		{"trust", no_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct run_options o = {.results = "results", .seed = -1, .argc = argc, .argv = argv};
	char *error = NULL;
	bool trusted = false;
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 'j':
			if (run_jobs(optarg, &o.jobs) < 0) {
				fprintf(stderr,
					"liquidnet rerun: --jobs wants a number from 1 to %d, or auto, not %s\n",
					JOBS_MAX, optarg);
				return 2;
			}
			break;
		case 'r':
			o.results = optarg;
			break;
		case 'd':
			o.dry = true;
			break;
		case 't':
			trusted = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fprintf(stderr,
				"liquidnet rerun: no such option, or its value is missing: %s; see liquidnet rerun --help\n",
				argv[optind - 1]);
			return 2;
		}
	if (optind + 1 != argc) {
		fprintf(stderr,
			"liquidnet rerun: name one folder results/EXPERIMENT/TIME; see liquidnet rerun --help\n");
		return 2;
	}
	int status = rerun(argv[optind], &o, trusted, &error);
	if (error)
		fprintf(stderr, "liquidnet rerun: %s\n", error);
	free(error);
	return status;
}
