/* Report, its tables: overheads, the main measure beside what was published, bytes a subflow. */
#include "harness/report/html.h"
#include "harness/report/report_internal.h"
#include <math.h>
#include <string.h>

static const char *const judged_class[] = {"", "good", "warn", "warn", "none"};

static void text_cell(const struct report *report, const char *text)
{
	fputs("<td>", report->out);
	html_text(report->out, text);
	fputs("</td>", report->out);
}

static void number_cell(const struct report *report, double value, int decimals, bool sign)
{
	fputs("<td class=\"n\">", report->out);
	report_number(report->out, value, decimals, sign);
	fputs("</td>", report->out);
}

static void row_head(const struct report *report, const char *name, const char *title)
{
	fputs("<tr><th scope=\"row\"", report->out);
	if (title) {
		fputs(" title=\"", report->out);
		html_text(report->out, title);
		fputs("\"", report->out);
	}
	fputs(">", report->out);
	html_text(report->out, name);
	fputs("</th>", report->out);
}

/* A line above the rows of a configuration, where there is more than one. */
static void group_row(const struct report *report, size_t configuration, int columns)
{
	const struct configuration *c = &report->cells->experiment->configurations[configuration];

	if (report->cells->experiment->configurations_count < 2)
		return;
	fprintf(report->out, "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"%d\">", columns);
	html_text(report->out, c->name);
	if (c->title) {
		fputs(" <span class=\"small\">", report->out);
		html_text(report->out, c->title);
		fputs("</span>", report->out);
	}
	fputs("</th></tr>\n", report->out);
}

static void overhead_row(
	const struct report *report, size_t configuration, const struct comparison *comparison)
{
	struct overhead o = cells_overhead(report->cells, configuration, comparison);

	row_head(report, comparison->name, NULL);
	fputs("<td class=\"n measured\">", report->out);
	report_number(report->out, o.measured, 2, false);
	fputs("</td><td class=\"n\">", report->out);
	if (isnan(o.half_width)) {
		fputs("\xe2\x80\x93", report->out);
	} else {
		report_number(report->out, o.measured - o.half_width, 2, false);
		fputs(" to ", report->out);
		report_number(report->out, o.measured + o.half_width, 2, false);
	}
	fputs("</td><td class=\"n published\">", report->out);
	report_number(report->out, o.published, 2, false);
	fputs("</td>", report->out);
	number_cell(report, o.measured - o.published, 2, true);
	fputs("</tr>\n", report->out);
}

static void overhead_table(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;

	report_table(report->out, "overheads", NULL);
	fputs("<thead><tr><th>comparison</th><th class=\"n\">overhead, %</th><th class=\"n\">95&nbsp;% interval</th><th class=\"n\">published</th><th class=\"n\">difference, points</th></tr></thead><tbody>\n",
		report->out);
	for (size_t c = 0; c < e->configurations_count; c++) {
		bool begun = false;
		for (size_t i = 0; i < e->comparisons_count; i++) {
			if (!cells_comparable(report->cells, c, &e->comparisons[i]))
				continue;
			if (!begun)
				group_row(report, c, 5);
			begun = true;
			overhead_row(report, c, &e->comparisons[i]);
		}
	}
	report_table_end(report->out);
}

void report_overheads(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	bool some = false;

	for (size_t c = 0; c < e->configurations_count; c++)
		for (size_t i = 0; i < e->comparisons_count; i++)
			some = some || cells_comparable(report->cells, c, &e->comparisons[i]);
	if (!some)
		return;
	fputs("<section id=\"overhead\">\n<h2>What each way costs</h2>\n<p class=\"lead\">Overhead: how much less was carried than by what it is compared with (several: than by their sum), in per cent; below zero is a gain. Intervals at 95&nbsp;% (Welch). <span class=\"key\"></span> measured, <span class=\"key diamond\"></span> from the published means.</p>\n<div class=\"figures\">\n",
		report->out);
	for (size_t i = 0; i < report->overheads_count; i++)
		report_figure(report, report->overheads[i],
			report->overheads_by_comparison ? e->comparisons[i].name
			: e->configurations_count > 1   ? e->configurations[i].name
							: NULL);
	fputs("</div>\n", report->out);
	if (report->overheads_by_comparison)
		fputs("<details><summary>The numbers</summary>\n", report->out);
	overhead_table(report);
	if (report->overheads_by_comparison)
		fputs("</details>\n", report->out);
	fputs("</section>\n", report->out);
}

