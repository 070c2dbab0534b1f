/* `liquidnet sim channel-switching`: its options, and the scorecard, a map of T and Tw, a space of conditions, or scenarios of one's own. */
#include "nodes/visits/sim/command.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "nodes/visits/sim/client.h"
#include "nodes/visits/sim/score.h"
#include "nodes/visits/sim/space.h"
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	enum sim_format format;
	bool map;
	uint64_t seed;
	unsigned runs, space; /* space: points; 0: none */
	const char *words, *published;
};

static const char help[] =
	"liquidnet sim channel-switching: one radio visits several access points, simulated (nodes/visits/README.md)\n\n"
	"  liquidnet sim channel-switching [OPTIONS]              published numbers beside the simulator's\n"
	"  liquidnet sim channel-switching [OPTIONS] SCENARIO...  for example 'ap=54Mbit/s ap=6Mbit/s:20% Tw=10ms'\n"
	"  liquidnet sim channel-switching --map SCENARIO         goodput over T (10 to 500 ms) and Tw (0.5 to 100 ms), as CSV\n"
	"  liquidnet sim channel-switching --space N              N points of radio conditions and wires: both policies, each access point alone\n\n"
	"  --runs N         runs a scenario, each with a seed of its own (1..1000; default 3)\n"
	"  --seed N         of the first run (default 1)\n"
	"  --with WORDS     added to every scenario, for example 'factor=4'\n"
	"  --format NAME    table (default) or csv\n"
	"  --published FILE the table of published numbers (default: data/visits/channel-switching-published.csv)\n\n"
	"A scenario: ap=PHY:SUCCESS:WIRE:WINDOW or ap=quiet, one per access point, and KEY=VALUE...; keys policy (fixed, dynamic, none), T, Tw, Tws, step,\n"
	"most, boost, factor, switching, overhead, stale, tries, backoff, delay, window, duration, warmup.\n";

static int complain(char *error, int status)
{
	fprintf(stderr, "liquidnet sim channel-switching: %s\n", error);
	free(error);
	return status;
}

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"runs", SIM_COUNT, &request->runs, 1, 1000},
		{"seed", SIM_SEED, &request->seed, 0, INT32_MAX}, {"with", SIM_TEXT, &request->words, 0, 0},
		{"format", SIM_FORMAT, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0}, {"map", SIM_FLAG, &request->map, 0, 0},
		{"space", SIM_COUNT, &request->space, 1, 10000}, {0}};
	int done = sim_options("channel-switching", options, argc, argv);

	if (done == SIM_HELP)
		fputs(help, stdout);
	if (done != SIM_GO_ON)
		return done;
	if (request->map && (optind + 1 != argc || request->space)) {
		fputs("liquidnet sim channel-switching: --map is of one scenario; write it behind\n", stderr);
		return 2;
	}
	if (request->space && optind != argc) {
		fprintf(stderr,
			"liquidnet sim channel-switching: --space has its own scenarios; leave `%s` out\n",
			argv[optind]);
		return 2;
	}
	return SIM_GO_ON;
}

/* ---- scenarios */

static int parse(const struct request *request, const char *text, struct scenario *scenario, char **error)
{
	char whole[SCENARIO_TEXT + 64];

	snprintf(whole, sizeof whole, "%s%s%s", text, *request->words ? " " : "", request->words);
	return scenario_parse(scenario, whole, error);
}

/* Means over the seeds. */
static int means_of(const struct request *request, const struct scenario *scenario,
	double means[CLIENT_MEASURES], char **error)
{
	double values[CLIENT_MEASURES];

	memset(means, 0, CLIENT_MEASURES * sizeof *means);
	for (unsigned r = 0; r < request->runs; r++) {
		if (client_run(scenario, request->seed + r, values, error) < 0)
			return -1;
		for (int m = 0; m < CLIENT_MEASURES; m++)
			means[m] += values[m] / request->runs;
	}
	return 0;
}

