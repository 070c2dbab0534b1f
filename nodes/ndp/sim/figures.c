/* The figures as a table, and a printer for each way of drawing. */
#include "nodes/ndp/sim/figures.h"
#include "lib/base/error.h"
#include "lib/fabric/score.h"
#include "nodes/ndp/sim/transports.h"
#include "nodes/ndp/sim/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a figure is drawn. */
enum drawing {
	DISTRIBUTION, /* each sample and the share of samples that are no larger */
	SWEEP, /* of each scenario: x, and the least, median, most of its samples, and what any protocol needs */
	FLOWS,    /* each flow's value */
	SEQUENCE, /* packets of an incast over time */
	RATE      /* throughput over time */
};

struct curve {
	const char *name, *scenario; /* SWEEP: with one %u, that x stands for */
	const unsigned *xs;          /* SWEEP: 0-ended */
};

struct figure {
	const char *name;
	enum drawing drawing;
	const char *columns;
	struct curve curves[6]; /* up to the first without a name */
};

static const unsigned packets[] = {1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 28, 40, 56, 80, 112, 0};
static const unsigned few_packets[] = {1, 2, 4, 6, 8, 10, 20, 40, 80, 112, 0};
static const unsigned senders[] = {1, 51, 101, 151, 201, 251, 301, 351, 401, 431, 0};
static const unsigned many_senders[] = {
	1, 2, 4, 8, 16, 32, 64, 100, 200, 400, 800, 1000, 2000, 4000, 8000, 0};

#define SHARES "figure,curve,value,share"
#define SIZES "figure,curve,x,least,median,most,ideal"

static const struct figure figures[] = {
	{"3.12", SEQUENCE, "figure,flow,time_us,sequence,event",
		{{"ndp", "incast:3 size=180KB design=d1.4 spread=5us", NULL}}},
	{"3.13", SEQUENCE, "figure,flow,time_us,sequence,event",
		{{"ndp", "incast:3 size=180KB design=d1.4 spread=5us", NULL}}},
	{"3.14", DISTRIBUTION, SHARES,
		{{"NDP", "permutation", NULL}, {"Packet spraying", "permutation transport=tcp-spray", NULL},
			{"MPTCP, 8 subflows, uncoupled", "permutation transport=mptcp-uncoupled", NULL},
			{"MPTCP, 8 subflows, LIA", "permutation transport=mptcp-lia", NULL},
			{"TCP", "permutation transport=tcp", NULL}}},
	{"3.15", DISTRIBUTION, SHARES,
		{{"NDP", "permutation slow=core:1Gbit/s", NULL},
			{"NDP, path penalty", "permutation slow=core:1Gbit/s penalty=yes", NULL},
			{"Packet spraying", "permutation slow=core:1Gbit/s transport=tcp-spray", NULL},
			{"MPTCP, 8 subflows, uncoupled",
				"permutation slow=core:1Gbit/s transport=mptcp-uncoupled", NULL}}},
	{"3.16", DISTRIBUTION, SHARES,
		{{"NDP", "shortflow size=90KB background=permutation", NULL},
			{"Packet spraying",
				"shortflow size=90KB background=permutation transport=tcp-spray rto=10ms scan=1ms",
				NULL},
			{"MPTCP, LIA",
				"shortflow size=90KB background=permutation transport=mptcp-lia rto=10ms scan=1ms",
				NULL},
			{"MPTCP, OLIA",
				"shortflow size=90KB background=permutation transport=mptcp-olia rto=10ms scan=1ms",
				NULL}}},
	{"3.17", DISTRIBUTION, SHARES,
		{{"NDP of D1.4", "shortflow size=90KB background=same design=d1.4", NULL},
			{"NDP, fair pulls", "shortflow size=90KB background=same", NULL},
			{"Packet spraying",
				"shortflow size=90KB background=same transport=tcp-spray rto=10ms scan=1ms",
				NULL},
			{"TCP", "shortflow size=90KB background=same transport=tcp rto=10ms scan=1ms",
				NULL}}},
	{"3.18", DISTRIBUTION, SHARES,
		{{"50 packets",
			 "shortflow size=90KB background=same transport=tcp-spray rto=10ms scan=1ms buffer=50",
			 NULL},
			{"100 packets",
				"shortflow size=90KB background=same transport=tcp-spray rto=10ms scan=1ms buffer=100",
				NULL},
			{"200 packets",
				"shortflow size=90KB background=same transport=tcp-spray rto=10ms scan=1ms buffer=200",
				NULL}}},
	{"3.19", SWEEP, SIZES, {{"NDP", "incast:64 window=10 size=%uKB", packets}}},
	{"3.20", SWEEP, SIZES,
		{{"NDP", "incast:200 hosts=432 window=10 bounce=no rto=1ms size=%uKB", packets}}},
	{"3.21", SWEEP, SIZES,
		{{"TCP, packet spraying",
			 "incast:200 hosts=432 transport=tcp-spray rto=10ms scan=1ms size=%uKB", few_packets},
			{"NDP", "incast:200 hosts=432 window=10 size=%uKB", few_packets}}},
	{"3.22", RATE, "figure,curve,time_ms,gbit_s", {{"NDP", "collateral:64 size=900KB window=15", NULL}}},
	{"S.14", DISTRIBUTION, SHARES,
		{{"NDP", "permutation hosts=432", NULL},
			{"MPTCP", "permutation hosts=432 transport=mptcp-uncoupled", NULL},
			{"DCTCP", "permutation hosts=432 transport=dctcp", NULL}}},
	{"S.16", SWEEP, SIZES, {{"NDP", "incast:%u hosts=432 size=450KB", senders}}},
	{"S.20", SWEEP, SIZES,
		{{"IW 1", "incast:%u hosts=8192 size=270KB window=1", many_senders},
			{"IW 10", "incast:%u hosts=8192 size=270KB window=10", many_senders},
			{"IW 23", "incast:%u hosts=8192 size=270KB window=23", many_senders}}},
	{"sizes", SWEEP, SIZES,
		{{"NDP", "incast:7 topology=leafspine:4:2:2 size=%uKB", few_packets},
			{"TCP", "incast:7 topology=leafspine:4:2:2 transport=tcp buffer=8 rto-least=200ms code=mended size=%uKB",
				few_packets},
			{"TCP, least RTO 1 ms",
				"incast:7 topology=leafspine:4:2:2 transport=tcp buffer=8 code=mended size=%uKB",
				few_packets},
			{"DCTCP", "incast:7 topology=leafspine:4:2:2 transport=dctcp code=mended size=%uKB",
				few_packets}}},
	{"S.21", FLOWS, "figure,curve,value,ci95", {{"NDP", "pairs:0-124+0-125+0-126+0-127+60-127", NULL}}},
};

