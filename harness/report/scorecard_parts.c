/* Scorecard, its further tables: quantiles of samples, overheads, bytes a subflow, and the trials that are not valid. On a
 * terminal remarks are cut off after a few. */
#include "harness/report/scorecard_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REMARKS_SHOWN 10

static void interval_text(const struct quantile *quantile, int decimals, char text[64])
{
	char low[32] = "", high[32] = "";

	if (!isnan(quantile->low))
		snprintf(low, sizeof low, "%.*f", decimals, quantile->low);
	if (!isnan(quantile->high))
		snprintf(high, sizeof high, "%.*f", decimals, quantile->high);
	snprintf(text, 64, "%s..%s", low, high);
}

/* On a terminal the intervals have a line of their own. */
static void quantile_rows(
	const struct page *page, struct table *table, const struct cell *cell, size_t measure, int decimals)
{
	const struct cell_samples *samples = &cell->samples[measure];
	char interval[64];

	table_row(table);
	scorecard_name(page, table, page->cells->experiment->procedures[cell->procedure].name);
	table_cell(table, "%zu", quantiles_trials(samples->pooled));
	table_cell(table, "%zu", cells_samples(cell, measure));
	for (size_t i = 0; i < CELLS_QUANTILES; i++) {
		const struct quantile *quantile = &samples->shown[i];
		interval_text(quantile, decimals, interval);
		if (page->markdown)
			table_cell(table, "%.*f (%s)", decimals, quantile->value, interval);
		else
			table_number(table, quantile->value, decimals, false);
	}
	if (page->markdown)
		return;
	table_row(table);
	table_cell(table, "%s", "");
	table_cell(table, "%s", "");
	table_cell(table, "95 %%");
	for (size_t i = 0; i < CELLS_QUANTILES; i++) {
		interval_text(&samples->shown[i], decimals, interval);
		table_cell(table, "%s", interval);
	}
}

static int quantiles_of(const struct page *page, size_t measure)
{
	const struct measure *m = &page->cells->experiment->measures[measure];
	int decimals = cells_sample_decimals(page->cells, measure);
	struct table *table = table_new();
	size_t last = SIZE_MAX;
	char text[256];

	snprintf(text, sizeof text, "%s, %s: quantiles of the samples%s", m->name, unit_text(m->unit),
		m->less ? " (less is better)" : "");
	fputc('\n', page->out);
	scorecard_heading(page, text);
	table_column(table, "procedure", false, false);
	table_column(table, "n", true, false);
	table_column(table, "samples", true, false);
	for (size_t i = 0; i < CELLS_QUANTILES; i++) {
		char name[16];
		quantile_name(page->cells->cells[0].samples[measure].shown[i].p, name);
		table_column(table, name, true, false);
	}
	for (size_t i = 0; i < page->cells->count; i++) {
		const struct cell *cell = &page->cells->cells[i];
		if (!cells_samples(cell, measure))
			continue;
		if (cell->configuration != last)
			scorecard_group(page, table, last = cell->configuration);
		quantile_rows(page, table, cell, measure, decimals);
	}
	return scorecard_show(page, table);
}

int scorecard_quantiles(const struct page *page)
{
	const struct cells *cells = page->cells;
	bool some = false;

	for (size_t m = 0; m < cells->experiment->measures_count; m++)
		if (cells_sampled(cells, m)) {
			some = true;
			if (quantiles_of(page, m) < 0)
				return -1;
		}
	if (some)
		scorecard_note(page,
			"quantiles of all samples of the counted trials, n of which have any; 95 %: whole trials resampled, of fewer than 3 trials by ranks as if samples were independent; an end without a number is open: too few samples");
	return 0;
}

/* The letters of the sources that a published overhead comes from. */
static void source_letters(const struct cells *cells, size_t configuration,
	const struct comparison *comparison, char letters[32])
{
	const struct cell *row = cells->cells + configuration * cells->experiment->procedures_count;
	size_t n = 0;

	for (int s = 0; s < (int)cells->sources_count && n < 30; s++) {
		bool used = row[comparison->of].source == s;
		for (size_t i = 0; i < comparison->against_count; i++)
			used = used || row[comparison->against[i]].source == s;
		if (used)
			letters[n++] = scorecard_letter(s);
	}
	letters[n] = '\0';
}

static void comparison_row(const struct page *page, struct table *table, size_t configuration,
	const struct comparison *comparison)
{
	struct overhead overhead = cells_overhead(page->cells, configuration, comparison);
	char letters[32];

	table_row(table);
	scorecard_name(page, table, comparison->name);
	table_number(table, overhead.measured, 2, false);
	table_number(table, overhead.half_width, 2, false);
	if (!scorecard_any_published(page->cells))
		return;
	source_letters(page->cells, configuration, comparison, letters);
	if (isnan(overhead.published) || !scorecard_many_sources(page->cells))
		table_number(table, overhead.published, 2, false);
	else
		table_cell(table, "%.2f %s", overhead.published, letters);
	table_number(table, overhead.measured - overhead.published, 2, true);
}

