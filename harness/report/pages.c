/* Pages: see the header. Templates and the style sheet are files of their own in the sources. */
#include "harness/report/pages.h"

#include "harness/page/drawings.h"
#include "harness/page/figures.h"
#include "harness/page/text.h"
#include "harness/report/report.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* template_NAME and template_NAME_end of templates/NAME.mustache. */
#define LINK(symbol, file)                                                                                   \
	__asm__(".section .rodata\n"                                                                         \
		".global template_" #symbol ", template_" #symbol "_end\n"                                   \
		"template_" #symbol ":\n"                                                                    \
		".incbin \"harness/report/templates/" file "\"\n"                                            \
		"template_" #symbol "_end:\n"                                                                \
		".previous\n");                                                                              \
	extern const char template_##symbol[], template_##symbol##_end[];

LINK(css, "page.css")
LINK(figure_css, "figure.css")
LINK(head, "head.mustache")
LINK(figure, "figure.mustache")
LINK(group, "group.mustache")
LINK(verdict, "verdict.mustache")
LINK(published, "published.mustache")
LINK(matrix_cell, "matrix_cell.mustache")
LINK(torn, "torn.mustache")
LINK(design, "design.mustache")
LINK(overheads, "overheads.mustache")
LINK(results, "results.mustache")
LINK(samples, "samples.mustache")
LINK(shares, "shares.mustache")
LINK(about, "about.mustache")
LINK(report, "report.mustache")
LINK(compare, "compare.mustache")

static const struct {
	const char *name, *begin, *end;
} linked[] = {
#define SOURCE(symbol, name)                                                                                 \
	{                                                                                                    \
		name, template_##symbol, template_##symbol##_end                                             \
	}
	SOURCE(css, "page.css"),
	SOURCE(head, "head"),
	SOURCE(figure, "figure"),
	SOURCE(group, "group"),
	SOURCE(verdict, "verdict"),
	SOURCE(published, "published"),
	SOURCE(matrix_cell, "matrix_cell"),
	SOURCE(torn, "torn"),
	SOURCE(design, "design"),
	SOURCE(overheads, "overheads"),
	SOURCE(results, "results"),
	SOURCE(samples, "samples"),
	SOURCE(shares, "shares"),
	SOURCE(about, "about"),
	SOURCE(report, "report"),
	SOURCE(compare, "compare"),
};
enum { LINKED = sizeof linked / sizeof *linked };

const struct template_source *pages_sources(size_t *count)
{
	static struct template_source sources[LINKED];

	for (size_t i = 0; i < LINKED; i++)
		sources[i] = (struct template_source){
			linked[i].name, linked[i].begin, (size_t)(linked[i].end - linked[i].begin)};
	*count = LINKED;
	return sources;
}

/* ---- numbers */

static void put_number(FILE *out, const json_t *value, int decimals, bool sign)
{
	if (!json_is_number(value)) {
		fputs("\xe2\x80\x93", out);
		return;
	}
	double number = json_number_value(value);
	if (fabs(number) < 0.5 * pow(10, -decimals)) /* no "-0.00" */
		number = 0;
	/* A true minus sign is as wide as a plus. */
	const char *mark = number < 0 ? "\xe2\x88\x92" : sign && number > 0 ? "+" : "";
	fprintf(out, "%s%.*f", mark, decimals, fabs(number));
}

static void put_fixed(FILE *out, const json_t *value, int decimals)
{
	put_number(out, value, decimals, false);
}

static void put_signed(FILE *out, const json_t *value, int decimals)
{
	put_number(out, value, decimals, true);
}

static void put_probability(FILE *out, const json_t *value, int decimals)
{
	double least = pow(10, -decimals);

	if (json_is_number(value) && json_number_value(value) < least)
		fprintf(out, "&lt;&nbsp;%.*f", decimals, least);
	else
		put_number(out, value, decimals, false);
}

static void put_effect(FILE *out, const json_t *value, int decimals)
{
	if (json_is_number(value) && fabs(json_number_value(value)) > 100)
		fputs(json_number_value(value) > 0 ? "&gt;&nbsp;100" : "&lt;&nbsp;\xe2\x88\x92&nbsp;100",
			out);
	else
		put_number(out, value, decimals, true);
}

const struct template_format pages_formats[] = {{"fixed", put_fixed}, {"signed", put_signed},
	{"p", put_probability}, {"effect", put_effect}, {NULL, NULL}};

int pages_write(const char *name, const json_t *values, FILE *out, char **error)
{
	size_t count;
	const struct template_source *sources = pages_sources(&count);
	struct templates *set = templates_parse(sources, count, pages_formats, error);

	if (!set)
		return -1;
	int result = templates_write(set, name, values, TEMPLATE_STEPS, out, error);
	templates_free(set);
	return result;
}

