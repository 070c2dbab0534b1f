/* `liquidnet sim SYSTEM` of systems that bring a transport: options, and the scorecard, a figure, or scenarios of one's own as a table, CSV or JSON. */
#include "lib/fabric/command.h"
#include "lib/fabric/ports.h"
#include "lib/fabric/score.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	const struct fabric_program *program;
	enum sim_format format;
	uint64_t seed;
	unsigned runs;
	uint32_t workers;
	const char *published, *figure;
	bool ports;
};

static void print_help(const struct fabric_program *p)
{
	printf("liquidnet sim %s: %s\n\n", p->name, p->about);
	if (p->published)
		printf("  liquidnet sim %s [OPTIONS]                 published numbers beside the simulator's\n",
			p->name);
	printf("  liquidnet sim %s [OPTIONS] --figure NAME   a figure, point by point, as CSV: %s\n", p->name,
		p->figures);
	printf("  liquidnet sim %s [OPTIONS] SCENARIO...     for example 'incast:64 size=900KB window=10'\n",
		p->name);
	printf("  liquidnet sim %s [OPTIONS] --ports SCENARIO...   at which switches packets are trimmed, as CSV\n\n",
		p->name);
	fputs("  --runs N         runs a scenario, each with a seed of its own (1..1000; default 5)\n"
	      "  --seed N         of the first run (default 1)\n"
	      "  --jobs N         runs at a time (1..1024; default: one a processor)\n"
	      "  --format NAME    table (default), csv or json\n",
		stdout);
	if (p->published)
		printf("  --published FILE the table of published numbers (default: data/%s)\n",
			p->published);
	fputs("\nA scenario: PATTERN [KEY=VALUE...]\n"
	      "  patterns  incast:N, outcast:N, permutation, random, pairs:A-B+C-D, collateral:N, shortflow\n"
	      "  network   hosts (k^3/4), topology (fattree:K, leafspine:LEAVES:SPINES:HOSTS, jellyfish:SWITCHES:DEGREE:HOSTS, star:HOSTS,\n"
	      "            vl2:DA:DI:HOSTS), oversubscribed, rate, delay, slow=core:RATE\n"
	      "  flows     transport (",
		stdout);
	for (const struct transport *const *t = p->transports; *t; t++)
		printf("%s%s", t == p->transports ? "" : ", ", (*t)->name);
	fputs("), size, mtu (payload of a packet),\n"
	      "            spread, background (none, permutation, same), at, gap, length, measure\n"
	      "  queues    buffer (packets; published, whole)\n",
		stdout);
	fputs(p->words, stdout);
	fputs("  TCP       window, ssthresh, marks, subflows, rto, rto-least, scan\n"
	      "  code      published (default), mended: with or without the faults of the published simulator of NDP\n",
		stdout);
}

static const char *program; /* its name, for what is said of options */

static int fail(char *error)
{
	fprintf(stderr, "liquidnet sim %s: %s\n", program, error);
	free(error);
	return 2;
}

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"runs", SIM_COUNT, &request->runs, 1, 1000},
		{"seed", SIM_SEED, &request->seed, 0, INT64_MAX},
		{"jobs", SIM_COUNT, &request->workers, 1, 1024},
		{"format", SIM_FORMAT_JSON, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0},
		{"figure", SIM_TEXT, &request->figure, 0, 0}, {"ports", SIM_FLAG, &request->ports, 0, 0},
		{0}};
	int done = sim_options(program, options, argc, argv);

	if (done == SIM_HELP)
		print_help(request->program);
	if (done != SIM_GO_ON)
		return done;
	if (request->ports && (request->figure || optind == argc)) {
		fprintf(stderr, "liquidnet sim %s: --ports is of scenarios; name one, and no figure\n",
			program);
		return 2;
	}
	if (!request->figure || optind == argc)
		return SIM_GO_ON;
	fprintf(stderr, "liquidnet sim %s: a figure has its own scenarios; leave `%s` out\n", program,
		argv[optind]);
	return 2;
}

/* What JSON has no word for is null. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static int put_json(json_t *rows)
{
	json_dumpf(rows, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(rows);
	return 0;
}

/* ---- scenarios */

static void values_of(const struct job *jobs, unsigned runs, enum measure measure, double *mean, double *half)
{
	double values[1000];

	for (unsigned i = 0; i < runs; i++)
		values[i] = jobs[i].outcome.values[measure];
	fabric_score_mean(values, runs, mean, half);
}

