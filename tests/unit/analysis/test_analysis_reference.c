/* Unit: the captures of the published trials: the bytes of the data connection's two subflows, client to
 * server, equal Table 2 of the thesis to the byte. Skipped where ../shared/reference is absent. */
#include "analysis/analysis.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFERENCE "../shared/reference/"

/* How the captures name the configurations. */
static const struct {
	const char *configuration, *capture;
} names[] = {
	{"core-limited", "easy"},
	{"core-limited-loss-1", "lossy"},
	{"core-limited-delay-100", "delayed"},
	{"symmetric", "sym"},
	{"symmetric-loss-1", "sym_lossy"},
	{"symmetric-delay-100", "sym_delayed"},
};

static json_int_t bytes_of(const json_t *connection, size_t index)
{
	const json_t *subflow = json_array_get(json_object_get(connection, "subflows"), index);
	return json_integer_value(json_object_get(json_object_get(subflow, "forward"), "unique_bytes"));
}

/* The data connection is the one that carries more than the control connection. */
static const json_t *data_connection(const json_t *result)
{
	const json_t *file = json_array_get(json_object_get(result, "files"), 0), *connection,
		     *largest = NULL;
	size_t i;
	json_array_foreach(json_object_get(file, "connections"), i, connection)
		if (!largest || bytes_of(connection, 0) + bytes_of(connection, 1) >
					bytes_of(largest, 0) + bytes_of(largest, 1))
			largest = connection;
	return largest;
}

static void check_capture(
	const char *configuration, const char *procedure, json_int_t first, json_int_t second)
{
	const struct analysis_options options = {0};
	const char *capture = NULL;
	char path[256], *error = NULL;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].configuration, configuration) == 0)
			capture = names[i].capture;
	assert_non_null(capture);
	snprintf(path, sizeof path, REFERENCE "captures/%s.%s.mptcp.pcap", capture, procedure);
	const char *one = path;
	json_t *result = analysis_run(&one, 1, &options, &error);
	if (!result)
		fail_msg("%s", error);
	const json_t *connection = data_connection(result);
	assert_string_equal(json_string_value(json_object_get(connection, "protocol")), "mptcp");
	assert_int_equal(json_integer_value(json_object_get(connection, "version")), 0);
	assert_false(json_is_true(json_object_get(connection, "fallback")));
	assert_int_equal(bytes_of(connection, 0), first);
	assert_int_equal(bytes_of(connection, 1), second);
	json_decref(result);
}

static void test_table_2(void **state)
{
	(void)state;
	FILE *table = fopen(REFERENCE "thesis-table2.csv", "r");
	char line[256], configuration[64], procedure[16];
	long long first, second;
	unsigned captures = 0;
	if (!table) {
		print_message("skipped: " REFERENCE "thesis-table2.csv is not here\n");
		skip();
	}
	while (fgets(line, sizeof line, table)) {
		if (sscanf(line, "%63[^,#],%15[^,],%lld,%lld", configuration, procedure, &first, &second) !=
			4)
			continue;
		check_capture(configuration, procedure, first, second);
		captures++;
	}
	fclose(table);
	assert_int_equal(captures, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table_2)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
