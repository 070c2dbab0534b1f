/* Summaries of made-up results folders: beside published values, how far they differ, what notes explain of that, and
 * faults in either. */
#include "harness/cells/cells_published.c"
#include "tests/unit/summary_folder.h"

/* 100 (1 - 18.6 / 9.55); published 100 (1 - 18.81 / 9.55). Half an interval by hand: variances 0.2^2 / 3 and
 * (18.6 / 9.55)^2 0.005 / 2, Welch's df 2.135, t 4.05. */
static void overhead_beside_published(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	struct cells *cells = cells_load(&experiment, folder.path, folder.path, NULL);
	struct overhead overhead = cells_overhead(cells, 0, &compared[0]);
	close_to(overhead.measured, -94.7644, 1e-4);
	close_to(overhead.published, -96.9634, 1e-4);
	double a = 0.04 / 3, b = (18.6 / 9.55) * (18.6 / 9.55) * 0.005 / 2,
	       df = (a + b) * (a + b) / (a * a / 2 + b * b);
	close_to(overhead.half_width, 100 * stats_t_quantile(0.975, df) * sqrt(a + b) / 9.55, 1e-9);
	overhead = cells_overhead(cells, 1, &compared[0]);
	assert_true(isnan(overhead.measured) && isnan(overhead.half_width) && isnan(overhead.published));
	cells_free(cells);
	assert_non_null(strstr(folder.printed, "    NAT against TCP    -94.76"));
	assert_non_null(strstr(folder.printed, "-96.96 ab  +2.20"));
	remove_folder(&folder);
}

static void judged_by_spread_and_rounding(void **state)
{
	(void)state;
	struct cell cell = {
		.published = 9.55, .published_sd = 0, .published_n = 60, .published_text = "9.55"};
	const struct {
		double mean, sd;
		size_t n;
		enum judgement expected;
	} cases[] = {
		{9.554, 0, 3, JUDGED_SAME}, /* could be what was rounded */
		{9.556, 0, 3, JUDGED_HIGHER},
		{9.50, 0.01, 3, JUDGED_LOWER}, /* half width 4.303 x 0.01 / sqrt 3 = 0.025 */
		{9.53, 0.01, 3, JUDGED_SAME},
		{9.50, NAN, 1, JUDGED_NOT},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		cell.judgement = JUDGED_NOT;
		cell.stats = (struct stats){.n = cases[i].n, .mean = cases[i].mean, .sd = cases[i].sd};
		judge(&cell);
		assert_int_equal(cell.judgement, cases[i].expected);
	}
}

/* Notes change what is said of a difference, never the numbers: a cause in its direction only, and what
 * cannot be compared is not judged. */
static void notes_on_published_values(void **state)
{
	(void)state;
	char records[4096] = "";
	char *error = NULL;
	struct folder folder;

	for (int i = 1; i <= 3; i++) {
		sprintf(records + strlen(records),
			"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":%d,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"receiver\":9.%d}}\n"
			"{\"configuration\":\"clean\",\"procedure\":\"nat\",\"repeat\":%d,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"receiver\":20.%d}}\n",
			i, 80 + i, i, i);
	}
	make_folder(&folder, records);
	put(&folder, "notes.yaml",
		"notes:\n"
		"  - {table: a.csv, columns: tcp|x, effect: explains-lower, text: never}\n"
		"  - {table: a.csv, rows: 'cl*', columns: tcp, effect: explains-higher, text: \"a, cause\"}\n"
		"  - {table: b.csv, where: lossy, effect: incomparable, text: no loss here}\n"
		"  - {table: c.csv|b.csv, procedures: 'n*', effect: incomparable, text: a defect}\n"
		"  - {table: other.csv, effect: incomparable, text: another file}\n"
		"  - {table: b.csv, except: '*', effect: incomparable, text: no experiment}\n"
		"  - {table: b.csv, experiments: '*-lia|none', effect: incomparable, text: another experiment}\n"
		"  - {table: b.csv, except: '*-lia|none', effect: context, text: not theirs}\n");
	if (make(&folder, &experiment, &error) < 0)
		fail_msg("%s", error);
	assert_non_null(strstr(folder.printed, "higher [2]"));
	assert_non_null(strstr(folder.printed, "not comparable [3]"));
	assert_non_null(strstr(folder.printed, "\n  [2] a, cause\n"));
	assert_null(strstr(folder.printed, "never"));
	char *csv = get(&folder, "summary.csv");
	assert_non_null(strstr(csv, ",\"a, cause\"\n"));
	assert_non_null(strstr(csv, ",not comparable,"));
	free(csv);
	char *scorecard = get(&folder, "scorecard.md");
	assert_non_null(strstr(scorecard, "| higher by 2.8 % [2] |"));
	assert_non_null(strstr(scorecard, "- [1] never\n"));
	assert_null(strstr(scorecard, "another file"));
	assert_null(strstr(scorecard, "no experiment"));
	assert_null(strstr(scorecard, "another experiment"));
	assert_non_null(strstr(scorecard, "not theirs"));
	free(scorecard);
	remove_folder(&folder);
}

static void any_model_of_loss_is_loss(void **state)
{
	(void)state;
	struct topology two = {.links_count = 2};
	struct experiment e = {.topology = &two};
	struct link_shape links[2] = {{.shaped = true}, {.shaped = true}};
	struct configuration c = {.links = links};
	assert_false(has_loss(&e, &c));
	links[1].direction[1].loss = 0.01;
	assert_true(has_loss(&e, &c));
	static const enum shape_loss models[] = {LOSS_GILBERT_ELLIOTT, LOSS_EVERY, LOSS_TRACE};
	for (size_t i = 0; i < COUNT(models); i++) {
		links[1].direction[1] = (struct shape){.loss_model = models[i]};
		assert_true(has_loss(&e, &c));
	}
	links[1].shaped = false;
	assert_false(has_loss(&e, &c));
}

static void faults_in_notes_name_their_line(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"notes: 1", "n.yaml:1: "},
		{"notes:\n  - {table: a, effect: context}", "n.yaml:2: "},
		{"notes:\n  - {table: a, effect: good, text: b}",
			"n.yaml:2: effect `good`; write context, explains-higher, explains-lower or incomparable"},
		{"notes:\n  - {table: a, effect: context, text: b, where: lossless}",
			"n.yaml:2: where `lossless`; write lossy, or leave it out"},
		{"notes:\n  - {table: a, effect: context, text: b, row: c}", "n.yaml:2: "},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct notes notes = {0};
		char *error = NULL;
		assert_int_equal(notes_parse(&notes, "n.yaml", cases[i][0], strlen(cases[i][0]), &error), -1);
		if (strncmp(error, cases[i][1], strlen(cases[i][1])))
			fail_msg("%s", error);
		free(error);
		notes_free(&notes);
	}
}

static void a_fault_in_published_values_is_told(void **state)
{
	(void)state;
	char *error = NULL, expected[128];
	struct folder folder;

	make_folder(&folder, usual);
	put(&folder, "b.csv", "configuration,other\nclean,1\n");
	assert_int_equal(make(&folder, &experiment, &error), -1);
	snprintf(expected, sizeof expected, "%s/b.csv:1: no column `nat`; it has configuration, other",
		folder.path);
	assert_string_equal(error, expected);
	free(error);
	remove_folder(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overhead_beside_published),
		cmocka_unit_test(judged_by_spread_and_rounding),
		cmocka_unit_test(notes_on_published_values),
		cmocka_unit_test(any_model_of_loss_is_loss),
		cmocka_unit_test(faults_in_notes_name_their_line),
		cmocka_unit_test(a_fault_in_published_values_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
