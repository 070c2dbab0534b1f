/* Report, its cells: the main measure beside what was published, overheads, quantiles of samples, bytes a subflow. */
#include "harness/cells/factors.h"
#include "harness/report/report_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *report_measure(const struct cells *cells, size_t measure, int decimals)
{
	const struct measure *m = &cells->experiment->measures[measure];
	json_t *object = json_object();

	put_text(object, "name", m->name);
	put_text(object, "unit", unit_text(m->unit));
	put_text(object, "better", m->less ? "less" : "more");
	put(object, "less", json_boolean(m->less));
	put_count(object, "decimals", (size_t)decimals);
	return object;
}

bool report_procedure_shown(const struct cells *cells, size_t procedure)
{
	for (size_t i = procedure; i < cells->count; i += cells->experiment->procedures_count)
		if (cells->cells[i].shown)
			return true;
	return false;
}

bool report_configuration_shown(const struct cells *cells, size_t configuration)
{
	size_t procedures = cells->experiment->procedures_count;

	for (size_t p = 0; p < procedures; p++)
		if (cells->cells[configuration * procedures + p].shown)
			return true;
	return false;
}

/* The numbers of notes. */
static json_t *note_numbers(const struct cells *cells, uint64_t notes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < cells->notes.count; i++)
		if (notes >> i & 1)
			json_array_append_new(list, json_integer((json_int_t)cells_note_number(cells, i)));
	return list;
}

static json_t *published(const struct cells *cells, const struct cell *cell)
{
	if (cell->source < 0)
		return json_null();
	json_t *object = json_object();
	put_text(object, "text", cell->published_text);
	put_number(object, "value", cell->published);
	put_number(object, "sd", cell->published_sd);
	put_number(object, "n", cell->published_n);
	put(object, "has_sd", json_boolean(!isnan(cell->published_sd)));
	put_text(object, "source", cells->sources[cell->source].file);
	return object;
}

/* "higher by 1.2 %, worse", without the numbers of the notes. */
static void put_verdict(json_t *object, const struct cells *cells, const struct cell *cell)
{
	char *verdict = cells_verdict(cells, cell, true);

	if (verdict)
		verdict[strcspn(verdict, "[")] = '\0';
	size_t length = verdict ? strlen(verdict) : 0;
	while (length && verdict[length - 1] == ' ')
		verdict[--length] = '\0';
	put_text(object, "verdict", length && strcmp(verdict, "-") ? verdict : "");
	free(verdict);
}

static void put_judgement(json_t *object, const struct cells *cells, const struct cell *cell)
{
	put(object, "published", published(cells, cell));
	put_number(object, "difference", cell->difference);
	put_number(object, "difference_percent", cell->difference_percent);
	put_number(object, "half_width", cell->half_width);
	put_text(object, "judgement", judgement_name(cell->judgement));
	put_text(object, "meaning", judgement_meaning(cell->judgement, cells_primary(cells)));
	put_verdict(object, cells, cell);
	put_number(object, "t", cell->test.t);
	put_number(object, "df", cell->test.df);
	put_number(object, "p", cell->test.p);
	put_number(object, "hedges_g", cell->hedges_g);
	put(object, "notes", note_numbers(cells, cell->notes));
	put(object, "causes", note_numbers(cells, cell->causes));
}

static void put_stats(json_t *object, const struct stats *stats)
{
	put_count(object, "n", stats->n);
	put_number(object, "mean", stats->mean);
	put_number(object, "sd", stats->sd);
	put_number(object, "median", stats->median);
	put_number(object, "q1", stats->q1);
	put_number(object, "q3", stats->q3);
	put_number(object, "min", stats->min);
	put_number(object, "max", stats->max);
	put_number(object, "ci95_low", stats->ci95_low);
	put_number(object, "ci95_high", stats->ci95_high);
	put(object, "has_ci95", json_boolean(!isnan(stats->ci95_low)));
}

static json_t *other_means(const struct cells *cells, const struct cell *cell)
{
	const struct experiment *e = cells->experiment;
	json_t *list = json_array();

	for (size_t m = 0; m < e->measures_count; m++)
		if (m != e->primary) {
			json_t *one = json_object();
			put_text(one, "name", e->measures[m].name);
			put_number(one, "mean", cell->means[m]);
			put_count(one, "decimals", (size_t)cells_decimals(cells, m));
			json_array_append_new(list, one);
		}
	return list;
}

