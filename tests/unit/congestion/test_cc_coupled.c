/* The arithmetic of the coupled congestion controls beside an exact model: the formulas of RFC 6356 and of
 * the papers as fractions of integers, and in extended precision where the fraction would not fit. */
#include "lib/mptcp/coupled.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>
#define STATES 200000

static uint64_t state = 6356;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* As many small as large numbers: what overflows and what rounds lie at the ends. */
static uint64_t spread(unsigned bits)
{
	return draw(1ULL << (draw(bits) + 1));
}

static uint32_t random_paths(struct coupled_path *paths)
{
	uint32_t count = (uint32_t)draw(COUPLED_PATHS) + 1;
	for (uint32_t i = 0; i < count; i++)
		paths[i] =
			i && draw(4) == 0 ? paths[i - 1] : coupled_path(spread(19), spread(23), spread(41));
	return count;
}

static long double sum_of_rates(const struct coupled_path *paths, uint32_t count)
{
	long double sum = 0;
	for (uint32_t i = 0; i < count; i++)
		sum += (long double)paths[i].window / paths[i].rtt_us;
	return sum;
}

/* What rounding may do: each term of the sum loses less than 2^-COUPLED_POINT, the sum counts squared. */
static void assert_near(uint32_t got, long double exact, long double sum)
{
	long double slack = 2.0L * COUPLED_PATHS / (1 << COUPLED_POINT) / sum + 1e-9L;
	if (sum * (1 << COUPLED_POINT) >= (long double)COUPLED_SUM_MAX || exact >= COUPLED_EVERY_MAX)
		return; /* saturated: test_saturation */
	assert_true(got <= exact + 1);
	assert_true(got >= 1 && got >= exact * (1 - slack) - 2);
}

static void test_lia(void **unused)
{
	(void)unused;
	for (int n = 0; n < STATES; n++) {
		struct coupled_path paths[COUPLED_PATHS];
		uint32_t count = random_paths(paths);
		const struct coupled_path *own = &paths[draw(count)], *best = paths;
		for (uint32_t i = 1; i < count; i++)
			if ((unsigned __int128)paths[i].window * best->rtt_us * best->rtt_us >
				(unsigned __int128)best->window * paths[i].rtt_us * paths[i].rtt_us)
				best = &paths[i];
		long double rates = sum_of_rates(paths, count);
		/* total / alpha */
		long double most = (long double)best->window / best->rtt_us / best->rtt_us;
		long double exact = fmaxl(rates * rates / most, own->window);
		uint32_t every = lia_every(paths, count, own->window);
		/* Never more than TCP would take on this path. */
		assert_true(every >= own->window);
		assert_near(every, exact, rates * best->rtt_us);
	}
}

static void test_lia_alone_is_reno(void **unused)
{
	(void)unused;
	for (int n = 0; n < STATES; n++) {
		struct coupled_path path = coupled_path(spread(19), spread(23), 0);
		assert_int_equal(lia_every(&path, 1, path.window), path.window);
	}
}

/* RFC 6356: equal paths together take what one TCP would: each grows once in total acknowledged segments. */
static void test_equal_paths(void **unused)
{
	(void)unused;
	for (uint32_t count = 2; count <= COUPLED_PATHS; count++) {
		struct coupled_path paths[COUPLED_PATHS];
		for (uint32_t i = 0; i < count; i++)
			paths[i] = coupled_path(100, 50000, 1000000);
		assert_int_equal(lia_every(paths, count, 100), count * count * 100);
		assert_int_equal(balia_every(paths, count, paths), count * count * 100);
		assert_int_equal(balia_after_loss(paths, count, paths), 50);
		assert_int_equal(
			olia_step(paths, count, paths), (1 << COUPLED_CREDIT) / (100 * count * count));
	}
}

static void test_balia(void **unused)
{
	(void)unused;
	for (int n = 0; n < STATES; n++) {
		struct coupled_path paths[COUPLED_PATHS];
		uint32_t count = random_paths(paths);
		const struct coupled_path *own = &paths[draw(count)];
		long double rates = sum_of_rates(paths, count), most = 0;
		for (uint32_t i = 0; i < count; i++)
			most = fmaxl(most, (long double)paths[i].window / paths[i].rtt_us);
		long double x = (long double)own->window / own->rtt_us, a = most / x;
		long double step = x / own->rtt_us / (rates * rates) * ((1 + a) / 2) * ((4 + a) / 5);
		assert_near(balia_every(paths, count, own), 1 / step, rates * own->rtt_us);
		long double left = fmaxl(own->window - own->window / 2.0L * fminl(a, 1.5L), 1);
		assert_true(fabsl(balia_after_loss(paths, count, own) - left) <= 1.001L);
	}
}

static void test_balia_alone_is_reno(void **unused)
{
	(void)unused;
	for (int n = 0; n < STATES; n++) {
		struct coupled_path path = coupled_path(spread(19), spread(23), 0);
		assert_int_equal(balia_every(&path, 1, &path), path.window);
		assert_int_equal(balia_after_loss(&path, 1, &path), path.window / 2 ? path.window / 2 : 1);
	}
}

/* -1, 0, 1 for run_a / rtt_a^2 against run_b / rtt_b^2, as fractions. */
static int compare_exactly(const struct coupled_path *a, const struct coupled_path *b)
{
	unsigned __int128 left = (unsigned __int128)a->run * b->rtt_us * b->rtt_us;
	unsigned __int128 right = (unsigned __int128)b->run * a->rtt_us * a->rtt_us;
	return left < right ? -1 : left > right;
}

