/* Cells: from records to numbers. One pass sorts the counted records into their cell; then each cell is
 * described, compared with what was published, and its subflows are added up. */
#include "harness/report/cells.h"

#include "harness/report/cells_published.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	size_t promised, room;
	const struct subflow_place *places =
		experiment_subflows(&cells->experiment->procedures[cell->procedure], &promised);

	room = promised;
	for (size_t i = 0; i < count; i++) {
		cell->subflows_n += cells_counts(&records[i]) && records[i].subflows_count;
		room += records[i].subflows_count;
	}
	if (!cell->subflows_n)
		return 0;
	cell->subflows = calloc(room, sizeof *cell->subflows);
	if (!cell->subflows)
		return -1;
	for (size_t i = 0; i < promised; i++)
		add_node(cell, places[i].name);
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
	json_array_foreach(cells->planned, i, one) {
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
	return cells_judge(cells, cell, error);
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
	return cells_judge_subflows(cells, error);
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
	for (size_t i = 0; i < cells->sources_count; i++) {
		free(cells->sources[i].notes);
		published_free(cells->sources[i].table);
	}
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
