/* Report: what is said first (the verdicts, how many means agree, what is missing), and what stands around the tables:
 * the notes, the attempts that do not count. */
#include "harness/report/report.h"
#include "harness/experiment/plan.h"
#include "harness/report/report_internal.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1 /* of report.json; a field that changes its meaning makes another one */

static json_t *experiment(const struct experiment *e)
{
	json_t *object = json_object();

	put_text(object, "name", e->name);
	put_text(object, "title", e->title ? e->title : e->name);
	put_text(object, "source", e->source);
	return object;
}

static json_t *verdicts(const struct records *records)
{
	json_t *object = json_object();
	size_t counted[4] = {0};

	for (size_t i = 0; i < records->count; i++)
		counted[records->items[i].status]++;
	for (int s = TRIAL_VALID; s <= TRIAL_FAILED; s++)
		put_count(object, trial_status_name((enum trial_status)s), counted[s]);
	return object;
}

/* How many cells agree with what was published; null: none was published. */
static json_t *agreement(const struct cells *cells)
{
	size_t judged[5] = {0}, explained = 0, near = 0, compared = 0;
	double furthest = 0;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		bool comparable = cell->judgement && cell->judgement != JUDGED_INCOMPARABLE;
		judged[cell->judgement]++;
		compared += comparable;
		explained += comparable && cell->causes;
		near += (cell->judgement == JUDGED_LOWER || cell->judgement == JUDGED_HIGHER) &&
			fabs(cell->difference_percent) <= 1;
		if (comparable && !cell->causes && fabs(cell->difference_percent) > furthest)
			furthest = fabs(cell->difference_percent);
	}
	if (!compared && !judged[JUDGED_INCOMPARABLE])
		return json_null();
	json_t *object = json_object();
	put_count(object, "compared", compared);
	put_count(object, "same", judged[JUDGED_SAME]);
	put_count(object, "lower", judged[JUDGED_LOWER]);
	put_count(object, "higher", judged[JUDGED_HIGHER]);
	put_count(object, "within_1_percent", near);
	put_count(object, "explained", explained);
	put_count(object, "not_comparable", judged[JUDGED_INCOMPARABLE]);
	put_number(object, "furthest_percent", furthest);
	return object;
}

/* Lines that are no records; null: none. */
static json_t *broken(const struct records *records)
{
	return records->broken ? json_pack("{s:I s:I}", "lines", (json_int_t)records->broken, "first",
					 (json_int_t)records->broken_line)
			       : json_null();
}

/* Trials planned for each cell; 0: not known. */
static unsigned planned_trials(const struct cells *cells, const json_t *provenance, const struct cell *cell)
{
	const json_t *run = json_object_get(provenance, "run");
	struct selection selection = {.trials = (unsigned)json_integer_value(json_object_get(run, "trials"))};

	return run ? plan_trials(cells->experiment, &selection, cell->configuration) : 0;
}

/* What lacks of the plan; null: nothing. */
static json_t *missing(const struct cells *cells, const json_t *provenance)
{
	const struct experiment *e = cells->experiment;
	double until = json_number_value(json_object_get(json_object_get(provenance, "run"), "until"));
	json_t *list = json_array(), *object = json_object();
	size_t trials = 0;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		unsigned planned = planned_trials(cells, provenance, cell);
		if (!cell->shown || cell->stats.n >= planned)
			continue;
		json_t *one = json_object();
		put_text(one, "configuration", e->configurations[cell->configuration].name);
		put_text(one, "procedure", e->procedures[cell->procedure].name);
		put_count(one, "n", cell->stats.n);
		put_count(one, "planned", planned);
		json_array_append_new(list, one);
		trials += planned - cell->stats.n;
	}
	size_t count = json_array_size(list);
	put_count(object, "trials", trials);
	put(object, "one_cell", json_boolean(count == 1));
	put_number(object, "until_percent", until > 0 ? until * 100 : NAN);
	put(object, "cells", list);
	json_t *result = count ? json_incref(object) : json_null();
	json_decref(object);
	return result;
}

