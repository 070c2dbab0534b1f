/* liquidnet report DIR: makes the summary of a results folder again, from its records and its own copy of the
 * experiment, and prints it: tables, or with --json the report as programs read it. */
#include "harness/experiment/experiment.h"
#include "harness/machine/project.h"
#include "harness/report/summary.h"
#include "lib/base/terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int cmd_report(int argc, char **argv);

static const char usage[] =
	"usage: liquidnet report [--json] DIR\n"
	"\n"
	"Makes the tables and pages of a results folder again (summary.csv, subflows.csv, trials.csv,\n"
	"quantiles.csv and samples.csv where there are samples, scorecard.md, report.json, report.html)\n"
	"and prints the tables. DIR is results/EXPERIMENT/TIME, or results/EXPERIMENT/latest.\n"
	"\n"
	"  --json                  print report.json instead (docs/results.md)\n";

static int refuse(char *error)
{
	fprintf(stderr, "liquidnet report: %s\n", error ? error : "out of memory");
	free(error);
	return 2;
}

static int report(const char *directory, enum summary_form form)
{
	char *error = NULL, *path;
	struct stat status;

	if (stat(directory, &status) < 0 || !S_ISDIR(status.st_mode)) {
		fprintf(stderr, "liquidnet report: %s: no such folder; name one as results/EXPERIMENT/TIME\n",
			directory);
		return 2;
	}
	if (asprintf(&path, "%s/experiment.yaml", directory) < 0)
		return refuse(NULL);
	struct experiment *experiment = experiment_load(project_root(), path, &error);
	free(path);
	if (!experiment)
		return refuse(error);
	int result = summary_print(
		experiment, project_root(), directory, form, stdout, terminal_colors(stdout), &error);
	experiment_free(experiment);
	return result < 0 ? refuse(error) : 0;
}

int cmd_report(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	if (argc != 2 + json || *argv[argc - 1] == '-') {
		fprintf(stderr,
			"liquidnet report: one results folder is needed, as in `liquidnet report results/EXPERIMENT/latest`\n");
		return 2;
	}
	return report(argv[argc - 1], json ? SUMMARY_JSON : SUMMARY_TABLES);
}