#define FIGURES (sizeof figures / sizeof *figures)

/* ---- scenarios of a figure */

/* One scenario of a curve, and its runs among the jobs. */
struct point {
	const struct curve *curve;
	struct scenario scenario;
	unsigned x;
	uint32_t first;
};

struct points {
	struct point *list;
	unsigned count;
};

/* Sizes are so many packets of 9 KB. */
static unsigned x_of(const struct curve *curve, unsigned x)
{
	return strstr(curve->scenario, "size=%uKB") ? 9 * x : x;
}

static int add_point(struct points *points, const struct curve *curve, unsigned x, char **error)
{
	char text[SCENARIO_TEXT];
	const char *at = strstr(curve->scenario, "%u");

	if (at)
		snprintf(text, sizeof text, "%.*s%u%s", (int)(at - curve->scenario), curve->scenario,
			x_of(curve, x), at + 2);
	else
		snprintf(text, sizeof text, "%s", curve->scenario);
	points->list = realloc(points->list, (points->count + 1) * sizeof *points->list);
	if (!points->list)
		abort();
	struct point *point = &points->list[points->count++];
	*point = (struct point){.curve = curve, .x = x};
	return fabric_parse(&point->scenario, ndp_transports, text, error);
}

static int add_curve(struct points *points, const struct curve *curve, char **error)
{
	if (!curve->xs)
		return add_point(points, curve, 0, error);
	for (const unsigned *x = curve->xs; *x; x++)
		if (add_point(points, curve, *x, error) < 0)
			return -1;
	return 0;
}

#define SAMPLES_MOST 8192 /* of a run */

static int run_points(struct points *points, struct jobs *jobs, uint64_t seed, unsigned runs,
	uint32_t workers, char **error)
{
	fabric_jobs_init(jobs, points->count * runs, (uint64_t)points->count * runs * SAMPLES_MOST);
	for (unsigned i = 0; i < points->count; i++) {
		points->list[i].first = jobs->count;
		for (unsigned run = 0; run < runs; run++)
			fabric_jobs_add(jobs, &points->list[i].scenario, seed + run, SAMPLES_MOST);
	}
	return fabric_jobs_run(jobs, workers, error);
}

