/* Summaries of made-up results folders: what counts, what the files and the tables say, what is refused. */
#include "harness/page/table.c"
#include "tests/unit/summary_folder.h"

static void only_last_attempts_count(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	struct cells *cells = cells_load(&experiment, folder.path, folder.path, NULL);
	assert_non_null(cells);
	const struct cell *nat = &cells->cells[1];
	assert_int_equal(
		nat->stats.n, 3); /* repeats 1, 2 (second attempt), 3 (suspect); never the invalid fourth */
	close_to(nat->stats.mean, 18.6, 1e-12);
	assert_int_equal(nat->suspect, 1);
	assert_int_equal(nat->invalid, 1);
	assert_int_equal(nat->failed, 1);
	close_to(nat->means[1], 19, 1e-12);
	assert_true(isnan(nat->means[3])); /* null in every record */
	close_to(cells->cells[0].means[3], 1.5, 1e-12);
	assert_true(isnan(cells->cells[0].means[2])); /* in no record */
	assert_int_equal(nat->judgement, JUDGED_SAME);
	assert_false(cells->cells[2].shown);
	cells_free(cells);
	remove_folder(&folder);
}

static void summary_file(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	csv_line(&folder, "summary.csv", "configuration",
		"configuration,procedure,n,mean_mbps,sd_mbps,median_mbps,published_mbps,difference_percent,min,max,ci95_low,ci95_high,sender_mbps,capture_mbps,total_s,suspect,invalid,failed,published_source,published_sd,published_n,difference,judgement,q1,q3,welch_t,welch_df,welch_p,hedges_g,note");
	/* By hand: t = -0.21 / (0.2 / sqrt 3); p = 1 - |t| / sqrt(t^2 + 2); g = -1.05 x 0.5642. */
	csv_line(&folder, "summary.csv", "clean,nat",
		"clean,nat,3,18.6,0.2,18.6,18.81,-1.11643,18.4,18.8,18.4,18.8,19,18.5,,1,1,1,b.csv,,,-0.21,same,18.5,18.7,-1.81865,2,0.210586,-0.592399,");
	csv_line(&folder, "summary.csv", "clean,tcp",
		"clean,tcp,2,9.55,0.0707107,9.55,9.55,0,9.5,9.6,9.5,9.6,10,,1.5,0,0,0,a.csv,0,60,0,same,9.525,9.575,0,1,1,0,");
	csv_line(&folder, "summary.csv", "loss-1,tcp",
		"loss-1,tcp,0,,,,6.16,,,,,,,,,0,0,0,a.csv,0.61,60,,,,,,,,,");
	csv_line(&folder, "summary.csv", "loss-1,nat", "loss-1,nat,0,,,,,,,,,,,,,0,0,0,,,,,,,,,,,,");
	char *text = get(&folder, "summary.csv");
	size_t lines = 0;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 5); /* a line of names, four planned cells, nothing optional */
	free(text);
	remove_folder(&folder);
}

static void subflow_file(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	csv_line(&folder, "subflows.csv", "configuration",
		"configuration,procedure,n,node,median_unique_bytes,share_percent,published_bytes,published_share_percent");
	csv_line(&folder, "subflows.csv", "clean,nat,3,client", "clean,nat,3,client,600,60,3000,75");
	csv_line(&folder, "subflows.csv", "clean,nat,3,detour", "clean,nat,3,detour,400,40,1000,25");
	char *text = get(&folder, "subflows.csv");
	assert_null(strstr(text, "tcp")); /* no subflows in its records */
	free(text);
	remove_folder(&folder);
}

static void tables_for_people(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	for (const char *line = folder.printed; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= TABLE_WIDTH);
	assert_non_null(strstr(folder.printed, "\n  clean: no loss\n"));
	assert_non_null(strstr(folder.printed, "b: b.csv: B 2018: rerun."));
	assert_non_null(
		strstr(folder.printed, "nat, repeat 2, attempt 1: failed (replaced by a later attempt): r2"));
	assert_non_null(strstr(folder.printed, "nat, repeat 3, attempt 1: suspect (counted): r3"));
	assert_non_null(strstr(folder.printed, "nat, repeat 4, attempt 1: invalid (not counted): r4"));
	assert_null(strstr(folder.printed, "cut off"));
	assert_string_equal(line_of(folder.printed, "    nat "),
		"    nat      3  *!  18.60  0.20   18.60    18.81 b  -0.21   -1.12  same     19.00    18.50        -");
	remove_folder(&folder);
}

