/* Distribution: see the header. */
#include "harness/cells/distribution.h"

#include "harness/record/ranks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const double distribution_parts[DISTRIBUTION_QUANTILES] = {0.05, 0.25, 0.5, 0.75, 0.95};

struct point {
	double value;
	size_t configuration;
};

static int ascending(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	return x->value != y->value
		       ? (x->value > y->value) - (x->value < y->value)
		       : (x->configuration > y->configuration) - (x->configuration < y->configuration);
}

struct distribution distribution_of(
	struct pool *pool, const struct cells *cells, size_t procedure, const char *design)
{
	const struct experiment *e = cells->experiment;
	struct distribution d = {.cells = cells, .procedure = procedure};
	struct point *points = pool_alloc(pool, e->points_count, sizeof *points);
	for (size_t c = 0; c < e->points_count; c++) {
		double value = cells->cells[c * e->procedures_count + procedure].stats.median;
		if (!isnan(value) && (!design || strcmp(design, e->points[c].design) == 0))
			points[d.n++] = (struct point){value, c};
	}
	qsort(points, d.n, sizeof *points, ascending);
	size_t *order = pool_alloc(pool, d.n, sizeof *order);
	double *values = pool_alloc(pool, d.n, sizeof *values);
	for (size_t i = 0; i < d.n; i++) {
		order[i] = points[i].configuration;
		values[i] = points[i].value;
	}
	d.points = order;
	d.values = values;
	for (size_t i = 0; i < DISTRIBUTION_QUANTILES; i++)
		d.quantiles[i] = stats_quantile(values, d.n, distribution_parts[i]);
	return d;
}

double distribution_below(const struct distribution *d, double mark)
{
	size_t below = 0;
	while (below < d->n && d->values[below] < mark)
		below++;
	return d->n ? (double)below / (double)d->n : NAN;
}

double distribution_correlation(const struct distribution *d, size_t factor)
{
	double *x = calloc(d->n + 1, sizeof *x);
	if (!x)
		abort();
	for (size_t i = 0; i < d->n; i++)
		x[i] = d->cells->experiment->points[d->points[i]].values[factor];
	double result = ranks_correlation(x, d->values, d->n);
	free(x);
	return result;
}

size_t distribution_worst(const struct distribution *d, size_t i)
{
	return d->points[cells_primary(d->cells)->less ? d->n - 1 - i : i];
}

const char *distribution_again(struct pool *pool, const struct distribution *d, size_t configuration)
{
	const struct experiment *e = d->cells->experiment;
	char *path = pool_printf(pool, "%s/provenance.json", d->cells->folder ? d->cells->folder : ".");
	json_t *provenance = json_load_file(path, 0, NULL);
	const char *clock = json_string_value(json_object_get(json_object_get(provenance, "run"), "clock"));
	bool other = clock && strcmp(clock, "real") != 0;
	const char *command = pool_printf(pool, "liquidnet run %s --only %s --procedures %s --trials 5%s%s",
		e->name, e->configurations[configuration].name, e->procedures[d->procedure].name,
		other ? " --clock " : "", other ? clock : "");
	json_decref(provenance);
	return command;
}

/* The value of the point of that name; NAN: it has none. */
static double value_of(const struct distribution *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->cells->experiment->configurations[d->points[i]].name, name) == 0)
			return d->values[i];
	return NAN;
}

struct distribution_pairs distribution_compare(
	struct pool *pool, const struct distribution *a, const struct distribution *b)
{
	struct distribution_pairs pairs = {.p = NAN};
	double *differences = pool_alloc(pool, a->n, sizeof *differences),
	       sign = cells_primary(a->cells)->less ? -1 : 1;
	for (size_t i = 0; i < a->n; i++) {
		double other = value_of(b, a->cells->experiment->configurations[a->points[i]].name),
		       difference = other - a->values[i];
		if (isnan(other))
			continue;
		pairs.worse += sign * difference < -DISTRIBUTION_WORSE;
		pairs.better += sign * difference > DISTRIBUTION_WORSE;
		differences[pairs.n++] = difference;
	}
	pairs.p = ranks_signed(differences, pairs.n).p;
	pairs.difference = stats_median(differences, pairs.n);
	return pairs;
}