/* null where a single subflow, or none, carries everything: nothing to tell. */
static json_t *subflows(const struct cells *cells, const struct cell *cell)
{
	if (!cell->shown || cell->subflows_count < 2)
		return json_null();
	json_t *object = json_object(), *nodes = json_array();
	for (size_t s = 0; s < cell->subflows_count; s++) {
		const struct cell_subflow *subflow = &cell->subflows[s];
		json_t *node = json_object();
		put_text(node, "node", subflow->node);
		put_number(node, "bytes", subflow->bytes);
		put_number(node, "share_percent", subflow->share);
		put_number(node, "published_bytes", subflow->published_bytes);
		put_number(node, "published_share_percent", subflow->published_share);
		put_number(node, "difference_points", subflow->share - subflow->published_share);
		json_array_append_new(nodes, node);
	}
	put_count(object, "n", cell->subflows_n);
	put(object, "nodes", nodes);
	put(object, "notes",
		note_numbers(cells, isnan(cell->subflows[0].published_share) ? 0 : cell->subflow_notes));
	return object;
}

static json_t *one_cell(const struct cells *cells, const struct cell *cell)
{
	const struct procedure *procedure = &cells->experiment->procedures[cell->procedure];
	json_t *object = json_object();

	put_text(object, "procedure", procedure->name);
	put_text(object, "title", procedure->title);
	put(object, "shown", json_boolean(cell->shown));
	if (!cell->shown)
		return object;
	put_stats(object, &cell->stats);
	put_count(object, "suspect", cell->suspect);
	put_count(object, "invalid", cell->invalid);
	put_count(object, "failed", cell->failed);
	put_judgement(object, cells, cell);
	put(object, "others", other_means(cells, cell));
	put(object, "subflows", subflows(cells, cell));
	return object;
}

/* The name and title of a configuration, as an object to add to. */
static json_t *named(const struct configuration *configuration)
{
	json_t *object = json_object();

	put_text(object, "configuration", configuration->name);
	put_text(object, "title", configuration->title);
	return object;
}

/* Adds the rows of a configuration, unless there are none; takes them over. */
static void add_group(json_t *groups, const struct configuration *configuration, json_t *rows)
{
	if (json_array_size(rows)) {
		json_t *group = named(configuration);
		put(group, "rows", json_incref(rows));
		json_array_append_new(groups, group);
	}
	json_decref(rows);
}

static json_t *configurations(const struct cells *cells)
{
	static const char *const taken[] = {NULL};
	const struct experiment *e = cells->experiment;
	json_t *list = json_array(), *factors = factors_of(e, taken);

	for (size_t c = 0; c < e->configurations_count; c++) {
		if (!report_configuration_shown(cells, c))
			continue;
		json_t *object = named(&e->configurations[c]), *row = json_array();
		bool shares = false;
		for (size_t p = 0; p < e->procedures_count; p++) {
			const struct cell *cell = &cells->cells[c * e->procedures_count + p];
			if (report_procedure_shown(cells, p))
				json_array_append_new(row, one_cell(cells, cell));
			shares = shares || (cell->shown && cell->subflows_count > 1);
		}
		put(object, "factors", json_incref(json_array_get(factors, c)));
		put(object, "shares", json_boolean(shares));
		put(object, "cells", row);
		json_array_append_new(list, object);
	}
	json_decref(factors);
	return list;
}

static json_t *procedures(const struct cells *cells)
{
	const struct experiment *e = cells->experiment;
	json_t *list = json_array();

	for (size_t p = 0; p < e->procedures_count; p++)
		if (report_procedure_shown(cells, p)) {
			json_t *one = json_object();
			put_text(one, "name", e->procedures[p].name);
			put_text(one, "title", e->procedures[p].title);
			put_text(one, "published_file", e->procedures[p].published.file);
			json_array_append_new(list, one);
		}
	return list;
}

void report_cells(json_t *report, const struct cells *cells)
{
	const struct experiment *e = cells->experiment;
	json_t *others = json_array(), *sources = json_array();
	bool shares = false;

	put(report, "measure", report_measure(cells, e->primary, cells_decimals(cells, e->primary)));
	for (size_t m = 0; m < e->measures_count; m++)
		if (m != e->primary)
			json_array_append_new(others, report_measure(cells, m, cells_decimals(cells, m)));
	for (size_t i = 0; i < cells->count; i++)
		shares = shares || (cells->cells[i].shown && cells->cells[i].subflows_count > 1);
	for (size_t s = 0; s < cells->sources_count; s++) {
		json_t *one = json_object();
		put_text(one, "file", cells->sources[s].file);
		put_text(one, "source", published_source(cells->sources[s].table));
		json_array_append_new(sources, one);
	}
	put(report, "other_measures", others);
	put(report, "grouped", json_boolean(e->configurations_count > 1));
	put(report, "procedures", procedures(cells));
	put(report, "sources", sources);
	put(report, "configurations", configurations(cells));
	put(report, "shares", json_boolean(shares));
	put(report, "shares_published", json_boolean(cells->subflow_source >= 0));
}

