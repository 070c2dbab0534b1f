/* The parts of a report: each writes its section of the page, or nothing when there is nothing to say. */
#ifndef LIQUIDNET_REPORT_PARTS_H
#define LIQUIDNET_REPORT_PARTS_H

#include "harness/report/cells.h"
#include "harness/report/figures.h"
#include <jansson.h>
#include <stdio.h>

struct report {
	const struct cells *cells;
	json_t *provenance; /* NULL: the folder has none */
	FILE *out;
	struct figures *figures;
	char *fault; /* why there are no figures, or NULL */
	/* Indices of figures: by configuration, by cell, and as the overheads are shown. */
	size_t *boxes, *differences, *series, *overheads, overheads_count;
	bool overheads_by_comparison;
};

/* Page elements. */
void report_open(FILE *out, const char *title);                       /* up to <body>, with the style sheet */
void report_number(FILE *out, double value, int decimals, bool sign); /* an en dash for NAN */
void report_figure(const struct report *report, size_t index, const char *caption); /* NULL: none */
void report_table(FILE *out, const char *class, const char *caption); /* in a box that scrolls; NULL: none */
void report_table_end(FILE *out);
void report_marks(const struct report *report, uint64_t notes); /* links to notes */

/* report_tables.c: what was measured, beside what was published. */
void report_overheads(const struct report *report);
void report_matrix(const struct report *report);
void report_shares(const struct report *report);
/* report_about.c: where the numbers come from, and how to make them again. */
void report_about(const struct report *report);

#endif
