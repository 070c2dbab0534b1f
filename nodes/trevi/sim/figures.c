/* Incast as the experiment trevi-incast has it: 1 MiB of N servers at once, one switch, 25 us on each link. */
#include "nodes/trevi/sim/figures.h"

#include "lib/base/error.h"
#include "lib/fabric/jobs.h"
#include "lib/fabric/score.h"
#include "nodes/trevi/sim/transports.h"
#include <stdlib.h>
#include <string.h>

#define BYTES (1u << 20)

static const unsigned senders[] = {2, 4, 8, 16, 32};
#define SENDERS (sizeof senders / sizeof *senders)

static const struct curve {
	const char *name, *words; /* of its scenario */
	unsigned payload;
} curves[] = {
	{"Trevi", "transport=trevi", 1400},
	{"TCP, timeouts of 200 ms", "transport=tcp code=mended rto-least=200ms rto=200ms", 1448},
	{"TCP, timeouts of 1 ms", "transport=tcp code=mended rto-least=1ms rto=1ms", 1448},
	{"DCTCP", "transport=dctcp code=mended marks=10 rto-least=1ms rto=1ms", 1448},
};
#define CURVES (sizeof curves / sizeof *curves)
static const char *const rates[] = {"1Gbit/s", "10Gbit/s"};
static const double bits_per_us[] = {1e3, 1e4};
static const unsigned queues[] = {20, 100};

struct point {
	const struct curve *curve;
	unsigned rate, queue, senders;
	struct scenario scenario;
};

static int make_point(struct point *p, char **error)
{
	char text[SCENARIO_TEXT];

	snprintf(text, sizeof text,
		"incast:%u topology=star:%u rate=%s delay=25us buffer=%u mtu=%u size=%u %s", p->senders,
		p->senders + 1, rates[p->rate], queues[p->queue], p->curve->payload, BYTES / p->senders,
		p->curve->words);
	return fabric_parse(&p->scenario, trevi_transports, text, error);
}

static void print_point(FILE *out, const struct point *p, const struct job *jobs, unsigned runs)
{
	double *values = calloc(runs, sizeof *values), mean, half;

	if (!values)
		abort();
	for (unsigned i = 0; i < runs; i++)
		values[i] = 8.0 * BYTES / jobs[i].outcome.values[MEASURE_END] / bits_per_us[p->rate];
	fabric_score_mean(values, runs, &mean, &half);
	fprintf(out, "incast,\"%s\",%s,%u,%u,%.4f,%.4f\n", p->curve->name, rates[p->rate], queues[p->queue],
		p->senders, mean, half);
	free(values);
}

int trevi_figure(const char *name, FILE *out, uint64_t seed, unsigned runs, uint32_t workers, char **error)
{
	struct point *points;
	struct jobs jobs;
	unsigned count = 0;
	int result = 0;

	if (strcmp(name, "incast") != 0)
		return error_set(error, "no figure `%s`; there is incast", name);
	points = calloc(CURVES * SENDERS * 4, sizeof *points);
	if (!points)
		abort();
	for (unsigned i = 0; i < CURVES * SENDERS * 4 && result == 0; i++) {
		points[count] = (struct point){.curve = &curves[i / SENDERS / 4],
			.rate = i / SENDERS / 2 % 2,
			.queue = i / SENDERS % 2,
			.senders = senders[i % SENDERS]};
		result = make_point(&points[count++], error);
	}
	fabric_jobs_init(&jobs, count * runs, 0);
	for (unsigned i = 0; i < count && result == 0; i++)
		for (unsigned run = 0; run < runs; run++)
			fabric_jobs_add(&jobs, &points[i].scenario, seed + run, 0);
	if (result == 0)
		result = fabric_jobs_run(&jobs, workers, error);
	if (result == 0)
		fputs("figure,curve,rate,queue_packets,senders,share_of_link,ci95\n", out);
	for (unsigned i = 0; i < count && result == 0; i++)
		print_point(out, &points[i], &jobs.list[i * runs], runs);
	fabric_jobs_free(&jobs);
	free(points);
	return result;
}
