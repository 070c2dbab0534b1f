/* Shares of a front end, and the rules that they become. */
#include "nodes/steer/front/config.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct front_config *load(const char *text, char **error)
{
	char path[] = "/tmp/test_steer_front.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	struct front_config *config = front_config_load(path, error);
	unlink(path);
	return config;
}

static const char two[] = "address: 10.0.3.1\nservers:\n  - {name: a, address: 10.0.4.1, share: 30}\n"
			  "  - {name: b, address: 10.0.5.1, share: 20}\n";

static void shares_are_ranges_of_a_lot(void **state)
{
	(void)state;
	char *error = NULL;
	struct front_config *config = load(two, &error);
	assert_non_null(config);
	char *choice = front_choice(config);
	assert_non_null(strstr(choice, "numgen random mod 100 map { 0-29 : 10.0.4.1, 30-49 : 10.0.5.1 }"));
	free(choice);
	assert_int_equal(front_share(config, "a", 0, &error), 0);
	choice = front_choice(config);
	assert_non_null(strstr(choice, "map { 0-19 : 10.0.5.1 }"));
	free(choice);
	assert_int_equal(front_share(config, "b", 0, &error), 0);
	choice = front_choice(config);
	assert_null(strstr(choice, "numgen"));
	free(choice);
	front_config_free(config);
}

static void more_than_all_is_refused(void **state)
{
	(void)state;
	char *error = NULL;
	struct front_config *config = load(two, &error);
	assert_int_equal(front_share(config, "b", 71, &error), -1);
	assert_non_null(strstr(error, "101 %"));
	assert_int_equal(config->servers[1].share, 20); /* as it was */
	assert_int_equal(front_share(config, "b", 70, &error), 0);
	assert_int_equal(front_share(config, "c", 1, &error), -1);
	assert_non_null(strstr(error, "no server is called 'c'"));
	front_config_free(config);
	free(error);
}

static void who_stays_has_no_rule_to_leave(void **state)
{
	(void)state;
	char *error = NULL, text[400];
	struct front_config *config = load(two, &error);
	char *rules = front_rules(config);
	assert_non_null(strstr(rules, "ct bytes >= 20000 counter name resets reject with tcp reset"));
	free(rules);
	front_config_free(config);
	snprintf(text, sizeof text, "%srelease: keep\n", two);
	config = load(text, &error);
	rules = front_rules(config);
	assert_null(strstr(rules, "reject"));
	free(rules);
	front_config_free(config);
}

static void bad_files_are_refused_by_line(void **state)
{
	(void)state;
	static const char *const bad[][2] = {
		{"address: 10.0.3.1\n", "'servers' is missing"},
		{"address: 10.0.3.1\nservers: []\n", ":2: an empty list"},
		{"address: x\nservers: [{name: a, address: 10.0.4.1}]\n", ":1: "},
		{"address: 10.0.3.1\nservers: [{name: a, address: 10.0.4.1}, {name: a, address: 10.0.4.1}]\n",
			"two servers"},
		{"address: 10.0.3.1\nservers: [{name: a, address: 10.0.4.1, share: 101}]\n", ":2: "},
		{"address: 10.0.3.1\nrelease: never\nservers: [{name: a, address: 10.0.4.1}]\n", ":2: "},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_null(load(bad[i][0], &error));
		assert_non_null(strstr(error, bad[i][1]));
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_ranges_of_a_lot),
		cmocka_unit_test(more_than_all_is_refused),
		cmocka_unit_test(who_stays_has_no_rule_to_leave),
		cmocka_unit_test(bad_files_are_refused_by_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