static void verdict_text(const struct report *report, const struct cell *cell)
{
	char text[128];

	if (cell->stats.n == 0) {
		fputs("<span class=\"bad\">no trial counts</span>", report->out);
		return;
	}
	cells_verdict(report->cells, cell, text, sizeof text);
	text[strcspn(text, "[")] = '\0'; /* the notes follow as links */
	fprintf(report->out, "<span class=\"%s\">", judged_class[cell->judgement]);
	html_text(report->out, strcmp(text, "-") ? text : "");
	fputs("</span>", report->out);
	report_marks(report, cell->causes);
}

static void matrix_cell(const struct report *report, const struct cell *cell)
{
	int decimals = cells_decimals(report->cells, report->cells->experiment->primary);

	if (!cell->shown) {
		fputs("<td></td>", report->out);
		return;
	}
	fputs("<td class=\"n\"><span class=\"measured\">", report->out);
	report_number(report->out, cell->stats.mean, decimals, false);
	fputs("</span>", report->out);
	if (cell->stats.n > 1) {
		fputs(" <span class=\"small\">", report->out);
		fprintf(report->out, "(%.*f)</span>", decimals, cell->stats.sd);
	}
	if (cell->source >= 0) {
		fputs("<span class=\"sub published\">", report->out);
		html_text(report->out, cell->published_text);
		if (!isnan(cell->published_sd))
			fprintf(report->out, " (%.*f)", decimals, cell->published_sd);
		fputs("</span>", report->out);
	}
	fputs("<span class=\"sub\">", report->out);
	verdict_text(report, cell);
	fputs("</span></td>", report->out);
}

static bool procedure_shown(const struct cells *cells, size_t procedure)
{
	for (size_t i = procedure; i < cells->count; i += cells->experiment->procedures_count)
		if (cells->cells[i].shown)
			return true;
	return false;
}

static bool configuration_shown(const struct cells *cells, size_t configuration)
{
	size_t procedures = cells->experiment->procedures_count;

	for (size_t p = 0; p < procedures; p++)
		if (cells->cells[configuration * procedures + p].shown)
			return true;
	return false;
}

static void matrix(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;

	report_table(report->out, "matrix",
		"Mean (standard deviation) measured; <span class=\"published\">published</span> below; then the judgement");
	fputs("<thead><tr><th>configuration</th>", report->out);
	for (size_t p = 0; p < e->procedures_count; p++)
		if (procedure_shown(report->cells, p)) {
			fputs("<th class=\"n\">", report->out);
			html_text(report->out, e->procedures[p].name);
			fputs("</th>", report->out);
		}
	fputs("</tr></thead><tbody>\n", report->out);
	for (size_t c = 0; c < e->configurations_count; c++) {
		if (!configuration_shown(report->cells, c))
			continue;
		row_head(report, e->configurations[c].name, e->configurations[c].title);
		for (size_t p = 0; p < e->procedures_count; p++)
			if (procedure_shown(report->cells, p))
				matrix_cell(report, &report->cells->cells[c * e->procedures_count + p]);
		fputs("</tr>\n", report->out);
	}
	report_table_end(report->out);
}