static const char *unit_of(const struct scenario *scenario)
{
	return fabric_ends(scenario) ? "us" : "Gbit/s";
}

/* The measures that say something of this scenario. */
static bool of_interest(const struct scenario *s, enum measure measure)
{
	if (measure >= MEASURE_FLOW_1)
		return s->pattern == PATTERN_PAIRS && (uint32_t)(measure - MEASURE_FLOW_1) < s->pair_count;
	if (measure == MEASURE_DIP_MS)
		return s->pattern == PATTERN_COLLATERAL;
	if (measure == MEASURE_END || measure == MEASURE_OVER || measure == MEASURE_UNFINISHED)
		return fabric_ends(s);
	if (measure == MEASURE_DROPPED)
		return s->transport->discipline != SIM_TRIM;
	if (measure >= MEASURE_TRIMMED && measure <= MEASURE_HEADERS_LOST && measure != MEASURE_AGAIN)
		return s->transport->discipline == SIM_TRIM;
	return true;
}

static json_t *scenario_json(const struct scenario *s, const struct job *jobs, unsigned runs)
{
	json_t *row = json_pack("{ss ss si si}", "scenario", s->text, "unit", unit_of(s), "runs", runs,
		"samples", jobs->outcome.samples);
	double mean, half;

	for (enum measure m = 0; m < MEASURES; m++) {
		if (!of_interest(s, m))
			continue;
		values_of(jobs, runs, m, &mean, &half);
		json_object_set_new(row, fabric_measure_name(m),
			json_pack("{so so}", "mean", number(mean), "ci95", number(half)));
	}
	return row;
}

static void print_scenario(const struct request *request, const struct scenario *s, const struct job *jobs)
{
	double mean, half;

	if (request->format == SIM_TABLE)
		printf("%s  (%u flows, %u runs, %s)\n", s->text, jobs->outcome.samples, request->runs,
			unit_of(s));
	for (enum measure m = 0; m < MEASURES; m++) {
		if (!of_interest(s, m))
			continue;
		values_of(jobs, request->runs, m, &mean, &half);
		if (request->format == SIM_CSV)
			printf("%s,%s,%s,%u,%.6f,%.6f\n", s->text, fabric_measure_name(m), unit_of(s),
				request->runs, mean, half);
		else
			printf("  %-14s %14.4f +- %.4f\n", fabric_measure_name(m), mean, half);
	}
}

static int print_scenarios(const struct request *request, char **texts, int count)
{
	struct scenario *scenarios = calloc((size_t)count, sizeof *scenarios);
	json_t *rows = request->format == SIM_JSON ? json_array() : NULL;
	struct jobs jobs;
	char *error = NULL;
	int result = 0;

	if (!scenarios)
		abort();
	fabric_jobs_init(&jobs, (uint32_t)count * request->runs, 0);
	for (int i = 0; i < count && result == 0; i++)
		result = fabric_parse(&scenarios[i], request->program->transports, texts[i], &error);
	for (int i = 0; i < count && result == 0; i++)
		for (unsigned run = 0; run < request->runs; run++)
			fabric_jobs_add(&jobs, &scenarios[i], request->seed + run, 0);
	if (result == 0)
		result = fabric_jobs_run(&jobs, request->workers, &error);
	if (result == 0 && request->format == SIM_CSV)
		puts("scenario,measure,unit,runs,mean,ci95");
	for (int i = 0; i < count && result == 0; i++) {
		const struct job *first = &jobs.list[(unsigned)i * request->runs];
		if (rows)
			json_array_append_new(rows, scenario_json(&scenarios[i], first, request->runs));
		else
			print_scenario(request, &scenarios[i], first);
	}
	fabric_jobs_free(&jobs);
	free(scenarios);
	if (result < 0) {
		json_decref(rows);
		return fail(error);
	}
	return rows ? put_json(rows) : 0;
}

static int print_ports(const struct request *request, char **texts, int count)
{
	char *error = NULL;
	int result = 0;

	puts("scenario,from,to,runs,trimmed,ci95");
	for (int i = 0; i < count && result == 0; i++) {
		struct scenario scenario;
		result = fabric_parse(&scenario, request->program->transports, texts[i], &error);
		if (result == 0)
			result = fabric_ports(stdout, &scenario, request->seed, request->runs, &error);
	}
	return result < 0 ? fail(error) : 0;
}

