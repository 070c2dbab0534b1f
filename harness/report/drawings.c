/* Drawings: numbers as data blocks of gnuplot, then one plot command. Rows go downwards: row i is at y = -i.
 */
#include "harness/report/drawings.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 480, FEW = 30 /* trials that are shown one by one */ };

/* The span of what is drawn. */
struct span {
	double low, high;
};

static void include(struct span *span, double value)
{
	if (isnan(value))
		return;
	span->low = fmin(span->low, value);
	span->high = fmax(span->high, value);
}

/* About `count` steps of 1, 2 or 5 times a power of ten. */
static double nice_step(double width, int count)
{
	double least = width / count, power = pow(10, floor(log10(least)));
	double times = least / power;

	return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

/* A margin on both sides; around a single value too. No more tics than there is room for on a phone. */
static void set_range(FILE *script, struct span span)
{
	double margin = 0.07 * (span.high - span.low);

	if (!(margin > 0))
		margin = fmax(0.05 * fabs(span.low), 0.05);
	fprintf(script, "set xrange [%.9g:%.9g]\nset xtics %.9g nomirror\n", span.low - margin,
		span.high + margin, nice_step(span.high - span.low + 2 * margin, 6));
}

static int value_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The counted values of the main measure, ascending; NULL: out of memory. */
static double *values_of(const struct cells *cells, const struct cell *cell, size_t *n)
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);
	double *values = calloc(count + 1, sizeof *values);

	*n = 0;
	for (size_t i = 0; values && i < count; i++)
		if (cells_counts(&records[i]))
			values[(*n)++] = records[i].measures[cells->experiment->primary];
	if (values)
		qsort(values, *n, sizeof *values, value_order);
	return values;
}

/* The data of a figure of boxes, a stream a block. */
struct boxes {
	FILE *box, *line, *dot, *circle, *published, *deviation;
	char *text[6];
	size_t size[6];
	struct span span;
	size_t rows;
};

static FILE **stream_of(struct boxes *b, int i)
{
	FILE **streams[] = {&b->box, &b->line, &b->dot, &b->circle, &b->published, &b->deviation};
	return streams[i];
}

static bool open_boxes(struct boxes *b)
{
	bool opened = true;

	*b = (struct boxes){.span = {INFINITY, -INFINITY}};
	for (int i = 0; i < 6; i++)
		opened = (*stream_of(b, i) = open_memstream(&b->text[i], &b->size[i])) && opened;
	return opened;
}

static void close_boxes(struct boxes *b)
{
	for (int i = 0; i < 6; i++)
		if (*stream_of(b, i)) {
			fclose(*stream_of(b, i));
			*stream_of(b, i) = NULL;
		}
}

static void add_spread(struct boxes *b, const struct stats *s, const double *values, size_t n, double y)
{
	double reach = 1.5 * (s->q3 - s->q1), low = s->q1, high = s->q3;

	for (size_t i = 0; i < n; i++) {
		bool outside = values[i] < s->q1 - reach || values[i] > s->q3 + reach;
		if (!outside) {
			low = fmin(low, values[i]);
			high = fmax(high, values[i]);
		}
		if (n <= FEW) /* spread over three heights, so that equal ones show */
			fprintf(b->dot, "%.9g %g\n", values[i], y + ((double)(i % 3) - 1) * 0.11);
		else if (outside)
			fprintf(b->circle, "%.9g %g\n", values[i], y);
		include(&b->span, values[i]);
	}
	fprintf(b->box, "%.9g %g %.9g %.9g %g %g\n", s->median, y, s->q1, s->q3, y - 0.24, y + 0.24);
	fprintf(b->line, "%.9g %g %.9g 0\n%.9g %g %.9g 0\n", low, y, s->q1 - low, s->q3, y, high - s->q3);
	fprintf(b->line, "%.9g %g 0 0.48\n", s->median, y - 0.24);
}

