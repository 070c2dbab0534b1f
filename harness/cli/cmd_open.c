/* liquidnet open: the page of a run, in a browser where there is one. */
#include "harness/cli/commands.h"
#include "harness/cli/runs.h"
#include "lib/base/process.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: liquidnet open [RUN] [--print]\n"
	"Opens the page of a run (report.html) in a browser: $BROWSER, else the desktop's. Where there is none, prints the\n"
	"page's path. RUN is a folder results/EXPERIMENT/TIME or an experiment's name, whose latest run in results/ here\n"
	"is meant; without it: the newest run in results/ here.\n\n"
	"  --print                 prints the path, and opens nothing\n"
	"\nExit status: 0 done, 1 the browser failed, 2 bad input.\n";

/* The first of $BROWSER (several are separated by colons); else the desktop's own way, where there is a desktop. */
static bool find_browser(char name[PATH_MAX])
{
	const char *given = getenv("BROWSER");
	if (given && *given)
		return snprintf(name, PATH_MAX, "%.*s", (int)strcspn(given, ":"), given) < PATH_MAX;
	strcpy(name, "xdg-open");
	return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");
}

static int open_page(const char *page, char **error)
{
	struct process process = PROCESS_NONE;
	struct process_options options = PROCESS_OPTIONS;
	char browser[PATH_MAX];
	if (!find_browser(browser))
		return 0;
	options.argv = (const char *const[]){browser, page, NULL};
	options.stdin_fd = STDIN_FILENO; /* some browsers live in the terminal */
	if (process_start(&process, &options, error) < 0 || process_wait(&process, INT64_MAX) < 0)
		return -1;
	return process.status == 0 ? 0 : -1;
}

int cmd_open(int argc, char **argv)
{
	char folder[PATH_MAX], page[PATH_MAX + 16], *error = NULL;
	const char *named = NULL;
	bool print = false;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return 0;
		} else if (strcmp(argv[i], "--print") == 0) {
			print = true;
		} else if (*argv[i] == '-' || named) {
			fprintf(stderr,
				"liquidnet open: takes one run and --print, not `%s`; see liquidnet open --help\n",
				argv[i]);
			return 2;
		} else {
			named = argv[i];
		}
	if (runs_find(named, folder, sizeof folder, &error) < 0) {
		fprintf(stderr, "liquidnet open: %s\n", error);
		free(error);
		return 2;
	}
	snprintf(page, sizeof page, "%s/report.html", folder);
	if (access(page, R_OK) < 0) {
		fprintf(stderr, "liquidnet open: %s is not there; `liquidnet report %s` makes it%s\n", page,
			folder, runs_writer(folder) ? ", also while the run goes on" : "");
		return 2;
	}
	printf("%s\n", page);
	fflush(stdout);
	if (print || open_page(page, &error) == 0)
		return 0;
	fprintf(stderr,
		"liquidnet open: the browser failed%s%s; open the page above yourself, or set BROWSER\n",
		error ? ": " : "", error ? error : "");
	free(error);
	return 1;
}
