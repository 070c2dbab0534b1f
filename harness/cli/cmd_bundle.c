/* liquidnet bundle: packs a results folder for artifact evaluation. */
#include "harness/cells/cells_load.h"
#include "harness/cli/commands.h"
#include "harness/machine/project.h"
#include "harness/report/bundle.h"
#include "harness/report/summary.h"
#include "lib/base/error.h"
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: liquidnet bundle FOLDER [OPTION...]\n"
	"Packs results/EXPERIMENT/TIME with its inputs, records, tables, commands and checksums into one archive.\n"
	"The same folder makes the same archive, byte by byte.\n\n"
	"  --captures              with the packet captures\n"
	"  --output FILE           where to (default: EXPERIMENT-TIME.tar.gz here)\n"
	"\nExit status: 0 done, 2 bad input.\n";

/* A run that still writes there holds a lock. */
static int check_idle(const char *folder, char **error)
{
	char path[PATH_MAX];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	snprintf(path, sizeof path, "%s/.lock", folder);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool busy = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return busy ? error_set(error, "%s: a run (process %d) writes there; wait for it, or stop it", folder,
			      (int)lock.l_pid)
		    : 0;
}

static int pack(const struct experiment *experiment, const char *folder, bool captures, const char *output,
	char **error)
{
	char whole[PATH_MAX], name[PATH_MAX];
	int result = -1;

	if (!realpath(folder, whole))
		return error_set(error, "%s: %m", folder);
	snprintf(name, sizeof name, "%s-%s.tar.gz", experiment->name, strrchr(whole, '/') + 1);
	output = output ? output : name;
	if (summary_make(experiment, project_root(), folder, NULL, false, error) < 0)
		return -1;
	struct cells *cells = cells_load(experiment, project_root(), folder, error);
	if (cells)
		result = bundle_make(cells, folder, captures, output, error);
	cells_free(cells);
	if (result == 0)
		printf("%s\n", output);
	return result;
}

static int bundle(const char *folder, bool captures, const char *output, char **error)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/experiment.yaml", folder);
	if (access(path, R_OK) < 0)
		return error_set(error, "%s: %m; name a folder results/EXPERIMENT/TIME", path);
	if (check_idle(folder, error) < 0)
		return -1;
	struct experiment *experiment = experiment_load(project_root(), path, error);
	int result = experiment ? pack(experiment, folder, captures, output, error) : -1;
	experiment_free(experiment);
	return result;
}

int cmd_bundle(int argc, char **argv)
{
	static const struct option options[] = {{"captures", no_argument, NULL, 'c'},
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *output = NULL;
	bool captures = false;
	char *error = NULL;

	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 'c':
			captures = true;
			break;
		case 'o':
			output = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fprintf(stderr, "liquidnet bundle: no such option, or its value is missing: %s\n",
				argv[optind - 1]);
			return 2;
		}
	if (optind + 1 != argc) {
		fprintf(stderr,
			"liquidnet bundle: name one folder results/EXPERIMENT/TIME; see liquidnet bundle --help\n");
		return 2;
	}
	if (bundle(argv[optind], captures, output, &error) == 0)
		return 0;
	fprintf(stderr, "liquidnet bundle: %s\n", error ? error : "out of memory");
	free(error);
	return 2;
}
