/* Rows of data/grin/grin-published.csv: read, checked, judged. */
#include "nodes/grin/sim/score.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/published.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const score_measure_names[SCORE_MEASURES + 1] = {"rate", "crossing", "decline", NULL};
const char *const score_as_names[SCORE_KINDS + 1] = {"value", "less", "more", NULL};
const char *const score_judgement_names[SCORE_JUDGEMENTS] = {"same", "near", "differs"};

enum { ROW, SCENARIO, MEASURE, AGAINST, AS, VALUE, TOLERANCE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {
	"row", "scenario", "measure", "against", "as", "value", "tolerance", "source"};

/* Levels of `active` that a measure asks for, per cent. */
static const int crossing_levels[] = {5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70};
static const int decline_levels[] = {10, 30};
enum { CROSSING_LEVELS = sizeof crossing_levels / sizeof *crossing_levels };

static int add_side(struct score_row *row, const char *cell, const char *words, struct runs *runs,
	unsigned *numbers, char **error)
{
	const int *levels = row->measure == SCORE_CROSSING ? crossing_levels : decline_levels;

	for (unsigned i = 0; i < row->levels; i++) {
		struct scenario scenario;
		char text[sizeof scenario.text + 64], level[32] = "";
		if (row->measure != SCORE_RATE)
			snprintf(level, sizeof level, " active=%d%%", levels[i]);
		snprintf(text, sizeof text, "%s%s%s%s", cell, level, *words ? " " : "", words);
		if (scenario_parse(&scenario, text, error) < 0)
			return -1;
		numbers[i] = runs_add(runs, &scenario);
	}
	return 0;
}

struct reading {
	const char *words;
	struct runs *runs;
};

static int take_row(void *context, void *filled, char **cells, char **error)
{
	const struct reading *reading = context;
	const char *words = reading->words;
	struct runs *runs = reading->runs;
	struct score_row *row = filled;
	int as = published_word("comparison", cells[AS], score_as_names, error);
	int measure = as < 0 ? -1 : published_word("measure", cells[MEASURE], score_measure_names, error);

	if (measure < 0)
		return -1;
	row->as = (enum score_as)as;
	row->measure = (enum score_measure)measure;
	row->levels = row->measure == SCORE_CROSSING  ? CROSSING_LEVELS
		      : row->measure == SCORE_DECLINE ? 2
						      : 1;
	snprintf(row->row, sizeof row->row, "%s", cells[ROW]);
	snprintf(row->scenario, sizeof row->scenario, "%s", cells[SCENARIO]);
	snprintf(row->against, sizeof row->against, "%s", cells[AGAINST]);
	snprintf(row->source, sizeof row->source, "%s", cells[SOURCE]);
	if (row->measure == SCORE_CROSSING && !*row->against)
		return error_set(error, "a crossing needs a scenario in `against`");
	if (unit_number(cells[VALUE], &row->published) < 0)
		return error_set(error, "value `%s` is no number", cells[VALUE]);
	if (row->as == SCORE_VALUE &&
		(unit_number(cells[TOLERANCE], &row->tolerance) < 0 || row->tolerance < 0))
		return error_set(error, "tolerance `%s` is no number", cells[TOLERANCE]);
	row->numbers = calloc(2 * row->levels, sizeof *row->numbers);
	if (!row->numbers)
		abort();
	if (add_side(row, row->scenario, words, runs, row->numbers, error) < 0)
		return -1;
	return *row->against ? add_side(row, row->against, words, runs, row->numbers + row->levels, error)
			     : 0;
}

int score_load(struct score *score, const char *path, const char *words, struct runs *runs, char **error)
{
	struct reading reading = {words, runs};
	static const struct published_format format = {
		column_names, COLUMNS, sizeof(struct score_row), take_row};
	struct published_rows rows;
	int result = published_read(path, &format, &reading, &rows, error);

	*score = (struct score){.rows = rows.list, .count = rows.count};
	if (result < 0)
		score_free(score);
	return result;
}

void score_free(struct score *score)
{
	for (unsigned i = 0; i < score->count; i++)
		free(score->rows[i].numbers);
	free(score->rows);
	*score = (struct score){0};
}

static double rate(const struct score_row *row, const struct runs *runs, unsigned at, unsigned instance)
{
	return runs_outcome(runs, row->numbers[at], instance)->mean;
}

static double mean_rate(const struct score_row *row, const struct runs *runs, unsigned at)
{
	double sum = 0;

	for (unsigned i = 0; i < runs_instances(runs); i++)
		sum += rate(row, runs, at, i);
	return sum / runs_instances(runs);
}

/* Of the curves of means. The interval is of the curves' distance at the crossing, over their slope. */
static struct estimate crossing(const struct score_row *row, const struct runs *runs)
{
	double *off = calloc(runs_instances(runs), sizeof *off), before = 0;
	struct estimate result = {NAN, NAN};

	if (!off)
		abort();
	for (unsigned i = 0; i < row->levels; i++) {
		double apart = mean_rate(row, runs, i) - mean_rate(row, runs, row->levels + i);
		if (i && before > 0 && apart <= 0) {
			double step = crossing_levels[i] - crossing_levels[i - 1],
			       slope = (before - apart) / step;
			for (unsigned k = 0; k < runs_instances(runs); k++)
				off[k] = rate(row, runs, i, k) - rate(row, runs, row->levels + i, k);
			result = (struct estimate){crossing_levels[i - 1] + before / slope,
				estimate(off, runs_instances(runs)).half / slope};
			break;
		}
		before = apart;
	}
	free(off);
	return result;
}

/* Instance by instance: both sides meet the same traffic in one. */
static struct estimate quantity(const struct score_row *row, const struct runs *runs)
{
	unsigned count = runs_instances(runs);
	double *values = calloc(count, sizeof *values);

	if (!values)
		abort();
	for (unsigned i = 0; i < count; i++) {
		double own = rate(row, runs, row->levels - 1, i), other = 1;
		if (row->measure == SCORE_DECLINE)
			own /= rate(row, runs, 0, i);
		if (*row->against)
			other = rate(row, runs, 2 * row->levels - 1, i);
		if (*row->against && row->measure == SCORE_DECLINE)
			other /= rate(row, runs, row->levels, i);
		values[i] = own / other;
	}
	struct estimate e = estimate(values, count);
	free(values);
	return e;
}

static enum score_judgement judge(const struct score_row *row)
{
	double off = row->measured.mean - row->published,
	       half = isnan(row->measured.half) ? 0 : row->measured.half;

	if (isnan(off))
		return SCORE_DIFFERS;
	if (row->as == SCORE_VALUE)
		return fabs(off) <= row->tolerance          ? SCORE_SAME
		       : fabs(off) <= row->tolerance + half ? SCORE_NEAR
							    : SCORE_DIFFERS;
	double beyond = row->as == SCORE_LESS ? -off : off;
	return beyond > half ? SCORE_SAME : beyond >= -half ? SCORE_NEAR : SCORE_DIFFERS;
}

void score_judge(struct score *score, const struct runs *runs)
{
	for (unsigned i = 0; i < score->count; i++) {
		struct score_row *row = &score->rows[i];
		row->measured = row->measure == SCORE_CROSSING ? crossing(row, runs) : quantity(row, runs);
		row->judgement = judge(row);
	}
}
