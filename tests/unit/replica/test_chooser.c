/* Choosing replicas: ranking, rates, queues, servers that go and come; and the three figures of Trilogy2 D1.4 that are arithmetic. */
#include "nodes/replica/chooser.h"
#include "nodes/replica/sim/figures.h"
#include "nodes/replica/snitch.h"
#include "tests/unit/check.h"

#include <math.h>

#define MS 1000000LL

static const uint16_t trio[] = {0, 1, 2};

static struct chooser_settings settings(enum selection select, bool control)
{
	struct chooser_settings s = CHOOSER_SETTINGS;

	s.select = select;
	s.control = control;
	s.limiter = LIMITER_SETTINGS;
	s.servers = s.replicas = 3;
	s.groups = 1;
	s.members = trio;
	s.seed = 7;
	return s;
}

static void answer(
	struct chooser *c, unsigned server, double response_ms, double service_ms, double queue, int64_t now)
{
	chooser_answered(c, server, &(struct feedback){response_ms * MS, service_ms * MS, queue}, now);
}

/* D1.4, figure 3.23: least outstanding requests takes 60 ms. "Ideal: 32 ms" cannot be: 36 is the least. */
static void figure_3_23(void **state)
{
	(void)state;
	assert_true(figure_burst(SELECT_LOR) == 60);
	assert_true(figure_burst_best() == 36);
	assert_true(figure_burst(SELECT_C3) <= 60);
}

/* D1.4, figure 3.25: equal at a queue of 100 when linear, of 34.2 when cubic. */
static void figure_3_25(void **state)
{
	(void)state;
	assert_true(fabs(figure_equal_queue(1) - 100) < 1e-6);
	assert_true(fabs(figure_equal_queue(3) - 20 * cbrt(5)) < 1e-6);
	assert_true(fabs(figure_equal_queue(3) - 34.2) < 0.01);
}

/* D1.4, figure 3.26: starts at (1 - beta) R0, is flat around R0 for 100 ms, steep after. */
static void figure_3_26(void **state)
{
	(void)state;
	const struct limiter_settings *s = &LIMITER_SETTINGS;
	assert_true(fabs(limiter_cubic(s, 10, 0) - 8) < 1e-9);
	assert_true(fabs(limiter_cubic(s, 10, cbrt(10 * s->beta / s->gamma)) - 10) < 1e-9);
	assert_true(fabs(figure_saddle(10, 0.5) - 100) < 0.1);
	assert_true(fabs(figure_saddle(50, 0.5) - 100) < 0.1);
	for (double t = 1; t < 300; t++)
		assert_true(limiter_cubic(s, 10, t) >= limiter_cubic(s, 10, t - 1));
}

static void the_score_is_the_published_one(void **state)
{
	(void)state;
	/* R - T + q^3 T, q = 1 + os n + qbar */
	assert_true(c3_score(9, 4, 2, 1, 5, 3) == 9 - 4 + 8 * 8 * 8 * 4);
	assert_true(c3_score(9, 4, 2, 1, 5, 1) == 9 - 4 + 8 * 4);
}

static void unknown_servers_go_first_then_the_best_score(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_C3, false);
	struct chooser *c = chooser_new(&s, 0);
	unsigned seen = 0;
	for (uint32_t i = 0; i < 3;
		i++) { /* each is asked before one is asked twice: one outstanding scores more than unknown only once known */
		int server = chooser_ask(c, 0, i, 0);
		seen |= 1u << server;
		answer(c, (unsigned)server, server == 1 ? 5 : 50, server == 1 ? 4 : 40, 0, MS);
	}
	assert_int_equal(seen, 7);
	assert_int_equal(chooser_ask(c, 0, 9, 2 * MS), 1);
	chooser_free(c);
}

static void concurrency_is_compensated(void **state)
{
	(void)state;
	/* Twice as fast, but one request of ours there, which counts for all ten clients'. */
	struct chooser_settings s = settings(SELECT_C3, false);
	s.clients = 10;
	struct chooser *c = chooser_new(&s, 0);
	for (unsigned i = 0; i < 3; i++) {
		chooser_also(c, i, 0);
		answer(c, i, i == 0 ? 4 : 8, i == 0 ? 4 : 8, 0, MS);
	}
	assert_int_equal(chooser_ask(c, 0, 1, MS), 0);
	assert_int_not_equal(chooser_ask(c, 0, 2, MS), 0);
	chooser_free(c);
}

