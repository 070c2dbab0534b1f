/* Fidelity: a link that did as configured is not judged; one that was late, early, lossy or fast is, by name. */
#include "tests/unit/check.h"
#include <stdio.h>

#include "harness/trial/fidelity.c"

#include "tests/unit/judged.h"

static struct topology_link the_link = {.name = "core"};
static const struct topology topology = {.links_count = 1, .links = &the_link};
static const struct link_shape shape = {
	.shaped = true, .direction = {{.rate_bps = 10000000, .delay_ns = 5 * NS_PER_MS, .loss = 0.01}, {0}}};

/* Judges what a link says ("valid" when nothing was said); takes it over. */
static const char *judged_link(const struct link_shape *as, json_t *link)
{
	json_t *record = json_pack("{s:{s:o}}", "links", "core", link);
	snprintf(status, sizeof status, "valid");
	*reason = 0;
	fidelity_judge(&topology, as, 10, record);
	json_decref(record);
	return status;
}

/* The same of counters of the forward direction. */
static const char *judged_as(const struct link_shape *as, json_t *counters)
{
	return judged_link(as, json_pack("{s:o}", "forward", counters));
}

static const char *judged(json_t *counters)
{
	return judged_as(&shape, counters);
}

static void loss_is_judged_by_its_own_chance(void **state)
{
	(void)state;
	/* 10,000 packets of 1 %: 100 +- 10. */
	const struct {
		int packets, lost;
		const char *status;
	} cases[] = {{10000, 100, "valid"}, {10000, 70, "valid"}, {10000, 130, "valid"},
		{10000, 148, "suspect"}, {10000, 58, "suspect"}, {10000, 10, "invalid"},
		{10000, 200, "invalid"}, {40, 0, "valid"}, {40, 2, "valid"}, {10000, 0, "invalid"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(judged(json_pack("{s:i, s:{s:i}}", "packets", cases[i].packets, "drops",
					    "loss", cases[i].lost)),
			cases[i].status);
	/* A back end that does not tell loss from a full queue can only lose too little. */
	assert_string_equal(judged(json_pack("{s:i, s:i}", "packets", 9000, "drops", 1000)), "valid");
	assert_string_equal(judged(json_pack("{s:i, s:i}", "packets", 10000, "drops", 10)), "invalid");
}

static void lateness_own_drops_and_rate(void **state)
{
	(void)state;
	assert_string_equal(judged(json_pack("{s:{s:f}}", "lateness", "p99_us", 1900.0)), "valid");
	assert_string_equal(judged(json_pack("{s:{s:f}}", "lateness", "p99_us", 2100.0)), "suspect");
	assert_non_null(strstr(reason, "link core (forward)"));
	assert_string_equal(judged(json_pack("{s:{s:f}}", "lateness", "p99_us", 21000.0)), "invalid");
	assert_string_equal(judged(json_pack("{s:{s:i}}", "drops", "buffer", 1)), "invalid");
	/* 10 Mbit/s for 10 s are 12.5 MB; a second more and 1 % are allowed. */
	assert_string_equal(judged(json_pack("{s:i}", "sent_bytes", 12500000)), "valid");
	assert_string_equal(judged(json_pack("{s:i}", "sent_bytes", 14000000)), "invalid");
}

static void a_queue_may_still_wait(void **state)
{
	(void)state;
	struct link_shape queue = shape, links[1000];
	queue.direction[0].queue_packets = 100;
	json_t *record = json_pack("{s:{s:{s:{s:i}}}}", "links", "core", "forward", "sent_bytes", 14000000);
	snprintf(status, sizeof status, "valid");
	fidelity_judge(&topology, &queue, 10, record);
	assert_string_equal(status, "valid");
	json_decref(record);
	/* 100 packets at 10 Mbit/s and 5 ms; for a thousand such links nobody waits. */
	int64_t one = 5 * NS_PER_MS + (int64_t)(100 * FRAME_BYTES * 8e9 / 10e6);
	for (size_t i = 0; i < 1000; i++)
		links[i] = queue;
	assert_int_equal(drain_ns(links, 1), one);
	assert_int_equal(drain_ns(links, 3), 3 * one);
	assert_int_equal(drain_ns(links, 1000), DRAIN_LIMIT_NS);
}

/* A train sent at once over a link of 10 Mbit/s and 5 ms, `late_us` late throughout, serialised at `rate`. */
static struct train train(double late_us, double rate)
{
	struct train t = {0};
	for (int i = 0; i < TRAIN; i++) {
		t.stamps[i].sent_ns = 1000000 + i * 2000;
		t.stamps[i].received_ns =
			1000000 + (int64_t)((i + 1) * FRAME_BYTES * 8e9 / rate + 5e6 + late_us * 1e3);
	}
	return t;
}

static double field(const json_t *object, const char *key)
{
	assert_true(json_is_number(json_object_get(object, key)));
	return json_number_value(json_object_get(object, key));
}

static void a_train_shows_delay_and_rate(void **state)
{
	(void)state;
	struct train t = train(30, 10e6);
	json_t *o = observed_json(&t, &shape.direction[0]);
	assert_true(fabs(field(o, "rate_bps") - 10e6) < 1e3);
	assert_true(fabs(field(o, "error_median_us") - 30) < 0.1);
	assert_true(fabs(field(o, "delay_us") - 5030) < 0.1);
	assert_string_equal(judged(json_pack("{s:o}", "observed", o)), "valid");

	t = train(3000, 10e6);
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&t, &shape.direction[0]))), "suspect");
	t = train(0, 5e6); /* half the rate: the median packet is 8 packets' time late */
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&t, &shape.direction[0]))), "suspect");
	t = train(-1000, 10e6);
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&t, &shape.direction[0]))), "suspect");
	t = train(0, 20e6);
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&t, &shape.direction[0]))), "invalid");
	assert_non_null(strstr(reason, "sooner"));
}

