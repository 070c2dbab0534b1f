/* Summary: what a run found, beside what was published: files in the results folder, and tables for people.
 * docs/results.md says what each column means. */
#ifndef LIQUIDNET_SUMMARY_H
#define LIQUIDNET_SUMMARY_H

#include "harness/experiment/experiment.h"
#include <stdbool.h>
#include <stdio.h>

/* Reads `results_dir`/trials.jsonl (a last line that was cut off is left out) and writes summary.csv,
 * subflows.csv, scorecard.md and report.html there, each whole or not at all (written beside, then renamed).
 * Prints the tables to `table` unless it is NULL, in lines of at most 110 places; `color`: with a terminal's
 * colours. `root`: the project's folder, which holds the published files. 0, or -1 with *error (one line). */
int summary_make(const struct experiment *experiment, const char *root, const char *results_dir, FILE *table,
	bool color, char **error);

#endif
