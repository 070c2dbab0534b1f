/* Report: a run as one object of JSON (report.json, described in docs/results-files.md) that holds everything that its page
 * shows, and the page made of it: HTML with its figures inside that needs nothing else: no network, no script, no font. */
#ifndef LIQUIDNET_REPORT_H
#define LIQUIDNET_REPORT_H

#include "harness/cells/cells.h"
#include <jansson.h>
#include <stdio.h>

/* What the folder lacks (a provenance, series of subflows) is null or left out. The caller owns it; NULL: out of memory. */
json_t *report_make(const struct cells *cells);
/* Writes it as text. 0, or -1 with *error. */
int report_json(const json_t *report, FILE *out, char **error);
/* Writes the page; where gnuplot cannot draw, a sentence stands in for the figures. 0, or -1 with *error. */
int report_html(const json_t *report, FILE *out, char **error);

/* Writes each figure of the page as a file of its own, FOLDER/figure-1.svg and so on, in the order of the page, and how many.
 * 0, or -1 with *error. */
int report_svgs(const json_t *report, const char *folder, size_t *count, char **error);

#endif
