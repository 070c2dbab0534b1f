/* Report: the page's frame: what it is about, whether all of it is there, the verdicts, the notes. The
 * sections between are in report_tables.c and report_about.c. */
#include "harness/report/report.h"
#include "harness/experiment/plan.h"
#include "harness/report/drawings.h"
#include "harness/report/html.h"
#include "harness/report/report_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The style sheet is a file of its own in the sources, and part of the program. */
__asm__(".section .rodata\n"
	".global report_css, report_css_end\n"
	"report_css:\n"
	".incbin \"harness/report/report.css\"\n"
	"report_css_end:\n"
	".previous\n");
extern const char report_css[], report_css_end[];

void report_open(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"generator\" content=\"liquidnet\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>",
		out);
	html_text(out, title);
	fputs("</title>\n<style>\n", out);
	fwrite(report_css, 1, (size_t)(report_css_end - report_css), out);
	fputs("</style>\n</head>\n<body>\n", out);
}

void report_number(FILE *out, double value, int decimals, bool sign)
{
	if (isnan(value)) {
		fputs("\xe2\x80\x93", out);
		return;
	}
	if (fabs(value) < 0.5 * pow(10, -decimals)) /* no "-0.00" */
		value = 0;
	/* A true minus sign is as wide as a plus. */
	const char *mark = value < 0 ? "\xe2\x88\x92" : sign && value > 0 ? "+" : "";
	fprintf(out, "%s%.*f", mark, decimals, fabs(value));
}

void report_figure(const struct report *report, size_t index, const char *caption)
{
	if (index == FIGURE_NONE || report->fault)
		return;
	fputs("<figure>\n", report->out);
	if (caption) {
		fputs("<figcaption>", report->out);
		html_text(report->out, caption);
		fputs("</figcaption>\n", report->out);
	}
	figures_put(report->figures, index, report->out);
	fputs("</figure>\n", report->out);
}

void report_table(FILE *out, const char *class, const char *caption)
{
	fprintf(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"%s\">\n", class);
	if (caption)
		fprintf(out, "<caption>%s</caption>\n", caption);
}

void report_table_end(FILE *out)
{
	fputs("</tbody></table></div>\n", out);
}

void report_marks(const struct report *report, uint64_t notes)
{
	for (size_t i = 0; i < report->cells->notes.count; i++)
		if (notes >> i & 1) {
			size_t number = cells_note_number(report->cells, i);
			fprintf(report->out, " <a href=\"#note-%zu\">[%zu]</a>", number, number);
		}
}

static void head(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	const char *title = e->title ? e->title : e->name;

	report_open(report->out, title);
	fputs("<header>\n<h1>", report->out);
	html_text(report->out, title);
	fputs("</h1>\n<p class=\"lead\">", report->out);
	if (e->source)
		html_format(report->out, "Published: %s.", e->source);
	fputs("</p>\n", report->out);
}

static const char *text_at(const json_t *object, const char *a, const char *b, const char *c)
{
	const json_t *value = json_object_get(object, a);

	value = b ? json_object_get(value, b) : value;
	return json_string_value(c ? json_object_get(value, c) : value);
}

/* One line: when, on what, how many of each verdict. */
static void facts(const struct report *report)
{
	const struct records *records = &report->cells->records;
	const char *started = text_at(report->provenance, "started", NULL, NULL),
		   *kernel = text_at(report->provenance, "environment", "kernel", "release"),
		   *cpu = text_at(report->provenance, "environment", "machine", "cpu"),
		   *version = text_at(report->provenance, "environment", "liquidnet", NULL);
	size_t counted[4] = {0};

	for (size_t i = 0; i < records->count; i++)
		counted[records->items[i].status]++;
	fputs("<ul class=\"facts\">\n", report->out);
	fprintf(report->out, "<li><b class=\"good\">%zu</b> valid</li>", counted[TRIAL_VALID]);
	for (int s = TRIAL_SUSPECT; s <= TRIAL_FAILED; s++)
		fprintf(report->out, "<li><b class=\"%s\">%zu</b> %s</li>",
			!counted[s]          ? "none"
			: s == TRIAL_SUSPECT ? "warn"
					     : "bad",
			counted[s], trial_status_name((enum trial_status)s));
	if (started && strlen(started) > 16) {
		fputs("<li>", report->out);
		html_format(report->out, "%.10s %.5s UTC", started, started + 11);
		fputs("</li>", report->out);
	}
	fputs("<li>", report->out);
	html_format(report->out, "%s%s%s%s%s", kernel ? "Linux " : "", kernel ? kernel : "", cpu ? ", " : "",
		cpu ? cpu : "", version ? ", liquidnet " : "");
	html_text(report->out, version ? version : "");
	fputs("</li>\n</ul>\n", report->out);
}

