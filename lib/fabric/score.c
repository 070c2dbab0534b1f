/* Rows of a table of published numbers: read, checked, measured, judged. */
#include "lib/fabric/score.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/estimate.h"
#include "lib/sim/published.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCENARIO, MEASURE, AGAINST, AS, VALUE, TOLERANCE, RUNS, SOURCE, COLUMNS };

static const char *const column_names[COLUMNS] = {
	"scenario", "measure", "against", "as", "value", "tolerance", "runs", "source"};
static const char *const as_names[SCORE_KINDS] = {"value", "exact", "ratio", "at-most", "at-least"};

const char *fabric_score_as_name(enum score_as as)
{
	return as_names[as];
}

const char *fabric_score_judgement_name(enum score_judgement judgement)
{
	static const char *const names[SCORE_JUDGEMENTS] = {"agrees", "near", "differs"};
	return names[judgement];
}

/* ---- reading */

static int take_as(struct score_row *row, const char *cell, char **error)
{
	for (int i = 0; i < SCORE_KINDS; i++)
		if (!strcmp(cell, as_names[i])) {
			row->as = (enum score_as)i;
			return 0;
		}
	return error_set(error, "no comparison `%s`; there are value, exact, ratio, at-most, at-least", cell);
}

/* "1%" of the published number, "0.02" of its unit; none where a limit or the nanosecond says it. */
static int take_tolerance(struct score_row *row, const char *cell, char **error)
{
	char number[16];
	size_t length = strlen(cell);

	snprintf(row->tolerance_text, sizeof row->tolerance_text, "%s", cell);
	if (row->as == SCORE_EXACT || row->as == SCORE_AT_MOST || row->as == SCORE_AT_LEAST)
		return *cell ? error_set(error, "`%s`: %s needs no tolerance", cell, as_names[row->as]) : 0;
	row->relative = length > 0 && cell[length - 1] == '%';
	snprintf(number, sizeof number, "%.*s", (int)(length - row->relative), cell);
	if (unit_number(number, &row->tolerance) < 0 || !(row->tolerance > 0))
		return error_set(error, "tolerance `%s`: write 1%% or 0.02", cell);
	if (row->relative)
		row->tolerance *= fabs(row->published) / 100;
	return 0;
}

static int take_row(void *context, void *filled, char **cells, char **error)
{
	const struct score *score = context;
	struct score_row *row = filled;
	int measure = fabric_measure_by_name(cells[MEASURE]);
	int64_t runs;

	if (measure < 0)
		return error_set(error, "no measure `%s`", cells[MEASURE]);
	row->measure = (enum measure)measure;
	if (fabric_parse(&row->scenario, score->transports, cells[SCENARIO], error) < 0 ||
		take_as(row, cells[AS], error) < 0)
		return -1;
	if ((row->as == SCORE_RATIO) != (*cells[AGAINST] != '\0'))
		return error_set(error, "`against` goes with ratio, and only with it");
	if (*cells[AGAINST] && fabric_parse(&row->against, score->transports, cells[AGAINST], error) < 0)
		return -1;
	if (unit_number(cells[VALUE], &row->published) < 0 || !isfinite(row->published))
		return error_set(error, "`%s` is no number", cells[VALUE]);
	if (take_tolerance(row, cells[TOLERANCE], error) < 0)
		return -1;
	if (unit_integer(cells[RUNS], &runs) < 0 || runs < 1 || runs > 1000)
		return error_set(error, "runs `%s`: a whole number, 1..1000", cells[RUNS]);
	row->runs = (unsigned)runs;
	snprintf(row->published_text, sizeof row->published_text, "%s", cells[VALUE]);
	snprintf(row->source, sizeof row->source, "%s", cells[SOURCE]);
	return 0;
}

int fabric_score_load(
	struct score *score, const struct transport *const *transports, const char *path, char **error)
{
	static const struct published_format format = {
		column_names, COLUMNS, sizeof(struct score_row), take_row};
	struct published_rows rows;

	*score = (struct score){.transports = transports};
	int result = published_read(path, &format, score, &rows, error);
	score->rows = rows.list;
	score->count = rows.count;
	if (result < 0)
		fabric_score_free(score);
	return result;
}

void fabric_score_free(struct score *score)
{
	free(score->rows);
	*score = (struct score){0};
}

/* ---- measuring */

void fabric_score_mean(const double *values, unsigned count, double *mean, double *half)
{
	struct estimate e = estimate(values, count);

	*mean = e.mean;
	*half = count > 1 ? e.half : 0;
}