static json_t *verdicts_by_procedure(const struct cells *cells)
{
	const struct experiment *e = cells->experiment;
	const struct records *records = &cells->records;
	json_t *list = json_array();

	for (size_t p = 0; p < e->procedures_count; p++) {
		size_t n[4] = {0}, tries = 0, first = 0;
		for (size_t i = 0; i < records->count; i++) {
			const struct record *record = &records->items[i];
			if (record->procedure != p)
				continue;
			n[record->status]++;
			tries += record->attempt == 1;
			first += record->attempt == 1 && record->status == TRIAL_VALID;
		}
		if (!tries)
			continue;
		json_t *row = json_object();
		put_text(row, "procedure", e->procedures[p].name);
		for (int s = TRIAL_VALID; s <= TRIAL_FAILED; s++)
			put_count(row, trial_status_name((enum trial_status)s), n[s]);
		put_number(row, "valid_first_percent", 100.0 * (double)first / (double)tries);
		json_array_append_new(list, row);
	}
	return list;
}

/* What is not valid, and why. */
static json_t *attempts(const struct cells *cells)
{
	const struct experiment *e = cells->experiment;
	const struct records *records = &cells->records;
	json_t *list = json_array();

	for (size_t i = 0; i < records->count; i++) {
		const struct record *r = &records->items[i];
		if (r->status == TRIAL_VALID)
			continue;
		json_t *one = json_object();
		put_text(one, "configuration", e->configurations[r->configuration].name);
		put_text(one, "procedure", e->procedures[r->procedure].name);
		put(one, "repeat", json_integer(r->repeat));
		put(one, "attempt", json_integer(r->attempt));
		put_text(one, "status", trial_status_name(r->status));
		put_text(one, "fate", !r->last ? "replaced" : r->status == TRIAL_SUSPECT ? "counted" : "");
		put_text(one, "reasons", *r->reasons ? r->reasons : "no reason recorded");
		json_array_append_new(list, one);
	}
	return list;
}

/* The files that a note is about, which it separates by bars. */
static json_t *files_of(const char *patterns)
{
	json_t *list = json_array();

	for (const char *at = patterns; *at;) {
		char one[256];
		size_t length = strcspn(at, "|");
		snprintf(one, sizeof one, "%.*s", (int)length, at);
		json_array_append_new(list, text_json(one));
		at += length + (at[length] == '|');
	}
	return list;
}

static json_t *notes(const struct cells *cells)
{
	json_t *list = json_array();

	for (size_t i = 0; i < cells->notes.count; i++) {
		size_t number = cells_note_number(cells, i);
		if (!number)
			continue;
		json_t *one = json_object();
		put_count(one, "number", number);
		put_text(one, "text", cells->notes.items[i].text);
		put(one, "files", files_of(cells->notes.items[i].table));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *load_provenance(const char *folder)
{
	char path[4200];

	if (snprintf(path, sizeof path, "%s/provenance.json", folder) >= (int)sizeof path)
		return NULL;
	return json_load_file(path, 0, NULL);
}

json_t *report_make(const struct cells *cells)
{
	json_t *report = json_object(), *provenance = load_provenance(cells->folder);

	put_count(report, "schema", SCHEMA);
	put(report, "experiment", experiment(cells->experiment));
	put(report, "verdicts", verdicts(&cells->records));
	put(report, "agreement", agreement(cells));
	put(report, "missing", missing(cells, provenance));
	put(report, "torn", json_boolean(cells->records.torn));
	put(report, "broken", broken(&cells->records));
	report_design(report, cells);
	report_overheads(report, cells);
	report_cells(report, cells);
	report_samples(report, cells);
	report_distributions(report, cells);
	report_series(report, cells);
	put(report, "notes", notes(cells));
	put(report, "verdicts_by_procedure", verdicts_by_procedure(cells));
	put(report, "attempts", attempts(cells));
	report_about(report, cells, provenance);
	json_decref(provenance);
	return report;
}

int report_json(const json_t *report, FILE *out, char **error)
{
	if (json_dumpf(report, out, JSON_INDENT(1)) < 0)
		return error_set(error, "out of memory");
	fputc('\n', out);
	return 0;
}