/* Trials planned for each cell; 0: not known. */
static unsigned planned_trials(const struct report *report, const struct cell *cell)
{
	const json_t *run = json_object_get(report->provenance, "run");
	struct selection selection = {.trials = (unsigned)json_integer_value(json_object_get(run, "trials"))};

	return run ? plan_trials(report->cells->experiment, &selection, cell->configuration) : 0;
}

static void missing(const struct report *report)
{
	const struct cells *cells = report->cells;
	const struct experiment *e = cells->experiment;
	size_t lacking = 0, trials = 0;
	double until =
		json_number_value(json_object_get(json_object_get(report->provenance, "run"), "until"));

	for (size_t i = 0; i < cells->count; i++) {
		unsigned planned = planned_trials(report, &cells->cells[i]);
		if (cells->cells[i].shown && cells->cells[i].stats.n < planned) {
			lacking++;
			trials += planned - cells->cells[i].stats.n;
		}
	}
	if (!lacking && !cells->records.torn)
		return;
	fputs("<div class=\"box\" role=\"note\">\n", report->out);
	if (lacking && until > 0)
		fprintf(report->out,
			"<p><b>%zu trials fewer than the plan's most</b>, in %zu cells. The run was to end a cell early when its mean was known to within %g %%.</p>\n",
			trials, lacking, until * 100);
	else if (lacking)
		fprintf(report->out,
			"<p><b>%zu planned trials are missing</b>, in %zu cell%s: the run was interrupted, or they did not count. <code>liquidnet run EXPERIMENT --resume=FOLDER</code> goes on with an interrupted run.</p>\n",
			trials, lacking, lacking == 1 ? "" : "s");
	if (lacking) {
		fputs("<details><summary>Which cells</summary><ul>\n", report->out);
		for (size_t i = 0; i < cells->count; i++) {
			const struct cell *cell = &cells->cells[i];
			unsigned planned = planned_trials(report, cell);
			if (!cell->shown || cell->stats.n >= planned)
				continue;
			fputs("<li>", report->out);
			html_format(report->out, "%s, %s: %zu of %u",
				e->configurations[cell->configuration].name,
				e->procedures[cell->procedure].name, cell->stats.n, planned);
			fputs("</li>\n", report->out);
		}
		fputs("</ul></details>\n", report->out);
	}
	if (cells->records.torn)
		fputs("<p>The last line of trials.jsonl was cut off; that trial is in none of the tables.</p>\n",
			report->out);
	fputs("</div>\n", report->out);
}

/* How many cells agree with what was published. */
static void agreement(const struct report *report)
{
	const struct cells *cells = report->cells;
	size_t judged[5] = {0}, explained = 0, near = 0, compared = 0;
	double largest = 0;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		if (!cell->judgement)
			continue;
		judged[cell->judgement]++;
		compared += cell->judgement != JUDGED_INCOMPARABLE;
		explained += cell->judgement != JUDGED_INCOMPARABLE && cell->causes;
		near += (cell->judgement == JUDGED_LOWER || cell->judgement == JUDGED_HIGHER) &&
			fabs(cell->difference_percent) <= 1;
		if (cell->judgement != JUDGED_INCOMPARABLE && !cell->causes &&
			fabs(cell->difference_percent) > largest)
			largest = fabs(cell->difference_percent);
	}
	if (!compared && !judged[JUDGED_INCOMPARABLE])
		return;
	fprintf(report->out,
		"<p>Of %zu means that can be compared with a published one, <b>%zu</b> are not distinguishable from it at 95&nbsp;%%, %zu lie lower and %zu higher",
		compared, judged[JUDGED_SAME], judged[JUDGED_LOWER], judged[JUDGED_HIGHER]);
	if (near)
		fprintf(report->out, ", %zu of these by no more than 1&nbsp;%%", near);
	if (explained)
		fprintf(report->out, ", %zu for a known cause", explained);
	fprintf(report->out, "; %s, the furthest is %.1f&nbsp;%% away.",
		explained ? "without a known cause" : "of all", largest);
	if (judged[JUDGED_INCOMPARABLE])
		fprintf(report->out,
			" %zu published values are not what their place says, and are not compared.",
			judged[JUDGED_INCOMPARABLE]);
	fputs("</p>\n", report->out);
}

