/* Compare, as CSV: a line for each cell that both runs have and each measure that both took. */
#include "harness/report/compare.h"
#include "harness/report/csv.h"
#include <math.h>
#include <string.h>

/* The measure of that name and unit; -1: there is none. */
static int find_measure(const struct experiment *e, const struct measure *like)
{
	for (size_t m = 0; m < e->measures_count; m++)
		if (!strcmp(e->measures[m].name, like->name) && !strcmp(e->measures[m].unit, like->unit))
			return (int)m;
	return -1;
}

static void put_side(FILE *out, const struct stats *stats, const struct cell *cell)
{
	fprintf(out, ",%zu", stats->n);
	csv_number(out, stats->mean);
	csv_number(out, stats->sd);
	fprintf(out, ",%zu,%zu,%zu", cell->suspect, cell->invalid, cell->failed);
}

static int put_line(
	const struct compared *c, const struct compared_cell *cell, size_t in_a, size_t in_b, FILE *out)
{
	const struct measure *measure = &c->a->experiment->measures[in_a];
	struct stats a, b;

	if (cells_describe(c->a, cell->a, in_a, &a) < 0 || cells_describe(c->b, cell->b, in_b, &b) < 0)
		return -1;
	struct contrast contrast = compare_contrast(&a, &b);
	bool comparable = cell->judgement != JUDGED_INCOMPARABLE;
	csv_text(out, cell->configuration);
	fputc(',', out);
	csv_text(out, cell->procedure);
	fputc(',', out);
	csv_text(out, measure->name);
	fputc(',', out);
	csv_text(out, measure->unit);
	put_side(out, &a, cell->a);
	put_side(out, &b, cell->b);
	csv_number(out, contrast.difference);
	csv_number(out, a.mean != 0 ? 100 * contrast.difference / a.mean : NAN);
	csv_number(out, contrast.half_width);
	csv_number(out, contrast.test.p);
	csv_number(out, contrast.hedges_g);
	fprintf(out, ",%s,", judgement_name(comparable ? contrast.judgement : JUDGED_INCOMPARABLE));
	csv_text(out, cell->why);
	fputc('\n', out);
	return 0;
}

int compare_csv(const struct compared *c, FILE *out)
{
	const struct experiment *a = c->a->experiment, *b = c->b->experiment;

	fputs("configuration,procedure,measure,unit,n_a,mean_a,sd_a,suspect_a,invalid_a,failed_a,n_b,mean_b,sd_b,suspect_b,invalid_b,failed_b,difference,difference_percent,half_width,welch_p,hedges_g,judgement,why\n",
		out);
	for (size_t i = 0; i < c->count; i++)
		for (size_t m = 0; m < a->measures_count; m++) {
			int in_b = find_measure(b, &a->measures[m]);
			if (in_b >= 0 && put_line(c, &c->cells[i], m, (size_t)in_b, out) < 0)
				return -1;
		}
	return 0;
}
