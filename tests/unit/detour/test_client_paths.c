/* The client's policy, rule by rule: which detours are asked, which subflows are opened, and how many. With invented times and
 * without a network. */
#include "tests/unit/detour/client_paths.h"

/* ---- asking ---- */

static void joins_late_when_told_so(void **unused)
{
	struct paths_settings settings = defaults;
	struct paths_detour detour = {.kind = DETOUR_VPN, .at = at("10.0.8.1", 1194)};
	(void)unused;
	settings.join_after_ns = 1700 * MS;
	struct paths *paths = paths_new(&settings, &detour, 1);
	paths_tunnel_up(paths, 0, 0, at("10.8.0.2", 0).address, 7);
	establish(paths, SEC);
	expect_nothing(paths);
	assert_int_equal(paths_deadline(paths), 2700 * MS);
	paths_tick(paths, 2699 * MS);
	expect_nothing(paths);
	paths_tick(paths, 2700 * MS);
	expect(paths, PATHS_CREATE, 0);
	expect_nothing(paths);
	paths_free(paths);
}

static void asks_every_nat_detour_when_established(void **unused)
{
	struct paths *paths = four(2);
	(void)unused;
	assert_int_equal(establish(paths, 0), PATHS_TAKEN);
	assert_true(endpoint_equal(expect(paths, PATHS_ASK, NAT_A).remote, SERVER));
	assert_false(expect(paths, PATHS_ASK, NAT_B).fresh);
	expect_nothing(paths);
	paths_free(paths);
}

static void asks_even_when_tunnels_fill_the_limit(void **unused)
{
	struct paths *paths = four(2);
	(void)unused;
	paths_tunnel_up(paths, 0, VPN_A, at("10.8.0.2", 0).address, 7);
	paths_tunnel_up(paths, 1, VPN_B, at("10.9.0.2", 0).address, 8);
	establish(paths, 2);
	expect(paths, PATHS_ASK, NAT_A);
	expect(paths, PATHS_ASK, NAT_B);
	expect(paths, PATHS_CREATE, VPN_A);
	expect(paths, PATHS_CREATE, VPN_B);
	expect_nothing(paths);
	paths_free(paths);
}

static void an_answer_opens_a_subflow_to_the_detour(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, SERVER, 6001, 1);
	struct paths_action create = expect(paths, PATHS_CREATE, NAT_A);
	assert_int_equal(create.token, TOKEN);
	assert_true(endpoint_equal(create.local, at("10.0.1.1", 0)));
	assert_true(endpoint_equal(create.remote, at("10.0.6.1", 6001)));
	assert_int_not_equal(create.local_id, 0);
	assert_int_equal(create.if_index, 0);
	expect_nothing(paths);
	paths_free(paths);
}

static void an_answer_for_another_destination_opens_none(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, at("10.0.3.1", 5202), 5202, 1);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, at("10.0.3.2", 5201), 5201, 1);
	expect_nothing(paths);
	assert_int_equal(state(paths, NAT_A), PATH_ASKED);
	paths_free(paths);
}

static void a_silent_detour_is_asked_again_later_and_later(void **unused)
{
	struct paths *paths = one_nat();
	int64_t now = 0, pause[] = {SEC, 2 * SEC, 4 * SEC, 4 * SEC};
	(void)unused;
	establish(paths, now);
	drain(paths);
	for (int i = 0; i < 4; i++) {
		paths_unmapped(paths, now, NAT_A, CLIENT.address, SERVER);
		assert_int_equal(paths_deadline(paths), now + pause[i]);
		paths_tick(paths, now + pause[i] - 1);
		expect_nothing(paths);
		now += pause[i];
		paths_tick(paths, now);
		assert_true(expect(paths, PATHS_ASK, NAT_A).fresh);
		expect_nothing(paths);
	}
	paths_free(paths);
}

static void a_silent_detour_that_answers_anybody_is_asked_at_once(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	paths_unmapped(paths, 0, NAT_A, CLIENT.address, SERVER);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, at("10.0.3.9", 80), 80, 1);
	assert_true(endpoint_equal(expect(paths, PATHS_ASK, NAT_A).remote, SERVER));
	expect_nothing(paths);
	paths_free(paths);
}

