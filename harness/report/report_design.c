/* Report, its part about a design: the distribution of the points' values, what it goes with, the worst points. */
#include "harness/cells/distribution.h"
#include "harness/report/report_internal.h"
#include <math.h>
#include <string.h>

enum { WORST = 10 };

static json_t *figure(const char *kind, const char *title, const char *description, const char *caption)
{
	json_t *object = json_object();
	put_text(object, "kind", kind);
	put_text(object, "title", title);
	put_text(object, "description", description);
	put_text(object, "caption", caption);
	return object;
}

static const char *name_of(const struct distribution *d)
{
	return d->cells->experiment->procedures[d->procedure].name;
}

static const char *axis_of(struct pool *pool, const struct cells *cells)
{
	const char *unit = unit_text(cells_primary(cells)->unit);
	return strcmp(unit, "1") == 0 ? cells_primary(cells)->name
				      : pool_printf(pool, "%s, %s", cells_primary(cells)->name, unit);
}

static json_t *cdf(struct pool *pool, const struct distribution *items, size_t count)
{
	json_t *curves = json_array(),
	       *object = figure("cdf", "Distribution over the points of the design",
		       "The share of the points at most a value, a curve per procedure. The table has percentiles.",
		       "The share of the points that have at most a value");
	for (size_t i = 0; i < count; i++) {
		json_t *curve = json_object(), *points = json_array();
		for (size_t k = 0; k < items[i].n; k++)
			json_array_append_new(
				points, json_pack("[f, f, n, n]", (double)(k + 1) / (double)items[i].n,
						items[i].values[k]));
		put_text(curve, "name", name_of(&items[i]));
		put(curve, "points", points);
		json_array_append_new(curves, curve);
	}
	put_text(object, "axis", axis_of(pool, items[0].cells));
	put_text(object, "part", "part of the points");
	put(object, "log", json_false());
	put(object, "curves", curves);
	return object;
}

static json_t *boxes(struct pool *pool, const struct distribution *items, size_t count)
{
	json_t *rows = json_array(),
	       *object = figure("boxes", "Percentiles over the points of the design",
		       "Box plots: median, quartiles, whiskers from the 5th to the 95th percentile. The numbers are in the table.",
		       "Box: the middle half of the points; whiskers: 5th to 95th percentile");
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object(), *values = json_array();
		for (size_t k = 0; k < items[i].n; k++)
			json_array_append_new(values, json_real(items[i].values[k]));
		put_text(row, "name", name_of(&items[i]));
		put_number(row, "low", items[i].quantiles[0]);
		put_number(row, "q1", items[i].quantiles[1]);
		put_number(row, "median", items[i].quantiles[2]);
		put_number(row, "q3", items[i].quantiles[3]);
		put_number(row, "high", items[i].quantiles[4]);
		put(row, "values", values);
		json_array_append_new(rows, row);
	}
	put_text(object, "axis", axis_of(pool, items[0].cells));
	put(object, "rows", rows);
	return object;
}

static json_t *scatter(struct pool *pool, const struct distribution *items, size_t count, size_t factor)
{
	const struct experiment *e = items[0].cells->experiment;
	const struct design_factor *f = &e->design_factors[factor];
	json_t *series = json_array(),
	       *object = figure("scatter", pool_printf(pool, "Each point's value over %s", f->name),
		       "A dot per point and procedure. summary.csv has the numbers.", f->name);
	for (size_t i = 0; i < count; i++) {
		json_t *one = json_object(), *points = json_array();
		for (size_t k = 0; k < items[i].n; k++)
			json_array_append_new(
				points, json_pack("[f, f]", e->points[items[i].points[k]].values[factor],
						items[i].values[k]));
		put_text(one, "name", name_of(&items[i]));
		put(one, "points", points);
		json_array_append_new(series, one);
	}
	put_text(object, "axis", *f->unit ? pool_printf(pool, "%s, %s", f->name, f->unit) : f->name);
	put_text(object, "axis_y", axis_of(pool, items[0].cells));
	put(object, "series", series);
	return object;
}