/* ---- the page of a report: what it shows, with the figures drawn */

/* Each list called `figures`, wherever it stands: `index` gets a figure's place among all, then `svg` its drawing. */
static void each_figure(json_t *value, void (*what)(struct figures *, json_t *), struct figures *figures)
{
	const char *key;
	json_t *child, *figure;
	size_t i;

	json_array_foreach(value, i, child)
		each_figure(child, what, figures);
	json_object_foreach(value, key, child)
		if (strcmp(key, "figures") != 0)
			each_figure(child, what, figures);
		else
			json_array_foreach(child, i, figure)
				what(figures, figure);
}

static void draw(struct figures *figures, json_t *figure)
{
	size_t index = draw_figure(figures, figure);

	json_object_set_new(figure, "index", json_integer(index == FIGURE_NONE ? -1 : (json_int_t)index));
}

static void take_drawing(struct figures *figures, json_t *figure)
{
	json_int_t index = json_integer_value(json_object_get(figure, "index"));
	char *svg = NULL;
	size_t size;
	FILE *out = index >= 0 ? open_memstream(&svg, &size) : NULL;
	bool drawn = out && figures_put(figures, (size_t)index, out) == 0;

	if (out)
		fclose(out);
	json_object_set_new(figure, "svg", drawn ? json_string(svg) : json_null());
	free(svg);
}

static void put_columns(json_t *page)
{
	json_t *samples = json_object_get(page, "samples"), *one;
	size_t i;

	json_object_set_new(page, "columns",
		json_integer(13 + (json_int_t)json_array_size(json_object_get(page, "other_measures"))));
	json_array_foreach(samples, i, one)
		json_object_set_new(one, "columns",
			json_integer(4 + (json_int_t)json_array_size(json_object_get(one, "quantiles"))));
}

/* ---- figures as files of their own */

struct export
{
	const char *folder;
	size_t count;
	char **error;
	int result;
};

/* A drawing that needs no page: it says what it is, and has its colours with it. */
static void write_svg(FILE *out, const char *svg)
{
	const char *head = strstr(svg, "<svg "), *end = head ? strchr(head, '>') : NULL;

	if (!end)
		return;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" font-family=\"sans-serif\" %.*s\n<style>\n%.*s</style>%s",
		(int)(end + 1 - head - 5), head + 5, (int)(template_figure_css_end - template_figure_css),
		template_figure_css, end + 1);
}

static void export_figure(struct figures *figures, json_t *figure, struct export *to)
{
	char path[4096];

	take_drawing(figures, figure);
	const char *svg = json_string_value(json_object_get(figure, "svg"));
	if (!svg || to->result < 0)
		return;
	int length = snprintf(path, sizeof path, "%s/figure-%zu.svg", to->folder, ++to->count);
	FILE *out = length < (int)sizeof path ? fopen(path, "we") : NULL;
	if (out)
		write_svg(out, svg);
	bool bad = !out || ferror(out);
	if (out && fclose(out) != 0)
		bad = true;
	if (bad)
		to->result = error_set(to->error, "%s cannot be written: %m", path);
}

/* In the order in which the page shows them: that of report.json. */
static void export_each(json_t *value, struct figures *figures, struct export *to)
{
	const char *key;
	json_t *child, *figure;
	size_t i;

	json_array_foreach(value, i, child)
		export_each(child, figures, to);
	json_object_foreach(value, key, child)
		if (strcmp(key, "figures") != 0)
			export_each(child, figures, to);
		else
			json_array_foreach(child, i, figure)
				export_figure(figures, figure, to);
}

int report_svgs(const json_t *report, const char *folder, size_t *count, char **error)
{
	json_t *page = json_deep_copy(report);
	struct figures *figures = figures_new();
	struct export to = {.folder = folder, .error = error};

	each_figure(page, draw, figures);
	to.result = figures_draw(figures, error);
	if (to.result == 0)
		export_each(page, figures, &to);
	*count = to.count;
	figures_free(figures);
	json_decref(page);
	return to.result;
}

int report_html(const json_t *report, FILE *out, char **error)
{
	json_t *page = json_deep_copy(report);
	struct figures *figures = figures_new();
	char *fault = NULL;

	each_figure(page, draw, figures);
	bool drawn = figures_draw(figures, &fault) == 0;
	if (drawn)
		each_figure(page, take_drawing, figures);
	json_object_set_new(page, "fault", drawn ? json_null() : text_json(fault ? fault : "out of memory"));
	json_object_set(page, "page_title", json_object_get(json_object_get(page, "experiment"), "title"));
	put_columns(page);
	int result = pages_write("report", page, out, error);
	figures_free(figures);
	json_decref(page);
	free(fault);
	return result;
}
