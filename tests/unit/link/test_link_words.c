/* The words that describe a direction of a link: they go round, add to others, and are refused where they are wrong. */
#include "lib/base/units.h"
#include "lib/link/shape.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

static void read_text(const char *text, struct shape *shape, char **error)
{
	struct conf *conf = conf_parse("t.yaml", text, strlen(text), error);
	assert_non_null(conf);
	*error = NULL;
	if (shape_read(conf_root(conf), shape, error) == 0)
		shape_check(conf_root(conf), shape, error);
	conf_free(conf);
}

static void words_go_round(void **state)
{
	(void)state;
	static const char *const texts[] = {"{}", "{rate: 10Mbit/s, delay: 5ms, loss: 1%, queue: 100}",
		"{delay: 20ms, jitter: {spread: 3ms, distribution: normal, reorder: true}}",
		"{loss: {gilbert-elliott: {to_bad: 1%, to_good: 25%, good: 0.1%, bad: 60%}}}",
		"{loss: {every: 50}}",
		"{queue: {packets: 200, discipline: codel, target: 4ms, interval: 80ms, ecn: true}}",
		"{queue: {bytes: 64KiB, discipline: drop-head, mark_beyond: 20}, duplicate: 1%, corrupt: 0.5%, reorder: 2%}",
		"{rate: 100Mbit/s, queue: {packets: 8, discipline: trim}}",
		"{rate: 100Mbit/s, queue: {packets: 8, discipline: trim, headers: 60, ratio: 0, tail: 25%, bounce: false, port: 7000, others: 100}}",
		"{cellular: 3g-simulation, rate: 2Mbit/s}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct shape shape = {0}, again = {0};
		char *error = NULL;
		read_text(texts[i], &shape, &error);
		if (error)
			fail_msg("%s: %s", texts[i], error);
		char *text = shape_text(&shape);
		read_text(text, &again, &error);
		if (error)
			fail_msg("%s: %s", text, error);
		assert_true(shape_equal(&shape, &again));
		free(text);
	}
}

/* A queue that is as long as a time follows the rate, whichever is said last, and is never shorter than at_least. */
static void queues_as_long_as_a_time(void **state)
{
	(void)state;
	struct shape shape = {0};
	char *error = NULL;
	read_text("{rate: 10Mbit/s, queue: {delay: 100ms, at_least: 10}}", &shape, &error);
	assert_null(error);
	assert_int_equal(shape.queue_packets, 83); /* 1e7 * 0.1 / 8 / 1514 = 82.56 */
	read_text("{rate: 100kbit/s}", &shape, &error);
	assert_int_equal(shape.queue_packets, 10);
	read_text("{rate: 100Mbit/s, delay: 5ms}", &shape, &error);
	assert_int_equal(shape.queue_packets, 826);
	read_text("{queue: 50}", &shape, &error);
	read_text("{rate: 10Mbit/s}", &shape, &error);
	assert_int_equal(shape.queue_packets, 50);
	read_text("{queue: {delay: 0}}", &shape, &error);
	assert_int_equal(shape.queue_packets, 1);
	assert_null(error);
}

/* What is said later comes on top; what is not said stays, names and traces too. */
static void words_on_top_of_others(void **state)
{
	(void)state;
	struct shape shape = {0}, before;
	char *error = NULL;
	read_text("{cellular: lte, rate: 2Mbit/s, loss: {every: 7}, queue: {packets: 9, discipline: codel}}",
		&shape, &error);
	before = shape;
	read_text("{}", &shape, &error);
	assert_true(shape_equal(&shape, &before));
	read_text("{delay: 3ms}", &shape, &error);
	assert_null(error);
	assert_int_equal(shape.delay_ns, 3 * NS_PER_MS);
	shape.delay_ns = 0;
	assert_true(shape_equal(&shape, &before));
	/* A limit in bytes stays beside a new queue, unless that has its own. */
	struct shape both = {0};
	read_text("{queue_bytes: 64KiB, queue: {packets: 9, discipline: drop-head}}", &both, &error);
	read_text("{queue: 50}", &both, &error);
	assert_int_equal(both.queue_packets, 50);
	assert_int_equal(both.queue, QUEUE_DROP_TAIL);
	assert_int_equal(both.queue_bytes, 64 << 10);
	read_text("{queue: {packets: 60}}", &both, &error);
	assert_int_equal(both.queue_bytes, 64 << 10);
	read_text("{queue: {bytes: 32KiB}}", &both, &error);
	assert_int_equal(both.queue_packets, 0);
	assert_int_equal(both.queue_bytes, 32 << 10);
	assert_null(error);
	struct shape air = {0};
	read_text("{medium: {name: wifi, phy_rate: 54Mbit/s, channel: 6, radio: phone, idle: 5ms}}", &air,
		&error);
	before = air;
	read_text("{medium: {phy_rate: 6Mbit/s}}", &air, &error);
	assert_null(error);
	assert_int_equal(air.medium.phy_rate_bps, 6000000);
	assert_true(shape_same_place(&air, &before));
}

static void words_that_are_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"{jitter: {spread: 1ms, distribution: cauchy}}",
		"{loss: {every: 0}}", "{loss: {every: 3, random: 1%}}",
		"{loss: {gilbert-elliott: {to_good: 100%}}}", "{loss: {trace: /nonexistent}}",
		"{queue: {discipline: red}}", "{queue: {delay: 5ms}}",
		"{rate: 1Mbit/s, queue: {packets: 5, delay: 5ms}}", "{rate: 1Mbit/s, queue: {at_least: 5}}",
		"{queue: {discipline: drop-head, target: 5ms}}", "{cellular: 9g}",
		"{delay: 1ms, jitter: 2ms}", "{loss: [1, 2]}", "{opportunities: /dev/null}",
		"{queue: {packets: 8, discipline: trim}}",
		"{rate: 1Mbit/s, queue: {packets: 1, discipline: trim}}",
		"{rate: 1Mbit/s, queue: {packets: 8, headers: 9}}",
		"{rate: 1Mbit/s, queue: {packets: 8, discipline: trim, ecn: true}}",
		"{rate: 1Mbit/s, cellular: lte, queue: {packets: 8, discipline: trim}}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct shape shape = {0};
		char *error = NULL;
		read_text(texts[i], &shape, &error);
		if (!error)
			fail_msg("%s was accepted", texts[i]);
		assert_int_equal(strncmp(error, "t.yaml:1: ", 10), 0);
		assert_null(strchr(error, '\n'));
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_go_round),
		cmocka_unit_test(queues_as_long_as_a_time),
		cmocka_unit_test(words_on_top_of_others),
		cmocka_unit_test(words_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