static void boxes(const struct report *report)
{
	const size_t *drawn = report->boxes;
	const struct experiment *e = report->cells->experiment;
	bool some = false;

	for (size_t c = 0; c < e->configurations_count; c++)
		some = some || drawn[c] != FIGURE_NONE;
	if (!some || report->fault)
		return;
	fputs("<section id=\"distributions\">\n<h2>Every trial</h2>\n<p class=\"lead\">Box: the middle half; line: the median; whiskers: to 1.5 times the box's length; dots: trials. <span class=\"key\"></span> measured, <span class=\"key diamond\"></span> published mean and standard deviation. The axes do not begin at zero.</p>\n<div class=\"figures\">\n",
		report->out);
	for (size_t c = 0; c < e->configurations_count; c++) {
		char caption[256];
		const char *title = e->configurations[c].title;
		snprintf(caption, sizeof caption, "%s%s%s", e->configurations[c].name, title ? ": " : "",
			title ? title : "");
		report_figure(report, drawn[c], caption);
		snprintf(caption, sizeof caption,
			"%s: difference from the published mean, with its 95 %% interval",
			e->configurations[c].name);
		report_figure(report, report->differences[c], caption);
	}
	fputs("</div>\n</section>\n", report->out);
}

static void series(const struct report *report)
{
	const size_t *drawn = report->series;
	const struct experiment *e = report->cells->experiment;
	bool some = false;

	for (size_t i = 0; i < report->cells->count; i++)
		some = some || drawn[i] != FIGURE_NONE;
	if (!some || report->fault)
		return;
	fputs("<section id=\"subflows\">\n<h2>Each subflow over time</h2>\n<p class=\"lead\">Unique payload at the capture, by the node that the subflow comes from. Line: the median over the trials; band: their middle half.</p>\n<div class=\"figures\">\n",
		report->out);
	for (size_t i = 0; i < report->cells->count; i++) {
		const struct cell *cell = &report->cells->cells[i];
		char caption[256];
		snprintf(caption, sizeof caption, "%s, %s", e->configurations[cell->configuration].name,
			e->procedures[cell->procedure].name);
		report_figure(report, drawn[i], caption);
	}
	fputs("</div>\n</section>\n", report->out);
}

static void verdict_rows(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	const struct records *records = &report->cells->records;

	for (size_t p = 0; p < e->procedures_count; p++) {
		size_t n[4] = {0}, tries = 0, first = 0;
		for (size_t i = 0; i < records->count; i++) {
			if (records->items[i].procedure != p)
				continue;
			n[records->items[i].status]++;
			tries += records->items[i].attempt == 1;
			first += records->items[i].attempt == 1 && records->items[i].status == TRIAL_VALID;
		}
		if (!tries)
			continue;
		fputs("<tr><th scope=\"row\">", report->out);
		html_text(report->out, e->procedures[p].name);
		fputs("</th>", report->out);
		for (int s = 0; s < 4; s++)
			fprintf(report->out, "<td class=\"n\">%zu</td>", n[s]);
		fprintf(report->out, "<td class=\"n\">%.1f</td></tr>\n",
			100.0 * (double)first / (double)tries);
	}
}

static void attempts(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	const struct records *records = &report->cells->records;
	size_t count = 0;

	for (size_t i = 0; i < records->count; i++)
		count += records->items[i].status != TRIAL_VALID;
	if (!count)
		return;
	fprintf(report->out, "<details><summary>The %zu attempts that are not valid, and why</summary>\n",
		count);
	report_table(report->out, "remarks", NULL);
	fputs("<thead><tr><th>trial</th><th>verdict</th><th>reasons</th></tr></thead><tbody>\n", report->out);
	for (size_t i = 0; i < records->count; i++) {
		const struct record *r = &records->items[i];
		if (r->status == TRIAL_VALID)
			continue;
		fputs("<tr><td>", report->out);
		html_format(report->out, "%s, %s, repeat %lld, attempt %lld",
			e->configurations[r->configuration].name, e->procedures[r->procedure].name,
			(long long)r->repeat, (long long)r->attempt);
		fprintf(report->out, "</td><td class=\"%s\">%s%s</td><td class=\"wrap\">",
			r->status == TRIAL_SUSPECT ? "warn" : "bad", trial_status_name(r->status),
			!r->last                     ? ", replaced"
			: r->status == TRIAL_SUSPECT ? ", counted"
						     : "");
		html_text(report->out, *r->reasons ? r->reasons : "no reason recorded");
		fputs("</td></tr>\n", report->out);
	}
	report_table_end(report->out);
	fputs("</details>\n", report->out);
}

static void verdicts(const struct report *report)
{
	if (!report->cells->records.count)
		return;
	fputs("<section id=\"verdicts\">\n<h2>Was the machine able to emulate this?</h2>\n"
	      "<p>Each trial carries a verdict from what its machine and links did meanwhile. Valid and suspect trials count, invalid and failed ones were tried again and are kept.</p>\n",
		report->out);
	report_table(report->out, "verdicts", NULL);
	fputs("<thead><tr><th>procedure</th><th class=\"n\">valid</th><th class=\"n\">suspect</th><th class=\"n\">invalid</th><th class=\"n\">failed</th><th class=\"n\">valid at first try, %</th></tr></thead><tbody>\n",
		report->out);
	verdict_rows(report);
	report_table_end(report->out);
	attempts(report);
	fputs("</section>\n", report->out);
}