/* Lost packets take no time on the link; a rate is not claimed then. */
static void a_train_with_losses(void **state)
{
	(void)state;
	struct train t = train(0, 10e6);
	int64_t one = (int64_t)(FRAME_BYTES * 8e9 / 10e6);
	t.stamps[0].received_ns = t.stamps[7].received_ns = 0;
	for (int i = 1; i < TRAIN; i++)
		t.stamps[i].received_ns -= i == 7 ? 0 : i < 7 ? one : 2 * one;
	t.stamps[1].received_ns +=
		2000; /* it was sent 2 us after the first, which does not stand before it */
	json_t *o = observed_json(&t, &shape.direction[0]);
	assert_int_equal((int)field(o, "received"), TRAIN - 2);
	assert_null(json_object_get(o, "rate_bps"));
	assert_true(fabs(field(o, "error_median_us")) < 5);
	json_decref(o);
}

/* The eighth and the ninth of sixteen. */
static void a_median_of_two_is_between_them(void **state)
{
	(void)state;
	struct train t = train(0, 10e6);
	for (int i = TRAIN / 2; i < TRAIN; i++)
		t.stamps[i].received_ns += 100000;
	json_t *o = observed_json(&t, &shape.direction[0]);
	assert_true(fabs(field(o, "error_median_us") - 50) < 0.1);
	json_decref(o);
}

static void a_train_that_shows_nothing_is_no_good_news(void **state)
{
	(void)state;
	struct train failed = {.reason = "nothing arrives"}, lost = train(0, 10e6);
	struct link_shape lossy = shape;
	for (int i = 0; i < TRAIN; i++)
		lost.stamps[i].received_ns = 0;
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&failed, &shape.direction[0]))),
		"suspect");
	assert_non_null(strstr(reason, "link core (forward)"));
	assert_non_null(strstr(reason, "nothing arrives"));
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&lost, &shape.direction[0]))), "suspect");
	assert_non_null(strstr(reason, "not one packet"));
	failed.no_route = true;
	assert_string_equal(
		judged(json_pack("{s:o}", "observed", observed_json(&failed, &shape.direction[0]))), "valid");
	/* A link that loses what comes has done as it should, and over one without addresses no train goes. */
	lossy.direction[1].loss = 0.5;
	assert_string_equal(
		judged_as(&lossy, json_pack("{s:o}", "observed", observed_json(&lost, &shape.direction[0]))),
		"valid");
	assert_string_equal(judged(json_object()), "valid");
}

