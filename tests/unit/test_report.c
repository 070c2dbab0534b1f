/* The page of a results folder: nothing that comes from a file becomes markup, figures are whole, and what is
 * missing is said. Drawing needs gnuplot; the tests that do skip by name without it. */
#include "harness/experiment/plan.h"
#include "harness/record/records.h"
#include "harness/record/stats.h"
#include "harness/report/cells.h"
#include "harness/report/cells_published.h"
#include "harness/report/drawings.h"
#include "harness/report/figures.h"
#include "harness/report/html.h"
#include "harness/report/published.h"
#include "harness/report/report.h"
#include "tests/unit/check.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HOSTILE "<script>alert(1)</script>\"'&\x01\xff"

static char *escaped(const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	html_text(file, text);
	fclose(file);
	return out;
}

static void texts_stay_texts(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"a < b & c > \"d\" 'e'", "a &lt; b &amp; c &gt; &quot;d&quot; &#39;e&#39;"},
		{"tab\tline\nbell\a delete\x7f", "tab\tline\nbell  delete "},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		/* RFC 3629: overlong, surrogate, beyond U+10FFFF, cut off, alone. */
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\x80x", "\xef\xbf\xbdx"},
		{"", ""},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = escaped(cases[i][0]);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

static const char *nodes[] = {"client", "detour", HOSTILE};
static struct topology topology = {.nodes = nodes, .nodes_count = 3, .name = "t"};
static struct measure measures[] = {{.name = HOSTILE, .unit = HOSTILE}};
static const int against[] = {0};
static struct comparison comparisons[] = {{HOSTILE, 1, against, 1}};
static struct procedure procedures[] = {{.name = HOSTILE, .title = HOSTILE, .subflow_row = "x"},
	{.name = "nat", .title = "it's 100 % $x `y` \\n", .subflow_row = "x"}};
static struct configuration hostile[] = {{.name = HOSTILE, .title = HOSTILE}};

static struct experiment experiment = {.path = "x.yaml",
	.name = HOSTILE,
	.title = HOSTILE,
	.source = HOSTILE,
	.topology = &topology,
	.trials = 2,
	.configurations = hostile,
	.configurations_count = 1,
	.procedures = procedures,
	.procedures_count = 2,
	.measures = measures,
	.measures_count = 1,
	.comparisons = comparisons,
	.comparisons_count = 1};

/* A folder with records and a provenance; its page. */
static char *page_of(const struct experiment *of, json_t *records, const char *provenance)
{
	char folder[] = "/tmp/test_report.XXXXXX", path[64], *page = NULL, *error = NULL;
	static const char *const names[] = {"trials.jsonl", "provenance.json", "experiment.yaml"};
	size_t size, i;
	json_t *record;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/trials.jsonl", folder);
	FILE *out = fopen(path, "w");
	json_array_foreach(records, i, record) {
		json_dumpf(record, out, JSON_COMPACT);
		fputc('\n', out);
	}
	fclose(out);
	json_decref(records);
	snprintf(path, sizeof path, "%s/provenance.json", folder);
	out = fopen(path, "w");
	fputs(provenance, out);
	fclose(out);
	snprintf(path, sizeof path, "%s/experiment.yaml", folder);
	out = fopen(path, "w");
	fputs("# " HOSTILE "\n", out);
	fclose(out);
	struct cells *cells = cells_load(of, folder, folder, &error);
	if (!cells)
		fail_msg("%s", error);
	out = open_memstream(&page, &size);
	assert_int_equal(report_html(cells, out), 0);
	fclose(out);
	cells_free(cells);
	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(folder), 0);
	return page;
}

