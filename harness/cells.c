/* Cells: from records to numbers. One pass sorts the counted records into their cell; then each cell is
 * described, compared with what was published, and its subflows are added up. */
#include "harness/cells.h"
#include "lib/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const judgement_names[] = {"", "same", "lower", "higher", "not comparable"};

const char *judgement_name(enum judgement judgement)
{
	return judgement_names[judgement];
}

const char *unit_text(const char *unit)
{
	return !strcmp(unit, "mbps") ? "Mbit/s" : unit;
}

int cells_decimals(const struct cells *cells, size_t measure)
{
	double largest = 0;

	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].means && fabs(cells->cells[i].means[measure]) > largest)
			largest = fabs(cells->cells[i].means[measure]);
	if (largest >= 1000)
		return 0;
	return largest >= 1 || largest <= 0 ? 2 : largest >= 0.1 ? 3 : 2 + (int)ceil(-log10(largest));
}

bool cells_counts(const struct record *record)
{
	return record->last && record->status <= TRIAL_SUSPECT;
}

static struct cell *cell_of(const struct cells *cells, const struct record *record)
{
	return &cells->cells[record->configuration * cells->experiment->procedures_count + record->procedure];
}

const struct record *cells_records(const struct cells *cells, const struct cell *cell, size_t *count)
{
	const struct records *records = &cells->records;
	size_t first = 0;

	while (first < records->count && cell_of(cells, &records->items[first]) != cell)
		first++;
	*count = 0;
	while (first + *count < records->count && cell_of(cells, &records->items[first + *count]) == cell)
		++*count;
	return records->items + first;
}

/* Values of a measure over the counted records; returns how many. `values` has room for all of them. */
static size_t gather(const struct record *records, size_t count, size_t measure, double *values)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (cells_counts(&records[i]) && !isnan(records[i].measures[measure]))
			values[n++] = records[i].measures[measure];
	return n;
}

static int describe(const struct cells *cells, struct cell *cell, const struct record *records, size_t count)
{
	const struct experiment *experiment = cells->experiment;
	double *values = calloc(count + 1, sizeof *values);
	int result = -1;

	cell->means = calloc(experiment->measures_count, sizeof *cell->means);
	if (!values || !cell->means)
		goto out;
	for (size_t m = 0; m < experiment->measures_count; m++) {
		size_t n = gather(records, count, m, values);
		double sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += values[i];
		cell->means[m] = n ? sum / (double)n : NAN;
	}
	size_t n = gather(records, count, experiment->primary, values);
	uint64_t seed = experiment->seed + (uint64_t)(cell - cells->cells);
	result = stats_describe(values, n, seed, &cell->stats);
	cell->means[experiment->primary] = cell->stats.mean;
out:
	free(values);
	return result;
}

int cells_describe(const struct cells *cells, const struct cell *cell, size_t measure, struct stats *stats)
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);
	double *values = calloc(count + 1, sizeof *values);

	if (!values)
		return -1;
	size_t n = gather(records, count, measure, values);
	int result =
		stats_describe(values, n, cells->experiment->seed + (uint64_t)(cell - cells->cells), stats);
	free(values);
	return result;
}

static void count_statuses(struct cell *cell, const struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cell->suspect += cells_counts(&records[i]) && records[i].status == TRIAL_SUSPECT;
		cell->invalid += records[i].status == TRIAL_INVALID;
		cell->failed += records[i].status == TRIAL_FAILED;
	}
}

/* Bytes of a node in a record; a counted trial without the node sent none from there. */
static double bytes_from(const struct record *record, const char *node)
{
	for (size_t i = 0; i < record->subflows_count; i++)
		if (!strcmp(record->subflows[i].node, node))
			return record->subflows[i].unique_bytes;
	return 0;
}

static void add_node(struct cell *cell, const char *node)
{
	for (size_t i = 0; i < cell->subflows_count; i++)
		if (!strcmp(cell->subflows[i].node, node))
			return;
	cell->subflows[cell->subflows_count++] = (struct cell_subflow){node, NAN, NAN, NAN, NAN};
}

/* The nodes that bytes came from: those promised first, in their order. */
static int list_nodes(
	const struct cells *cells, struct cell *cell, const struct record *records, size_t count)
{
	const struct experiment *experiment = cells->experiment;
	const struct expect *expect = &experiment->procedures[cell->procedure].expect;
	size_t room = expect->subflows_count;

	for (size_t i = 0; i < count; i++) {
		cell->subflows_n += cells_counts(&records[i]) && records[i].subflows_count;
		room += records[i].subflows_count;
	}
	if (!cell->subflows_n)
		return 0;
	cell->subflows = calloc(room, sizeof *cell->subflows);
	if (!cell->subflows)
		return -1;
	for (size_t i = 0; experiment->topology && i < expect->subflows_count; i++)
		add_node(cell, experiment->topology->nodes[expect->subflows[i]]);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; cells_counts(&records[i]) && j < records[i].subflows_count; j++)
			add_node(cell, records[i].subflows[j].node);
	return 0;
}

