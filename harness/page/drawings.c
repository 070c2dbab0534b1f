/* Drawings: numbers as data blocks of gnuplot, then one plot command. Rows go downwards: row i is at y = -i. */
#include "harness/page/drawings.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 480, FEW = 30 /* values that are shown one by one */ };

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static double item(const json_t *list, size_t index)
{
	const json_t *value = json_array_get(list, index);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* Begins the figure, so high. */
static FILE *begin(struct figures *figures, const json_t *figure, int height, size_t *index)
{
	return figures_begin(
		figures, text(figure, "title"), text(figure, "description"), WIDTH, height, index);
}

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

static void set_axis(FILE *script, const char *axis, const char *label)
{
	fprintf(script, "set %s ", axis);
	figures_text(script, label);
	fputs(" textcolor rgb '" FIGURE_INK "' offset ", script);
	fputs(*axis == 'x' ? "0,0.3\n" : "1,0\n", script);
}

/* Data blocks, filled side by side and written one after the other; gnuplot refuses one without any data. */
enum { BLOCKS = 6 };

struct blocks {
	FILE *out[BLOCKS];
	char *text[BLOCKS];
	size_t size[BLOCKS];
	bool failed;
};

static void open_blocks(struct blocks *b)
{
	*b = (struct blocks){.failed = false};
	for (int i = 0; i < BLOCKS; i++)
		b->failed = !(b->out[i] = open_memstream(&b->text[i], &b->size[i])) || b->failed;
}

static void close_blocks(struct blocks *b)
{
	for (int i = 0; i < BLOCKS; i++)
		if (b->out[i])
			b->failed = fclose(b->out[i]) != 0 || b->failed;
}

static void free_blocks(struct blocks *b)
{
	for (int i = 0; i < BLOCKS; i++)
		free(b->text[i]);
}

/* Writes `$name << EOD` and the data; false: there are none. */
static bool put_block(FILE *script, const char *name, const char *data)
{
	if (!*data)
		return false;
	fprintf(script, "$%s << EOD\n%sEOD\n", name, data);
	return true;
}

/* ---- boxes */

enum { BOX, LINE, DOT, CIRCLE, DEVIATION, PUBLISHED };

static void add_values(struct blocks *b, struct span *span, const json_t *row, double y)
{
	const json_t *values = json_object_get(row, "values");
	size_t n = json_array_size(values);

	for (size_t i = 0; i < n; i++) {
		double value = item(values, i);
		if (n <= FEW) /* spread over three heights, so that equal ones show */
			fprintf(b->out[DOT], "%.9g %g\n", value, y + ((double)(i % 3) - 1) * 0.11);
		else if (value < number(row, "low") || value > number(row, "high"))
			fprintf(b->out[CIRCLE], "%.9g %g\n", value, y);
		include(span, value);
	}
}

static void add_spread(struct blocks *b, const json_t *row, double y)
{
	double q1 = number(row, "q1"), q3 = number(row, "q3"), median = number(row, "median"),
	       low = number(row, "low"), high = number(row, "high");

	fprintf(b->out[BOX], "%.9g %g %.9g %.9g %g %g\n", median, y, q1, q3, y - 0.24, y + 0.24);
	fprintf(b->out[LINE], "%.9g %g %.9g 0\n%.9g %g %.9g 0\n", low, y, q1 - low, q3, y, high - q3);
	fprintf(b->out[LINE], "%.9g %g 0 0.48\n", median, y - 0.24);
}

static void add_published(struct blocks *b, struct span *span, const json_t *row, double y)
{
	double published = number(row, "published"), sd = number(row, "published_sd");

	if (isnan(published))
		return;
	fprintf(b->out[PUBLISHED], "%.9g %g\n", published, y - 0.36);
	if (sd > 0)
		fprintf(b->out[DEVIATION], "%.9g %g %.9g 0\n", published - sd, y - 0.36, 2 * sd);
	include(span, published - (sd > 0 ? sd : 0));
	include(span, published + (sd > 0 ? sd : 0));
}

static void plot_boxes(FILE *script, const json_t *figure, struct blocks *b, struct span span)
{
	static const struct {
		const char *name, *with;
	} layers[BLOCKS] = {
		[BOX] = {"box",
			"1:2:3:4:5:6 with boxxyerror fillstyle solid 0.25 linewidth 1.2 linecolor rgb '" FIGURE_MEASURED
			"'"},
		[LINE] = {"line",
			"1:2:3:4 with vectors nohead linewidth 1.6 linecolor rgb '" FIGURE_MEASURED "'"},
		[DOT] = {"dot", "1:2 with points pointtype 7 pointsize 0.35 linecolor rgb '" FIGURE_INK "'"},
		[CIRCLE] = {"circle",
			"1:2 with points pointtype 6 pointsize 0.5 linecolor rgb '" FIGURE_MEASURED "'"},
		[DEVIATION] = {"deviation",
			"1:2:3:4 with vectors nohead linewidth 1.2 linecolor rgb '" FIGURE_PUBLISHED "'"},
		[PUBLISHED] = {"published",
			"1:2 with points pointtype 13 pointsize 0.8 linecolor rgb '" FIGURE_PUBLISHED "'"},
	};
	const json_t *rows = json_object_get(figure, "rows");
	bool some[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		some[i] = put_block(script, layers[i].name, b->text[i]);
	set_range(script, span);
	fprintf(script, "set yrange [%g:0.6]\nset ytics (", -(double)json_array_size(rows) + 0.4);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		fputs(i ? ", " : "", script);
		figures_text(script, text(json_array_get(rows, i), "name"));
		fprintf(script, " %g", -(double)i);
	}
	fputs(") scale 0\nset border 1\nset grid xtics linetype 1 linecolor rgb '" FIGURE_GRID "'\n", script);
	set_axis(script, "xlabel", text(figure, "axis"));
	fputs("plot ", script);
	for (int i = 0, n = 0; i < BLOCKS; i++)
		if (some[i])
			fprintf(script, "%s$%s using %s", n++ ? ", " : "", layers[i].name, layers[i].with);
	fputc('\n', script);
}

static size_t draw_boxes(struct figures *figures, const json_t *figure)
{
	const json_t *rows = json_object_get(figure, "rows"), *row;
	struct span span = {INFINITY, -INFINITY};
	size_t index = FIGURE_NONE, i;
	struct blocks b;
	FILE *script;

	open_blocks(&b);
	json_array_foreach(rows, i, row) {
		if (b.failed)
			break;
		add_values(&b, &span, row, -(double)i);
		if (!isnan(number(row, "median")))
			add_spread(&b, row, -(double)i);
		add_published(&b, &span, row, -(double)i);
	}
	close_blocks(&b);
	if (!b.failed && span.low <= span.high &&
		(script = begin(figures, figure, 62 + 36 * (int)json_array_size(rows), &index)))
		plot_boxes(script, figure, &b, span);
	free_blocks(&b);
	return index;
}

/* ---- intervals: long labels stand above them, short ones beside */

enum { MEASURED, BESIDE, LABELS };

static void add_interval(struct blocks *b, struct span *span, const json_t *row, double y, bool beside)
{
	double value = number(row, "value"), low = number(row, "low"), high = number(row, "high"),
	       published = number(row, "published");

	fputs(beside ? "set ytics add (" : "set label ", b->out[LABELS]);
	figures_text(b->out[LABELS], text(row, "name"));
	if (beside)
		fprintf(b->out[LABELS], " %g)\n", y);
	else
		fprintf(b->out[LABELS],
			" at graph 0, first %g left offset 0.3,0 textcolor rgb '" FIGURE_INK "'\n", y + 0.36);
	low = isnan(low) ? value : low;
	high = isnan(high) ? value : high;
	if (!isnan(value))
		fprintf(b->out[MEASURED], "%.9g %g %.9g %.9g\n", value, y, low, high);
	if (!isnan(published))
		fprintf(b->out[BESIDE], "%.9g %g\n", published, y - 0.22);
	include(span, low);
	include(span, high);
	include(span, published);
}

static void plot_intervals(
	FILE *script, const json_t *figure, const struct blocks *b, struct span span, bool beside)
{
	size_t rows = json_array_size(json_object_get(figure, "rows"));
	bool measured = put_block(script, "measured", b->text[MEASURED]),
	     published = put_block(script, "published", b->text[BESIDE]);

	fputs(beside ? "set ytics () scale 0\n" : "unset ytics\nset lmargin 3\n", script);
	fputs(b->text[LABELS], script);
	set_range(script, span);
	fprintf(script,
		"set yrange [%g:0.75]\nset border 1\n"
		"set grid xtics linetype 1 linecolor rgb '" FIGURE_GRID "'\n"
		"set arrow from 0, graph 0 to 0, graph 1 nohead linecolor rgb '" FIGURE_MUTED "'\n",
		-(double)rows + 0.5);
	set_axis(script, "xlabel", text(figure, "axis"));
	fputs("set bars small\nplot ", script);
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

static size_t draw_intervals(struct figures *figures, const json_t *figure)
{
	const json_t *rows = json_object_get(figure, "rows"), *row;
	bool beside = strcmp(text(figure, "labels"), "beside") == 0, some = false;
	struct span span = {0, 0}; /* no difference at all is always in sight */
	size_t index = FIGURE_NONE, i;
	struct blocks b;
	FILE *script;

	open_blocks(&b);
	json_array_foreach(rows, i, row) {
		if (b.failed)
			break;
		add_interval(&b, &span, row, -(double)i, beside);
		some = some || !isnan(number(row, "value")) || !isnan(number(row, "published"));
	}
	close_blocks(&b);
	if (!b.failed && some &&
		(script = begin(
			 figures, figure, 62 + (beside ? 30 : 46) * (int)json_array_size(rows), &index)))
		plot_intervals(script, figure, &b, span, beside);
	free_blocks(&b);
	return index;
}

/* ---- lines: series over time, and distributions */

/* Each line has a colour; where there are more lines than colours, dashes tell them apart. */
static void put_style(FILE *script, size_t i)
{
	fprintf(script, " linewidth 2 dashtype %zu linecolor rgb '%s'", i / FIGURE_COLOURS + 1,
		FIGURE_SERIES(i));
}

static void put_lines(FILE *script, const json_t *lines, const char *with)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line) {
		fprintf(script, "%s$s%zu using 1:2 with %s", i ? ", " : "", i, with);
		put_style(script, i);
		fputs(" title ", script);
		figures_text(script, text(line, "name"));
	}
	fputc('\n', script);
}

