/* Scorecard: three tables, built once for both forms. On a terminal the lines must stay short: remarks are
 * cut off after a few, and measures that do not fit are left to summary.csv. */
#include "harness/report/scorecard.h"
#include "harness/report/table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REMARKS_SHOWN 10

/* A page: where it goes, and how. */
struct page {
	const struct cells *cells;
	FILE *out;
	bool markdown, color;
};

static const struct measure *primary_of(const struct cells *cells)
{
	return &cells->experiment->measures[cells->experiment->primary];
}

static void heading(const struct page *page, const char *text)
{
	if (page->markdown)
		fprintf(page->out, "## %s\n\n", text);
	else
		fprintf(page->out, page->color ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

static void note(const struct page *page, const char *text)
{
	if (page->markdown)
		fprintf(page->out, "- %s\n", text);
	else
		table_text(page->out, "  ", text);
}

/* Prints a table, and what had to be left out of it. Takes the table over. */
static int show(const struct page *page, struct table *table)
{
	int dropped = page->markdown ? table_markdown(table, page->out)
				     : table_print(table, page->out, page->color);

	table_free(table);
	if (dropped > 0)
		note(page, "(further measures, for which a line has no room: summary.csv)");
	if (page->markdown)
		fputc('\n', page->out);
	return dropped < 0 ? -1 : 0;
}

static bool any_published(const struct cells *cells)
{
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].source >= 0)
			return true;
	return false;
}

/* Published values of the results come from more than one file: each is marked by a letter. */
static bool many_sources(const struct cells *cells)
{
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].source > 0)
			return true;
	return false;
}

static char letter(int source)
{
	return (char)('a' + source % 26);
}

static bool any_marks(const struct cells *cells)
{
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].suspect || cells->cells[i].invalid || cells->cells[i].failed)
			return true;
	return false;
}

static void group(const struct page *page, struct table *table, size_t configuration)
{
	const struct configuration *c = &page->cells->experiment->configurations[configuration];
	char text[256];

	if (page->cells->experiment->configurations_count < 2)
		return;
	snprintf(text, sizeof text, "%s%s%s", c->name, c->title ? ": " : "", c->title ? c->title : "");
	table_group(table, text);
}

/* The name of a row's procedure, indented below its configuration. */
static void name_cell(const struct page *page, struct table *table, const char *name)
{
	bool grouped = page->cells->experiment->configurations_count > 1;

	table_cell(table, "%s%s", grouped && !page->markdown ? "  " : "", name);
}

static struct table *result_columns(const struct page *page)
{
	const struct experiment *experiment = page->cells->experiment;
	struct table *table = table_new();

	table_column(table, "procedure", false, false);
	table_column(table, "n", true, false);
	if (any_marks(page->cells))
		table_column(table, "", false, false);
	table_column(table, "mean", true, false);
	if (page->markdown)
		table_column(table, "95 % interval", true, false);
	table_column(table, "sd", true, false);
	table_column(table, "median", true, false);
	if (any_published(page->cells)) {
		table_column(table, "published", true, false);
		if (page->markdown)
			table_column(table, "sd (n)", true, false);
		table_column(table, "diff", true, false);
		table_column(table, "diff %", true, false);
		table_column(table, "judged", false, false);
		if (page->markdown) {
			table_column(table, "p", true, false);
			table_column(table, "Hedges' g", true, false);
		}
	}
	for (size_t m = 0; m < experiment->measures_count; m++) {
		char head[128];
		bool same = !strcmp(experiment->measures[m].unit, primary_of(page->cells)->unit);
		snprintf(head, sizeof head, "%s%s%s", experiment->measures[m].name, same ? "" : " ",
			same ? "" : unit_text(experiment->measures[m].unit));
		if (m != experiment->primary)
			table_column(table, head, true, true);
	}
	return table;
}

static void published_cells(
	const struct page *page, struct table *table, const struct cell *cell, int decimals)
{
	if (cell->source < 0)
		table_cell(table, many_sources(page->cells) ? "-  " : "-");
	else if (many_sources(page->cells))
		table_cell(table, "%s %c", cell->published_text, letter(cell->source));
	else
		table_cell(table, "%s", cell->published_text);
	if (page->markdown && isnan(cell->published_sd))
		table_cell(table, "-");
	else if (page->markdown && isnan(cell->published_n))
		table_cell(table, "%.*f", decimals, cell->published_sd);
	else if (page->markdown)
		table_cell(table, "%.*f (%.0f)", decimals, cell->published_sd, cell->published_n);
	table_number(table, cell->difference, decimals, true);
	table_number(table, cell->difference_percent, 2, true);
	char judged[128];
	cells_verdict(page->cells, cell, judged, sizeof judged);
	/* On a terminal the difference stands in the columns before it. */
	const char *by = strstr(judged, " by "), *marks = strchr(judged, '[');
	if (by && !page->markdown)
		table_cell(
			table, "%.*s%s%s", (int)(by - judged), judged, marks ? " " : "", marks ? marks : "");
	else
		table_cell(table, "%s", judged);
	if (!page->markdown)
		return;
	if (cell->test.p < 0.001)
		table_cell(table, "< 0.001");
	else
		table_number(table, cell->test.p, 3, false);
	table_number(table, cell->hedges_g, 1, true);
}