static void lor_takes_the_fewest_outstanding(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_LOR, false);
	struct chooser *c = chooser_new(&s, 0);
	unsigned count[3] = {0};
	for (uint32_t i = 0; i < 30; i++)
		count[chooser_ask(c, 0, i, 0)]++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(count[i], 10);
	answer(c, 2, 1, 1, 0, MS);
	assert_int_equal(chooser_ask(c, 0, 99, MS), 2);
	chooser_free(c);
}

static void round_robin_takes_turns(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_ROUND_ROBIN, false);
	struct chooser *c = chooser_new(&s, 0);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(chooser_ask(c, 0, i, 0), (int)(i % 3));
	chooser_free(c);
}

static void random_takes_all_alike(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_RANDOM, false);
	struct chooser *c = chooser_new(&s, 0);
	unsigned count[3] = {0};
	for (uint32_t i = 0; i < 30000; i++)
		count[chooser_ask(c, 0, i, 0)]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(count[i], 9700, 10300); /* 3.7 standard deviations */
	chooser_free(c);
}

static double told(void *context, unsigned server)
{
	return ((double *)context)[server];
}

static void the_oracle_is_told(void **state)
{
	(void)state;
	double load[3] = {3, 2, 1};
	struct chooser_settings s = settings(SELECT_ORACLE, false);
	s.load = told;
	s.context = load;
	struct chooser *c = chooser_new(&s, 0);
	assert_int_equal(chooser_ask(c, 0, 1, 0), 2);
	load[0] = 0;
	assert_int_equal(chooser_ask(c, 0, 2, 0), 0);
	chooser_free(c);
}

/* Frozen between two scorings, which is what herds are made of; then the fastest. */
static void the_snitch_scores_every_100_ms(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_SNITCH, false);
	struct chooser *c = chooser_new(&s, 0);
	unsigned order[CHOOSER_REPLICAS];
	for (int round = 0; round < 10; round++)
		for (unsigned i = 0; i < 3; i++) {
			chooser_also(c, i, 0);
			answer(c, i, 10 + 10 * i, 1, 0, 90 * MS);
		}
	chooser_order(c, 0, 101 * MS, order);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 1);
	for (int round = 0; round < 200; round++)
		answer(c, 0, 500, 1, 0, 110 * MS);
	chooser_order(c, 0, 150 * MS, order);
	assert_int_equal(order[0], 0);
	chooser_order(c, 0, 201 * MS, order);
	assert_int_equal(order[2], 0);
	chooser_free(c);
}

static void the_snitch_forgets_after_ten_minutes_and_hears_gossip(void **state)
{
	(void)state;
	struct snitch *snitch = snitch_new(2, 1, 0);
	snitch_answered(snitch, 0, 100, 0);
	snitch_answered(snitch, 1, 10, 0);
	snitch_update(snitch, 100 * MS);
	assert_true(snitch_score(snitch, 0) > snitch_score(snitch, 1));
	snitch_severity(snitch, 1, 0.5);
	snitch_update(snitch, 200 * MS);
	assert_true(snitch_score(snitch, 1) > snitch_score(snitch, 0) + 40);
	snitch_severity(snitch, 1, 0);
	snitch_update(snitch, SNITCH_RESET_NS);
	assert_true(snitch_score(snitch, 0) == snitch_score(snitch, 1));
	snitch_free(snitch);
}

/* ---- rates ---- */

static void tokens_come_with_the_rate_and_no_more_than_the_burst(void **state)
{
	(void)state;
	struct limiter l;
	limiter_init(&l, &LIMITER_SETTINGS, 0);
	assert_true(limiter_tokens(&l, &LIMITER_SETTINGS, 0) == 0);
	assert_true(fabs(limiter_tokens(&l, &LIMITER_SETTINGS, 20 * MS) - 5) < 1e-9);
	assert_true(limiter_tokens(&l, &LIMITER_SETTINGS, 10000 * MS) == 50);
	assert_int_equal(limiter_when(&l, &LIMITER_SETTINGS, 0), 4 * MS);
	/* At the time that was told there is one, to the nanosecond. */
	assert_int_equal(limiter_when(&l, &LIMITER_SETTINGS, 4 * MS), 4 * MS);
	limiter_take(&l, &LIMITER_SETTINGS, 4 * MS);
	limiter_take(&l, &LIMITER_SETTINGS, 4 * MS); /* on credit */
	assert_true(fabs(limiter_tokens(&l, &LIMITER_SETTINGS, 4 * MS) + 1) < 1e-9);
}