/* Links without one delay and loss: what the emulator itself did wrong is judged all the same. */
static void the_emulator_is_judged_on_every_link(void **state)
{
	(void)state;
	struct link_change change = {.at_ns = NS_PER_S, .direction = {shape.direction[0], {0}}};
	struct link_shape changing = shape, codel = shape, cellular = shape, bursts = shape, medium = shape,
			  trace = shape;
	changing.changes = &change;
	changing.changes_count = 1;
	codel.direction[0].queue = QUEUE_CODEL;
	snprintf(cellular.direction[0].radio, sizeof cellular.direction[0].radio, "lte");
	bursts.direction[0].loss_model = LOSS_GILBERT_ELLIOTT;
	snprintf(medium.direction[0].medium.name, sizeof medium.direction[0].medium.name, "wifi");
	snprintf(trace.direction[0].opportunities, sizeof trace.direction[0].opportunities, "x.trace");
	const struct link_shape *all[] = {&shape, &changing, &codel, &cellular, &bursts, &medium, &trace};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_int_equal(is_pipe(all[i]), i == 0);
		assert_string_equal(
			judged_as(all[i], json_pack("{s:{s:f}}", "lateness", "p99_us", 1900.0)), "valid");
		assert_string_equal(
			judged_as(all[i], json_pack("{s:{s:f}}", "lateness", "p99_us", 100000.0)), "invalid");
		assert_string_equal(
			judged_as(all[i], json_pack("{s:{s:i}}", "drops", "buffer", 1)), "invalid");
		assert_string_equal(judged_as(all[i], json_pack("{s:{s:i}}", "drops", "send", 1)), "invalid");
		assert_string_equal(judged_link(all[i], json_pack("{s:b}", "realtime", 0)), "suspect");
		assert_string_equal(
			judged_link(all[i], json_pack("{s:{s:f}}", "stalls", "max_us", 21000.0)), "suspect");
		/* Their losses and their rate are the model's. */
		assert_string_equal(judged_as(all[i], json_pack("{s:i, s:{s:i}}", "packets", 10000, "drops",
							      "loss", 900)),
			i == 0 ? "invalid" : "valid");
		assert_string_equal(judged_as(all[i], json_pack("{s:i}", "sent_bytes", 99000000)),
			i == 0 ? "invalid" : "valid");
	}
	struct link_shape bare = {0};
	assert_string_equal(
		judged_as(&bare, json_pack("{s:{s:f}}", "lateness", "p99_us", 100000.0)), "valid");
}

static void the_better_of_two_trains_counts(void **state)
{
	(void)state;
	json_t *counters = json_object();
	struct train held = train(9000, 10e6), clean = train(20, 10e6), failed = {.reason = "no way"};
	keep_better(counters, observed_json(&held, &shape.direction[0]));
	assert_false(good_enough(json_object_get(counters, "observed"), 1000));
	keep_better(counters, observed_json(&clean, &shape.direction[0]));
	assert_true(good_enough(json_object_get(counters, "observed"), 1000));
	keep_better(counters, observed_json(&failed, &shape.direction[0]));
	keep_better(counters, observed_json(&held, &shape.direction[0]));
	assert_true(good_enough(json_object_get(counters, "observed"), 1000));
	json_decref(counters);
}

/* A long link has the time that it takes, there for the packet ahead and once more for the train. */
static void a_long_link_has_its_time(void **state)
{
	(void)state;
	assert_int_equal(train_limit_s(100 * NS_PER_MS), TRAIN_LIMIT_S);
	assert_true(train_limit_s(60 * NS_PER_S) >= 2 * 60 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_is_judged_by_its_own_chance),
		cmocka_unit_test(lateness_own_drops_and_rate),
		cmocka_unit_test(a_queue_may_still_wait),
		cmocka_unit_test(a_train_shows_delay_and_rate),
		cmocka_unit_test(a_train_with_losses),
		cmocka_unit_test(a_median_of_two_is_between_them),
		cmocka_unit_test(a_train_that_shows_nothing_is_no_good_news),
		cmocka_unit_test(the_emulator_is_judged_on_every_link),
		cmocka_unit_test(the_better_of_two_trains_counts),
		cmocka_unit_test(a_long_link_has_its_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
