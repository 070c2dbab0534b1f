/* Quantiles: ranks against their definition, intervals by ranks against the tables of the binomial distribution
 * (W. J. Conover, Practical Nonparametric Statistics, table A3), and the bootstrap over trials against one that pools and
 * sorts every resample anew. */
#include "harness/record/quantiles.h"
#include "harness/record/stats.h"
#include "lib/base/draw.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct quantiles *of_one(size_t n)
{
	double *values = calloc(n + 1, sizeof *values);

	for (size_t i = 0; i < n; i++)
		values[i] = (double)(n - i); /* n..1: sorting is not ours to do */
	struct sample_list list = {values, n};
	struct quantiles *q = quantiles_new(&list, 1);
	assert_non_null(q);
	free(values);
	return q;
}

/* The least sample that at least a part p of all does not exceed. */
static void order_statistics(void **state)
{
	(void)state;
	static const struct {
		size_t n;
		double p, expected;
	} cases[] = {
		{1, 0.5, 1},
		{2, 0.5, 1},
		{3, 0.5, 2},
		{4, 0.5, 2},
		{10, 0.9, 9},
		{10, 0.91, 10},
		{100, 0.99, 99},
		{100, 0.999, 100},
		{1000, 0.999, 999},
		{1001, 0.999, 1000},
		{100, 0.07, 7},
		{100, 0.29, 29},
		{1000000, 0.999, 999000},
		{10, 1, 10},
		{10, 1e-9, 1},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct quantiles *q = of_one(cases[i].n);
		if (quantiles_at(q, cases[i].p) != cases[i].expected)
			fail_msg("n %zu, p %g: %g", cases[i].n, cases[i].p, quantiles_at(q, cases[i].p));
		quantiles_free(q);
	}
	struct quantiles *none = of_one(0);
	struct quantile out = {.p = 0.5};
	assert_true(isnan(quantiles_at(none, 0.5)));
	assert_int_equal(quantiles_fill(none, 10, 1, &out, 1), 0);
	assert_true(isnan(out.value) && isnan(out.low) && isnan(out.high));
	assert_int_equal(quantiles_trials(none), 0);
	quantiles_free(none);
}

static void same(double got, double expected)
{
	if (!(got == expected || (isnan(got) && isnan(expected))))
		fail_msg("got %g, expected %g", got, expected);
}

/* For the median of n the ranks r and n + 1 - r of Conover's table; 0.9 of 100: P(B <= 83) = 0.0206 and
 * P(B >= 96) = 0.0237 are the first within 2.5 %. Open: 0.5^5 > 2.5 %; 0.999^3687 > 2.5 % >= 0.999^3688. */