static void add_published(struct boxes *b, const struct cell *cell, double y)
{
	double sd = isnan(cell->published_sd) ? 0 : cell->published_sd;

	fprintf(b->published, "%.9g %g\n", cell->published, y - 0.36);
	if (sd > 0)
		fprintf(b->deviation, "%.9g %g %.9g 0\n", cell->published - sd, y - 0.36, 2 * sd);
	include(&b->span, cell->published - sd);
	include(&b->span, cell->published + sd);
}

static bool collect_boxes(struct boxes *b, const struct cells *cells, size_t configuration, FILE *tics)
{
	size_t procedures = cells->experiment->procedures_count;

	for (size_t p = 0; p < procedures; p++) {
		const struct cell *cell = &cells->cells[configuration * procedures + p];
		double y = -(double)b->rows;
		size_t n;
		if (!cell->shown || (!cell->stats.n && isnan(cell->published)))
			continue;
		double *values = values_of(cells, cell, &n);
		if (!values)
			return false;
		if (n)
			add_spread(b, &cell->stats, values, n, y);
		if (!isnan(cell->published))
			add_published(b, cell, y);
		free(values);
		fputs(b->rows++ ? ", " : "", tics);
		figures_text(tics, cells->experiment->procedures[p].name);
		fprintf(tics, " %g", y);
	}
	return b->rows > 0;
}

/* Writes `$name << EOD` and the data; gnuplot refuses a block without any. */
static bool block(FILE *script, const char *name, const char *data)
{
	if (!*data)
		return false;
	fprintf(script, "$%s << EOD\n%sEOD\n", name, data);
	return true;
}

static void plot_boxes(FILE *script, struct boxes *b, const char *tics, const char *unit)
{
	static const struct {
		const char *name, *with;
	} layers[] = {
		{"box", "1:2:3:4:5:6 with boxxyerror fillstyle solid 0.25 linewidth 1.2 linecolor rgb '" FIGURE_MEASURED
			"'"},
		{"line", "1:2:3:4 with vectors nohead linewidth 1.6 linecolor rgb '" FIGURE_MEASURED "'"},
		{"dot", "1:2 with points pointtype 7 pointsize 0.35 linecolor rgb '" FIGURE_INK "'"},
		{"circle", "1:2 with points pointtype 6 pointsize 0.5 linecolor rgb '" FIGURE_MEASURED "'"},
		{"deviation",
			"1:2:3:4 with vectors nohead linewidth 1.2 linecolor rgb '" FIGURE_PUBLISHED "'"},
		{"published",
			"1:2 with points pointtype 13 pointsize 0.8 linecolor rgb '" FIGURE_PUBLISHED "'"},
	};
	const char *data[] = {b->text[0], b->text[1], b->text[2], b->text[3], b->text[5], b->text[4]};
	bool some[6];

	for (size_t i = 0; i < 6; i++)
		some[i] = block(script, layers[i].name, data[i]);
	set_range(script, b->span);
	fprintf(script,
		"set yrange [%g:0.6]\nset ytics (%s) scale 0\nset border 1\n"
		"set grid xtics linetype 1 linecolor rgb '" FIGURE_GRID "'\nset xlabel ",
		-(double)b->rows + 0.4, tics);
	figures_text(script, unit);
	fputs(" textcolor rgb '" FIGURE_INK "' offset 0,0.3\nplot ", script);
	for (size_t i = 0, n = 0; i < 6; i++)
		if (some[i])
			fprintf(script, "%s$%s using %s", n++ ? ", " : "", layers[i].name, layers[i].with);
	fputc('\n', script);
}

