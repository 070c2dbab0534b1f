/* Summary: the files of a results folder that are made from its records. They can be made again at any time,
 * and are replaced whole: a reader never sees half a file. */
#include "harness/report/summary.h"
#include "harness/cells/cells_load.h"
#include "harness/report/csv.h"
#include "harness/report/report.h"
#include "harness/report/scorecard.h"
#include "lib/base/error.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of a folder: made from the cells, or from the report. Files of samples only where there are any. */
struct file {
	const char *name;
	int (*of_cells)(const struct cells *cells, FILE *out);
	int (*of_report)(const json_t *report, FILE *out, char **error);
	bool of_samples;
};

static const struct file files[] = {
	{"summary.csv", csv_summary, NULL, false},
	{"subflows.csv", csv_subflows, NULL, false},
	{"trials.csv", csv_trials, NULL, false},
	{"quantiles.csv", csv_quantiles, NULL, true},
	{"samples.csv", csv_samples, NULL, true},
	{"scorecard.md", scorecard_markdown, NULL, false},
	{"report.json", NULL, report_json, false},
	{"report.html", NULL, report_html, false},
};

static int fill(
	const struct file *file, const struct cells *cells, const json_t *report, FILE *out, char **error)
{
	if (file->of_report)
		return file->of_report(report, out, error);
	return file->of_cells(cells, out) < 0 ? error_set(error, "out of memory") : 0;
}

/* What is being written has no name, so that nothing stays of it when we are killed; then it is called `beside` for a moment. */
static int give_name(int fd, const char *beside)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, beside, AT_SYMLINK_FOLLOW);
}

/* Writes `beside`, and puts it into its place whole. */
static int fill_and_rename(const struct file *file, const struct cells *cells, const json_t *report, int fd,
	const char *beside, const char *path, char **error)
{
	FILE *out = fdopen(fd, "w");

	if (!out) {
		close(fd);
		return error_set(error, "%s: %m", beside);
	}
	int filled = fill(file, cells, report, out, error);
	bool bad = fchmod(fd, 0644) < 0 || fflush(out) || ferror(out) || fsync(fd) < 0 ||
		   (access(beside, F_OK) < 0 && give_name(fd, beside) < 0);
	if (fclose(out) || bad)
		return error_set(error, "%s: cannot be written: %m", path);
	if (filled < 0)
		return error_prefix(error, "%s", path);
	if (rename(beside, path) < 0)
		return error_set(error, "%s: cannot be replaced: %m", path);
	return 0;
}

static int write_file(const struct file *file, const struct cells *cells, const json_t *report,
	const char *directory, char **error)
{
	char *path = NULL, *beside = NULL;
	int result = -1;

	if (asprintf(&path, "%s/%s", directory, file->name) < 0 ||
		asprintf(&beside, "%s/.%s.XXXXXX", directory, file->name) < 0) {
		free(path);
		return error_set(error, "out of memory");
	}
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0) /* a file system that has none */
		fd = mkostemp(beside, O_CLOEXEC);
	else if (snprintf(beside + strlen(beside) - 6, 7, "%06d", (int)getpid() % 1000000) > 0)
		unlink(beside);
	if (fd < 0)
		error_set(error, "%s: cannot be written: %m", path);
	else if ((result = fill_and_rename(file, cells, report, fd, beside, path, error)) < 0)
		unlink(beside);
	free(path);
	free(beside);
	return result;
}

static int write_files(const struct cells *cells, const json_t *report, const char *directory, char **error)
{
	bool sampled = false;

	for (size_t m = 0; m < cells->experiment->measures_count; m++)
		sampled = sampled || cells_sampled(cells, m);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if ((sampled || !files[i].of_samples) &&
			write_file(&files[i], cells, report, directory, error) < 0)
			return -1;
	return 0;
}

static int print(const struct cells *cells, const json_t *report, enum summary_form form, FILE *out,
	bool color, char **error)
{
	int result =
		form == SUMMARY_JSON ? report_json(report, out, error) : scorecard_print(cells, out, color);

	if (result < 0)
		return error_set(error, "out of memory");
	return fflush(out) || ferror(out) ? error_set(error, "the tables cannot be printed: %m") : 0;
}

int summary_print(const struct experiment *experiment, const char *root, const char *results_dir,
	enum summary_form form, FILE *out, bool color, char **error)
{
	struct cells *cells = cells_load(experiment, root, results_dir, error);

	if (!cells)
		return -1;
	json_t *report = report_make(cells);
	int result =
		report ? write_files(cells, report, results_dir, error) : error_set(error, "out of memory");
	if (result == 0 && out)
		result = print(cells, report, form, out, color, error);
	json_decref(report);
	cells_free(cells);
	return result;
}

int summary_make(const struct experiment *experiment, const char *root, const char *results_dir, FILE *table,
	bool color, char **error)
{
	return summary_print(experiment, root, results_dir, SUMMARY_TABLES, table, color, error);
}

int summary_figures(const struct experiment *experiment, const char *root, const char *results_dir,
	const char *folder, size_t *count, char **error)
{
	struct cells *cells = cells_load(experiment, root, results_dir, error);

	if (!cells)
		return -1;
	json_t *report = report_make(cells);
	int result = report ? report_svgs(report, folder, count, error) : error_set(error, "out of memory");
	json_decref(report);
	cells_free(cells);
	return result;
}
