/* The laws of blind guesses and floods, and what an attack may know. */
#include "nodes/threats/forge.h"
#include "nodes/threats/law.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void published_example(void **state)
{
	(void)state;
	/* D1.1, p. 31: "699050". */
	assert_int_equal((int)law_published_packets(16384, 4000, 1500), 699050);
	assert_true(fabs(law_published_hit(16384) - 16384 / 4294967296.0 / 2) < 1e-18);
}

static void regions(void **state)
{
	(void)state;
	/* 16 KB both ways and 4,000 ports: 1.4e14 segments (the corrected figure). */
	struct law_region r = law_region(16384, 16384, 1e6, 0);
	double packets = law_packets(law_hit(&r, 0, 0), 4000);
	assert_true(packets > 1.36e14 && packets < 1.38e14);
	/* Acknowledgements reach no further back than the connection. */
	r = law_region(1e6, 1e6, 5000, 100);
	assert_true(r.acknowledgement == 5101 && r.sequence == 1e6 + 1);
	assert_true(law_hit(&r, 1, 1) == 1);
	assert_true(fabs(law_hit(&r, 1, 0) - 5101 / 4294967296.0) < 1e-15);
	assert_true(fabs(law_hit(&r, 0, 1) - 1000001 / 4294967296.0) < 1e-15);
	assert_true(law_packets(0.5, 1) == 2);
}

static void floods(void **state)
{
	(void)state;
	/* 40 joins at 5,000 a second: 36.3, 31.3, 24.5, 15.1 of them survive at 20, 50, 100, 200 ms. */
	static const double expected[][2] = {{100, 36.28}, {250, 31.33}, {500, 24.54}, {1000, 15.06}};
	for (unsigned i = 0; i < 4; i++)
		assert_true(fabs(40 * law_join_survival(expected[i][0]) - expected[i][1]) < 0.01);
	assert_int_equal(law_half_open(20000, 4096), 4097);
	assert_int_equal(law_half_open(50, 100), 50);
	assert_int_equal(law_half_open(101, 100), 101);
}

static void intervals(void **state)
{
	(void)state;
	double low, high;
	law_interval(20, 20, &low, &high);
	assert_true(fabs(low - 0.8389) < 1e-4 && high == 1);
	law_interval(0, 20, &low, &high);
	assert_true(low == 0 && fabs(high - 0.1611) < 1e-4);
	law_interval(10, 20, &low, &high);
	assert_true(fabs(low - 0.2993) < 1e-4 && fabs(high - 0.7007) < 1e-4);
	law_interval(0, 0, &low, &high);
	assert_true(low == 0 && high == 1);
}

static void knowledge_is_named(void **state)
{
	(void)state;
	unsigned knows;
	char *error = NULL;
	assert_int_equal(knowledge_read("nothing", &knows, &error), 0);
	assert_int_equal(knows, 0);
	assert_int_equal(knowledge_read("tuple,keys", &knows, &error), 0);
	assert_int_equal(knows, KNOWS_TUPLE | KNOWS_KEYS);
	static const char *const bad[] = {"", "tuple,", "key", "tuple keys", ",tuple", "nothing,tuple"};
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(knowledge_read(bad[i], &knows, &error), -1);
		assert_non_null(strstr(error, "is no knowledge"));
	}
	free(error);
}

static void scenarios_need(void **state)
{
	(void)state;
	char *error = NULL;
	enum scenario_id id;
	unsigned numbers = KNOWS_TUPLE | KNOWS_SEQUENCE | KNOWS_ACKNOWLEDGEMENT;
	assert_int_equal(scenario_named("eavesdrop", &id, &error), 0);
	assert_int_equal(knowledge_check(id, 0, &error), -1);
	assert_string_equal(error, "eavesdrop needs keys; add it to --knows");
	assert_int_equal(knowledge_check(id, KNOWS_KEYS | KNOWS_TOKEN, &error), -1);
	assert_string_equal(error, "eavesdrop has no use for token; take it out of --knows");
	assert_int_equal(knowledge_check(SCENARIO_ANNOUNCE, numbers, &error), 0);
	assert_int_equal(knowledge_check(SCENARIO_TAKEOVER, numbers, &error), -1);
	assert_int_equal(scenario_named("ddos", &id, &error), -1);
	assert_non_null(strstr(error, "takeover"));
	/* What needs least is played with nothing. */
	assert_int_equal(knowledge_check(SCENARIO_AMPLIFY, 0, &error), 0);
	assert_int_equal(form_needs(FORM_ECHO), 0);
	assert_int_equal(form_needs(FORM_LEFT), KNOWS_KEYS);
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(published_example), cmocka_unit_test(regions),
		cmocka_unit_test(floods), cmocka_unit_test(intervals), cmocka_unit_test(knowledge_is_named),
		cmocka_unit_test(scenarios_need)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
