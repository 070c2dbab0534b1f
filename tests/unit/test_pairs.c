/* Pairs: what falls out by comparing within blocks, and what the sign test says. */
#include "harness/record/pairs.h"
#include "tests/unit/check.h"
#include <math.h>

/* Capacity drifts by a factor of three; the one has 0.95 of the other in every block. */
static void drift_falls_out(void **state)
{
	(void)state;
	const double against[] = {100, 150, 200, 250, 300, 120, 180, 240, 260, 110};
	double of[10];
	struct pairs p;
	for (int i = 0; i < 10; i++)
		of[i] = 0.95 * against[i];
	assert_int_equal(pairs_compare(of, against, 10, 1, &p), 0);
	assert_true(
		fabs(p.ratio - 0.95) < 1e-12 && fabs(p.low - 0.95) < 1e-12 && fabs(p.high - 0.95) < 1e-12);
	assert_int_equal(p.n, 10);
	assert_int_equal(p.less, 10);
	assert_int_equal(p.more, 0);
	assert_true(fabs(p.p - 2.0 / 1024) < 1e-12); /* all ten on one side */
	assert_true(fabs(p.median + 9.5) < 1e-9); /* of -5, -5.5, -6, -7.5, -9, -10, -12, -12.5, -13, -15 */
}

static void nothing_to_tell(void **state)
{
	(void)state;
	const double of[] = {1, 3, 2, 2}, against[] = {2, 2, 2, 2};
	struct pairs p, again;
	assert_int_equal(pairs_compare(of, against, 4, 1, &p), 0);
	assert_int_equal(p.more, 1);
	assert_int_equal(p.less, 1); /* ties are no signs */
	assert_true(p.p == 1);
	assert_true(p.low < 1 && p.high > 1);
	assert_int_equal(pairs_compare(of, against, 4, 1, &again), 0);
	assert_true(p.low == again.low && p.high == again.high);
}

static void too_few(void **state)
{
	(void)state;
	const double of[] = {5}, against[] = {4}, nothing[] = {0};
	struct pairs p;
	assert_int_equal(pairs_compare(of, against, 1, 1, &p), 0);
	assert_true(p.ratio == 1.25 && isnan(p.low) && isnan(p.high) && p.p == 1);
	assert_int_equal(pairs_compare(of, against, 0, 1, &p), 0);
	assert_true(isnan(p.ratio) && isnan(p.p) && p.n == 0);
	assert_int_equal(pairs_compare(of, nothing, 1, 1, &p), 0);
	assert_true(isnan(p.ratio));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(drift_falls_out),
		cmocka_unit_test(nothing_to_tell), cmocka_unit_test(too_few)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
