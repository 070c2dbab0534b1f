/* Agreement: figures of the same bytes by two clocks agree, whatever the clocks' offset and wherever bursts
 * fall; figures of different bytes do not. */
#include "tests/unit/check.h"
#include <string.h>

#include "harness/trial/agreement.h"
#include <math.h>

#define STEP_S 0.005
#define RATE 1.2e6 /* bytes/s */
#define SECONDS 10

struct lump { /* what is delivered at one instant instead of over the time before it */
	double from_s, to_s;
};

/* Bytes that the flow has delivered at `time_s` after its start. */
static double flow(const struct lump *lumps, size_t count, double time_s)
{
	double t = fmax(0, fmin(time_s, SECONDS));
	for (size_t i = 0; i < count; i++)
		if (t > lumps[i].from_s && t < lumps[i].to_s)
			t = lumps[i].from_s;
	return t * RATE;
}

/* The capture begins `offset_s` before the flow. */
static struct delivery capture(const struct lump *lumps, size_t count, double offset_s)
{
	struct delivery d = {json_array(), STEP_S};
	for (double t = -offset_s; t < SECONDS + 0.5; t += STEP_S)
		json_array_append_new(d.steps,
			json_integer((json_int_t)(flow(lumps, count, t + STEP_S) - flow(lumps, count, t))));
	return d;
}

/* The receiver's intervals, its zero `zero_s` after the flow's start (negative: before); it reads `slow_s` late. */
static void receive(
	struct measure_item items[11], const struct lump *lumps, size_t count, double zero_s, double slow_s)
{
	for (int i = 0; i < 11; i++) {
		double to = i == 10 ? 10.3 : i + 1;
		items[i] = (struct measure_item){.from = i, .to = to, .counts = i >= 1 && i < 10};
		items[i].amount = flow(lumps, count, to + zero_s - slow_s) -
				  flow(lumps, count, i + zero_s - (i ? slow_s : 0));
	}
}

static struct agreement compare(const struct measure_item *items, struct delivery d)
{
	struct agreement found;
	assert_int_equal(agreement_take(&found, items, 11, 1, &d), 0);
	json_decref(d.steps);
	return found;
}

static double difference(const struct agreement *a)
{
	return fabs(a->capture - a->receiver) / a->receiver;
}

static void a_steady_flow_agrees_and_has_no_edges(void **state)
{
	(void)state;
	struct measure_item items[11];
	receive(items, NULL, 0, -0.03, 0);
	struct agreement a = compare(items, capture(NULL, 0, 0.2));
	assert_true(difference(&a) < 0.001);
	assert_true(a.edge < 0.001 * a.receiver);
	assert_true(fabs(a.offset_s - 0.17) < 0.02);
}

/* Half a second held back until the receiver has just closed its window, 50 ms before ten seconds of flow are over. */
static void a_burst_between_the_two_windows_ends_agrees(void **state)
{
	(void)state;
	const struct lump lumps[] = {{3.1, 3.6}, {9.45, 9.98}};
	struct measure_item items[11];
	receive(items, lumps, 2, -0.05, 0.002);
	struct agreement a = compare(items, capture(lumps, 2, 0.4));
	assert_true(difference(&a) < 0.002);
	/* Cut at the same times from the flow's first byte the two are half a megabyte apart. */
	double alone = flow(lumps, 2, 10) - flow(lumps, 2, 1);
	assert_true(fabs(alone - a.receiver) / a.receiver > 0.005);
}

/* The burst falls 2 ms before the end of the receiver's last interval, and it reads 6 ms late. */
static void a_burst_on_an_edge_is_allowed_for(void **state)
{
	(void)state;
	const struct lump lumps[] = {{9.5, 9.948}};
	struct measure_item items[11];
	receive(items, lumps, 1, -0.05, 0.006);
	struct agreement a = compare(items, capture(lumps, 1, 0.4));
	assert_true(difference(&a) <= 0.002 + a.edge / a.receiver);
}

static void bytes_that_the_capture_lacks_show(void **state)
{
	(void)state;
	const struct lump lumps[] = {{3.1, 3.6}, {6.2, 6.9}};
	struct measure_item items[11];
	receive(items, lumps, 2, -0.05, 0.002);
	struct delivery d = capture(lumps, 2, 0.4);
	for (size_t i = 900; i < 920; i++) /* 0.1 s of 9 s */
		json_array_set_new(d.steps, i, json_integer(0));
	struct agreement a = compare(items, d);
	assert_true(difference(&a) > 0.01);
	assert_true(a.edge / a.receiver < 0.001);
}

static void a_capture_shorter_than_the_window_is_refused(void **state)
{
	(void)state;
	struct measure_item items[11];
	struct agreement found;
	receive(items, NULL, 0, 0, 0);
	struct delivery d = {json_pack("[i, i]", 1, 2), STEP_S};
	assert_int_equal(agreement_take(&found, items, 11, 1, &d), -1);
	for (int i = 0; i < 11; i++)
		items[i].counts = false;
	assert_int_equal(agreement_take(&found, items, 11, 1, &d), -1);
	json_decref(d.steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_flow_agrees_and_has_no_edges),
		cmocka_unit_test(a_burst_between_the_two_windows_ends_agrees),
		cmocka_unit_test(a_burst_on_an_edge_is_allowed_for),
		cmocka_unit_test(bytes_that_the_capture_lacks_show),
		cmocka_unit_test(a_capture_shorter_than_the_window_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
