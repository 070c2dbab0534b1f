/* Migration: the formulas against their closed form, pages against the formulas, what is refused, and how a published table is judged. */
#include "nodes/migration/pages.h"
#include "nodes/migration/sim/score.h"
#include "nodes/migration/site.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct scenario scenario(const char *text)
{
	struct scenario s;
	char *error = NULL;
	if (scenario_parse(&s, text, &error) < 0)
		fail_msg("%s", error);
	return s;
}

static struct copy_plan plan_of(const char *text)
{
	struct scenario s = scenario(text);
	struct copy_plan plan;
	copy_plan(&s.copy, NULL, NULL, &plan);
	return plan;
}

static void near(double value, double expected, double share)
{
	if (!(fabs(value - expected) <= share * fabs(expected)))
		fail_msg("%g is not %g within %g %%", value, expected, 100 * share);
}

static void scenarios_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = {"ram", "ram=", "ram=0", "ram=much", "ram=2000GB", "rate=0",
		"rate=5", "rate=1bit/s", "dirty=fast", "dirty=2000Gbit/s", "working=251MB", "mode=live",
		"mode=", "then=go", "pattern=all", "pause=300", "pause=25h", "limit=0s", "rounds=0",
		"rounds=65", "rounds=1.5", "page=1", "page=63", "ram=500GB page=4096", "round-trip=-1ms",
		"speed=1", "=1", "modes=precopy"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct scenario s;
		char *error = NULL;
		if (scenario_parse(&s, bad[i], &error) == 0)
			fail_msg("`%s` was accepted", bad[i]);
		assert_non_null(error);
		assert_null(strchr(error, '\n'));
		free(error);
	}
	char text[2 * SCENARIO_TEXT], *error = NULL;
	struct scenario s;
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 0;
	assert_int_equal(scenario_parse(&s, text, &error), -1);
	free(error);
	s = scenario("mode=postcopy then=cancel pattern=random dirty=0 working=0");
	assert_true(s.copy.mode == COPY_POST && s.copy.then == COPY_CANCEL && s.pattern == PATTERN_RANDOM);
}

/* 3.1 with x = dirty / rate: RAM / rate (1 + x + x^2 + ... + x^n). */
static void rounds_are_a_geometric_series(void **state)
{
	(void)state;
	static const unsigned dirty[] = {50, 200, 500, 800};
	for (size_t i = 0; i < sizeof dirty / sizeof *dirty; i++) {
		char text[128];
		snprintf(text, sizeof text, "ram=250MB rate=1Gbit/s dirty=%uMbit/s pause=30ms", dirty[i]);
		struct copy_plan plan = plan_of(text);
		double x = dirty[i] / 1000.0;
		assert_int_equal(plan.outcome, COPY_MOVED);
		/* The first n for which the rest takes 30 ms or less. */
		unsigned n = 1;
		while (2.0 * pow(x, n) > 0.030)
			n++;
		assert_int_equal(plan.rounds, n);
		near(plan.total_s, 2.0 * (1 - pow(x, n + 1)) / (1 - x), 1e-9);
		near(plan.downtime_s, 2.0 * pow(x, n), 1e-9);
		near(plan.mu_s, plan.total_s - 2.0, 1e-9);
		near(plan.total_s * 1e9 / 8, plan.bytes, 1e-9);
	}
	struct copy_plan idle = plan_of("ram=250MB rate=250Mbit/s");
	near(idle.total_s, 8, 1e-12);
	assert_true(idle.mu_s == 0 && idle.downtime_s == 0 && idle.rounds == 1);
}

static void rounds_that_do_not_end(void **state)
{
	(void)state;
	/* Written as fast as it is sent: never less is left. */
	struct copy_plan late = plan_of("ram=125MB rate=1Gbit/s dirty=1Gbit/s rounds=5");
	assert_int_equal(late.outcome, COPY_STOPPED_LATE);
	assert_int_equal(late.rounds, 5);
	near(late.downtime_s, 1, 1e-9);
	near(late.total_s, 6, 1e-9);
	struct copy_plan cancelled = plan_of("ram=125MB rate=1Gbit/s dirty=2Gbit/s then=cancel limit=3s");
	assert_int_equal(cancelled.outcome, COPY_CANCELLED);
	assert_true(cancelled.downtime_s == 0 && cancelled.rounds == 3);
	struct copy_plan switched =
		plan_of("ram=125MB rate=1Gbit/s dirty=2Gbit/s then=postcopy limit=3s state=125KB");
	assert_int_equal(switched.outcome, COPY_SWITCHED);
	near(switched.downtime_s, 0.001, 1e-9);
	near(switched.behind_s, 1, 1e-9);
	near(switched.total_s, 4.001, 1e-9);
	/* What is written over and over is a working set: however fast, no more is left. */
	struct copy_plan set = plan_of("ram=125MB rate=1Gbit/s dirty=100Gbit/s working=2MB pause=30ms");
	assert_int_equal(set.outcome, COPY_MOVED);
	near(set.downtime_s, 0.016, 1e-9);
}