/* ---- drawings */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* All runs' samples together, ascending; the caller frees them. */
static double *pool_samples(const struct jobs *jobs, uint32_t first, unsigned runs, uint32_t *count)
{
	double *all = calloc((size_t)runs * SAMPLES_MOST, sizeof *all);

	if (!all)
		abort();
	*count = 0;
	for (uint32_t i = first; i < first + runs; i++) {
		uint32_t samples = jobs->list[i].outcome.samples;
		samples = samples < SAMPLES_MOST ? samples : SAMPLES_MOST;
		memcpy(all + *count, jobs->list[i].samples, samples * sizeof *all);
		*count += samples;
	}
	qsort(all, *count, sizeof *all, ascending);
	return all;
}

static void print_distribution(
	FILE *out, const char *figure, const struct point *point, const struct jobs *jobs, unsigned runs)
{
	uint32_t count;
	double *samples = pool_samples(jobs, point->first, runs, &count);

	for (uint32_t i = 0; i < count; i++)
		fprintf(out, "%s,\"%s\",%.4f,%.5f\n", figure, point->curve->name, samples[i],
			(double)(i + 1) / count);
	free(samples);
}

static double mean_of(const struct jobs *jobs, uint32_t first, unsigned runs, enum measure measure)
{
	double sum = 0;

	for (uint32_t i = first; i < first + runs; i++)
		sum += jobs->list[i].outcome.values[measure];
	return sum / runs;
}

static void print_sweep(
	FILE *out, const char *figure, const struct point *point, const struct jobs *jobs, unsigned runs)
{
	double most = mean_of(jobs, point->first, runs, MEASURE_MOST),
	       over = mean_of(jobs, point->first, runs, MEASURE_OVER);

	fprintf(out, "%s,\"%s\",%u,%.3f,%.3f,%.3f,%.3f\n", figure, point->curve->name,
		x_of(point->curve, point->x), mean_of(jobs, point->first, runs, MEASURE_LEAST),
		mean_of(jobs, point->first, runs, MEASURE_MEDIAN), most, most / (1 + over));
}

static void print_flows(
	FILE *out, const char *figure, const struct point *point, const struct jobs *jobs, unsigned runs)
{
	double *values = calloc(runs, sizeof *values), mean, half;

	if (!values)
		abort();
	for (uint32_t flow = 0; flow < point->scenario.pair_count; flow++) {
		for (unsigned run = 0; run < runs; run++)
			values[run] = jobs->list[point->first + run].outcome.values[MEASURE_FLOW_1 + flow];
		fabric_score_mean(values, runs, &mean, &half);
		fprintf(out, "%s,\"%u to %u\",%.4f,%.4f\n", figure, point->scenario.pairs[flow][0],
			point->scenario.pairs[flow][1], mean, half);
	}
	free(values);
}

static int print_pooled(FILE *out, const struct figure *figure, struct points *points, uint64_t seed,
	unsigned runs, uint32_t workers, char **error)
{
	struct jobs jobs;
	int result = run_points(points, &jobs, seed, runs, workers, error);

	for (unsigned i = 0; i < points->count && result == 0; i++) {
		if (figure->drawing == DISTRIBUTION)
			print_distribution(out, figure->name, &points->list[i], &jobs, runs);
		else if (figure->drawing == SWEEP)
			print_sweep(out, figure->name, &points->list[i], &jobs, runs);
		else
			print_flows(out, figure->name, &points->list[i], &jobs, runs);
	}
	fabric_jobs_free(&jobs);
	return result;
}

static const struct figure *find(const char *name, char **error)
{
	char known[256] = "";

	for (size_t i = 0; i < FIGURES; i++) {
		if (!strcmp(figures[i].name, name))
			return &figures[i];
		size_t used = strlen(known);
		snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", figures[i].name);
	}
	error_set(error, "no figure `%s`; there are %s", name, known);
	return NULL;
}

int figure_print(const char *name, FILE *out, uint64_t seed, unsigned runs, uint32_t workers, char **error)
{
	const struct figure *figure = find(name, error);
	struct points points = {0};
	int result = figure ? 0 : -1;

	for (int i = 0; result == 0 && i < 6 && figure->curves[i].name; i++)
		result = add_curve(&points, &figure->curves[i], error);
	if (result == 0) {
		fprintf(out, "%s\n", figure->columns);
		if (figure->drawing == SEQUENCE)
			result = watch_sequence(
				out, name, &points.list[0].scenario, seed, !strcmp(name, "3.13"), error);
		else if (figure->drawing == RATE)
			result = watch_rate(out, name, &points.list[0].scenario, seed, error);
		else
			result = print_pooled(out, figure, &points, seed, runs, workers, error);
	}
	free(points.list);
	return result;
}
