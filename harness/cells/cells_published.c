/* Cells, what was published: see the header. */
#include "harness/cells/cells_published.h"

#include "harness/record/inputs.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The notes on a file stand beside it, and are read with the first source of their folder. */
static int add_notes(struct cells *cells, const char *path, char **error)
{
	char *notes = inputs_notes(path);
	cells->sources[cells->sources_count - 1].notes = notes;
	for (size_t i = 0; i + 1 < cells->sources_count; i++)
		if (strcmp(cells->sources[i].notes, notes) == 0)
			return 0;
	return notes_load(&cells->notes, notes, error);
}

/* Index of a file among the sources, read when it is met first; -1 with *error. */
static int source_of(struct cells *cells, const char *file, char **error)
{
	char *path;

	for (size_t i = 0; i < cells->sources_count; i++)
		if (!strcmp(cells->sources[i].file, file))
			return (int)i;
	struct cell_source *sources = reallocarray(cells->sources, cells->sources_count + 1, sizeof *sources);
	if (!sources)
		return error_set(error, "out of memory");
	cells->sources = sources;
	if (!(path = inputs_path(cells->folder, cells->root, file)))
		return error_set(error, "out of memory");
	struct published_table *table = published_load(path, error);
	int result = -1;
	if (table) {
		sources[cells->sources_count++] = (struct cell_source){.file = file, .table = table};
		result = add_notes(cells, path, error) < 0 ? -1 : (int)cells->sources_count - 1;
	}
	free(path);
	return result;
}

/* A number of a column that may not be asked for: NAN then, and when the cell is empty. */
static int optional_number(
	const struct published_table *table, int row, const char *name, double *value, char **error)
{
	*value = NAN;
	if (!name)
		return 0;
	int column = published_column(table, name, error);
	if (column < 0)
		return -1;
	return published_number(table, row, column, value, error) < 0 ? -1 : 0;
}

static int find_published(struct cells *cells, struct cell *cell, char **error)
{
	const struct experiment *experiment = cells->experiment;
	const struct procedure *procedure = &experiment->procedures[cell->procedure];
	const struct published *published = &procedure->published;

	if (!published->file)
		return 0;
	int source = source_of(cells, published->file, error);
	if (source < 0)
		return -1;
	const struct published_table *table = cells->sources[source].table;
	int column = published_column(table, published->value, error);
	if (column < 0)
		return -1;
	int row = published_row(table, experiment->configurations[cell->configuration].name, procedure->name);
	if (row < 0)
		return 0;
	int found = published_number(table, row, column, &cell->published, error);
	if (found <= 0)
		return found;
	cell->source = source;
	cell->published_text = published_text(table, row, column);
	if (optional_number(table, row, published->sd, &cell->published_sd, error) < 0)
		return -1;
	return optional_number(table, row, published->n, &cell->published_n, error);
}

/* Half a unit of the last digit that was published: the value may be as far off by rounding alone. */
static double rounding(const char *digits)
{
	const char *point = strchr(digits, '.');

	return 0.5 * pow(10, point ? -(double)strspn(point + 1, "0123456789") : 0);
}

static void judge(struct cell *cell)
{
	struct stats_term terms[] = {
		{1, cell->stats.sd, (double)cell->stats.n}, {-1, cell->published_sd, cell->published_n}};
	bool spread = !isnan(cell->published_sd) && cell->published_n >= 2;

	cell->difference = cell->stats.mean - cell->published;
	if (isnan(cell->difference))
		return;
	cell->difference_percent = cell->published != 0 ? 100 * cell->difference / cell->published : NAN;
	struct stats_group measured = {cell->stats.mean, cell->stats.sd, (double)cell->stats.n};
	struct stats_group beside = {
		cell->published, spread ? cell->published_sd : 0, spread ? cell->published_n : 0};
	cell->test = stats_welch(measured, beside);
	cell->hedges_g = stats_hedges_g(measured, beside);
	double half = cell->half_width = stats_welch_half_width(terms, spread ? 2 : 1);
	if (isnan(half))
		return;
	if (fabs(cell->difference) <= half + rounding(cell->published_text))
		cell->judgement = JUDGED_SAME;
	else
		cell->judgement = cell->difference < 0 ? JUDGED_LOWER : JUDGED_HIGHER;
}

static bool loses(const struct shape *shape)
{
	return shape->loss_model != LOSS_RANDOM || shape->loss > 0;
}

static bool has_loss(const struct experiment *experiment, const struct configuration *configuration)
{
	for (size_t i = 0;
		configuration->links && i < experiment_topology(experiment, configuration)->links_count; i++)
		for (int k = 0; k < 2; k++)
			if (configuration->links[i].shaped && loses(&configuration->links[i].direction[k]))
				return true;
	return false;
}