/* Thirty suspect trials, then a failed one: it is among the ten remarks that a terminal gets. */
static void what_does_not_count_is_told_first(void **state)
{
	(void)state;
	struct folder folder;
	char records[16384] = "";

	for (int i = 1; i <= 31; i++)
		sprintf(records + strlen(records),
			"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":%d,\"attempt\":1,\"status\":\"%s\",\"reasons\":[],\"measures\":{\"receiver\":9.5}}\n",
			i, i < 31 ? "suspect" : "failed");
	succeed(&folder, &experiment, records);
	assert_non_null(
		strstr(folder.printed, "repeat 31, attempt 1: failed (not counted): no reason recorded"));
	assert_non_null(strstr(folder.printed, "repeat 9, attempt 1: suspect"));
	assert_null(strstr(folder.printed, "repeat 10, attempt 1: suspect"));
	assert_non_null(strstr(folder.printed, "and 21 more: scorecard.md"));
	char *scorecard = get(&folder, "scorecard.md");
	assert_non_null(strstr(scorecard, "repeat 30, attempt 1: suspect"));
	free(scorecard);
	remove_folder(&folder);
}

static void a_torn_line_is_left_out_and_told(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, TCP("1", "9.5") "{\"configuration\":\"clean\",\"proced");
	assert_non_null(strstr(folder.printed, "the last line of trials.jsonl was cut off"));
	csv_line(&folder, "summary.csv", "clean,tcp",
		"clean,tcp,1,9.5,,9.5,9.55,-0.52356,9.5,9.5,,,10,,1.5,0,0,0,a.csv,0,60,-0.05,,9.5,9.5,,,,,");
	remove_folder(&folder);
}

static void no_trial_at_all(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, "");
	csv_line(
		&folder, "summary.csv", "clean,tcp", "clean,tcp,0,,,,9.55,,,,,,,,,0,0,0,a.csv,0,60,,,,,,,,,");
	assert_null(strstr(folder.printed, "bytes a subflow"));
	remove_folder(&folder);
}

static void optional_procedures_show_with_records(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment,
		"{\"configuration\":\"loss-1\",\"procedure\":\"encrypted\",\"repeat\":1,\"attempt\":1,\"status\":\"failed\",\"reasons\":[\"one\",\"two\"],\"measures\":{}}\n"
		"{\"configuration\":\"clean\",\"procedure\":\"encrypted\",\"repeat\":1,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"sender\":4}}\n");
	csv_line(&folder, "summary.csv", "loss-1,encrypted",
		"loss-1,encrypted,0,,,,,,,,,,,,,0,0,1,,,,,,,,,,,,");
	/* Recorded as valid, but without a figure: it does not vanish. */
	csv_line(&folder, "summary.csv", "clean,encrypted",
		"clean,encrypted,0,,,,18.30,,,,,,,,,0,0,1,a.csv,,,,,,,,,,,");
	assert_non_null(strstr(folder.printed, "failed (not counted): one; two"));
	assert_non_null(strstr(folder.printed, "recorded as valid without its measure `receiver`"));
	remove_folder(&folder);
}

static void nothing_published_nothing_captured(void **state)
{
	(void)state;
	struct procedure plain[] = {{.name = "end-to-end"}, {.name = "tcp"}};
	struct experiment bare = {.path = "bare.yaml",
		.name = "bare",
		.configurations = configurations,
		.configurations_count = 1,
		.procedures = plain,
		.procedures_count = 2,
		.measures = measures,
		.measures_count = 1};
	struct folder folder;

	succeed(&folder, &bare, TCP("1", "9.5") TCP("2", "9.7"));
	assert_null(strstr(folder.printed, "published"));
	assert_null(strstr(folder.printed, "overhead"));
	csv_line(&folder, "summary.csv", "clean,end-to-end", "clean,end-to-end,0,,,,,,,,,,0,0,0,,,,,,,,,,,,");
	assert_string_equal(line_of(folder.printed, "  tcp"), "  tcp         2  9.60  0.14    9.60");
	remove_folder(&folder);
}

static void refused(const char *records, const char *expected)
{
	char *error = NULL, whole[256];
	struct folder folder;

	make_folder(&folder, records);
	assert_int_equal(make(&folder, &experiment, &error), -1);
	assert_non_null(error);
	snprintf(whole, sizeof whole, "%s/%s", folder.path, expected);
	assert_string_equal(error, whole);
	assert_int_equal(folder.printed_size, 0);
	free(error);
	char path[128];
	snprintf(path, sizeof path, "%s/summary.csv", folder.path);
	assert_int_equal(access(path, F_OK), -1);
	remove_folder(&folder);
}

