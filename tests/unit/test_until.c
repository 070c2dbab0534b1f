/* Until: when a cell has enough trials; what an environment's differences are. */
#include "tests/unit/check.h"
#include <stdlib.h>

#include "harness/record/differences.h"
#include "harness/record/stats.h"
#include "harness/run/until.h"
#include <math.h>

/* Half-widths by hand: t(0.975, 4) = 2.776445 (any table of Student's t). */
static void five_values_by_hand(void **state)
{
	(void)state;
	static const double values[] = {9.8, 9.9, 10.0, 10.1, 10.2}; /* mean 10, sd 0.158114 */
	const double half = 2.776445 * 0.158114 / 2.236068 / 10;     /* 1.963 % */
	struct until *wide = until_new(1, half * 1.001), *narrow = until_new(1, half * 0.999);
	for (int i = 0; i < 5; i++) {
		assert_false(until_met(wide, 0));
		until_add(wide, 0, values[i]);
		until_add(narrow, 0, values[i]);
	}
	assert_true(until_met(wide, 0));
	assert_false(until_met(narrow, 0));
	until_free(wide);
	until_free(narrow);
}

static void few_trials_are_never_enough(void **state)
{
	(void)state;
	struct until *until = until_new(2, 0.5);
	for (int i = 1; i < UNTIL_FIRST; i++)
		until_add(until, 1, 5);
	assert_false(until_met(until, 1));
	until_add(until, 1, NAN); /* no value is no trial */
	assert_false(until_met(until, 1));
	until_add(until, 1, 5);
	assert_true(until_met(until, 1));
	assert_false(until_met(until, 0));
	assert_false(until_met(NULL, 0));
	until_free(until);
}

static void its_words(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "ci", "ci=", "ci=0", "ci=0%", "ci=101%", "ci=-1%", "sd=1%", "ci=1%%", "ci=0.05"};
	double share;
	assert_int_equal(until_parse("ci=1%", &share), 0);
	assert_true(share > 0.00999 && share < 0.01001);
	assert_int_equal(until_parse("ci=5%", &share), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(until_parse(bad[i], &share), -1);
}

static void differences_are_named_by_path(void **state)
{
	(void)state;
	json_t *then = json_pack(
		"{s:{s:s, s:i}, s:s, s:s}", "kernel", "release", "6.1", "n", 2, "gone", "x", "same", "s");
	json_t *now = json_pack(
		"{s:{s:s, s:i}, s:s, s:n}", "kernel", "release", "6.18", "n", 2, "same", "s", "new");
	char *lines[2] = {0};
	assert_int_equal(differences_list(then, now, lines, 2), 2);
	assert_string_equal(lines[0], "kernel.release: 6.1 -> 6.18");
	assert_string_equal(lines[1], "gone: x -> nothing");
	assert_int_equal(differences_list(then, then, NULL, 0), 0);
	assert_int_equal(differences_list(NULL, now, NULL, 0), 3);
	free(lines[0]);
	free(lines[1]);
	json_decref(then);
	json_decref(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(five_values_by_hand),
		cmocka_unit_test(few_trials_are_never_enough), cmocka_unit_test(its_words),
		cmocka_unit_test(differences_are_named_by_path)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
