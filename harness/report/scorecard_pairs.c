/* Scorecard, the table of pairs: what two procedures had in the same blocks. */
#include "harness/record/pairs.h"
#include "harness/report/scorecard_internal.h"
#include <math.h>
#include <stdlib.h>

#define SEED 2017 /* of the bootstrap */

/* The value that counts of a cell's repeat; NAN: none. */
static double value_of(const struct cells *cells, const struct cell *cell, int64_t repeat)
{
	for (size_t i = 0; i < cell->records_count; i++) {
		const struct record *r = &cells->records.items[cell->first + i];
		if (r->repeat == repeat && r->last && r->status <= TRIAL_SUSPECT)
			return r->measures[cells->experiment->primary];
	}
	return NAN;
}

/* -1: out of memory. */
static int compare(
	const struct cells *cells, size_t configuration, const struct procedure_pair *pair, struct pairs *out)
{
	const struct cell *row = cells->cells + configuration * cells->experiment->procedures_count;
	const struct cell *of = &row[pair->of], *against = &row[pair->against];
	double *one = calloc(of->records_count + 1, sizeof *one),
	       *other = calloc(of->records_count + 1, sizeof *other);
	size_t n = 0;
	for (size_t i = 0; one && other && i < of->records_count; i++) {
		const struct record *r = &cells->records.items[of->first + i];
		if (!r->last || r->status > TRIAL_SUSPECT)
			continue;
		one[n] = r->measures[cells->experiment->primary];
		other[n] = value_of(cells, against, r->repeat);
		n += !isnan(one[n]) && !isnan(other[n]);
	}
	int result = one && other ? pairs_compare(one, other, n, SEED, out) : -1;
	free(one);
	free(other);
	return result;
}

static bool both_shown(const struct cells *cells, size_t configuration, const struct procedure_pair *pair)
{
	const struct cell *row = cells->cells + configuration * cells->experiment->procedures_count;
	return row[pair->of].shown && row[pair->against].shown;
}

static void pair_row(const struct page *page, struct table *table, const struct procedure_pair *pair,
	const struct pairs *pairs)
{
	const struct experiment *e = page->cells->experiment;
	char name[160];
	snprintf(name, sizeof name, "%s / %s", e->procedures[pair->of].name,
		e->procedures[pair->against].name);
	table_row(table);
	scorecard_name(page, table, name);
	table_cell(table, "%zu", pairs->n);
	table_number(table, pairs->ratio, 3, false);
	if (isnan(pairs->low))
		table_cell(table, "%s", "-");
	else
		table_cell(table, "%.3f..%.3f", pairs->low, pairs->high);
	table_number(table, pairs->median, cells_decimals(page->cells, e->primary), true);
	table_cell(table, "%zu of %zu", pairs->more, pairs->more + pairs->less);
	table_number(table, pairs->p, 3, false);
}

int scorecard_pairs(const struct page *page)
{
	const struct experiment *e = page->cells->experiment;
	size_t shown = 0;
	for (size_t c = 0; c < e->configurations_count; c++)
		for (size_t i = 0; i < e->pairs_count; i++)
			shown += both_shown(page->cells, c, &e->pairs[i]);
	if (!shown)
		return 0;
	fputc('\n', page->out);
	scorecard_heading(page, "pairs, within blocks");
	struct table *table = table_new();
	table_column(table, "pair", false, false);
	table_column(table, "blocks", true, false);
	table_column(table, "ratio", true, false);
	table_column(table, "95 %", true, false);
	table_column(table, "median diff", true, false);
	table_column(table, "more in", true, false);
	table_column(table, "p", true, false);
	for (size_t c = 0; c < e->configurations_count; c++) {
		scorecard_group(page, table, c);
		for (size_t i = 0; i < e->pairs_count; i++) {
			struct pairs pairs;
			if (both_shown(page->cells, c, &e->pairs[i]) &&
				compare(page->cells, c, &e->pairs[i], &pairs) == 0)
				pair_row(page, table, &e->pairs[i], &pairs);
		}
	}
	if (scorecard_show(page, table) < 0)
		return -1;
	scorecard_note(page,
		"ratio is of the means, its interval a bootstrap of whole blocks; p is the sign test's, two-sided");
	return 0;
}