static void result_row(const struct page *page, struct table *table, const struct cell *cell)
{
	const struct experiment *experiment = page->cells->experiment;
	int decimals = cells_decimals(page->cells, experiment->primary);

	table_row(table);
	name_cell(page, table, experiment->procedures[cell->procedure].name);
	table_cell(table, "%zu", cell->stats.n);
	if (any_marks(page->cells))
		table_cell(table, "%s%s", cell->suspect ? "*" : "", cell->invalid || cell->failed ? "!" : "");
	table_number(table, cell->stats.mean, decimals, false);
	if (page->markdown && isnan(cell->stats.ci95_low))
		table_cell(table, "-");
	else if (page->markdown)
		table_cell(table, "%.*f to %.*f", decimals, cell->stats.ci95_low, decimals,
			cell->stats.ci95_high);
	table_number(table, cell->stats.sd, decimals, false);
	table_number(table, cell->stats.median, decimals, false);
	if (any_published(page->cells))
		published_cells(page, table, cell, decimals);
	for (size_t m = 0; m < experiment->measures_count; m++)
		if (m != experiment->primary)
			table_number(table, cell->means[m], cells_decimals(page->cells, m), false);
}

static void source_note(const struct page *page, const char *mark, int source)
{
	const struct cell_source *from = &page->cells->sources[source];
	char text[1024];

	snprintf(text, sizeof text, "%s %s: %s", mark, from->file, published_source(from->table));
	note(page, text);
}

/* The notes on the published values: on a terminal those that stand in the table, in the file all that were
 * used. */
static void known(const struct page *page)
{
	const struct cells *cells = page->cells;
	uint64_t marked = 0;

	for (size_t i = 0; i < cells->count; i++)
		marked |= cells->cells[i].shown ? cells->cells[i].causes : 0;
	for (size_t i = 0; i < cells->notes.count; i++) {
		char text[2048];
		size_t number = cells_note_number(cells, i);
		if (!number || (!page->markdown && !(marked >> i & 1)))
			continue;
		snprintf(text, sizeof text, "[%zu] %s", number, cells->notes.items[i].text);
		note(page, text);
	}
}

static void result_notes(const struct page *page)
{
	const struct cells *cells = page->cells;

	if (any_published(cells)) {
		for (size_t s = 0; s < cells->sources_count; s++) {
			bool used = false;
			char mark[] = {letter((int)s), ':', '\0'};
			for (size_t i = 0; i < cells->count; i++)
				used = used || cells->cells[i].source == (int)s;
			if (used)
				source_note(page, many_sources(cells) ? mark : "published:", (int)s);
		}
		note(page,
			"judged: same = at 95 % not distinguishable from the published value (Welch's t, and its rounding). Known defects of published values: data/README.md");
	}
	known(page);
	if (any_marks(cells))
		note(page,
			"*: suspect trials among those counted; !: attempts that do not count (invalid or failed)");
}

static int results(const struct page *page)
{
	const struct experiment *experiment = page->cells->experiment;
	struct table *table = result_columns(page);
	char text[256];

	snprintf(text, sizeof text, "%s, %s", primary_of(page->cells)->name,
		unit_text(primary_of(page->cells)->unit));
	heading(page, text);
	for (size_t i = 0; i < page->cells->count; i++) {
		const struct cell *cell = &page->cells->cells[i];
		if (cell->procedure == 0)
			group(page, table, i / experiment->procedures_count);
		if (cell->shown)
			result_row(page, table, cell);
	}
	if (show(page, table) < 0)
		return -1;
	result_notes(page);
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
			letters[n++] = letter(s);
	}
	letters[n] = '\0';
}

static void comparison_row(const struct page *page, struct table *table, size_t configuration,
	const struct comparison *comparison)
{
	struct overhead overhead = cells_overhead(page->cells, configuration, comparison);
	char letters[32];

	table_row(table);
	name_cell(page, table, comparison->name);
	table_number(table, overhead.measured, 2, false);
	table_number(table, overhead.half_width, 2, false);
	if (!any_published(page->cells))
		return;
	source_letters(page->cells, configuration, comparison, letters);
	if (isnan(overhead.published) || !many_sources(page->cells))
		table_number(table, overhead.published, 2, false);
	else
		table_cell(table, "%.2f %s", overhead.published, letters);
	table_number(table, overhead.measured - overhead.published, 2, true);
}

