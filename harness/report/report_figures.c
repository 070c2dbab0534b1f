/* Report, its figures: what the drawings of the page show, as numbers (drawings.h says which). */
#include "harness/report/report_internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CDF_POINTS = 200, CDF_DRAWS = 1000 /* resamples behind the band */ };

/* Takes title and caption over; a caption of NULL: none. */
static json_t *new_figure(const char *kind, char *title, const char *description, char *caption)
{
	json_t *figure = json_object();

	put_text(figure, "kind", kind);
	put_text(figure, "title", title ? title : "");
	put_text(figure, "description", description);
	put_text(figure, "caption", caption);
	free(title);
	free(caption);
	return figure;
}

/* A text to be taken over by new_figure. */
__attribute__((format(printf, 1, 2))) static char *words(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return length < 0 ? NULL : text;
}

/* Keeps a figure that has rows; takes it over. */
static void add_figure(json_t *figures, json_t *figure, const char *rows)
{
	if (json_array_size(json_object_get(figure, rows)))
		json_array_append(figures, figure);
	json_decref(figure);
}

/* ---- box plots of the main measure */

static json_t *box_row(const struct cells *cells, const struct cell *cell)
{
	const struct stats *s = &cell->stats;
	double reach = 1.5 * (s->q3 - s->q1), low = s->q1, high = s->q3;
	size_t n;
	double *values = cells_values(cells, cell, cells->experiment->primary, &n);
	json_t *row = json_object(), *list = json_array();

	stats_sort(values, n);
	for (size_t i = 0; i < n; i++) {
		if (values[i] >= s->q1 - reach && values[i] <= s->q3 + reach) {
			low = fmin(low, values[i]);
			high = fmax(high, values[i]);
		}
		json_array_append_new(list, text_json_number(values[i]));
	}
	free(values);
	put_text(row, "name", cells->experiment->procedures[cell->procedure].name);
	put_number(row, "median", s->median);
	put_number(row, "q1", s->q1);
	put_number(row, "q3", s->q3);
	put_number(row, "low", low);
	put_number(row, "high", high);
	put(row, "values", list);
	put_number(row, "published", cell->published);
	put_number(row, "published_sd", cell->published_sd);
	return row;
}

static json_t *boxes(const struct cells *cells, size_t configuration)
{
	const struct experiment *e = cells->experiment;
	const struct configuration *c = &e->configurations[configuration];
	json_t *rows = json_array(),
	       *figure = new_figure("boxes",
		       words("%s of each procedure, %s", cells_primary(cells)->name, c->name),
		       "Box plots: median, quartiles, whiskers to 1.5 interquartile ranges; the diamond is the published mean. The numbers are in the table.",
		       words("%s%s%s", c->name, c->title ? ": " : "", c->title ? c->title : ""));

	for (size_t p = 0; p < e->procedures_count; p++) {
		const struct cell *cell = &cells->cells[configuration * e->procedures_count + p];
		if (cell->shown && (cell->stats.n || !isnan(cell->published)))
			json_array_append_new(rows, box_row(cells, cell));
	}
	put_text(figure, "axis", unit_text(cells_primary(cells)->unit));
	put(figure, "rows", rows);
	return figure;
}

/* ---- intervals */

static json_t *interval_row(const char *name, double value, double half_width, double published)
{
	json_t *row = json_object();

	put_text(row, "name", name);
	put_number(row, "value", value);
	put_number(row, "low", value - half_width);
	put_number(row, "high", value + half_width);
	put_number(row, "published", published);
	return row;
}