static void plot_series(FILE *script, const json_t *figure)
{
	const json_t *lines = json_object_get(figure, "lines"), *line, *point;
	double step = number(figure, "step_s");
	size_t i, k, steps = 0;

	json_array_foreach(lines, i, line) {
		fprintf(script, "$s%zu << EOD\n", i);
		json_array_foreach(json_object_get(line, "points"), k, point)
			fprintf(script, "%.4g %.4g %.4g %.4g\n", ((double)k + 0.5) * step, item(point, 0),
				item(point, 1), item(point, 2));
		fputs("EOD\n", script);
		steps = k > steps ? k : steps;
	}
	fprintf(script,
		"set xrange [0:%.4g]\nset yrange [0:*]\nset border 3\nset tics nomirror\n"
		"set grid ytics linetype 1 linecolor rgb '" FIGURE_GRID "'\n"
		"set key on outside center top horizontal samplen 2\n",
		(double)steps * step);
	set_axis(script, "xlabel", "seconds since the first data");
	set_axis(script, "ylabel", "Mbit/s");
	fputs("plot ", script);
	for (i = 0; json_is_true(json_object_get(figure, "band")) && i < json_array_size(lines); i++)
		fprintf(script,
			"$s%zu using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder linecolor rgb '%s' notitle, ",
			i, FIGURE_SERIES(i));
	put_lines(script, lines, "lines");
}

