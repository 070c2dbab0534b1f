/* Rows of data/kibbutz/kibbutz-published.csv: read, checked, measured, judged. */
#include "nodes/kibbutz/sim/score.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/sim/published.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCENARIO, OF, MEASURE, AGAINST, AS, VALUE, SOURCE, COLUMNS };

static const char *const column_names[COLUMNS] = {
	"scenario", "of", "measure", "against", "as", "value", "source"};

static int take_scenario(struct scenario *scenario, const char *cell, const char *words, char **error)
{
	char text[256];

	snprintf(text, sizeof text, "%s%s%s", cell, *words ? " " : "", words);
	return scenario_parse(scenario, text, error);
}

static int find_name(
	const char *what, const char *name, const char *(*name_of)(unsigned), unsigned count, char **error)
{
	char known[128] = "";

	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(name, name_of(i)))
			return (int)i;
		size_t used = strlen(known);
		snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", name_of(i));
	}
	return error_set(error, "no %s `%s`; there are %s", what, name, known);
}

static const char *class_name(unsigned i)
{
	return traffic_classes[i].name;
}

static const char *as_name(unsigned i)
{
	return score_as_name((enum score_as)i);
}

static const char *measure_name(unsigned i)
{
	return measure_names[i];
}

static unsigned measure_count(void)
{
	unsigned n = 0;
	while (measure_names[n])
		n++;
	return n;
}

static int take_row(void *context, void *filled, char **cells, char **error)
{
	const char *words = context;
	struct score_row *row = filled;
	int as = find_name("comparison", cells[AS], as_name, SCORE_KINDS, error);

	row->class = find_name("class", cells[OF], class_name, TRAFFIC_CLASSES, error);
	if (as < 0 || row->class < 0 ||
		find_name("measure", cells[MEASURE], measure_name, measure_count(), error) < 0 ||
		take_scenario(&row->scenario, cells[SCENARIO], words, error) < 0)
		return -1;
	row->as = (enum score_as)as;
	if (!memchr(row->scenario.classes, row->class, row->scenario.count))
		return error_set(error, "no device of class %s in `%s`", cells[OF], cells[SCENARIO]);
	if ((row->as == SCORE_VALUE) != !*cells[AGAINST])
		return error_set(
			error, "`against` goes with ratio, saving, rises and falls, and only with these");
	if (*cells[AGAINST] && take_scenario(&row->against, cells[AGAINST], words, error) < 0)
		return -1;
	if (unit_number(cells[VALUE], &row->published) < 0 || !isfinite(row->published))
		return error_set(error, "`%s` is no number", cells[VALUE]);
	snprintf(row->measure, sizeof row->measure, "%s", cells[MEASURE]);
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

/* The quotient's interval, from those of its parts (independent, small). */
static struct measure quotient(struct measure a, struct measure b)
{
	double ratio = a.mean / b.mean;
	return (struct measure){ratio, fabs(ratio) * hypot(a.half / a.mean, b.half / b.mean)};
}

static enum score_judgement judge(const struct score_row *row)
{
	double difference = fabs(row->measured - row->published);

	if (row->as == SCORE_RISES)
		return row->measured - row->half > 1 ? SCORE_AGREES : SCORE_DIFFERS;
	if (row->as == SCORE_FALLS)
		return row->measured + row->half < 1 ? SCORE_AGREES : SCORE_DIFFERS;
	if (difference <= 0.1 * fabs(row->published) || difference <= row->half)
		return SCORE_AGREES;
	return difference <= 0.25 * fabs(row->published) ? SCORE_NEAR : SCORE_DIFFERS;
}

static struct measure measure(
	const struct score_row *row, const struct scenario *scenario, uint64_t seed, unsigned runs)
{
	struct summary summary;

	summarise(scenario, seed, runs, row->class, &summary);
	return *summary_measure(&summary, row->measure);
}

void score_measure(struct score *score, uint64_t seed, unsigned runs)
{
	for (unsigned i = 0; i < score->count; i++) {
		struct score_row *row = &score->rows[i];
		struct measure m = measure(row, &row->scenario, seed, runs);
		if (row->against.count)
			m = quotient(m, measure(row, &row->against, seed + runs, runs));
		row->measured = row->as == SCORE_SAVING ? 1 - m.mean : m.mean;
		row->half = m.half;
		row->judgement = judge(row);
	}
}

const char *score_as_name(enum score_as as)
{
	static const char *const names[SCORE_KINDS] = {"value", "ratio", "saving", "rises", "falls"};
	return names[as];
}

const char *score_judgement_name(enum score_judgement judgement)
{
	static const char *const names[SCORE_JUDGEMENTS] = {"agrees", "near", "differs"};
	return names[judgement];
}
