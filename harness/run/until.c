/* Until: see the header. */
#include "harness/run/until.h"

#include "harness/record/stats.h"
#include "lib/base/units.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cell_sums { /* Welford's: stable for values that hardly differ */
	size_t n;
	double mean, squares;
};

struct until {
	double share;
	size_t count;
	struct cell_sums cells[];
};

struct until *until_new(size_t cells, double share)
{
	struct until *until = calloc(1, sizeof *until + cells * sizeof until->cells[0]);
	if (until) {
		until->share = share;
		until->count = cells;
	}
	return until;
}

void until_free(struct until *until)
{
	free(until);
}

void until_add(struct until *until, size_t cell, double value)
{
	if (!until || cell >= until->count || !isfinite(value))
		return;
	struct cell_sums *c = &until->cells[cell];
	double off = value - c->mean;
	c->n++;
	c->mean += off / (double)c->n;
	c->squares += off * (value - c->mean);
}

bool until_met(const struct until *until, size_t cell)
{
	if (!until || cell >= until->count || until->cells[cell].n < UNTIL_FIRST)
		return false;
	const struct cell_sums *c = &until->cells[cell];
	double df = (double)(c->n - 1);
	double half = stats_t_quantile(0.975, df) * sqrt(c->squares / df / (double)c->n);
	return half <= until->share * fabs(c->mean);
}

int until_parse(const char *text, double *share)
{
	if (strncmp(text, "ci=", 3) != 0 || unit_fraction(text + 3, share) < 0)
		return -1;
	return *share > 0 && *share <= 1 ? 0 : -1;
}