static size_t draw_series(struct figures *figures, const json_t *figure)
{
	const json_t *lines = json_object_get(figure, "lines");
	size_t index = FIGURE_NONE;
	FILE *script;

	if (json_array_size(json_object_get(json_array_get(lines, 0), "points")) &&
		(script = begin(figures, figure, 250, &index)))
		plot_series(script, figure);
	return index;
}

/* A closed line around the band: up along the lower ends, back along the upper ones. False: it is open everywhere. */
static bool put_band(FILE *script, const json_t *points, size_t number_of_band)
{
	size_t count = json_array_size(points), known = 0;

	for (int upper = 0; upper < 2; upper++)
		for (size_t i = 0; i < count; i++) {
			const json_t *point = json_array_get(points, upper ? count - 1 - i : i);
			if (isnan(item(point, 2)) || isnan(item(point, 3)))
				continue;
			if (!known++)
				fprintf(script, "$b%zu << EOD\n", number_of_band);
			fprintf(script, "%.9g %.9g\n", item(point, upper ? 3 : 2), item(point, 0));
		}
	fputs(known ? "EOD\n" : "", script);
	return known > 0;
}

static void plot_cdf(FILE *script, const json_t *figure)
{
	const json_t *curves = json_object_get(figure, "curves"), *curve, *point;
	size_t i, k;
	bool *banded = calloc(json_array_size(curves) + 1, sizeof *banded);

	json_array_foreach(curves, i, curve) {
		const json_t *points = json_object_get(curve, "points");
		fprintf(script, "$s%zu << EOD\n%.9g 0\n", i, item(json_array_get(points, 0), 1));
		json_array_foreach(points, k, point)
			fprintf(script, "%.9g %.9g\n", item(point, 1), item(point, 0));
		fputs("EOD\n", script);
		if (put_band(script, points, i) && banded)
			banded[i] = true;
	}
	fputs("set autoscale xfix\nset yrange [0:1]\nset border 3\nset tics nomirror\nset format x '%g'\n"
	      "set grid xtics ytics linetype 1 linecolor rgb '" FIGURE_GRID "'\n"
	      "set key on outside center top horizontal samplen 2\n",
		script);
	if (json_is_true(json_object_get(figure, "log")))
		fputs("set logscale x\n", script);
	set_axis(script, "xlabel", text(figure, "axis"));
	set_axis(script, "ylabel", *text(figure, "part") ? text(figure, "part") : "part of the samples");
	fputs("plot ", script);
	json_array_foreach(curves, i, curve)
		if (banded && banded[i])
			fprintf(script,
				"$b%zu using 1:2 with filledcurves closed fillstyle transparent solid 0.2 noborder linecolor rgb '%s' notitle, ",
				i, FIGURE_SERIES(i));
	put_lines(script, curves, "steps");
	free(banded);
}

