/* Statistics against values computed elsewhere: NIST's Statistical Reference Datasets (univariate, certified
 * values at www.itl.nist.gov/div898/strd), R's data sets women and sleep with the output in R's own
 * documentation, tables of Student's t, and the binomial distribution that the bootstrap of zeros and ones
 * follows. */
#include "harness/record/stats.c"
#include "tests/unit/check.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void close_to(double got, double expected, double relative)
{
	if (!(fabs(got - expected) <= relative * fmax(fabs(expected), 1)))
		fail_msg("got %.15g, expected %.15g", got, expected);
}

/* Sets NumAcc2..4: `middle`, then 500 times `middle` - 0.1 and + 0.1. Certified: mean = middle, sd = 0.1. */
static void nist_alternating(double middle, double low, double high, double tolerance)
{
	double values[1001] = {middle};
	struct stats s;

	for (size_t i = 1; i < COUNT(values); i++)
		values[i] = i % 2 ? low : high;
	assert_int_equal(stats_describe(values, COUNT(values), 1, &s), 0);
	close_to(s.mean, middle, 1e-15);
	close_to(s.sd, 0.1, tolerance);
	close_to(s.median, middle, 1e-15);
}

static void nist_numerical_accuracy(void **state)
{
	(void)state;
	const double numacc1[] = {10000001, 10000003, 10000002};
	struct stats s;

	assert_int_equal(stats_describe(numacc1, 3, 1, &s), 0);
	close_to(s.mean, 10000002, 0);
	close_to(s.sd, 1, 0);
	nist_alternating(1.2, 1.1, 1.3, 1e-14);
	/* The decimals themselves are not exact in binary: NIST's own bound for doubles is about these
	 * digits. */
	nist_alternating(1000000.2, 1000000.1, 1000000.3, 1e-9);
	nist_alternating(10000000.2, 10000000.1, 10000000.3, 1e-8);
}

/* Set Mavro (50 values): mean 2.001856, sd 0.000429123454003053. */
static void nist_mavro(void **state)
{
	(void)state;
	const double mavro[] = {2.00180, 2.00170, 2.00180, 2.00190, 2.00180, 2.00170, 2.00150, 2.00140,
		2.00150, 2.00150, 2.00170, 2.00180, 2.00180, 2.00190, 2.00190, 2.00210, 2.00200, 2.00160,
		2.00140, 2.00130, 2.00130, 2.00150, 2.00150, 2.00160, 2.00150, 2.00140, 2.00130, 2.00140,
		2.00150, 2.00140, 2.00150, 2.00160, 2.00150, 2.00160, 2.00190, 2.00200, 2.00200, 2.00210,
		2.00220, 2.00230, 2.00240, 2.00250, 2.00270, 2.00260, 2.00260, 2.00260, 2.00270, 2.00260,
		2.00250, 2.00240};
	struct stats s;

	assert_int_equal(COUNT(mavro), 50);
	assert_int_equal(stats_describe(mavro, COUNT(mavro), 1, &s), 0);
	close_to(s.mean, 2.001856, 1e-14);
	close_to(s.sd, 0.000429123454003053, 1e-14);
}

/* R: summary(women): height 58.0 61.5 65.0 65.0 68.5 72.0; weight 115.0 124.5 135.0 136.7 148.0 164.0. */
static void r_quartiles(void **state)
{
	(void)state;
	const double weight[] = {164, 159, 154, 150, 146, 142, 139, 135, 132, 129, 126, 123, 120, 117, 115};
	double height[15];
	struct stats s;

	for (int i = 0; i < 15; i++)
		height[i] = 58 + i;
	assert_int_equal(stats_describe(weight, 15, 1, &s), 0);
	close_to(s.min, 115, 0);
	close_to(s.q1, 124.5, 0);
	close_to(s.median, 135, 0);
	close_to(round(10 * s.mean), 1367, 0);
	close_to(s.q3, 148, 0);
	close_to(s.max, 164, 0);
	assert_int_equal(stats_describe(height, 15, 1, &s), 0);
	close_to(s.q1, 61.5, 0);
	close_to(s.q3, 68.5, 0);
	double even[] = {4, 1, 3, 2};
	close_to(stats_median(even, 4), 2.5, 0);
}

static void few_values(void **state)
{
	(void)state;
	const double one[] = {9.41};
	struct stats s;

	assert_int_equal(stats_describe(NULL, 0, 1, &s), 0);
	assert_int_equal(s.n, 0);
	assert_true(isnan(s.mean) && isnan(s.sd) && isnan(s.median) && isnan(s.min) && isnan(s.ci95_low));
	assert_int_equal(stats_describe(one, 1, 1, &s), 0);
	close_to(s.mean, 9.41, 0);
	close_to(s.median, 9.41, 0);
	assert_true(isnan(s.sd) && isnan(s.ci95_low) && isnan(s.ci95_high));
}

/* The resampled mean of 50 zeros and 50 ones is binomial: R's qbinom(c(.025, .975), 100, .5) is 40 and 60. */
static void bootstrap_is_binomial(void **state)
{
	(void)state;
	double values[100];
	struct stats s, again, other;

	for (size_t i = 0; i < 100; i++)
		values[i] = i % 2 ? 1 : 0;
	assert_int_equal(stats_describe(values, 100, 7, &s), 0);
	assert_true(s.ci95_low > 0.389 && s.ci95_low < 0.411);
	assert_true(s.ci95_high > 0.589 && s.ci95_high < 0.611);
	assert_int_equal(stats_describe(values, 100, 7, &again), 0);
	assert_memory_equal(&s, &again, sizeof s);
	const double uneven[] = {1, 2, 4, 8, 16, 32, 64};
	assert_int_equal(stats_describe(uneven, 7, 7, &s), 0);
	assert_int_equal(stats_describe(uneven, 7, 8, &other), 0);
	assert_true(s.ci95_low > 1 && s.ci95_high < 64);
	assert_true(memcmp(&s, &other, sizeof s) != 0); /* the seed matters */
}