static void detail_row(const struct report *report, const struct cell *cell)
{
	const struct experiment *e = report->cells->experiment;
	int decimals = cells_decimals(report->cells, e->primary);
	const struct stats *s = &cell->stats;

	row_head(report, e->procedures[cell->procedure].name, e->procedures[cell->procedure].title);
	fprintf(report->out, "<td class=\"n\">%zu</td><td class=\"n measured\">", s->n);
	report_number(report->out, s->mean, decimals, false);
	fputs("</td><td class=\"n\">", report->out);
	if (isnan(s->ci95_low))
		fputs("\xe2\x80\x93", report->out);
	else
		fprintf(report->out, "%.*f to %.*f", decimals, s->ci95_low, decimals, s->ci95_high);
	fputs("</td>", report->out);
	const double numbers[] = {s->sd, s->median, s->q1, s->q3};
	for (size_t i = 0; i < 4; i++)
		number_cell(report, numbers[i], decimals, false);
	fputs("<td class=\"n published\">", report->out);
	html_text(report->out, cell->source < 0 ? "\xe2\x80\x93" : cell->published_text);
	if (!isnan(cell->published_sd))
		fprintf(report->out, " (%.*f)", decimals, cell->published_sd);
	fputs("</td>", report->out);
	number_cell(report, cell->difference_percent, 2, true);
	fputs("<td>", report->out);
	verdict_text(report, cell);
	fputs("</td><td class=\"n\">", report->out);
	if (cell->test.p < 0.001)
		fputs("&lt;&nbsp;0.001", report->out);
	else
		report_number(report->out, cell->test.p, 3, false);
	fputs("</td>", report->out);
	if (fabs(cell->hedges_g) > 100) /* next to no spread: how many times more says nothing */
		fprintf(report->out, "<td class=\"n\">%s&nbsp;100</td>",
			cell->hedges_g > 0 ? "&gt;" : "&lt;&nbsp;\xe2\x88\x92");
	else
		number_cell(report, cell->hedges_g, 1, true);
	for (size_t m = 0; m < e->measures_count; m++)
		if (m != e->primary)
			number_cell(report, cell->means[m], cells_decimals(report->cells, m), false);
	fputs("</tr>\n", report->out);
}

static void details(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;

	report_table(report->out, "details", NULL);
	fputs("<thead><tr><th>procedure</th><th class=\"n\">n</th><th class=\"n\">mean</th><th class=\"n\">95&nbsp;% interval</th><th class=\"n\">sd</th><th class=\"n\">median</th><th class=\"n\">q1</th><th class=\"n\">q3</th><th class=\"n\">published (sd)</th><th class=\"n\">diff, %</th><th>judged</th><th class=\"n\">p</th><th class=\"n\">g</th>",
		report->out);
	for (size_t m = 0; m < e->measures_count; m++)
		if (m != e->primary) {
			fputs("<th class=\"n\">", report->out);
			html_format(
				report->out, "%s, %s", e->measures[m].name, unit_text(e->measures[m].unit));
			fputs("</th>", report->out);
		}
	fputs("</tr></thead><tbody>\n", report->out);
	int columns = 12 + (int)e->measures_count;
	for (size_t i = 0; i < report->cells->count; i++) {
		const struct cell *cell = &report->cells->cells[i];
		if (cell->procedure == 0 && configuration_shown(report->cells, cell->configuration))
			group_row(report, cell->configuration, columns);
		if (cell->shown)
			detail_row(report, cell);
	}
	report_table_end(report->out);
	fputs("<p class=\"small\">Interval of the mean: bootstrap, 10,000 resamples. Judged: Welch&#39;s t at 95&nbsp;%, with room for the rounding of what was published. p: Welch, two-sided. g: Hedges&#39; effect size.</p>\n",
		report->out);
}