static size_t draw_cdf(struct figures *figures, const json_t *figure)
{
	size_t index = FIGURE_NONE;
	FILE *script;

	if (json_array_size(json_object_get(figure, "curves")) &&
		(script = begin(figures, figure, 300, &index)))
		plot_cdf(script, figure);
	return index;
}

/* ---- dots */

static void plot_scatter(FILE *script, const json_t *figure)
{
	const json_t *series = json_object_get(figure, "series"), *one, *point;
	size_t i, k;

	json_array_foreach(series, i, one) {
		fprintf(script, "$s%zu << EOD\n", i);
		json_array_foreach(json_object_get(one, "points"), k, point)
			fprintf(script, "%.9g %.9g\n", item(point, 0), item(point, 1));
		fputs("EOD\n", script);
	}
	fputs("set border 3\nset tics nomirror\nset format x '%g'\n"
	      "set grid xtics ytics linetype 1 linecolor rgb '" FIGURE_GRID "'\n"
	      "set key on outside center top horizontal samplen 2\n",
		script);
	set_axis(script, "xlabel", text(figure, "axis"));
	set_axis(script, "ylabel", text(figure, "axis_y"));
	fputs("plot ", script);
	json_array_foreach(series, i, one) {
		fprintf(script,
			"%s$s%zu using 1:2 with points pointtype %zu pointsize 0.4 linecolor rgb '%s' title ",
			i ? ", " : "", i, 5 + 2 * (i / FIGURE_COLOURS % 4 + 1), FIGURE_SERIES(i));
		figures_text(script, text(one, "name"));
	}
	fputc('\n', script);
}

static size_t draw_scatter(struct figures *figures, const json_t *figure)
{
	const json_t *first = json_array_get(json_object_get(figure, "series"), 0);
	size_t index = FIGURE_NONE;
	FILE *script;

	if (json_array_size(json_object_get(first, "points")) &&
		(script = begin(figures, figure, 260, &index)))
		plot_scatter(script, figure);
	return index;
}

size_t draw_figure(struct figures *figures, const json_t *figure)
{
	static const struct {
		const char *kind;
		size_t (*draw)(struct figures *figures, const json_t *figure);
	} kinds[] = {{"boxes", draw_boxes}, {"intervals", draw_intervals}, {"series", draw_series},
		{"cdf", draw_cdf}, {"scatter", draw_scatter}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, text(figure, "kind")) == 0)
			return kinds[i].draw(figures, figure);
	return FIGURE_NONE;
}
