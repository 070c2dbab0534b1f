/* `liquidnet sim migration`: its options, and the scorecard, one migration round by round, total and downtime over what is written, or scenarios. */
#include "nodes/migration/sim/command.h"

#include "lib/base/error.h"
#include "lib/sim/estimate.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "nodes/migration/pages.h"
#include "nodes/migration/sim/score.h"
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS_MAX 1000
#define STEPS 25 /* of --sweep, a twentieth of the rate each */

struct request {
	enum sim_format format;
	uint64_t seed;
	unsigned runs;
	bool sweep;
	const char *words, *published;
	const char *ram, *rate, *dirty, *working, *mode; /* of one migration; NULL: not said */
};

static const char help[] =
	"liquidnet sim migration: how long a running machine's move takes (nodes/migration/README.md)\n\n"
	"  liquidnet sim migration [OPTIONS]              published numbers beside formulas and pages\n"
	"  liquidnet sim migration --ram 250MB --rate 1Gbit/s [--dirty 200Mbit/s] [--working 50MB] [--mode postcopy]\n"
	"                                                 one migration, round by round\n"
	"  liquidnet sim migration [OPTIONS] SCENARIO...  for example 'ram=250MB rate=1Gbit/s dirty=200Mbit/s pattern=random'\n"
	"  liquidnet sim migration --sweep SCENARIO       totals and downtimes over what is written, as CSV: where pre-copy stops converging\n\n"
	"  --runs N         runs a scenario, each with a seed of its own (1..1000; default 3)\n"
	"  --seed N         of the first run (default 1)\n"
	"  --with WORDS     added to every scenario, for example 'pause=30ms'\n"
	"  --format NAME    table (default) or csv\n"
	"  --published FILE the table of published numbers (default: data/migration/migration-published.csv)\n\n"
	"A scenario is KEY=VALUE...; keys: %s.\n";

static int complain(char *error, int status)
{
	fprintf(stderr, "liquidnet sim migration: %s\n", error);
	free(error);
	return status;
}

static bool says_one(const struct request *r)
{
	return r->ram || r->rate || r->dirty || r->working || r->mode;
}

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"runs", SIM_COUNT, &request->runs, 1, RUNS_MAX},
		{"seed", SIM_SEED, &request->seed, 0, INT32_MAX}, {"with", SIM_TEXT, &request->words, 0, 0},
		{"format", SIM_FORMAT, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0},
		{"sweep", SIM_FLAG, &request->sweep, 0, 0}, {"ram", SIM_TEXT, &request->ram, 0, 0},
		{"rate", SIM_TEXT, &request->rate, 0, 0}, {"dirty", SIM_TEXT, &request->dirty, 0, 0},
		{"working", SIM_TEXT, &request->working, 0, 0}, {"mode", SIM_TEXT, &request->mode, 0, 0},
		{0}};
	int done = sim_options("migration", options, argc, argv);

	if (done == SIM_HELP)
		printf(help, scenario_keys);
	if (done != SIM_GO_ON)
		return done;
	if (request->sweep && (optind + 1 != argc || says_one(request))) {
		fputs("liquidnet sim migration: --sweep is of one scenario; write it behind\n", stderr);
		return 2;
	}
	if (says_one(request) && optind != argc) {
		fprintf(stderr,
			"liquidnet sim migration: `%s` stands beside --ram and the like; write one or the other\n",
			argv[optind]);
		return 2;
	}
	return SIM_GO_ON;
}

static int parse(const struct request *request, const char *text, struct scenario *scenario, char **error)
{
	char whole[2 * SCENARIO_TEXT];

	snprintf(whole, sizeof whole, "%s%s%s", text, *request->words ? " " : "", request->words);
	return scenario_parse(scenario, whole, error);
}

static void means_of(
	const struct request *request, const struct scenario *scenario, double means[PAGES_MEASURES])
{
	double values[PAGES_MEASURES];

	memset(means, 0, PAGES_MEASURES * sizeof *means);
	for (unsigned r = 0; r < request->runs; r++) {
		pages_run(scenario, request->seed + r, values, NULL);
		for (int m = 0; m < PAGES_MEASURES; m++)
			means[m] += values[m] / request->runs;
	}
}

static int print_scenarios(const struct request *request, char **texts, int count)
{
	struct scenario *scenarios = calloc((size_t)count, sizeof *scenarios);
	double means[PAGES_MEASURES];
	bool csv = request->format == SIM_CSV;
	char *error = NULL;

	if (!scenarios)
		abort();
	for (int i = 0; i < count && !error; i++)
		parse(request, texts[i], &scenarios[i], &error);
	if (!error) {
		printf(csv ? "scenario" : "%-56s", "scenario");
		for (int m = 0; m < PAGES_MEASURES; m++)
			printf(csv ? ",%s" : " %9s", page_measure_names[m]);
		putchar('\n');
	}
	for (int i = 0; i < count && !error; i++) {
		means_of(request, &scenarios[i], means);
		printf(csv ? "%s" : "%-56s", scenarios[i].text);
		for (int m = 0; m < PAGES_MEASURES; m++)
			printf(csv ? ",%.6g" : " %9.3f", means[m]);
		putchar('\n');
	}
	free(scenarios);
	return error ? complain(error, 2) : 0;
}

/* ---- one migration */

