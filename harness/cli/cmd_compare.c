/* liquidnet compare: two results folders side by side. */
#include "harness/cells/cells_load.h"
#include "harness/cli/commands.h"
#include "harness/machine/project.h"
#include "harness/report/compare.h"
#include "lib/base/error.h"
#include "lib/base/terminal.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: liquidnet compare FOLDER FOLDER [--html FILE] [--csv FILE]\n"
	"Puts two runs (A, B) side by side: each cell's difference with its 95 % interval, and what differs in\n"
	"their environment, options and settings.\n\n"
	"  --html FILE             the same as a page\n"
	"  --csv FILE              every measure that both have, for programs\n"
	"\nExit status: 0 done, 2 bad input, or runs that cannot be compared.\n";

struct side {
	struct experiment *experiment;
	struct cells *cells;
};

static int load(struct side *side, const char *folder, char **error)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/experiment.yaml", folder);
	if (access(path, R_OK) < 0)
		return error_set(error, "%s: %m; name a folder results/EXPERIMENT/TIME", path);
	side->experiment = experiment_load(project_root(), path, error);
	if (side->experiment)
		side->cells = cells_load(side->experiment, project_root(), folder, error);
	return side->cells ? 0 : -1;
}

static void unload(struct side *side)
{
	cells_free(side->cells);
	if (side->experiment)
		experiment_free(side->experiment);
}

/* Writes a file by one of compare.h's functions; path NULL: not asked for. */
static int write_file(const struct compared *compared, const char *path,
	int (*content)(const struct compared *, FILE *), char **error)
{
	FILE *out = path ? fopen(path, "we") : NULL;

	if (!path)
		return 0;
	if (!out)
		return error_set(error, "%s: %m", path);
	bool bad = content(compared, out) < 0 || ferror(out);
	return fclose(out) || bad ? error_set(error, "%s: cannot be written", path) : 0;
}

static int compare(char **folders, const char *page, const char *csv, char **error)
{
	struct side a = {0}, b = {0};
	int result = load(&a, folders[0], error) < 0 ? -1 : load(&b, folders[1], error);

	if (result == 0) {
		struct compared compared;
		result = compare_runs(&compared, a.cells, folders[0], b.cells, folders[1], error);
		if (result == 0)
			result = compare_print(&compared, stdout, terminal_colors(stdout));
		if (result == 0)
			result = write_file(&compared, page, compare_html, error);
		if (result == 0)
			result = write_file(&compared, csv, compare_csv, error);
		compared_free(&compared);
	}
	unload(&a);
	unload(&b);
	return result;
}

int cmd_compare(int argc, char **argv)
{
	static const struct option options[] = {{"html", required_argument, NULL, 'o'},
		{"csv", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *page = NULL, *csv = NULL;
	char *error = NULL;

	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 'o':
			page = optarg;
			break;
		case 'c':
			csv = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fprintf(stderr, "liquidnet compare: no such option, or its value is missing: %s\n",
				argv[optind - 1]);
			return 2;
		}
	if (optind + 2 != argc) {
		fprintf(stderr,
			"liquidnet compare: name two folders results/EXPERIMENT/TIME; see liquidnet compare --help\n");
		return 2;
	}
	if (compare(argv + optind, page, csv, &error) == 0)
		return 0;
	fprintf(stderr, "liquidnet compare: %s\n", error ? error : "out of memory");
	free(error);
	return 2;
}
