/* Report: the cells of a run as one page (HTML with its figures inside) that needs nothing else: no network,
 * no script, no font. */
#ifndef LIQUIDNET_REPORT_H
#define LIQUIDNET_REPORT_H

#include "harness/report/cells.h"
#include <stdio.h>

/* Writes the page. What the folder lacks (a provenance, series of subflows) is left out; where gnuplot cannot
 * draw, a sentence stands in for the figures. 0, or -1: out of memory. */
int report_html(const struct cells *cells, FILE *out);

#endif