static json_t *differences(const struct cells *cells, size_t configuration)
{
	const struct experiment *e = cells->experiment;
	const char *name = e->configurations[configuration].name;
	json_t *rows = json_array(),
	       *figure = new_figure("intervals", words("Difference from the published mean: %s", name),
		       "Points with 95 % intervals; zero is the published mean. The numbers are in the table.",
		       words("%s: difference from the published mean, with its 95 %% interval", name));

	for (size_t p = 0; p < e->procedures_count; p++) {
		const struct cell *cell = &cells->cells[configuration * e->procedures_count + p];
		if (cell->shown && !isnan(cell->difference_percent))
			json_array_append_new(
				rows, interval_row(e->procedures[p].name, cell->difference_percent,
					      100 * cell->half_width / fabs(cell->published), NAN));
	}
	put_text(figure, "axis", "difference from the published mean, %");
	put_text(figure, "labels", "beside");
	put(figure, "rows", rows);
	return figure;
}

void report_distributions(json_t *report, const struct cells *cells)
{
	json_t *object = json_object(), *figures = json_array();

	/* The points of a design have figures of their own (report_design.c). */
	for (size_t c = cells->experiment->points_count; c < cells->experiment->configurations_count; c++) {
		add_figure(figures, boxes(cells, c), "rows");
		add_figure(figures, differences(cells, c), "rows");
	}
	size_t count = json_array_size(figures);
	put(object, "figures", figures);
	put(report, "distributions", count ? json_incref(object) : json_null());
	json_decref(object);
}

static void add_overhead(json_t *rows, const char *name, const struct overhead *o)
{
	if (!isnan(o->measured) || !isnan(o->published))
		json_array_append_new(rows, interval_row(name, o->measured, o->half_width, o->published));
}

static json_t *overhead_figure(const char *title, char *caption, const char *labels, json_t *rows)
{
	json_t *figure = new_figure("intervals", words("Overhead: %s", title),
		"Points with 95 % intervals are measured, diamonds published; right of zero is a loss. The numbers are in the table.",
		caption);

	put_text(figure, "axis", "overhead, %");
	put_text(figure, "labels", labels);
	put(figure, "rows", rows);
	return figure;
}

static json_t *overheads_of_comparison(const struct cells *cells, const struct comparison *comparison)
{
	const struct experiment *e = cells->experiment;
	json_t *rows = json_array();

	for (size_t c = 0; c < e->configurations_count; c++)
		if (cells_comparable(cells, c, comparison)) {
			struct overhead o = cells_overhead(cells, c, comparison);
			add_overhead(rows, e->configurations[c].name, &o);
		}
	return overhead_figure(comparison->name, words("%s", comparison->name), "beside", rows);
}

static json_t *overheads_of_configuration(const struct cells *cells, size_t configuration)
{
	const struct experiment *e = cells->experiment;
	const char *name = e->configurations[configuration].name;
	json_t *rows = json_array();

	for (size_t i = 0; i < e->comparisons_count; i++)
		if (cells_comparable(cells, configuration, &e->comparisons[i])) {
			struct overhead o = cells_overhead(cells, configuration, &e->comparisons[i]);
			add_overhead(rows, e->comparisons[i].name, &o);
		}
	return overhead_figure(name, e->configurations_count > 1 ? words("%s", name) : NULL, "above", rows);
}

static bool comparable(const struct cells *cells, size_t configuration)
{
	const struct experiment *e = cells->experiment;

	for (size_t i = 0; i < e->comparisons_count; i++)
		if (cells_comparable(cells, configuration, &e->comparisons[i]))
			return true;
	return false;
}

/* Few configurations: a figure each, of all comparisons; else a figure per comparison. */
json_t *report_overhead_figures(const struct cells *cells, bool *by_comparison)
{
	const struct experiment *e = cells->experiment;
	json_t *figures = json_array();
	size_t count = 0;

	for (size_t c = 0; c < e->configurations_count; c++)
		count += comparable(cells, c);
	*by_comparison = count > 2;
	for (size_t i = 0; *by_comparison && i < e->comparisons_count; i++)
		add_figure(figures, overheads_of_comparison(cells, &e->comparisons[i]), "rows");
	for (size_t c = 0; !*by_comparison && c < e->configurations_count; c++)
		add_figure(figures, overheads_of_configuration(cells, c), "rows");
	return figures;
}

