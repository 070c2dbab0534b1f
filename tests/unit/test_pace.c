/* Pace: the limit climbs while trials are clean, to what processors and memory allow; a strained trial lowers
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness/pace.c"

static void clean_rounds(struct pace *pace, double load, int trials)
{
	for (int i = 0; i < trials; i++)
		pace_ended(pace, 10, 10 * load, false, pace->limit);
}

static void it_climbs_to_the_budget(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000);
	assert_int_equal(pace.limit, 2);
	clean_rounds(&pace, 0.125, 200);
	assert_int_equal(pace.limit, (unsigned)(PACE_BUDGET * 2 / 0.125));
}

static void memory_is_a_limit(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 3 * PACE_MEMORY_MIB + 10);
	clean_rounds(&pace, 0.01, 500);
	assert_int_equal(pace.limit, 3);
	pace_init(&pace, 8, 10);
	assert_int_equal(pace.limit, 1);
}

static void without_costs_it_stays(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 4, 24000);
	clean_rounds(&pace, 0, 100);
	assert_int_equal(pace.limit, 4);
}

static void strain_lowers_it_and_is_remembered(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000);
	clean_rounds(&pace, 0.1, 200);
	unsigned high = pace.limit;
	assert_true(pace_ended(&pace, 10, 1, true, high));
	assert_int_equal(pace.limit, high * 3 / 4);
	clean_rounds(&pace, 0.1, (int)high * 2);
	assert_true(pace.limit < high);
	clean_rounds(&pace, 0.1, (int)high * 20 * ROUNDS_BEFORE_RETRY);
	assert_int_equal(pace.limit, high);
}

static void a_trial_of_another_limit_proves_nothing(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000);
	assert_false(pace_ended(&pace, 10, 1, true, 5));
	assert_int_equal(pace.limit, 2);
	for (int i = 0; i < 10; i++)
		assert_false(pace_ended(&pace, 10, 1, false, 1));
}

static void it_never_leaves_its_range(void **state)
{
	(void)state;
	struct pace pace;
	uint32_t random = 1;
	pace_init(&pace, 2, 24000);
	for (int i = 0; i < 100000; i++) {
		random = random * 1664525 + 1013904223;
		pace_ended(&pace, 10, (random >> 8 & 255) / 100.0, (random >> 16 & 15) == 0, pace.limit);
		assert_in_range(pace.limit, 1, PACE_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_climbs_to_the_budget),
		cmocka_unit_test(memory_is_a_limit), cmocka_unit_test(without_costs_it_stays),
		cmocka_unit_test(strain_lowers_it_and_is_remembered),
		cmocka_unit_test(a_trial_of_another_limit_proves_nothing),
		cmocka_unit_test(it_never_leaves_its_range)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
