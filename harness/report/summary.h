/* Summary: what a run found, beside what was published: files in the results folder, and tables for people.
 * docs/results-files.md says what each column means. */
#ifndef LIQUIDNET_SUMMARY_H
#define LIQUIDNET_SUMMARY_H

#include "harness/experiment/experiment.h"
#include <stdbool.h>
#include <stdio.h>

/* What is printed besides: tables for people in lines of at most 110 places, or the report as JSON (report.h). */
enum summary_form { SUMMARY_TABLES, SUMMARY_JSON };

/* Reads `results_dir`/trials.jsonl (a last line that was cut off is left out) and writes the tables and pages that are made
 * of it there, each whole or not at all (written beside, then renamed): summary.csv, subflows.csv, trials.csv,
 * scorecard.md, report.json, report.html, and of experiments with samples quantiles.csv and samples.csv. Prints to `out`
 * unless it is NULL; `color`: with a terminal's colours. `root`: the project's folder, which holds the published files. 0,
 * or -1 with *error (one line). */
int summary_print(const struct experiment *experiment, const char *root, const char *results_dir,
	enum summary_form form, FILE *out, bool color, char **error);
/* The same with tables. */
int summary_make(const struct experiment *experiment, const char *root, const char *results_dir, FILE *table,
	bool color, char **error);

/* The figures of the page as files (report.h), into a folder that is there. 0, or -1 with *error. */
int summary_figures(const struct experiment *experiment, const char *root, const char *results_dir,
	const char *folder, size_t *count, char **error);

#endif
