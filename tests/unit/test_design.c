/* Designs: WSP against figures of another program, and by its definition; the others by theirs; the file. */
#include "lib/design/design.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIX "c1,rtt1,q1,c2,rtt2,q2"

static struct design *empty(struct pool *pool, size_t columns)
{
	char *error = NULL, *names = pool_strdup(pool, "x0");
	for (size_t i = 1; i < columns; i++)
		names = pool_printf(pool, "%s,x%zu", names, i);
	struct design *design = design_new(pool, names, &error);
	assert_non_null(design);
	return design;
}

static char *written(const struct design *design)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	design_write(out, design);
	fclose(out);
	return text;
}

static double head_number(const struct design *design, const char *key)
{
	const char *at = strstr(design->head, key);
	assert_non_null(at);
	return strtod(at + strlen(key), NULL);
}

static void within(double value, double wanted, double part)
{
	if (!(fabs(value - wanted) <= part * wanted))
		fail_msg("%g is not within %g %% of %g", value, part * 100, wanted);
}

/* Figures of a program in numpy with a generator of its own: d_min, mean distance to the nearest point. */
static void wsp_has_the_figures_of_another_program(void **state)
{
	static const struct {
		size_t columns, candidates, points;
		double d_min, mean;
	} oracle[] = {{6, 1000, 200, 0.425, 0.441}, {6, 5000, 200, 0.476, 0.485},
		{6, 20000, 200, 0.498, 0.503}, {8, 5000, 200, 0.657, 0.666}, {9, 5000, 400, 0.648, 0.664}};
	(void)state;
	for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++) {
		struct pool *pool = pool_new();
		struct design *design = empty(pool, oracle[i].columns);
		struct design_wsp how = {
			.points = oracle[i].points, .candidates = oracle[i].candidates, .seed = 1};
		char *error = NULL;
		assert_int_equal(design_wsp(pool, design, &how, &error), 0);
		struct design_spacing own = design_spacing(design),
				      chance = design_spacing_of_chance(pool, design, 1);
		double d_min = head_number(design, "d_min: ");
		within((double)design->count, (double)oracle[i].points, 0.02);
		within(d_min, oracle[i].d_min, 0.02);
		within(own.mean, oracle[i].mean, 0.02);
		assert_true(own.least >= d_min - 1e-9);
		assert_true(own.variation < 0.06 && chance.variation > 3 * own.variation &&
			    chance.mean < own.mean);
		pool_free(pool);
	}
}

/* One cannot add a point: with the same draws as design_wsp's, no candidate is d_min away from all that were kept. */
static void wsp_keeps_all_that_it_can(void **state)
{
	struct pool *pool = pool_new();
	struct design *all = empty(pool, 6), *design = empty(pool, 6);
	struct design_wsp every = {.points = 1000, .candidates = 1000, .seed = 3},
			  some = {.points = 100, .candidates = 1000, .seed = 3};
	char *error = NULL;
	(void)state;
	assert_int_equal(design_wsp(pool, all, &every, &error), 0);
	assert_int_equal(all->count, 1000);
	assert_int_equal(design_wsp(pool, design, &some, &error), 0);
	double d_min = head_number(design, "d_min: ");
	for (size_t i = 0; i < all->count; i++) {
		double nearest = INFINITY;
		for (size_t k = 0; k < design->count; k++) {
			double sum = 0;
			for (size_t c = 0; c < 6; c++)
				sum += pow(design_value(all, i, c) - design_value(design, k, c), 2);
			nearest = fmin(nearest, sqrt(sum));
		}
		assert_true(nearest < d_min);
	}
	pool_free(pool);
}

static void wsp_by_seed_and_metric(void **state)
{
	(void)state;
	char *text[4];
	for (int i = 0; i < 4; i++) {
		struct pool *pool = pool_new();
		struct design *design = empty(pool, 6);
		struct design_wsp how = {.points = 200,
			.candidates = 2000,
			.seed = i == 2 ? 2 : 1,
			.metric = i == 3 ? DESIGN_MANHATTAN : DESIGN_EUCLID};
		char *error = NULL;
		assert_int_equal(design_wsp(pool, design, &how, &error), 0);
		text[i] = written(design);
		pool_free(pool);
	}
	assert_string_equal(text[0], text[1]);
	assert_string_not_equal(text[0], text[2]);
	assert_string_not_equal(text[0], text[3]);
	for (int i = 0; i < 4; i++)
		free(text[i]);
}

