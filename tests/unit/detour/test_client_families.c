/* The client's policy with both families: which detours a connection over IPv6 may have, which one over IPv4, and what is left alone.
 * With invented times and without a network. */
#include "tests/unit/detour/client_paths.h"

#define CLIENT6 at("2001:db8:1::1", 40000)
#define SERVER6 at("2001:db8:3::1", 5201)
#define DETOUR6 "2001:db8:6::1"

enum { BOTH, V4, V6, TUNNEL, COUNT };

/* Detours with addresses of both families, of IPv4, of IPv6; and a tunnel. */
static struct paths *of_each(unsigned limit)
{
	struct paths_settings settings = defaults;
	struct paths_detour detours[COUNT] = {[BOTH] = by(DETOUR_NAT, "10.0.6.1", 45672),
		[V4] = by(DETOUR_NAT, "10.0.7.1", 45672),
		[V6] = by(DETOUR_NAT, "2001:db8:7::1", 45672),
		[TUNNEL] = by(DETOUR_VPN, "10.0.8.1", 1194)};
	detours[BOTH].other = at(DETOUR6, 0).address;
	settings.limit = limit;
	return paths_new(&settings, detours, COUNT);
}

static enum paths_verdict establish6(struct paths *paths, int64_t now)
{
	return paths_established(paths, now, TOKEN, CLIENT6, SERVER6, false);
}

static void a_connection_is_served_by_detours_of_its_family(void **unused)
{
	struct paths *paths = of_each(4);
	(void)unused;
	assert_int_equal(establish6(paths, 0), PATHS_TAKEN);
	struct paths_action ask = expect(paths, PATHS_ASK, BOTH);
	assert_true(same_address(ask.local.address, CLIENT6.address));
	assert_true(same_place(ask.remote, SERVER6));
	expect(paths, PATHS_ASK, V6);
	expect_nothing(paths);
	assert_int_equal(state(paths, V4), PATH_OTHER_FAMILY);
	assert_int_equal(state(paths, TUNNEL), PATH_OTHER_FAMILY);
	assert_false(paths_fits_none(paths, paths_find(paths, TOKEN)));
	/* To the detour's address of that family, from the connection's own. */
	paths_mapped(paths, MS, BOTH, CLIENT6.address, SERVER6, 6001, MS);
	struct paths_action create = expect(paths, PATHS_CREATE, BOTH);
	assert_true(same_place(create.local, at("2001:db8:1::1", 0)));
	assert_true(same_place(create.remote, at(DETOUR6, 6001)));
	assert_int_not_equal(create.local_id, 0);
	paths_subflow_established(
		paths, 2 * MS, TOKEN, at("2001:db8:1::1", 50000), at(DETOUR6, 6001), create.local_id);
	assert_int_equal(state(paths, BOTH), PATH_UP);
	paths_subflow_closed(paths, SEC, TOKEN, at("2001:db8:1::1", 50000), at(DETOUR6, 6001));
	assert_int_equal(state(paths, BOTH), PATH_WAITING);
	paths_tick(paths, 10 * SEC);
	assert_true(expect(paths, PATHS_ASK, BOTH).fresh);
	/* One over IPv4, beside it. */
	paths_established(paths, 10 * SEC, TOKEN + 1, CLIENT, SERVER, false);
	expect(paths, PATHS_ASK, BOTH);
	expect(paths, PATHS_ASK, V4);
	expect_nothing(paths);
	assert_int_equal(paths_find(paths, TOKEN + 1)->paths[V6].state, PATH_OTHER_FAMILY);
	assert_int_equal(paths_find(paths, TOKEN + 1)->paths[TUNNEL].state, PATH_IDLE);
	paths_mapped(paths, 10 * SEC, BOTH, CLIENT.address, SERVER, 6002, 10 * SEC);
	create = expect(paths, PATHS_CREATE, BOTH);
	assert_int_equal(create.token, TOKEN + 1);
	assert_true(same_place(create.remote, at("10.0.6.1", 6002)));
	paths_free(paths);
}

