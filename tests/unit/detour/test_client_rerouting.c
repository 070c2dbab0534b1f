/* Rerouting as the paths do it: subflows that rest, heirs that a server turns away; and destinations in SYNs, with what they fall back to. */
#include "tests/unit/detour/client_paths.h"

#define A at("10.0.6.1", 5201)
#define B at("10.0.7.1", 5201)

static struct paths *two_nats(unsigned limit)
{
	struct paths_settings settings = defaults;
	struct paths_detour detours[2] = {
		by(DETOUR_NAT, "10.0.6.1", 45672), by(DETOUR_NAT, "10.0.7.1", 45672)};
	settings.limit = limit;
	return paths_new(&settings, detours, 2);
}

/* One place; A has it, B could be used. */
static struct paths *with_one_place(void)
{
	struct paths *paths = two_nats(1);
	up_across_a(paths, 1);
	paths_mapped(paths, 2, NAT_B, CLIENT.address, SERVER, 5201, 2);
	expect_nothing(paths);
	return paths;
}

static void one_that_gives_way_rests_and_comes_back_at_once(void **state_)
{
	struct paths *paths = with_one_place();
	(void)state_;
	paths_reroute(paths, SEC, TOKEN, NAT_A, NAT_B, false, false);
	struct paths_action action = expect(paths, PATHS_PRIORITY, NAT_A);
	assert_true(action.backup);
	assert_int_equal(action.local.port, 50000);
	expect(paths, PATHS_CREATE, NAT_B);
	expect_nothing(paths); /* nothing is closed */
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	assert_true(paths_rests(paths_find(paths, TOKEN), NAT_A));
	paths_subflow_established(paths, 2 * SEC, TOKEN, at("10.0.1.1", 50001), B, 1);
	/* And back: no SYN, two words. */
	paths_reroute(paths, 3 * SEC, TOKEN, NAT_B, NAT_A, false, false);
	assert_false(expect(paths, PATHS_PRIORITY, NAT_A).backup);
	assert_true(expect(paths, PATHS_PRIORITY, NAT_B).backup);
	expect_nothing(paths);
	assert_false(paths_rests(paths_find(paths, TOKEN), NAT_A));
	assert_true(paths_rests(paths_find(paths, TOKEN), NAT_B));
	paths_free(paths);
}

/* Its window would grow too slowly for what the route has become: a new one in its place. */
static void one_that_rests_may_be_made_anew(void **state_)
{
	struct paths *paths = with_one_place();
	(void)state_;
	paths_reroute(paths, SEC, TOKEN, NAT_A, NAT_B, false, true); /* none rests there */
	drain(paths);
	paths_subflow_established(paths, 2 * SEC, TOKEN, at("10.0.1.1", 50001), B, 1);
	paths_reroute(paths, 3 * SEC, TOKEN, NAT_B, NAT_A, false, true);
	expect(paths, PATHS_DESTROY, NAT_A);
	assert_true(expect(paths, PATHS_PRIORITY, NAT_B).backup);
	expect(paths, PATHS_CREATE, NAT_A);
	expect_nothing(paths);
	assert_false(paths_rests(paths_find(paths, TOKEN), NAT_A));
	assert_true(paths_rests(paths_find(paths, TOKEN), NAT_B));
	paths_free(paths);
}

static void an_heir_that_is_turned_away_tries_again_and_the_resting_one_goes(void **state_)
{
	struct paths *paths = with_one_place();
	(void)state_;
	paths_reroute(paths, SEC, TOKEN, NAT_A, NAT_B, false, false);
	drain(paths);
	paths_subflow_established(paths, SEC + 20 * MS, TOKEN, at("10.0.1.1", 50001), B, 1);
	/* The server has two already, and closes what came on top. */
	paths_subflow_closed(paths, SEC + 40 * MS, TOKEN, at("10.0.1.1", 50001), B);
	expect_nothing(paths);
	assert_int_equal(state(paths, NAT_B), PATH_READY); /* it has not failed */
	paths_tick(paths, SEC + 40 * MS + TURNED_AWAY_FIRST_NS);
	expect(paths, PATHS_DESTROY, NAT_A); /* room is made */
	expect(paths, PATHS_CREATE, NAT_B);
	expect_nothing(paths);
	/* Once more, as the server has not heard of it yet: after twice the pause. */
	int64_t now = 2 * SEC;
	paths_subflow_established(paths, now, TOKEN, at("10.0.1.1", 50002), B, 1);
	paths_subflow_closed(paths, now + MS, TOKEN, at("10.0.1.1", 50002), B);
	paths_tick(paths, now + MS + TURNED_AWAY_FIRST_NS);
	expect_nothing(paths);
	paths_tick(paths, now + MS + 2 * TURNED_AWAY_FIRST_NS);
	expect(paths, PATHS_CREATE, NAT_B);
	paths_free(paths);
}