static void intervals_by_ranks(void **state)
{
	(void)state;
	static const struct {
		size_t n;
		double p, low, high;
	} cases[] = {
		{5, 0.5, NAN, NAN},
		{6, 0.5, 1, 6},
		{10, 0.5, 2, 9},
		{20, 0.5, 6, 15},
		{100, 0.5, 40, 61},
		{100, 0.9, 84, 96},
		{3687, 0.999, 3679, NAN},
		{3688, 0.999, 3679, 3688},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct quantiles *q = of_one(cases[i].n);
		struct quantile out = {.p = cases[i].p};
		assert_int_equal(quantiles_fill(q, 1000, 1, &out, 1), 0);
		assert_false(quantiles_resampled(q));
		if (cases[i].n < 3000)
			same(out.low, cases[i].low);
		same(out.high, cases[i].high);
		quantiles_free(q);
	}
	assert_true(fabs(stats_binomial_tail(10, 0.5, 9) - 11.0 / 1024) < 1e-12);
	assert_true(fabs(stats_binomial_tail(100, 0.9, 96) - 0.023711) < 1e-6);
	assert_true(stats_binomial_tail(10, 0.5, 0) == 1 && stats_binomial_tail(10, 0.5, 11) == 0);
	/* The middle of a large one: half, but for half of the most likely count. */
	assert_true(fabs(stats_binomial_tail(1e6, 0.5, 5e5) - 0.5 -
			    0.5 * sqrt(2 / (3.14159265358979 * 1e6))) < 1e-6);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The same draws; every resample is put together and sorted. */
static void by_hand(const struct sample_list *trials, size_t count, unsigned resamples, uint64_t seed,
	struct quantile *out)
{
	double *found = calloc(resamples, sizeof *found);

	for (unsigned r = 0; r < resamples; r++) {
		double *pool = NULL;
		size_t n = 0;
		for (size_t i = 0; i < count; i++) {
			const struct sample_list *t = &trials[draw_below(&seed, count)];
			pool = reallocarray(pool, n + t->count, sizeof *pool);
			memcpy(pool + n, t->values, t->count * sizeof *pool);
			n += t->count;
		}
		qsort(pool, n, sizeof *pool, ascending);
		size_t rank = (size_t)ceil(out->p * (double)n - 1e-9);
		found[r] = pool[rank - 1];
		free(pool);
	}
	qsort(found, resamples, sizeof *found, ascending);
	out->low = found[(size_t)(0.025 * resamples) - 1];
	out->high = found[(size_t)(0.975 * resamples) - 1];
	free(found);
}

/* Trials of different sizes, with ties, in one block and in many. */
static void bootstrap_over_trials(void **state)
{
	(void)state;
	static const size_t sizes[][3] = {{40, 60, 50}, {900, 700, 1500}};
	uint64_t random = 5;

	for (size_t s = 0; s < COUNT(sizes); s++) {
		struct sample_list trials[4];
		for (size_t t = 0; t < 3; t++) {
			double *values = calloc(sizes[s][t], sizeof *values);
			for (size_t i = 0; i < sizes[s][t]; i++)
				values[i] = (double)(draw_below(&random, 400) + 50 * t);
			trials[t] = (struct sample_list){values, sizes[s][t]};
		}
		trials[3] = (struct sample_list){NULL, 0}; /* is no trial of theirs */
		struct quantiles *q = quantiles_new(trials, 4);
		assert_int_equal(quantiles_trials(q), 3);
		assert_true(quantiles_resampled(q));
		static const double p[] = {0.5, 0.1, 0.9};
		struct quantile out[COUNT(p)], again[COUNT(p)];
		for (size_t i = 0; i < COUNT(p); i++)
			out[i].p = again[i].p = p[i];
		assert_int_equal(quantiles_fill(q, 2000, 7, out, COUNT(p)), 0);
		assert_int_equal(quantiles_fill(q, 2000, 7, again, COUNT(p)), 0);
		for (size_t i = 0; i < COUNT(p); i++) {
			struct quantile expected = {.p = p[i]};
			by_hand(trials, 3, 2000, 7, &expected);
			same(out[i].low, expected.low);
			same(out[i].high, expected.high);
			same(again[i].low, out[i].low);
			same(again[i].high, out[i].high);
			assert_true(out[i].low <= out[i].value && out[i].value <= out[i].high);
		}
		quantiles_free(q);
		for (size_t t = 0; t < 3; t++)
			free((void *)trials[t].values);
	}
}

/* Three trials of 100: nothing bounds their p99.9 from above, however they are drawn. */
static void too_few_samples_leave_an_end_open(void **state)
{
	(void)state;
	struct sample_list trials[3];
	struct quantile out[2] = {{.p = 0.999}, {.p = 0.5}};

	for (size_t t = 0; t < 3; t++) {
		double *values = calloc(100, sizeof *values);
		for (size_t i = 0; i < 100; i++)
			values[i] = (double)(3 * i + t);
		trials[t] = (struct sample_list){values, 100};
	}
	struct quantiles *q = quantiles_new(trials, 3);
	assert_int_equal(quantiles_fill(q, 1000, 1, out, 2), 0);
	assert_true(out[0].value == 299 && out[0].low > 290 && isnan(out[0].high));
	assert_true(out[1].low <= 149 && out[1].high >= 149);
	quantiles_free(q);
	for (size_t t = 0; t < 3; t++)
		free((void *)trials[t].values);
}

/* More trials than a block has samples: the counts of the blocks stay as large as the samples. */
static void a_thousand_trials(void **state)
{
	(void)state;
	enum { TRIALS = 1000 };
	struct sample_list *trials = calloc(TRIALS, sizeof *trials);
	double values[2 * TRIALS];
	struct quantile out = {.p = 0.5};
	size_t count;

	for (size_t t = 0; t < TRIALS; t++) {
		values[2 * t] = (double)t;
		values[2 * t + 1] = (double)(TRIALS + t);
		trials[t] = (struct sample_list){values + 2 * t, 2};
	}
	struct quantiles *q = quantiles_new(trials, TRIALS);
	const double *all = quantiles_samples(q, &count);
	assert_int_equal(count, 2 * TRIALS);
	for (size_t i = 0; i < count; i++)
		assert_true(all[i] == (double)i);
	assert_int_equal(quantiles_fill(q, 200, 3, &out, 1), 0);
	assert_true(out.value == TRIALS - 1 && out.low >= TRIALS - 100 && out.high <= TRIALS + 100);
	quantiles_free(q);
	free(trials);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_statistics),
		cmocka_unit_test(intervals_by_ranks),
		cmocka_unit_test(bootstrap_over_trials),
		cmocka_unit_test(too_few_samples_leave_an_end_open),
		cmocka_unit_test(a_thousand_trials),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
