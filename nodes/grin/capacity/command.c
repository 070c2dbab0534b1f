/* `liquidnet sim grin-capacity`: the scorecard, figure 3.5 a or b, or one degree. */
#include "nodes/grin/capacity/command.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "nodes/grin/capacity/figures.h"
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	enum sim_format format;
	uint64_t seed;
	unsigned instances, degree; /* 0: all */
	const char *published, *figure;
};

static const char help[] =
	"liquidnet sim grin-capacity: how much cables between servers carry, by how many of them on the way (nodes/grin/README.md)\n\n"
	"  liquidnet sim grin-capacity [OPTIONS]   published sentences on figure 3.5 beside the numbers here; two minutes of a processor\n\n"
	"  --figure NAME    3.5a or 3.5b, as CSV: means over the patterns, per degree\n"
	"  --degree N       one degree only (2..6): means per pattern\n"
	"  --instances N    of each pattern and level (1..1000; default 5)\n"
	"  --seed N         of the first (default 1)\n"
	"  --format NAME    table (default) or csv\n"
	"  --published FILE the table of published sentences (default: data/grin/grin-capacity-published.csv)\n";

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"instances", SIM_COUNT, &request->instances, 1, 1000},
		{"seed", SIM_SEED, &request->seed, 0, INT64_MAX / 2},
		{"degree", SIM_COUNT, &request->degree, DEGREE_FIRST, DEGREE_LAST},
		{"format", SIM_FORMAT, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0},
		{"figure", SIM_TEXT, &request->figure, 0, 0}, {0}};
	int done = sim_options("grin-capacity", options, argc, argv);

	if (done == SIM_HELP)
		fputs(help, stdout);
	if (done != SIM_GO_ON)
		return done;
	if (request->figure && strcmp(request->figure, "3.5a") != 0 && strcmp(request->figure, "3.5b") != 0) {
		fprintf(stderr, "liquidnet sim grin-capacity: --figure %s: there are 3.5a, 3.5b\n",
			request->figure);
		return 2;
	}
	if (optind == argc && !(request->figure && request->degree))
		return SIM_GO_ON;
	fprintf(stderr, "liquidnet sim grin-capacity: %s\n",
		optind < argc ? "options only; --help lists them"
			      : "a figure has all degrees; leave --degree out");
	return 2;
}

static void print_figure(const struct figures *figures, const char *name)
{
	enum point first = !strcmp(name, "3.5a") ? OPTIMUM_1 : FILL8_1,
		   end = first == OPTIMUM_1 ? FILL8_1 : POINTS;

	fputs("degree", stdout);
	for (enum point p = first; p < end; p++)
		printf(",%s", point_names[p]);
	putchar('\n');
	for (unsigned d = DEGREE_FIRST; d <= DEGREE_LAST; d++) {
		printf("%u", d);
		for (enum point p = first; p < end; p++)
			printf(",%.3f", figures_mean(figures, d, p));
		putchar('\n');
	}
}

static void print_degree(const struct figures *figures, const struct request *request)
{
	bool csv = request->format == SIM_CSV;

	printf(csv ? "pattern" : "%-22s", "flow in uplinks");
	for (int t = 0; t < TRAFFIC_PATTERNS; t++)
		printf(csv ? ",%s" : "%12s", traffic_pattern_names[t]);
	putchar('\n');
	for (int p = 0; p < POINTS; p++) {
		printf(csv ? "%s" : "%-22s", point_names[p]);
		for (int t = 0; t < TRAFFIC_PATTERNS; t++)
			printf(csv ? ",%.4f" : "%12.2f", figures->mean[request->degree - DEGREE_FIRST][t][p]);
		putchar('\n');
	}
}

/* ---- scorecard */

/* GAIN: of two cables over one, at a degree, the greatest of all patterns and levels. BEYOND: of no restriction over two, likewise, the greatest of all degrees.
 * BEST8, BEST16: with so many random paths, one cable over the better of two and three; means over the patterns, the worst degree. */