/* ---- distributions of samples */

/* The curve is drawn at each of a few samples, else at as many parts of all. */
static json_t *curve_points(
	const struct cells *cells, const struct cell *cell, const struct quantiles *samples)
{
	size_t all, count;
	quantiles_samples(samples, &all);
	count = all < CDF_POINTS ? all : CDF_POINTS;
	struct quantile *points = calloc(count, sizeof *points);
	json_t *list = json_array();

	for (size_t i = 0; points && i < count; i++)
		points[i].p = (double)(i + 1) / (double)count;
	if (points && quantiles_fill(samples, CDF_DRAWS,
			      cells->experiment->seed + (uint64_t)(cell - cells->cells), points, count) == 0)
		for (size_t i = 0; i < count; i++) {
			json_t *point = json_array();
			json_array_append_new(point, text_json_number(points[i].p));
			json_array_append_new(point, text_json_number(points[i].value));
			json_array_append_new(point, text_json_number(points[i].low));
			json_array_append_new(point, text_json_number(points[i].high));
			json_array_append_new(list, point);
		}
	free(points);
	return list;
}

/* Whether values are so far apart that a linear axis would show the largest ones only. */
static bool wants_logarithm(const struct cells *cells, size_t configuration, size_t measure)
{
	size_t procedures = cells->experiment->procedures_count;
	double least = INFINITY, most = 0;

	for (size_t p = 0; p < procedures; p++) {
		const struct cell_samples *samples =
			&cells->cells[configuration * procedures + p].samples[measure];
		size_t count;
		const double *values = quantiles_samples(samples->pooled, &count);
		if (!count)
			continue;
		least = fmin(least, values[0]);
		most = fmax(most, values[count - 1]);
	}
	return least > 0 && most / least > 100;
}

static json_t *distribution(const struct cells *cells, size_t configuration, size_t measure)
{
	const struct experiment *e = cells->experiment;
	const struct measure *m = &e->measures[measure];
	const char *name = e->configurations[configuration].name;
	bool logarithm = wants_logarithm(cells, configuration, measure);
	json_t *curves = json_array(),
	       *figure = new_figure("cdf", words("Distribution of %s, %s", m->name, name),
		       "A curve per procedure: the part of the samples that is at most a value, with the 95 % interval of each quantile as a band. Quantiles are in the table.",
		       words("%s%s%s", m->name, e->configurations_count > 1 ? ", " : "",
			       e->configurations_count > 1 ? name : ""));

	for (size_t p = 0; p < e->procedures_count; p++) {
		const struct cell *cell = &cells->cells[configuration * e->procedures_count + p];
		if (!cells_samples(cell, measure))
			continue;
		json_t *curve = json_object();
		put_text(curve, "name", e->procedures[p].name);
		put(curve, "points", curve_points(cells, cell, cell->samples[measure].pooled));
		json_array_append_new(curves, curve);
	}
	char *axis = words("%s, %s%s", m->name, unit_text(m->unit), logarithm ? ", logarithmic" : "");
	put_text(figure, "axis", axis);
	free(axis);
	put(figure, "log", json_boolean(logarithm));
	put(figure, "curves", curves);
	return figure;
}

json_t *report_sample_figures(const struct cells *cells, size_t measure)
{
	json_t *figures = json_array();

	for (size_t c = 0; c < cells->experiment->configurations_count; c++)
		add_figure(figures, distribution(cells, c, measure), "curves");
	return figures;
}

/* ---- throughput of each subflow over time */

/* The steps in which any subflow carried bytes: false: none. */
static bool steps_of(const struct record *record, size_t *first, size_t *last)
{
	bool some = false;

	for (size_t s = 0; s < record->subflows_count; s++)
		for (size_t i = 0; i < record->subflows[s].series_count; i++)
			if (record->subflows[s].series[i] > 0) {
				*first = some && *first < i ? *first : i;
				*last = some && *last > i ? *last : i;
				some = true;
			}
	return some;
}

