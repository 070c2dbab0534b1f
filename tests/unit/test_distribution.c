/* Distributions over the points of a design: percentiles, shares, the worst, pairs; points without a value are left out. */
#include "harness/cells/distribution.h"
#include "tests/unit/check.h"
#include <math.h>
#include <string.h>

enum { POINTS = 6, PROCEDURES = 2 };

static const double factors[POINTS][1] = {{10}, {20}, {30}, {40}, {50}, {60}};
static struct design_point points[POINTS];
static struct configuration configurations[POINTS];
static struct procedure procedures[PROCEDURES] = {{.name = "a"}, {.name = "b"}};
static struct measure measures[1] = {{.name = "score", .unit = "1"}};
static struct cell table[POINTS * PROCEDURES];
static const char *names[POINTS] = {"p0", "p1", "p2", "p3", "p4", "p5"};
static struct experiment experiment = {.name = "e",
	.configurations = configurations,
	.configurations_count = POINTS,
	.points = points,
	.points_count = POINTS,
	.procedures = procedures,
	.procedures_count = PROCEDURES,
	.measures = measures,
	.measures_count = 1};
static struct cells cells = {
	.experiment = &experiment, .cells = table, .count = POINTS * PROCEDURES, .folder = "/nowhere"};

static void fill(const double a[POINTS], const double b[POINTS])
{
	measures[0].less = false;
	for (size_t i = 0; i < POINTS; i++) {
		points[i] = (struct design_point){names[i], i < 4 ? "one" : "two", factors[i]};
		configurations[i].name = names[i];
		for (size_t p = 0; p < PROCEDURES; p++)
			table[i * PROCEDURES + p] = (struct cell){
				.configuration = i, .procedure = p, .stats = {.median = p ? b[i] : a[i]}};
	}
}

static void shape(void **state)
{
	struct pool *pool = pool_new();
	(void)state;
	fill((const double[]){0.5, -0.2, 0.9, NAN, 0.1, 0.7}, (const double[]){1, 1, 1, 1, 1, 1});
	struct distribution d = distribution_of(pool, &cells, 0, NULL);
	assert_int_equal(d.n, 5);
	assert_int_equal(d.points[0], 1);
	assert_int_equal(distribution_worst(&d, 0), 1);
	assert_int_equal(distribution_worst(&d, 1), 4);
	assert_true(d.quantiles[2] == 0.5 && d.quantiles[1] == 0.1 && d.quantiles[3] == 0.7);
	assert_true(fabs(distribution_below(&d, 0.5) - 0.4) < 1e-12); /* strictly below */
	assert_true(distribution_below(&d, -1) == 0 && distribution_below(&d, 2) == 1);
	/* Ranks of 10 20 30 50 60 beside those of .5 -.2 .9 .1 .7: d = 2 1 2 2 1, 1 - 6 * 14 / 120. */
	assert_true(fabs(distribution_correlation(&d, 0) - 0.3) < 1e-12);
	assert_int_equal(distribution_of(pool, &cells, 0, "two").n, 2);
	assert_true(isnan(distribution_of(pool, &cells, 0, "none").quantiles[0]));
	measures[0].less = true;
	assert_int_equal(distribution_worst(&d, 0), 2);
	assert_string_equal(
		distribution_again(pool, &d, 1), "liquidnet run e --only p1 --procedures a --trials 5");
	pool_free(pool);
}

static void pairs(void **state)
{
	struct pool *pool = pool_new();
	(void)state;
	fill((const double[]){0.5, 0.5, 0.5, 0.5, NAN, 0.5}, (const double[]){0.3, 0.45, 0.8, NAN, 1, 0.49});
	struct distribution a = distribution_of(pool, &cells, 0, NULL),
			    b = distribution_of(pool, &cells, 1, NULL);
	struct distribution_pairs p = distribution_compare(pool, &a, &b);
	assert_int_equal(p.n, 4);
	assert_int_equal(p.worse, 1);
	assert_int_equal(p.better, 1);
	assert_true(fabs(p.difference - -0.03) < 1e-12); /* of -0.2 -0.05 -0.01 0.3 */
	/* V = 4 of 10: P(V <= 4) = 7 / 16, twice that. */
	assert_true(fabs(p.p - 0.875) < 1e-12);
	measures[0].less = true;
	p = distribution_compare(pool, &a, &b);
	assert_int_equal(p.worse, 1);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(shape), cmocka_unit_test(pairs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
