/* Compare, its forms: tables for a terminal, CSV, and a page. */
#include "harness/cells/distribution.h"
#include "harness/page/table.h"
#include "harness/page/text.h"
#include "harness/report/compare.h"
#include "harness/report/pages.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 6 };

/* "higher", with what that means where less is better, or why there is no judgement. */
static const char *word(const struct compared *c, const struct compared_cell *cell, char text[560])
{
	const char *means = judgement_meaning(cell->judgement, cells_primary(c->a));

	if (cell->judgement == JUDGED_INCOMPARABLE)
		snprintf(text, 560, "not comparable: %s", cell->why);
	else if (!cell->a->stats.n || !cell->b->stats.n)
		snprintf(text, 560, "not there (below)");
	else
		snprintf(text, 560, "%s%s%s", cell->judgement ? judgement_name(cell->judgement) : "-",
			*means ? ", " : "", means);
	return text;
}

/* What is said of each cell of which a run has no number. */
static json_t *empty_cells(const struct compared *c)
{
	json_t *list = json_array();
	char text[768];

	for (size_t i = 0; i < c->count; i++) {
		const struct compared_cell *cell = &c->cells[i];
		if (cell->a->stats.n && cell->b->stats.n)
			continue;
		snprintf(text, sizeof text, "%s, %s: %s", cell->configuration, cell->procedure, cell->why);
		json_array_append_new(list, text_json(text));
	}
	return list;
}

static void print_empty(const struct compared *c, FILE *out)
{
	json_t *list = empty_cells(c), *one;
	size_t i;

	json_array_foreach(list, i, one)
		table_text(out, "  ", json_string_value(one));
	json_decref(list);
}

/* Of a design: the procedures that both runs have, point by point: [{procedure, n, difference, p, worse, better}]. */
static json_t *design_pairs(const struct compared *c)
{
	const struct experiment *a = c->a->experiment, *b = c->b->experiment;
	struct pool *pool = pool_new();
	json_t *list = json_array();

	for (size_t p = 0; a->points_count && b->points_count && p < a->procedures_count; p++)
		for (size_t q = 0; q < b->procedures_count; q++) {
			if (strcmp(a->procedures[p].name, b->procedures[q].name))
				continue;
			struct distribution of_a = distribution_of(pool, c->a, p, NULL),
					    of_b = distribution_of(pool, c->b, q, NULL);
			struct distribution_pairs pairs = distribution_compare(pool, &of_a, &of_b);
			if (!pairs.n)
				continue;
			json_t *one = json_object();
			json_object_set_new(one, "procedure", text_json(a->procedures[p].name));
			json_object_set_new(one, "n", json_integer((json_int_t)pairs.n));
			json_object_set_new(one, "difference", text_json_number(pairs.difference));
			json_object_set_new(one, "p", text_json_number(pairs.p));
			json_object_set_new(one, "worse", json_integer((json_int_t)pairs.worse));
			json_object_set_new(one, "better", json_integer((json_int_t)pairs.better));
			json_array_append_new(list, one);
		}
	pool_free(pool);
	return list;
}

static double number_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

static int print_pairs(const struct compared *c, FILE *out, bool color)
{
	static const char *const heads[] = {"points", "median B - A", "p", "worse", "better"};
	json_t *list = design_pairs(c), *one;
	struct table *table = table_new();
	int result = 0;
	size_t i;

	table_column(table, "point by point", false, false);
	for (i = 0; i < sizeof heads / sizeof *heads; i++)
		table_column(table, heads[i], true, false);
	json_array_foreach(list, i, one) {
		double p = number_at(one, "p");
		table_row(table);
		table_cell(table, "%s", json_string_value(json_object_get(one, "procedure")));
		table_number(table, number_at(one, "n"), 0, false);
		table_number(table, number_at(one, "difference"), 4, true);
		if (p < 0.001)
			table_cell(table, "< 0.001");
		else
			table_number(table, p, 3, false);
		table_number(table, number_at(one, "worse"), 0, false);
		table_number(table, number_at(one, "better"), 0, false);
	}
	if (json_array_size(list)) {
		result = table_print(table, out, color);
		table_text(out, "  ",
			"p: Wilcoxon's signed-rank test over the points; worse, better: points that differ by more than 0.1. --csv has every point");
	}
	table_free(table);
	json_decref(list);
	return result;
}

