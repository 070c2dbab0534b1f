/* `liquidnet sim c3`: its options, and the scorecard, a figure, or scenarios of one's own as a table, CSV or JSON. */
#include "nodes/replica/sim/command.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "nodes/replica/sim/figures.h"
#include "nodes/replica/sim/score.h"
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	enum sim_format format;
	uint64_t seed;
	unsigned runs;
	const char *words, *published, *figure;
	json_t *rows; /* JSON: what was printed so far */
};

static const char help[] =
	"liquidnet sim c3: choosing replicas by C3 and by others, simulated (nodes/replica/README.md)\n\n"
	"  liquidnet sim c3 [OPTIONS]                 published numbers beside the simulator's\n"
	"  liquidnet sim c3 --figure NAME             3.23, 3.25, 3.26: arithmetic of the policy, as CSV\n"
	"  liquidnet sim c3 [OPTIONS] --figure S.T    every T, load, number of clients and selection\n"
	"  liquidnet sim c3 [OPTIONS] SCENARIO...     for example 'select=lor clients=300 fluctuation=100ms'\n\n"
	"  --runs N         runs a scenario, each with a seed of its own (1..1000; default 5)\n"
	"  --seed N         of the first run (default 1)\n"
	"  --with WORDS     added to every scenario, for example 'repair=0'\n"
	"  --format NAME    table (default), csv or json\n"
	"  --published FILE the table of published numbers (default: data/replica/c3-published.csv)\n\n"
	"A scenario: KEY=VALUE...; keys select (c3, lor, rr, ds, random, oracle), control (yes, no), servers, concurrency, service,\n"
	"clients, generators, replicas, fluctuation (a time; 0: none), ratio, load, network, repair, arrivals (exponential, absim,\n"
	"closed), requests, warmup, skew (SHARE:DEMAND of clients), slow (SHARE:TIMES of servers).\n";

static int complain(const char *error)
{
	fprintf(stderr, "liquidnet sim c3: %s\n", error);
	return 2;
}

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"runs", SIM_COUNT, &request->runs, 1, 1000},
		{"seed", SIM_SEED, &request->seed, 0, INT64_MAX}, {"with", SIM_TEXT, &request->words, 0, 0},
		{"format", SIM_FORMAT_JSON, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0},
		{"figure", SIM_TEXT, &request->figure, 0, 0}, {0}};
	int done = sim_options("c3", options, argc, argv);

	if (done == SIM_HELP)
		fputs(help, stdout);
	if (done != SIM_GO_ON)
		return done;
	if (!request->figure || optind == argc)
		return SIM_GO_ON;
	fprintf(stderr, "liquidnet sim c3: a figure has its own scenarios; leave `%s` out\n", argv[optind]);
	return 2;
}

/* JSON has no word for what is not a number: the interval of one run. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* ---- scenarios ---- */

static void print_scenario(struct request *request, const struct runs *runs, unsigned n)
{
	struct estimate e[CLUSTER_MEASURES];

	for (int m = 0; m < CLUSTER_MEASURES; m++)
		e[m] = runs_measure(runs, n, (enum cluster_measure)m);
	if (request->format == SIM_JSON) {
		json_t *row = json_pack("{ss}", "scenario", runs_scenario(runs, n)->text);
		for (int m = 0; m < CLUSTER_MEASURES; m++)
			json_object_set_new(row, cluster_measure_names[m],
				json_pack("{soso}", "mean", number(e[m].mean), "ci95", number(e[m].half)));
		json_array_append_new(request->rows, row);
	} else if (request->format == SIM_CSV) {
		fputs(runs_scenario(runs, n)->text, stdout);
		for (int m = 0; m < CLUSTER_MEASURES; m++)
			printf(",%.6g,%.3g", e[m].mean, e[m].half);
		putchar('\n');
	} else
		printf("%-52s %7.2f %7.2f %7.2f %8.2f %8.2f +- %6.2f %8.0f %5.1f%% %6.1f %6.3f\n",
			runs_scenario(runs, n)->text, e[CLUSTER_MEAN].mean, e[CLUSTER_P50].mean,
			e[CLUSTER_P95].mean, e[CLUSTER_P99].mean, e[CLUSTER_P999].mean, e[CLUSTER_P999].half,
			e[CLUSTER_THROUGHPUT].mean, 100 * e[CLUSTER_HELD].mean, e[CLUSTER_BUSIEST].mean,
			e[CLUSTER_HERD].mean);
}

static void print_scenario_header(const struct request *request)
{
	if (request->format == SIM_TABLE)
		printf("%-52s %7s %7s %7s %8s %18s %8s %6s %6s %6s\n", "scenario", "mean ms", "p50", "p95",
			"p99", "p99.9", "req/s", "held", "burst", "herd");
	if (request->format != SIM_CSV)
		return;
	fputs("scenario", stdout);
	for (int m = 0; m < CLUSTER_MEASURES; m++)
		printf(",%s,%s_ci95", cluster_measure_names[m], cluster_measure_names[m]);
	putchar('\n');
}

static int add(struct runs *runs, const char *text, const char *words)
{
	struct scenario scenario;
	char *error = NULL, *warning = NULL, whole[sizeof scenario.text + 64];

	snprintf(whole, sizeof whole, "%s%s%s", text, *words ? " " : "", words);
	if (scenario_parse(&scenario, whole, &error, &warning) < 0) {
		int status = complain(error);
		free(error);
		return status;
	}
	if (warning)
		fprintf(stderr, "liquidnet sim c3: warning: %s\n", warning);
	free(warning);
	runs_add(runs, &scenario);
	return 0;
}

