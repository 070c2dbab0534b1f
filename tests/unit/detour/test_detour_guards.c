/* What stands between a stranger and the detour: cookies, replay windows, token buckets, and where a detour leads. */
#include "nodes/detour/bucket.h"
#include "nodes/detour/cookie.h"
#include "nodes/detour/reach.h"
#include "nodes/detour/replay.h"
#include "tests/unit/check.h"
#include <stdlib.h>

#define S 1000000000LL

static struct place place(const char *text)
{
	struct place p;
	assert_true(place_parse(text, &p));
	return p;
}

static void a_cookie_is_good_for_its_address_member_and_time(void **state)
{
	(void)state;
	struct cookie_secret secret = {{1}}, other = {{2}};
	struct place here = place("10.0.1.1:4000"), there = place("10.0.1.2:4000"),
		     port = place("10.0.1.1:4001");
	uint8_t cookie[MESSAGE_COOKIE_SIZE], none[MESSAGE_COOKIE_SIZE] = {0};
	int64_t issued = 0;
	cookie_make(&secret, 100 * S, 7, &here, cookie);
	assert_true(cookie_check(&secret, 101 * S, 7, &here, cookie, &issued));
	assert_true(issued == 100 * S);
	assert_true(cookie_check(&secret, 100 * S + COOKIE_LIFE_NS, 7, &here, cookie, &issued));
	assert_false(cookie_check(&secret, 101 * S + COOKIE_LIFE_NS, 7, &here, cookie, &issued));
	assert_false(cookie_check(&secret, 99 * S, 7, &here, cookie, &issued)); /* from the future */
	assert_false(cookie_check(&secret, 101 * S, 8, &here, cookie, &issued));
	assert_false(cookie_check(&secret, 101 * S, 7, &there, cookie, &issued));
	assert_false(cookie_check(&secret, 101 * S, 7, &port, cookie, &issued));
	assert_false(cookie_check(&other, 101 * S, 7, &here, cookie, &issued)); /* of an earlier start */
	assert_false(cookie_check(&secret, 101 * S, 7, &here, none, &issued));
	for (int i = 0; i < MESSAGE_COOKIE_SIZE; i++) {
		cookie[i] ^= 1;
		assert_false(cookie_check(&secret, 101 * S, 7, &here, cookie, &issued));
		cookie[i] ^= 1;
	}
}

static void each_number_counts_once(void **state)
{
	(void)state;
	struct replay replay = {0};
	for (uint64_t n = 1; n < 3000; n += 1 + n % 5) {
		assert_int_equal(replay_check(&replay, (int64_t)n, 1, 5, n), REPLAY_NEW);
		assert_int_equal(replay_check(&replay, (int64_t)n, 1, 5, n), REPLAY_OLD);
	}
	assert_int_equal(replay_check(&replay, 9000, 1, 5, 1), REPLAY_OLD);
	/* Overtaken ones within the window are new once. */
	assert_int_equal(replay_check(&replay, 9000, 1, 5, 5000), REPLAY_NEW);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, 5000 - REPLAY_WINDOW + 1), REPLAY_NEW);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, 5000 - REPLAY_WINDOW + 1), REPLAY_OLD);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, 5000 - REPLAY_WINDOW), REPLAY_OLD);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, UINT64_MAX), REPLAY_NEW);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, UINT64_MAX), REPLAY_OLD);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, UINT64_MAX - 1), REPLAY_NEW);
	assert_int_equal(replay_check(&replay, 9000, 1, 5, 1), REPLAY_OLD);
}

/* Against a set of everything seen: no number is new twice, whatever the order. */
static void no_number_is_new_twice_in_any_order(void **state)
{
	(void)state;
	struct replay replay = {0};
	static bool seen[4096];
	uint64_t random = 88172645463325252ULL, base = 1;
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < 20000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (base < 3500 && random % 8 == 0)
			base += random >> 60;
		uint64_t n = base + (random >> 20) % 500;
		enum replay_verdict verdict = replay_check(&replay, 10 + i, 1, 1, n);
		if (verdict == REPLAY_NEW) {
			assert_false(seen[n]);
			seen[n] = true;
		}
	}
}

static void a_forgotten_session_needs_a_fresh_cookie(void **state)
{
	(void)state;
	struct replay replay = {0};
	for (uint64_t session = 1; session <= REPLAY_SESSIONS; session++)
		assert_int_equal(replay_check(&replay, (int64_t)(100 + session), 50, session, 1), REPLAY_NEW);
	/* A ninth takes the place of the first, the longest silent. */
	assert_int_equal(replay_check(&replay, 200, 60, 99, 1), REPLAY_NEW);
	/* Its old datagrams do not come back: their cookies are too old. */
	assert_int_equal(replay_check(&replay, 201, 50, 1, 1), REPLAY_PROVE);
	assert_int_equal(replay_check(&replay, 201, 200, 1, 1), REPLAY_PROVE);
	assert_int_equal(replay_check(&replay, 202, 201, 1, 2), REPLAY_NEW);
	/* One that is known is not asked. */
	assert_int_equal(replay_check(&replay, 203, 50, 99, 2), REPLAY_NEW);
}

