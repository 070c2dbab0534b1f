/* `liquidnet sim kibbutz`: its options, and the scorecard, a figure, or scenarios of one's own as a table,
 * CSV or JSON. */
#include "nodes/kibbutz/sim/command.h"
#include "lib/base/error.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "nodes/kibbutz/sim/figures.h"
#include "nodes/kibbutz/sim/replay.h"
#include "nodes/kibbutz/sim/score.h"

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
	const char *words, *published, *figure, *replay;
	json_t *rows; /* JSON: what was printed so far */
	bool header;
};

static const char help[] =
	"liquidnet sim kibbutz: the Mobile Kibbutz, simulated (nodes/kibbutz/README.md)\n\n"
	"  liquidnet sim kibbutz [OPTIONS]                 published numbers beside the simulator's\n"
	"  liquidnet sim kibbutz [OPTIONS] --figure NAME   2.14, 2.15, 2.16 or table-2.2, point by point\n"
	"  liquidnet sim kibbutz --replay FILE             the event trace of a liquidnet-kibbutz, decided again\n"
	"  liquidnet sim kibbutz [OPTIONS] SCENARIO...     for example 'web:2+streaming tail=5s'\n\n"
	"  --runs N         runs a scenario, each with a seed of its own (1..10000; default 20)\n"
	"  --seed N         of the first run (default 1)\n"
	"  --with WORDS     added to every scenario, for example 'gaps=exponential'\n"
	"  --format NAME    table (default), csv or json\n"
	"  --published FILE the table of published numbers (default: data/kibbutz/kibbutz-published.csv)\n\n"
	"A scenario: CLASS[:DEVICES][+CLASS...] [KEY=VALUE...]; classes streaming, web, background; keys tail, oracle,\n"
	"length (durations), gaps (normal, uniform, exponential), radio (3g-simulation, 3g, lte), rate, credit, alone=yes.\n";

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"runs", SIM_COUNT, &request->runs, 1, 10000},
		{"seed", SIM_SEED, &request->seed, 0, INT64_MAX}, {"with", SIM_TEXT, &request->words, 0, 0},
		{"format", SIM_FORMAT_JSON, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0},
		{"figure", SIM_TEXT, &request->figure, 0, 0}, {"replay", SIM_TEXT, &request->replay, 0, 0},
		{0}};
	int done = sim_options("kibbutz", options, argc, argv);

	if (done == SIM_HELP)
		fputs(help, stdout);
	if (done != SIM_GO_ON)
		return done;
	if (!request->figure || optind == argc)
		return SIM_GO_ON;
	fprintf(stderr, "liquidnet sim kibbutz: a figure has its own scenarios; leave `%s` out\n",
		argv[optind]);
	return 2;
}

/* ---- scenarios ---- */

/* Without a request there is no round trip: not a number, which JSON has no word for. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static void print_class(struct request *request, const struct scenario *scenario, int class)
{
	struct summary m;
	const char *name = traffic_classes[class].name;

	summarise(scenario, request->seed, request->runs, class, &m);
	if (request->format == SIM_JSON) {
		json_array_append_new(request->rows,
			json_pack("{ss ss so so so so so so so so}", "scenario", scenario->text, "class",
				name, "high", number(m.high.mean), "high_ci95", number(m.high.half), "rtt_s",
				number(m.rtt_s.mean), "promotions_per_hour", number(m.promotions.mean),
				"power_mw", number(m.power_mw.mean), "power_mw_ci95", number(m.power_mw.half),
				"cold", number(m.cold.mean), "unfairness", number(m.unfair.mean)));
		return;
	}
	if (!request->header && request->format == SIM_CSV)
		puts("scenario,class,high,high_ci95,rtt_s,promotions_per_hour,power_mw,power_mw_ci95,cold,unfairness");
	else if (!request->header)
		printf("%-36s %-10s %14s %7s %12s %8s %6s %8s\n", "scenario", "class", "high power, %",
			"RTT, s", "promotions/h", "mW", "cold", "unfair");
	request->header = true;
	if (request->format == SIM_CSV)
		printf("%s,%s,%.5f,%.5f,%.4f,%.3f,%.3f,%.3f,%.5f,%.4f\n", scenario->text, name, m.high.mean,
			m.high.half, m.rtt_s.mean, m.promotions.mean, m.power_mw.mean, m.power_mw.half,
			m.cold.mean, m.unfair.mean);
	else
		printf("%-36s %-10s %6.1f +- %4.1f %7.2f %12.1f %8.1f %5.0f%% %8.2f\n", scenario->text, name,
			100 * m.high.mean, 100 * m.high.half, m.rtt_s.mean, m.promotions.mean,
			m.power_mw.mean, 100 * m.cold.mean, m.unfair.mean);
}

static int print_scenario(void *context, const char *text)
{
	struct request *request = context;
	struct scenario scenario;
	char *error = NULL, whole[256];

	snprintf(whole, sizeof whole, "%s%s%s", text, *request->words ? " " : "", request->words);
	if (scenario_parse(&scenario, whole, &error) < 0) {
		fprintf(stderr, "liquidnet sim kibbutz: %s\n", error);
		free(error);
		return 2;
	}
	for (int class = 0; class < TRAFFIC_CLASSES; class ++)
		if (memchr(scenario.classes, class, scenario.count))
			print_class(request, &scenario, class);
	return 0;
}

static int print_figure(struct request *request)
{
	int result = figure_scenarios(request->figure, print_scenario, request);

	if (result >= 0)
		return result;
	fprintf(stderr, "liquidnet sim kibbutz: no figure `%s`; there are", request->figure);
	for (int i = 0; figure_names[i]; i++)
		fprintf(stderr, "%s %s", i ? "," : "", figure_names[i]);
	fputc('\n', stderr);
	return 2;
}

static int print_replay(const char *path)
{
	struct replay_result result;
	char *error = NULL;

	if (replay_trace(path, stdout, &result, &error) < 0) {
		fprintf(stderr, "liquidnet sim kibbutz: %s\n", error);
		free(error);
		return 2;
	}
	if (result.length_ns > 0)
		printf("%.1f s: high power %.1f %%, %llu promotions, %.0f mW\n",
			(double)result.length_ns / 1e9,
			100 * (double)radio_high_ns(&result.radio) / (double)result.length_ns,
			(unsigned long long)result.radio.promotions,
			radio_energy_mj(&result.radio) / ((double)result.length_ns / 1e9));
	printf("%u calls, %u decisions, %u differences\n", result.calls, result.decisions,
		result.differences);
	return result.differences ? 1 : 0;
}

/* ---- scorecard ---- */