static void print_rounds(bool csv, const struct copy_plan *formula, const struct copy_plan *pages)
{
	puts(csv ? "round,formula_bytes,formula_s,pages_bytes,pages_s"
		 : "round    MB, s by formula       MB, s by pages");
	for (unsigned i = 0; i < formula->rounds || i < pages->rounds; i++) {
		const struct copy_round none = {0}, *f = i < formula->rounds ? &formula->round[i] : &none,
					*p = i < pages->rounds ? &pages->round[i] : &none;
		if (csv)
			printf("%u,%.0f,%.6f,%.0f,%.6f\n", i + 1, f->bytes, f->seconds, p->bytes, p->seconds);
		else
			printf("%5u %9.3f %9.4f    %9.3f %9.4f\n", i + 1, f->bytes / 1e6, f->seconds,
				p->bytes / 1e6, p->seconds);
	}
}

static int print_one(const struct request *request)
{
	const struct {
		const char *key, *value;
	} said[] = {{"ram", request->ram}, {"rate", request->rate}, {"dirty", request->dirty},
		{"working", request->working}, {"mode", request->mode}};
	char text[2 * SCENARIO_TEXT] = "", *error = NULL;
	struct scenario scenario;
	struct copy_plan formula, pages;
	double values[PAGES_MEASURES];

	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (said[i].value) {
			size_t length = strlen(text);
			snprintf(text + length, sizeof text - length, "%s%s=%s", length ? " " : "",
				said[i].key, said[i].value);
		}
	if (parse(request, text, &scenario, &error) < 0)
		return complain(error, 2);
	copy_plan(&scenario.copy, NULL, NULL, &formula);
	pages_run(&scenario, request->seed, values, &pages);
	print_rounds(request->format == SIM_CSV, &formula, &pages);
	if (request->format == SIM_CSV)
		return 0;
	printf("\n%-10s %9s %9s\n", "", "formula", "pages");
	printf("%-10s %9.4f %9.4f s\n", "total", formula.total_s, pages.total_s);
	printf("%-10s %9.4f %9.4f s\n", "mu", formula.mu_s, pages.mu_s);
	printf("%-10s %9.4f %9.4f s\n", "downtime", formula.downtime_s, pages.downtime_s);
	printf("%-10s %9.4f %9.4f s, the machine runs and not all of it is there\n", "behind",
		formula.behind_s, pages.behind_s);
	printf("%-10s %9.3f %9.3f MB\n", "sent", formula.bytes / 1e6, pages.bytes / 1e6);
	printf("%-10s %9s %9s\n", "outcome", copy_outcome_names[formula.outcome],
		copy_outcome_names[pages.outcome]);
	return 0;
}

/* ---- over what is written */

static int print_sweep(const struct request *request, const char *text)
{
	struct scenario scenario;
	double values[PAGES_MEASURES];
	char *error = NULL;

	if (parse(request, text, &scenario, &error) < 0)
		return complain(error, 2);
	puts("dirty_mbps,formula_total,formula_downtime,formula_rounds,outcome,total,downtime,rounds,sent_mb");
	for (uint64_t step = 0; step < STEPS; step++) {
		struct copy_plan formula;
		scenario.copy.dirty_bps = scenario.copy.rate_bps / 20 * step;
		copy_plan(&scenario.copy, NULL, NULL, &formula);
		means_of(request, &scenario, values);
		printf("%.6g,%.6g,%.6g,%u,%s,%.6g,%.6g,%.4g,%.6g\n", (double)scenario.copy.dirty_bps / 1e6,
			formula.total_s, formula.downtime_s, formula.rounds,
			copy_outcome_names[formula.outcome], values[PAGES_TOTAL], values[PAGES_DOWNTIME],
			values[PAGES_ROUNDS], values[PAGES_SENT]);
	}
	return 0;
}

/* ---- the scorecard */

static void print_row(const struct request *request, const struct score_row *row)
{
	const char *as = score_as_names[row->number.as],
		   *judged = score_judgement_names[row->number.judgement];

	if (request->format == SIM_CSV)
		printf("%s,%s,%s,%s,%.6g,%.3g,%s,%s\n", row->scenario.text, page_measure_names[row->measure],
			as, row->number.published_text, row->number.measured, row->number.half, judged,
			row->number.source);
	else
		printf("%-62s %-8s %-7s %8s %9.3f +- %5.3f  %-8s %s\n", row->scenario.text,
			page_measure_names[row->measure], as, row->number.published_text,
			row->number.measured, row->number.half, judged, row->number.source);
}

static int print_score(const struct request *request)
{
	unsigned judged[SCORE_JUDGEMENTS] = {0};
	struct score score;
	char *error = NULL;

	if (score_load(&score, request->published, request->words, &error) < 0)
		return complain(error, 2);
	score_measure(&score, request->seed, request->runs);
	if (request->format == SIM_CSV)
		puts("scenario,measure,as,published,measured,ci95,judged,source");
	for (unsigned i = 0; i < score.count; i++) {
		print_row(request, &score.rows[i]);
		judged[score.rows[i].number.judgement]++;
	}
	if (request->format == SIM_TABLE)
		printf("\n%u rows: %u agree, %u near, %u differ, %u shown only; %u runs, seeds %llu..%llu\n",
			score.count, judged[SCORE_AGREES], judged[SCORE_NEAR], judged[SCORE_DIFFERS],
			judged[SCORE_NONE], request->runs, (unsigned long long)request->seed,
			(unsigned long long)(request->seed + request->runs - 1));
	score_free(&score);
	return 0;
}

int sim_migration(int argc, char **argv)
{
	char published[PATH_MAX];
	struct request request = {.seed = 1, .runs = 3, .words = "", .published = published};

	published_find("migration/migration-published.csv", published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	if (says_one(&request))
		return print_one(&request);
	if (request.sweep)
		return print_sweep(&request, argv[optind]);
	return optind == argc ? print_score(&request)
			      : print_scenarios(&request, argv + optind, argc - optind);
}
