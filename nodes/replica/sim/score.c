/* Rows of data/replica/c3-published.csv: read, checked, judged. */
#include "nodes/replica/sim/score.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const score_as_names[SCORE_KINDS + 1] = {"value", "ratio", "less", "more", "report", NULL};
const char *const score_judgement_names[SCORE_JUDGEMENTS + 1] = {"agrees", "near", "differs", "-", NULL};

enum { SCENARIO, MEASURE, AGAINST, AS, VALUE, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {"scenario", "measure", "against", "as", "value", "source"};

static int split(char *line, char *cells[COLUMNS], char **error)
{
	int n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *cell; (cell = strsep(&line, ","));) {
		if (n == COLUMNS)
			return error_set(error, "more than %d cells; a comma cannot be part of one", COLUMNS);
		cells[n++] = cell;
	}
	return n == COLUMNS ? 0 : error_set(error, "%d cells instead of %d", n, COLUMNS);
}

static int find(const char *what, const char *name, const char *const names[], char **error)
{
	char known[192] = "";

	for (int i = 0; names[i]; i++) {
		if (!strcmp(name, names[i]))
			return i;
		snprintf(
			known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", names[i]);
	}
	return error_set(error, "no %s `%s`; there are %s", what, name, known);
}

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

static int take_row(
	struct score_row *row, char *cells[COLUMNS], const char *words, struct runs *runs, char **error)
{
	int as = find("comparison", cells[AS], score_as_names, error);
	int measure = as < 0 ? -1 : find("measure", cells[MEASURE], cluster_measure_names, error);

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

static int take_line(
	struct score *score, char *line, bool *header, const char *words, struct runs *runs, char **error)
{
	char *cells[COLUMNS];

	if (*line == '#' || *line == '\n')
		return 0;
	if (split(line, cells, error) < 0)
		return -1;
	if (!*header) {
		*header = true;
		for (int i = 0; i < COLUMNS; i++)
			if (strcmp(cells[i], column_names[i]) != 0)
				return error_set(
					error, "column `%s` where `%s` belongs", cells[i], column_names[i]);
		return 0;
	}
	struct score_row *rows = realloc(score->rows, (score->count + 1) * sizeof *rows);
	if (!rows)
		abort();
	score->rows = rows;
	memset(&rows[score->count], 0, sizeof *rows);
	if (take_row(&rows[score->count], cells, words, runs, error) < 0)
		return -1;
	score->count++;
	return 0;
}

int score_load(struct score *score, const char *path, const char *words, struct runs *runs, char **error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	bool header = false;
	int result = 0;

	*score = (struct score){0};
	if (!file)
		return error_set(error, "%s: %s; name the table with --published", path, strerror(errno));
	for (unsigned number = 1; result == 0 && getline(&line, &room, file) >= 0; number++) {
		result = take_line(score, line, &header, words, runs, error);
		if (result < 0)
			error_prefix(error, "%s:%u", path, number);
	}
	if (result == 0 && !score->count)
		result = error_set(error, "%s: no rows; the table of published numbers belongs here", path);
	free(line);
	fclose(file);
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