/* The jobs of one scenario: `runs` from `first` on. */
struct group {
	const struct scenario *scenario;
	unsigned runs, first;
};

static struct group *group_of(struct group *groups, unsigned *count, const struct scenario *scenario)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(groups[i].scenario->text, scenario->text))
			return &groups[i];
	groups[*count] = (struct group){.scenario = scenario};
	return &groups[(*count)++];
}

static void want(struct group *group, unsigned runs)
{
	if (group->runs < runs)
		group->runs = runs;
}

static unsigned values_of(const struct jobs *jobs, const struct group *group, unsigned runs,
	enum measure measure, double *values)
{
	for (unsigned i = 0; i < runs; i++)
		values[i] = jobs->list[group->first + i].outcome.values[measure];
	return runs;
}

/* The most frequent value, to the nanosecond; the first of those that are equally frequent. */
static void mode(struct score_row *row, const double *values, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned same = 0;
		for (unsigned k = 0; k < count; k++)
			same += fabs(values[i] - values[k]) < 0.001;
		if (same <= row->agreeing)
			continue;
		row->agreeing = same;
		row->measured = values[i];
	}
}

/* What both have in printed digits is the same: the published times are rounded to the nanosecond. */
static bool same_ns(double measured, double published)
{
	return fabs(measured - published) < 0.0015;
}

static void judge(struct score_row *row)
{
	double off = fabs(row->measured - row->published);
	bool agrees = row->as == SCORE_EXACT      ? same_ns(row->measured, row->published)
		      : row->as == SCORE_AT_MOST  ? row->measured <= row->published
		      : row->as == SCORE_AT_LEAST ? row->measured >= row->published
						  : off <= row->tolerance;

	row->judgement = agrees ? SCORE_AGREES : off <= 2 * row->tolerance ? SCORE_NEAR : SCORE_DIFFERS;
}

static void finish(
	struct score_row *row, const struct jobs *jobs, struct group *groups, unsigned *count, unsigned runs)
{
	double values[1000] = {0}, others[1000] = {0}, other, other_half;

	row->n = values_of(jobs, group_of(groups, count, &row->scenario), runs, row->measure, values);
	fabric_score_mean(values, row->n, &row->measured, &row->half);
	if (row->as == SCORE_EXACT) {
		mode(row, values, row->n);
	} else if (row->as == SCORE_RATIO) {
		values_of(jobs, group_of(groups, count, &row->against), runs, row->measure, others);
		fabric_score_mean(others, row->n, &other, &other_half);
		double ratio = row->measured / other;
		row->half = fabs(ratio) * hypot(row->half / row->measured, other_half / other);
		row->measured = ratio;
	}
	judge(row);
}

/* The dearest first, so that no worker is left alone with one at the end; how dear is guessed. */
static double dear(const struct scenario *s)
{
	double time = s->pattern == PATTERN_PERMUTATION || s->pattern == PATTERN_RANDOM ? (double)s->length_ps
											: 1e9;

	return time * s->hosts;
}

static int by_cost(const void *a, const void *b)
{
	double x = dear(((const struct group *)a)->scenario), y = dear(((const struct group *)b)->scenario);

	return x > y ? -1 : x < y;
}

static unsigned runs_of(const struct score_row *row, unsigned runs)
{
	return row->runs < runs ? row->runs : runs;
}

int fabric_score_measure(struct score *score, uint64_t seed, unsigned runs, uint32_t workers, char **error)
{
	struct group *groups = calloc(2 * score->count, sizeof *groups);
	unsigned count = 0, all = 0;
	struct jobs jobs;

	if (!groups)
		abort();
	for (unsigned i = 0; i < score->count; i++) {
		struct score_row *row = &score->rows[i];
		want(group_of(groups, &count, &row->scenario), runs_of(row, runs));
		if (row->as == SCORE_RATIO)
			want(group_of(groups, &count, &row->against), runs_of(row, runs));
	}
	qsort(groups, count, sizeof *groups, by_cost);
	for (unsigned i = 0; i < count; i++)
		all += groups[i].runs;
	fabric_jobs_init(&jobs, all, 0);
	for (unsigned i = 0; i < count; i++) {
		groups[i].first = jobs.count;
		for (unsigned k = 0; k < groups[i].runs; k++)
			fabric_jobs_add(&jobs, groups[i].scenario, seed + k, 0);
	}
	int result = fabric_jobs_run(&jobs, workers, error);
	for (unsigned i = 0; i < score->count && result == 0; i++)
		finish(&score->rows[i], &jobs, groups, &count, runs_of(&score->rows[i], runs));
	fabric_jobs_free(&jobs);
	free(groups);
	return result;
}