static void a_detour_that_comes_up_later_serves_a_living_connection(void **unused)
{
	struct paths *paths = four(2);
	(void)unused;
	establish(paths, 0);
	paths_unmapped(paths, 5 * SEC, NAT_A, CLIENT.address, SERVER);
	drain(paths);
	paths_mapped(paths, 9 * SEC, NAT_A, CLIENT.address, SERVER, 5201, 9 * SEC);
	expect(paths, PATHS_CREATE, NAT_A);
	paths_tunnel_up(paths, 20 * SEC, VPN_A, at("10.8.0.2", 0).address, 7);
	struct paths_action create = expect(paths, PATHS_CREATE, VPN_A);
	assert_true(endpoint_equal(create.local, at("10.8.0.2", 0)));
	assert_true(endpoint_equal(create.remote, SERVER));
	assert_int_equal(create.if_index, 7);
	expect_nothing(paths);
	paths_free(paths);
}

/* ---- which, and how many ---- */

static void the_limit_holds(void **unused)
{
	(void)unused;
	for (unsigned limit = 0; limit <= 3; limit++) {
		struct paths *paths = four(limit);
		establish(paths, 0);
		drain(paths);
		paths_tunnel_up(paths, 1, VPN_A, at("10.8.0.2", 0).address, 7);
		paths_mapped(paths, 2, NAT_A, CLIENT.address, SERVER, 5201, 2);
		paths_mapped(paths, 3, NAT_B, CLIENT.address, SERVER, 5201, 3);
		paths_tunnel_up(paths, 4, VPN_B, at("10.9.0.2", 0).address, 8);
		struct paths_action action;
		unsigned created = 0;
		while (paths_next_action(paths, &action))
			created += action.kind == PATHS_CREATE;
		assert_int_equal(created, limit);
		paths_free(paths);
	}
}

static void tunnels_come_first(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	paths_tunnel_up(paths, 50, VPN_B, at("10.9.0.2", 0).address, 8);
	establish(paths, 100);
	expect(paths, PATHS_ASK, NAT_A);
	expect(paths, PATHS_ASK, NAT_B);
	expect(paths, PATHS_CREATE, VPN_B);
	/* Its failure leaves the place to a mapping that is older than the tunnel. */
	paths_mapped(paths, 101, NAT_A, CLIENT.address, SERVER, 5201, 1);
	paths_subflow_refused(paths, 102, TOKEN, VPN_B);
	expect(paths, PATHS_CREATE, NAT_A);
	expect_nothing(paths);
	paths_free(paths);
}

static void a_ready_tunnel_is_preferred_to_an_older_mapping(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	up_across_a(paths, 0);
	paths_mapped(paths, 1, NAT_B, CLIENT.address, SERVER, 5201, 1);
	paths_tunnel_up(paths, 2, VPN_A, at("10.8.0.2", 0).address, 7);
	expect_nothing(paths);
	paths_subflow_closed(paths, 10, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	paths_tick(paths, 10 + HOLD_NS);
	expect(paths, PATHS_CREATE, VPN_A);
	expect_nothing(paths);
	paths_free(paths);
}

static void the_oldest_comes_first(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	paths_tunnel_up(paths, 10, VPN_B, at("10.9.0.2", 0).address, 8);
	paths_tunnel_up(paths, 20, VPN_A, at("10.8.0.2", 0).address, 7);
	establish(paths, 30);
	expect(paths, PATHS_ASK, NAT_A);
	expect(paths, PATHS_ASK, NAT_B);
	expect(paths, PATHS_CREATE, VPN_B);
	expect_nothing(paths);
	paths_free(paths);

	paths = four(1);
	up_across_a(paths, 0);
	paths_subflow_refused(paths, 1, TOKEN, NAT_A); /* is up: no effect */
	expect_nothing(paths);
	paths_free(paths);

	/* Mappings: their own age counts, not the order in which this connection heard of them. */
	paths = four(1);
	paths_tunnel_up(paths, 0, VPN_A, at("10.8.0.2", 0).address, 7);
	establish(paths, 100);
	drain(paths);
	paths_mapped(paths, 101, NAT_A, CLIENT.address, SERVER, 5201, 90);
	paths_mapped(paths, 102, NAT_B, CLIENT.address, SERVER, 5201, 40);
	paths_subflow_refused(paths, 103, TOKEN, VPN_A);
	expect(paths, PATHS_CREATE, NAT_B);
	expect_nothing(paths);
	paths_free(paths);
}

static void local_identifiers_are_one_to_one(void **unused)
{
	struct paths *paths = four(3);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, CLIENT.address, SERVER, 5201, 1);
	paths_mapped(paths, 1, NAT_B, CLIENT.address, SERVER, 5201, 1);
	paths_tunnel_up(paths, 2, VPN_A, at("10.8.0.2", 0).address, 7);
	uint8_t a = expect(paths, PATHS_CREATE, NAT_A).local_id,
		b = expect(paths, PATHS_CREATE, NAT_B).local_id;
	uint8_t v = expect(paths, PATHS_CREATE, VPN_A).local_id;
	assert_int_equal(a, b); /* the same address, without a port */
	assert_int_not_equal(a, 0);
	assert_int_not_equal(v, a);
	assert_int_not_equal(v, 0);
	/* A tunnel that comes back with another address gets another; with the same, the same. */
	paths_tunnel_up(paths, 3, VPN_A, at("10.8.0.3", 0).address, 9);
	uint8_t w = expect(paths, PATHS_CREATE, VPN_A).local_id;
	assert_true(w != v && w != a && w != 0);
	paths_tunnel_up(paths, 4, VPN_A, at("10.8.0.2", 0).address, 10);
	assert_int_equal(expect(paths, PATHS_CREATE, VPN_A).local_id, v);
	paths_free(paths);
}