static void a_bucket_gives_its_burst_and_then_its_rate(void **state)
{
	(void)state;
	struct bucket bucket = {0};
	int taken = 0;
	for (int i = 0; i < 100; i++)
		taken += bucket_take(&bucket, 5 * S, 10, 20);
	assert_int_equal(taken, 20);
	for (int64_t t = 0; t < 10 * S; t += S / 1000)
		taken += bucket_take(&bucket, 5 * S + t, 10, 20);
	assert_in_range(taken, 119, 120);
	taken = 0;
	for (int i = 0; i < 100; i++) /* after a long rest no more than the burst */
		taken += bucket_take(&bucket, 5000 * S, 10, 20);
	assert_int_equal(taken, 20);
}

static enum reach_verdict judge(const struct reach *reach, const char *remote)
{
	struct address own[] = {place("10.0.1.9:1").address, place("198.18.0.1:1").address},
		       detours[] = {place("192.1.1.1:1").address};
	struct network attached[2];
	struct reach_surroundings around = {own, detours, attached, 2, 1, 2};
	struct place p = place(remote);
	qsort(own, 2, sizeof *own, reach_order);
	assert_true(network_parse("8.8.0.0/16", &attached[0]) && network_parse("2a00::/64", &attached[1]));
	return reach_judge(reach, &around, &p);
}

static void strangers_reach_the_public_internet_and_no_more(void **state)
{
	(void)state;
	struct reach none = {0};
	assert_int_equal(judge(&none, "1.1.1.1:443"), REACH_GOOD);
	assert_int_equal(judge(&none, "[2606:4700::1]:443"), REACH_GOOD);
	assert_int_equal(judge(&none, "10.0.1.9:22"), REACH_OWN);
	assert_int_equal(judge(&none, "192.1.1.1:22"), REACH_DETOUR);
	static const char *const no_host[] = {"0.0.0.1:80", "127.1.2.3:80", "224.0.0.1:80", "240.0.0.1:80",
		"255.255.255.255:80", "8.8.255.255:80", "8.8.0.0:80", "[::1]:80", "[ff02::1]:80"};
	for (size_t i = 0; i < sizeof no_host / sizeof *no_host; i++)
		assert_int_equal(judge(&none, no_host[i]), REACH_NO_HOST);
	static const char *const special[] = {"10.9.9.9:80", "169.254.169.254:80", "172.31.0.1:80",
		"192.168.77.1:80", "100.64.0.1:80", "198.19.1.1:80", "[fe80::1]:80", "[fd00::1]:80",
		"[2002:a00:1::]:80", "[64:ff9b::a00:1]:80", "[::10.0.0.1]:80", "[2001:db8::1]:80"};
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		assert_int_equal(judge(&none, special[i]), REACH_SPECIAL);
	assert_int_equal(judge(&none, "8.8.8.8:80"), REACH_ATTACHED);
	assert_int_equal(judge(&none, "[2a00::5]:80"), REACH_ATTACHED);
	for (int i = 0; i < REACH_VERDICTS; i++)
		assert_string_not_equal(reach_verdict_name(i), "unknown");
}

static void an_owner_may_allow_and_deny(void **state)
{
	(void)state;
	struct network allow[2], deny[1];
	struct reach_ports ports[] = {{443, 443}, {5000, 5999}};
	assert_true(network_parse("10.0.0.0/8", &allow[0]) && network_parse("8.8.8.0/24", &allow[1]) &&
		    network_parse("10.66.0.0/16", &deny[0]));
	struct reach reach = {allow, deny, ports, 2, 1, 2};
	assert_int_equal(judge(&reach, "10.9.9.9:443"), REACH_GOOD);
	assert_int_equal(judge(&reach, "10.9.9.9:5999"), REACH_GOOD);
	assert_int_equal(judge(&reach, "10.9.9.9:80"), REACH_PORT);
	assert_int_equal(judge(&reach, "10.66.1.1:443"), REACH_DENIED);
	assert_int_equal(judge(&reach, "10.0.1.9:443"), REACH_OWN); /* whatever is allowed */
	assert_int_equal(judge(&reach, "8.8.8.8:443"), REACH_GOOD);
	assert_int_equal(judge(&reach, "8.8.9.8:443"), REACH_ATTACHED);
	assert_int_equal(judge(&reach, "192.168.0.1:443"), REACH_SPECIAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_is_good_for_its_address_member_and_time),
		cmocka_unit_test(each_number_counts_once),
		cmocka_unit_test(no_number_is_new_twice_in_any_order),
		cmocka_unit_test(a_forgotten_session_needs_a_fresh_cookie),
		cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
		cmocka_unit_test(strangers_reach_the_public_internet_and_no_more),
		cmocka_unit_test(an_owner_may_allow_and_deny),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
