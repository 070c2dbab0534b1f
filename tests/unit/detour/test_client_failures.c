/* The client's policy, rule by rule: what fails, what is tried again, tunnels that come and go, and what is left alone. With
 * invented times and without a network. */
#include "tests/unit/detour/client_paths.h"

/* ---- failures ---- */

static void a_refused_subflow_is_tried_again_with_back_off_until_given_up(void **unused)
{
	struct paths *paths = one_nat();
	int64_t now = 0;
	(void)unused;
	establish(paths, now);
	drain(paths);
	paths_mapped(paths, now, NAT_A, CLIENT.address, SERVER, 5201, 0);
	for (unsigned failure = 1; failure < defaults.attempts; failure++) {
		expect(paths, PATHS_CREATE, NAT_A);
		paths_subflow_closed(paths, now, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
		assert_int_equal(state(paths, NAT_A), PATH_WAITING);
		expect_nothing(paths);
		now += SEC << (failure - 1);
		assert_int_equal(paths_deadline(paths), now);
		paths_tick(paths, now);
		/* The mapping may be gone: the detour itself must confirm it. */
		assert_true(expect(paths, PATHS_ASK, NAT_A).fresh);
		paths_mapped(paths, now, NAT_A, CLIENT.address, SERVER, 5201, 0);
	}
	expect(paths, PATHS_CREATE, NAT_A);
	paths_subflow_closed(paths, now, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	assert_int_equal(state(paths, NAT_A), PATH_GIVEN_UP);
	paths_tick(paths, now + 1000 * SEC);
	paths_mapped(paths, now, NAT_A, CLIENT.address, SERVER, 5201, 0);
	expect_nothing(paths);
	assert_false(paths_wants(paths, NAT_A, CLIENT.address, SERVER));
	/* ... until the mapping moves. */
	paths_mapped(paths, now, NAT_A, CLIENT.address, SERVER, 5202, now);
	assert_true(same_place(expect(paths, PATHS_CREATE, NAT_A).remote, at("10.0.6.1", 5202)));
	paths_free(paths);
}

static void a_failure_frees_the_place_for_the_next_detour(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, SERVER, 5201, 1);
	paths_mapped(paths, 2, NAT_B, CLIENT.address, SERVER, 5201, 2);
	expect(paths, PATHS_CREATE, NAT_A);
	expect_nothing(paths);
	paths_subflow_closed(paths, 3, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	expect(paths, PATHS_CREATE, NAT_B);
	expect_nothing(paths);
	paths_free(paths);
}

static void a_silent_subflow_has_failed_at_its_deadline(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_mapped(paths, 0, NAT_A, CLIENT.address, SERVER, 5201, 1);
	paths_mapped(paths, 0, NAT_B, CLIENT.address, SERVER, 5201, 2);
	expect(paths, PATHS_CREATE, NAT_A);
	assert_int_equal(paths_deadline(paths), defaults.join_deadline_ns);
	paths_tick(paths, defaults.join_deadline_ns - 1);
	expect_nothing(paths);
	paths_tick(paths, defaults.join_deadline_ns);
	assert_int_equal(state(paths, NAT_A), PATH_WAITING);
	expect(paths, PATHS_CREATE, NAT_B);
	/* The first comes late, its place is taken: it goes. */
	paths_subflow_established(paths, 6 * SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	struct paths_action destroy = expect(paths, PATHS_DESTROY, NAT_A);
	assert_true(same_place(destroy.local, at("10.0.1.1", 50000)));
	assert_true(same_place(destroy.remote, at("10.0.6.1", 5201)));
	expect_nothing(paths);
	paths_free(paths);
}

static void a_late_subflow_is_welcome_where_there_is_a_place(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	paths_mapped(paths, 0, NAT_A, CLIENT.address, SERVER, 5201, 1);
	drain(paths);
	paths_tick(paths, defaults.join_deadline_ns);
	assert_int_equal(state(paths, NAT_A), PATH_WAITING);
	paths_subflow_established(
		paths, defaults.join_deadline_ns + 1, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	expect_nothing(paths);
	paths_free(paths);
}

static void a_second_subflow_on_the_same_path_is_closed(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	up_across_a(paths, 0);
	paths_subflow_established(paths, 1, TOKEN, at("10.0.1.1", 50001), at("10.0.6.1", 5201), 1);
	assert_int_equal(expect(paths, PATHS_DESTROY, NAT_A).local.port, 50001);
	/* And its end is not the end of the first. */
	paths_subflow_closed(paths, 2, TOKEN, at("10.0.1.1", 50001), at("10.0.6.1", 5201));
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	expect_nothing(paths);
	paths_free(paths);
}

/* The server's limit shows as SUB_ESTABLISHED, then SUB_CLOSED without an error within 120 ms. */
static void a_subflow_that_dies_young_counts_as_failed(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	up_across_a(paths, 0);
	paths_subflow_closed(paths, 100 * MS, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	assert_int_equal(paths_find(paths, TOKEN)->paths[NAT_A].failures, 1);
	assert_int_equal(state(paths, NAT_A), PATH_WAITING);
	paths_tick(paths, 100 * MS + SEC);
	expect(paths, PATHS_ASK, NAT_A);
	paths_mapped(paths, 2 * SEC, NAT_A, CLIENT.address, SERVER, 5201, 0);
	expect(paths, PATHS_CREATE, NAT_A);
	paths_subflow_established(paths, 2 * SEC, TOKEN, at("10.0.1.1", 50002), at("10.0.6.1", 5201), 1);
	paths_subflow_closed(paths, 2 * SEC + 1, TOKEN, at("10.0.1.1", 50002), at("10.0.6.1", 5201));
	assert_int_equal(paths_find(paths, TOKEN)->paths[NAT_A].failures, 2);
	paths_free(paths);
}

static void a_long_life_forgives_earlier_failures(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	paths_mapped(paths, 0, NAT_A, CLIENT.address, SERVER, 5201, 0);
	paths_subflow_refused(paths, 0, TOKEN, NAT_A);
	paths_tick(paths, SEC);
	paths_mapped(paths, SEC, NAT_A, CLIENT.address, SERVER, 5201, 0);
	paths_subflow_established(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	assert_int_equal(paths_find(paths, TOKEN)->paths[NAT_A].failures, 1);
	paths_subflow_closed(
		paths, SEC + defaults.stable_ns, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	assert_int_equal(paths_find(paths, TOKEN)->paths[NAT_A].failures, 1);
	paths_free(paths);
}

static void a_place_left_by_a_living_subflow_is_held_for_a_moment(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	up_across_a(paths, 0);
	paths_mapped(paths, 1, NAT_B, CLIENT.address, SERVER, 5201, 1);
	paths_subflow_closed(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	expect_nothing(paths); /* the connection may be closing */
	assert_int_equal(paths_deadline(paths), SEC + HOLD_NS);
	paths_tick(paths, SEC + HOLD_NS);
	expect(paths, PATHS_CREATE, NAT_B);
	paths_free(paths);
}

static void a_closed_connection_wants_nothing_more(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	up_across_a(paths, 0);
	assert_true(paths_wants(paths, NAT_A, CLIENT.address, SERVER));
	paths_subflow_closed(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	paths_closed(paths, TOKEN);
	assert_null(paths_first(paths));
	assert_false(paths_wants(paths, NAT_A, CLIENT.address, SERVER));
	paths_tick(paths, 100 * SEC);
	paths_mapped(paths, 100 * SEC, NAT_A, CLIENT.address, SERVER, 5201, 0);
	paths_subflow_refused(paths, 100 * SEC, TOKEN, NAT_A);
	paths_subflow_established(paths, 100 * SEC, TOKEN, CLIENT, at("10.0.6.1", 5201), 1);
	paths_closed(paths, TOKEN);
	expect_nothing(paths);
	assert_int_equal(paths_deadline(paths), PATHS_NEVER);
	paths_free(paths);
}

static void the_initial_subflow_may_end_and_detours_stay(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	up_across_a(paths, 0);
	paths_subflow_closed(paths, SEC, TOKEN, CLIENT, SERVER);
	assert_true(paths_find(paths, TOKEN)->initial_closed);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	expect_nothing(paths);
	paths_free(paths);
}

/* ---- the direct path ---- */

#define DIRECT 1 /* one_nat() */

static void the_direct_subflow_is_made_anew_after_a_pause(void **unused)
{
	struct paths *paths = one_nat();
	struct place local, remote;
	(void)unused;
	up_across_a(paths, 0);
	assert_true(paths_direct_ends(paths, paths_find(paths, TOKEN), &local, &remote));
	assert_int_equal(local.port, CLIENT.port);
	paths_tick(paths, 10 * SEC); /* the deadline of the join */
	paths_subflow_closed(paths, 10 * SEC, TOKEN, CLIENT, SERVER);
	paths_subflow_closed(paths, 10 * SEC, TOKEN, CLIENT, SERVER); /* told twice */
	assert_false(paths_direct_ends(paths, paths_find(paths, TOKEN), &local, &remote));
	assert_int_equal(paths_deadline(paths), 11 * SEC);
	paths_tick(paths, 11 * SEC);
	struct paths_action action = expect(paths, PATHS_CREATE, DIRECT);
	assert_true(same_place(action.remote, SERVER));
	assert_true(same_address(action.local.address, CLIENT.address));
	assert_int_equal(action.local.port, 0);
	expect_nothing(paths);
	paths_subflow_established(
		paths, 11 * SEC + MS, TOKEN, at("10.0.1.1", 50007), SERVER, action.local_id);
	assert_int_equal(state(paths, DIRECT), PATH_UP);
	assert_true(paths_direct_ends(paths, paths_find(paths, TOKEN), &local, &remote));
	assert_int_equal(local.port, 50007);
	expect_nothing(paths);
	/* And again, should it end again. */
	paths_subflow_closed(paths, 30 * SEC, TOKEN, at("10.0.1.1", 50007), SERVER);
	paths_tick(paths, 31 * SEC);
	expect(paths, PATHS_CREATE, DIRECT);
	paths_free(paths);
}

static void the_direct_path_is_never_given_up(void **unused)
{
	struct paths *paths = one_nat();
	int64_t now = 10 * SEC, last = 0;
	unsigned tries = 0;
	(void)unused;
	up_across_a(paths, 0);
	paths_tick(paths, now); /* the deadline of the join */
	paths_subflow_closed(paths, now, TOKEN, CLIENT, SERVER);
	while (now < 600 * SEC) {
		struct paths_action action;
		assert_true(paths_deadline(paths) > now && paths_deadline(paths) != PATHS_NEVER);
		now = paths_deadline(paths);
		paths_tick(paths, now);
		while (paths_next_action(paths, &action)) {
			assert_int_equal(action.kind, PATHS_CREATE);
			assert_int_equal(action.detour, DIRECT);
			/* Refused, or silent till its deadline: a pause in any case. */
			assert_true(now - last >= SEC);
			last = now;
			if (tries++ % 2)
				paths_subflow_refused(paths, now, TOKEN, DIRECT);
		}
	}
	assert_in_range(tries, 60, 160);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	paths_free(paths);
}

static void a_dead_direct_path_is_left_only_when_there_is_another(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	drain(paths);
	assert_false(paths_direct_dead(paths, SEC, TOKEN));
	expect_nothing(paths);
	paths_mapped(paths, SEC, NAT_A, CLIENT.address, SERVER, 5201, SEC);
	paths_subflow_established(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	drain(paths);
	assert_true(paths_direct_dead(paths, 2 * SEC, TOKEN));
	struct paths_action action = expect(paths, PATHS_DESTROY, DIRECT);
	assert_true(same_place(action.local, CLIENT));
	expect_nothing(paths);
	paths_subflow_closed(paths, 2 * SEC + MS, TOKEN, CLIENT, SERVER); /* by our own doing */
	expect_nothing(paths);
	paths_tick(paths, 3 * SEC);
	expect(paths, PATHS_CREATE, DIRECT);
	expect_nothing(paths);
	paths_subflow_established(paths, 3 * SEC, TOKEN, at("10.0.1.1", 50008), SERVER, 1);
	assert_true(paths_direct_dead(paths, 5 * SEC, TOKEN));
	assert_int_equal(expect(paths, PATHS_DESTROY, DIRECT).local.port, 50008);
	assert_int_equal(state(paths, DIRECT), PATH_WAITING);
	assert_false(paths_direct_dead(paths, 5 * SEC, 0x999));
	paths_free(paths);
}

/* ---- tunnels ---- */

static void a_tunnel_that_goes_down_frees_its_place(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	paths_tunnel_up(paths, 0, VPN_A, at("10.8.0.2", 0).address, 7);
	establish(paths, 1);
	paths_subflow_established(paths, 2, TOKEN, at("10.8.0.2", 41000), SERVER, 1);
	assert_int_equal(state(paths, VPN_A), PATH_UP);
	assert_int_equal(local_of(paths, VPN_A)->port, 41000);
	paths_mapped(paths, 3, NAT_A, CLIENT.address, SERVER, 5201, 3);
	drain(paths);
	paths_tunnel_down(paths, 4, VPN_A);
	assert_int_equal(expect(paths, PATHS_DESTROY, VPN_A).local.port, 41000);
	expect(paths, PATHS_CREATE, NAT_A);
	expect_nothing(paths);
	assert_int_equal(state(paths, VPN_A), PATH_IDLE);
	/* The kernel's own word of its end comes afterwards and says nothing new. */
	paths_subflow_closed(paths, 5, TOKEN, at("10.8.0.2", 41000), SERVER);
	assert_int_equal(state(paths, VPN_A), PATH_IDLE);
	paths_free(paths);
}

static void a_tunnel_that_comes_back_is_tried_afresh(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	paths_tunnel_up(paths, 0, VPN_A, at("10.8.0.2", 0).address, 7);
	establish(paths, 0);
	drain(paths);
	for (int64_t now = 0; state(paths, VPN_A) != PATH_GIVEN_UP; now = paths_deadline(paths)) {
		paths_tick(paths, now);
		paths_subflow_refused(paths, now, TOKEN, VPN_A);
	}
	drain(paths);
	paths_tunnel_down(paths, 100 * SEC, VPN_A);
	expect_nothing(paths);
	paths_tunnel_up(paths, 101 * SEC, VPN_A, at("10.8.0.2", 0).address, 9);
	assert_int_equal(expect(paths, PATHS_CREATE, VPN_A).if_index, 9);
	paths_tunnel_up(paths, 102 * SEC, VPN_A, at("10.8.0.2", 0).address, 9); /* said twice */
	expect_nothing(paths);
	paths_free(paths);
}

static void a_connection_that_is_in_the_tunnel_gets_no_second_subflow_there(void **unused)
{
	struct paths *paths = four(2);
	(void)unused;
	paths_tunnel_up(paths, 0, VPN_A, at("10.8.0.2", 0).address, 7);
	paths_established(paths, 1, TOKEN, at("10.8.0.2", 40000), SERVER, false);
	expect(paths, PATHS_ASK, NAT_A);
	expect(paths, PATHS_ASK, NAT_B);
	expect_nothing(paths);
	paths_free(paths);
}

/* ---- what is not touched ---- */

static void connections_that_are_not_for_detours_are_left_alone(void **unused)
{
	struct paths *paths = four(2);
	(void)unused;
	paths_tunnel_up(paths, 0, VPN_A, at("10.8.0.2", 0).address, 7);
	assert_int_equal(paths_established(paths, 0, 1, CLIENT, SERVER, true), PATHS_SERVER_SIDE);
	assert_int_equal(
		paths_established(paths, 0, 2, CLIENT, at("10.0.6.1", 5201), false), PATHS_TO_DETOUR);
	assert_int_equal(paths_established(paths, 0, 3, CLIENT, at("10.0.9.1", 80), false), PATHS_TO_DETOUR);
	assert_int_equal(
		paths_established(paths, 0, 4, CLIENT, at("10.0.3.1", 45672), false), PATHS_TO_DETOUR);
	assert_int_equal(
		paths_established(paths, 0, 5, CLIENT, at("10.0.3.1", 1194), false), PATHS_TO_DETOUR);
	assert_int_equal(
		paths_established(paths, 0, 6, CLIENT, at("10.0.3.1", 1195), false), PATHS_TO_DETOUR);
	assert_int_equal(paths_established(paths, 0, 7, at("127.0.0.1", 4), at("127.0.0.1", 80), false),
		PATHS_UNREACHABLE);
	assert_int_equal(
		paths_established(paths, 0, 8, CLIENT, at("10.0.1.1", 80), false), PATHS_UNREACHABLE);
	assert_int_equal(
		paths_established(paths, 0, 9, CLIENT, at("224.0.0.1", 80), false), PATHS_UNREACHABLE);
	expect_nothing(paths);
	assert_null(paths_first(paths));
	paths_free(paths);
}

static void events_may_be_repeated(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	up_across_a(paths, 0);
	assert_int_equal(establish(paths, 1), PATHS_KNOWN);
	paths_subflow_established(paths, 1, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, SERVER, 5201, 0);
	expect_nothing(paths);
	paths_free(paths);
}

/* A restarted client finds the connection with its detour subflow, and only then hears from the detour. */
static void a_found_subflow_is_adopted(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_subflow_established(paths, 0, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 6001), 3);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, SERVER, 6001, 1);
	expect_nothing(paths);
	/* Its identifier is kept for that address. */
	paths_subflow_closed(paths, 2, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 6001));
	paths_tick(paths, 2 + SEC);
	expect(paths, PATHS_ASK, NAT_A);
	paths_mapped(paths, 3 + SEC, NAT_A, CLIENT.address, SERVER, 6001, 1);
	assert_int_equal(expect(paths, PATHS_CREATE, NAT_A).local_id, 3);
	paths_free(paths);
}

static void another_s_subflows_are_ignored(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	up_across_a(paths, 0);
	paths_subflow_established(paths, 1, TOKEN, at("10.0.1.2", 50000), SERVER, 9);
	paths_subflow_closed(paths, 2, TOKEN, at("10.0.1.2", 50000), SERVER);
	paths_subflow_closed(paths, 2, 77, at("10.0.1.2", 50000), SERVER);
	expect_nothing(paths);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	paths_free(paths);
}

/* A long random life: the limit holds at every step, whatever happens. */
static void whatever_happens_the_limit_holds(void **unused)
{
	struct paths *paths = four(2);
	int64_t now = 0;
	(void)unused;
	srandom(1);
	for (int step = 0; step < 20000; step++) {
		uint32_t token = 1 + (uint32_t)random() % 3;
		unsigned nat = (unsigned)random() % 2, vpn = 2 + (unsigned)random() % 2;
		struct place local = at("10.0.1.1", (uint16_t)(50000 + random() % 3));
		struct place remote = at(nat ? "10.0.7.1" : "10.0.6.1", 5201);
		struct place tunnel = at(vpn == VPN_A ? "10.8.0.2" : "10.9.0.2", 41000);
		now += random() % SEC;
		switch (random() % 12) {
		case 0:
			paths_established(paths, now, token, CLIENT, SERVER, false);
			break;
		case 1:
			paths_mapped(paths, now, nat, CLIENT.address, SERVER, 5201, now);
			break;
		case 2:
			paths_unmapped(paths, now, nat, CLIENT.address, SERVER);
			break;
		case 3:
			paths_tunnel_up(paths, now, vpn, tunnel.address, (int)vpn);
			break;
		case 4:
			paths_tunnel_down(paths, now, vpn);
			break;
		case 5:
		case 6:
			paths_subflow_established(paths, now, token, local, remote, 1);
			break;
		case 7:
			paths_subflow_closed(paths, now, token, local, remote);
			break;
		case 8:
			paths_subflow_established(paths, now, token, tunnel, SERVER, 2);
			break;
		case 9:
			paths_subflow_refused(paths, now, token, random() % 2 ? nat : vpn);
			break;
		case 10:
			paths_tick(paths, now);
			break;
		default:
			if (random() % 20 == 0)
				paths_closed(paths, token);
		}
		struct paths_action action;
		while (paths_next_action(paths, &action))
			assert_true(action.kind == PATHS_ASK || paths_find(paths, action.token));
		for (const struct subflows_connection *c = paths_first(paths); c; c = c->next)
			assert_true(paths_used(paths, c) <= 2);
	}
	paths_free(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_subflow_is_tried_again_with_back_off_until_given_up),
		cmocka_unit_test(a_failure_frees_the_place_for_the_next_detour),
		cmocka_unit_test(a_silent_subflow_has_failed_at_its_deadline),
		cmocka_unit_test(a_late_subflow_is_welcome_where_there_is_a_place),
		cmocka_unit_test(a_second_subflow_on_the_same_path_is_closed),
		cmocka_unit_test(a_subflow_that_dies_young_counts_as_failed),
		cmocka_unit_test(a_long_life_forgives_earlier_failures),
		cmocka_unit_test(a_place_left_by_a_living_subflow_is_held_for_a_moment),
		cmocka_unit_test(a_closed_connection_wants_nothing_more),
		cmocka_unit_test(the_initial_subflow_may_end_and_detours_stay),
		cmocka_unit_test(the_direct_subflow_is_made_anew_after_a_pause),
		cmocka_unit_test(the_direct_path_is_never_given_up),
		cmocka_unit_test(a_dead_direct_path_is_left_only_when_there_is_another),
		cmocka_unit_test(a_tunnel_that_goes_down_frees_its_place),
		cmocka_unit_test(a_tunnel_that_comes_back_is_tried_afresh),
		cmocka_unit_test(a_connection_that_is_in_the_tunnel_gets_no_second_subflow_there),
		cmocka_unit_test(connections_that_are_not_for_detours_are_left_alone),
		cmocka_unit_test(events_may_be_repeated),
		cmocka_unit_test(a_found_subflow_is_adopted),
		cmocka_unit_test(another_s_subflows_are_ignored),
		cmocka_unit_test(whatever_happens_the_limit_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