static void equal_values_have_no_spread(void **state)
{
	(void)state;
	const double values[] = {9.55, 9.55, 9.55};
	struct stats s;

	assert_int_equal(stats_describe(values, 3, 1, &s), 0);
	close_to(s.sd, 0, 1e-15);
	close_to(s.ci95_low, 9.55, 1e-15);
	close_to(s.ci95_high, 9.55, 1e-15);
}

/* Printed tables: t at 0.975, and one each at 0.95 and 0.995. */
static void student_table(void **state)
{
	(void)state;
	const double table[][2] = {
		{1, 12.706}, {2, 4.303}, {3, 3.182}, {5, 2.571}, {10, 2.228}, {30, 2.042}, {120, 1.980}};

	for (size_t i = 0; i < COUNT(table); i++)
		close_to(stats_t_quantile(0.975, table[i][0]), table[i][1], 0.0005 / table[i][1]);
	close_to(stats_t_quantile(0.95, 7), 1.895, 0.0005);
	close_to(stats_t_quantile(0.995, 20), 2.845, 0.0005);
	close_to(stats_t_quantile(0.975, 1e7), 1.959964, 1e-6);
}

/* R: t.test(extra ~ group, data = sleep): t = -1.8608, df = 17.776, interval -3.3654832 to 0.2054832. */
static void welch_sleep(void **state)
{
	(void)state;
	const double first[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
	const double second[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
	struct stats a, b;

	assert_int_equal(stats_describe(first, 10, 1, &a), 0);
	assert_int_equal(stats_describe(second, 10, 1, &b), 0);
	struct stats_term terms[] = {{1, a.sd, 10}, {-1, b.sd, 10}};
	double half = stats_welch_half_width(terms, 2);
	close_to(a.mean - b.mean - half, -3.3654832, 1e-7);
	close_to(a.mean - b.mean + half, 0.2054832, 1e-7);
	terms[1].n = 1;
	assert_true(isnan(stats_welch_half_width(terms, 2)));
	struct stats_term still[] = {{1, 0, 3}, {-1, 0, 60}};
	close_to(stats_welch_half_width(still, 2), 0, 0);
}

/* R, the same call: p-value = 0.07939. One sample, R: t.test(sleep$extra[1:10], mu = 0): t = 1.3257, df = 9,
 * p-value = 0.2176. */
static void welch_test_sleep(void **state)
{
	(void)state;
	const double first[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
	struct stats s;

	assert_int_equal(stats_describe(first, 10, 1, &s), 0);
	struct stats_group a = {s.mean, s.sd, 10}, b = {2.33, 2.002249, 10}, zero = {0, 0, 0};
	struct stats_test test = stats_welch(a, b);
	close_to(test.t, -1.8608, 5e-5);
	close_to(test.df, 17.776, 5e-4);
	close_to(test.p, 0.07939, 5e-6);
	test = stats_welch(a, zero);
	close_to(test.t, 1.3257, 5e-5);
	close_to(test.df, 9, 1e-12);
	close_to(test.p, 0.2176, 5e-5);
	struct stats_group one = {1, NAN, 1}, still = {9.55, 0, 3}, fixed = {9.41, 0, 60};
	assert_true(isnan(stats_welch(one, zero).p));
	assert_true(isnan(stats_welch(still, fixed).p)); /* no spread: nothing to test by */
}

/* M. Borenstein, L. V. Hedges and others, Introduction to Meta-Analysis (2009), chapter 4: means 103 and 100,
 * standard deviations 5.5 and 4.5, 50 each: d = 0.5970, g = 0.5924. The factor for m degrees of freedom is
 * c4(m) sqrt((m - 1) / m), with the c4 of control charts' tables: 0.7979 for 2, 0.9727 for 10. */
static void hedges_g(void **state)
{
	(void)state;
	struct stats_group a = {103, 5.5, 50}, b = {100, 4.5, 50};

	close_to(stats_hedges_g(a, b), 0.5924, 5e-5);
	close_to(stats_hedges_g(b, a), -0.5924, 5e-5);
	struct stats_group unit = {1, 1, 3}, constant = {0, 0, 0}, single = {1, NAN, 1}, still = {1, 0, 3};
	close_to(stats_hedges_g(unit, constant), 0.7979 * sqrt(1.0 / 2), 5e-5);
	unit.n = 11;
	close_to(stats_hedges_g(unit, constant), 0.9727 * sqrt(9.0 / 10), 5e-5);
	assert_true(isnan(stats_hedges_g(single, constant)));
	assert_true(isnan(stats_hedges_g(still, constant)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nist_numerical_accuracy),
		cmocka_unit_test(nist_mavro),
		cmocka_unit_test(r_quartiles),
		cmocka_unit_test(few_values),
		cmocka_unit_test(bootstrap_is_binomial),
		cmocka_unit_test(equal_values_have_no_spread),
		cmocka_unit_test(student_table),
		cmocka_unit_test(welch_sleep),
		cmocka_unit_test(welch_test_sleep),
		cmocka_unit_test(hedges_g),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
