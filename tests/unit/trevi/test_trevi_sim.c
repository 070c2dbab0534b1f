/* Trevi as a transport of the fabric's simulator: incast beside TCP's collapse, the same run twice, every flow ends, many paths are no harm. */
#include "lib/fabric/measure.h"
#include "lib/fabric/run.h"
#include "nodes/trevi/sim/transports.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct outcome run(const char *text, uint64_t seed)
{
	struct scenario scenario;
	struct outcome outcome;
	struct world world;
	char *error = NULL;

	if (fabric_parse(&scenario, trevi_transports, text, &error) < 0 ||
		fabric_open(&world, &scenario, seed, &error) < 0)
		fail_msg("%s", error);
	fabric_run(&world);
	world.transport->count(&world);
	fabric_measure_world(&world, &outcome, NULL, 0);
	fabric_close(&world);
	return outcome;
}

static double mean(const char *text, enum measure measure)
{
	double sum = 0;

	for (uint64_t seed = 1; seed <= 5; seed++)
		sum += run(text, seed).values[measure];
	return sum / 5;
}

/* 1 MiB of 8 and 16 servers over 1 Gbit/s and a queue of 20 packets: no symbol too many, a round trip, and little more. */
#define STAR8 "incast:8 topology=star:9 rate=1Gbit/s delay=25us buffer=20 size=131072"
#define STAR16 "incast:16 topology=star:17 rate=1Gbit/s delay=25us buffer=20 size=65536"

static void incast_does_not_collapse(void **state)
{
	(void)state;
	assert_true(mean(STAR8 " mtu=1400", MEASURE_OVER) < 0.02);
	assert_true(mean(STAR16 " mtu=1400", MEASURE_OVER) < 0.02);
	/* Nine round trips in all, of which finding the window takes three. */
	assert_true(mean("incast:16 topology=star:17 rate=10Gbit/s delay=25us buffer=20 size=65536 mtu=1400",
			    MEASURE_OVER) < 0.7);
	assert_true(mean(STAR16 " mtu=1448 transport=tcp code=mended rto=200ms rto-least=200ms",
			    MEASURE_OVER) > 5);
}

static void the_same_again(void **state)
{
	(void)state;
	struct outcome a = run(STAR16 " mtu=1400", 7), b = run(STAR16 " mtu=1400", 7);
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(a.values[MEASURE_END] != run(STAR16 " mtu=1400", 8).values[MEASURE_END]);
}

/* Flows of one packet, of a part of a tract, of several tracts. */
static void every_flow_ends(void **state)
{
	static const char *const sizes[] = {"1", "90KB", "5MB"};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char text[128];
		snprintf(text, sizeof text, "permutation hosts=16 buffer=8 size=%s", sizes[i]);
		assert_true(run(text, 1).values[MEASURE_UNFINISHED] == 0);
	}
}

/* Order does not matter: with each symbol on a path of its own no less is there than with one path per flow. */
static void paths_are_no_harm(void **state)
{
	(void)state;
	double sprayed = mean("permutation hosts=16 length=20ms measure=10ms", MEASURE_MEAN),
	       alone = mean("permutation hosts=16 length=20ms measure=10ms spray=flow", MEASURE_MEAN);
	assert_true(sprayed > alone);
}

static void what_is_none_of_its_words(void **state)
{
	struct scenario scenario;
	char *error = NULL;

	(void)state;
	assert_int_equal(fabric_parse(&scenario, trevi_transports, "incast:3 bounce=no", &error), -1);
	assert_non_null(strstr(error, "transport=trevi has none"));
	free(error);
	error = NULL;
	assert_int_equal(fabric_parse(&scenario, trevi_transports, "incast:3 transport=ndp", &error), -1);
	assert_non_null(strstr(error, "there are trevi, tcp,"));
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(incast_does_not_collapse),
		cmocka_unit_test(the_same_again),
		cmocka_unit_test(every_flow_ends),
		cmocka_unit_test(paths_are_no_harm),
		cmocka_unit_test(what_is_none_of_its_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