static void print_row(struct request *request, const struct score_row *row)
{
	const char *class = traffic_classes[row->class].name,
		   *against = row->against.count ? row->against.text : "";
	const char *as = score_as_name(row->as), *judged = score_judgement_name(row->judgement);
	char what[64];

	if (request->format == SIM_JSON) {
		json_array_append_new(request->rows,
			json_pack("{ss ss ss ss ss so so so ss ss}", "scenario", row->scenario.text, "class",
				class, "measure", row->measure, "against", against, "as", as, "published",
				number(row->published), "measured", number(row->measured), "ci95",
				number(row->half), "judged", judged, "source", row->source));
		return;
	}
	if (request->format == SIM_CSV) {
		printf("%s,%s,%s,%s,%s,%s,%.4f,%.4f,%s,%s\n", row->scenario.text, class, row->measure,
			against, as, row->published_text, row->measured, row->half, judged, row->source);
		return;
	}
	snprintf(what, sizeof what, "%s%s%s", row->measure, row->as == SCORE_VALUE ? "" : ", ",
		row->as == SCORE_VALUE ? "" : as);
	printf("%-34s %-10s %-18s %9s %8.3f +- %5.3f  %-8s %s\n", row->scenario.text, class, what,
		row->as == SCORE_RISES   ? "> 1"
		: row->as == SCORE_FALLS ? "< 1"
					 : row->published_text,
		row->measured, row->half, judged, row->source);
}

static int print_score(struct request *request)
{
	unsigned judged[SCORE_JUDGEMENTS] = {0};
	struct score score;
	char *error = NULL;

	if (score_load(&score, request->published, request->words, &error) < 0) {
		fprintf(stderr, "liquidnet sim kibbutz: %s\n", error);
		free(error);
		return 2;
	}
	score_measure(&score, request->seed, request->runs);
	if (request->format == SIM_CSV)
		puts("scenario,class,measure,against,as,published,measured,ci95,judged,source");
	if (request->format == SIM_TABLE)
		printf("%-34s %-10s %-18s %9s %17s  %-8s %s\n", "scenario", "class", "measure", "published",
			"measured", "judged", "source");
	for (unsigned i = 0; i < score.count; i++) {
		print_row(request, &score.rows[i]);
		judged[score.rows[i].judgement]++;
	}
	if (request->format == SIM_TABLE)
		printf("\n%u published numbers: %u agree (within 10 %%, or within the simulation's interval), %u near (25 %%), %u differ; %u runs, seeds %llu..%llu\n",
			score.count, judged[SCORE_AGREES], judged[SCORE_NEAR], judged[SCORE_DIFFERS],
			request->runs, (unsigned long long)request->seed,
			(unsigned long long)(request->seed + request->runs - 1));
	score_free(&score);
	return 0;
}

int sim_kibbutz(int argc, char **argv)
{
	char published[PATH_MAX];
	struct request request = {.seed = 1, .runs = 20, .words = "", .published = published};
	int status = 0;

	published_find("kibbutz/kibbutz-published.csv", published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	if (request.format == SIM_JSON)
		request.rows = json_array();
	if (request.replay)
		status = print_replay(request.replay);
	else if (request.figure)
		status = print_figure(&request);
	else if (optind == argc)
		status = print_score(&request);
	for (int i = optind; i < argc && status == 0; i++)
		status = print_scenario(&request, argv[i]);
	if (request.rows && status == 0) {
		json_dumpf(request.rows, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
		putchar('\n');
	}
	json_decref(request.rows);
	return status;
}