static void faults_name_file_and_line(void **state)
{
	(void)state;
	refused(NULL, "trials.jsonl: No such file or directory; name a folder results/EXPERIMENT/TIME");
	refused("[]\n", "trials.jsonl:1: not a record: a JSON object is expected");
	refused(TCP("1", "9.5") "{}\n",
		"trials.jsonl:2: no `configuration` in the record; the file was not written by this program");
	refused("{\"configuration\":\"clean\",\"procedure\":\"quic\",\"status\":\"valid\"}\n",
		"trials.jsonl:1: procedure `quic` is not in test.yaml; read the folder with its own experiment.yaml");
	refused("{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"status\":\"fine\"}\n",
		"trials.jsonl:1: status `fine`; known: valid, suspect, invalid, failed");
	refused("{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"status\":\"valid\",\"repeat\":\"1\"}\n",
		"trials.jsonl:1: no whole number `repeat` in the record");
}

/* A disk was full, say: what can be read is read, and what is left out is told. */
static void broken_lines_in_the_middle_are_left_out_and_told(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment,
		TCP("1", "9.5") "{\"configuration\":\n[]\n" TCP("2", "9.5") "{\"configuration\":{\"conf" TCP(
			"3", "1.5") TCP("3", "9.5"));
	assert_non_null(
		strstr(folder.printed, "3 lines of trials.jsonl are no records (the first is line 2)"));
	csv_line(&folder, "summary.csv", "clean,tcp",
		"clean,tcp,3,9.5,0,9.5,9.55,-0.52356,9.5,9.5,9.5,9.5,10,,1.5,0,0,0,a.csv,0,60,-0.05,lower,9.5,9.5,,,,,");
	char *page = get(&folder, "report.html");
	assert_non_null(strstr(page, "3 lines of trials.jsonl are no records (the first is line 2)"));
	free(page);
	remove_folder(&folder);
}

/* Made again over the first: replaced whole, and nothing left beside. */
static void made_again(void **state)
{
	(void)state;
	struct folder folder;
	char *error = NULL;
	size_t count = 0;

	succeed(&folder, &experiment, usual);
	char *first = get(&folder, "scorecard.md");
	free(folder.printed);
	assert_int_equal(make(&folder, &experiment, &error), 0);
	char *second = get(&folder, "scorecard.md");
	assert_string_equal(first, second);
	assert_non_null(strstr(
		first, "| nat | 3 | *! | 18.60 | 18.40 to 18.80 | 0.20 | 18.60 | 18.81 b | - | -0.21 |"));
	DIR *directory = opendir(folder.path);
	while (readdir(directory))
		count++;
	closedir(directory);
	assert_int_equal(count, 2 + 4 + 6); /* . and .., three tables and the records, six files */
	free(first);
	free(second);
	remove_folder(&folder);
}

static void measures_that_do_not_fit_are_told(void **state)
{
	(void)state;
	struct measure many[20];
	char names[20][16];
	struct experiment wide = experiment;
	struct folder folder;

	for (size_t i = 0; i < COUNT(many); i++) {
		snprintf(names[i], sizeof names[i], "measure%zu", i);
		many[i] = (struct measure){.name = i ? names[i] : "receiver", .unit = "mbps"};
	}
	wide.measures = many;
	wide.measures_count = COUNT(many);
	succeed(&folder, &wide, usual);
	for (const char *line = folder.printed; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= TABLE_WIDTH);
	assert_non_null(strstr(folder.printed, "measure1"));
	assert_null(strstr(folder.printed, "measure19"));
	assert_non_null(strstr(folder.printed, "for which a line has no room: summary.csv"));
	remove_folder(&folder);
}

static void long_texts_are_broken_and_cut(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char words[400] = "";

	for (int i = 0; i < 30; i++)
		strcat(words, "word-ten-\xc3\xa9 ");
	table_text(out, "  a: ", words);
	struct table *table = table_new();
	table_column(table, "head", false, false);
	table_column(table, "n", true, false);
	table_row(table);
	table_cell(table, "%0100d", 0);
	table_number(table, NAN, 2, false);
	assert_int_equal(table_print(table, out, false), 0);
	table_cell(table, "one too many");
	assert_int_equal(table_print(table, out, false), -1);
	table_free(table);
	fclose(out);
	size_t lines = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
		assert_true(places(line) <= TABLE_WIDTH);
	assert_int_equal(lines, 4 + 2); /* nine words a line, then the table */
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_last_attempts_count),
		cmocka_unit_test(summary_file),
		cmocka_unit_test(subflow_file),
		cmocka_unit_test(tables_for_people),
		cmocka_unit_test(what_does_not_count_is_told_first),
		cmocka_unit_test(a_torn_line_is_left_out_and_told),
		cmocka_unit_test(no_trial_at_all),
		cmocka_unit_test(optional_procedures_show_with_records),
		cmocka_unit_test(nothing_published_nothing_captured),
		cmocka_unit_test(faults_name_file_and_line),
		cmocka_unit_test(broken_lines_in_the_middle_are_left_out_and_told),
		cmocka_unit_test(made_again),
		cmocka_unit_test(measures_that_do_not_fit_are_told),
		cmocka_unit_test(long_texts_are_broken_and_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