int scorecard_comparisons(const struct page *page)
{
	const struct experiment *experiment = page->cells->experiment;
	struct table *table;
	char text[256];

	size_t comparable = 0;
	for (size_t c = 0; c < experiment->configurations_count; c++)
		for (size_t i = 0; i < experiment->comparisons_count; i++)
			comparable += cells_comparable(page->cells, c, &experiment->comparisons[i]);
	if (!comparable)
		return 0;
	fputc('\n', page->out);
	scorecard_heading(page, "overhead, per cent");
	table = table_new();
	table_column(table, "comparison", false, false);
	table_column(table, "overhead", true, false);
	table_column(table, "+-", true, false);
	if (scorecard_any_published(page->cells)) {
		table_column(table, "published", true, false);
		table_column(table, "diff", true, false);
	}
	for (size_t c = 0; c < experiment->configurations_count; c++) {
		scorecard_group(page, table, c);
		for (size_t i = 0; i < experiment->comparisons_count; i++)
			if (cells_comparable(page->cells, c, &experiment->comparisons[i]))
				comparison_row(page, table, c, &experiment->comparisons[i]);
	}
	if (scorecard_show(page, table) < 0)
		return -1;
	snprintf(text, sizeof text, "overhead is 100 x (%s), in per cent; +- is half of its 95 %% interval%s",
		cells_primary(page->cells)->less ? "mean / sum of the means against - 1"
						 : "1 - mean / sum of the means against",
		scorecard_any_published(page->cells)
			? "; published is worked out from the published means; diff is in points"
			: "");
	scorecard_note(page, text);
	return 0;
}

static void subflow_rows(const struct page *page, struct table *table, const struct cell *cell)
{
	for (size_t s = 0; s < cell->subflows_count; s++) {
		const struct cell_subflow *subflow = &cell->subflows[s];
		table_row(table);
		if (s == 0 || page->markdown) {
			scorecard_name(
				page, table, page->cells->experiment->procedures[cell->procedure].name);
			table_cell(table, "%zu", cell->subflows_n);
		} else {
			table_cell(table, "%s", "");
			table_cell(table, "%s", "");
		}
		table_cell(table, "%s", subflow->node);
		table_number(table, subflow->bytes, 0, false);
		table_number(table, subflow->share, 1, false);
		if (page->cells->subflow_source < 0)
			continue;
		table_number(table, subflow->published_bytes, 0, false);
		table_number(table, subflow->published_share, 1, false);
	}
}

int scorecard_subflows(const struct page *page)
{
	const struct cells *cells = page->cells;
	size_t rows = 0;

	for (size_t i = 0; i < cells->count; i++)
		rows += cells->cells[i].subflows_count;
	if (!rows)
		return 0;
	fputc('\n', page->out);
	scorecard_heading(page, "bytes a subflow, from the captures");
	struct table *table = table_new();
	table_column(table, "procedure", false, false);
	table_column(table, "n", true, false);
	table_column(table, "node", false, false);
	table_column(table, "unique bytes", true, false);
	table_column(table, "share %", true, false);
	if (cells->subflow_source >= 0) {
		table_column(table, "published", true, false);
		table_column(table, "share %", true, false);
	}
	for (size_t i = 0; i < cells->count; i++) {
		if (cells->cells[i].procedure == 0)
			scorecard_group(page, table, cells->cells[i].configuration);
		if (cells->cells[i].shown)
			subflow_rows(page, table, &cells->cells[i]);
	}
	if (scorecard_show(page, table) < 0)
		return -1;
	scorecard_note(page,
		"unique bytes: payload of the data connection counted once, by the node whose address the subflow has; median over trials");
	if (cells->subflow_source >= 0)
		scorecard_source(page, "published:", cells->subflow_source);
	return 0;
}

static void remark(const struct page *page, const struct record *record)
{
	const struct experiment *experiment = page->cells->experiment;
	const char *fate = !record->last                     ? "replaced by a later attempt"
			   : record->status == TRIAL_SUSPECT ? "counted"
							     : "not counted";
	char text[2048];

	snprintf(text, sizeof text, "%s%s%s, repeat %lld, attempt %lld: %s (%s): %s",
		experiment->configurations_count > 1 ? experiment->configurations[record->configuration].name
						     : "",
		experiment->configurations_count > 1 ? " " : "",
		experiment->procedures[record->procedure].name, (long long)record->repeat,
		(long long)record->attempt, trial_status_name(record->status), fate,
		*record->reasons ? record->reasons : "no reason recorded");
	scorecard_note(page, text);
}

/* Remarks with a status from `least` to `most`; returns how many were shown: at most `room`. */
static size_t remarks_of(
	const struct page *page, enum trial_status least, enum trial_status most, size_t room)
{
	const struct records *records = &page->cells->records;
	size_t shown = 0;

	for (size_t i = 0; i < records->count && shown < room; i++) {
		if (records->items[i].status < least || records->items[i].status > most)
			continue;
		remark(page, &records->items[i]);
		shown++;
	}
	return shown;
}

/* What does not count comes first: of many remarks, those are not to be missed. */
void scorecard_remarks(const struct page *page)
{
	const struct records *records = &page->cells->records;
	size_t count = 0;

	for (size_t i = 0; i < records->count; i++)
		count += records->items[i].status != TRIAL_VALID;
	if (!count && !records->torn && !records->broken)
		return;
	fputc('\n', page->out);
	scorecard_heading(page, "trials that are not valid");
	size_t room = page->markdown ? count : REMARKS_SHOWN;
	size_t shown = remarks_of(page, TRIAL_INVALID, TRIAL_FAILED, room);
	shown += remarks_of(page, TRIAL_SUSPECT, TRIAL_SUSPECT, room - shown);
	if (shown < count) {
		char text[64];
		snprintf(text, sizeof text, "and %zu more: scorecard.md", count - shown);
		scorecard_note(page, text);
	}
	if (records->torn)
		scorecard_note(page,
			"the last line of trials.jsonl was cut off: that trial is in none of the tables");
	if (records->broken) {
		char text[128];
		snprintf(text, sizeof text,
			"%zu lines of trials.jsonl are no records (the first is line %u): they are in none of the tables",
			records->broken, records->broken_line);
		scorecard_note(page, text);
	}
}
