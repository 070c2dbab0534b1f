/* liquidnet rerun: an earlier run again, with the inputs that its folder keeps, and every difference between
 * the environments then and now. */
#include "harness/cli/commands.h"
#include "harness/record/differences.h"
#include "harness/record/provenance.h"
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
	"end; says first how this environment differs from the one then.\n\n"
	"  --jobs N|auto           trials at once (default: as then)\n"
	"  --results DIR           where results go (default: results)\n"
	"  --dry-run               the differences and the plan; starts nothing\n"
	"\nExit status: that of liquidnet run.\n";

static void print_differences(const json_t *provenance)
{
	char *lines[SHOWN] = {0};
	json_t *now = provenance_environment();
	size_t count = differences_list(json_object_get(provenance, "environment"), now, lines, SHOWN);
	printf(count ? "%zu differences of the environment (then -> now):\n"
		     : "the environment is the same\n",
		count);
	for (size_t i = 0; i < count && i < SHOWN; i++)
		printf("  %s\n", lines[i] ? lines[i] : "?");
	for (size_t i = 0; i < SHOWN; i++)
		free(lines[i]);
	json_decref(now);
	fflush(stdout);
}

static int rerun(const char *folder, struct run_options *o, char **error)
{
	char path[PATH_MAX], experiment[PATH_MAX];
	json_error_t why;
	snprintf(path, sizeof path, "%s/provenance.json", folder);
	snprintf(experiment, sizeof experiment, "%s/experiment.yaml", folder);
	json_t *provenance = json_load_file(path, 0, &why);
	int status = 2;
	if (!provenance)
		error_set(error, "%s: %s; name a folder results/EXPERIMENT/TIME", path, why.text);
	else if (resume_options(o, provenance, folder, error) == 0) {
		o->experiment = experiment;
		print_differences(provenance);
		status = run_experiment(o, error);
	}
	json_decref(provenance);
	return status;
}

int cmd_rerun(int argc, char **argv)
{
	static const struct option options[] = {{"jobs", required_argument, NULL, 'j'},
		{"results", required_argument, NULL, 'r'}, {"dry-run", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'}, {0}};
	struct run_options o = {.results = "results", .seed = -1, .argc = argc, .argv = argv};
	char *error = NULL;
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
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fprintf(stderr, "liquidnet rerun: no such option, or its value is missing: %s\n",
				argv[optind - 1]);
			return 2;
		}
	if (optind + 1 != argc) {
		fprintf(stderr,
			"liquidnet rerun: name one folder results/EXPERIMENT/TIME; see liquidnet rerun --help\n");
		return 2;
	}
	int status = rerun(argv[optind], &o, &error);
	if (error)
		fprintf(stderr, "liquidnet rerun: %s\n", error);
	free(error);
	return status;
}
