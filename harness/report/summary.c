/* Summary: the files of a results folder that are made from its records. They can be made again at any time,
 * and are replaced whole: a reader never sees half a file. */
#include "harness/report/summary.h"
#include "harness/report/cells.h"
#include "harness/report/csv.h"
#include "harness/report/report.h"
#include "harness/report/scorecard.h"
#include "lib/base/error.h"
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put_names(FILE *out, const struct cells *cells, const struct cell *cell)
{
	csv_text(out, cells->experiment->configurations[cell->configuration].name);
	fputc(',', out);
	csv_text(out, cells->experiment->procedures[cell->procedure].name);
}

/* The notes behind the judgement, as one text. */
static void put_causes(FILE *out, const struct cells *cells, const struct cell *cell)
{
	char *text = NULL;
	size_t length;
	FILE *joined = open_memstream(&text, &length);

	for (size_t i = 0; joined && i < cells->notes.count; i++)
		if (cell->causes >> i & 1)
			fprintf(joined, "%s%s", ftell(joined) ? " " : "", cells->notes.items[i].text);
	if (joined && fclose(joined) == 0)
		csv_text(out, text);
	free(text);
}

static void summary_header(const struct experiment *experiment, FILE *out)
{
	const char *unit = experiment->measures[experiment->primary].unit;

	fprintf(out, "configuration,procedure,n,mean_%s,sd_%s,median_%s,published_%s,difference_percent",
		unit, unit, unit, unit);
	fputs(",min,max,ci95_low,ci95_high", out);
	for (size_t m = 0; m < experiment->measures_count; m++)
		if (m != experiment->primary)
			fprintf(out, ",%s_%s", experiment->measures[m].name, experiment->measures[m].unit);
	fputs(",suspect,invalid,failed,published_source,published_sd,published_n,difference,judgement,q1,q3,welch_t,welch_df,welch_p,hedges_g,note\n",
		out);
}

static void summary_row(const struct cells *cells, const struct cell *cell, FILE *out)
{
	const struct experiment *experiment = cells->experiment;
	const struct stats *stats = &cell->stats;

	put_names(out, cells, cell);
	fprintf(out, ",%zu", stats->n);
	csv_number(out, stats->mean);
	csv_number(out, stats->sd);
	csv_number(out, stats->median);
	fprintf(out, ",%s", cell->published_text);
	csv_number(out, cell->difference_percent);
	csv_number(out, stats->min);
	csv_number(out, stats->max);
	csv_number(out, stats->ci95_low);
	csv_number(out, stats->ci95_high);
	for (size_t m = 0; m < experiment->measures_count; m++)
		if (m != experiment->primary)
			csv_number(out, cell->means[m]);
	fprintf(out, ",%zu,%zu,%zu,", cell->suspect, cell->invalid, cell->failed);
	csv_text(out, cell->source < 0 ? "" : cells->sources[cell->source].file);
	csv_number(out, cell->published_sd);
	csv_number(out, cell->published_n);
	csv_number(out, cell->difference);
	fprintf(out, ",%s", judgement_name(cell->judgement));
	csv_number(out, stats->q1);
	csv_number(out, stats->q3);
	csv_number(out, cell->test.t);
	csv_number(out, cell->test.df);
	csv_number(out, cell->test.p);
	csv_number(out, cell->hedges_g);
	fputc(',', out);
	put_causes(out, cells, cell);
	fputc('\n', out);
}

static int summary_csv(const struct cells *cells, FILE *out)
{
	summary_header(cells->experiment, out);
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].shown)
			summary_row(cells, &cells->cells[i], out);
	return 0;
}

static int subflows_csv(const struct cells *cells, FILE *out)
{
	fputs("configuration,procedure,n,node,median_unique_bytes,share_percent,published_bytes,published_share_percent\n",
		out);
	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		for (size_t s = 0; s < cell->subflows_count; s++) {
			const struct cell_subflow *subflow = &cell->subflows[s];
			put_names(out, cells, cell);
			fprintf(out, ",%zu,", cell->subflows_n);
			csv_text(out, subflow->node);
			csv_number(out, subflow->bytes);
			csv_number(out, subflow->share);
			csv_number(out, subflow->published_bytes);
			csv_number(out, subflow->published_share);
			fputc('\n', out);
		}
	}
	return 0;
}

/* Fills a file beside its place and puts it there by a rename. */
static int fill_and_rename(const struct cells *cells, int (*content)(const struct cells *, FILE *), int fd,
	const char *beside, const char *path, char **error)
{
	FILE *out = fdopen(fd, "w");

	if (!out) {
		close(fd);
		return error_set(error, "%s: %m", beside);
	}
	int filled = content(cells, out);
	bool bad = fchmod(fd, 0644) < 0 || fflush(out) || ferror(out) || fsync(fd) < 0;
	if (fclose(out) || bad)
		return error_set(error, "%s: cannot be written: %m", path);
	if (filled < 0)
		return error_set(error, "%s: out of memory", path);
	if (rename(beside, path) < 0)
		return error_set(error, "%s: cannot be replaced: %m", path);
	return 0;
}

static int write_file(const struct cells *cells, const char *directory, const char *name,
	int (*content)(const struct cells *, FILE *), char **error)
{
	char *path = NULL, *beside = NULL;
	int result = -1;

	if (asprintf(&path, "%s/%s", directory, name) < 0 ||
		asprintf(&beside, "%s/.%s.XXXXXX", directory, name) < 0) {
		free(path);
		return error_set(error, "out of memory");
	}
	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		error_set(error, "%s: cannot be written: %m", path);
	else if ((result = fill_and_rename(cells, content, fd, beside, path, error)) < 0)
		unlink(beside);
	free(path);
	free(beside);
	return result;
}

int summary_make(const struct experiment *experiment, const char *root, const char *results_dir, FILE *table,
	bool color, char **error)
{
	struct cells *cells = cells_load(experiment, root, results_dir, error);
	int result = -1;

	if (!cells)
		return -1;
	if (write_file(cells, results_dir, "summary.csv", summary_csv, error) == 0 &&
		write_file(cells, results_dir, "subflows.csv", subflows_csv, error) == 0)
		result = write_file(cells, results_dir, "scorecard.md", scorecard_markdown, error);
	if (result == 0)
		result = write_file(cells, results_dir, "report.html", report_html, error);
	if (result == 0 && table) {
		result = scorecard_print(cells, table, color);
		if (result < 0)
			error_set(error, "out of memory");
		else if (fflush(table) || ferror(table))
			result = error_set(error, "the tables cannot be printed: %m");
	}
	cells_free(cells);
	return result;
}