/* The same bytes in another family are another address: a mapping of one is none of the other's. */
static void a_mapping_is_of_one_family(void **unused)
{
	struct paths *paths = of_each(1);
	(void)unused;
	establish6(paths, 0);
	drain(paths);
	paths_mapped(paths, MS, BOTH, CLIENT.address, SERVER, 6001, MS);
	paths_mapped(paths, MS, BOTH, CLIENT6.address, SERVER, 6001, MS);
	expect_nothing(paths);
	assert_int_equal(state(paths, BOTH), PATH_ASKED);
	assert_true(paths_wants(paths, BOTH, CLIENT6.address, SERVER6));
	assert_false(paths_wants(paths, BOTH, CLIENT.address, SERVER6));
	paths_free(paths);
}

static void tunnels_that_come_and_go_leave_ipv6_alone(void **unused)
{
	struct paths *paths = of_each(4);
	(void)unused;
	establish6(paths, 0);
	drain(paths);
	paths_tunnel_up(paths, SEC, TUNNEL, at("10.8.0.2", 0).address, 7);
	assert_int_equal(state(paths, TUNNEL), PATH_OTHER_FAMILY);
	paths_tunnel_down(paths, 2 * SEC, TUNNEL);
	assert_int_equal(state(paths, TUNNEL), PATH_OTHER_FAMILY);
	/* Nor does a tunnel that is up already have them. */
	paths_tunnel_up(paths, 3 * SEC, TUNNEL, at("10.8.0.2", 0).address, 7);
	paths_established(paths, 3 * SEC, TOKEN + 1, at("2001:db8:1::2", 4000), SERVER6, false);
	assert_int_equal(paths_find(paths, TOKEN + 1)->paths[TUNNEL].state, PATH_OTHER_FAMILY);
	paths_tick(paths, 60 * SEC);
	struct paths_action action;
	while (paths_next_action(paths, &action))
		assert_int_not_equal(action.detour, TUNNEL);
	paths_free(paths);
}

static void where_no_detour_fits_the_direct_path_is_looked_after(void **unused)
{
	struct paths *paths = one_nat(); /* of IPv4 */
	(void)unused;
	assert_int_equal(establish6(paths, 0), PATHS_TAKEN);
	expect_nothing(paths);
	assert_true(paths_fits_none(paths, paths_find(paths, TOKEN)));
	/* It can have no subflow across a detour, so the connection ends with its last one; as long as it lives another is made. */
	paths_subflow_closed(paths, SEC, TOKEN, CLIENT6, SERVER6);
	paths_tick(paths, 2 * SEC);
	struct paths_action action = expect(paths, PATHS_CREATE, paths_direct(paths));
	assert_true(same_place(action.remote, SERVER6));
	assert_true(same_place(action.local, at("2001:db8:1::1", 0)));
	paths_subflow_established(
		paths, 2 * SEC, TOKEN, at("2001:db8:1::1", 50001), SERVER6, action.local_id);
	assert_int_equal(state(paths, paths_direct(paths)), PATH_UP);
	/* A detour of IPv6 comes: it serves what lives. */
	struct paths_detour better = by(DETOUR_NAT, DETOUR6, 45672);
	paths_set_detour(paths, 3 * SEC, NAT_A, &better);
	expect(paths, PATHS_ASK, NAT_A);
	assert_false(paths_fits_none(paths, paths_find(paths, TOKEN)));
	/* It leaves: a place without a detour is of no family. */
	paths_set_detour(paths, 4 * SEC, NAT_A, NULL);
	assert_int_equal(state(paths, NAT_A), PATH_IDLE);
	assert_false(paths_fits_none(paths, paths_find(paths, TOKEN)));
	paths_free(paths);
}

