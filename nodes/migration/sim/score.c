/* Rows of data/migration/migration-published.csv: read, measured, judged. */
#include "nodes/migration/sim/score.h"

#include "lib/base/error.h"
#include "lib/sim/published.h"
#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX 1000

enum { SCENARIO, MEASURE, AS, VALUE, TOLERANCE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {
	"scenario", "measure", "as", "value", "tolerance", "source"};

static int take_row(void *context, void *filled, char **cells, char **error)
{
	const char *words = context;
	struct score_row *row = filled;
	char text[SCENARIO_TEXT + 64];
	int measure = published_word("measure", cells[MEASURE], page_measure_names, error);

	snprintf(text, sizeof text, "%s%s%s", cells[SCENARIO], *words ? " " : "", words);
	if (measure < 0 || scenario_parse(&row->scenario, text, error) < 0 ||
		score_number_read(
			&row->number, cells[AS], cells[VALUE], cells[TOLERANCE], cells[SOURCE], error) < 0)
		return -1;
	row->measure = (enum page_measure)measure;
	if (row->number.as == SCORE_RATIO)
		return error_set(
			error, "a ratio is to another scenario, and this table names none; write value");
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
		score_number_judge(&row->number, values, runs);
	}
}
