/* Scorecard: the cells as tables for people, on a terminal or in Markdown. */
#ifndef LIQUIDNET_SCORECARD_H
#define LIQUIDNET_SCORECARD_H

#include "harness/cells/cells.h"
#include <stdio.h>

/* Prints the three tables (results, comparisons, bytes a subflow) with their footnotes. 0, or -1: out of
 * memory. */
int scorecard_print(const struct cells *cells, FILE *out, bool color);
/* The same as a Markdown file, with intervals, titles, and every remark. */
int scorecard_markdown(const struct cells *cells, FILE *out);

#endif