static void notes(const struct report *report)
{
	const struct cells *cells = report->cells;
	bool begun = false;

	for (size_t i = 0; i < cells->notes.count; i++) {
		size_t number = cells_note_number(cells, i);
		if (!number)
			continue;
		if (!begun)
			fputs("<section id=\"notes\">\n<h2>What is known about the published values</h2>\n"
			      "<ol class=\"notes\">\n",
				report->out);
		begun = true;
		fprintf(report->out, "<li id=\"note-%zu\">", number);
		html_text(report->out, cells->notes.items[i].text);
		fputs(" (", report->out);
		for (const char *file = cells->notes.items[i].table; *file; file += *file == '|') {
			int length = (int)strcspn(file, "|");
			html_format(report->out, file[length] ? "%.*s, " : "%.*s", length, file);
			file += length;
		}
		fputs(")</li>\n", report->out);
	}
	if (begun)
		fputs("</ol>\n</section>\n", report->out);
}

static bool comparable(const struct cells *cells, size_t configuration)
{
	const struct experiment *e = cells->experiment;

	for (size_t i = 0; i < e->comparisons_count; i++)
		if (cells_comparable(cells, configuration, &e->comparisons[i]))
			return true;
	return false;
}

/* Few configurations: a figure each, of all comparisons; else a figure a comparison. */
static void draw_all_overheads(struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	size_t configurations = 0;

	for (size_t c = 0; c < e->configurations_count; c++)
		configurations += comparable(report->cells, c);
	if (configurations > 2)
		for (size_t i = 0; i < e->comparisons_count; i++)
			report->overheads[report->overheads_count++] =
				draw_overheads(report->figures, report->cells, 0, &e->comparisons[i]);
	else
		for (size_t c = 0; c < e->configurations_count; c++)
			report->overheads[report->overheads_count++] =
				draw_overheads(report->figures, report->cells, c, NULL);
	report->overheads_by_comparison = configurations > 2;
}

/* Draws everything before anything is written: one gnuplot for the page. */
static void draw(struct report *report)
{
	const struct cells *cells = report->cells;

	draw_all_overheads(report);
	for (size_t c = 0; c < cells->experiment->configurations_count; c++) {
		report->boxes[c] = draw_boxes(report->figures, cells, c);
		report->differences[c] = draw_differences(report->figures, cells, c);
	}
	for (size_t i = 0; i < cells->count; i++)
		report->series[i] = cells->cells[i].shown && cells->cells[i].subflows_count > 1
					    ? draw_series(report->figures, cells, &cells->cells[i])
					    : FIGURE_NONE;
	if (figures_draw(report->figures, &report->fault) < 0 && !report->fault)
		report->fault = strdup("out of memory");
}

static void page(struct report *report)
{
	head(report);
	facts(report);
	agreement(report);
	fputs("</header>\n<main>\n", report->out);
	missing(report);
	if (report->fault) {
		fputs("<p class=\"box\">There are no figures: ", report->out);
		html_text(report->out, report->fault);
		fputs("</p>\n", report->out);
	}
	report_overheads(report);
	report_matrix(report);
	boxes(report);
	report_shares(report);
	series(report);
	notes(report);
	verdicts(report);
	report_about(report);
	fputs("</main>\n</body>\n</html>\n", report->out);
}

static json_t *load_provenance(const char *folder)
{
	char path[4200];

	if (snprintf(path, sizeof path, "%s/provenance.json", folder) >= (int)sizeof path)
		return NULL;
	return json_load_file(path, 0, NULL);
}

int report_html(const struct cells *cells, FILE *out)
{
	const struct experiment *e = cells->experiment;
	size_t overheads = e->comparisons_count + e->configurations_count;
	struct report report = {.cells = cells,
		.provenance = load_provenance(cells->folder),
		.out = out,
		.figures = figures_new(),
		.boxes = calloc(e->configurations_count + 1, sizeof *report.boxes),
		.differences = calloc(e->configurations_count + 1, sizeof *report.differences),
		.series = calloc(cells->count + 1, sizeof *report.series),
		.overheads = calloc(overheads + 1, sizeof *report.overheads)};
	int result = -1;

	if (report.boxes && report.differences && report.series && report.overheads) {
		draw(&report);
		page(&report);
		result = 0;
	}
	figures_free(report.figures);
	json_decref(report.provenance);
	free(report.fault);
	free(report.boxes);
	free(report.differences);
	free(report.series);
	free(report.overheads);
	return result;
}