static void put(FILE *out, const char *before, const char *text)
{
	char *plain = text_plain(text);

	fprintf(out, "%s%s", before, plain ? plain : "");
	free(plain);
}

int compare_print(const struct compared *c, FILE *out, bool color)
{
	struct table *table = table_new();
	int decimals = cells_decimals(c->a, c->a->experiment->primary);
	const char *last = NULL;

	put(out, "\nA: ", c->folder_a);
	put(out, "\nB: ", c->folder_b);
	put(out, "\n\n", cells_primary(c->a)->name);
	put(out, ", ", unit_text(cells_primary(c->a)->unit));
	fputs(cells_primary(c->a)->less ? " (less is better)\n" : "\n", out);
	static const char *const heads[] = {"n", "A", "n", "B", "B - A", "%", "+- %", "p", "g"};
	table_column(table, "procedure", false, false);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		table_column(table, heads[i], true, false);
	table_column(table, "B is", false, false);
	for (size_t i = 0; i < c->count; i++) {
		const struct compared_cell *cell = &c->cells[i];
		char text[560];
		if (cell->a->configuration < c->a->experiment->points_count)
			continue; /* a point of a design, which has too many for a line each */
		if (!last || strcmp(last, cell->configuration))
			table_group(table, last = cell->configuration);
		table_row(table);
		table_cell(table, "  %s", cell->procedure);
		table_cell(table, "%zu", cell->a->stats.n);
		table_number(table, cell->a->stats.mean, decimals, false);
		table_cell(table, "%zu", cell->b->stats.n);
		table_number(table, cell->b->stats.mean, decimals, false);
		table_number(table, cell->difference, decimals, true);
		table_number(table, cell->difference_percent, 2, true);
		table_number(table, cell->half_width, 2, false);
		if (cell->test.p < 0.001)
			table_cell(table, "< 0.001");
		else
			table_number(table, cell->test.p, 3, false);
		table_number(table, cell->hedges_g, 1, true);
		table_cell(table, "%s", word(c, cell, text));
	}
	int result = print_pairs(c, out, color);
	if (result >= 0 && last)
		result = table_print(table, out, color);
	table_free(table);
	print_empty(c, out);
	if (c->only_a || c->only_b)
		fprintf(out, "  %zu cells are only in A, %zu only in B\n", c->only_a, c->only_b);
	if (last)
		table_text(out, "  ",
			"+-: half the 95 % interval of the difference (Welch); p: two-sided; g: Hedges' effect size; same: not distinguishable at 95 %");
	fprintf(out,
		c->differences_count ? "\n%zu differences of environment, options and settings (A -> B)\n"
				     : "\nEnvironment, options and settings are the same\n",
		c->differences_count);
	for (size_t i = 0; i < c->differences_count; i++)
		table_text(out, "  ", c->differences[i] ? c->differences[i] : "?");
	return result < 0 ? -1 : 0;
}

/* ---- the page */

static json_t *row_of(const struct compared *c, const struct compared_cell *cell)
{
	char text[560];
	json_t *row = json_object();

	json_object_set_new(row, "procedure", text_json(cell->procedure));
	json_object_set_new(row, "n_a", json_integer((json_int_t)cell->a->stats.n));
	json_object_set_new(row, "mean_a", text_json_number(cell->a->stats.mean));
	json_object_set_new(row, "n_b", json_integer((json_int_t)cell->b->stats.n));
	json_object_set_new(row, "mean_b", text_json_number(cell->b->stats.mean));
	json_object_set_new(row, "difference", text_json_number(cell->difference));
	json_object_set_new(row, "difference_percent", text_json_number(cell->difference_percent));
	json_object_set_new(row, "half_width_percent", text_json_number(cell->half_width));
	json_object_set_new(row, "p", text_json_number(cell->test.p));
	json_object_set_new(row, "hedges_g", text_json_number(cell->hedges_g));
	json_object_set_new(row, "judgement", text_json(judgement_name(cell->judgement)));
	json_object_set_new(row, "word", text_json(word(c, cell, text)));
	return row;
}

