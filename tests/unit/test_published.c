/* The reader of published tables, and the tables of data/ themselves (run from the project's folder). */
#include "harness/cells/published.c"
#include "tests/unit/check.h"

static struct published_table *parse(const char *text, char **error)
{
	return published_parse("t.csv", text, strlen(text), error);
}

static void refused(const char *text, const char *expected)
{
	char *error = NULL;

	assert_null(parse(text, &error));
	assert_non_null(error);
	assert_string_equal(error, expected);
	free(error);
}

static void finds_rows_and_columns(void **state)
{
	(void)state;
	char *error = NULL;
	double value = -1;
	struct published_table *table =
		parse("#  Some, source.\n# more\n\nconfiguration, a ,a_sd\r\nx,18.30,\ny,-1000,0.5", &error);

	assert_non_null(table);
	assert_string_equal(published_source(table), "Some, source.");
	int a = published_column(table, "a", &error), sd = published_column(table, "a_sd", &error);
	assert_int_equal(a, 1);
	assert_int_equal(published_row(table, "x", "whatever"), 0);
	assert_int_equal(published_row(table, "z", NULL), -1);
	assert_int_equal(published_number(table, 0, a, &value, &error), 1);
	assert_true(value == 18.30);
	assert_string_equal(published_text(table, 0, a), "18.30");
	assert_int_equal(published_number(table, 0, sd, &value, &error), 0);
	assert_int_equal(published_number(table, 1, sd, &value, &error), 1);
	assert_true(value == 0.5);
	assert_null(error);
	published_free(table);
}

static void finds_rows_by_procedure_too(void **state)
{
	(void)state;
	char *error = NULL;
	struct published_table *table = parse("configuration,procedure,b\nx,nat,1\nx,vpn,2\n", &error);

	assert_int_equal(published_row(table, "x", "vpn"), 1);
	assert_int_equal(published_row(table, "x", "tcp"), -1);
	assert_int_equal(published_row(table, "x", NULL), -1);
	assert_string_equal(published_source(table), "");
	published_free(table);
}

static void names_line_and_remedy(void **state)
{
	(void)state;
	char *error = NULL;
	double value;

	refused("", "t.csv:1: no line of column names");
	refused("# only\n", "t.csv:2: no line of column names");
	refused("#\nname,a\n", "t.csv:2: no column `configuration`; rows are found by it");
	refused("configuration,a,a\n", "t.csv:1: two columns named a");
	refused("configuration,,a\n", "t.csv:1: column 2 has no name");
	refused("configuration,a\nx\n", "t.csv:2: 1 cells, but the header (line 1) has 2");
	refused("configuration,a\nx,1,2\n", "t.csv:2: 3 cells, but the header (line 1) has 2");
	refused("configuration,a\nx,1\ny,2\nx,3\n",
		"t.csv:4: the row of line 2 again; a row is found by its name, keep one");
	refused("configuration,a\n\"x\",1\n",
		"t.csv:2: a quotation mark; write cells bare, without commas in them");
	assert_null(published_parse("t.csv", "a\0b", 3, &error));
	assert_string_equal(error, "t.csv: a zero byte; this is not a CSV file");
	struct published_table *table = parse("configuration,a\nx,nine\ny,inf\n", &error);
	assert_int_equal(published_column(table, "b", &error), -1);
	assert_string_equal(error, "t.csv:1: no column `b`; it has configuration, a");
	assert_int_equal(published_number(table, 0, 1, &value, &error), -1);
	assert_string_equal(error,
		"t.csv:2: column a is `nine`, not a number; leave it empty when nothing was published");
	assert_int_equal(published_number(table, 1, 1, &value, &error), -1);
	published_free(table);
	assert_null(published_load("/nonexistent/t.csv", &error));
	assert_non_null(strstr(error, "/nonexistent/t.csv: No such file"));
	free(error);
}

static double value_of(const struct published_table *table, const char *configuration, const char *procedure,
	const char *column)
{
	char *error = NULL;
	double value = -1;
	int row = published_row(table, configuration, procedure),
	    at = published_column(table, column, &error);

	assert_true(row >= 0 && at >= 0);
	assert_int_equal(published_number(table, row, at, &value, &error), 1);
	return value;
}

static void every_cell_is_a_number(const struct published_table *table)
{
	char *error = NULL;
	double value;

	for (int row = 0; row < (int)table->rows_count; row++)
		for (int column = table->procedure < 0 ? 1 : 2; column < (int)table->columns; column++)
			assert_int_equal(published_number(table, row, column, &value, &error), 1);
}

static void the_project_s_tables(void **state)
{
	(void)state;
	char *error = NULL;
	struct published_table *one = published_load("data/detour/thesis-table1.csv", &error);
	struct published_table *two = published_load("data/detour/thesis-table2.csv", &error);
	struct published_table *rerun = published_load("data/detour/thesis-rerun-2018.csv", &error);

	if (!one || !two || !rerun)
		fail_msg("%s", error);
	assert_int_equal(one->rows_count, 16);
	assert_int_equal(two->rows_count, 12);
	assert_int_equal(rerun->rows_count, 6);
	every_cell_is_a_number(one);
	every_cell_is_a_number(two);
	every_cell_is_a_number(rerun);
	assert_true(value_of(one, "core-limited", NULL, "nat") == 18.81);
	assert_true(value_of(one, "symmetric-delay-100", NULL, "tcp-vpn_sd") == 0.03);
	assert_true(value_of(two, "core-limited", "vpn", "bytes_detour") == 9446808);
	assert_true(value_of(rerun, "core-limited", NULL, "vpn") == 18.56);
	assert_true(value_of(rerun, "core-limited-delay-100", NULL, "vpn_sd") == 0.11);
	for (size_t i = 0; i < one->columns;
		i++) /* the same form: an experiment changes from one to the other by name */
		assert_string_equal(one->header.cells[i], rerun->header.cells[i]);
	published_free(one);
	published_free(two);
	published_free(rerun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_rows_and_columns),
		cmocka_unit_test(finds_rows_by_procedure_too),
		cmocka_unit_test(names_line_and_remedy),
		cmocka_unit_test(the_project_s_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