static int print_scenarios(const struct request *request, char **texts, int count)
{
	struct scenario *scenarios = calloc((size_t)count, sizeof *scenarios);
	double means[CLIENT_MEASURES];
	bool csv = request->format == SIM_CSV;
	char *error = NULL;
	int status = 0;

	if (!scenarios)
		abort();
	for (int i = 0; i < count && !error; i++)
		status = parse(request, texts[i], &scenarios[i], &error) < 0 ? 2 : 0;
	if (!error) {
		printf(csv ? "scenario" : "%-56s", "scenario");
		for (int m = 0; m < CLIENT_MEASURES; m++)
			printf(csv ? ",%s" : " %8s", client_measure_names[m]);
		putchar('\n');
	}
	for (int i = 0; i < count && !error; i++) {
		if (means_of(request, &scenarios[i], means, &error) < 0) {
			status = 1;
			break;
		}
		printf(csv ? "%s" : "%-56s", scenarios[i].text);
		for (int m = 0; m < CLIENT_MEASURES; m++)
			printf(csv ? ",%.6g" : " %8.3f", means[m]);
		putchar('\n');
	}
	free(scenarios);
	return error ? complain(error, status) : status;
}

/* ---- the map */

#define MAP 20

static int print_map(const struct request *request, const char *text)
{
	struct scenario scenario;
	double means[CLIENT_MEASURES];
	char *error = NULL;

	if (parse(request, text, &scenario, &error) < 0)
		return complain(error, 2);
	puts("T_ms,Tw_ms,total,delay");
	for (int t = 0; t < MAP; t++)
		for (int w = 0; w < MAP; w++) {
			scenario.visits.dwell_ns = (int64_t)(10 * pow(50, t / (MAP - 1.0)) * NS_PER_MS);
			scenario.visits.idle_ns = (int64_t)(0.5 * pow(200, w / (MAP - 1.0)) * NS_PER_MS);
			if (scenario.visits.idle_ns > scenario.visits.dwell_ns)
				continue;
			if (means_of(request, &scenario, means, &error) < 0)
				return complain(error, 1);
			printf("%.4g,%.4g,%.4f,%.2f\n", (double)scenario.visits.dwell_ns / NS_PER_MS,
				(double)scenario.visits.idle_ns / NS_PER_MS, means[CLIENT_TOTAL],
				means[CLIENT_DELAY]);
		}
	return 0;
}

/* ---- the space */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Least, 5 %, 25 %, median of the ratios of those points that are meant. */
static void print_quantiles(const char *what, const struct space *space,
	double (*ratio)(const struct space_point *), bool (*meant)(const struct space_point *))
{
	double *ratios = calloc(space->count, sizeof *ratios);
	size_t count = 0;

	if (!ratios)
		abort();
	for (size_t i = 0; i < space->count; i++)
		if (meant(&space->points[i]))
			ratios[count++] = ratio(&space->points[i]);
	qsort(ratios, count, sizeof *ratios, by_value);
	if (count)
		printf("%-44s %6zu %7.3f %7.3f %7.3f %7.3f\n", what, count, ratios[0], ratios[count / 20],
			ratios[count / 4], ratios[count / 2]);
	free(ratios);
}

static bool any(const struct space_point *p)
{
	(void)p;
	return true;
}

/* One radio could have the sum of both. */
static bool by_wires(const struct space_point *p)
{
	return p->bound > 0.999 * (p->alone[0] + p->alone[1]);
}

static double dynamic_by_better(const struct space_point *p)
{
	return p->moved / p->better;
}

static double fixed_by_better(const struct space_point *p)
{
	return p->fixed / p->better;
}

static double dynamic_by_bound(const struct space_point *p)
{
	return p->moved / p->bound;
}

static double fixed_by_bound(const struct space_point *p)
{
	return p->fixed / p->bound;
}

static void print_space_rows(const struct space *space)
{
	puts("scenario,alone1,alone2,air1,air2,fixed,dynamic,better,bound");
	for (size_t i = 0; i < space->count; i++) {
		const struct space_point *p = &space->points[i];
		printf("%s,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f\n", p->dynamic.text, p->alone[0],
			p->alone[1], p->air[0], p->air[1], p->fixed, p->moved, p->better, p->bound);
	}
}

