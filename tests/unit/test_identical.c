/* Identical: two runs' trials are the same to the byte, or what differs first is named; what is the host's is left out. */
#include "harness/record/identical.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char then[64], now[64];

static void put(const char *run, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", run, name);
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* A run of one trial, which wrote its own folder's name. */
static void run_folder(char path[64], const char *cpu_s, const char *goodput)
{
	char text[512];
	strcpy(path, "/tmp/test-identical-XXXXXX");
	assert_non_null(mkdtemp(path));
	snprintf(text, sizeof text, "%s/trials", path);
	mkdir(text, 0755);
	snprintf(text, sizeof text, "%s/trials/0001-net-tcp-1", path);
	mkdir(text, 0755);
	snprintf(text, sizeof text,
		"{\"trial\":1,\"configuration\":\"net\",\"procedure\":\"tcp\",\"repeat\":1,\"attempt\":1,"
		"\"cpu_s\":%s,\"measures\":{\"goodput\":%s}}\n",
		cpu_s, goodput);
	put(path, "trials.jsonl", text);
	snprintf(text, sizeof text, "reads %s/trials/0001-net-tcp-1/a\n", path);
	put(path, "trials/0001-net-tcp-1/client.log", text);
	put(path, "trials/0001-net-tcp-1/kernel.log", cpu_s);
}

static int set_up(void **state)
{
	(void)state;
	run_folder(then, "1.5", "9.41");
	run_folder(now, "2.5", "9.41");
	return 0;
}

static int tear_down(void **state)
{
	char command[256];
	(void)state;
	snprintf(command, sizeof command, "rm -r %s %s", then, now);
	return system(command);
}

static struct identical compared(void)
{
	struct identical found;
	char *error = NULL;
	assert_int_equal(identical_runs(then, now, &found, &error), 0);
	assert_null(error);
	return found;
}

static void the_host_and_the_folders_name_do_not_count(void **state)
{
	(void)state;
	struct identical found = compared();
	assert_int_equal(found.trials, 1);
	assert_int_equal(found.same, 1);
	assert_string_equal(found.first, "");
}

static void a_measure_that_differs_is_named(void **state)
{
	(void)state;
	put(now, "trials.jsonl",
		"{\"trial\":1,\"configuration\":\"net\",\"procedure\":\"tcp\",\"repeat\":1,\"attempt\":1,"
		"\"measures\":{\"goodput\":9.42}}\n");
	struct identical found = compared();
	assert_int_equal(found.same, 0);
	assert_string_equal(found.first, "0001-net-tcp-1: `measures` of its record");
}

static void a_file_that_differs_is_named(void **state)
{
	(void)state;
	put(now, "trials/0001-net-tcp-1/client.log", "reads another\n");
	struct identical found = compared();
	assert_int_equal(found.same, 0);
	assert_string_equal(found.first, "0001-net-tcp-1: client.log");
}

static void a_file_that_only_one_has_is_named_whichever_it_is(void **state)
{
	(void)state;
	put(now, "trials/0001-net-tcp-1/more", "");
	assert_string_equal(compared().first, "0001-net-tcp-1: more");
	char both[64];
	strcpy(both, then);
	strcpy(then, now);
	strcpy(now, both);
	assert_string_equal(compared().first, "0001-net-tcp-1: more");
}

static void a_trial_that_one_lacks_is_counted(void **state)
{
	(void)state;
	put(now, "trials.jsonl", "");
	struct identical found = compared();
	assert_int_equal(found.trials, 0);
	assert_int_equal(found.missing, 1);
}

static void a_folder_without_records_is_an_error(void **state)
{
	struct identical found;
	char *error = NULL;
	(void)state;
	assert_int_equal(identical_runs(then, "/nonexistent", &found, &error), -1);
	assert_non_null(strstr(error, "/nonexistent/trials.jsonl"));
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_host_and_the_folders_name_do_not_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_measure_that_differs_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_differs_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_file_that_only_one_has_is_named_whichever_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_trial_that_one_lacks_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_folder_without_records_is_an_error, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