static double bytes_at(const struct record *record, const char *node, size_t step)
{
	for (size_t s = 0; s < record->subflows_count; s++)
		if (!strcmp(record->subflows[s].node, node))
			return step < record->subflows[s].series_count ? record->subflows[s].series[step] : 0;
	return 0;
}

/* The trials of a cell whose series can be laid over each other, from the first step with data on. */
struct bundle {
	const struct record **records;
	size_t *first;
	double *values;      /* room for one of each */
	size_t count, steps; /* as many steps as the shortest trial has; the last one is never whole */
	double step_s;
};

static bool gather_series(struct bundle *b, const struct cells *cells, const struct cell *cell)
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);

	*b = (struct bundle){calloc(count + 1, sizeof *b->records), calloc(count + 1, sizeof *b->first),
		calloc(count + 1, sizeof *b->values), 0, SIZE_MAX, NAN};
	for (size_t i = 0; b->records && b->first && b->values && i < count; i++) {
		const struct record *record = &records[i];
		size_t first, last;
		if (!cells_counts(record) || !steps_of(record, &first, &last) ||
			isnan(record->series_step_s) || (b->count && record->series_step_s != b->step_s))
			continue;
		b->step_s = record->series_step_s;
		b->first[b->count] = first;
		b->records[b->count++] = record;
		b->steps = last - first < b->steps ? last - first : b->steps;
	}
	return b->count && b->steps > 1;
}

/* [median, first quartile, third quartile] over the trials, of each step, Mbit/s. */
static json_t *series_points(const struct bundle *b, const char *node)
{
	json_t *list = json_array();

	for (size_t step = 0; step < b->steps; step++) {
		for (size_t i = 0; i < b->count; i++)
			b->values[i] =
				bytes_at(b->records[i], node, b->first[i] + step) * 8 / b->step_s / 1e6;
		json_t *point = json_array();
		json_array_append_new(point, text_json_number(stats_median(b->values, b->count)));
		json_array_append_new(point, text_json_number(stats_quantile(b->values, b->count, 0.25)));
		json_array_append_new(point, text_json_number(stats_quantile(b->values, b->count, 0.75)));
		json_array_append_new(list, point);
	}
	return list;
}

static json_t *one_series(const struct cells *cells, const struct cell *cell)
{
	const struct experiment *e = cells->experiment;
	const char *configuration = e->configurations[cell->configuration].name,
		   *procedure = e->procedures[cell->procedure].name;
	json_t *lines = json_array(),
	       *figure = new_figure("series",
		       words("Throughput of each subflow over time: %s, %s", procedure, configuration),
		       "Median over the trials by node that the subflow comes from; the band holds the middle half.",
		       words("%s, %s", configuration, procedure));
	struct bundle b;

	if (gather_series(&b, cells, cell))
		for (size_t s = 0; s < cell->subflows_count; s++) {
			json_t *line = json_object();
			put_text(line, "name", cell->subflows[s].node);
			put(line, "points", series_points(&b, cell->subflows[s].node));
			json_array_append_new(lines, line);
		}
	put_number(figure, "step_s", b.step_s);
	put(figure, "band", json_boolean(b.count > 1));
	put(figure, "lines", lines);
	free(b.records);
	free(b.first);
	free(b.values);
	return figure;
}

void report_series(json_t *report, const struct cells *cells)
{
	json_t *object = json_object(), *figures = json_array();

	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].shown && cells->cells[i].subflows_count > 1)
			add_figure(figures, one_series(cells, &cells->cells[i]), "lines");
	size_t count = json_array_size(figures);
	put(object, "figures", figures);
	put(report, "series", count ? json_incref(object) : json_null());
	json_decref(object);
}
