/* The random number generator beside its reference implementation; draws by counter and by step. */
#include "lib/base/draw.h"
#include "tests/unit/check.h"

/* First outputs for the seed 1234567 of the reference implementation (S. Vigna, in the public domain). */
static void reference(void **state)
{
	(void)state;
	uint64_t seed = 1234567;

	assert_true(draw_next(&seed) == 6457827717110365317u);
	assert_true(draw_next(&seed) == 3203168211198807973u);
	assert_true(draw_next(&seed) == 9817491932198370423u);
}

/* A key is a place in the sequence, a number the steps from there: the two ways to draw are one generator. */
static void by_counter_as_by_step(void **state)
{
	(void)state;
	uint64_t key = draw_key(42, 3, 1), step = key;

	for (uint64_t number = 1; number < 1000; number++)
		assert_true(draw_number(key, number) == draw_next(&step) >> (64 - DRAW_BITS));
	assert_true(draw_key(42, 3, 2) != key);
	assert_true(draw_key(42, 4, 1) != key);
	assert_true(draw_key(43, 3, 1) != key);
}

/* 100,000 draws: the mean of uniform ones is within 5 standard errors (1 / sqrt(12 n)) of the middle, and each of ten
 * numbers comes up within 5 of its (sqrt(n p (1 - p)) = 95) of 10,000 times. */
static void uniform(void **state)
{
	(void)state;
	uint64_t fractions = 1, numbers = 2;
	unsigned count[10] = {0};
	double sum = 0;

	for (int i = 0; i < 100000; i++) {
		double u = draw_uniform(&fractions);
		uint64_t below = draw_below(&numbers, 10);
		assert_true(u >= 0 && u < 1);
		assert_true(below < 10);
		sum += u;
		count[below]++;
	}
	assert_true(sum / 100000 > 0.5 - 0.0046 && sum / 100000 < 0.5 + 0.0046);
	for (int i = 0; i < 10; i++)
		assert_in_range(count[i], 10000 - 475, 10000 + 475);
	assert_int_equal(draw_below(&numbers, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference),
		cmocka_unit_test(by_counter_as_by_step),
		cmocka_unit_test(uniform),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