static json_t *record(const char *configuration, const char *procedure, const char *measure, int repeat)
{
	json_t *series = json_array();

	for (int i = 0; i < 20; i++)
		json_array_append_new(series, json_integer(i ? 200000 + 1000 * i * repeat : 0));
	return json_pack(
		"{s:s, s:s, s:i, s:i, s:s, s:[s], s:{s:f}, s:f, s:[{s:s, s:I, s:O}, {s:s, s:I, s:o}]}",
		"configuration", configuration, "procedure", procedure, "repeat", repeat, "attempt", 1,
		"status", "suspect", "reasons", "<img src=x onerror=alert(2)>", "measures", measure,
		9.5 + 0.01 * repeat, "series_step_s", 0.2, "subflows", "node", "client", "unique_bytes",
		(json_int_t)1000000, "series_bytes", series, "node", "detour", "unique_bytes",
		(json_int_t)2000000, "series_bytes", series);
}

/* JSON holds no bytes that are not UTF-8: names without them, and the rest of the mischief. */
#define NAME "<script>alert(1)</script>\"'&"

static size_t count_of(const char *page, const char *text)
{
	size_t count = 0;

	for (const char *at = page; (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

static void nothing_from_files_is_markup(void **state)
{
	(void)state;
	struct experiment named = experiment;
	struct configuration one[] = {{.name = NAME, .title = HOSTILE}};
	struct procedure two[] = {procedures[0], procedures[1]};
	struct measure measure[] = {{.name = NAME, .unit = HOSTILE}};
	json_t *records = json_array();

	two[0].name = NAME;
	named.configurations = one;
	named.procedures = two;
	named.measures = measure;
	for (int i = 1; i <= 2; i++) {
		json_array_append_new(records, record(NAME, NAME, NAME, i));
		json_array_append_new(records, record(NAME, "nat", NAME, i));
	}
	char *page = page_of(&named, records,
		"{\"started\":\"<script>alert(3)</script>\",\"command\":[\"<b>\",\"it's\"],\"run\":{\"seed\":1},\"environment\":{\"liquidnet\":\"</pre><script>\",\"<i>\":\"<script>\",\"kernel\":{\"release\":\"<script>\"}}}");
	assert_int_equal(count_of(page, "<script"), 0);
	assert_int_equal(count_of(page, "<img"), 0);
	assert_int_equal(count_of(page, "<b>'"), 0);
	assert_null(strstr(page, "<i>"));
	assert_non_null(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
	assert_non_null(strstr(page, "&lt;img src=x onerror=alert(2)&gt;"));
	assert_non_null(strstr(page, "&#39;it&#39;\\&#39;&#39;s&#39;")); /* as a shell takes it */
	assert_null(strchr(page, '\x01'));
	assert_null(strstr(page, "http://")); /* no namespaces are needed in HTML, and nothing is fetched */
	assert_null(strstr(page, "url("));
	free(page);
}

static bool has_gnuplot(void)
{
	return access("/usr/bin/gnuplot", X_OK) == 0;
}

/* Every identifier of the page is its own, and every reference leads to one. */
static void check_identifiers(const char *page)
{
	for (const char *at = page; (at = strstr(at, " id=")); at++) {
		char whole[64];
		size_t length = strcspn(at + 5, "\"'");
		snprintf(whole, sizeof whole, "%.*s", (int)length + 6, at);
		char quote = whole[4];
		assert_true(quote == '"' || quote == '\'');
		if (count_of(page, whole) != 1)
			fail_msg("%s stands %zu times", whole, count_of(page, whole));
	}
	for (const char *at = page; (at = strstr(at, "href='#")); at++) {
		char whole[64];
		snprintf(whole, sizeof whole, " id='%.*s'", (int)strcspn(at + 7, "'"), at + 7);
		assert_non_null(strstr(page, whole));
	}
}

static void figures_are_whole(void **state)
{
	(void)state;
	struct experiment plain = experiment;
	struct configuration three[] = {{.name = "a"}, {.name = "it's $b"}, {.name = "c"}};
	struct procedure two[] = {
		{.name = "tcp", .subflow_row = "tcp"}, {.name = "nat", .subflow_row = "nat"}};
	struct measure measure[] = {{.name = "receiver", .unit = "mbps"}};
	struct comparison one[] = {{"nat against tcp", 1, against, 1}};
	json_t *records = json_array();

	if (!has_gnuplot())
		skip();
	plain.configurations = three;
	plain.configurations_count = 3;
	plain.procedures = two;
	plain.measures = measure;
	plain.comparisons = one;
	for (size_t c = 0; c < 3; c++)
		for (int i = 1; i <= 2; i++) {
			json_array_append_new(records, record(three[c].name, "tcp", "receiver", i));
			json_array_append_new(records, record(three[c].name, "nat", "receiver", i));
		}
	char *page = page_of(&plain, records, "{}");
	assert_null(strstr(page, "There are no figures"));
	/* The comparison once, three boxes, six series; nothing was published, so no differences. */
	assert_int_equal(count_of(page, "<svg"), 1 + 3 + 6);
	assert_int_equal(count_of(page, "</svg>"), 10);
	assert_int_equal(count_of(page, "<g "), count_of(page, "</g>"));
	assert_int_equal(count_of(page, "role=\"img\""), 10);
	assert_true(count_of(page, "var(--c-measured)") > 10);
	assert_null(strstr(page, "rgb("));
	assert_null(strstr(page, "Gnuplot"));
	check_identifiers(page);
	free(page);
}

static void what_is_missing_is_said(void **state)
{
	(void)state;
	struct experiment plain = experiment;
	struct configuration one[] = {{.name = "a"}};
	struct procedure two[] = {
		{.name = "tcp", .subflow_row = "tcp"}, {.name = "nat", .subflow_row = "nat"}};
	struct measure measure[] = {{.name = "receiver", .unit = "mbps"}};
	json_t *records = json_array();

	plain.configurations = one;
	plain.procedures = two;
	plain.measures = measure;
	json_array_append_new(records, record("a", "tcp", "receiver", 1));
	char *page = page_of(&plain, records, "{\"run\":{\"trials\":3},\"cells\":[\"a/tcp\",\"a/nat\"]}");
	assert_non_null(strstr(page, "<b>5 planned trials are missing</b>, in 2 cells"));
	assert_non_null(strstr(page, "<li>a, tcp: 1 of 3</li>"));
	assert_non_null(strstr(page, "<li>a, nat: 0 of 3</li>"));
	assert_non_null(strstr(page, "no trial counts"));
	free(page);
	page = page_of(&plain, json_array(), "not JSON"); /* nothing ran, and who knows what was planned */
	assert_null(strstr(page, "missing"));
	assert_non_null(strstr(page, "</html>"));
	free(page);
}

static void hundreds_of_configurations(void **state)
{
	(void)state;
	enum { MANY = 300 };
	struct experiment wide = experiment;
	struct configuration *many = calloc(MANY, sizeof *many);
	struct procedure one[] = {{.name = "tcp", .subflow_row = "tcp"}};
	struct measure measure[] = {{.name = "receiver", .unit = "mbps"}};
	char(*names)[16] = calloc(MANY, sizeof *names);
	json_t *records = json_array();

	if (!has_gnuplot())
		skip();
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "c%d", i);
		many[i].name = names[i];
		json_array_append_new(records, record(names[i], "tcp", "receiver", 1));
	}
	wide.configurations = many;
	wide.configurations_count = MANY;
	wide.procedures = one;
	wide.procedures_count = 1;
	wide.measures = measure;
	wide.comparisons_count = 0;
	char *page = page_of(&wide, records, "{}");
	assert_int_equal(count_of(page, "<svg"), 2 * MANY); /* boxes and series */
	free(page);
	free(names);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_stay_texts),
		cmocka_unit_test(nothing_from_files_is_markup),
		cmocka_unit_test(figures_are_whole),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(hundreds_of_configurations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
