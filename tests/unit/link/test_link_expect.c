/* When packets should have come out of a link: beside Lindley's recursion, which is all that a pipe does. */
#include "lib/link/expect.h"

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include "tests/unit/check.h"
#include <math.h>

#define PACKETS 1000

static void a_few_by_hand(void **state)
{
	(void)state;
	/* 1000 bytes at 8 Mbit/s are a millisecond. The third comes when the link is free; the fourth says that it came
	 * before the third, and waits for it. */
	const struct shape shape = {.rate_bps = 8000000,
		.delay_ns = 5 * NS_PER_MS,
		.jitter_ns = NS_PER_MS,
		.queue_packets = 1,
		.loss = 1};
	const int64_t epoch = 1790000000 * NS_PER_S,
		      offered[] = {epoch, epoch + 1, epoch + 9 * NS_PER_MS, epoch + 8 * NS_PER_MS},
		      out[] = {6 * NS_PER_MS, 7 * NS_PER_MS, 15 * NS_PER_MS, 16 * NS_PER_MS};
	int64_t departures[4];
	assert_int_equal(link_expect(&shape, 1000, offered, 4, departures, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(departures[i], epoch + out[i]);
	/* 1 packet may wait. */
	assert_int_equal(link_longest_ns(&shape, 1000), 7 * NS_PER_MS);
	assert_true(link_serialisation_ns(&shape, 1000) == 1e6);
	assert_int_equal(link_expect(&shape, 1000, NULL, 0, NULL, NULL), 0);
}

static void without_a_rate_nothing_waits(void **state)
{
	(void)state;
	const struct shape shape = {.delay_ns = 7, .queue_packets = 100};
	const int64_t offered[] = {1, 1, 2};
	int64_t departures[3];
	assert_int_equal(link_expect(&shape, 1514, offered, 3, departures, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(departures[i], offered[i] + 7);
	assert_true(link_serialisation_ns(&shape, 1514) == 0);
	assert_int_equal(link_longest_ns(&shape, 1514), 7);
}

/* Fractions of a nanosecond are carried: after a thousand packets of 3 Mbit/s it is still right to the last one. */
static void no_fraction_is_lost(void **state)
{
	(void)state;
	uint64_t random = 9;
	for (unsigned round = 0; round < 50; round++) {
		const struct shape shape = {
			.rate_bps = 1000000 + draw_below(&random, 100000000), .delay_ns = 5};
		static int64_t offered[PACKETS], departures[PACKETS];
		double serial = 1514 * 8e9 / (double)shape.rate_bps, free_ns = 0;
		int64_t now = 0;
		for (int i = 0; i < PACKETS; i++)
			offered[i] = now += (int64_t)(draw_uniform(&random) * 1.9 * serial);
		assert_int_equal(link_expect(&shape, 1514, offered, PACKETS, departures, NULL), 0);
		for (int i = 0; i < PACKETS; i++) {
			free_ns = fmax(free_ns, (double)offered[i]) + serial;
			assert_true(fabs((double)departures[i] - free_ns - 5) < 1.1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_by_hand),
		cmocka_unit_test(without_a_rate_nothing_waits),
		cmocka_unit_test(no_fraction_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