static json_t *rows(struct pool *pool, const struct distribution *items, size_t count)
{
	const struct experiment *e = items[0].cells->experiment;
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object(), *quantiles = json_array(), *below = json_array(),
		       *correlations = json_array();
		struct distribution_pairs pairs = distribution_compare(pool, &items[0], &items[i]);
		for (size_t q = 0; q < DISTRIBUTION_QUANTILES; q++)
			json_array_append_new(quantiles, text_json_number(items[i].quantiles[q]));
		for (size_t m = 0; m < e->design_marks_count; m++)
			json_array_append_new(below,
				text_json_number(100 * distribution_below(&items[i], e->design_marks[m])));
		for (size_t f = 0; f < e->design_factors_count; f++)
			json_array_append_new(
				correlations, text_json_number(distribution_correlation(&items[i], f)));
		put_text(row, "procedure", name_of(&items[i]));
		put_count(row, "points", items[i].n);
		put(row, "quantiles", quantiles);
		put(row, "below", below);
		put(row, "correlations", correlations);
		put_count(row, "pairs", i ? pairs.n : 0);
		put_number(row, "difference", i ? pairs.difference : NAN);
		put_number(row, "p", i ? pairs.p : NAN);
		put_count(row, "worse", pairs.worse);
		put_count(row, "better", pairs.better);
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *worst(struct pool *pool, const struct distribution *items, size_t count)
{
	const struct experiment *e = items[0].cells->experiment;
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *one = json_object(), *points = json_array();
		for (size_t k = 0; k < items[i].n && k < WORST; k++) {
			size_t at = distribution_worst(&items[i], k);
			const struct configuration *c = &e->configurations[at];
			json_t *point = json_object();
			put_text(point, "point", c->name);
			put_number(point, "value",
				items[i].values[cells_primary(items[i].cells)->less ? items[i].n - 1 - k
										    : k]);
			put_text(point, "settings", c->title);
			put_text(point, "again", distribution_again(pool, &items[i], at));
			json_array_append_new(points, point);
		}
		put_text(one, "procedure", name_of(&items[i]));
		put(one, "list", points);
		json_array_append_new(list, one);
	}
	return list;
}

/* A row per design, where there are several. */
static json_t *designs(struct pool *pool, const struct distribution *items, size_t count)
{
	const struct experiment *e = items[0].cells->experiment;
	json_t *list = json_array();
	bool several = e->designs && e->designs[0] && e->designs[1];
	for (size_t i = 0; several && i < count; i++)
		for (size_t k = 0; k < e->points_count; k++) {
			const char *name = e->points[k].design;
			if (k && strcmp(name, e->points[k - 1].design) == 0)
				continue;
			struct distribution d =
				distribution_of(pool, items[i].cells, items[i].procedure, name);
			json_t *row = json_object(), *quantiles = json_array();
			for (size_t q = 0; q < DISTRIBUTION_QUANTILES; q++)
				json_array_append_new(quantiles, text_json_number(d.quantiles[q]));
			put_text(row, "procedure", name_of(&d));
			put_text(row, "design", name);
			put_count(row, "points", d.n);
			put(row, "quantiles", quantiles);
			json_array_append_new(list, row);
		}
	return list;
}

static json_t *names_of(const struct experiment *e)
{
	json_t *list = json_array();
	for (size_t f = 0; f < e->design_factors_count; f++)
		json_array_append_new(list, text_json(e->design_factors[f].name));
	return list;
}

static json_t *marks_of(const struct experiment *e)
{
	json_t *list = json_array();
	for (size_t m = 0; m < e->design_marks_count; m++)
		json_array_append_new(list, json_real(e->design_marks[m]));
	return list;
}

static json_t *design(struct pool *pool, const struct distribution *items, size_t count)
{
	const struct experiment *e = items[0].cells->experiment;
	json_t *object = json_object(), *figures = json_array(), *small = json_array(), *parts = json_array();
	for (size_t q = 0; q < DISTRIBUTION_QUANTILES; q++)
		json_array_append_new(parts, json_real(100 * distribution_parts[q]));
	json_array_append_new(figures, cdf(pool, items, count));
	json_array_append_new(figures, boxes(pool, items, count));
	for (size_t f = 0; f < e->design_factors_count; f++)
		json_array_append_new(small, scatter(pool, items, count, f));
	put(object, "measure",
		report_measure(items[0].cells, e->primary, cells_decimals(items[0].cells, e->primary)));
	put(object, "parts", parts);
	put(object, "marks", marks_of(e));
	put(object, "factors", names_of(e));
	put_text(object, "first", name_of(&items[0]));
	put_number(object, "margin", DISTRIBUTION_WORSE);
	put(object, "paired", json_boolean(count > 1));
	put(object, "rows", rows(pool, items, count));
	put(object, "figures", figures);
	put(object, "scatter", json_pack("{s:o}", "figures", small));
	put(object, "worst", worst(pool, items, count));
	put(object, "designs", designs(pool, items, count));
	return object;
}

void report_design(json_t *report, const struct cells *cells)
{
	const struct experiment *e = cells->experiment;
	struct pool *pool = pool_new();
	struct distribution *items = pool_alloc(pool, e->procedures_count, sizeof *items);
	size_t count = 0;
	for (size_t p = 0; e->points_count && p < e->procedures_count; p++) {
		items[count] = distribution_of(pool, cells, p, NULL);
		count += items[count].n > 0;
	}
	put(report, "design", count ? design(pool, items, count) : json_null());
	pool_free(pool);
}