/* Runs what was added and prints it; on standard error how fast, when a person looks. */
static int run_and_print(struct request *request, struct runs *runs)
{
	char *error = NULL;
	int64_t began = clock_now_ns();

	if (runs_go(runs, &error) < 0) {
		complain(error);
		free(error);
		return 1;
	}
	double seconds = (double)(clock_now_ns() - began) / (double)NS_PER_S, requests = 0;
	print_scenario_header(request);
	for (unsigned i = 0; i < runs_count(runs); i++) {
		print_scenario(request, runs, i);
		requests += (double)request->runs * runs_scenario(runs, i)->requests;
	}
	if (request->format == SIM_TABLE)
		printf("\n%.0f requests in %.2f s: %.2f million requests/s\n", requests, seconds,
			requests / seconds / 1e6);
	return 0;
}

/* ---- figures ---- */

static int print_sweep(struct request *request, struct runs *runs)
{
	static const int times[] = {10, 50, 100, 200, 300, 500}, loads[] = {45, 70}, clients[] = {150, 300};
	char text[128];
	int status = 0;

	for (int l = 0; l < 2; l++)
		for (int c = 0; c < 2; c++)
			for (int t = 0; t < 6; t++)
				for (int s = 0; s < SELECTIONS && status == 0; s++) {
					snprintf(text, sizeof text,
						"select=%s fluctuation=%dms clients=%d load=%d%%",
						selection_names[s], times[t], clients[c], loads[l]);
					status = add(runs, text, request->words);
				}
	return status ? status : run_and_print(request, runs);
}

static int print_figure(struct request *request, struct runs *runs)
{
	if (!strcmp(request->figure, "S.T"))
		return print_sweep(request, runs);
	if (figure_print(request->figure, stdout) == 0)
		return 0;
	fprintf(stderr, "liquidnet sim c3: no figure `%s`; there are S.T", request->figure);
	for (int i = 0; c3_figures[i]; i++)
		fprintf(stderr, ", %s", c3_figures[i]);
	fputc('\n', stderr);
	return 2;
}

/* ---- scorecard ---- */

static void print_row(struct request *request, const struct runs *runs, const struct score_row *row)
{
	const char *scenario = runs_scenario(runs, row->scenario)->text,
		   *against = row->against == row->scenario ? "" : runs_scenario(runs, row->against)->text,
		   *measure = cluster_measure_names[row->measure], *as = score_as_names[row->as],
		   *judged = score_judgement_names[row->judgement];
	char published[24];

	if (request->format == SIM_JSON) {
		json_array_append_new(request->rows,
			json_pack("{ss ss ss ss ss so so ss ss}", "scenario", scenario, "measure", measure,
				"against", against, "as", as, "published", row->published_text, "measured",
				number(row->measured.mean), "ci95", number(row->measured.half), "judged",
				judged, "source", row->source));
		return;
	}
	if (request->format == SIM_CSV) {
		printf("%s,%s,%s,%s,%s,%.5g,%.3g,%s,%s\n", scenario, measure, against, as,
			row->published_text, row->measured.mean, row->measured.half, judged, row->source);
		return;
	}
	snprintf(published, sizeof published, "%s%s",
		row->as == SCORE_LESS   ? "< "
		: row->as == SCORE_MORE ? "> "
					: "",
		row->published_text);
	printf("%s%s%s\n    %-10s %8s %9.3f +- %6.3f  %-8s %s\n", scenario, *against ? " / " : "", against,
		measure, published, row->measured.mean, row->measured.half, judged, row->source);
}

static int print_score(struct request *request, struct runs *runs)
{
	unsigned judged[SCORE_JUDGEMENTS] = {0};
	struct score score;
	char *error = NULL;

	int status = score_load(&score, request->published, request->words, runs, &error) < 0 ? 2 : 0;
	if (status == 0 && runs_go(runs, &error) < 0)
		status = 1;
	if (status) {
		complain(error);
		free(error);
		score_free(&score);
		return status;
	}
	score_judge(&score, runs);
	if (request->format == SIM_CSV)
		puts("scenario,measure,against,as,published,measured,ci95,judged,source");
	for (unsigned i = 0; i < score.count; i++) {
		print_row(request, runs, &score.rows[i]);
		judged[score.rows[i].judgement]++;
	}
	if (request->format == SIM_TABLE)
		printf("\n%u rows: %u agree, %u near, %u differ, %u without a published number; %u runs, seeds %llu..%llu\n",
			score.count, judged[SCORE_AGREES], judged[SCORE_NEAR], judged[SCORE_DIFFERS],
			judged[SCORE_NONE], request->runs, (unsigned long long)request->seed,
			(unsigned long long)(request->seed + request->runs - 1));
	score_free(&score);
	return 0;
}

int sim_c3(int argc, char **argv)
{
	char published[PATH_MAX];
	struct request request = {.seed = 1, .runs = 5, .words = "", .published = published};
	int status = 0;

	published_find("replica/c3-published.csv", published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	if (request.format == SIM_JSON)
		request.rows = json_array();
	struct runs *runs = runs_new(request.seed, request.runs);
	if (request.figure)
		status = print_figure(&request, runs);
	else if (optind == argc)
		status = print_score(&request, runs);
	else {
		for (int i = optind; i < argc && status == 0; i++)
			status = add(runs, argv[i], request.words);
		if (status == 0)
			status = run_and_print(&request, runs);
	}
	if (request.rows && status == 0) {
		json_dumpf(request.rows, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
		putchar('\n');
	}
	json_decref(request.rows);
	runs_free(runs);
	return status;
}
