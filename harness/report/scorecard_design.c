/* Scorecard, its tables of a design: how the points are distributed, which are the worst, and what goes with it. */
#include "harness/cells/distribution.h"
#include "harness/report/scorecard_internal.h"
#include <math.h>
#include <string.h>

enum { WORST = 10 };

static const char *procedure_name(const struct distribution *d)
{
	return d->cells->experiment->procedures[d->procedure].name;
}

static void put_p(struct table *table, double p)
{
	if (p < 0.001)
		table_cell(table, "< 0.001");
	else
		table_number(table, p, 3, false);
}

static int quantiles(const struct page *page, const struct distribution *items, size_t count)
{
	const struct experiment *e = page->cells->experiment;
	struct table *table = table_new();
	int decimals = cells_decimals(page->cells, e->primary);
	table_column(table, "procedure", false, false);
	table_column(table, "points", true, false);
	for (size_t i = 0; i < DISTRIBUTION_QUANTILES; i++) {
		char name[16];
		snprintf(name, sizeof name, "%g %%", distribution_parts[i] * 100);
		table_column(table, name, true, false);
	}
	for (size_t m = 0; m < e->design_marks_count; m++) {
		char name[32];
		snprintf(name, sizeof name, "below %g", e->design_marks[m]);
		table_column(table, name, true, false);
	}
	for (size_t i = 0; i < count; i++) {
		table_row(table);
		table_cell(table, "%s", procedure_name(&items[i]));
		table_cell(table, "%zu", items[i].n);
		for (size_t q = 0; q < DISTRIBUTION_QUANTILES; q++)
			table_number(table, items[i].quantiles[q], decimals, false);
		for (size_t m = 0; m < e->design_marks_count; m++)
			table_cell(table, "%.1f %%", 100 * distribution_below(&items[i], e->design_marks[m]));
	}
	return scorecard_show(page, table);
}

/* Every procedure beside the first, point by point. */
static int pairs(const struct page *page, struct pool *pool, const struct distribution *items, size_t count)
{
	char text[128];
	if (count < 2)
		return 0;
	snprintf(text, sizeof text, "Point by point, beside %s", procedure_name(&items[0]));
	scorecard_heading(page, text);
	struct table *table = table_new();
	static const char *const heads[] = {"points", "median difference", "p", "worse", "better"};
	table_column(table, "procedure", false, false);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		table_column(table, heads[i], true, false);
	for (size_t i = 1; i < count; i++) {
		struct distribution_pairs p = distribution_compare(pool, &items[0], &items[i]);
		table_row(table);
		table_cell(table, "%s", procedure_name(&items[i]));
		table_cell(table, "%zu", p.n);
		table_number(table, p.difference, 4, true);
		put_p(table, p.p);
		table_cell(table, "%zu", p.worse);
		table_cell(table, "%zu", p.better);
	}
	if (scorecard_show(page, table) < 0)
		return -1;
	snprintf(text, sizeof text,
		"p: Wilcoxon's signed-rank test; worse, better: points that differ by more than %g",
		DISTRIBUTION_WORSE);
	scorecard_note(page, text);
	return 0;
}

static int correlations(const struct page *page, const struct distribution *items, size_t count)
{
	const struct experiment *e = page->cells->experiment;
	struct table *table = table_new();
	scorecard_heading(page, "Rank correlation with each factor (Spearman)");
	table_column(table, "procedure", false, false);
	for (size_t f = 0; f < e->design_factors_count; f++)
		table_column(table, e->design_factors[f].name, true, false);
	for (size_t i = 0; i < count; i++) {
		table_row(table);
		table_cell(table, "%s", procedure_name(&items[i]));
		for (size_t f = 0; f < e->design_factors_count; f++)
			table_number(table, distribution_correlation(&items[i], f), 2, true);
	}
	return scorecard_show(page, table);
}

