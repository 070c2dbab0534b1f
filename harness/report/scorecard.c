/* Scorecard: the frame, and its first table: the main measure beside what was published. Tables are built once for both
 * forms. On a terminal the lines must stay short: measures that do not fit are left to summary.csv. */
#include "harness/report/scorecard.h"
#include "harness/page/text.h"
#include "harness/report/scorecard_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A line of text between what its form wants before and after it. */
static void put(const struct page *page, const char *before, const char *text, const char *after)
{
	char *plain = text_plain(text);

	fprintf(page->out, "%s%s%s", before, plain ? plain : "", after);
	free(plain);
}

void scorecard_heading(const struct page *page, const char *text)
{
	if (page->markdown)
		put(page, "## ", text, "\n\n");
	else
		put(page, page->color ? "\033[1m" : "", text, page->color ? "\033[0m\n" : "\n");
}

void scorecard_note(const struct page *page, const char *text)
{
	if (page->markdown)
		put(page, "- ", text, "\n");
	else
		table_text(page->out, "  ", text);
}

/* Prints a table, and what had to be left out of it. Takes the table over. */
int scorecard_show(const struct page *page, struct table *table)
{
	int dropped = page->markdown ? table_markdown(table, page->out)
				     : table_print(table, page->out, page->color);

	table_free(table);
	if (dropped > 0)
		scorecard_note(page, "(further measures, for which a line has no room: summary.csv)");
	if (page->markdown)
		fputc('\n', page->out);
	return dropped < 0 ? -1 : 0;
}

bool scorecard_any_published(const struct cells *cells)
{
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].source >= 0)
			return true;
	return false;
}

/* Published values of the results come from more than one file: each is marked by a letter. */
bool scorecard_many_sources(const struct cells *cells)
{
	for (size_t i = 0; i < cells->count; i++)
		if (cells->cells[i].source > 0)
			return true;
	return false;
}

char scorecard_letter(int source)
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

static bool any_shown(const struct cells *cells, size_t configuration)
{
	size_t procedures = cells->experiment->procedures_count;
	for (size_t i = configuration * procedures; i < (configuration + 1) * procedures; i++)
		if (cells->cells[i].shown)
			return true;
	return false;
}

/* Of a run of a part of the plan, only that part. */
void scorecard_group(const struct page *page, struct table *table, size_t configuration)
{
	const struct configuration *c = &page->cells->experiment->configurations[configuration];
	char text[256];

	if (page->cells->experiment->configurations_count < 2 || !any_shown(page->cells, configuration))
		return;
	snprintf(text, sizeof text, "%s%s%s", c->name, c->title ? ": " : "", c->title ? c->title : "");
	table_group(table, text);
}

/* The name of a row's procedure, indented below its configuration. */
void scorecard_name(const struct page *page, struct table *table, const char *name)
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
	if (scorecard_any_published(page->cells)) {
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
		bool same = !strcmp(experiment->measures[m].unit, cells_primary(page->cells)->unit);
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
		table_cell(table, scorecard_many_sources(page->cells) ? "-  " : "-");
	else if (scorecard_many_sources(page->cells))
		table_cell(table, "%s %c", cell->published_text, scorecard_letter(cell->source));
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
	char *judged =
		cells_verdict(page->cells, cell, page->markdown); /* a terminal has the amount in columns */
	table_cell(table, "%s", judged ? judged : "");
	free(judged);
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
	scorecard_name(page, table, experiment->procedures[cell->procedure].name);
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
	if (scorecard_any_published(page->cells))
		published_cells(page, table, cell, decimals);
	for (size_t m = 0; m < experiment->measures_count; m++)
		if (m != experiment->primary)
			table_number(table, cell->means[m], cells_decimals(page->cells, m), false);
}

void scorecard_source(const struct page *page, const char *mark, int source)
{
	const struct cell_source *from = &page->cells->sources[source];
	char text[1024];

	snprintf(text, sizeof text, "%s %s: %s", mark, from->file, published_source(from->table));
	scorecard_note(page, text);
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
		scorecard_note(page, text);
	}
}

static void result_notes(const struct page *page)
{
	const struct cells *cells = page->cells;

	if (scorecard_any_published(cells)) {
		for (size_t s = 0; s < cells->sources_count; s++) {
			bool used = false;
			char mark[] = {scorecard_letter((int)s), ':', '\0'};
			for (size_t i = 0; i < cells->count; i++)
				used = used || cells->cells[i].source == (int)s;
			if (used)
				scorecard_source(
					page, scorecard_many_sources(cells) ? mark : "published:", (int)s);
		}
		scorecard_note(page,
			"judged: same = at 95 % not distinguishable from the published value (Welch's t, and its rounding). Known defects of published values: data/README.md");
	}
	known(page);
	if (any_marks(cells))
		scorecard_note(page,
			"*: suspect trials among those counted; !: attempts that do not count (invalid or failed)");
}

/* Those that have a cell to show; on a terminal not the points of a design, which have tables of their own. */
static bool *shown_configurations(const struct page *page)
{
	const struct experiment *e = page->cells->experiment;
	bool *shown = calloc(e->configurations_count + 1, sizeof *shown);
	for (size_t i = 0; shown && i < page->cells->count; i++) {
		const struct cell *cell = &page->cells->cells[i];
		if (cell->shown && (page->markdown || cell->configuration >= e->points_count))
			shown[cell->configuration] = true;
	}
	return shown;
}

static int results(const struct page *page)
{
	const struct experiment *experiment = page->cells->experiment;
	char text[256];

	if (!page->markdown && experiment->points_count == experiment->configurations_count)
		return 0; /* a line per point is for the file */
	struct table *table = result_columns(page);
	snprintf(text, sizeof text, "%s, %s%s", cells_primary(page->cells)->name,
		unit_text(cells_primary(page->cells)->unit),
		cells_primary(page->cells)->less ? " (less is better)" : "");
	scorecard_heading(page, text);
	bool *shown = shown_configurations(page);
	for (size_t i = 0; shown && i < page->cells->count; i++) {
		const struct cell *cell = &page->cells->cells[i];
		if (!shown[cell->configuration])
			continue;
		if (cell->procedure == 0)
			scorecard_group(page, table, cell->configuration);
		if (cell->shown)
			result_row(page, table, cell);
	}
	free(shown);
	if (scorecard_show(page, table) < 0)
		return -1;
	result_notes(page);
	return 0;
}

static int everything(const struct page *page)
{
	if (scorecard_design(page) < 0 || results(page) < 0 || scorecard_quantiles(page) < 0 ||
		scorecard_comparisons(page) < 0 || scorecard_pairs(page) < 0 || scorecard_subflows(page) < 0)
		return -1;
	scorecard_remarks(page);
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

	put(&page, "# ", experiment->title ? experiment->title : experiment->name, "\n\n");
	put(&page, "Experiment `", experiment->name,
		"`. docs/results-files.md says what the columns mean.\n\n");
	if (experiment->source)
		put(&page, "Source: ", experiment->source, "\n\n");
	for (size_t p = 0; p < experiment->procedures_count; p++)
		if (experiment->procedures[p].title) {
			put(&page, "- ", experiment->procedures[p].name, ": ");
			put(&page, "", experiment->procedures[p].title, "\n");
		}
	fputc('\n', out);
	return everything(&page);
}