size_t draw_boxes(struct figures *figures, const struct cells *cells, size_t configuration)
{
	const struct experiment *experiment = cells->experiment;
	const struct measure *measure = &experiment->measures[experiment->primary];
	struct boxes b;
	char *tics = NULL, title[256];
	size_t tics_size, index = FIGURE_NONE;
	FILE *out = open_memstream(&tics, &tics_size), *script;
	bool some = open_boxes(&b) && out && collect_boxes(&b, cells, configuration, out);

	close_boxes(&b);
	if (out)
		fclose(out);
	snprintf(title, sizeof title, "%s of each procedure, %s", measure->name,
		experiment->configurations[configuration].name);
	if (some &&
		(script = figures_begin(figures, title,
			 "Box plots: median, quartiles, whiskers to 1.5 interquartile ranges; the diamond is the published mean. The numbers are in the table.",
			 WIDTH, 62 + 36 * (int)b.rows, &index)))
		plot_boxes(script, &b, tics, unit_text(measure->unit));
	for (int i = 0; i < 6; i++)
		free(b.text[i]);
	free(tics);
	return index;
}

/* Rows of intervals; long labels stand above them, short ones beside. */
struct intervals {
	bool beside;
	FILE *measured, *published, *labels;
	char *text[3];
	size_t size[3];
	struct span span;
	size_t rows;
};

static void add_interval(struct intervals *r, const char *label, const struct overhead *o)
{
	double y = -(double)r->rows, half = isnan(o->half_width) ? 0 : o->half_width;

	if (isnan(o->measured) && isnan(o->published))
		return;
	fputs(r->beside ? "set ytics add (" : "set label ", r->labels);
	figures_text(r->labels, label);
	if (r->beside)
		fprintf(r->labels, " %g)\n", y);
	else
		fprintf(r->labels, " at graph 0, first %g left offset 0.3,0 textcolor rgb '" FIGURE_INK "'\n",
			y + 0.36);
	if (!isnan(o->measured))
		fprintf(r->measured, "%.9g %g %.9g %.9g\n", o->measured, y, o->measured - half,
			o->measured + half);
	if (!isnan(o->published))
		fprintf(r->published, "%.9g %g\n", o->published, y - 0.22);
	include(&r->span, o->measured - half);
	include(&r->span, o->measured + half);
	include(&r->span, o->published);
	r->rows++;
}

static void collect_intervals(struct intervals *r, const struct cells *cells, size_t configuration,
	const struct comparison *comparison)
{
	const struct experiment *experiment = cells->experiment;

	for (size_t c = 0; comparison && c < experiment->configurations_count; c++)
		if (cells_comparable(cells, c, comparison)) {
			struct overhead o = cells_overhead(cells, c, comparison);
			add_interval(r, experiment->configurations[c].name, &o);
		}
	for (size_t i = 0; !comparison && i < experiment->comparisons_count; i++)
		if (cells_comparable(cells, configuration, &experiment->comparisons[i])) {
			struct overhead o = cells_overhead(cells, configuration, &experiment->comparisons[i]);
			add_interval(r, experiment->comparisons[i].name, &o);
		}
}

static void plot_intervals(FILE *script, const struct intervals *r, const char *axis)
{
	bool measured = block(script, "measured", r->text[0]),
	     published = block(script, "published", r->text[1]);

	fputs(r->beside ? "set ytics () scale 0\n" : "unset ytics\nset lmargin 3\n", script);
	fputs(r->text[2], script);
	set_range(script, r->span);
	fprintf(script,
		"set yrange [%g:0.75]\nset border 1\n"
		"set grid xtics linetype 1 linecolor rgb '" FIGURE_GRID "'\n"
		"set arrow from 0, graph 0 to 0, graph 1 nohead linecolor rgb '" FIGURE_MUTED "'\n"
		"set xlabel '%s' textcolor rgb '" FIGURE_INK "' offset 0,0.3\n"
		"set bars small\nplot ",
		-(double)r->rows + 0.5, axis);
	if (measured)
		fputs("$measured using 1:2:3:4 with xerrorbars pointtype 7 pointsize 0.7 linewidth 2 linecolor rgb '" FIGURE_MEASURED
		      "'",
			script);
	if (published)
		fprintf(script,
			"%s$published using 1:2 with points pointtype 13 pointsize 0.8 linecolor rgb '%s'",
			measured ? ", " : "", FIGURE_PUBLISHED);
	fputc('\n', script);
}

