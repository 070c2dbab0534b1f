/* The simulator of channel switching: scenarios as written, goodputs that arithmetic knows, and the rules that policies must keep anywhere. */
#include "nodes/visits/sim/client.h"
#include "nodes/visits/sim/scenario.h"
#include "nodes/visits/sim/score.h"
#include "nodes/visits/sim/space.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double measure(const char *text, uint64_t seed, enum client_measure which)
{
	struct scenario s;
	double values[CLIENT_MEASURES];
	char *error = NULL;
	if (scenario_parse(&s, text, &error) < 0)
		fail_msg("%s", error);
	assert_int_equal(client_run(&s, seed, values, NULL), 0);
	return values[which];
}

static void near(double value, double expected, double share)
{
	if (!(fabs(value - expected) <= share * fabs(expected)))
		fail_msg("%g is not %g within %g %%", value, expected, 100 * share);
}

static void scenarios_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "policy=dynamic", "ap", "ap=", "ap=fast", "ap=54Mbit/s:0%",
		"ap=54Mbit/s:0.5", "ap=54Mbit/s:50%:none", "ap=54Mbit/s:50%:1Mbit/s:1",
		"ap=54Mbit/s:50%:1Mbit/s:4:5", "ap=54Mbit/s policy=clever", "ap=54Mbit/s T=0ms",
		"ap=54Mbit/s Tw=5", "ap=54Mbit/s factor=0.5", "ap=54Mbit/s window=1", "ap=54Mbit/s tries=33",
		"ap=54Mbit/s speed=3", "ap=54Mbit/s duration=1s warmup=1s",
		"ap=54Mbit/s policy=dynamic Tw=200ms", "ap=54Mbit/s policy=dynamic most=50ms",
		"ap=54Mbit/s Tw=10us stale=11ms", "ap=54Mbit/s boost=much",
		"ap=quiet ap=quiet ap=quiet ap=quiet ap=quiet ap=quiet ap=quiet ap=quiet ap=quiet"};
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
}

/* Two packets and their acknowledgement: 2 x (215 + 224.3) + (215 + 9.8) us for 2 x 1448 bytes. */
static void one_access_point_has_what_the_air_allows(void **state)
{
	(void)state;
	near(measure("ap=54Mbit/s policy=none", 1, CLIENT_TOTAL),
		2 * 1448 * 8 / (2 * (215 + 12112 / 54.) + 215 + 528 / 54.), 0.002);
	/* Or its wire: 6.3 Mbit/s of frames. */
	near(measure("ap=54Mbit/s:100%:6.3Mbit/s policy=none", 1, CLIENT_TOTAL), 6.3 * 1448 / 1514, 0.002);
	/* Two radios have twice as much. */
	near(measure("ap=54Mbit/s ap=54Mbit/s policy=none", 1, CLIENT_TOTAL),
		2 * measure("ap=54Mbit/s policy=none", 1, CLIENT_TOTAL), 0.001);
}

/* Without lateness: visits of T on one, Tw on the other, a switch after each; packets finish what T cuts. */
static void a_quiet_access_point_costs_its_timer(void **state)
{
	(void)state;
	double alone = measure("ap=54Mbit/s policy=none", 1, CLIENT_TOTAL);
	near(measure("ap=54Mbit/s ap=quiet stale=0ms Tw=20ms", 1, CLIENT_TOTAL),
		alone * 100.2 / (100.2 + 20 + 6), 0.01);
	near(measure("ap=54Mbit/s ap=quiet stale=0ms Tw=0ms", 1, CLIENT_TOTAL), alone * 100.2 / (200.2 + 6),
		0.01);
	/* With access points that come late, the shorter wait loses. */
	assert_true(measure("ap=54Mbit/s ap=quiet Tw=1ms duration=120s", 1, CLIENT_TOTAL) <
		    measure("ap=54Mbit/s ap=quiet Tw=5ms", 1, CLIENT_TOTAL));
}

