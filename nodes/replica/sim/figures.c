#include "nodes/replica/sim/figures.h"

#include "lib/base/units.h"
#include <math.h>
#include <string.h>

const char *const c3_figures[] = {"3.23", "3.25", "3.26", NULL};

enum { BURST_CLIENTS = 3, BURST_EACH = 4, BURST = BURST_CLIENTS * BURST_EACH };
static const double burst_ms[2] = {4, 10};

/* Clients that have had one answer from each server, and so know its time, if their policy cares. */
double figure_burst(enum selection select)
{
	static const uint16_t members[] = {0, 1};
	struct chooser_settings settings = CHOOSER_SETTINGS;
	unsigned at[2] = {0, 0};

	settings.select = select;
	settings.control = false;
	settings.clients = BURST_CLIENTS;
	settings.servers = settings.replicas = 2;
	settings.groups = 1;
	settings.members = members;
	for (unsigned client = 0; client < BURST_CLIENTS; client++) {
		settings.seed = client;
		struct chooser *chooser = chooser_new(&settings, 0);
		for (unsigned server = 0; server < 2; server++) {
			chooser_also(chooser, server, 0);
			double ns = burst_ms[server] * (double)NS_PER_MS;
			chooser_answered(chooser, server, &(struct feedback){ns, ns, 0}, (int64_t)ns);
		}
		for (unsigned i = 0; i < BURST_EACH; i++)
			at[chooser_ask(chooser, 0, i, NS_PER_S)]++;
		chooser_free(chooser);
	}
	return fmax(at[0] * burst_ms[0], at[1] * burst_ms[1]);
}

double figure_burst_best(void)
{
	double best = INFINITY;

	for (unsigned n = 0; n <= BURST; n++)
		best = fmin(best, fmax(n * burst_ms[0], (BURST - n) * burst_ms[1]));
	return best;
}

/* The score rises with the queue: the place where two are equal, by halving. R counts for nothing here: the figure's curves have none. */
double figure_equal_queue(double exponent)
{
	double target = c3_score(20, 20, 20 - 1, 0, 1, exponent), low = 0, high = 1e6;

	for (int i = 0; i < 200; i++) {
		double middle = (low + high) / 2;
		if (c3_score(4, 4, middle - 1, 0, 1, exponent) < target)
			low = middle;
		else
			high = middle;
	}
	return low;
}

double figure_saddle(double saturation, double width)
{
	double began = NAN;

	for (double t = 0;; t += 0.01) {
		double off = limiter_cubic(&LIMITER_SETTINGS, saturation, t) - saturation;
		if (isnan(began) && off >= -width)
			began = t;
		if (off > width)
			return t - began;
	}
}

static void print_burst(FILE *out)
{
	fputs("selection,milliseconds\n", out);
	fprintf(out, "lor,%g\nc3,%g\nbest,%g\n", figure_burst(SELECT_LOR), figure_burst(SELECT_C3),
		figure_burst_best());
}

static void print_scores(FILE *out)
{
	fputs("queue,linear_4ms,linear_20ms,cubic_4ms,cubic_20ms\n", out);
	for (int q = 0; q <= 100; q++)
		fprintf(out, "%d,%g,%g,%g,%g\n", q, c3_score(4, 4, q - 1, 0, 1, 1),
			c3_score(20, 20, q - 1, 0, 1, 1), c3_score(4, 4, q - 1, 0, 1, 3),
			c3_score(20, 20, q - 1, 0, 1, 3));
}

static void print_rates(FILE *out)
{
	fputs("milliseconds,rate\n", out);
	for (int t = 0; t <= 200; t++)
		fprintf(out, "%d,%g\n", t, limiter_cubic(&LIMITER_SETTINGS, LIMITER_SETTINGS.saturation, t));
}

int figure_print(const char *name, FILE *out)
{
	static void (*const print[])(FILE *) = {print_burst, print_scores, print_rates};

	for (int i = 0; c3_figures[i]; i++)
		if (!strcmp(c3_figures[i], name)) {
			print[i](out);
			return 0;
		}
	return -1;
}
