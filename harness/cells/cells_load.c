/* Cells, loading: from records to numbers. One pass sorts the counted records into their cell; then each cell is
 * described, compared with what was published, and its subflows are added up. */
#include "harness/cells/cells_load.h"

#include "harness/cells/cells_published.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int describe(const struct cells *cells, struct cell *cell)
{
	const struct experiment *experiment = cells->experiment;

	cell->means = calloc(experiment->measures_count, sizeof *cell->means);
	for (size_t m = 0; cell->means && m < experiment->measures_count; m++) {
		size_t n;
		double *values = cells_values(cells, cell, m, &n), sum = 0;
		if (!values)
			return -1;
		for (size_t i = 0; i < n; i++)
			sum += values[i];
		free(values);
		cell->means[m] = n ? sum / (double)n : NAN;
	}
	if (!cell->means || cells_describe(cells, cell, experiment->primary, &cell->stats) < 0)
		return -1;
	cell->means[experiment->primary] = cell->stats.mean;
	return 0;
}

static int pool_measure(
	const struct cells *cells, struct cell_samples *samples, const struct cell *cell, size_t measure)
{
	static const double shown[CELLS_QUANTILES] = {0.5, 0.9, 0.99, 0.999};
	size_t count, n = 0;
	const struct record *records = cells_records(cells, cell, &count);
	struct sample_list *lists = calloc(count + 1, sizeof *lists);

	for (size_t i = 0; lists && i < count; i++)
		if (cells_counts(&records[i]))
			lists[n++] = records[i].samples[measure];
	samples->pooled = lists ? quantiles_new(lists, n) : NULL;
	free(lists);
	for (size_t i = 0; i < CELLS_QUANTILES; i++)
		samples->shown[i].p = shown[i];
	uint64_t seed = cells->experiment->seed + (uint64_t)(cell - cells->cells);
	return samples->pooled ? quantiles_fill(samples->pooled, CELLS_QUANTILE_DRAWS, seed, samples->shown,
					 CELLS_QUANTILES)
			       : -1;
}

static int pool_samples(const struct cells *cells, struct cell *cell)
{
	const struct experiment *experiment = cells->experiment;

	cell->samples = calloc(experiment->measures_count, sizeof *cell->samples);
	for (size_t m = 0; cell->samples && m < experiment->measures_count; m++)
		if (experiment->measures[m].kind == MEASURE_SAMPLES &&
			pool_measure(cells, &cell->samples[m], cell, m) < 0)
			return -1;
	return cell->samples ? 0 : -1;
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

static int fill_cell(struct cells *cells, struct cell *cell, char **error)
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);

	cell->shown = count || is_planned(cells, cell);
	count_statuses(cell, records, count);
	if (describe(cells, cell) < 0 || pool_samples(cells, cell) < 0 ||
		describe_subflows(cells, cell, records, count) < 0)
		return error_set(error, "out of memory");
	if (!cell->shown)
		return 0;
	return cells_judge(cells, cell, error);
}

/* Where the records of each cell stand. */
static void place_records(struct cells *cells)
{
	for (size_t i = cells->records.count; i-- > 0;) {
		const struct record *record = &cells->records.items[i];
		size_t procedures = cells->experiment->procedures_count;
		struct cell *cell = &cells->cells[record->configuration * procedures + record->procedure];
		cell->first = i;
		cell->records_count++;
	}
}

static int fill_all(struct cells *cells, char **error)
{
	const struct experiment *experiment = cells->experiment;

	place_records(cells);
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