static void wsp_refuses(void **state)
{
	struct pool *pool = pool_new();
	char *error = NULL;
	(void)state;
	struct design_wsp few = {.points = 200, .candidates = 100, .seed = 1};
	assert_int_equal(design_wsp(pool, empty(pool, 6), &few, &error), -1);
	assert_non_null(strstr(error, "100 candidates"));
	free(error);
	/* From few candidates the number of points jumps: 4, then 2. */
	struct design_wsp jumps = {.points = 3, .candidates = 20, .seed = 2};
	error = NULL;
	assert_int_equal(design_wsp(pool, empty(pool, 2), &jumps, &error), -1);
	assert_non_null(strstr(error, "no d_min gives 3 points within 2 %; the nearest, 0.498294, gives 4"));
	free(error);
	pool_free(pool);
}

static void lhs_has_one_point_a_part(void **state)
{
	(void)state;
	for (size_t points = 1; points <= 211; points += 70) {
		struct pool *pool = pool_new();
		struct design *design = empty(pool, 4);
		char *error = NULL;
		assert_int_equal(design_lhs(pool, design, points, 7, &error), 0);
		for (size_t c = 0; c < 4; c++) {
			bool *taken = pool_alloc(pool, points, sizeof *taken);
			for (size_t i = 0; i < points; i++) {
				size_t part = (size_t)design->values[i * 4 + c] * points / DESIGN_UNIT;
				assert_true(part < points && !taken[part]);
				taken[part] = true;
			}
		}
		pool_free(pool);
	}
}

/* The first points as Joe and Kuo's program prints them; every column, shifted or not, is stratified as a (0,1)-sequence in
 * base 2 is; and columns are not each other's copies. */
static void sobol_is_the_sequence(void **state)
{
	static const uint32_t first[8][3] = {{0, 0, 0}, {500000, 500000, 500000}, {750000, 250000, 250000},
		{250000, 750000, 750000}, {375000, 375000, 625000}, {875000, 875000, 125000},
		{625000, 125000, 875000}, {125000, 625000, 375000}};
	struct pool *pool = pool_new();
	char *error = NULL;
	(void)state;
	struct design *plain = empty(pool, DESIGN_SOBOL_COLUMNS),
		      *shifted = empty(pool, DESIGN_SOBOL_COLUMNS);
	assert_int_equal(design_sobol(pool, plain, 64, 0, &error), 0);
	assert_int_equal(design_sobol(pool, shifted, 64, 9, &error), 0);
	for (size_t i = 0; i < 8; i++)
		for (size_t c = 0; c < 3; c++)
			assert_int_equal(plain->values[i * DESIGN_SOBOL_COLUMNS + c], first[i][c]);
	const struct design *both[] = {plain, shifted};
	for (size_t d = 0; d < 2; d++)
		for (size_t c = 0; c < DESIGN_SOBOL_COLUMNS; c++) {
			bool taken[64] = {false};
			for (size_t i = 0; i < 64; i++) {
				size_t part = (size_t)both[d]->values[i * DESIGN_SOBOL_COLUMNS + c] * 64 /
					      DESIGN_UNIT;
				assert_true(part < 64 && !taken[part]);
				taken[part] = true;
			}
			for (size_t other = 0; other < c; other++) {
				bool same = true;
				for (size_t i = 0; i < 64; i++)
					same = same &&
					       both[d]->values[i * DESIGN_SOBOL_COLUMNS + c] ==
						       both[d]->values[i * DESIGN_SOBOL_COLUMNS + other];
				assert_false(same);
			}
		}
	assert_int_equal(design_sobol(pool, empty(pool, DESIGN_SOBOL_COLUMNS + 1), 4, 1, &error), -1);
	free(error);
	pool_free(pool);
}

static void grid_has_every_combination(void **state)
{
	struct pool *pool = pool_new();
	struct design *design = empty(pool, 3);
	char *error = NULL;
	(void)state;
	assert_int_equal(design_grid(pool, design, 3, &error), 0);
	assert_int_equal(design->count, 27);
	for (size_t i = 0; i < 27; i++) {
		static const uint32_t levels[] = {0, 500000, 1000000};
		assert_int_equal(design->values[3 * i], levels[i / 9]);
		assert_int_equal(design->values[3 * i + 1], levels[i / 3 % 3]);
		assert_int_equal(design->values[3 * i + 2], levels[i % 3]);
	}
	assert_int_equal(design_grid(pool, empty(pool, 6), 100, &error), -1);
	free(error);
	pool_free(pool);
}

