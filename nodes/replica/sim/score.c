/* Rows of data/replica/c3-published.csv: read, checked, judged. */
#include "nodes/replica/sim/score.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/published.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const score_as_names[SCORE_KINDS + 1] = {"value", "ratio", "less", "more", "report", NULL};
const char *const score_judgement_names[SCORE_JUDGEMENTS + 1] = {"agrees", "near", "differs", "-", NULL};

enum { SCENARIO, MEASURE, AGAINST, AS, VALUE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {"scenario", "measure", "against", "as", "value", "source"};

static int add_scenario(
	struct runs *runs, const char *cell, const char *words, unsigned *number, char **error)
{
	struct scenario scenario;
	char text[sizeof scenario.text + 64];

	snprintf(text, sizeof text, "%s%s%s", cell, *words ? " " : "", words);
	if (scenario_parse(&scenario, text, error, NULL) < 0)
		return -1;
	*number = runs_add(runs, &scenario);
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
	int measure = as < 0 ? -1 : published_word("measure", cells[MEASURE], cluster_measure_names, error);

	if (measure < 0 || add_scenario(runs, cells[SCENARIO], words, &row->scenario, error) < 0)
		return -1;
	row->as = (enum score_as)as;
	row->measure = (enum cluster_measure)measure;
	row->against = row->scenario;
	if (*cells[AGAINST] && add_scenario(runs, cells[AGAINST], words, &row->against, error) < 0)
		return -1;
	if (row->as == SCORE_VALUE && *cells[AGAINST])
		return error_set(error, "`against` goes with ratio, less, more and report, not with value");
	if ((row->as == SCORE_RATIO || row->as == SCORE_REPORT) && !*cells[AGAINST])
		return error_set(error, "`%s` needs a scenario in `against`", cells[AS]);
	if (row->as != SCORE_REPORT &&
		(unit_number(cells[VALUE], &row->published) < 0 || !isfinite(row->published)))
		return error_set(error, "`%s` is no number", cells[VALUE]);
	snprintf(row->published_text, sizeof row->published_text, "%s", cells[VALUE]);
	snprintf(row->source, sizeof row->source, "%s", cells[SOURCE]);
	return 0;
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
	free(score->rows);
	*score = (struct score){0};
}

static enum score_judgement judge(const struct score_row *row)
{
	double off = row->measured.mean - row->published,
	       half = isnan(row->measured.half) ? 0 : row->measured.half;

	if (row->as == SCORE_REPORT)
		return SCORE_NONE;
	if (row->as == SCORE_LESS || row->as == SCORE_MORE) {
		double beyond = row->as == SCORE_LESS ? -off : off;
		return beyond > half ? SCORE_AGREES : beyond >= -half ? SCORE_NEAR : SCORE_DIFFERS;
	}
	if (fabs(off) <= 0.1 * fabs(row->published) || fabs(off) <= half)
		return SCORE_AGREES;
	return fabs(off) <= 0.25 * fabs(row->published) ? SCORE_NEAR : SCORE_DIFFERS;
}

void score_judge(struct score *score, const struct runs *runs)
{
	for (unsigned i = 0; i < score->count; i++) {
		struct score_row *row = &score->rows[i];
		row->measured = row->against == row->scenario
					? runs_measure(runs, row->scenario, row->measure)
					: runs_ratio(runs, row->scenario, row->against, row->measure);
		row->judgement = judge(row);
	}
}