enum measure { GAIN, BEYOND, BEST8, BEST16, MEASURES };
static const char *const measure_names[MEASURES] = {"gain", "beyond", "best8", "best16"};
enum { ROW, MEASURE, DEGREE, AS, VALUE, TOLERANCE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {
	"row", "measure", "degree", "as", "value", "tolerance", "source"};

struct scoring {
	const struct figures *figures;
	bool csv;
	unsigned rows, same;
};

static double best(const struct figures *f, unsigned degree, enum point first)
{
	return figures_mean(f, degree, first) /
	       fmax(figures_mean(f, degree, first + 1), figures_mean(f, degree, first + 2));
}

static double measure(const struct figures *f, enum measure what, unsigned degree)
{
	double result = what == BEYOND ? 0 : INFINITY;

	if (what == GAIN)
		return f->gain[degree - DEGREE_FIRST];
	for (unsigned d = DEGREE_FIRST; d <= DEGREE_LAST; d++) {
		if (degree && d != degree)
			continue;
		if (what == BEYOND)
			result = fmax(result, f->beyond[d - DEGREE_FIRST]);
		else
			result = fmin(result, best(f, d, what == BEST8 ? FILL8_1 : FILL16_1));
	}
	return result;
}

static int take_row(void *context, void *row, char **cells, char **error)
{
	struct scoring *scoring = context;
	double published, tolerance = 0;
	int64_t degree = 0;
	int what = 0;
	(void)row; /* judged at once */
	bool same, value = !strcmp(cells[AS], "value"), less = !strcmp(cells[AS], "less");

	while (what < MEASURES && strcmp(cells[MEASURE], measure_names[what]) != 0)
		what++;
	if (what == MEASURES)
		return error_set(
			error, "no measure `%s`; there are gain, beyond, best8, best16", cells[MEASURE]);
	if (!value && !less && strcmp(cells[AS], "more") != 0)
		return error_set(error, "no comparison `%s`; there are value, less, more", cells[AS]);
	if ((*cells[DEGREE] || what == GAIN) &&
		(unit_integer(cells[DEGREE], &degree) < 0 || degree < DEGREE_FIRST || degree > DEGREE_LAST))
		return error_set(error, "degree `%s`: %d to %d", cells[DEGREE], DEGREE_FIRST, DEGREE_LAST);
	if (unit_number(cells[VALUE], &published) < 0 ||
		(value && unit_number(cells[TOLERANCE], &tolerance) < 0))
		return error_set(error, "`%s`, `%s`: no numbers", cells[VALUE], cells[TOLERANCE]);
	if (!scoring->figures) /* read to be checked only */
		return 0;
	double here = measure(scoring->figures, (enum measure)what, (unsigned)degree);
	same = value ? fabs(here - published) <= tolerance : less ? here <= published : here >= published;
	scoring->rows++;
	scoring->same += same;
	if (scoring->csv)
		printf("%s,%s,%s,%s,%s,%.4f,%s,%s\n", cells[ROW], cells[MEASURE], cells[DEGREE], cells[AS],
			cells[VALUE], here, same ? "same" : "differs", cells[SOURCE]);
	else
		printf("%-3s %-7s %-2s %s%s, here %.3f: %s   %s\n", cells[ROW], cells[MEASURE], cells[DEGREE],
			value  ? ""
			: less ? "<= "
			       : ">= ",
			cells[VALUE], here, same ? "same" : "differs", cells[SOURCE]);
	return 0;
}

static int print_score(const struct request *request, const struct figures *figures, char **error)
{
	static const struct published_format format = {column_names, COLUMNS, 0, take_row};
	struct scoring scoring = {.figures = figures, .csv = request->format == SIM_CSV};

	if (figures && request->format == SIM_CSV)
		puts("row,measure,degree,as,published,measured,judged,source");
	if (published_read(request->published, &format, &scoring, NULL, error) < 0)
		return -1;
	if (figures && request->format == SIM_TABLE)
		printf("\n%u rows: %u the same, %u differ; %u instances of each level, seeds from %llu\n",
			scoring.rows, scoring.same, scoring.rows - scoring.same, request->instances,
			(unsigned long long)request->seed);
	return 0;
}

int sim_grin_capacity(int argc, char **argv)
{
	static struct figures figures;
	char published[PATH_MAX], *error = NULL;
	struct request request = {.seed = 1, .instances = 5, .published = published};
	int status = 2;

	published_find("grin/grin-capacity-published.csv", published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	bool score = !request.figure && !request.degree;
	/* The table is checked before two minutes are spent. */
	if (!score || print_score(&request, NULL, &error) == 0) {
		unsigned first = request.degree ? request.degree : DEGREE_FIRST,
			 last = request.degree ? request.degree : DEGREE_LAST;
		status = figures_run(&figures, first, last, request.instances, request.seed, &error) < 0 ? 1
													 : 0;
	}
	if (status == 0 && score)
		status = print_score(&request, &figures, &error) < 0 ? 2 : 0;
	else if (status == 0 && request.figure)
		print_figure(&figures, request.figure);
	else if (status == 0)
		print_degree(&figures, &request);
	if (error)
		fprintf(stderr, "liquidnet sim grin-capacity: %s\n", error);
	free(error);
	return status;
}
