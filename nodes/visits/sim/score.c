/* Rows of data/visits/channel-switching-published.csv: read, measured, judged. */
#include "nodes/visits/sim/score.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/estimate.h"
#include "lib/sim/published.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 1000

const char *const score_as_names[SCORE_KINDS + 1] = {"value", "ratio", "at-most", "at-least", "report", NULL};
const char *const score_judgement_names[SCORE_JUDGEMENTS + 1] = {"agrees", "near", "differs", "-", NULL};

enum { SCENARIO, MEASURE, AGAINST, AS, VALUE, TOLERANCE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {
	"scenario", "measure", "against", "as", "value", "tolerance", "source"};

static int take_scenario(struct scenario *scenario, const char *cell, const char *words, char **error)
{
	char text[SCENARIO_TEXT + 64];

	snprintf(text, sizeof text, "%s%s%s", cell, *words ? " " : "", words);
	return scenario_parse(scenario, text, error);
}

static int take_row(void *context, void *filled, char **cells, char **error)
{
	const char *words = context;
	struct score_row *row = filled;
	int as = published_word("comparison", cells[AS], score_as_names, error);
	int measure = as < 0 ? -1 : published_word("measure", cells[MEASURE], client_measure_names, error);
	bool judged = as == SCORE_VALUE || as == SCORE_RATIO;

	if (measure < 0 || take_scenario(&row->scenario, cells[SCENARIO], words, error) < 0)
		return -1;
	row->as = (enum score_as)as;
	row->measure = (enum client_measure)measure;
	if ((row->as == SCORE_RATIO && !*cells[AGAINST]) || (row->as == SCORE_VALUE && *cells[AGAINST]))
		return error_set(error, "a ratio has a scenario in `against`, a value has none");
	if (*cells[AGAINST] && take_scenario(&row->against, cells[AGAINST], words, error) < 0)
		return -1;
	if (unit_number(cells[VALUE], &row->published) < 0 || !isfinite(row->published))
		return error_set(error, "`%s` is no number", cells[VALUE]);
	if (judged != (*cells[TOLERANCE] != '\0'))
		return error_set(error, "value and ratio have a tolerance, the others have none");
	if (judged && (unit_fraction(cells[TOLERANCE], &row->tolerance) < 0 || row->tolerance <= 0))
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
	bool agrees = row->as == SCORE_AT_MOST    ? off <= 0
		      : row->as == SCORE_AT_LEAST ? off >= 0
						  : fabs(off) <= row->tolerance;

	row->judgement = row->as == SCORE_REPORT           ? SCORE_NONE
			 : agrees                          ? SCORE_AGREES
			 : fabs(off) <= 2 * row->tolerance ? SCORE_NEAR
							   : SCORE_DIFFERS;
}

static int run_once(const struct score_row *row, uint64_t seed, double *value, char **error)
{
	double values[CLIENT_MEASURES], against[CLIENT_MEASURES];

	if (client_run(&row->scenario, seed, values, error) < 0 ||
		(row->against.count && client_run(&row->against, seed, against, error) < 0))
		return -1;
	*value = row->against.count ? values[row->measure] / against[row->measure] : values[row->measure];
	return 0;
}

int score_measure(struct score *score, uint64_t seed, unsigned runs, char **error)
{
	static double values[RUNS_MAX];

	for (unsigned i = 0; i < score->count; i++) {
		struct score_row *row = &score->rows[i];
		for (unsigned r = 0; r < runs && r < RUNS_MAX; r++)
			if (run_once(row, seed + r, &values[r], error) < 0)
				return -1;
		struct estimate e = estimate(values, runs);
		row->measured = e.mean;
		row->half = runs > 1 ? e.half : 0;
		judge(row);
	}
	return 0;
}