/* The cells, grouped by configuration as they stand. */
static json_t *groups_of(const struct compared *c)
{
	json_t *groups = json_array(), *rows = NULL;
	const char *last = NULL;

	for (size_t i = 0; i < c->count; i++) {
		const struct compared_cell *cell = &c->cells[i];
		if (!last || strcmp(last, cell->configuration)) {
			json_t *group = json_object();
			rows = json_array();
			json_object_set_new(group, "configuration", text_json(last = cell->configuration));
			json_object_set_new(group, "rows", rows);
			json_array_append_new(groups, group);
		}
		json_array_append_new(rows, row_of(c, cell));
	}
	return groups;
}

int compare_html(const struct compared *c, FILE *out)
{
	const struct measure *measure = cells_primary(c->a);
	json_t *page = json_object(), *of = json_object(), *differences = json_array();

	json_object_set_new(of, "name", text_json(measure->name));
	json_object_set_new(of, "unit", text_json(unit_text(measure->unit)));
	json_object_set_new(of, "less", json_boolean(measure->less));
	json_object_set_new(of, "decimals", json_integer(cells_decimals(c->a, c->a->experiment->primary)));
	for (size_t i = 0; i < c->differences_count; i++)
		json_array_append_new(differences, text_json(c->differences[i] ? c->differences[i] : "?"));
	json_object_set_new(page, "page_title", json_string("Two runs side by side"));
	json_object_set_new(page, "folder_a", text_json(c->folder_a));
	json_object_set_new(page, "folder_b", text_json(c->folder_b));
	json_object_set_new(page, "measure", of);
	json_t *pairs = design_pairs(c);
	json_object_set_new(page, "paired", json_boolean(json_array_size(pairs)));
	json_object_set_new(page, "pairs", pairs);
	json_object_set_new(page, "groups", groups_of(c));
	json_object_set_new(page, "unmatched", json_boolean(c->only_a || c->only_b));
	json_object_set_new(page, "only_a", json_integer((json_int_t)c->only_a));
	json_object_set_new(page, "only_b", json_integer((json_int_t)c->only_b));
	json_object_set_new(page, "empty", empty_cells(c));
	json_object_set_new(page, "differences", differences);
	int result = pages_write("compare", page, out, NULL);
	json_decref(page);
	return result;
}

/* ---- CSV: a line for each cell that both runs have and each measure that both took */

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
	text_csv_number(out, stats->mean, DIGITS);
	text_csv_number(out, stats->sd, DIGITS);
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
	text_csv(out, cell->configuration);
	fputc(',', out);
	text_csv(out, cell->procedure);
	fputc(',', out);
	text_csv(out, measure->name);
	fputc(',', out);
	text_csv(out, measure->unit);
	put_side(out, &a, cell->a);
	put_side(out, &b, cell->b);
	text_csv_number(out, contrast.difference, DIGITS);
	text_csv_number(out, a.mean != 0 ? 100 * contrast.difference / a.mean : NAN, DIGITS);
	text_csv_number(out, contrast.half_width, DIGITS);
	text_csv_number(out, contrast.test.p, DIGITS);
	text_csv_number(out, contrast.hedges_g, DIGITS);
	fprintf(out, ",%s,", judgement_name(comparable ? contrast.judgement : JUDGED_INCOMPARABLE));
	text_csv(out, cell->why);
	fprintf(out, ",%s,%s\n", measure->less ? "less" : "more",
		comparable ? judgement_meaning(contrast.judgement, measure) : "");
	return 0;
}

int compare_csv(const struct compared *c, FILE *out)
{
	const struct experiment *a = c->a->experiment, *b = c->b->experiment;

	fputs("configuration,procedure,measure,unit,n_a,mean_a,sd_a,suspect_a,invalid_a,failed_a,n_b,mean_b,sd_b,suspect_b,invalid_b,failed_b,difference,difference_percent,half_width,welch_p,hedges_g,judgement,why,better,meaning\n",
		out);
	for (size_t i = 0; i < c->count; i++)
		for (size_t m = 0; m < a->measures_count; m++) {
			int in_b = find_measure(b, &a->measures[m]);
			if (in_b >= 0 && put_line(c, &c->cells[i], m, (size_t)in_b, out) < 0)
				return -1;
		}
	return 0;
}