static bool open_intervals(struct intervals *r, bool beside)
{
	FILE **streams[] = {&r->measured, &r->published, &r->labels};
	bool opened = true;

	*r = (struct intervals){
		.beside = beside, .span = {0, 0}}; /* no difference at all is always in sight */
	for (int i = 0; i < 3; i++)
		opened = (*streams[i] = open_memstream(&r->text[i], &r->size[i])) && opened;
	return opened;
}

static void close_intervals(struct intervals *r)
{
	FILE *streams[] = {r->measured, r->published, r->labels};

	for (int i = 0; i < 3; i++)
		if (streams[i])
			fclose(streams[i]);
}

static void free_intervals(struct intervals *r)
{
	for (int i = 0; i < 3; i++)
		free(r->text[i]);
}

size_t draw_overheads(struct figures *figures, const struct cells *cells, size_t configuration,
	const struct comparison *comparison)
{
	struct intervals r;
	size_t index = FIGURE_NONE;
	bool opened = open_intervals(&r, comparison != NULL);
	char title[256];
	FILE *script;

	if (opened)
		collect_intervals(&r, cells, configuration, comparison);
	close_intervals(&r);
	snprintf(title, sizeof title, "Overhead: %s",
		comparison ? comparison->name : cells->experiment->configurations[configuration].name);
	if (opened && r.rows &&
		(script = figures_begin(figures, title,
			 "Points with 95 % intervals are measured, diamonds published; right of zero is a loss. The numbers are in the table.",
			 WIDTH, 62 + (r.beside ? 30 : 46) * (int)r.rows, &index)))
		plot_intervals(script, &r, "overhead, %");
	free_intervals(&r);
	return index;
}

size_t draw_differences(struct figures *figures, const struct cells *cells, size_t configuration)
{
	const struct experiment *experiment = cells->experiment;
	const struct cell *row = &cells->cells[configuration * experiment->procedures_count];
	struct intervals r;
	size_t index = FIGURE_NONE;
	bool opened = open_intervals(&r, true);
	char title[256];
	FILE *script;

	for (size_t p = 0; opened && p < experiment->procedures_count; p++)
		if (row[p].shown && !isnan(row[p].difference_percent)) {
			struct overhead o = {row[p].difference_percent,
				100 * row[p].half_width / fabs(row[p].published), NAN};
			add_interval(&r, experiment->procedures[p].name, &o);
		}
	close_intervals(&r);
	snprintf(title, sizeof title, "Difference from the published mean: %s",
		experiment->configurations[configuration].name);
	if (opened && r.rows &&
		(script = figures_begin(figures, title,
			 "Points with 95 % intervals; zero is the published mean. The numbers are in the table.",
			 WIDTH, 62 + 30 * (int)r.rows, &index)))
		plot_intervals(script, &r, "difference from the published mean, %");
	free_intervals(&r);
	return index;
}

/* Bytes of a node in a step of a trial, counted from the first step in which any subflow carried some. */
static size_t first_step(const struct record *record)
{
	size_t first = SIZE_MAX;

	for (size_t s = 0; s < record->subflows_count; s++)
		for (size_t i = 0; i < record->subflows[s].series_count && i < first; i++)
			if (record->subflows[s].series[i] > 0)
				first = i;
	return first;
}

static size_t last_step(const struct record *record)
{
	size_t last = 0;

	for (size_t s = 0; s < record->subflows_count; s++)
		for (size_t i = last; i < record->subflows[s].series_count; i++)
			if (record->subflows[s].series[i] > 0)
				last = i;
	return last;
}

static double bytes_at(const struct record *record, const char *node, size_t step)
{
	for (size_t s = 0; s < record->subflows_count; s++)
		if (!strcmp(record->subflows[s].node, node))
			return step < record->subflows[s].series_count ? record->subflows[s].series[step] : 0;
	return 0;
}

