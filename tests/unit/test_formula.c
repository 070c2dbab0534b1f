/* Formulas: what they are worth, and what is said of those that are none. */
#include "lib/base/formula.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double lookup(void *context, const char *name)
{
	(void)context;
	return strcmp(name, "a") == 0          ? 3
	       : strcmp(name, "rate-2.x") == 0 ? 10
	       : strcmp(name, "zero") == 0     ? 0
					       : NAN;
}

static void is(const char *text, double wanted)
{
	struct pool *pool = pool_new();
	char *error = NULL;
	const struct formula *f = formula_parse(pool, text, &error);
	if (!f)
		fail_msg("%s: %s", text, error);
	double value = formula_value(f, lookup, NULL);
	if (isnan(wanted) ? !isnan(value) : !(fabs(value - wanted) < 1e-12))
		fail_msg("%s is %.15g, not %.15g", text, value, wanted);
	pool_free(pool);
}

static void values(void **state)
{
	(void)state;
	is("1 + 2 * 3", 7);
	is("(1 + 2) * 3", 9);
	is("10 - 4 - 3", 3);
	is("24 / 4 / 2", 3);
	is("2 ^ 3 ^ 2", 512);
	is("-2 ^ 2", -4);
	is("2 ^ -1", 0.5);
	is("--a", 3);
	is("benefit(30, 10, 20)", 1);
	is("benefit(20, 10, 20)", 0);
	is("benefit(25, 10, 20)", 0.5);
	is("benefit(5, 10, 20)", -0.75);
	is("benefit(0, 10, 20, 5)", -1);
	is("benefit(20, 20)", NAN); /* one path: nothing to sum */
	is("benefit(10, 20)", -0.5);
	is("benefit(a, zero, zero)", NAN);
	is("benefit(x, 10, 20)", NAN);
	is("benefit(10, x, 20)", NAN);
	is("1e3 * .5", 500);
	is("a * rate-2.x", 30);
	is("a - rate-2.x", -7);
	is("min(3, a - 1, 7)", 2);
	is("max(3, a + 1, 2)", 4);
	is("sqrt(16) + abs(-2) + log(exp(1)) + log10(100)", 9);
}

static void no_value_is_no_number(void **state)
{
	(void)state;
	is("1 / zero", NAN);
	is("sqrt(-1)", NAN);
	is("unknown + 1", NAN);
	is("max(1, unknown)", NAN);
	is("10 ^ 400", NAN);
}

static void faults(void **state)
{
	static const char *const cases[][2] = {{"", "ends too early"}, {"1 +", "ends too early"},
		{"(1", "a `)` is missing"}, {"1)", "nothing is expected here"},
		{"1 2", "nothing is expected here"}, {"sin(1)", "no such function"},
		{"sqrt(1, 2)", "takes one argument"}, {"1 + *", "is wanted here"},
		{"a $ b", "nothing is expected here"}, {"max()", "is wanted here"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pool *pool = pool_new();
		char *error = NULL;
		assert_null(formula_parse(pool, cases[i][0], &error));
		if (!strstr(error, cases[i][1]))
			fail_msg("`%s`: %s", cases[i][0], error);
		free(error);
		pool_free(pool);
	}
}

static void depth_is_bounded(void **state)
{
	char text[4096];
	char *error = NULL;
	struct pool *pool = pool_new();
	(void)state;
	memset(text, '(', 3000);
	text[3000] = 0;
	assert_null(formula_parse(pool, text, &error));
	free(error);
	error = NULL;
	memset(text, '-', 3000);
	assert_null(formula_parse(pool, text, &error));
	free(error);
	pool_free(pool);
}

static void names_once(void **state)
{
	const char *const *names;
	char *error = NULL;
	struct pool *pool = pool_new();
	(void)state;
	const struct formula *f = formula_parse(pool, "a + b * a / min(b, c)", &error);
	assert_non_null(f);
	assert_int_equal(formula_names(f, &names), 3);
	assert_string_equal(names[2], "c");
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(no_value_is_no_number),
		cmocka_unit_test(faults),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(names_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
