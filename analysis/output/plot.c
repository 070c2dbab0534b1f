/* Plot: figures as SVG, drawn by gnuplot: for each of the largest connections, the throughput of every subflow and
 * the data sequence over time (which subflow carried which part of the connection's bytes, and what was in
 * order). Curves fit themselves to how long a connection lasts. */
#include "analysis/output/gnuplot.h"
#include "analysis/output/report.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 4, SUBFLOWS = 16, PANEL_HEIGHT = 280 };

struct subflow_figure {
	uint32_t index;
	struct curve *bytes, *sequence;
};

struct figure {
	uint64_t bytes;
	uint32_t index;
	unsigned direction;
	struct curve *delivered;
	struct subflow_figure subflows[SUBFLOWS];
	unsigned subflow_count;
};

struct analysis_figures {
	struct figure figures[CONNECTIONS];
	size_t count;
};

struct analysis_figures *analysis_figures_new(void)
{
	return calloc(1, sizeof(struct analysis_figures));
}

static void free_figure(struct figure *figure)
{
	free(figure->delivered);
	for (unsigned i = 0; i < figure->subflow_count; i++) {
		free(figure->subflows[i].bytes);
		free(figure->subflows[i].sequence);
	}
}

void analysis_figures_free(struct analysis_figures *figures)
{
	for (size_t i = 0; figures && i < figures->count; i++)
		free_figure(&figures->figures[i]);
	free(figures);
}

static struct curve *copy(const struct curve *curve)
{
	struct curve *made = curve ? malloc(sizeof *made) : NULL;
	if (made)
		*made = *curve;
	return made;
}

static void fill(
	struct figure *figure, const struct connection *connection, uint32_t index, unsigned direction)
{
	*figure = (struct figure){.bytes = connection->data[direction].delivered,
		.index = index,
		.direction = direction,
		.delivered = copy(connection->data[direction].curve)};
	for (uint32_t i = 0; i < connection->flow_count && figure->subflow_count < SUBFLOWS; i++) {
		const struct flow *flow = connection_flow(connection, i);
		const struct cold *cold = flow->direction[connection_direction(flow, direction)].cold;
		if (!cold || flow_is_copy(flow))
			continue;
		figure->subflows[figure->subflow_count++] =
			(struct subflow_figure){flow->index, copy(cold->bytes_curve), copy(cold->data_curve)};
	}
}

void figures_collect(struct analysis_figures *figures, const struct pass *pass)
{
	struct pass_connection next;
	uint32_t at = 0, index = 0;
	for (; pass_next_connection(pass, &at, &next); index++) {
		const struct connection *connection = next.connection;
		if (!connection || !report_wants(pass, index))
			continue;
		unsigned direction =
			connection->data[REVERSE].delivered > connection->data[FORWARD].delivered;
		uint64_t bytes = connection->data[direction].delivered;
		size_t place = figures->count;
		while (place > 0 && figures->figures[place - 1].bytes < bytes)
			place--;
		if (place == CONNECTIONS || !bytes)
			continue;
		if (figures->count == CONNECTIONS)
			free_figure(&figures->figures[--figures->count]);
		memmove(figures->figures + place + 1, figures->figures + place,
			(figures->count - place) * sizeof *figures->figures);
		fill(&figures->figures[place], connection, index, direction);
		figures->count++;
	}
}

bool figures_any(const struct analysis_figures *figures)
{
	return figures->count > 0;
}

static double second(const struct curve *curve, uint32_t i)
{
	return ((double)curve->start_ns + (double)i * (double)curve->step_ns) / 1e9;
}

/* Rates in Mbit/s of a step, as steps; 0 behind the last. */
static void write_rates(const char *name, const struct curve *curve, FILE *out)
{
	fprintf(out, "%s << EOD\n", name);
	if (!curve)
		fputs("0 0\n", out);
	for (uint32_t i = 0; curve && i < curve->count; i++)
		fprintf(out, "%.9g %.6g\n", second(curve, i),
			(double)curve->values[i] * 8e3 / (double)curve->step_ns);
	if (curve)
		fprintf(out, "%.9g 0\n", second(curve, curve->count));
	fputs("EOD\n", out);
}

/* Megabytes: the highest sequence of each step that has data, or the sum so far. */
static void write_sequence(const char *name, const struct curve *curve, bool sum, FILE *out)
{
	double so_far = 0;
	fprintf(out, "%s << EOD\n", name);
	if (!curve)
		fputs("0 0\n", out);
	for (uint32_t i = 0; curve && i < curve->count; i++) {
		so_far = sum ? so_far + (double)curve->values[i] : (double)curve->values[i];
		if (sum || curve->values[i])
			fprintf(out, "%.9g %.9g\n", second(curve, i + sum), so_far / 1e6);
	}
	fputs("EOD\n", out);
}

static void write_data(const struct figure *figure, size_t number, FILE *out)
{
	char name[48];
	for (unsigned i = 0; i < figure->subflow_count; i++) {
		snprintf(name, sizeof name, "$rate_%zu_%u", number, i);
		write_rates(name, figure->subflows[i].bytes, out);
		snprintf(name, sizeof name, "$sequence_%zu_%u", number, i);
		write_sequence(name, figure->subflows[i].sequence, false, out);
	}
	snprintf(name, sizeof name, "$rate_%zu", number);
	write_rates(name, figure->delivered, out);
	snprintf(name, sizeof name, "$sequence_%zu", number);
	write_sequence(name, figure->delivered, true, out);
}

static void write_panels(const struct figure *figure, size_t number, FILE *out)
{
	for (unsigned panel = 0; panel < 2; panel++) {
		const char *data = panel ? "sequence" : "rate";
		fprintf(out,
			"set yrange [0:*]\nset title 'connection %u, %s: %s' noenhanced\nset ylabel '%s'\nplot ",
			figure->index, figure->direction ? "reverse" : "forward",
			panel ? "data sequence" : "throughput", panel ? "MB" : "Mbit/s");
		for (unsigned i = 0; i < figure->subflow_count; i++)
			fprintf(out, "$%s_%zu_%u using 1:2 with %s title 'subflow %u', ", data, number, i,
				panel ? "points pointtype 7 pointsize 0.3" : "steps",
				figure->subflows[i].index);
		fprintf(out, "$%s_%zu using 1:2 with %s linecolor rgb 'black' title '%s'\n", data, number,
			panel ? "lines" : "steps", panel ? "in order" : "delivered in order");
	}
}

int analysis_plot(const struct analysis_figures *figures, const char *path, char **error)
{
	struct gnuplot gnuplot;
	if (!figures->count)
		return error_set(error, "%s: no connection carries data, there is nothing to draw", path);
	if (gnuplot_start(&gnuplot, path, figures->count * 2, PANEL_HEIGHT, error) < 0)
		return -1;
	for (size_t i = 0; i < figures->count; i++)
		write_data(&figures->figures[i], i, gnuplot.script);
	gnuplot_panels(&gnuplot, figures->count * 2);
	for (size_t i = 0; i < figures->count; i++)
		write_panels(&figures->figures[i], i, gnuplot.script);
	return gnuplot_draw(&gnuplot, path, error);
}
