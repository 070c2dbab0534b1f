/* `liquidnet sim grin`: its options, and the scorecard, a figure as CSV, or scenarios of one's own. */
#include "nodes/grin/sim/command.h"

#include "lib/base/error.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "nodes/grin/sim/score.h"
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
	unsigned instances;
	const char *words, *published, *figure;
	bool each;
};

static const char help[] =
	"liquidnet sim grin: idle ports of servers as extra paths, as streams or packets (nodes/grin/README.md)\n\n"
	"  liquidnet sim grin [OPTIONS]               published sentences beside the simulator's numbers\n"
	"  liquidnet sim grin [OPTIONS] --figure NAME 3.7a to 3.7d, 3.8a to 3.8d: every point, as CSV\n"
	"  liquidnet sim grin [OPTIONS] SCENARIO...   for example 'net=grin2 pattern=permutation active=20%'\n\n"
	"  --instances N    of each scenario, each with a seed of its own (1..10000; default 20)\n"
	"  --seed N         of the first (default 1)\n"
	"  --with WORDS     added to every scenario, for example 'model=optimum'\n"
	"  --format NAME    table (default) or csv\n"
	"  --each           rates of connections, and what became of packets, as CSV\n"
	"  --published FILE the table of published sentences (default: data/grin/grin-published.csv)\n\n"
	"A scenario: KEY=VALUE...; keys net (single, grin1 to grin7, multihomed), pattern (permutation, group, all-to-all, random, incast),\n"
	"flows (1-5+5-1), active, group, racks, size, between (yes, no), cables (random, rounds), model (lia, tcp, uncoupled, optimum, packets),\n"
	"acks, shuffle (yes, no), subflows. With model=packets: rate, delay, queue, control (cubic, reno, lia), start (hystart, plain, none),\n"
	"acks (queued, first, free), full (told, lost), window, burst, length, measure, spread, phase; transfers: bytes, connections, rounds, pause,\n"
	"affinity (none, strong).\n";

static int complain(char *error)
{
	fprintf(stderr, "liquidnet sim grin: %s\n", error);
	free(error);
	return 2;
}

/* SIM_GO_ON, or the exit status. */
static int read_options(int argc, char **argv, struct request *request)
{
	const struct sim_option options[] = {{"instances", SIM_COUNT, &request->instances, 1, 10000},
		{"seed", SIM_SEED, &request->seed, 0, INT64_MAX}, {"with", SIM_TEXT, &request->words, 0, 0},
		{"format", SIM_FORMAT, &request->format, 0, 0},
		{"published", SIM_TEXT, &request->published, 0, 0},
		{"figure", SIM_TEXT, &request->figure, 0, 0}, {"each", SIM_FLAG, &request->each, 0, 0}, {0}};
	int done = sim_options("grin", options, argc, argv);

	if (done == SIM_HELP)
		fputs(help, stdout);
	if (done != SIM_GO_ON)
		return done;
	if (!request->figure || optind == argc)
		return SIM_GO_ON;
	fprintf(stderr, "liquidnet sim grin: a figure has its own scenarios; leave `%s` out\n", argv[optind]);
	return 2;
}

static int add(struct runs *runs, const char *text, const char *words, unsigned *number)
{
	struct scenario scenario;
	char *error = NULL, whole[sizeof scenario.text + 64];

	snprintf(whole, sizeof whole, "%s%s%s", text, *words ? " " : "", words);
	if (scenario_parse(&scenario, whole, &error) < 0)
		return complain(error);
	*number = runs_add(runs, &scenario);
	return 0;
}

static int go(struct runs *runs)
{
	char *error = NULL;

	if (runs_go(runs, &error) == 0)
		return 0;
	complain(error);
	return 1;
}

struct estimates {
	struct estimate mean, least;
};

static struct estimates look(const struct runs *runs, unsigned number)
{
	unsigned count = runs_instances(runs);
	double *mean = calloc(count, sizeof *mean), *least = calloc(count, sizeof *least);

	if (!mean || !least)
		abort();
	for (unsigned i = 0; i < count; i++) {
		mean[i] = runs_outcome(runs, number, i)->mean;
		least[i] = runs_outcome(runs, number, i)->least;
	}
	struct estimates e = {estimate(mean, count), estimate(least, count)};
	free(mean);
	free(least);
	return e;
}

/* ---- figures: 3.7 of the published simulations, at the levels of the text; 3.8 for the ten servers of the experiments, whose congestion controls are not
 * coupled and whose acknowledgements (78 bytes for two frames of 1514) share the links */

#define TEN " racks=1 size=10 cables=rounds subflows=0 model=tcp acks=2.58% shuffle=no"
enum { FIGURE_LEVELS = 16, FIGURE_NETS = 8 };