static void worst(const struct page *page, struct pool *pool, const struct distribution *d)
{
	const struct experiment *e = page->cells->experiment;
	char text[512];
	snprintf(text, sizeof text, "The worst points of %s", procedure_name(d));
	scorecard_heading(page, text);
	for (size_t i = 0; i < d->n && i < WORST; i++) {
		const struct configuration *c = &e->configurations[distribution_worst(d, i)];
		size_t place = cells_primary(page->cells)->less ? d->n - 1 - i : i;
		snprintf(text, sizeof text, "%s: %.3f; %s", c->name, d->values[place],
			c->title ? c->title : "");
		scorecard_note(page, text);
	}
	if (d->n) {
		snprintf(text, sizeof text, "again: %s",
			distribution_again(pool, d, distribution_worst(d, 0)));
		scorecard_note(page, text);
	}
}

/* How much each percentile differs from design to design. */
static int sensitivity(const struct page *page, struct pool *pool, size_t procedure)
{
	const struct experiment *e = page->cells->experiment;
	int decimals = cells_decimals(page->cells, e->primary);
	double sum[DISTRIBUTION_QUANTILES] = {0}, squares[DISTRIBUTION_QUANTILES] = {0};
	size_t designs = 0;
	char text[256];
	snprintf(text, sizeof text, "Sensitivity to the design: percentiles of %s",
		e->procedures[procedure].name);
	scorecard_heading(page, text);
	struct table *table = table_new();
	table_column(table, "design", false, false);
	table_column(table, "points", true, false);
	for (size_t i = 0; i < DISTRIBUTION_QUANTILES; i++) {
		char name[16];
		snprintf(name, sizeof name, "%g %%", distribution_parts[i] * 100);
		table_column(table, name, true, false);
	}
	for (size_t i = 0; i < e->points_count; i++) {
		const char *name = e->points[i].design;
		if (i && strcmp(name, e->points[i - 1].design) == 0)
			continue;
		struct distribution d = distribution_of(pool, page->cells, procedure, name);
		if (!d.n)
			continue;
		designs++;
		table_row(table);
		table_cell(table, "%s", name);
		table_cell(table, "%zu", d.n);
		for (size_t q = 0; q < DISTRIBUTION_QUANTILES; q++) {
			table_number(table, d.quantiles[q], decimals, false);
			sum[q] += d.quantiles[q];
			squares[q] += d.quantiles[q] * d.quantiles[q];
		}
	}
	if (designs > 1) {
		double n = (double)designs;
		table_row(table);
		table_cell(table, "standard deviation");
		table_cell(table, " ");
		for (size_t q = 0; q < DISTRIBUTION_QUANTILES; q++)
			table_number(
				table, sqrt(fmax(squares[q] - sum[q] * sum[q] / n, 0) / (n - 1)), 4, false);
	}
	return scorecard_show(page, table);
}

static int everything(const struct page *page, struct pool *pool)
{
	const struct experiment *e = page->cells->experiment;
	struct distribution *items = pool_alloc(pool, e->procedures_count, sizeof *items);
	size_t count = 0;
	char text[256];
	for (size_t p = 0; p < e->procedures_count; p++) {
		items[count] = distribution_of(pool, page->cells, p, NULL);
		count += items[count].n > 0;
	}
	if (!count)
		return 0;
	snprintf(text, sizeof text, "%s, %s: percentiles over the points of the design",
		cells_primary(page->cells)->name, unit_text(cells_primary(page->cells)->unit));
	scorecard_heading(page, text);
	if (quantiles(page, items, count) < 0 || pairs(page, pool, items, count) < 0 ||
		correlations(page, items, count) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		worst(page, pool, &items[i]);
		if (e->designs && e->designs[0] && e->designs[1] &&
			sensitivity(page, pool, items[i].procedure) < 0)
			return -1;
	}
	return 0;
}

int scorecard_design(const struct page *page)
{
	if (!page->cells->experiment->points_count)
		return 0;
	struct pool *pool = pool_new();
	int result = everything(page, pool);
	pool_free(pool);
	return result;
}