/* ---- scorecard */

static json_t *row_json(const struct score_row *row)
{
	return json_pack("{ss ss ss ss so ss so so si ss ss}", "scenario", row->scenario.text, "measure",
		fabric_measure_name(row->measure), "against", row->against.hosts ? row->against.text : "",
		"as", fabric_score_as_name(row->as), "published", number(row->published), "tolerance",
		row->tolerance_text, "measured", number(row->measured), "ci95", number(row->half), "runs",
		row->n, "judged", fabric_score_judgement_name(row->judgement), "source", row->source);
}

static void print_row(const struct request *request, const struct score_row *row)
{
	const char *sign = row->as == SCORE_AT_MOST ? "<=" : row->as == SCORE_AT_LEAST ? ">=" : "";
	char published[32], share[40] = "";

	if (request->format == SIM_CSV) {
		printf("%s,%s,%s,%s,%s,%s,%.6f,%.6f,%u,%s,%s\n", row->scenario.text,
			fabric_measure_name(row->measure), row->against.hosts ? row->against.text : "",
			fabric_score_as_name(row->as), row->published_text, row->tolerance_text,
			row->measured, row->half, row->n, fabric_score_judgement_name(row->judgement),
			row->source);
		return;
	}
	snprintf(published, sizeof published, "%s%s", sign, row->published_text);
	if (row->as == SCORE_EXACT && row->agreeing < row->n)
		snprintf(share, sizeof share, " (%u of %u)", row->agreeing, row->n);
	printf("%-88s %-12s %12s %13.4f +- %-9.4f %6s  %s%s  %s\n", row->scenario.text,
		fabric_measure_name(row->measure), published, row->measured, row->half,
		row->as == SCORE_EXACT ? "exact" : row->tolerance_text,
		fabric_score_judgement_name(row->judgement), share, row->source);
}

static void print_total(const struct request *request, const struct score *score)
{
	unsigned judged[SCORE_JUDGEMENTS] = {0};

	for (unsigned i = 0; i < score->count; i++)
		judged[score->rows[i].judgement]++;
	printf("\n%u published numbers: %u agree (within their tolerance), %u near (twice that), %u differ; up to %u runs, seeds %llu..%llu\n",
		score->count, judged[SCORE_AGREES], judged[SCORE_NEAR], judged[SCORE_DIFFERS], request->runs,
		(unsigned long long)request->seed, (unsigned long long)(request->seed + request->runs - 1));
}

static int print_score(const struct request *request)
{
	json_t *rows = NULL;
	struct score score;
	char *error = NULL;

	if (fabric_score_load(&score, request->program->transports, request->published, &error) < 0)
		return fail(error);
	if (fabric_score_measure(&score, request->seed, request->runs, request->workers, &error) < 0) {
		fabric_score_free(&score);
		return fail(error);
	}
	if (request->format == SIM_JSON)
		rows = json_array();
	else if (request->format == SIM_CSV)
		puts("scenario,measure,against,as,published,tolerance,measured,ci95,runs,judged,source");
	else
		printf("%-88s %-12s %12s %26s %6s  %s\n", "scenario", "measure", "published", "measured",
			"within", "judged  source");
	for (unsigned i = 0; i < score.count; i++) {
		if (rows)
			json_array_append_new(rows, row_json(&score.rows[i]));
		else
			print_row(request, &score.rows[i]);
	}
	if (request->format == SIM_TABLE)
		print_total(request, &score);
	fabric_score_free(&score);
	return rows ? put_json(rows) : 0;
}

int fabric_command(const struct fabric_program *p, int argc, char **argv)
{
	char published[PATH_MAX];
	struct request request = {
		.program = p, .seed = 1, .runs = 5, .workers = fabric_jobs_workers(), .published = published};
	char *error = NULL;

	program = p->name;
	if (p->published)
		published_find(p->published, published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	if (request.ports)
		return print_ports(&request, argv + optind, argc - optind);
	if (request.figure)
		return p->figure(request.figure, stdout, request.seed, request.runs, request.workers,
			       &error) < 0
			       ? fail(error)
			       : 0;
	if (optind < argc)
		return print_scenarios(&request, argv + optind, argc - optind);
	if (p->published)
		return print_score(&request);
	print_help(p);
	return 0;
}
