/* Ranks, against figures of R: cor(method = "spearman"), wilcox.test(paired = TRUE). */
#include "harness/record/ranks.h"
#include "tests/unit/check.h"
#include <math.h>

static void near(double value, double wanted)
{
	if (!(fabs(value - wanted) < 1e-6))
		fail_msg("%.9g is not %.9g", value, wanted);
}

static void ranks(void **state)
{
	const double values[] = {3, 1, 4, 1, 5};
	double r[5];
	(void)state;
	ranks_of(values, 5, r);
	near(r[0], 3);
	near(r[1], 1.5);
	near(r[2], 4);
	near(r[3], 1.5);
	near(r[4], 5);
}

static void correlation(void **state)
{
	/* Of the ten pairs in the Wikipedia's example (IQ and hours of television): -29/165. */
	const double iq[] = {106, 100, 86, 101, 99, 103, 97, 113, 112, 110},
		     tv[] = {7, 27, 2, 50, 28, 29, 20, 12, 6, 17};
	(void)state;
	near(ranks_correlation(iq, tv, 10), -29.0 / 165);
	near(ranks_correlation(iq, iq, 10), 1);
	const double flat[] = {1, 1, 1};
	assert_true(isnan(ranks_correlation(flat, iq, 3)));
	assert_true(isnan(ranks_correlation(iq, tv, 2)));
}

/* The example of R's wilcox.test: depression of nine patients (Hollander and Wolfe 1973): V = 40, p = 0.0390625. */
static void signed_ranks_exact(void **state)
{
	const double x[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30},
		     y[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
	double d[9], back[9];
	(void)state;
	for (int i = 0; i < 9; i++) {
		d[i] = x[i] - y[i];
		back[i] = -d[i];
	}
	struct signed_ranks s = ranks_signed(d, 9), r = ranks_signed(back, 9);
	assert_int_equal(s.n, 9);
	near(s.positive, 40);
	near(s.p, 0.0390625);
	near(r.positive, 5);
	near(r.p, 0.0390625);
}

/* With ties and zeros: normal. By hand: n = 6, sizes 1 1 2 2 3 4, ranks 1.5 1.5 3.5 3.5 5 6, V = 1.5 + 3.5 + 3.5 + 5 + 6
 * = 19.5; sd^2 = 6 * 7 * 13 / 24 - (6 + 6) / 48 = 22.5; z = (19.5 - 10.5 - 0.5) / 4.743416 = 1.791956. */
static void signed_ranks_with_ties(void **state)
{
	const double d[] = {1, -1, 2, 2, 0, 3, 4, 0}, none[] = {0, 0};
	(void)state;
	struct signed_ranks s = ranks_signed(d, 8);
	assert_int_equal(s.n, 6);
	near(s.positive, 19.5);
	near(s.p, erfc(8.5 / sqrt(22.5) / sqrt(2)));
	s = ranks_signed(none, 2);
	assert_int_equal(s.n, 0);
	assert_true(isnan(s.p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks),
		cmocka_unit_test(correlation),
		cmocka_unit_test(signed_ranks_exact),
		cmocka_unit_test(signed_ranks_with_ties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