static int describe_subflows(
	const struct cells *cells, struct cell *cell, const struct record *records, size_t count)
{
	if (list_nodes(cells, cell, records, count) < 0)
		return -1;
	double *values = calloc(count + 1, sizeof *values), total = 0;
	if (!values)
		return -1;
	for (size_t s = 0; s < cell->subflows_count; s++) {
		size_t n = 0;
		for (size_t i = 0; i < count; i++)
			if (cells_counts(&records[i]) && records[i].subflows_count)
				values[n++] = bytes_from(&records[i], cell->subflows[s].node);
		cell->subflows[s].bytes = stats_median(values, n);
		total += cell->subflows[s].bytes;
	}
	for (size_t s = 0; s < cell->subflows_count; s++)
		cell->subflows[s].share = total > 0 ? 100 * cell->subflows[s].bytes / total : NAN;
	free(values);
	return 0;
}

/* Where an input of the project is: its copy in the results folder comes first. NULL: out of memory. */
static char *input_path(const struct cells *cells, const char *file)
{
	char *path;

	if (*file == '/')
		return strdup(file);
	if (asprintf(&path, "%s/%s", cells->folder, file) < 0)
		return NULL;
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return asprintf(&path, "%s/%s", cells->root, file) < 0 ? NULL : path;
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
	if (!(path = input_path(cells, file)))
		return error_set(error, "out of memory");
	struct published_table *table = published_load(path, error);
	free(path);
	if (!table)
		return -1;
	sources[cells->sources_count] = (struct cell_source){file, table};
	return (int)cells->sources_count++;
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

static bool has_loss(const struct experiment *experiment, const struct configuration *configuration)
{
	for (size_t i = 0; configuration->links && i < experiment->topology->links_count; i++)
		for (int k = 0; k < 2; k++)
			if (configuration->links[i].shaped && configuration->links[i].direction[k].loss > 0)
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

void cells_verdict(const struct cells *cells, const struct cell *cell, char *text, size_t size)
{
	bool differs = cell->judgement == JUDGED_LOWER || cell->judgement == JUDGED_HIGHER;
	size_t used =
		(size_t)snprintf(text, size, "%s", cell->judgement ? judgement_name(cell->judgement) : "-");

	if (differs && !isnan(cell->difference_percent))
		used += (size_t)snprintf(text + used, size - used, " by %.*f %%",
			fabs(cell->difference_percent) < 9.95 ? 1 : 0, fabs(cell->difference_percent));
	for (size_t i = 0, n = 0; i < cells->notes.count && used + 16 < size; i++)
		if (cell->causes >> i & 1)
			used += (size_t)snprintf(text + used, size - used, "%s%zu", n++ ? "," : " [",
				cells_note_number(cells, i));
	if (cell->causes && used + 1 < size)
		snprintf(text + used, size - used, "]");
}

size_t cells_note_number(const struct cells *cells, size_t note)
{
	uint64_t used = 0;

	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].shown)
			used |= cells->cells[i].notes | cells->cells[i].subflow_notes;
	if (!(used >> note & 1))
		return 0;
	return 1 + (size_t)__builtin_popcountll(used & ((UINT64_C(1) << note) - 1));
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

/* A cell is shown when something was measured in it, or the run meant to. */
static bool is_planned(const struct cells *cells, const struct cell *cell)
{
	const struct experiment *experiment = cells->experiment;
	const char *configuration = experiment->configurations[cell->configuration].name;
	const char *procedure = experiment->procedures[cell->procedure].name;
	size_t length = strlen(configuration);
	json_t *one;
	size_t i;

	if (!cells->planned)
		return !experiment->procedures[cell->procedure].optional;
	json_array_foreach(cells->planned, i, one)
	{
		const char *name = json_string_value(one);
		if (name && strncmp(name, configuration, length) == 0 && name[length] == '/' &&
			strcmp(name + length + 1, procedure) == 0)
			return true;
	}
	return false;
}

static void load_plan(struct cells *cells, const char *results_dir)
{
	char path[4200];

	if (snprintf(path, sizeof path, "%s/provenance.json", results_dir) >= (int)sizeof path)
		return;
	json_t *provenance = json_load_file(path, 0, NULL), *planned = json_object_get(provenance, "cells");
	cells->planned = json_is_array(planned) ? json_incref(planned) : NULL;
	json_decref(provenance);
}

bool cells_comparable(const struct cells *cells, size_t configuration, const struct comparison *comparison)
{
	const struct cell *row = &cells->cells[configuration * cells->experiment->procedures_count];
	bool shown = row[comparison->of].shown;

	for (size_t i = 0; i < comparison->against_count; i++)
		shown = shown && row[comparison->against[i]].shown;
	return shown;
}

static int fill_cell(struct cells *cells, struct cell *cell, char **error)
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);

	cell->shown = count || is_planned(cells, cell);
	count_statuses(cell, records, count);
	if (describe(cells, cell, records, count) < 0 || describe_subflows(cells, cell, records, count) < 0)
		return error_set(error, "out of memory");
	if (!cell->shown)
		return 0;
	if (find_published(cells, cell, error) < 0)
		return -1;
	find_notes(cells, cell);
	judge(cell);
	explain(cells, cell);
	return 0;
}