static void post_copy_stops_at_once(void **state)
{
	(void)state;
	struct copy_plan plan = plan_of("ram=250MB rate=1Gbit/s mode=postcopy state=250KB dirty=900Mbit/s");
	near(plan.total_s, 2.002, 1e-9);
	near(plan.downtime_s, 0.002, 1e-9);
	near(plan.behind_s, 2, 1e-9);
	assert_true(plan.rounds == 0 && plan.mu_s == 0);
}

static void more_is_written_longer_it_takes(void **state)
{
	(void)state;
	double before = 0;
	for (unsigned dirty = 0; dirty < 950; dirty += 50) {
		char text[128];
		snprintf(
			text, sizeof text, "ram=250MB rate=1Gbit/s dirty=%uMbit/s pause=0s rounds=64", dirty);
		double total = plan_of(text).total_s;
		assert_true(total > before);
		before = total;
	}
}

static void measure(const char *text, double values[PAGES_MEASURES], struct copy_plan *plan)
{
	struct scenario s = scenario(text);
	pages_run(&s, 1, values, plan);
}

static void pages_do_what_the_formulas_say(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "dirty=200Mbit/s pause=30ms", "dirty=800Mbit/s pause=30ms",
		"dirty=200Mbit/s mode=postcopy", "dirty=900Mbit/s working=40MB pause=0s rounds=8",
		"dirty=100Mbit/s pattern=random pause=30ms"};
	double values[PAGES_MEASURES];
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct copy_plan plan;
		measure(texts[i], values, &plan);
		near(values[PAGES_FORMULA], 1, 0.02);
		assert_int_equal(values[PAGES_ROUNDS], plan_of(texts[i]).rounds);
	}
	/* Any pages of a small set: the same ones are written again, so a round sends fewer than dirty x time. */
	double random[PAGES_MEASURES], sweep[PAGES_MEASURES];
	measure("dirty=500Mbit/s working=50MB pattern=random pause=0s rounds=3", random, NULL);
	measure("dirty=500Mbit/s working=50MB pause=0s rounds=3", sweep, NULL);
	assert_true(random[PAGES_TOTAL] < sweep[PAGES_TOTAL]);
	/* One round of W(1 - exp(-writes / W)) pages. */
	struct copy_plan one;
	measure("ram=100MB working=100MB dirty=400Mbit/s pattern=random pause=0s rounds=2", random, &one);
	near(one.round[1].bytes, 1e8 * (1 - exp(-0.4)), 0.01);
}

static void post_copy_waits_for_pages(void **state)
{
	(void)state;
	double near_by[PAGES_MEASURES], far[PAGES_MEASURES], idle[PAGES_MEASURES];
	measure("mode=postcopy pattern=random dirty=200Mbit/s round-trip=1ms", near_by, NULL);
	measure("mode=postcopy pattern=random dirty=200Mbit/s round-trip=20ms", far, NULL);
	measure("mode=postcopy", idle, NULL);
	assert_true(idle[PAGES_FAULTS] == 0 && idle[PAGES_WAITED] == 0);
	assert_true(near_by[PAGES_FAULTS] > 100 && near_by[PAGES_WAITED] >= near_by[PAGES_FAULTS] * 0.001);
	/* Each costs more, so fewer are touched before all is there; it waits for most of the time. */
	assert_true(far[PAGES_FAULTS] < near_by[PAGES_FAULTS] && far[PAGES_WAITED] > near_by[PAGES_WAITED]);
	assert_true(far[PAGES_WAITED] < far[PAGES_TOTAL] + 0.021);
}

static void one_seed_gives_one_outcome(void **state)
{
	(void)state;
	double a[PAGES_MEASURES], b[PAGES_MEASURES];
	measure("pattern=random dirty=300Mbit/s working=50MB pause=0s rounds=4", a, NULL);
	measure("pattern=random dirty=300Mbit/s working=50MB pause=0s rounds=4", b, NULL);
	assert_memory_equal(a, b, sizeof a);
}