static void a_dead_one_is_closed_and_pauses(void **state_)
{
	struct paths *paths = with_one_place();
	(void)state_;
	paths_reroute(paths, SEC, TOKEN, NAT_A, NAT_B, true, false);
	expect(paths, PATHS_DESTROY, NAT_A);
	expect(paths, PATHS_CREATE, NAT_B);
	expect_nothing(paths);
	assert_int_equal(state(paths, NAT_A), PATH_WAITING);
	paths_free(paths);
}

/* A detour that may be told in SYNs, and a connection to it. */
static struct paths *with_option(void)
{
	struct paths *paths = one_nat();
	paths_set_option(paths, NAT_A, CLIENT.address);
	establish(paths, 0);
	expect(paths, PATHS_ASK, NAT_A);
	struct paths_action action = expect(paths, PATHS_CREATE, NAT_A);
	assert_true(action.option);
	assert_int_equal(action.remote.port, 5201); /* the SYN's own port */
	assert_true(same_address(action.destination, SERVER.address));
	expect_nothing(paths);
	return paths;
}

static void a_syn_that_says_where_it_goes_waits_for_no_answer(void **state_)
{
	struct paths *paths = with_option();
	(void)state_;
	paths_subflow_established(paths, 60 * MS, TOKEN, at("10.0.1.1", 50000), A, 1);
	paths_mapped(
		paths, 70 * MS, NAT_A, CLIENT.address, SERVER, 6001, 70 * MS); /* another port: no matter */
	expect_nothing(paths);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	paths_free(paths);
}

static void one_from_another_address_has_no_key(void **state_)
{
	struct paths *paths = one_nat();
	(void)state_;
	paths_set_option(paths, NAT_A, at("10.0.1.77", 0).address);
	establish(paths, 0);
	expect(paths, PATHS_ASK, NAT_A);
	expect_nothing(paths);
	paths_free(paths);
}

static void what_is_refused_goes_by_the_mapping_and_is_remembered(void **state_)
{
	struct paths *paths = with_option();
	(void)state_;
	paths_mapped(paths, 40 * MS, NAT_A, CLIENT.address, SERVER, 6001, 40 * MS);
	expect_nothing(paths);
	paths_subflow_closed(
		paths, 50 * MS, TOKEN, at("10.0.1.1", 50000), A); /* refused: somebody took the option off */
	struct paths_action action = expect(paths, PATHS_CREATE, NAT_A);
	assert_false(action.option);
	assert_int_equal(action.remote.port, 6001);
	paths_closed(paths, TOKEN);
	/* The next connection asks; after the pause one tries again. */
	establish(paths, SEC);
	expect(paths, PATHS_ASK, NAT_A);
	expect_nothing(paths);
	paths_closed(paths, TOKEN);
	establish(paths, SEC + PATHS_OPTION_PAUSE_NS);
	expect(paths, PATHS_ASK, NAT_A);
	assert_true(expect(paths, PATHS_CREATE, NAT_A).option);
	paths_free(paths);
}

static void what_is_dropped_goes_by_the_mapping_after_a_second(void **state_)
{
	struct paths *paths = with_option();
	(void)state_;
	paths_tick(paths, 999 * MS);
	expect_nothing(paths);
	assert_true(paths_deadline(paths) <= SEC);
	paths_tick(paths, SEC);
	assert_true(expect(paths, PATHS_ASK, NAT_A).fresh); /* no answer yet */
	expect_nothing(paths);
	paths_mapped(paths, SEC + 40 * MS, NAT_A, CLIENT.address, SERVER, 5201, SEC + 40 * MS);
	assert_false(expect(paths, PATHS_CREATE, NAT_A).option);
	paths_free(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_gives_way_rests_and_comes_back_at_once),
		cmocka_unit_test(one_that_rests_may_be_made_anew),
		cmocka_unit_test(an_heir_that_is_turned_away_tries_again_and_the_resting_one_goes),
		cmocka_unit_test(a_dead_one_is_closed_and_pauses),
		cmocka_unit_test(a_syn_that_says_where_it_goes_waits_for_no_answer),
		cmocka_unit_test(one_from_another_address_has_no_key),
		cmocka_unit_test(what_is_refused_goes_by_the_mapping_and_is_remembered),
		cmocka_unit_test(what_is_dropped_goes_by_the_mapping_after_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