static void legend(const struct report *report)
{
	const struct cells *cells = report->cells;
	const struct experiment *e = cells->experiment;

	fputs("<details><summary>What the procedures are, and where the published values come from</summary>\n<ul>\n",
		report->out);
	for (size_t p = 0; p < e->procedures_count; p++)
		if (e->procedures[p].title && procedure_shown(cells, p)) {
			fputs("<li><b>", report->out);
			html_text(report->out, e->procedures[p].name);
			fputs("</b>: ", report->out);
			html_text(report->out, e->procedures[p].title);
			if (e->procedures[p].published.file)
				html_format(report->out, " (%s)", e->procedures[p].published.file);
			fputs("</li>\n", report->out);
		}
	fputs("</ul>\n", report->out);
	for (size_t s = 0; s < cells->sources_count; s++) {
		fputs("<p class=\"small\"><code>", report->out);
		html_text(report->out, cells->sources[s].file);
		fputs("</code>: ", report->out);
		html_text(report->out, published_source(cells->sources[s].table));
		fputs("</p>\n", report->out);
	}
	fputs("</details>\n", report->out);
}

void report_matrix(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	const struct measure *measure = &e->measures[e->primary];

	fputs("<section id=\"results\">\n<h2>Measured beside published: ", report->out);
	html_format(report->out, "%s, %s", measure->name, unit_text(measure->unit));
	fputs("</h2>\n", report->out);
	if (e->configurations_count > 1) {
		matrix(report);
		fputs("<details><summary>Every statistic of every cell</summary>\n", report->out);
	}
	details(report);
	if (e->configurations_count > 1)
		fputs("</details>\n", report->out);
	legend(report);
	fputs("</section>\n", report->out);
}

/* A single subflow carries everything: nothing to tell. */
static bool has_shares(const struct cell *cell)
{
	return cell->shown && cell->subflows_count > 1;
}

static void share_rows(const struct report *report, const struct cell *cell)
{
	const struct experiment *e = report->cells->experiment;

	for (size_t s = 0; s < cell->subflows_count; s++) {
		const struct cell_subflow *subflow = &cell->subflows[s];
		row_head(report, s ? "" : e->procedures[cell->procedure].name, NULL);
		text_cell(report, subflow->node);
		if (s)
			fputs("<td></td>", report->out);
		else
			fprintf(report->out, "<td class=\"n\">%zu</td>", cell->subflows_n);
		number_cell(report, subflow->bytes, 0, false);
		fputs("<td class=\"n measured\">", report->out);
		report_number(report->out, subflow->share, 1, false);
		fputs("</td>", report->out);
		if (report->cells->subflow_source >= 0) {
			number_cell(report, subflow->published_bytes, 0, false);
			fputs("<td class=\"n published\">", report->out);
			report_number(report->out, subflow->published_share, 1, false);
			fputs("</td>", report->out);
			number_cell(report, subflow->share - subflow->published_share, 1, true);
			fputs("<td>", report->out);
			if (!s && !isnan(subflow->published_share))
				report_marks(report, cell->subflow_notes);
			fputs("</td>", report->out);
		}
		fputs("</tr>\n", report->out);
	}
}

void report_shares(const struct report *report)
{
	const struct cells *cells = report->cells;
	bool some = false, published = cells->subflow_source >= 0;

	for (size_t i = 0; i < cells->count; i++)
		some = some || has_shares(&cells->cells[i]);
	if (!some)
		return;
	fputs("<section id=\"shares\">\n<h2>Bytes each subflow carried</h2>\n", report->out);
	report_table(report->out, "shares",
		"Unique payload in the capture, by the node that the subflow comes from: the median over the trials");
	fprintf(report->out,
		"<thead><tr><th>procedure</th><th>node</th><th class=\"n\">n</th><th class=\"n\">bytes</th><th class=\"n\">share, %%</th>%s</tr></thead><tbody>\n",
		published
			? "<th class=\"n\">published bytes</th><th class=\"n\">share, %</th><th class=\"n\">difference, points</th><th>notes</th>"
			: "");
	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		if (cell->procedure == 0 && configuration_shown(cells, cell->configuration))
			group_row(report, cell->configuration, published ? 9 : 5);
		if (has_shares(cell))
			share_rows(report, cell);
	}
	report_table_end(report->out);
	fputs("</section>\n", report->out);
}
