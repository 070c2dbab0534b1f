/* The Kibbutz policy: what is advertised to whom, who pays, which link is used, when the own link helps out.
 */
#include "nodes/kibbutz/policy.h"
#include "tests/unit/check.h"

#define MS 1000000LL
#define S (1000 * MS)

static struct kibbutz *make(unsigned neighbours)
{
	return kibbutz_new(&KIBBUTZ_SETTINGS, neighbours);
}

static void expect(struct kibbutz *k, enum kibbutz_action_kind kind, unsigned neighbour)
{
	struct kibbutz_action action;
	assert_true(kibbutz_next_action(k, &action));
	assert_int_equal(action.kind, kind);
	assert_int_equal(action.neighbour, neighbour);
}

static void expect_own(struct kibbutz *k, bool backup)
{
	struct kibbutz_action action;
	assert_true(kibbutz_next_action(k, &action));
	assert_int_equal(action.kind, KIBBUTZ_OWN_LINK);
	assert_int_equal(action.backup, backup);
	assert_int_equal(kibbutz_own_backup(k), backup);
}

static void expect_nothing(struct kibbutz *k)
{
	struct kibbutz_action action;
	assert_false(kibbutz_next_action(k, &action));
}

static void test_advertises_once_a_period(void **state)
{
	(void)state;
	struct kibbutz *k = make(2);
	struct kibbutz_action action;
	kibbutz_own_packet(k, 1 * S);
	assert_true(kibbutz_next_action(k, &action));
	assert_int_equal(action.kind, KIBBUTZ_ADVERTISE);
	assert_true(action.duration_ns == 10 * S);
	expect(k, KIBBUTZ_ADVERTISE, 1);
	kibbutz_own_packet(k, 11 * S - 1); /* shared already */
	expect_nothing(k);
	kibbutz_own_packet(k, 11 * S);
	expect(k, KIBBUTZ_ADVERTISE, 0);
	expect(k, KIBBUTZ_ADVERTISE, 1);
	expect_nothing(k);
	kibbutz_free(k);
}

static void test_forwards_only_while_advertised(void **state)
{
	(void)state;
	struct kibbutz *k = make(1);
	assert_false(kibbutz_forward(k, 0, 0));
	kibbutz_own_packet(k, 1 * S);
	assert_true(kibbutz_forward(k, 1 * S, 0));
	assert_true(kibbutz_forward(k, 11 * S - 1, 0));
	assert_false(kibbutz_forward(k, 11 * S, 0));
	assert_int_equal(kibbutz_neighbour(k, 0)->refused, 2);
	assert_int_equal(kibbutz_neighbour(k, 0)->credit, 4); /* once a period, not a packet */
	kibbutz_free(k);
}

/* A neighbour that only takes gets five periods; one that does not take keeps its credit. */
static void test_a_leech_is_cut_off(void **state)
{
	(void)state;
	struct kibbutz *k = make(2);
	struct kibbutz_action action;
	int64_t now = 0;
	unsigned to_leech = 0, to_other = 0;
	for (; now < 200 * S; now += 10 * S) {
		kibbutz_own_packet(k, now);
		while (kibbutz_next_action(k, &action)) {
			to_leech += action.neighbour == 0;
			to_other += action.neighbour == 1;
		}
		kibbutz_forward(k, now + 1, 0);
	}
	assert_int_equal(to_leech, 5);
	assert_int_equal(to_other, 20);
	assert_int_equal(kibbutz_neighbour(k, 0)->credit, 0);
	assert_int_equal(kibbutz_neighbour(k, 1)->credit, 5);
	/* It gives, and is given to again. */
	kibbutz_heard(k, now, 0, 10 * S);
	kibbutz_used(k, now, 0);
	kibbutz_used(k, now + 1, 0);
	assert_int_equal(kibbutz_neighbour(k, 0)->credit, 1);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_own_packet(k, now);
	expect(k, KIBBUTZ_ADVERTISE, 0);
	kibbutz_free(k);
}

