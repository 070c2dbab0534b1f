/* liquidnet report DIR: makes the summary of a results folder again, from its records and its own copy of the
 * experiment, and prints it: tables, or with --json the report as programs read it. */
#include "harness/cli/runs.h"
#include "harness/experiment/experiment.h"
#include "harness/machine/project.h"
#include "harness/report/summary.h"
#include "lib/base/folders.h"
#include "lib/base/terminal.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int cmd_report(int argc, char **argv);

static const char usage[] =
	"Usage: liquidnet report DIR [--json] [--figures FOLDER]\n"
	"\n"
	"Makes the tables and pages of a results folder again (summary.csv, subflows.csv, trials.csv,\n"
	"quantiles.csv and samples.csv where there are samples, scorecard.md, report.json, report.html)\n"
	"and prints the tables. DIR is results/EXPERIMENT/TIME, or an experiment's name, whose\n"
	"latest run in results/ here is meant.\n"
	"\n"
	"  --json                  print report.json instead (docs/results-files.md)\n"
	"  --figures FOLDER        write the page's figures there too: figure-1.svg, figure-2.svg, ...\n";

static int refuse(char *error)
{
	fprintf(stderr, "liquidnet report: %s\n", error ? error : "out of memory");
	free(error);
	return 2;
}

static int write_figures(
	const struct experiment *experiment, const char *directory, const char *folder, char **error)
{
	size_t count = 0;

	if (folders_make(folder, 0755, error) < 0 ||
		summary_figures(experiment, project_root(), directory, folder, &count, error) < 0)
		return -1;
	fprintf(stderr, "%zu figures in %s\n", count, folder);
	return 0;
}

static int report(const char *directory, enum summary_form form, const char *figures)
{
	char *error = NULL, *path, found[PATH_MAX];
	struct stat status;

	if (stat(directory, &status) < 0 || !S_ISDIR(status.st_mode)) {
		if (runs_find(directory, found, sizeof found, NULL) < 0) {
			fprintf(stderr,
				"liquidnet report: %s: no such folder; name one as results/EXPERIMENT/TIME\n",
				directory);
			return 2;
		}
		directory = found;
	}
	if (asprintf(&path, "%s/experiment.yaml", directory) < 0)
		return refuse(NULL);
	struct experiment *experiment = experiment_load(project_root(), path, &error);
	free(path);
	if (!experiment)
		return refuse(error);
	int result = summary_print(
		experiment, project_root(), directory, form, stdout, terminal_colors(stdout), &error);
	if (result == 0 && figures)
		result = write_figures(experiment, directory, figures, &error);
	experiment_free(experiment);
	return result < 0 ? refuse(error) : 0;
}

int cmd_report(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	const char *directory = NULL, *figures = NULL;
	bool json = false, bad = false;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--figures") && i + 1 < argc)
			figures = argv[++i];
		else if (!directory && *argv[i] != '-')
			directory = argv[i];
		else
			bad = true;
	if (bad || !directory) {
		fprintf(stderr,
			"liquidnet report: one results folder is needed, as in `liquidnet report results/EXPERIMENT/latest`\n");
		return 2;
	}
	return report(directory, json ? SUMMARY_JSON : SUMMARY_TABLES, figures);
}