static void the_rate_falls_below_what_comes_back_and_holds_after_a_rise(void **state)
{
	(void)state;
	struct limiter l;
	limiter_init(&l, &LIMITER_SETTINGS, 0);
	/* 2 answers per interval: 5 is too much. */
	for (int i = 0; i < 400; i++)
		limiter_answered(&l, &LIMITER_SETTINGS, i * 10 * MS);
	assert_true(l.received > 1.99 && l.received < 2.01);
	assert_true(l.rate >= LIMITER_SETTINGS.least && l.rate <= 2 + LIMITER_SETTINGS.step_max);
	/* Within two intervals of an increase there is no decrease. */
	l.rate = 20;
	l.increased_ns = 4000 * MS;
	limiter_answered(&l, &LIMITER_SETTINGS, 4039 * MS);
	assert_true(l.rate == 20);
	limiter_answered(&l, &LIMITER_SETTINGS, 4041 * MS);
	assert_true(l.rate == 20 * LIMITER_SETTINGS.beta);
	assert_true(l.saturation == 20);
}

static void no_increase_adds_more_than_the_greatest_step(void **state)
{
	(void)state;
	struct limiter l;
	limiter_init(&l, &LIMITER_SETTINGS, 0);
	l.rate = 1;
	l.received = 1000;
	limiter_answered(&l, &LIMITER_SETTINGS, 100000 * MS);
	/* After so long a pause what was smoothed is forgotten; the answer counts itself in the next interval. */
	l.received = 1000;
	limiter_answered(&l, &LIMITER_SETTINGS, 100001 * MS);
	assert_true(l.rate <= 1 + 2 * LIMITER_SETTINGS.step_max + 1e-9);
}

/* A busy machine, a far server: nothing was received, for there was nothing to receive yet. */
static void first_answers_that_come_late_do_not_stop_the_rate(void **state)
{
	struct limiter l;

	(void)state;
	limiter_init(&l, &LIMITER_SETTINGS, 0);
	for (int i = 0; i < 10; i++)
		limiter_answered(&l, &LIMITER_SETTINGS, 110 * MS);
	assert_true(l.rate >= LIMITER_SETTINGS.rate);
}

static void what_has_no_token_waits_and_goes_in_order(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_ROUND_ROBIN, true);
	struct chooser *c = chooser_new(&s, 0);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(chooser_ask(c, 0, i, 0), -1); /* no tokens at first */
	assert_int_equal(chooser_wake(c), 4 * MS);
	assert_int_equal(chooser_held(c), 6);
	uint32_t request, expected = 0;
	unsigned server;
	assert_false(chooser_next(c, 3 * MS, &request, &server));
	for (int64_t now = 4 * MS; now <= 8 * MS; now += 4 * MS)
		while (chooser_next(c, now, &request, &server))
			assert_int_equal(request, expected++);
	assert_int_equal(expected, 6);
	assert_int_equal(chooser_waiting(c), 0);
	assert_true(chooser_wake(c) == INT64_MAX);
	chooser_free(c);
}

/* Two groups that share their one server: each gets every second token, however long the other's queue. */
static void groups_take_turns(void **state)
{
	(void)state;
	static const uint16_t shared[] = {0, 0};
	struct chooser_settings s = settings(SELECT_LOR, true);
	s.servers = s.replicas = 1;
	s.groups = 2;
	s.members = shared;
	struct chooser *c = chooser_new(&s, 0);
	for (uint32_t i = 0; i < 100; i++)
		chooser_ask(c, 0, i, 0);
	for (uint32_t i = 100; i < 110; i++)
		chooser_ask(c, 1, i, 0);
	unsigned from[2] = {0}, server;
	uint32_t request;
	for (int64_t now = 0; from[0] + from[1] < 20; now = chooser_wake(c))
		while (chooser_next(c, now, &request, &server))
			from[request >= 100]++;
	assert_int_equal(from[0], 10);
	assert_int_equal(from[1], 10);
	chooser_free(c);
}