/* With no neighbour that has credit the link is not shared, and becomes shared at the next packet after one
 * has. */
static void test_credit_counts_at_once(void **state)
{
	(void)state;
	struct kibbutz_settings settings = KIBBUTZ_SETTINGS;
	settings.credit = 1;
	struct kibbutz *k = kibbutz_new(&settings, 1);
	kibbutz_own_packet(k, 0);
	expect(k, KIBBUTZ_ADVERTISE, 0);
	kibbutz_forward(k, 1 * S, 0);
	kibbutz_own_packet(k, 10 * S);
	expect_nothing(k);
	kibbutz_heard(k, 11 * S, 0, 10 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_used(k, 11 * S, 0);
	kibbutz_own_packet(k, 12 * S);
	expect(k, KIBBUTZ_ADVERTISE, 0);
	kibbutz_free(k);
}

static void test_energy_uses_the_neighbour_that_lasts_longest(void **state)
{
	(void)state;
	struct kibbutz *k = make(3);
	struct kibbutz_action action;
	assert_int_equal(kibbutz_route(k, 0), KIBBUTZ_OWN);
	assert_true(kibbutz_deadline(k) == KIBBUTZ_NEVER);
	kibbutz_heard(k, 0, 1, 10 * S);
	assert_true(kibbutz_next_action(k, &action));
	assert_int_equal(action.kind, KIBBUTZ_OPEN);
	assert_false(action.backup);
	kibbutz_heard(k, 0, 2, 10 * S);
	kibbutz_heard(k, 1 * S, 0, 5 * S);
	expect_nothing(k); /* none lasts longer */
	kibbutz_heard(k, 2 * S, 0, 10 * S);
	expect(k, KIBBUTZ_OPEN, 0); /* opened before the other is closed */
	expect(k, KIBBUTZ_CLOSE, 1);
	assert_int_equal(kibbutz_route(k, 12 * S - 1), 0);
	assert_true(kibbutz_deadline(k) == 12 * S);
	assert_int_equal(kibbutz_route(k, 12 * S), KIBBUTZ_OWN);
	expect(k, KIBBUTZ_CLOSE, 0);
	expect_nothing(k);
	kibbutz_free(k);
}

static void test_renewed_in_time_stays_open(void **state)
{
	(void)state;
	struct kibbutz *k = make(1);
	kibbutz_heard(k, 0, 0, 10 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_heard(k, 9 * S, 0, 10 * S);
	kibbutz_tick(k, 12 * S);
	expect_nothing(k);
	kibbutz_heard(k, 13 * S, 0, 0); /* taken back */
	expect(k, KIBBUTZ_CLOSE, 0);
	kibbutz_free(k);
}

static void test_a_promise_without_end_is_cut(void **state)
{
	(void)state;
	struct kibbutz *k = make(1);
	kibbutz_heard(k, 0, 0, INT64_MAX);
	assert_true(kibbutz_deadline(k) == 60 * S);
	kibbutz_heard(k, 1 * S, 0, -5);
	assert_int_equal(kibbutz_route(k, 1 * S), KIBBUTZ_OWN);
	kibbutz_free(k);
}

/* A renewal that comes a moment late finds the neighbour still there. */
static void test_slack(void **state)
{
	(void)state;
	struct kibbutz_settings settings = KIBBUTZ_SETTINGS;
	settings.slack_ns = 1 * S;
	struct kibbutz *k = kibbutz_new(&settings, 1);
	kibbutz_heard(k, 0, 0, 10 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	assert_true(kibbutz_deadline(k) == 11 * S);
	assert_int_equal(kibbutz_route(k, 10500 * MS), 0);
	kibbutz_heard(k, 10600 * MS, 0, 10 * S);
	assert_int_equal(kibbutz_route(k, 12 * S), 0);
	expect_nothing(k);
	kibbutz_heard(k, 13 * S, 0, 0); /* taken back: no slack */
	expect(k, KIBBUTZ_CLOSE, 0);
	/* The other side forwards so long, for one credit; but advertises anew at the end of the period. */
	kibbutz_own_packet(k, 20 * S);
	expect(k, KIBBUTZ_ADVERTISE, 0);
	assert_true(kibbutz_forward(k, 21 * S, 0));
	assert_true(kibbutz_forward(k, 31 * S - 1, 0));
	assert_false(kibbutz_forward(k, 31 * S, 0));
	assert_int_equal(kibbutz_neighbour(k, 0)->credit, 4);
	kibbutz_own_packet(k, 31 * S);
	expect(k, KIBBUTZ_ADVERTISE, 0);
	kibbutz_free(k);
}

static void test_bandwidth_uses_all_at_low_priority(void **state)
{
	(void)state;
	struct kibbutz_settings settings = KIBBUTZ_SETTINGS;
	settings.profile = KIBBUTZ_BANDWIDTH;
	struct kibbutz *k = kibbutz_new(&settings, 2);
	struct kibbutz_action action;
	for (unsigned i = 0; i < 2; i++) {
		kibbutz_heard(k, 0, i, 10 * S);
		assert_true(kibbutz_next_action(k, &action));
		assert_int_equal(action.kind, KIBBUTZ_OPEN);
		assert_true(action.backup);
	}
	assert_true(kibbutz_own_backup(k));
	kibbutz_tick(k, 10 * S);
	expect(k, KIBBUTZ_CLOSE, 0);
	expect(k, KIBBUTZ_CLOSE, 1);
	kibbutz_free(k);
}

static const struct kibbutz_sample well = {.busy = true, .ssthresh = INT32_MAX, .window = 20};
static const struct kibbutz_sample stuck = {.busy = true, .timeouts = 1, .ssthresh = 10, .window = 1};
static const struct kibbutz_sample lossy = {.busy = true, .ssthresh = 3, .window = 4};
static const struct kibbutz_sample grown = {.busy = true, .ssthresh = 3, .window = 20};
static const struct kibbutz_sample idle = {.busy = false, .timeouts = 3, .ssthresh = 2, .window = 1};

static void test_watchdog_brings_the_own_link_in(void **state)
{
	(void)state;
	const struct kibbutz_sample *ill[] = {&stuck, &lossy};
	for (int i = 0; i < 2; i++) {
		struct kibbutz *k = make(1);
		kibbutz_heard(k, 0, 0, 60 * S);
		expect(k, KIBBUTZ_OPEN, 0);
		kibbutz_path(k, 1 * S, 0, &well);
		kibbutz_path(k, 2 * S, 0, &idle);
		expect_nothing(k);
		kibbutz_path(k, 3 * S, 0, ill[i]);
		expect_own(k, false);
		kibbutz_path(k, 5 * S, 0, &grown);
		expect_nothing(k);
		kibbutz_path(k, 5500 * MS, 0, ill[i]); /* a relapse: the wait begins again */
		kibbutz_path(k, 8 * S, 0, &grown);
		expect_nothing(k);
		kibbutz_path(k, 8500 * MS, 0, &grown);
		expect_own(k, true);
		kibbutz_free(k);
	}
}

static void test_watchdog_can_be_off(void **state)
{
	(void)state;
	struct kibbutz_settings settings = KIBBUTZ_SETTINGS;
	settings.watchdog = false;
	struct kibbutz *k = kibbutz_new(&settings, 1);
	kibbutz_heard(k, 0, 0, 60 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_path(k, 3 * S, 0, &stuck);
	expect_nothing(k);
	kibbutz_free(k);
}

/* A neighbour that advertises and drops everything: given up, and not believed again for half a minute. */
static void test_a_dead_path_is_given_up(void **state)
{
	(void)state;
	struct kibbutz *k = make(2);
	struct kibbutz_sample dead = stuck;
	dead.timeouts = 4;
	kibbutz_heard(k, 0, 0, 60 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_heard(k, 1 * S, 1, 10 * S);
	expect_nothing(k);
	kibbutz_path(k, 2 * S, 0, &stuck);
	expect_own(k, false);
	kibbutz_path(k, 5 * S, 0, &dead);
	expect(k, KIBBUTZ_OPEN, 1); /* the other one's link is used instead */
	expect(k, KIBBUTZ_CLOSE, 0);
	expect_own(k, true);
	kibbutz_heard(k, 20 * S, 0, 60 * S);
	expect(k, KIBBUTZ_CLOSE, 1); /* has ended */
	assert_int_equal(kibbutz_route(k, 20 * S), KIBBUTZ_OWN);
	assert_true(kibbutz_deadline(k) == 35 * S);
	kibbutz_tick(k, 35 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_free(k);
}

static void test_a_closed_path_is_not_watched(void **state)
{
	(void)state;
	struct kibbutz *k = make(1);
	kibbutz_path(k, 1 * S, 0, &stuck);
	expect_nothing(k);
	kibbutz_heard(k, 2 * S, 0, 10 * S);
	expect(k, KIBBUTZ_OPEN, 0);
	kibbutz_path(k, 3 * S, 0, &stuck);
	expect_own(k, false);
	kibbutz_tick(k, 12 * S);
	expect(k, KIBBUTZ_CLOSE,
		0); /* and the own link is low again: it is all there is, and shares as before */
	expect_own(k, true);
	kibbutz_free(k);
}

/* Two honest devices: what one loses the other wins, whatever happens. */
static void test_credit_is_conserved(void **state)
{
	(void)state;
	struct kibbutz *devices[2] = {make(1), make(1)};
	struct kibbutz_action action;
	uint32_t x = 7;
	uint64_t over_neighbour = 0;
	for (int64_t now = 0; now < 5000 * S; now += 500 * MS) {
		x = x * 1664525 + 1013904223;
		unsigned who = x >> 31;
		struct kibbutz *self = devices[who], *other = devices[!who];
		if (kibbutz_route(self, now) == KIBBUTZ_OWN) {
			kibbutz_own_packet(self, now);
			while (kibbutz_next_action(self, &action))
				if (action.kind == KIBBUTZ_ADVERTISE)
					kibbutz_heard(other, now, 0, action.duration_ns);
		} else {
			assert_true(kibbutz_forward(other, now, 0));
			kibbutz_used(self, now, 0);
			over_neighbour++;
		}
		assert_int_equal(
			kibbutz_neighbour(self, 0)->credit + kibbutz_neighbour(other, 0)->credit, 10);
	}
	assert_true(over_neighbour > 4000);
	kibbutz_free(devices[0]);
	kibbutz_free(devices[1]);
}

/* Two devices with a packet a second each, in the same instants; what one says the other hears a moment
 * later. Returns in how many of the last 100 seconds both used their own radio or each other's, after
 * `seconds`. */
static unsigned seconds_of_two_radios(int64_t tie_ns, uint64_t seed, unsigned seconds)
{
	struct kibbutz *devices[2];
	struct kibbutz_action action;
	unsigned both = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct kibbutz_settings settings = KIBBUTZ_SETTINGS;
		settings.slack_ns = 1500 * MS;
		settings.tie_ns = tie_ns;
		settings.seed = 2 * seed + i;
		settings.credit = 1000;
		devices[i] = kibbutz_new(&settings, 1);
	}
	for (unsigned second = 0; second < seconds; second++) {
		int64_t now = second * S;
		int64_t said[2] = {0, 0};
		int routes[2];
		for (unsigned i = 0; i < 2; i++) {
			routes[i] = kibbutz_route(devices[i], now);
			if (routes[i] == KIBBUTZ_OWN)
				kibbutz_own_packet(devices[i], now);
			else
				assert_true(kibbutz_forward(devices[!i], now, 0));
			while (kibbutz_next_action(devices[i], &action))
				if (action.kind == KIBBUTZ_ADVERTISE)
					said[i] = action.duration_ns;
		}
		for (unsigned i = 0; i < 2; i++)
			if (said[i])
				kibbutz_heard(devices[!i], now + 5 * MS, 0, said[i]);
		both += second + 100 >= seconds && routes[0] == routes[1];
	}
	kibbutz_free(devices[0]);
	kibbutz_free(devices[1]);
	return both;
}

static void test_a_tie_does_not_last(void **state)
{
	(void)state;
	unsigned resolved = 0;
	/* By the paper's rules two that begin together never part. */
	assert_int_equal(seconds_of_two_radios(0, 1, 400), 100);
	for (uint64_t seed = 0; seed < 100; seed++) {
		resolved += seconds_of_two_radios(100 * MS, seed, 130) == 0; /* within 30 s, 3 periods */
		assert_int_equal(seconds_of_two_radios(100 * MS, seed, 400), 0);
	}
	assert_in_range(resolved, 70, 100); /* 1 - 1/2^3 of them, give or take */
}

/* Who has not advertised a moment ago, or is not after energy, uses what it hears. */
static void test_no_tie(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 32; seed++) {
		struct kibbutz_settings settings = KIBBUTZ_SETTINGS;
		settings.seed = seed;
		struct kibbutz *k = kibbutz_new(&settings, 1);
		kibbutz_own_packet(k, 1 * S);
		expect(k, KIBBUTZ_ADVERTISE, 0);
		kibbutz_heard(k, 1100 * MS, 0, 10 * S);
		expect(k, KIBBUTZ_OPEN, 0);
		assert_int_equal(kibbutz_neighbour(k, 0)->ties, 0);
		kibbutz_free(k);
		settings.profile = KIBBUTZ_BANDWIDTH;
		k = kibbutz_new(&settings, 1);
		kibbutz_own_packet(k, 1 * S);
		expect(k, KIBBUTZ_ADVERTISE, 0);
		kibbutz_heard(k, 1001 * MS, 0, 10 * S);
		expect(k, KIBBUTZ_OPEN, 0);
		kibbutz_free(k);
	}
}

static void test_the_queue_keeps_order(void **state)
{
	(void)state;
	struct kibbutz *k = make(20);
	kibbutz_heard(k, 0, 3, 10 * S);
	expect(k, KIBBUTZ_OPEN, 3);
	kibbutz_own_packet(k, 0);
	for (unsigned i = 0; i < 10; i++)
		expect(k, KIBBUTZ_ADVERTISE, i);
	kibbutz_own_packet(k, 10 * S);
	for (unsigned i = 10; i < 20; i++)
		expect(k, KIBBUTZ_ADVERTISE, i);
	for (unsigned i = 0; i < 20; i++)
		expect(k, KIBBUTZ_ADVERTISE, i);
	expect_nothing(k);
	kibbutz_free(k);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(kibbutz_profile_name(KIBBUTZ_ENERGY), "energy");
	assert_string_equal(kibbutz_action_name(KIBBUTZ_OWN_LINK), "own-link");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advertises_once_a_period),
		cmocka_unit_test(test_forwards_only_while_advertised),
		cmocka_unit_test(test_a_leech_is_cut_off),
		cmocka_unit_test(test_credit_counts_at_once),
		cmocka_unit_test(test_energy_uses_the_neighbour_that_lasts_longest),
		cmocka_unit_test(test_renewed_in_time_stays_open),
		cmocka_unit_test(test_a_promise_without_end_is_cut),
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_bandwidth_uses_all_at_low_priority),
		cmocka_unit_test(test_watchdog_brings_the_own_link_in),
		cmocka_unit_test(test_watchdog_can_be_off),
		cmocka_unit_test(test_a_dead_path_is_given_up),
		cmocka_unit_test(test_a_closed_path_is_not_watched),
		cmocka_unit_test(test_credit_is_conserved),
		cmocka_unit_test(test_a_tie_does_not_last),
		cmocka_unit_test(test_no_tie),
		cmocka_unit_test(test_the_queue_keeps_order),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
