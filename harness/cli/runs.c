/* Runs: see the header. */
#include "harness/cli/runs.h"

#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool holds_run(const char *folder)
{
	char path[PATH_MAX];
	return snprintf(path, sizeof path, "%s/experiment.yaml", folder) < (int)sizeof path &&
	       access(path, R_OK) == 0;
}

static int settle(const char *folder, char *out, size_t size, char **error)
{
	char real[PATH_MAX];
	if (!realpath(folder, real) || strlen(real) >= size)
		return error_set(error, "%s: %s", folder, strerror(errno));
	strcpy(out, real);
	return 0;
}

/* The run that began last: its folder is called by the time when it began. */
static int newest(char *folder, size_t size, char **error)
{
	glob_t found;
	const char *best = NULL;
	if (glob("results/*/[0-9]*T*Z*", GLOB_ONLYDIR, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (holds_run(found.gl_pathv[i]) &&
				(!best || strcmp(strrchr(found.gl_pathv[i], '/'), strrchr(best, '/')) > 0))
				best = found.gl_pathv[i];
	int result =
		best ? settle(best, folder, size, error)
		     : error_set(error,
			       "no run in results/ here; name one as results/EXPERIMENT/TIME, or go where you ran it");
	globfree(&found);
	return result;
}

int runs_find(const char *named, char *folder, size_t size, char **error)
{
	if (!named)
		return newest(folder, size, error);
	for (int i = 0; i < 3; i++) {
		char path[PATH_MAX];
		int length = i == 0   ? snprintf(path, sizeof path, "%s", named)
			     : i == 1 ? snprintf(path, sizeof path, "%s/latest", named)
				      : snprintf(path, sizeof path, "results/%s/latest", named);
		if (length < (int)sizeof path && holds_run(path))
			return settle(path, folder, size, error);
	}
	struct stat status;
	return error_set(error,
		stat(named, &status) == 0
			? "%s: holds no run (it has no experiment.yaml); name a folder results/EXPERIMENT/TIME"
			: "%s: no such folder, and no run of that name in results/ here; name a folder results/EXPERIMENT/TIME",
		named);
}

pid_t runs_writer(const char *folder)
{
	char path[PATH_MAX];
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (snprintf(path, sizeof path, "%s/.lock", folder) >= (int)sizeof path)
		return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool held = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return held ? lock.l_pid : 0;
}