static void a_rate_that_rises_wakes_what_waits(void **state)
{
	(void)state;
	static const uint16_t one[] = {0};
	struct chooser_settings s = settings(SELECT_C3, true);
	s.servers = s.replicas = 1;
	s.members = one;
	s.limiter.rate = 0.001;
	struct chooser *c = chooser_new(&s, 0);
	assert_int_equal(chooser_ask(c, 0, 1, 0), -1);
	int64_t first = chooser_wake(c);
	assert_true(first > 10000 * MS);
	chooser_also(c, 0, MS);
	answer(c, 0, 1, 1, 0, 21 * MS); /* received: 10 at first, so the rate rises */
	assert_true(chooser_wake(c) < first);
	chooser_free(c);
}

static void a_server_that_failed_is_last_until_it_is_back(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_LOR, false);
	struct chooser *c = chooser_new(&s, 0);
	chooser_failed(c, 1);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_not_equal(chooser_ask(c, 0, i, 0), 1);
	chooser_failed(c, 0);
	chooser_failed(c, 2);
	assert_in_range(chooser_ask(c, 0, 60, 0), 0, 2); /* where else */
	chooser_returned(c, 1, MS);
	assert_int_equal(chooser_ask(c, 0, 61, MS), 1);
	chooser_free(c);
}

/* With rates: while one is there its requests wait for it, and do not go to one that is gone. */
static void nothing_goes_to_a_failed_server_while_another_has_only_no_token(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_LOR, true);
	struct chooser *c = chooser_new(&s, 0);
	chooser_failed(c, 0);
	chooser_failed(c, 1);
	for (uint32_t i = 0; i < 200; i++) {
		int server = chooser_ask(c, 0, i, 100 * MS);
		assert_true(server == 2 || server == -1);
	}
	assert_true(chooser_waiting(c) > 0);
	chooser_free(c);
}

static void answers_without_feedback_count_by_what_the_client_sees(void **state)
{
	(void)state;
	struct chooser_settings s = settings(SELECT_C3, false);
	struct chooser *c = chooser_new(&s, 0);
	for (int i = 0; i < 3; i++)
		chooser_also(c, 0, 0);
	chooser_answered(c, 0, &(struct feedback){8e6, -1, -1}, MS);
	const struct server_view *v = chooser_view(c, 0);
	assert_true(v->service_ns == 8e6);
	assert_true(v->queue == 2);
	assert_true(v->known);
	chooser_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figure_3_23),
		cmocka_unit_test(figure_3_25),
		cmocka_unit_test(figure_3_26),
		cmocka_unit_test(the_score_is_the_published_one),
		cmocka_unit_test(unknown_servers_go_first_then_the_best_score),
		cmocka_unit_test(concurrency_is_compensated),
		cmocka_unit_test(lor_takes_the_fewest_outstanding),
		cmocka_unit_test(round_robin_takes_turns),
		cmocka_unit_test(random_takes_all_alike),
		cmocka_unit_test(the_oracle_is_told),
		cmocka_unit_test(the_snitch_scores_every_100_ms),
		cmocka_unit_test(the_snitch_forgets_after_ten_minutes_and_hears_gossip),
		cmocka_unit_test(tokens_come_with_the_rate_and_no_more_than_the_burst),
		cmocka_unit_test(the_rate_falls_below_what_comes_back_and_holds_after_a_rise),
		cmocka_unit_test(no_increase_adds_more_than_the_greatest_step),
		cmocka_unit_test(first_answers_that_come_late_do_not_stop_the_rate),
		cmocka_unit_test(what_has_no_token_waits_and_goes_in_order),
		cmocka_unit_test(groups_take_turns),
		cmocka_unit_test(a_rate_that_rises_wakes_what_waits),
		cmocka_unit_test(a_server_that_failed_is_last_until_it_is_back),
		cmocka_unit_test(nothing_goes_to_a_failed_server_while_another_has_only_no_token),
		cmocka_unit_test(answers_without_feedback_count_by_what_the_client_sees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