/* The server has told its IPv4 address: a detour of IPv4 leads there, from our IPv4 address. */
static void an_announced_address_opens_detours_of_its_family(void **unused)
{
	struct paths *paths = of_each(4);
	struct place server = at("10.0.3.1", 5201);
	(void)unused;
	establish6(paths, 0);
	drain(paths);
	/* Not known, of the same family, without a route, that no detour leads to: nothing. */
	paths_announced(paths, 0, 99, CLIENT.address, server);
	paths_announced(paths, 0, TOKEN, CLIENT6.address, at("2001:db8:33::1", 5201));
	paths_announced(paths, 0, TOKEN, ADDRESS_NONE, server);
	paths_announced(paths, 0, TOKEN, CLIENT.address, at("127.0.0.1", 5201));
	expect_nothing(paths);
	paths_announced(paths, MS, TOKEN, CLIENT.address, server);
	struct paths_action ask = expect(paths, PATHS_ASK, V4);
	assert_true(same_address(ask.local.address, CLIENT.address));
	assert_true(same_place(ask.remote, server));
	expect_nothing(paths); /* detours that have IPv6 go on with it, tunnels serve IPv4 connections */
	assert_int_equal(state(paths, TUNNEL), PATH_OTHER_FAMILY);
	assert_true(paths_wants(paths, V4, CLIENT.address, server));
	assert_false(paths_wants(paths, BOTH, CLIENT.address, server));
	paths_mapped(paths, 2 * MS, V4, CLIENT.address, server, 6001, 2 * MS);
	struct paths_action create = expect(paths, PATHS_CREATE, V4);
	assert_true(same_place(create.local, at("10.0.1.1", 0)));
	assert_true(same_place(create.remote, at("10.0.7.1", 6001)));
	paths_subflow_established(
		paths, 3 * MS, TOKEN, at("10.0.1.1", 50000), at("10.0.7.1", 6001), create.local_id);
	assert_int_equal(state(paths, V4), PATH_UP);
	/* Told again, by the subflow across the detour: the first stands. */
	paths_announced(paths, 4 * MS, TOKEN, CLIENT.address, at("10.0.3.77", 5201));
	paths_announced(paths, 4 * MS, TOKEN, CLIENT.address, at("10.0.3.1", 6001));
	expect_nothing(paths);
	paths_subflow_closed(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.7.1", 6001));
	assert_int_equal(state(paths, V4), PATH_WAITING);
	/* A connection over IPv4 can have no subflow over IPv6. */
	paths_established(paths, SEC, TOKEN + 1, CLIENT, SERVER, false);
	drain(paths);
	paths_announced(paths, SEC, TOKEN + 1, CLIENT6.address, SERVER6);
	expect_nothing(paths);
	paths_free(paths);
}

/* Where the server named no port the kernel names that of the subflow that brought its word. */
static void a_detours_port_is_not_the_servers(void **unused)
{
	struct paths *paths = of_each(4);
	(void)unused;
	establish6(paths, 0);
	paths_mapped(paths, MS, BOTH, CLIENT6.address, SERVER6, 6001, MS);
	paths_subflow_established(paths, 2 * MS, TOKEN, at("2001:db8:1::1", 50000), at(DETOUR6, 6001), 1);
	drain(paths);
	paths_announced(paths, 3 * MS, TOKEN, CLIENT.address, at("10.0.3.1", 6001));
	assert_int_equal(expect(paths, PATHS_ASK, V4).remote.port, 5201);
	paths_free(paths);
}

static void what_no_detour_leads_to_is_left_alone(void **unused)
{
	static const char *const unreachable[] = {
		"::", "::1", "fe80::1", "febf::1", "ff02::1", "2001:db8:1::1"};
	static const char *const taken[] = {"fec0::1", "fd00::1", "2001:db8::1", "::ffff:10.0.3.9"};
	struct paths *paths = of_each(2);
	uint32_t token = 1;
	(void)unused;
	for (size_t i = 0; i < sizeof unreachable / sizeof *unreachable; i++)
		assert_int_equal(paths_established(paths, 0, token++, CLIENT6, at(unreachable[i], 80), false),
			PATHS_UNREACHABLE);
	assert_int_equal(
		paths_established(paths, 0, token++, CLIENT6, at(DETOUR6, 80), false), PATHS_TO_DETOUR);
	assert_int_equal(paths_established(paths, 0, token++, CLIENT6, at("2001:db8:7::1", 80), false),
		PATHS_TO_DETOUR);
	assert_int_equal(paths_established(paths, 0, token++, CLIENT6, at("2001:db8::1", 45672), false),
		PATHS_TO_DETOUR);
	expect_nothing(paths);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		assert_int_equal(
			paths_established(paths, 0, token++, CLIENT6, at(taken[i], 80), false), PATHS_TAKEN);
	paths_free(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_served_by_detours_of_its_family),
		cmocka_unit_test(a_mapping_is_of_one_family),
		cmocka_unit_test(tunnels_that_come_and_go_leave_ipv6_alone),
		cmocka_unit_test(where_no_detour_fits_the_direct_path_is_looked_after),
		cmocka_unit_test(an_announced_address_opens_detours_of_its_family),
		cmocka_unit_test(a_detours_port_is_not_the_servers),
		cmocka_unit_test(what_no_detour_leads_to_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
