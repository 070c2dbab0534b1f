/* Gnuplot: see the header. */
#include "analysis/output/gnuplot.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LIMIT_MS = 60000, WIDTH = 900 };

int gnuplot_start(struct gnuplot *gnuplot, const char *path, size_t panels, unsigned height, char **error)
{
	/* Gnuplot would say nothing of a path that it cannot write. */
	int target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (target < 0)
		return error_set(error, "%s: cannot be written: %s", path, strerror(errno));
	close(target);
	gnuplot->fd = memfd_create("plot", MFD_CLOEXEC);
	gnuplot->script = gnuplot->fd >= 0 ? fdopen(dup(gnuplot->fd), "w") : NULL;
	if (!gnuplot->script) {
		error_set(error, "%s: the script for gnuplot cannot be written: %s", path, strerror(errno));
		if (gnuplot->fd >= 0)
			close(gnuplot->fd);
		return -1;
	}
	fprintf(gnuplot->script, "set terminal svg size %d,%zu dynamic background rgb 'white'\nset output '",
		WIDTH, panels * height);
	for (; *path; path++) {
		/* A quote is doubled within quotes. */
		if (*path == '\'')
			fputc('\'', gnuplot->script);
		fputc(*path, gnuplot->script);
	}
	fputs("'\n", gnuplot->script);
	return 0;
}

void gnuplot_panels(struct gnuplot *gnuplot, size_t panels)
{
	fprintf(gnuplot->script,
		"set multiplot layout %zu,1\nset xlabel 'seconds since the first packet'\n"
		"set key outside right\nset grid\n",
		panels);
}

int gnuplot_draw(struct gnuplot *gnuplot, const char *path, char **error)
{
	static const char *const argv[] = {"gnuplot", "-", NULL};
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL;
	int status = -1;
	fputs("unset multiplot\n", gnuplot->script);
	if (fclose(gnuplot->script) != 0 || lseek(gnuplot->fd, 0, SEEK_SET) != 0) {
		error_set(error, "%s: the script for gnuplot cannot be written: %s", path, strerror(errno));
		close(gnuplot->fd);
		return -1;
	}
	options.argv = argv;
	options.stdin_fd = gnuplot->fd;
	status = process_run(&options, true, LIMIT_MS, &output, error);
	close(gnuplot->fd);
	if (status > 0) {
		if (output)
			output[strcspn(output, "\n")] = '\0';
		error_set(error, "%s: gnuplot ended with status %d%s%s", path, status,
			output && *output ? ": " : "", output ? output : "");
	} else if (status < 0) {
		error_prefix(error, "%s", path);
	}
	free(output);
	return status == 0 ? 0 : -1;
}
