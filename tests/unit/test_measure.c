/* Measures and templates: numbers out of JSON, names into text. */
#include "harness/experiment/names.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

#include "harness/trial/measures.h"
#include "lib/base/error.h"

static const struct measure window = {.name = "receiver",
	.kind = MEASURE_SERIES,
	.program = "server",
	.path = "intervals",
	.from = "sum.start",
	.to = "sum.end",
	.amount = "sum.bytes",
	.window = {0.9, 10.1},
	.scale = 8e-6};

/* Ten intervals of a second that carry i million bytes each, and the long tail that MPTCP's slow end adds. */
static json_t *iperf(void)
{
	json_t *list = json_array();
	for (int i = 0; i < 11; i++)
		json_array_append_new(list, json_pack("{s:{s:f, s:f, s:i}}", "sum", "start", (double)i, "end",
						    i < 10 ? i + 1.0 : 12.5, "bytes", i * 1000000));
	return json_pack("{s:o}", "intervals", list);
}

static void the_published_window(void **state)
{
	(void)state;
	json_t *document = iperf();
	double value;
	char *error = NULL;
	assert_int_equal(measure_value(&window, document, &value, &error), 0);
	/* Intervals 1..9 of 0..10: 45 million bytes in 9 s. */
	assert_true(value > 39.9999 && value < 40.0001);
	json_decref(document);
}

static void an_empty_window_is_an_error(void **state)
{
	(void)state;
	json_t *document = json_pack(
		"{s:[{s:{s:f, s:f, s:i}}]}", "intervals", "sum", "start", 0.0, "end", 1.0, "bytes", 5);
	double value;
	char *error = NULL;
	assert_int_equal(measure_value(&window, document, &value, &error), -1);
	assert_non_null(strstr(error, "no item of `intervals` lies between 0.9 s and 10.1 s"));
	free(error);
	json_decref(document);
}

static json_t *item(double from, double to, int bytes, bool omitted)
{
	return json_pack("{s:{s:f, s:f, s:f, s:i, s:b}}", "sum", "start", from, "end", to, "seconds",
		to - from, "bytes", bytes, "omitted", (int)omitted);
}

/* iperf3 -O 2: the clock begins anew when the omitted time is over. What it says of that time is slow start. */
static void omitted_items_do_not_count(void **state)
{
	(void)state;
	json_t *list = json_array();
	for (int i = 0; i < 2; i++)
		json_array_append_new(list, item(i, i + 1, 100000, true));
	for (int i = 0; i < 4; i++)
		json_array_append_new(list, item(i, i + 1, 1000000, false));
	/* As its server prints the first one of the new clock: a start of the old one. */
	json_object_set_new(json_object_get(json_array_get(list, 2), "sum"), "start", json_real(0.99999));
	json_t *document = json_pack("{s:o}", "intervals", list);
	double value = 0;
	char *error = NULL;
	assert_int_equal(measure_value(&window, document, &value, &error), 0);
	assert_true(value > 7.9999 && value < 8.0001);
	json_decref(document);
}

static void items_that_overlap_are_refused(void **state)
{
	(void)state;
	json_t *list = json_array();
	for (int i = 0; i < 4; i++)
		json_array_append_new(list, item(i % 2 + 1, i % 2 + 2, 1000000, false));
	json_t *document = json_pack("{s:o}", "intervals", list);
	double value = 42;
	char *error = NULL;
	assert_int_equal(measure_value(&window, document, &value, &error), -1);
	assert_non_null(strstr(error, "overlap in time: 1 to 2 s and 1 to 2 s"));
	assert_true(value == 42);
	free(error);
	json_decref(document);
}

static void a_value_by_its_path(void **state)
{
	(void)state;
	struct measure m = {.name = "m",
		.kind = MEASURE_VALUE,
		.program = "p",
		.path = "end.streams.1.rate",
		.scale = 0.5};
	json_t *document = json_pack("{s:{s:[{s:i}, {s:i}]}}", "end", "streams", "rate", 1, "rate", 6);
	double value;
	char *error = NULL;
	assert_int_equal(measure_value(&m, document, &value, &error), 0);
	assert_true(value == 3.0);
	m.path = "end.streams.2.rate";
	assert_int_equal(measure_value(&m, document, &value, &error), -1);
	assert_string_equal(error, "its output has no number at `end.streams.2.rate`");
	free(error);
	json_decref(document);
}

static const char *lookup(void *context, const char *name, char **error)
{
	(void)context;
	if (strcmp(name, "host") == 0)
		return "10.0.3.1";
	error_set(error, "nothing is called %s", name);
	return NULL;
}

static void templates(void **state)
{
	(void)state;
	struct pool *pool = pool_new();
	char *error = NULL;
	assert_string_equal(template_expand(pool, "map ${host}:80 $$5 $x", lookup, NULL, &error),
		"map 10.0.3.1:80 $5 $x");
	assert_string_equal(template_expand(pool, "", lookup, NULL, &error), "");
	assert_null(template_expand(pool, "a ${nobody} b", lookup, NULL, &error));
	assert_string_equal(error, "nothing is called nobody");
	assert_null(template_expand(pool, "a ${host", lookup, NULL, &error));
	assert_string_equal(error, "`${` without `}` in `a ${host`");
	assert_null(template_expand(pool, "${}", lookup, NULL, &error));
	free(error);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_window),
		cmocka_unit_test(an_empty_window_is_an_error),
		cmocka_unit_test(omitted_items_do_not_count),
		cmocka_unit_test(items_that_overlap_are_refused),
		cmocka_unit_test(a_value_by_its_path),
		cmocka_unit_test(templates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
