/* Slow start: it ends with growth, or with the first loss. */
#include "nodes/pooling/slow_start.h"
#include "tests/unit/check.h"

#define MS 1000000LL

/* Doubles each 100 ms from 10 to `most`, then stays; a sample each 10 ms, `count` of them. */
static size_t growing(struct window_sample *s, uint32_t most, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t cwnd = i / 10 < 10 ? 10u << (i / 10) : most;
		s[i] = (struct window_sample){(int64_t)i * 10 * MS, cwnd < most ? cwnd : most, 0};
	}
	return count;
}

static void growth_ends_it(void **state)
{
	struct window_sample s[400];
	(void)state;
	growing(s, 320, 400);
	assert_int_equal(slow_start_end(s, 400), 500 * MS);
	/* Growth of a twentieth is none. */
	for (size_t i = 60; i < 400; i++)
		s[i].cwnd = 336;
	assert_int_equal(slow_start_end(s, 400), 500 * MS);
	/* Half a second of rest is not enough. */
	growing(s, 320, 400);
	for (size_t i = 100; i < 400; i++)
		s[i].cwnd = 640;
	assert_int_equal(slow_start_end(s, 400), 1000 * MS);
}

static void the_first_loss_ends_it(void **state)
{
	struct window_sample s[400];
	(void)state;
	growing(s, 320, 400);
	for (size_t i = 33; i < 400; i++)
		s[i].retransmitted = 4;
	assert_int_equal(slow_start_end(s, 400), 330 * MS);
}

static void samples_that_end_too_early(void **state)
{
	struct window_sample s[400];
	(void)state;
	growing(s, 320, 400);
	assert_int_equal(slow_start_end(s, 149), -1);
	assert_int_equal(slow_start_end(s, 151), 500 * MS);
	assert_int_equal(slow_start_end(s, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_ends_it),
		cmocka_unit_test(the_first_loss_ends_it),
		cmocka_unit_test(samples_that_end_too_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
