/* What simulators share: estimates, threads, options. */
#include "lib/sim/estimate.h"
#include "lib/sim/options.h"
#include "lib/sim/published.h"
#include "lib/sim/threads.h"
#include "tests/unit/check.h"
#include <getopt.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Half widths are the 0.975 quantile of Student's t times sd / sqrt(n). */
static void estimates_are_students(void **unused)
{
	double values[61];
	(void)unused;
	for (int i = 0; i < 61; i++)
		values[i] = i;
	struct estimate e = estimate(values, 2);
	assert_true(fabs(e.mean - 0.5) < 1e-12);
	assert_true(fabs(e.half - 6.353102) < 1e-3);
	e = estimate(values, 21);
	assert_true(fabs(e.mean - 10) < 1e-12);
	assert_true(fabs(e.half - 2.824407) < 1e-3);
	e = estimate(values, 61); /* beyond the table */
	assert_true(fabs(e.half - 4.546738) < 1e-3);
	assert_true(isnan(estimate(values, 1).half));
}

static void count_one(void *context, unsigned number)
{
	atomic_fetch_add(&((atomic_uint *)context)[number], 1);
}

static void each_number_is_taken_once(void **unused)
{
	static atomic_uint taken[10000];
	(void)unused;
	threads_each(7, 10000, count_one, taken);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(taken[i], i >= 7);
	threads_each(5, 5, count_one, taken);
	assert_int_equal(taken[5], 0);
}

struct asked {
	unsigned runs;
	uint64_t seed;
	const char *words;
	bool map;
	enum sim_format format;
};

static int ask(struct asked *asked, int argc, char **argv)
{
	const struct sim_option options[] = {{"runs", SIM_COUNT, &asked->runs, 1, 10},
		{"seed", SIM_SEED, &asked->seed, 0, INT64_MAX}, {"with", SIM_TEXT, &asked->words, 0, 0},
		{"map", SIM_FLAG, &asked->map, 0, 0}, {"format", SIM_FORMAT, &asked->format, 0, 0}, {0}};
	optind = 0; /* getopt begins anew */
	return sim_options("it", options, argc, argv);
}

#define ASK(asked, ...)                                                                                      \
	ask(asked, sizeof((char *[]){"it", __VA_ARGS__}) / sizeof(char *),                                   \
		(char *[]){"it", __VA_ARGS__, NULL})

static void options_fill_what_they_name(void **unused)
{
	struct asked a = {.runs = 5, .words = ""};
	(void)unused;
	assert_int_equal(
		ASK(&a, "--runs", "7", "one", "--map", "--format=csv", "--with", "x=1", "--seed", "9"),
		SIM_GO_ON);
	assert_true(a.runs == 7 && a.seed == 9 && a.map && a.format == SIM_CSV && !strcmp(a.words, "x=1"));
	assert_int_equal(ASK(&a, "--help"), SIM_HELP);
	assert_int_equal(ASK(&a, "--runs", "11"), 2);
	assert_int_equal(ASK(&a, "--runs", "0"), 2);
	assert_int_equal(ASK(&a, "--runs"), 2);
	assert_int_equal(ASK(&a, "--format", "json"), 2);
	assert_int_equal(ASK(&a, "--nonsense"), 2);
	assert_int_equal(a.runs, 7); /* nothing of these was taken */
}

static void a_word_that_is_none_is_told_the_others(void **unused)
{
	static const char *const names[] = {"less", "more", NULL};
	char *error = NULL;
	(void)unused;
	assert_int_equal(published_word("comparison", "more", names, &error), 1);
	assert_int_equal(published_word("comparison", "mor", names, &error), -1);
	assert_string_equal(error, "no comparison `mor`; there are less, more");
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(estimates_are_students),
		cmocka_unit_test(each_number_is_taken_once),
		cmocka_unit_test(options_fill_what_they_name),
		cmocka_unit_test(a_word_that_is_none_is_told_the_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