static void print_space_summary(const struct space *space)
{
	const struct space_point *worst = space->points;

	printf("%-44s %6s %7s %7s %7s %7s\n", "ratio of goodputs", "points", "least", "5 %", "25 %",
		"median");
	print_quantiles("dynamic / the better access point alone", space, dynamic_by_better, any);
	print_quantiles("fixed, Tw = 10 ms / the same", space, fixed_by_better, any);
	print_quantiles("dynamic / the most of both", space, dynamic_by_bound, any);
	print_quantiles("fixed, Tw = 10 ms / the same", space, fixed_by_bound, any);
	print_quantiles("dynamic / the sum, where the air has room", space, dynamic_by_bound, by_wires);
	print_quantiles("fixed, Tw = 10 ms / the same", space, fixed_by_bound, by_wires);
	for (size_t i = 0; i < space->count; i++)
		if (dynamic_by_better(&space->points[i]) < dynamic_by_better(worst))
			worst = &space->points[i];
	printf("\n%zu points; the least is %s: %.2f of %.2f Mbit/s\n", space->count, worst->dynamic.text,
		worst->moved, worst->better);
}

static int print_space(const struct request *request)
{
	struct space space;
	struct scenario tried;
	char *error = NULL;

	if (parse(request, "ap=54Mbit/s", &tried, &error) < 0)
		return complain(error, 2);
	int status = space_measure(&space, request->space, request->seed, request->words, &error) < 0 ? 1 : 0;
	if (status == 0 && request->format == SIM_CSV)
		print_space_rows(&space);
	else if (status == 0)
		print_space_summary(&space);
	space_free(&space);
	return error ? complain(error, status) : status;
}

/* ---- the scorecard */

static void print_row(const struct request *request, const struct score_row *row)
{
	const char *as = score_as_names[row->number.as],
		   *judged = score_judgement_names[row->number.judgement],
		   *against = row->against.count ? row->against.text : "";

	if (request->format == SIM_CSV)
		printf("%s,%s,%s,%s,%s,%.6g,%.3g,%s,%s\n", row->scenario.text,
			client_measure_names[row->measure], against, as, row->number.published_text,
			row->number.measured, row->number.half, judged, row->number.source);
	else
		printf("%-60s %-6s %-8s %8s %9.3f +- %5.3f  %-8s %s\n", row->scenario.text,
			client_measure_names[row->measure], as, row->number.published_text,
			row->number.measured, row->number.half, judged, row->number.source);
}

static int print_score(const struct request *request)
{
	unsigned judged[SCORE_JUDGEMENTS] = {0};
	struct score score;
	char *error = NULL;

	if (score_load(&score, request->published, request->words, &error) < 0)
		return complain(error, 2);
	int status = score_measure(&score, request->seed, request->runs, &error) < 0 ? 1 : 0;
	if (request->format == SIM_CSV && status == 0)
		puts("scenario,measure,against,as,published,measured,ci95,judged,source");
	for (unsigned i = 0; i < score.count && status == 0; i++) {
		print_row(request, &score.rows[i]);
		judged[score.rows[i].number.judgement]++;
	}
	if (request->format == SIM_TABLE && status == 0)
		printf("\n%u rows: %u agree, %u near, %u differ, %u shown only; %u runs, seeds %llu..%llu\n",
			score.count, judged[SCORE_AGREES], judged[SCORE_NEAR], judged[SCORE_DIFFERS],
			judged[SCORE_NONE], request->runs, (unsigned long long)request->seed,
			(unsigned long long)(request->seed + request->runs - 1));
	score_free(&score);
	return error ? complain(error, status) : status;
}

int sim_channel_switching(int argc, char **argv)
{
	char published[PATH_MAX];
	struct request request = {.seed = 1, .runs = 3, .words = "", .published = published};

	published_find("visits/channel-switching-published.csv", published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	if (request.map)
		return print_map(&request, argv[optind]);
	if (request.space)
		return print_space(&request);
	return optind == argc ? print_score(&request)
			      : print_scenarios(&request, argv + optind, argc - optind);
}