/* ---- one's own address, and detours that come and go ---- */

static void a_mapping_is_for_the_address_that_asked(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	paths_established(paths, 0, TOKEN + 1, at("10.0.1.77", 40001), SERVER, false);
	struct paths_action first = expect(paths, PATHS_ASK, 0), second = expect(paths, PATHS_ASK, 0);
	assert_true(first.local.address.s_addr == CLIENT.address.s_addr);
	assert_true(second.local.address.s_addr == at("10.0.1.77", 0).address.s_addr);
	paths_mapped(paths, 1, 0, at("10.0.1.77", 0).address, SERVER, 6001, 1);
	struct paths_action create = expect(paths, PATHS_CREATE, 0);
	assert_int_equal(create.token, TOKEN + 1);
	assert_int_equal(create.remote.port, 6001);
	expect_nothing(paths);
	assert_true(paths_wants(paths, 0, at("10.0.1.77", 0).address, SERVER));
	assert_false(paths_wants(paths, 0, at("10.0.1.78", 0).address, SERVER));
	paths_free(paths);
}

static void a_detour_that_joins_serves_connections_that_live(void **unused)
{
	struct paths_detour none = {.kind = DETOUR_NONE},
			    some = {.kind = DETOUR_NAT, .at = at("10.0.6.1", 45672)};
	struct paths *paths = paths_new(&defaults, &none, 1);
	(void)unused;
	establish(paths, 0);
	expect_nothing(paths);
	paths_set_detour(paths, SEC, 0, &some);
	expect(paths, PATHS_ASK, 0);
	paths_mapped(paths, SEC, 0, CLIENT.address, SERVER, 5201, SEC);
	expect(paths, PATHS_CREATE, 0);
	paths_subflow_established(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	/* It leaves: its subflow goes at once, and no new connection asks it. */
	paths_set_detour(paths, 2 * SEC, 0, NULL);
	expect(paths, PATHS_DESTROY, 0);
	paths_established(paths, 3 * SEC, TOKEN + 1, CLIENT, SERVER, false);
	paths_tick(paths, 60 * SEC);
	expect_nothing(paths);
	paths_free(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_late_when_told_so),
		cmocka_unit_test(asks_every_nat_detour_when_established),
		cmocka_unit_test(asks_even_when_tunnels_fill_the_limit),
		cmocka_unit_test(an_answer_opens_a_subflow_to_the_detour),
		cmocka_unit_test(an_answer_for_another_destination_opens_none),
		cmocka_unit_test(a_silent_detour_is_asked_again_later_and_later),
		cmocka_unit_test(a_silent_detour_that_answers_anybody_is_asked_at_once),
		cmocka_unit_test(a_detour_that_comes_up_later_serves_a_living_connection),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(tunnels_come_first),
		cmocka_unit_test(a_ready_tunnel_is_preferred_to_an_older_mapping),
		cmocka_unit_test(the_oldest_comes_first),
		cmocka_unit_test(local_identifiers_are_one_to_one),
		cmocka_unit_test(a_mapping_is_for_the_address_that_asked),
		cmocka_unit_test(a_detour_that_joins_serves_connections_that_live),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