/* ---- overheads */

static json_t *one_overhead(
	const struct cells *cells, size_t configuration, const struct comparison *comparison)
{
	const struct procedure *procedures = cells->experiment->procedures;
	struct overhead o = cells_overhead(cells, configuration, comparison);
	json_t *row = json_object(), *against = json_array();

	for (size_t i = 0; i < comparison->against_count; i++)
		json_array_append_new(against, text_json(procedures[comparison->against[i]].name));
	put_text(row, "comparison", comparison->name);
	put_text(row, "of", procedures[comparison->of].name);
	put(row, "against", against);
	put_number(row, "measured", o.measured);
	put_number(row, "low", o.measured - o.half_width);
	put_number(row, "high", o.measured + o.half_width);
	put(row, "has_interval", json_boolean(!isnan(o.half_width)));
	put_number(row, "published", o.published);
	put_number(row, "difference_points", o.measured - o.published);
	return row;
}

void report_overheads(json_t *report, const struct cells *cells)
{
	const struct experiment *e = cells->experiment;
	json_t *groups = json_array(), *object = json_object();
	bool by_comparison;

	for (size_t c = 0; c < e->configurations_count; c++) {
		json_t *rows = json_array();
		for (size_t i = 0; i < e->comparisons_count; i++)
			if (cells_comparable(cells, c, &e->comparisons[i]))
				json_array_append_new(rows, one_overhead(cells, c, &e->comparisons[i]));
		add_group(groups, &e->configurations[c], rows);
	}
	bool some = json_array_size(groups) > 0;
	put(object, "groups", groups);
	put(object, "figures", report_overhead_figures(cells, &by_comparison));
	put(object, "by_comparison", json_boolean(by_comparison));
	put(report, "overheads", some ? json_incref(object) : json_null());
	json_decref(object);
}

/* ---- samples */

static json_t *quantile_list(const struct cell_samples *samples)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CELLS_QUANTILES; i++) {
		const struct quantile *quantile = &samples->shown[i];
		json_t *one = json_object();
		char name[16];
		quantile_name(quantile->p, name);
		put_text(one, "name", name);
		put_number(one, "p", quantile->p);
		put_number(one, "value", quantile->value);
		put_number(one, "low", quantile->low);
		put_number(one, "high", quantile->high);
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *quantile_names(const struct cell_samples *samples)
{
	json_t *list = json_array();

	for (size_t i = 0; i < CELLS_QUANTILES; i++) {
		char name[16];
		quantile_name(samples->shown[i].p, name);
		json_array_append_new(list, json_string(name));
	}
	return list;
}

static json_t *sample_row(const struct cells *cells, const struct cell *cell, size_t measure)
{
	const struct procedure *procedure = &cells->experiment->procedures[cell->procedure];
	const struct cell_samples *samples = &cell->samples[measure];
	json_t *row = json_object();

	put_text(row, "procedure", procedure->name);
	put_text(row, "title", procedure->title);
	put_count(row, "trials", quantiles_trials(samples->pooled));
	put_count(row, "samples", cells_samples(cell, measure));
	put_text(row, "interval", quantiles_resampled(samples->pooled) ? "bootstrap" : "ranks");
	put(row, "quantiles", quantile_list(samples));
	return row;
}

static json_t *sample_groups(const struct cells *cells, size_t measure)
{
	const struct experiment *e = cells->experiment;
	json_t *groups = json_array();

	for (size_t c = 0; c < e->configurations_count; c++) {
		json_t *rows = json_array();
		for (size_t p = 0; p < e->procedures_count; p++) {
			const struct cell *cell = &cells->cells[c * e->procedures_count + p];
			if (cells_samples(cell, measure))
				json_array_append_new(rows, sample_row(cells, cell, measure));
		}
		add_group(groups, &e->configurations[c], rows);
	}
	return groups;
}

void report_samples(json_t *report, const struct cells *cells)
{
	json_t *list = json_array();

	for (size_t m = 0; m < cells->experiment->measures_count; m++) {
		if (!cells_sampled(cells, m))
			continue;
		json_t *one = json_object();
		put(one, "measure", report_measure(cells, m, cells_sample_decimals(cells, m)));
		put(one, "quantiles", quantile_names(&cells->cells[0].samples[m]));
		put(one, "groups", sample_groups(cells, m));
		put(one, "figures", report_sample_figures(cells, m));
		json_array_append_new(list, one);
	}
	put(report, "samples", list);
}
