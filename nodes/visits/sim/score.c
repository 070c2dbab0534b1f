/* Rows of data/visits/channel-switching-published.csv: read, measured, judged. */
#include "nodes/visits/sim/score.h"

#include "lib/base/error.h"
#include "lib/sim/published.h"
#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX 1000

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
	struct score_number *number = &row->number;
	int measure = published_word("measure", cells[MEASURE], client_measure_names, error);

	if (measure < 0 || take_scenario(&row->scenario, cells[SCENARIO], words, error) < 0 ||
		score_number_read(number, cells[AS], cells[VALUE], cells[TOLERANCE], cells[SOURCE], error) <
			0)
		return -1;
	row->measure = (enum client_measure)measure;
	if ((number->as == SCORE_RATIO && !*cells[AGAINST]) || (number->as == SCORE_VALUE && *cells[AGAINST]))
		return error_set(error, "a ratio has a scenario in `against`, a value has none");
	return *cells[AGAINST] ? take_scenario(&row->against, cells[AGAINST], words, error) : 0;
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
		score_number_judge(&row->number, values, runs);
	}
	return 0;
}