static void find_notes(const struct cells *cells, struct cell *cell)
{
	const struct experiment *experiment = cells->experiment;
	const struct configuration *configuration = &experiment->configurations[cell->configuration];
	const struct procedure *procedure = &experiment->procedures[cell->procedure];
	bool lossy = has_loss(experiment, configuration);

	for (size_t i = 0; i < cells->notes.count; i++) {
		const struct note *note = &cells->notes.items[i];
		if (cell->source >= 0 &&
			note_applies(note, procedure->published.file, configuration->name,
				procedure->published.value, experiment->name, procedure->name, lossy))
			cell->notes |= UINT64_C(1) << i;
		if (experiment->subflow_bytes.file && cell->subflows_count &&
			note_applies(note, experiment->subflow_bytes.file, configuration->name, "bytes",
				experiment->name, procedure->name, lossy))
			cell->subflow_notes |= UINT64_C(1) << i;
	}
}

/* What the notes say about the judgement: that there is none to be had, or what is behind it. */
static void explain(const struct cells *cells, struct cell *cell)
{
	for (size_t i = 0; i < cells->notes.count; i++) {
		enum note_effect effect = cells->notes.items[i].effect;
		if (!(cell->notes >> i & 1) || isnan(cell->difference))
			continue;
		if (effect == NOTE_INCOMPARABLE && cell->judgement != JUDGED_INCOMPARABLE) {
			cell->judgement = JUDGED_INCOMPARABLE;
			cell->causes = 0;
		}
		if ((effect == NOTE_INCOMPARABLE && cell->judgement == JUDGED_INCOMPARABLE) ||
			(effect == NOTE_EXPLAINS_HIGHER && cell->judgement == JUDGED_HIGHER) ||
			(effect == NOTE_EXPLAINS_LOWER && cell->judgement == JUDGED_LOWER))
			cell->causes |= UINT64_C(1) << i;
	}
}

/* Published bytes: the columns "a,b" stand for the promised subflows in their order. */
static int find_subflow_bytes(const struct cells *cells, struct cell *cell, char **error)
{
	const struct experiment *experiment = cells->experiment;
	const struct published_table *table = cells->sources[cells->subflow_source].table;
	const char *names = experiment->subflow_bytes.value;
	int row = published_row(table, experiment->configurations[cell->configuration].name,
		experiment->procedures[cell->procedure].subflow_row);
	double total = 0;

	if (row < 0)
		return 0;
	for (size_t s = 0; s < cell->subflows_count && *names; s++) {
		char name[64];
		size_t length = strcspn(names, ",");
		snprintf(name, sizeof name, "%.*s", (int)length, names);
		names += length + (names[length] == ',');
		names += strspn(names, " ");
		if (optional_number(table, row, name, &cell->subflows[s].published_bytes, error) < 0)
			return -1;
		total += cell->subflows[s].published_bytes; /* NAN: no shares */
		if (isnan(total))
			return 0;
	}
	for (size_t s = 0; total > 0 && s < cell->subflows_count; s++)
		cell->subflows[s].published_share = 100 * cell->subflows[s].published_bytes / total;
	return 0;
}

int cells_judge(struct cells *cells, struct cell *cell, char **error)
{
	if (find_published(cells, cell, error) < 0)
		return -1;
	find_notes(cells, cell);
	judge(cell);
	explain(cells, cell);
	return 0;
}

int cells_judge_subflows(struct cells *cells, char **error)
{
	cells->subflow_source = source_of(cells, cells->experiment->subflow_bytes.file, error);
	if (cells->subflow_source < 0)
		return -1;
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].subflows_count && find_subflow_bytes(cells, &cells->cells[i], error) < 0)
			return -1;
	return 0;
}

/* ---- before a run */

static int check_columns(const struct published_table *table, const struct published *p, char **error)
{
	const char *const names[] = {p->value, p->sd, p->n};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i] && published_column(table, names[i], error) < 0)
			return -1;
	return 0;
}

int cells_check_published(const struct experiment *e, const char *root, char **error)
{
	for (size_t i = 0; i < e->procedures_count; i++) {
		const struct procedure *p = &e->procedures[i];
		const struct conf_node *at = conf_child(p->at, "published");
		char *reason = NULL, *path;
		if (!p->published.file)
			continue;
		if (!(path = inputs_path(experiment_beside(e, "."), root, p->published.file)))
			return error_set(error, "out of memory");
		struct published_table *table = published_load(path, &reason);
		int result = table ? check_columns(table, &p->published, &reason) : -1;
		published_free(table);
		free(path);
		if (result < 0) {
			conf_error(at ? at : p->at, error, "%s", reason ? reason : "out of memory");
			free(reason);
			return -1;
		}
	}
	return 0;
}
