/* Standing: verdicts and means so far. */
#include "harness/run/standing.h"
#include "tests/unit/check.h"
#include <math.h>
#include <string.h>

static struct procedure procedures[] = {{.name = "nat"}, {.name = "tcp"}};
static struct configuration configurations[] = {{.name = "plain"}, {.name = "lossy"}};
static struct measure measures[] = {{.name = "goodput", .unit = "mbps"}};

static struct experiment made(size_t count)
{
	return (struct experiment){.configurations = configurations,
		.configurations_count = count,
		.procedures = procedures,
		.procedures_count = 2,
		.measures = measures,
		.measures_count = 1};
}

static void nothing_has_ended(void **state)
{
	(void)state;
	struct experiment e = made(1);
	struct standing *s = standing_new(&e);
	char text[240];
	assert_string_equal(standing_text(s, text, sizeof text), "");
	standing_free(s);
	assert_string_equal(standing_text(NULL, text, sizeof text), "");
}

static void means_are_of_trials_that_count(void **state)
{
	(void)state;
	struct experiment e = made(1);
	struct standing *s = standing_new(&e);
	char text[240];
	standing_add(s, 0, 0, TRIAL_VALID, 18);
	standing_add(s, 0, 0, TRIAL_SUSPECT, 19);
	standing_add(s, 0, 0, TRIAL_INVALID, 1);
	standing_add(s, 0, 1, TRIAL_FAILED, NAN);
	assert_string_equal(standing_text(s, text, sizeof text),
		"1 valid, 1 suspect, 1 invalid, 1 failed; nat 18.50 Mbit/s");
	standing_add(s, 0, 1, TRIAL_VALID, 9.5);
	assert_string_equal(standing_text(s, text, sizeof text),
		"2 valid, 1 suspect, 1 invalid, 1 failed; nat 18.50, tcp 9.50 Mbit/s");
	standing_free(s);
}

static void the_last_configuration_is_shown(void **state)
{
	(void)state;
	struct experiment e = made(2);
	struct standing *s = standing_new(&e);
	char text[240], little[16];
	standing_add(s, 0, 0, TRIAL_VALID, 1234.5);
	standing_add(s, 1, 1, TRIAL_VALID, 0.01234);
	assert_string_equal(standing_text(s, text, sizeof text), "2 valid; lossy: tcp 0.0123 Mbit/s");
	standing_add(s, 0, 1, TRIAL_VALID, 123.45);
	assert_string_equal(
		standing_text(s, text, sizeof text), "3 valid; plain: nat 1234, tcp 123.5 Mbit/s");
	assert_string_equal(standing_text(s, little, sizeof little), "3 valid; plain:"); /* cut */
	json_t *json = standing_json(s);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "verdicts"), "valid")), 3);
	assert_int_equal(json_array_size(json_object_get(json, "means")), 3);
	json_decref(json);
	standing_free(s);
}

static void records_come_in_the_order_of_their_ends(void **state)
{
	(void)state;
	struct experiment e = made(2);
	double first = 5, second = 7;
	/* By cell, as they are loaded; the first cell's ended last. */
	struct record items[] = {{.line = 2, .configuration = 0, .procedure = 0, .measures = &second},
		{.line = 1, .configuration = 1, .procedure = 0, .measures = &first}};
	struct records records = {.items = items, .count = 2};
	struct standing *s = standing_new(&e);
	char text[240];
	standing_add_records(s, &records);
	assert_string_equal(standing_text(s, text, sizeof text), "2 valid; plain: nat 7.00 Mbit/s");
	standing_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_has_ended),
		cmocka_unit_test(means_are_of_trials_that_count),
		cmocka_unit_test(the_last_configuration_is_shown),
		cmocka_unit_test(records_come_in_the_order_of_their_ends)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