static void test_olia_order(void **unused)
{
	(void)unused;
	for (int n = 0; n < STATES; n++) {
		struct coupled_path a = coupled_path(1, spread(23), spread(41));
		struct coupled_path b = draw(3) ? coupled_path(1, spread(23), spread(41)) : a;
		assert_int_equal(olia_compare(&a, &b), compare_exactly(&a, &b));
	}
}

/* a of the paper as a fraction 1 / result; 0: none. */
static int64_t exact_share(const struct coupled_path *paths, uint32_t count, const struct coupled_path *own)
{
	const struct coupled_path *best = paths;
	uint32_t largest = 0, widest = 0, poor = 0;
	for (uint32_t i = 0; i < count; i++) {
		best = compare_exactly(&paths[i], best) > 0 ? &paths[i] : best;
		largest = paths[i].window > largest ? paths[i].window : largest;
	}
	for (uint32_t i = 0; i < count; i++) {
		widest += paths[i].window == largest;
		poor += paths[i].window != largest && compare_exactly(&paths[i], best) == 0;
	}
	if (!poor)
		return 0;
	if (own->window == largest)
		return -(int64_t)(count * widest);
	return compare_exactly(own, best) == 0 ? (int64_t)(count * poor) : 0;
}

static void test_olia(void **unused)
{
	(void)unused;
	const long double one = 1 << COUPLED_CREDIT;
	for (int n = 0; n < STATES; n++) {
		struct coupled_path paths[COUPLED_PATHS];
		uint32_t count = random_paths(paths);
		const struct coupled_path *own = &paths[draw(count)];
		long double sum = sum_of_rates(paths, count) * own->rtt_us;
		long double first = own->window / (sum * sum);
		int64_t share = exact_share(paths, count, own);
		long double exact = first + (share ? 1.0L / ((long double)share * own->window) : 0);
		long double got = (long double)olia_step(paths, count, own);
		long double slack = 2.0L * COUPLED_PATHS / (1 << COUPLED_POINT) / sum;
		if (sum * (1 << COUPLED_POINT) >= (long double)COUPLED_SUM_MAX)
			continue;
		assert_true(fabsl(got - exact * one) <= first * one * (slack + slack * slack) + 2);
	}
}

/* What cannot be: a window of 0, no round trip, the largest numbers TCP has; nothing divides by zero, and the
 * answers stay in their range. */
static void test_saturation(void **unused)
{
	(void)unused;
	static const uint64_t ends[] = {0, 1, COUPLED_WINDOW_MAX, COUPLED_RTT_MAX, UINT32_MAX, UINT64_MAX};
	const size_t n = sizeof ends / sizeof *ends;
	for (size_t i = 0; i < n * n * n * n; i++) {
		struct coupled_path paths[COUPLED_PATHS];
		for (uint32_t k = 0; k < COUPLED_PATHS; k++)
			paths[k] = k ? coupled_path(ends[i % n], ends[i / n % n], ends[k % n])
				     : coupled_path(ends[i / n / n % n], ends[i / n / n / n], UINT64_MAX);
		for (uint32_t count = 1; count <= COUPLED_PATHS; count++)
			for (uint32_t k = 0; k < 2 && k < count; k++) {
				assert_in_range(lia_every(paths, count, paths[k].window), paths[k].window,
					COUPLED_EVERY_MAX);
				assert_in_range(balia_every(paths, count, &paths[k]), 1, COUPLED_EVERY_MAX);
				assert_in_range(
					balia_after_loss(paths, count, &paths[k]), 1, paths[k].window);
				int64_t step = olia_step(paths, count, &paths[k]);
				assert_true(
					step <= 2LL << COUPLED_CREDIT && step >= -(1LL << COUPLED_CREDIT));
			}
	}
}

/* What the algorithms answer a loss with is never taken for somebody else's, and what lies on a stack is. */
static void test_foreign_threshold(void **unused)
{
	(void)unused;
	for (int i = 0; i < STATES; i++) {
		struct coupled_path paths[COUPLED_PATHS];
		uint32_t count = random_paths(paths), window = paths[0].window;
		assert_false(coupled_foreign(balia_after_loss(paths, count, &paths[0]), window));
		assert_false(coupled_foreign(window / 2 > 2 ? window / 2 : 2, window));
		assert_true(coupled_foreign(window + 2 + (uint32_t)draw(1U << 31), window));
	}
}

/* A path whose last round trip was long ago and long takes next to nothing from the others. */
static void test_stale_path(void **unused)
{
	(void)unused;
	struct coupled_path paths[] = {coupled_path(100, 10000, 1 << 20), coupled_path(1, 4000000, 0)};
	assert_in_range(lia_every(paths, 2, 100), 100, 101);
	assert_in_range(balia_every(paths, 2, paths), 100, 101);
	assert_int_equal(balia_after_loss(paths, 2, paths), 50);
	assert_in_range(olia_step(paths, 2, paths), (1 << COUPLED_CREDIT) / 102, (1 << COUPLED_CREDIT) / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lia),
		cmocka_unit_test(test_lia_alone_is_reno),
		cmocka_unit_test(test_equal_paths),
		cmocka_unit_test(test_balia),
		cmocka_unit_test(test_balia_alone_is_reno),
		cmocka_unit_test(test_olia_order),
		cmocka_unit_test(test_olia),
		cmocka_unit_test(test_saturation),
		cmocka_unit_test(test_stale_path),
		cmocka_unit_test(test_foreign_threshold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
