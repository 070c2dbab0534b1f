/* Rows of data/migration/migration-published.csv: read, measured, judged. */
#include "nodes/migration/sim/score.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/estimate.h"
#include "lib/sim/published.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX 1000

const char *const score_as_names[SCORE_KINDS + 1] = {"value", "at-most", "report", NULL};
const char *const score_judgement_names[SCORE_JUDGEMENTS + 1] = {"agrees", "near", "differs", "-", NULL};

enum { SCENARIO, MEASURE, AS, VALUE, TOLERANCE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {
	"scenario", "measure", "as", "value", "tolerance", "source"};

static int take_row(void *context, void *filled, char **cells, char **error)
{
	const char *words = context;
	struct score_row *row = filled;
	char text[SCENARIO_TEXT + 64];
	int as = published_word("comparison", cells[AS], score_as_names, error);
	int measure = as < 0 ? -1 : published_word("measure", cells[MEASURE], page_measure_names, error);

	snprintf(text, sizeof text, "%s%s%s", cells[SCENARIO], *words ? " " : "", words);
	if (measure < 0 || scenario_parse(&row->scenario, text, error) < 0)
		return -1;
	row->as = (enum score_as)as;
	row->measure = (enum page_measure)measure;
	if (unit_number(cells[VALUE], &row->published) < 0 || !isfinite(row->published))
		return error_set(error, "`%s` is no number", cells[VALUE]);
	if ((row->as == SCORE_VALUE) != (*cells[TOLERANCE] != '\0'))
		return error_set(error, "a value has a tolerance, the others have none");
	if (row->as == SCORE_VALUE &&
		(unit_fraction(cells[TOLERANCE], &row->tolerance) < 0 || row->tolerance <= 0))
		return error_set(error, "tolerance `%s`: write 5%%", cells[TOLERANCE]);
	row->tolerance *= fabs(row->published);
	snprintf(row->published_text, sizeof row->published_text, "%s", cells[VALUE]);
	snprintf(row->source, sizeof row->source, "%s", cells[SOURCE]);
	return 0;
}

int score_load(struct score *score, const char *path, const char *words, char **error)
{
	static const struct published_format format = {
		column_names, COLUMNS, sizeof(struct score_row), take_row};
	struct published_rows rows;
	int result = published_read(path, &format, (void *)words, &rows, error);

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

static void judge(struct score_row *row)
{
	double off = row->measured - row->published;
	bool agrees = row->as == SCORE_AT_MOST ? off <= 0 : fabs(off) <= row->tolerance;

	row->judgement = row->as == SCORE_REPORT                                     ? SCORE_NONE
			 : agrees                                                    ? SCORE_AGREES
			 : row->as == SCORE_VALUE && fabs(off) <= 2 * row->tolerance ? SCORE_NEAR
										     : SCORE_DIFFERS;
}

void score_measure(struct score *score, uint64_t seed, unsigned runs)
{
	static double values[RUNS_MAX];
	double measured[PAGES_MEASURES];

	for (unsigned i = 0; i < score->count; i++) {
		struct score_row *row = &score->rows[i];
		for (unsigned r = 0; r < runs; r++) {
			pages_run(&row->scenario, seed + r, measured, NULL);
			values[r] = measured[row->measure];
		}
		struct estimate e = estimate(values, runs);
		row->measured = e.mean;
		row->half = runs > 1 ? e.half : 0;
		judge(row);
	}
}