/* The trials of a cell whose series can be laid over each other. */
struct bundle {
	const struct record **records;
	size_t *first;
	size_t count, steps; /* as many steps as the shortest trial has; the last one is never whole */
	double step_s;
};

static bool gather_series(struct bundle *b, const struct cells *cells, const struct cell *cell)
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);

	*b = (struct bundle){
		calloc(count + 1, sizeof *b->records), calloc(count + 1, sizeof *b->first), 0, SIZE_MAX, NAN};
	for (size_t i = 0; b->records && b->first && i < count; i++) {
		const struct record *record = &records[i];
		size_t first = first_step(record);
		if (!cells_counts(record) || first == SIZE_MAX || isnan(record->series_step_s) ||
			(b->count && record->series_step_s != b->step_s))
			continue;
		size_t steps = last_step(record) - first;
		b->step_s = record->series_step_s;
		b->first[b->count] = first;
		b->records[b->count++] = record;
		b->steps = steps < b->steps ? steps : b->steps;
	}
	return b->count && b->steps > 1;
}

static void write_series(FILE *script, const struct bundle *b, const char *node, size_t number)
{
	double *values = calloc(b->count, sizeof *values);

	fprintf(script, "$s%zu << EOD\n", number);
	for (size_t step = 0; values && step < b->steps; step++) {
		for (size_t i = 0; i < b->count; i++)
			values[i] = bytes_at(b->records[i], node, b->first[i] + step) * 8 / b->step_s / 1e6;
		double median = stats_median(values, b->count);
		fprintf(script, "%.4g %.4g %.4g %.4g\n", ((double)step + 0.5) * b->step_s, median,
			stats_quantile(values, b->count, 0.25), stats_quantile(values, b->count, 0.75));
	}
	fputs("EOD\n", script);
	free(values);
}

static void plot_series(FILE *script, const struct bundle *b, const struct cell *cell)
{
	for (size_t s = 0; s < cell->subflows_count; s++)
		write_series(script, b, cell->subflows[s].node, s);
	fprintf(script,
		"set xrange [0:%.4g]\nset yrange [0:*]\nset border 3\nset tics nomirror\n"
		"set grid ytics linetype 1 linecolor rgb '" FIGURE_GRID "'\n"
		"set key on outside center top horizontal samplen 2\n"
		"set xlabel 'seconds since the first data' textcolor rgb '" FIGURE_INK "' offset 0,0.3\n"
		"set ylabel 'Mbit/s' textcolor rgb '" FIGURE_INK "' offset 1,0\nplot ",
		(double)b->steps * b->step_s);
	for (size_t s = 0; b->count > 1 && s < cell->subflows_count; s++)
		fprintf(script,
			"$s%zu using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder linecolor rgb '%s' notitle, ",
			s, FIGURE_SERIES(s));
	for (size_t s = 0; s < cell->subflows_count; s++) {
		fprintf(script, "%s$s%zu using 1:2 with lines linewidth 2 linecolor rgb '%s' title ",
			s ? ", " : "", s, FIGURE_SERIES(s));
		figures_text(script, cell->subflows[s].node);
	}
	fputc('\n', script);
}

size_t draw_series(struct figures *figures, const struct cells *cells, const struct cell *cell)
{
	const struct experiment *experiment = cells->experiment;
	struct bundle b;
	size_t index = FIGURE_NONE;
	char title[256];
	FILE *script;

	snprintf(title, sizeof title, "Throughput of each subflow over time: %s, %s",
		experiment->procedures[cell->procedure].name,
		experiment->configurations[cell->configuration].name);
	if (gather_series(&b, cells, cell) && cell->subflows_count &&
		(script = figures_begin(figures, title,
			 "Median over the trials by node that the subflow comes from; the band holds the middle half.",
			 WIDTH, 250, &index)))
		plot_series(script, &b, cell);
	free(b.records);
	free(b.first);
	return index;
}