static int comparisons(const struct page *page)
{
	const struct experiment *experiment = page->cells->experiment;
	struct table *table;

	size_t comparable = 0;
	for (size_t c = 0; c < experiment->configurations_count; c++)
		for (size_t i = 0; i < experiment->comparisons_count; i++)
			comparable += cells_comparable(page->cells, c, &experiment->comparisons[i]);
	if (!comparable)
		return 0;
	fputc('\n', page->out);
	heading(page, "overhead, per cent");
	table = table_new();
	table_column(table, "comparison", false, false);
	table_column(table, "overhead", true, false);
	table_column(table, "+-", true, false);
	if (any_published(page->cells)) {
		table_column(table, "published", true, false);
		table_column(table, "diff", true, false);
	}
	for (size_t c = 0; c < experiment->configurations_count; c++) {
		group(page, table, c);
		for (size_t i = 0; i < experiment->comparisons_count; i++)
			if (cells_comparable(page->cells, c, &experiment->comparisons[i]))
				comparison_row(page, table, c, &experiment->comparisons[i]);
	}
	if (show(page, table) < 0)
		return -1;
	note(page,
		"overhead: 100 x (1 - mean / sum of the means against); +-: half its 95 % interval; published: from the published means; diff: in points");
	return 0;
}

static void subflow_rows(const struct page *page, struct table *table, const struct cell *cell)
{
	for (size_t s = 0; s < cell->subflows_count; s++) {
		const struct cell_subflow *subflow = &cell->subflows[s];
		table_row(table);
		if (s == 0 || page->markdown) {
			name_cell(page, table, page->cells->experiment->procedures[cell->procedure].name);
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

static int subflows(const struct page *page)
{
	const struct cells *cells = page->cells;
	size_t rows = 0;

	for (size_t i = 0; i < cells->count; i++)
		rows += cells->cells[i].subflows_count;
	if (!rows)
		return 0;
	fputc('\n', page->out);
	heading(page, "bytes a subflow, from the captures");
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
			group(page, table, cells->cells[i].configuration);
		if (cells->cells[i].shown)
			subflow_rows(page, table, &cells->cells[i]);
	}
	if (show(page, table) < 0)
		return -1;
	note(page,
		"unique bytes: payload of the data connection counted once, by the node whose address the subflow has; median over trials");
	if (cells->subflow_source >= 0)
		source_note(page, "published:", cells->subflow_source);
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
	note(page, text);
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
static void remarks(const struct page *page)
{
	const struct records *records = &page->cells->records;
	size_t count = 0;

	for (size_t i = 0; i < records->count; i++)
		count += records->items[i].status != TRIAL_VALID;
	if (!count && !records->torn)
		return;
	fputc('\n', page->out);
	heading(page, "trials that are not valid");
	size_t room = page->markdown ? count : REMARKS_SHOWN;
	size_t shown = remarks_of(page, TRIAL_INVALID, TRIAL_FAILED, room);
	shown += remarks_of(page, TRIAL_SUSPECT, TRIAL_SUSPECT, room - shown);
	if (shown < count) {
		char text[64];
		snprintf(text, sizeof text, "and %zu more: scorecard.md", count - shown);
		note(page, text);
	}
	if (records->torn)
		note(page, "the last line of trials.jsonl was cut off: that trial is in none of the tables");
}

static int everything(const struct page *page)
{
	if (results(page) < 0 || comparisons(page) < 0 || subflows(page) < 0)
		return -1;
	remarks(page);
	return 0;
}

int scorecard_print(const struct cells *cells, FILE *out, bool color)
{
	struct page page = {cells, out, false, color};

	fputc('\n', out);
	table_text(out, "", cells->experiment->title ? cells->experiment->title : cells->experiment->name);
	return everything(&page);
}

int scorecard_markdown(const struct cells *cells, FILE *out)
{
	const struct experiment *experiment = cells->experiment;
	struct page page = {cells, out, true, false};

	fprintf(out, "# %s\n\n", experiment->title ? experiment->title : experiment->name);
	fprintf(out, "Experiment `%s`. docs/results.md says what the columns mean.\n\n", experiment->name);
	if (experiment->source)
		fprintf(out, "Source: %s\n\n", experiment->source);
	for (size_t p = 0; p < experiment->procedures_count; p++)
		if (experiment->procedures[p].title)
			fprintf(out, "- %s: %s\n", experiment->procedures[p].name,
				experiment->procedures[p].title);
	fputc('\n', out);
	return everything(&page);
}