static void places_are_checked(void **state)
{
	(void)state;
	struct site place;
	char *error = NULL;
	assert_int_equal(site_parse(&place, "b=eth1,10.0.3.1/24,10.0.3.254", &error), 0);
	assert_string_equal(place.name, "b");
	assert_string_equal(place.interface, "eth1");
	assert_int_equal(ntohl(place.address.s_addr), 0x0a000301);
	assert_int_equal(ntohl(place.gateway.s_addr), 0x0a0003fe);
	assert_int_equal(place.prefix, 24);
	static const char *const bad[] = {"", "b", "b=", "b=eth1", "b=eth1,10.0.3.1/24",
		"b=eth1,10.0.3.1,10.0.3.254", "b=eth1,10.0.3.1/0,10.0.3.254", "b=eth1,10.0.3.1/32,10.0.3.254",
		"b=eth1,10.0.3.1/24,gateway", "b=eth1,10.0.3/24,10.0.3.254", "=eth1,10.0.3.1/24,10.0.3.254",
		"b=,10.0.3.1/24,10.0.3.254", "b=an-interface-too-long,10.0.3.1/24,10.0.3.254",
		"b b=eth1,10.0.3.1/24,10.0.3.254", "b=eth1,10.0.3.1/24,10.0.3.254,1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		error = NULL;
		if (site_parse(&place, bad[i], &error) == 0)
			fail_msg("`%s` was accepted", bad[i]);
		assert_non_null(strstr(error, "is no place"));
		free(error);
	}
	assert_int_equal(site_parse(&place, "b=no-such,10.0.3.1/24,10.0.3.254", NULL), 0);
	error = NULL;
	assert_int_equal(site_find(&place, &error), -1);
	assert_non_null(strstr(error, "no interface 'no-such'"));
	free(error);
}

static void a_table_is_judged(void **state)
{
	(void)state;
	char path[] = "/tmp/test-migration-XXXXXX", *error = NULL;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	fputs("# a table\nscenario,measure,as,value,tolerance,source\n"
	      "ram=250MB rate=250Mbit/s,total,value,8.5,10%,x\n"
	      "ram=250MB rate=250Mbit/s,total,value,9,10%,x\n"
	      "ram=250MB rate=250Mbit/s,total,value,20,10%,x\n"
	      "ram=250MB rate=250Mbit/s,total,at-most,9,,x\n"
	      "ram=250MB rate=250Mbit/s,total,at-most,7,,x\n"
	      "ram=250MB rate=250Mbit/s,total,report,7,,x\n",
		file);
	fclose(file);
	static const enum score_judgement expected[] = {
		SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_AGREES, SCORE_DIFFERS, SCORE_NONE};
	struct score score;
	if (score_load(&score, path, "page=64KiB", &error) < 0)
		fail_msg("%s", error);
	assert_int_equal(score.count, 6);
	score_measure(&score, 1, 2);
	for (unsigned i = 0; i < score.count; i++)
		assert_int_equal(score.rows[i].number.judgement, expected[i]);
	score_free(&score);
	static const char *const bad[] = {"ram=250MB,speed,value,8,10%,x", "ram=250MB,total,about,8,10%,x",
		"ram=250MB,total,value,much,10%,x", "ram=250MB,total,value,8,,x",
		"ram=250MB,total,at-most,8,10%,x", "ram=0,total,value,8,10%,x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_non_null(file = fopen(path, "w"));
		fprintf(file, "scenario,measure,as,value,tolerance,source\n%s\n", bad[i]);
		fclose(file);
		assert_int_equal(score_load(&score, path, "", &error), -1);
		assert_non_null(strstr(error, ":2: "));
		free(error);
		error = NULL;
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenarios_are_checked),
		cmocka_unit_test(rounds_are_a_geometric_series),
		cmocka_unit_test(rounds_that_do_not_end),
		cmocka_unit_test(post_copy_stops_at_once),
		cmocka_unit_test(more_is_written_longer_it_takes),
		cmocka_unit_test(pages_do_what_the_formulas_say),
		cmocka_unit_test(post_copy_waits_for_pages),
		cmocka_unit_test(one_seed_gives_one_outcome),
		cmocka_unit_test(places_are_checked),
		cmocka_unit_test(a_table_is_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