static const char *const of_racks[] = {"single", "grin1", "grin2", "grin3", "multihomed", NULL},
			 *const of_ten[] = {"single", "grin1", "grin2", NULL};

static const struct figure {
	const char *name, *pattern, *key, *words;
	const char *const *nets, *levels[FIGURE_LEVELS];
} figures[] = {
	{"3.7a", "permutation", "active", "", of_racks,
		{"5%", "10%", "15%", "20%", "25%", "30%", "35%", "40%", "45%", "50%", "55%", "60%", "65%",
			"70%"}},
	{"3.7b", "random", "active", "", of_racks,
		{"10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "100%"}},
	{"3.7c", "group", "group", "", of_racks, {"5", "10", "15", "20", "30", "40", "60"}},
	{"3.7d", "all-to-all", "active", "", of_racks, {"10%", "15%", "20%", "25%", "30%"}},
	{"3.8a", "permutation", "active", TEN, of_ten, {"20%", "40%", "60%", "80%", "100%"}},
	{"3.8b", "random", "active", TEN, of_ten, {"20%", "40%", "60%", "80%", "100%"}},
	{"3.8c", "group", "group", TEN, of_ten, {"5", "10"}},
	{"3.8d", "all-to-all", "active", TEN, of_ten, {"20%", "30%", "40%"}},
};

static const struct figure *find_figure(const char *name)
{
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		if (!strcmp(figures[i].name, name))
			return &figures[i];
	fprintf(stderr, "liquidnet sim grin: no figure `%s`; there are 3.7a to 3.7d, 3.8a to 3.8d\n", name);
	return NULL;
}

static int print_figure(struct request *request, struct runs *runs)
{
	const struct figure *figure = find_figure(request->figure);
	unsigned numbers[FIGURE_LEVELS][FIGURE_NETS];
	char text[160];

	if (!figure)
		return 2;
	for (int l = 0; figure->levels[l]; l++)
		for (int n = 0; figure->nets[n]; n++) {
			snprintf(text, sizeof text, "net=%s pattern=%s %s=%s%s", figure->nets[n],
				figure->pattern, figure->key, figure->levels[l], figure->words);
			int status = add(runs, text, request->words, &numbers[l][n]);
			if (status)
				return status;
		}
	int status = go(runs);
	if (status)
		return status;
	fputs(figure->key, stdout);
	for (int n = 0; figure->nets[n]; n++)
		printf(",%s,%s_ci95", figure->nets[n], figure->nets[n]);
	putchar('\n');
	for (int l = 0; figure->levels[l]; l++) {
		printf("%g", strtod(figure->levels[l], NULL));
		for (int n = 0; figure->nets[n]; n++) {
			struct estimates e = look(runs, numbers[l][n]);
			printf(",%.4f,%.4f", e.mean.mean, e.mean.half);
		}
		putchar('\n');
	}
	return 0;
}

/* ---- scenarios of one's own */

static void print_streams(const struct request *request, const struct runs *runs, unsigned number)
{
	struct estimates e = look(runs, number);
	const char *text = runs_scenario(runs, number)->text;

	if (request->format == SIM_CSV)
		printf("%s,%.5g,%.3g,%.5g,%.3g\n", text, e.mean.mean, e.mean.half, e.least.mean,
			e.least.half);
	else
		printf("%14.3f +- %5.3f %14.3f +- %5.3f  %s\n", e.mean.mean, e.mean.half, e.least.mean,
			e.least.half, text);
}

/* Times of transfers: means over instances. */
static void print_times(const struct request *request, const struct runs *runs, unsigned number)
{
	unsigned count = runs_instances(runs);
	double median = 0, most_90 = 0, most_99 = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct scenario_outcome *o = runs_outcome(runs, number, i);
		median += o->median / count;
		most_90 += o->most_90 / count;
		most_99 += o->most_99 / count;
	}
	const char *text = runs_scenario(runs, number)->text;
	if (request->format == SIM_CSV)
		printf("%s,%.4f,%.4f,%.4f\n", text, median, most_90, most_99);
	else
		printf("%10.3f %10.3f %10.3f  %s\n", median, most_90, most_99, text);
}

static void print_each(const struct request *request, const struct runs *runs, unsigned number)
{
	for (unsigned k = 0; k < runs_instances(runs); k++) {
		const struct scenario_outcome *o = runs_outcome(runs, number, k);
		for (unsigned i = 0; i < o->connections && i < SCENARIO_FLOWS; i++)
			printf("%s,%llu,%u,%u,%.4f,%llu,%llu,%llu,%llu,%llu,%llu,%llu,%llu\n",
				runs_scenario(runs, number)->text, (unsigned long long)(request->seed + k),
				o->each[i].from + 1, o->each[i].to + 1, o->each[i].rate,
				(unsigned long long)o->counters.sent, (unsigned long long)o->counters.again,
				(unsigned long long)o->counters.losses,
				(unsigned long long)o->counters.timeouts,
				(unsigned long long)o->counters.probes,
				(unsigned long long)o->counters.refusals,
				(unsigned long long)o->counters.acks,
				(unsigned long long)o->counters.bunched);
	}
}

static void print_head(const struct request *request, bool transfers)
{
	if (request->each)
		puts("scenario,seed,from,to,rate,sent,again,lost,timeouts,probes,refused,acks,bunched");
	else if (transfers)
		puts(request->format == SIM_CSV ? "scenario,median,p90,p99"
						: " median ms        90 %       99 %  scenario");
	else
		puts(request->format == SIM_CSV
				? "scenario,rate,rate_ci95,least,least_ci95"
				: "rate of a receiver, in uplinks   least            scenario");
}

static int print_scenarios(struct request *request, struct runs *runs, int count, char **texts)
{
	unsigned *numbers = calloc((size_t)count, sizeof *numbers);
	bool transfers = false;
	int status = 0;

	if (!numbers)
		abort();
	for (int i = 0; i < count && status == 0; i++) {
		status = add(runs, texts[i], request->words, &numbers[i]);
		bool also = status == 0 && runs_scenario(runs, numbers[i])->packet.bytes > 0;
		if (status == 0 && i > 0 && also != transfers) {
			fputs("liquidnet sim grin: transfers (bytes=) and streams make two tables; ask for them one after the other\n",
				stderr);
			status = 2;
		}
		transfers = also;
	}
	if (status == 0)
		status = go(runs);
	if (status == 0)
		print_head(request, transfers);
	for (int i = 0; i < count && status == 0; i++)
		(request->each      ? print_each
			: transfers ? print_times
				    : print_streams)(request, runs, numbers[i]);
	free(numbers);
	return status;
}

/* ---- scorecard */

static void print_row(const struct request *request, const struct score_row *row)
{
	const char *sign = row->as == SCORE_LESS ? "< " : row->as == SCORE_MORE ? "> " : "";

	if (request->format == SIM_CSV) {
		printf("%s,%s,%s,%s,%s,%g,%.4g,%.3g,%s,%s\n", row->row, row->scenario,
			score_measure_names[row->measure], row->against, score_as_names[row->as],
			row->published, row->measured.mean, row->measured.half,
			score_judgement_names[row->judgement], row->source);
		return;
	}
	printf("%-3s %s%s%s\n    %-8s %s%g, here %.3f +- %.3f: %s   %s\n", row->row, row->scenario,
		*row->against ? " / " : "", row->against, score_measure_names[row->measure], sign,
		row->published, row->measured.mean, row->measured.half, score_judgement_names[row->judgement],
		row->source);
}

static int print_score(struct request *request, struct runs *runs)
{
	unsigned judged[SCORE_JUDGEMENTS] = {0};
	struct score score;
	char *error = NULL;

	if (score_load(&score, request->published, request->words, runs, &error) < 0)
		return complain(error);
	int status = go(runs);
	if (status == 0) {
		score_judge(&score, runs);
		if (request->format == SIM_CSV)
			puts("row,scenario,measure,against,as,published,measured,ci95,judged,source");
	}
	for (unsigned i = 0; i < score.count && status == 0; i++) {
		print_row(request, &score.rows[i]);
		judged[score.rows[i].judgement]++;
	}
	if (status == 0 && request->format == SIM_TABLE)
		printf("\n%u rows: %u the same, %u near, %u differ; %u instances, seeds from %llu\n",
			score.count, judged[SCORE_SAME], judged[SCORE_NEAR], judged[SCORE_DIFFERS],
			request->instances, (unsigned long long)request->seed);
	score_free(&score);
	return status;
}

int sim_grin(int argc, char **argv)
{
	char published[PATH_MAX];
	struct request request = {.seed = 1, .instances = 20, .words = "", .published = published};
	int status;

	published_find("grin/grin-published.csv", published);
	int done = read_options(argc, argv, &request);
	if (done >= 0)
		return done;
	struct runs *runs = runs_new(request.seed, request.instances);
	if (request.figure)
		status = print_figure(&request, runs);
	else if (optind == argc)
		status = print_score(&request, runs);
	else
		status = print_scenarios(&request, runs, argc - optind, argv + optind);
	runs_free(runs);
	return status;
}