static void one_seed_gives_one_outcome(void **state)
{
	(void)state;
	const char *text = "ap=54Mbit/s:60% ap=18Mbit/s:40% policy=dynamic duration=5s";
	for (int m = 0; m < CLIENT_MEASURES; m++)
		assert_true(measure(text, 7, m) == measure(text, 7, m));
	assert_true(measure(text, 7, CLIENT_TOTAL) != measure(text, 8, CLIENT_TOTAL));
}

/* What no client can exceed, and what the dynamic policy keeps, anywhere in the space. */
static void the_space_has_its_bounds(void **state)
{
	(void)state;
	struct space space;
	assert_int_equal(space_measure(&space, 24, 3, "duration=12s", NULL), 0);
	for (size_t i = 0; i < space.count; i++) {
		const struct space_point *p = &space.points[i];
		assert_true(
			p->better <= p->bound * 1.0001 && p->bound <= (p->alone[0] + p->alone[1]) * 1.0001);
		assert_true(p->moved <= p->bound * 1.02 && p->fixed <= p->bound * 1.02);
		assert_true(p->moved >= 0.5 * p->better);
		assert_true(p->alone[0] <= p->air[0] * 1.01 && p->alone[1] <= p->air[1] * 1.01);
	}
	space_free(&space);
}

static void a_table_is_judged(void **state)
{
	(void)state;
	char path[] = "/tmp/test-visits-XXXXXX", *error = NULL;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	fputs("# a table\nscenario,measure,against,as,value,tolerance,source\n"
	      "ap=54Mbit/s policy=none,total,,value,21,1%,x\n"
	      "ap=54Mbit/s policy=none,total,,value,20.7,1%,x\n"
	      "ap=54Mbit/s policy=none,total,,value,2,1%,x\n"
	      "ap=54Mbit/s ap=54Mbit/s policy=none,total,ap=54Mbit/s policy=none,ratio,2,1%,x\n"
	      "ap=54Mbit/s policy=none,total,,at-most,20,,x\n"
	      "ap=54Mbit/s policy=none,total,,at-least,20,,x\n"
	      "ap=54Mbit/s policy=none,total,,report,20,,x\n",
		file);
	fclose(file);
	static const enum score_judgement expected[] = {SCORE_AGREES, SCORE_NEAR, SCORE_DIFFERS, SCORE_AGREES,
		SCORE_DIFFERS, SCORE_AGREES, SCORE_NONE};
	struct score score;
	if (score_load(&score, path, "duration=5s", &error) < 0)
		fail_msg("%s", error);
	assert_int_equal(score.count, 7);
	assert_int_equal(score_measure(&score, 1, 2, NULL), 0);
	for (unsigned i = 0; i < score.count; i++)
		assert_int_equal(score.rows[i].number.judgement, expected[i]);
	score_free(&score);
	static const char *const bad[] = {"ap=54Mbit/s,speed,,value,21,1%,x",
		"ap=54Mbit/s,total,,about,21,1%,x", "ap=54Mbit/s,total,,value,much,1%,x",
		"ap=54Mbit/s,total,,value,21,,x", "ap=54Mbit/s,total,,at-most,21,1%,x",
		"ap=54Mbit/s,total,,ratio,21,1%,x", "ap=54Mbit/s,total,ap=54Mbit/s,value,21,1%,x",
		"nothing,total,,value,21,1%,x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_non_null(file = fopen(path, "w"));
		fprintf(file, "scenario,measure,against,as,value,tolerance,source\n%s\n", bad[i]);
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
		cmocka_unit_test(one_access_point_has_what_the_air_allows),
		cmocka_unit_test(a_quiet_access_point_costs_its_timer),
		cmocka_unit_test(one_seed_gives_one_outcome),
		cmocka_unit_test(the_space_has_its_bounds),
		cmocka_unit_test(a_table_is_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
