/* Compare: two runs side by side: what differs in their environment and settings, and cell by cell how far
 * their means are apart. */
#ifndef LIQUIDNET_COMPARE_H
#define LIQUIDNET_COMPARE_H

#include "harness/cells/cells.h"
#include <jansson.h>
#include <stdio.h>

struct compared_cell {
	const struct cell *a, *b;
	const char *configuration, *procedure;
	double difference, difference_percent; /* b - a; of a's mean */
	double half_width;                     /* half its 95 % interval (Welch), per cent; NAN: no spread */
	struct stats_test test;
	double hedges_g;
	enum judgement judgement; /* of b beside a */
	char why[520];            /* why they are not comparable, or nothing is judged; else "" */
};

struct compared {
	const struct cells *a, *b;
	const char *folder_a, *folder_b;
	struct compared_cell *cells; /* those that both have, in a's order */
	size_t count;
	size_t only_a, only_b; /* cells that the other run does not have */
	char **differences;    /* "KEY: A -> B" */
	size_t differences_count;
};

/* -1 with *error: two runs that measure different things, in different networks, or without a common cell.
 * compared_free is due either way. */
int compare_runs(struct compared *compared, const struct cells *a, const char *folder_a,
	const struct cells *b, const char *folder_b, char **error);
void compared_free(struct compared *compared);

/* Tables for a terminal; a page of its own; every measure that both have, a line each and cell, as CSV. 0, or
 * -1: out of memory. */
int compare_print(const struct compared *compared, FILE *out, bool color);
int compare_html(const struct compared *compared, FILE *out);
int compare_csv(const struct compared *compared, FILE *out);

/* How far b's mean is from a's; NAN: not known. */
struct contrast {
	double difference, half_width; /* half of its 95 % interval (Welch); in the unit */
	struct stats_test test;
	double hedges_g;
	enum judgement judgement;
};
struct contrast compare_contrast(const struct stats *a, const struct stats *b);

#endif