static int fill_all(struct cells *cells, char **error)
{
	const struct experiment *experiment = cells->experiment;

	for (size_t i = 0; i < cells->count; i++) {
		struct cell *cell = &cells->cells[i];
		cell->configuration = i / experiment->procedures_count;
		cell->procedure = i % experiment->procedures_count;
		cell->published = cell->published_sd = cell->published_n = NAN;
		cell->difference = cell->difference_percent = cell->half_width = cell->hedges_g = NAN;
		cell->test = (struct stats_test){NAN, NAN, NAN};
		cell->published_text = "";
		cell->source = -1;
		if (fill_cell(cells, cell, error) < 0)
			return -1;
	}
	if (!experiment->subflow_bytes.file)
		return 0;
	cells->subflow_source = source_of(cells, experiment->subflow_bytes.file, error);
	if (cells->subflow_source < 0)
		return -1;
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].subflows_count && find_subflow_bytes(cells, &cells->cells[i], error) < 0)
			return -1;
	return 0;
}

static int load_notes(struct cells *cells, char **error)
{
	char *path = input_path(cells, "data/notes.yaml");
	int result = path ? notes_load(&cells->notes, path, error) : error_set(error, "out of memory");

	free(path);
	return result;
}

struct cells *cells_load(
	const struct experiment *experiment, const char *root, const char *results_dir, char **error)
{
	struct cells *cells = calloc(1, sizeof *cells);
	char *path = NULL;

	if (!cells || asprintf(&path, "%s/trials.jsonl", results_dir) < 0) {
		error_set(error, "out of memory");
		free(cells);
		return NULL;
	}
	cells->experiment = experiment;
	cells->subflow_source = -1;
	cells->root = root;
	cells->folder = results_dir;
	load_plan(cells, results_dir);
	int result = records_load(&cells->records, experiment, path, error);
	free(path);
	if (result == 0)
		result = load_notes(cells, error);
	if (result == 0) {
		size_t count = experiment->configurations_count * experiment->procedures_count;
		cells->cells = calloc(count, sizeof *cells->cells);
		cells->count = cells->cells ? count : 0;
		result = cells->cells ? fill_all(cells, error) : error_set(error, "out of memory");
	}
	if (result < 0) {
		cells_free(cells);
		return NULL;
	}
	return cells;
}

void cells_free(struct cells *cells)
{
	if (!cells)
		return;
	json_decref(cells->planned);
	for (size_t i = 0; i < cells->count; i++) {
		free(cells->cells[i].means);
		free(cells->cells[i].subflows);
	}
	free(cells->cells);
	for (size_t i = 0; i < cells->sources_count; i++)
		published_free(cells->sources[i].table);
	free(cells->sources);
	records_free(&cells->records);
	notes_free(&cells->notes);
	free(cells);
}

/* With r = of / against, var(r) = (var(of) + r^2 var(against)) / against^2. A procedure that stands on both
 * sides, or twice, is taken as independent: the interval is then on the wide side. */
struct overhead cells_overhead(
	const struct cells *cells, size_t configuration, const struct comparison *comparison)
{
	const struct cell *row = cells->cells + configuration * cells->experiment->procedures_count;
	const struct cell *of = &row[comparison->of];
	struct stats_term *terms = calloc(comparison->against_count + 1, sizeof *terms);
	double sum = 0, published_sum = 0;

	for (size_t i = 0; i < comparison->against_count; i++) {
		sum += row[comparison->against[i]].stats.mean;
		published_sum += row[comparison->against[i]].published;
	}
	double ratio = of->stats.mean / sum, published = of->published / published_sum;
	struct overhead overhead = {100 * (1 - ratio), NAN, 100 * (1 - published)};
	if (!terms)
		return overhead;
	terms[0] = (struct stats_term){1, of->stats.sd, (double)of->stats.n};
	for (size_t i = 0; i < comparison->against_count; i++) {
		const struct cell *against = &row[comparison->against[i]];
		terms[i + 1] = (struct stats_term){ratio, against->stats.sd, (double)against->stats.n};
	}
	overhead.half_width = 100 * stats_welch_half_width(terms, comparison->against_count + 1) / fabs(sum);
	free(terms);
	if (!isfinite(overhead.measured))
		overhead.measured = overhead.half_width = NAN;
	if (!isfinite(overhead.published))
		overhead.published = NAN;
	return overhead;
}
