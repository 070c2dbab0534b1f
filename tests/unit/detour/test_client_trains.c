/* Trains of probes: what their arrivals say of a route. */
#include "nodes/detour/client/trains.h"
#include "tests/unit/check.h"

#define MS 1000000LL
#define MBIT 125000.0 /* bytes a second */

static bool near(double a, double b)
{
	return a > 0.999 * b && a < 1.001 * b;
}

static void a_train_says_the_rate_of_the_narrowest_link(void **state)
{
	(void)state;
	struct trains t = {0};
	assert_true(trains_worth(&t, 20 * MS) <= 0); /* not known */
	/* Five frames of 1,514 bytes behind the first, in 6.056 ms: 10 Mbit/s, of which 1,424 of 1,514 bytes are a program's. */
	trains_answered(&t, 6, 6, 6056000, 1514, false);
	assert_true(near(t.rate / MBIT, 10));
	assert_true(near(trains_worth(&t, 20 * MS) / MBIT, 10.0 * 1424 / 1514));
	/* What was lost before the narrow link took no time of it. */
	trains_answered(&t, 6, 4, 6056000 * 3 / 5, 1514, false);
	assert_true(near(t.rate / MBIT, 10));
}

static void loss_bounds_what_a_fast_route_is_worth(void **state)
{
	(void)state;
	struct trains t = {0};
	for (int i = 0; i < 100; i++)
		trains_answered(&t, 6, i % 17 ? 6 : 5, i % 17 ? 757 * 5000 / 5 : 757 * 4000 / 5, 1514,
			false); /* 80 Mbit/s, 1 % */
	assert_true(trains_loss(&t) > 0.004 && trains_loss(&t) < 0.02);
	double worth = trains_worth(&t, 20 * MS);
	assert_true(worth > 2 * MBIT && worth < 6 * MBIT);
	assert_true(trains_worth(&t, 40 * MS) < 0.51 * worth);
	assert_true(trains_worth(&t, 0) > 70 * MBIT); /* nothing is known of its round trip */
	/* Small ones tell more of loss, and nothing of the rate. */
	double before = trains_loss(&t), rate = t.rate;
	trains_counted(&t, 24, 20, false);
	assert_true(trains_loss(&t) > 1.5 * before && near(t.rate, rate));
	before = trains_loss(&t);
	trains_counted(&t, 24, 0, true);   /* of a route that we fill */
	trains_counted(&t, 24, 25, false); /* of a detour that cannot count */
	assert_true(near(trains_loss(&t), before));
	/* Another rate is another time: the losses before it do not count. */
	trains_answered(&t, 6, 6, 757 * 5000, 1514, false);
	assert_true(trains_loss(&t) <= 0);
	assert_true(near(t.rate / MBIT, 16));
}

static void silence_says_that_nothing_passes(void **state)
{
	(void)state;
	struct trains t = {0};
	for (int i = 0; i < TRAINS_SILENT; i++) {
		assert_false(trains_are_silent(&t));
		trains_missed(&t, false);
	}
	assert_true(trains_are_silent(&t));
	trains_answered(&t, 6, 6, 5 * MS, 1514, false);
	assert_false(trains_are_silent(&t));
}

static void what_no_honest_detour_says_is_not_taken(void **state)
{
	(void)state;
	struct trains t = {0};
	trains_answered(&t, 6, 7, 5 * MS, 1514, false);
	trains_answered(&t, 6, 6, 0, 1514, false);
	trains_answered(&t, 6, 6, -1, 1514, false);
	trains_answered(&t, 6, 1, 5 * MS, 1514, false);
	trains_answered(&t, 6, 6, INT64_MAX, 1514, false);
	assert_true(t.rate <= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_train_says_the_rate_of_the_narrowest_link),
		cmocka_unit_test(loss_bounds_what_a_fast_route_is_worth),
		cmocka_unit_test(silence_says_that_nothing_passes),
		cmocka_unit_test(what_no_honest_detour_says_is_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
