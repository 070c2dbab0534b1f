/* The parts of a scorecard, and what they have alike. */
#ifndef LIQUIDNET_SCORECARD_PARTS_H
#define LIQUIDNET_SCORECARD_PARTS_H

#include "harness/cells/cells.h"
#include "harness/page/table.h"
#include <stdbool.h>
#include <stdio.h>

/* A page: where it goes, and how. */
struct page {
	const struct cells *cells;
	FILE *out;
	bool markdown, color;
};

void scorecard_heading(const struct page *page, const char *text);
void scorecard_note(const struct page *page, const char *text);
/* Prints a table, and what had to be left out of it. Takes the table over. 0, or -1: out of memory. */
int scorecard_show(const struct page *page, struct table *table);
/* The line above the rows of a configuration, where there is more than one. */
void scorecard_group(const struct page *page, struct table *table, size_t configuration);
/* The name of a row, indented below its configuration. */
void scorecard_name(const struct page *page, struct table *table, const char *name);

/* Published values: whether there are any, and from more than one file: each is then marked by a letter. */
bool scorecard_any_published(const struct cells *cells);
bool scorecard_many_sources(const struct cells *cells);
char scorecard_letter(int source);
void scorecard_source(const struct page *page, const char *mark, int source);

/* scorecard_parts.c: the tables after the first; each writes nothing where there is nothing to say. 0, or -1: out of
 * memory. */
int scorecard_quantiles(const struct page *page);
int scorecard_comparisons(const struct page *page);
int scorecard_subflows(const struct page *page);
/* scorecard_pairs.c: likewise. */
int scorecard_pairs(const struct page *page);
/* scorecard_design.c: the tables of a design, which has too many points for one line each; likewise. */
int scorecard_design(const struct page *page);
void scorecard_remarks(const struct page *page);

#endif
