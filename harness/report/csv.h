/* CSV: the files of a results folder that programs read, as docs/results-files.md describes them. Fields are quoted as RFC 4180
 * has it; a text that a spreadsheet would run is disarmed (text_csv). Each function writes one file: 0, or -1: out of
 * memory. */
#ifndef LIQUIDNET_CSV_H
#define LIQUIDNET_CSV_H

#include "harness/cells/cells.h"
#include <stdio.h>

int csv_summary(const struct cells *cells, FILE *out);   /* a line a cell */
int csv_subflows(const struct cells *cells, FILE *out);  /* a line a cell and node */
int csv_quantiles(const struct cells *cells, FILE *out); /* a line a cell, measure of samples and quantile */
/* Tidy: a line a number, with what is known of its configuration as columns. */
int csv_trials(const struct cells *cells, FILE *out);  /* every trial and measure */
int csv_samples(const struct cells *cells, FILE *out); /* every sample of the trials that count */

#endif
