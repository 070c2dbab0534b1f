/* The page of a results folder: nothing that comes from a file becomes markup, figures are whole, and what is
 * missing is said. Drawing needs gnuplot; the tests that do skip by name without it. */
#include "harness/cells/cells_load.h"
#include "harness/report/pages.h"
#include "harness/report/report.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HOSTILE "<script>alert(1)</script>\"'&\x01\xff"

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

static char *html_of(const json_t *report)
{
	char *page = NULL, *error = NULL;
	size_t size;
	FILE *out = open_memstream(&page, &size);

	if (report_html(report, out, &error) < 0)
		fail_msg("%s", error);
	fclose(out);
	return page;
}

/* The report of a folder with records and a provenance. */
static json_t *report_of(const struct experiment *of, json_t *records, const char *provenance)
{
	char folder[] = "/tmp/test_report.XXXXXX", path[64], *error = NULL;
	static const char *const names[] = {"trials.jsonl", "provenance.json", "experiment.yaml"};
	json_t *record;
	size_t i;

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
	json_t *report = report_make(cells);
	assert_non_null(report);
	cells_free(cells);
	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(folder), 0);
	return report;
}

static char *page_of(const struct experiment *of, json_t *records, const char *provenance)
{
	json_t *report = report_of(of, records, provenance);
	char *page = html_of(report);

	json_decref(report);
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

/* Only what git knows is told to be checked out, and changes beyond it are told of. */
static void versions_that_git_knows(void **state)
{
	(void)state;
	static const struct {
		const char *version, *checkout;
		bool dirty;
	} cases[] = {{"86e42f0", "git checkout 86e42f0 ", false},
		{"86e42f0-dirty", "git checkout 86e42f0 ", true},
		{"v1.2-3-g86e42f0", "git checkout v1.2-3-g86e42f0 ", false},
		{"v1.2", "git checkout v1.2 ", false}, {"unknown", NULL, false}, {"0.3-1", NULL, false},
		{"", NULL, false}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char provenance[128];
		snprintf(provenance, sizeof provenance, "{\"environment\":{\"liquidnet\":\"%s\"}}",
			cases[i].version);
		char *page = page_of(&experiment, json_array(), provenance);
		assert_int_equal(count_of(page, "git checkout "), cases[i].checkout ? 1 : 0);
		if (cases[i].checkout)
			assert_non_null(strstr(page, cases[i].checkout));
		assert_int_equal(count_of(page, "changes that were not committed"), cases[i].dirty ? 1 : 0);
		free(page);
	}
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

/* Samples that end in some trials' p99.9 being open. */
static json_t *sampled_record(const char *procedure, int repeat)
{
	json_t *one = record("a", procedure, "fct", repeat), *samples = json_array();

	for (int i = 0; i < 500; i++)
		json_array_append_new(samples, json_real(0.001 * ((i * 7919) % 500 + 10 * repeat + 1)));
	json_object_set_new(one, "samples", json_pack("{s:o}", "fct", samples));
	return one;
}

static json_t *sampled_report(struct measure measure[2])
{
	struct experiment plain = experiment;
	struct configuration one[] = {{.name = "a"}};
	struct procedure two[] = {
		{.name = "tcp", .subflow_row = "tcp"}, {.name = NAME, .subflow_row = "nat"}};
	json_t *records = json_array();

	plain.configurations = one;
	plain.procedures = two;
	plain.measures = measure;
	plain.measures_count = 2;
	for (int i = 1; i <= 3; i++) {
		json_array_append_new(records, sampled_record("tcp", i));
		json_array_append_new(records, sampled_record(NAME, i));
	}
	return report_of(&plain, records, "{}");
}

static void samples_have_a_table_and_a_figure(void **state)
{
	(void)state;
	struct measure measure[] = {{.name = "fct", .unit = "s", .kind = MEASURE_SAMPLES, .less = true},
		{.name = "other", .unit = "x"}};
	json_t *report = sampled_report(measure);
	json_t *one = json_array_get(json_object_get(report, "samples"), 0), *group, *row, *median, *curve;
	char *page = html_of(report);

	group = json_array_get(json_object_get(one, "groups"), 0);
	row = json_array_get(json_object_get(group, "rows"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "samples")), 1500);
	assert_int_equal(json_integer_value(json_object_get(row, "trials")), 3);
	assert_string_equal(json_string_value(json_object_get(row, "interval")), "bootstrap");
	median = json_array_get(json_object_get(row, "quantiles"), 0);
	/* 0.001 x 1..500, shifted by 10, 20 and 30: sample 750 of 1500 in order. */
	assert_true(fabs(json_number_value(json_object_get(median, "value")) - 0.270) < 1e-9);
	assert_non_null(strstr(page, "<h2>Every sample: fct, s (less is better)</h2>"));
	assert_non_null(strstr(page, "<th class=\"n\">p99.9</th>"));
	assert_non_null(strstr(page, "<span class=\"measured\">0.270</span>"));
	/* Nothing bounds the 99.9th percentile of 1500 samples from above. */
	assert_non_null(strstr(page, " to \xe2\x80\x93</span></td><td>bootstrap</td>"));
	assert_int_equal(count_of(page, "<script"), 0);
	curve = json_array_get(
		json_object_get(json_array_get(json_object_get(one, "figures"), 0), "curves"), 1);
	assert_string_equal(json_string_value(json_object_get(curve, "name")), NAME);
	assert_int_equal(json_array_size(json_object_get(curve, "points")), 200);
	if (has_gnuplot()) {
		assert_non_null(strstr(page, "part of the samples"));
		assert_true(count_of(page, "<svg") >= 1);
		check_identifiers(page);
	}
	json_decref(report);
	free(page);
}

/* What the page shows is in report.json: a page made from the text of it is the same one. */
static void the_page_is_of_report_json_alone(void **state)
{
	(void)state;
	struct measure measure[] = {
		{.name = "fct", .unit = "s", .kind = MEASURE_SAMPLES}, {.name = "other", .unit = "x"}};
	json_t *report = sampled_report(measure);
	char *text = NULL, *page = html_of(report);
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(report_json(report, out, NULL), 0);
	fclose(out);
	json_t *again = json_loads(text, 0, NULL);
	assert_non_null(again);
	char *page_again = html_of(again);
	assert_string_equal(page, page_again);
	json_decref(report);
	json_decref(again);
	free(page_again);
	free(page);
	free(text);
}

/* The second takes 0.01 s more than the first, of about 9.5: as an overhead a loss where less is better, else a gain. */
static void less_is_better(void **state)
{
	(void)state;
	struct experiment plain = experiment;
	struct configuration one[] = {{.name = "a"}};
	struct procedure two[] = {
		{.name = "tcp", .subflow_row = "tcp"}, {.name = "nat", .subflow_row = "nat"}};
	struct measure measure[] = {{.name = "time", .unit = "s"}};

	plain.configurations = one;
	plain.procedures = two;
	plain.measures = measure;
	for (int less = 0; less < 2; less++) {
		json_t *records = json_array();
		measure[0].less = less;
		for (int i = 1; i <= 3; i++) {
			json_array_append_new(records, record("a", "tcp", "time", i));
			json_array_append_new(records, record("a", "nat", "time", i + 1));
		}
		json_t *report = report_of(&plain, records, "{}");
		json_t *group =
			json_array_get(json_object_get(json_object_get(report, "overheads"), "groups"), 0);
		json_t *row = json_array_get(json_object_get(group, "rows"), 0);
		double overhead = json_number_value(json_object_get(row, "measured"));
		assert_true(fabs(overhead - (less ? 1 : -1) * 100 * 0.01 / 9.52) < 1e-9);
		char *page = html_of(report);
		assert_true((strstr(page, "how much more time there is") != NULL) == less);
		assert_true((strstr(page, "how much less was carried") != NULL) == !less);
		assert_true((strstr(page, "(less is better)") != NULL) == less);
		json_decref(report);
		free(page);
	}
}

static void numbers_of_pages(void **state)
{
	(void)state;
	static const char text[] =
		"{{a|fixed 2}} {{a|signed 1}} {{b|signed 1}} {{z|fixed 1}} {{n|fixed 2}} {{s|p 3}} {{b|p 3}} {{h|effect 1}} {{l|effect 1}} {{a|effect 1}}";
	const struct template_source source = {"page", text, sizeof text - 1};
	struct templates *set = templates_parse(&source, 1, pages_formats, NULL);
	json_t *values = json_pack("{s:f, s:f, s:f, s:n, s:f, s:f, s:f}", "a", -1.256, "b", 0.25, "z", -0.01,
		"n", "s", 0.0002, "h", 1000.0, "l", -1000.0);
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(set);
	assert_int_equal(templates_write(set, "page", values, 100, file, NULL), 0);
	fclose(file);
	assert_string_equal(out,
		"\xe2\x88\x92"
		"1.26 \xe2\x88\x92"
		"1.3 +0.2 0.0 \xe2\x80\x93 &lt;&nbsp;0.001 0.250 &gt;&nbsp;100 &lt;&nbsp;\xe2\x88\x92&nbsp;100 \xe2\x88\x92"
		"1.3");
	templates_free(set);
	json_decref(values);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_from_files_is_markup),
		cmocka_unit_test(versions_that_git_knows),
		cmocka_unit_test(figures_are_whole),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(hundreds_of_configurations),
		cmocka_unit_test(samples_have_a_table_and_a_figure),
		cmocka_unit_test(the_page_is_of_report_json_alone),
		cmocka_unit_test(less_is_better),
		cmocka_unit_test(numbers_of_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