static void the_file_keeps_all(void **state)
{
	struct pool *pool = pool_new();
	char *error = NULL;
	(void)state;
	struct design *design = design_new(pool, SIX, &error);
	struct design_wsp how = {.points = 50, .candidates = 500, .seed = 1};
	assert_int_equal(design_wsp(pool, design, &how, &error), 0);
	char *text = written(design);
	struct design *again = design_parse(pool, "f.csv", text, strlen(text), &error);
	assert_non_null(again);
	char *twice = written(again);
	assert_string_equal(text, twice);
	assert_int_equal(again->line[0], 8);
	assert_int_equal(design_column(again, "rtt2"), 4);
	assert_int_equal(design_column(again, "rtt3"), -1);
	free(text);
	free(twice);
	pool_free(pool);
}

static void faults_of_a_file(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{"", "f.csv: empty"},
		{"# only: remarks\n", "f.csv: empty"},
		{"a,b\n", "f.csv: no points"},
		{"a,b\n0.5,1.5\n", "f.csv:2: b is 1.5, outside of 0 to 1"},
		{"# x: y\na,b\n0.5,nan\n", "f.csv:3: b: `nan` is no number"},
		{"a,b\n0.5\n", "f.csv:2: fewer fields than the 2 columns"},
		{"a,b\n0.5,0.5,0.5\n", "f.csv:2: more fields than the 2 columns"},
		{"a,a\n0,0\n", "f.csv:1: two columns are called `a`"},
		{"a,b-c\n0,0\n", "f.csv:1: `b-c` is no name of a column"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pool *pool = pool_new();
		char *error = NULL;
		assert_null(design_parse(pool, "f.csv", bad[i].text, strlen(bad[i].text), &error));
		if (!strstr(error, bad[i].error))
			fail_msg("%s: not: %s", bad[i].error, error);
		free(error);
		pool_free(pool);
	}
}

static void points_of_others(void **state)
{
	char path[] = "/tmp/designXXXXXX", *error = NULL;
	struct pool *pool = pool_new();
	const struct design_range ranges[] = {{"delay", 0, 50}, {"rate", 0.1, 100}};
	(void)state;
	int fd = mkstemp(path);
	FILE *out = fdopen(fd, "w");
	fprintf(out, "name,rate,delay\nx,0.1,25\ny,100,50\n");
	fclose(out);
	struct design *design = design_import(pool, path, ranges, 2, &error);
	assert_non_null(design);
	assert_int_equal(design->count, 2);
	assert_int_equal(design->values[0], 500000);
	assert_int_equal(design->values[1], 0);
	assert_int_equal(design->values[2], 1000000);
	assert_int_equal(design->values[3], 1000000);
	const struct design_range narrow[] = {{"delay", 0, 30}};
	assert_null(design_import(pool, path, narrow, 1, &error));
	assert_non_null(strstr(error, ":3: delay is 50, outside of 0 to 30"));
	free(error);
	const struct design_range stranger[] = {{"loss", 0, 30}};
	error = NULL;
	assert_null(design_import(pool, path, stranger, 1, &error));
	assert_non_null(strstr(error, "no column `loss`"));
	free(error);
	remove(path);
	pool_free(pool);
}

static void margins(void **state)
{
	struct pool *pool = pool_new();
	char *error = NULL;
	const char *text = "a\n0.25\n0.75\n";
	(void)state;
	struct design *design = design_parse(pool, "f", text, strlen(text), &error);
	struct design_margin m = design_margin(design, 0);
	assert_true(m.least == 0.25 && m.most == 0.75 && m.mean == 0.5 && fabs(m.discrepancy - 0.25) < 1e-12);
	struct design_spacing s = design_spacing(design);
	assert_true(s.least == 0.5 && s.mean == 0.5 && s.variation == 0);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wsp_has_the_figures_of_another_program),
		cmocka_unit_test(wsp_keeps_all_that_it_can),
		cmocka_unit_test(wsp_by_seed_and_metric),
		cmocka_unit_test(wsp_refuses),
		cmocka_unit_test(lhs_has_one_point_a_part),
		cmocka_unit_test(sobol_is_the_sequence),
		cmocka_unit_test(grid_has_every_combination),
		cmocka_unit_test(the_file_keeps_all),
		cmocka_unit_test(faults_of_a_file),
		cmocka_unit_test(points_of_others),
		cmocka_unit_test(margins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
