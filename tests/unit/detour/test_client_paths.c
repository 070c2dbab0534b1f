/* The client's policy, rule by rule, and the detour client's retries, deadlines and answers: with invented
 * times and without a network. */
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nodes/detour/client/paths.c"
#include "nodes/detour/client/request.c"
#include "nodes/detour/client/settings.h"

#define MS 1000000LL
#define SEC 1000000000LL

/* ---- what the tests stand on ---- */

static struct endpoint at(const char *address, uint16_t port)
{
	struct endpoint endpoint = {.port = port};
	assert_int_equal(inet_pton(AF_INET, address, &endpoint.address), 1);
	return endpoint;
}

enum { NAT_A, NAT_B, VPN_A, VPN_B };

static const struct paths_settings defaults = {.limit = 2,
	.attempts = 3,
	.join_deadline_ns = 5 * SEC,
	.retry_first_ns = SEC,
	.retry_last_ns = 4 * SEC,
	.stable_ns = 10 * SEC};

/* Two NAT detours and two VPN detours on hosts of their own. */
static struct paths *four(unsigned limit)
{
	struct paths_settings settings = defaults;
	struct paths_detour detours[4] = {{DETOUR_NAT, at("10.0.6.1", 45672)},
		{DETOUR_NAT, at("10.0.7.1", 45672)}, {DETOUR_VPN, at("10.0.8.1", 1194)},
		{DETOUR_VPN, at("10.0.9.1", 1195)}};
	settings.limit = limit;
	return paths_new(&settings, detours, 4);
}

static struct paths *one_nat(void)
{
	struct paths_detour detour = {DETOUR_NAT, at("10.0.6.1", 45672)};
	return paths_new(&defaults, &detour, 1);
}

#define CLIENT at("10.0.1.1", 40000)
#define SERVER at("10.0.3.1", 5201)
#define TOKEN 0x1234u

static struct paths_action expect(struct paths *paths, enum paths_action_kind kind, unsigned detour)
{
	struct paths_action action = {0};
	assert_true(paths_next_action(paths, &action));
	assert_int_equal(action.kind, kind);
	assert_int_equal(action.detour, detour);
	return action;
}

static void expect_nothing(struct paths *paths)
{
	struct paths_action action;
	assert_false(paths_next_action(paths, &action));
}

static void drain(struct paths *paths)
{
	struct paths_action action;
	while (paths_next_action(paths, &action))
		;
}

static enum paths_verdict establish(struct paths *paths, int64_t now)
{
	return paths_established(paths, now, TOKEN, CLIENT, SERVER, false);
}

static enum path_state state(const struct paths *paths, unsigned detour)
{
	const struct subflows_connection *connection = paths_find(paths, TOKEN);
	assert_non_null(connection);
	return connection->paths[detour].state;
}

static const struct endpoint *local_of(const struct paths *paths, unsigned detour)
{
	return &paths_find(paths, TOKEN)->paths[detour].local;
}

/* A subflow across NAT_A that is up at `now`, with local port 50000. */
static void up_across_a(struct paths *paths, int64_t now)
{
	establish(paths, now);
	paths_mapped(paths, now, NAT_A, SERVER, 5201, now);
	paths_subflow_established(paths, now, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	drain(paths);
}

/* ---- asking ---- */

static void joins_late_when_told_so(void **unused)
{
	struct paths_settings settings = defaults;
	struct paths_detour detour = {DETOUR_VPN, at("10.0.8.1", 1194)};
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
	paths_mapped(paths, 1, NAT_A, SERVER, 6001, 1);
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
	paths_mapped(paths, 1, NAT_A, at("10.0.3.1", 5202), 5202, 1);
	paths_mapped(paths, 1, NAT_A, at("10.0.3.2", 5201), 5201, 1);
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
		paths_unmapped(paths, now, NAT_A, SERVER);
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
	paths_unmapped(paths, 0, NAT_A, SERVER);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, at("10.0.3.9", 80), 80, 1);
	assert_true(endpoint_equal(expect(paths, PATHS_ASK, NAT_A).remote, SERVER));
	expect_nothing(paths);
	paths_free(paths);
}

static void a_detour_that_comes_up_later_serves_a_living_connection(void **unused)
{
	struct paths *paths = four(2);
	(void)unused;
	establish(paths, 0);
	paths_unmapped(paths, 5 * SEC, NAT_A, SERVER);
	drain(paths);
	paths_mapped(paths, 9 * SEC, NAT_A, SERVER, 5201, 9 * SEC);
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
		paths_mapped(paths, 2, NAT_A, SERVER, 5201, 2);
		paths_mapped(paths, 3, NAT_B, SERVER, 5201, 3);
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
	paths_mapped(paths, 101, NAT_A, SERVER, 5201, 1);
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
	paths_mapped(paths, 1, NAT_B, SERVER, 5201, 1);
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
	paths_mapped(paths, 101, NAT_A, SERVER, 5201, 90);
	paths_mapped(paths, 102, NAT_B, SERVER, 5201, 40);
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
	paths_mapped(paths, 1, NAT_A, SERVER, 5201, 1);
	paths_mapped(paths, 1, NAT_B, SERVER, 5201, 1);
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

/* ---- failures ---- */

static void a_refused_subflow_is_tried_again_with_back_off_until_given_up(void **unused)
{
	struct paths *paths = one_nat();
	int64_t now = 0;
	(void)unused;
	establish(paths, now);
	drain(paths);
	paths_mapped(paths, now, NAT_A, SERVER, 5201, 0);
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
		paths_mapped(paths, now, NAT_A, SERVER, 5201, 0);
	}
	expect(paths, PATHS_CREATE, NAT_A);
	paths_subflow_closed(paths, now, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	assert_int_equal(state(paths, NAT_A), PATH_GIVEN_UP);
	paths_tick(paths, now + 1000 * SEC);
	paths_mapped(paths, now, NAT_A, SERVER, 5201, 0);
	expect_nothing(paths);
	assert_false(paths_wants(paths, NAT_A, SERVER));
	/* ... until the mapping moves. */
	paths_mapped(paths, now, NAT_A, SERVER, 5202, now);
	assert_true(endpoint_equal(expect(paths, PATHS_CREATE, NAT_A).remote, at("10.0.6.1", 5202)));
	paths_free(paths);
}

static void a_failure_frees_the_place_for_the_next_detour(void **unused)
{
	struct paths *paths = four(1);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_mapped(paths, 1, NAT_A, SERVER, 5201, 1);
	paths_mapped(paths, 2, NAT_B, SERVER, 5201, 2);
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
	paths_mapped(paths, 0, NAT_A, SERVER, 5201, 1);
	paths_mapped(paths, 0, NAT_B, SERVER, 5201, 2);
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
	assert_true(endpoint_equal(destroy.local, at("10.0.1.1", 50000)));
	assert_true(endpoint_equal(destroy.remote, at("10.0.6.1", 5201)));
	expect_nothing(paths);
	paths_free(paths);
}

static void a_late_subflow_is_welcome_where_there_is_a_place(void **unused)
{
	struct paths *paths = one_nat();
	(void)unused;
	establish(paths, 0);
	paths_mapped(paths, 0, NAT_A, SERVER, 5201, 1);
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
	paths_mapped(paths, 2 * SEC, NAT_A, SERVER, 5201, 0);
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
	paths_mapped(paths, 0, NAT_A, SERVER, 5201, 0);
	paths_subflow_refused(paths, 0, TOKEN, NAT_A);
	paths_tick(paths, SEC);
	paths_mapped(paths, SEC, NAT_A, SERVER, 5201, 0);
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
	paths_mapped(paths, 1, NAT_B, SERVER, 5201, 1);
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
	assert_true(paths_wants(paths, NAT_A, SERVER));
	paths_subflow_closed(paths, SEC, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201));
	paths_closed(paths, TOKEN);
	assert_null(paths_first(paths));
	assert_false(paths_wants(paths, NAT_A, SERVER));
	paths_tick(paths, 100 * SEC);
	paths_mapped(paths, 100 * SEC, NAT_A, SERVER, 5201, 0);
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
	paths_mapped(paths, 3, NAT_A, SERVER, 5201, 3);
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
	paths_mapped(paths, 1, NAT_A, SERVER, 5201, 0);
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
	paths_mapped(paths, 1, NAT_A, SERVER, 6001, 1);
	expect_nothing(paths);
	/* Its identifier is kept for that address. */
	paths_subflow_closed(paths, 2, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 6001));
	paths_tick(paths, 2 + SEC);
	expect(paths, PATHS_ASK, NAT_A);
	paths_mapped(paths, 3 + SEC, NAT_A, SERVER, 6001, 1);
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
		struct endpoint local = at("10.0.1.1", (uint16_t)(50000 + random() % 3));
		struct endpoint remote = at(nat ? "10.0.7.1" : "10.0.6.1", 5201);
		struct endpoint tunnel = at(vpn == VPN_A ? "10.8.0.2" : "10.9.0.2", 41000);
		now += random() % SEC;
		switch (random() % 12) {
		case 0:
			paths_established(paths, now, token, CLIENT, SERVER, false);
			break;
		case 1:
			paths_mapped(paths, now, nat, SERVER, 5201, now);
			break;
		case 2:
			paths_unmapped(paths, now, nat, SERVER);
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
			assert_true(used(paths, c) <= 2);
	}
	paths_free(paths);
}

/* ---- the detour client ---- */

struct wire {
	unsigned sent, mapped, unmapped;
	struct detour_message last;
	struct endpoint to, remote;
	uint16_t port;
	int64_t since;
	bool wanted;
};

static void wire_send(void *context, struct endpoint to, const uint8_t bytes[DETOUR_WIRE_SIZE])
{
	struct wire *wire = context;
	wire->sent++;
	wire->to = to;
	assert_int_equal(detour_wire_decode(bytes, DETOUR_WIRE_SIZE, &wire->last), DETOUR_WIRE_OK);
	assert_int_equal(wire->last.operation, DETOUR_WIRE_REQUEST);
}

static void wire_mapped(
	void *context, int64_t now, unsigned detour, struct endpoint remote, uint16_t port, int64_t since)
{
	struct wire *wire = context;
	(void)now;
	(void)detour;
	wire->mapped++;
	wire->remote = remote;
	wire->port = port;
	wire->since = since;
}

static void wire_unmapped(void *context, int64_t now, unsigned detour, struct endpoint remote)
{
	struct wire *wire = context;
	(void)now;
	(void)detour;
	wire->remote = remote;
	wire->unmapped++;
}

static bool wire_wanted(void *context, unsigned detour, struct endpoint remote)
{
	(void)detour;
	(void)remote;
	return ((struct wire *)context)->wanted;
}

#define DETOUR at("10.0.6.1", 45672)

static struct requests *client_of(struct wire *wire)
{
	struct request_detour detours[2] = {
		{.at = DETOUR, .asked = true, .deadline_ns = 5 * SEC, .renew_ns = 30 * SEC},
		{.at = at("10.0.6.1", 1194)}};
	struct request_handlers handlers = {wire_send, wire_mapped, wire_unmapped, wire_wanted, wire};
	return requests_new(detours, 2, &handlers);
}

static void answer_from(
	struct requests *requests, int64_t now, struct endpoint from, struct endpoint remote, uint16_t port)
{
	struct detour_message message = {.operation = DETOUR_WIRE_RESPONSE,
		.remote = remote.address,
		.remote_port = remote.port,
		.detour_port = port};
	uint8_t bytes[DETOUR_WIRE_SIZE];
	detour_wire_encode(&message, bytes);
	requests_receive(requests, now, from, bytes, sizeof bytes);
}

static void a_question_goes_out_at_once_as_published(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	assert_int_equal(wire.sent, 1);
	assert_true(endpoint_equal(wire.to, DETOUR));
	assert_true(wire.last.remote.s_addr == SERVER.address.s_addr);
	assert_int_equal(wire.last.remote_port, 5201);
	assert_int_equal(wire.last.detour_port, 5201); /* the proposal: usually the remote's own */
	requests_ask(requests, 1, 0, SERVER, false);   /* joined */
	requests_ask(requests, 1, 1, SERVER, false);   /* not a NAT detour */
	assert_int_equal(wire.sent, 1);
	answer_from(requests, 20 * MS, DETOUR, SERVER, 6001);
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(wire.port, 6001);
	assert_int_equal(wire.since, 20 * MS);
	requests_free(requests);
}

static void a_lost_question_is_repeated_with_back_off_until_the_deadline(void **unused)
{
	static const int64_t repeats[] = {200 * MS, 600 * MS, 1400 * MS, 3000 * MS};
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(requests_deadline(requests), repeats[i]);
		requests_tick(requests, repeats[i] - 1);
		assert_int_equal(wire.sent, 1 + i);
		requests_tick(requests, repeats[i]);
		assert_int_equal(wire.sent, 2 + i);
	}
	assert_int_equal(requests_deadline(requests), 5 * SEC);
	requests_tick(requests, 5 * SEC - 1);
	assert_int_equal(wire.unmapped, 0);
	requests_tick(requests, 5 * SEC);
	assert_int_equal(wire.unmapped, 1);
	assert_true(endpoint_equal(wire.remote, SERVER));
	assert_int_equal(wire.sent, 5);
	assert_int_equal(requests_counters(requests, 0)->timed_out, 1);
	assert_int_equal(requests_counters(requests, 0)->repeated, 4);
	requests_free(requests);
}

static void a_late_answer_is_used(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	requests_tick(requests, 5 * SEC);
	answer_from(requests, 7 * SEC, DETOUR, SERVER, 5201);
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(requests_counters(requests, 0)->late, 1);
	requests_free(requests);
}

static void a_duplicate_answer_changes_nothing_but_a_moved_port_does(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	answer_from(requests, 1, DETOUR, SERVER, 5201);
	answer_from(requests, 2, DETOUR, SERVER, 5201);
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(requests_counters(requests, 0)->duplicate, 1);
	answer_from(requests, 3, DETOUR, SERVER, 6001);
	assert_int_equal(wire.mapped, 2);
	assert_int_equal(wire.port, 6001);
	assert_int_equal(wire.since, 3);
	requests_free(requests);
}

static void what_nobody_asked_for_is_counted_and_dropped(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	uint8_t bytes[DETOUR_WIRE_SIZE + 1] = {1, 1};
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	answer_from(requests, 1, at("10.0.6.2", 45672), SERVER, 5201); /* another host */
	answer_from(requests, 1, at("10.0.6.1", 45673), SERVER, 5201); /* another port */
	answer_from(requests, 1, at("10.0.6.1", 1194), SERVER, 5201);  /* a detour of another kind */
	assert_int_equal(requests_strangers(requests), 3);
	answer_from(requests, 1, DETOUR, at("10.0.3.1", 5202), 5202); /* another destination */
	assert_int_equal(requests_counters(requests, 0)->unknown, 1);
	requests_receive(requests, 1, DETOUR, bytes, 0);
	requests_receive(requests, 1, DETOUR, bytes, DETOUR_WIRE_SIZE - 1);
	requests_receive(requests, 1, DETOUR, bytes, DETOUR_WIRE_SIZE + 1);
	bytes[0] = 2;
	requests_receive(requests, 1, DETOUR, bytes, DETOUR_WIRE_SIZE);
	/* Our own question, sent back. */
	detour_wire_encode(&wire.last, bytes);
	requests_receive(requests, 1, DETOUR, bytes, DETOUR_WIRE_SIZE);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_SHORT], 2);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_LONG], 1);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_BAD_VERSION], 1);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_OK], 1);
	assert_int_equal(wire.mapped, 0);
	requests_free(requests);
}

static void a_mapping_answers_the_next_connection_unless_in_doubt(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	answer_from(requests, 10, DETOUR, SERVER, 6001);
	requests_ask(requests, SEC, 0, SERVER, false);
	assert_int_equal(wire.sent, 1);
	assert_int_equal(wire.mapped, 2);
	assert_int_equal(wire.since, 10); /* its age is that of the first answer */
	requests_ask(requests, 2 * SEC, 0, SERVER, true);
	assert_int_equal(wire.sent, 2);
	assert_int_equal(wire.last.detour_port, 6001); /* the port in use is proposed */
	requests_free(requests);
}

static void a_mapping_is_renewed_while_it_is_wanted(void **unused)
{
	struct wire wire = {.wanted = true};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	answer_from(requests, 0, DETOUR, SERVER, 5201);
	assert_int_equal(requests_deadline(requests), 30 * SEC);
	requests_tick(requests, 30 * SEC);
	assert_int_equal(wire.sent, 2);
	assert_int_equal(requests_counters(requests, 0)->renewals, 1);
	assert_int_equal(requests_mappings(requests, 0), 1); /* still good while it is being renewed */
	answer_from(requests, 30 * SEC + 1, DETOUR, SERVER, 5201);
	assert_int_equal(wire.since, 0);
	/* A detour that is away when it should renew is tried again a minute later. */
	requests_tick(requests, 61 * SEC);
	requests_tick(requests, 66 * SEC);
	assert_int_equal(wire.unmapped, 1);
	assert_int_equal(requests_mappings(requests, 0), 0);
	unsigned before = wire.sent;
	requests_tick(requests, 66 * SEC + MEMORY_NS);
	assert_int_equal(wire.sent, before + 1);
	requests_free(requests);
}

static void a_mapping_that_nobody_wants_is_forgotten(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	requests_ask(requests, 0, 0, SERVER, false);
	answer_from(requests, 0, DETOUR, SERVER, 5201);
	requests_tick(requests, 30 * SEC);
	assert_int_equal(wire.sent, 1);
	assert_int_equal(requests_mappings(requests, 0), 0);
	requests_tick(requests, 30 * SEC + MEMORY_NS);
	assert_int_equal(requests_deadline(requests), PATHS_NEVER);
	answer_from(requests, 200 * SEC, DETOUR, SERVER, 5201);
	assert_int_equal(requests_counters(requests, 0)->unknown, 1);
	requests_free(requests);
}

/* ---- the configuration ---- */

#define NAT_LINES "detours:\n  - {name: detour, kind: nat, address: 10.0.6.1}\n"
#define VPN_LINE(extra)                                                                                      \
	"  - {name: tunnel, kind: vpn, address: 10.0.6.1, certificate: /dev/null, key: /dev/null, peer: "    \
	"/dev/null, "                                                                                        \
	"encryption: none" extra "}\n"

static void a_configuration_has_the_documented_defaults(void **unused)
{
	char *error = NULL;
	struct settings *settings = settings_parse("f", NAT_LINES VPN_LINE(""), &error);
	(void)unused;
	assert_non_null(settings);
	assert_int_equal(settings->paths.limit, 2);
	assert_int_equal(settings->count, 2);
	assert_int_equal(settings->detours[0].at.port, 45672);
	assert_int_equal(settings->detours[0].deadline_ns, 5 * SEC);
	assert_int_equal(settings->detours[1].at.port, 1194);
	assert_string_equal(settings->detours[1].device, "tun0");
	assert_int_equal(settings->detours[1].encryption, OPENVPN_PLAIN);
	assert_string_equal(settings->directory, "/run/liquidnet/client");
	assert_false(settings->manage_sysctl);
	settings_free(settings);
}

static void bad_configurations_are_refused_by_line(void **unused)
{
	static const struct {
		const char *text, *line, *word;
	} bad[] = {
		{"limit: 2\n", "f:", "detours"},
		{"limit: 9\n" NAT_LINES, "f:1:", "limit"},
		{"limits: 2\n" NAT_LINES, "f:1:", "limits"},
		{"directory: run\n" NAT_LINES, "f:1:", "directory"},
		{"retry_first: 4s\nretry_last: 1s\n" NAT_LINES, "f:2:", "retry_last"},
		{"detours: []\n", "f:1:", "detours"},
		{"detours:\n  - {name: d, kind: gre, address: 10.0.6.1}\n", "f:2:", "gre"},
		{"detours:\n  - {name: d, kind: nat, address: fd00::1}\n", "f:2:", "fd00::1"},
		{"detours:\n  - {name: d/e, kind: nat, address: 10.0.6.1}\n", "f:2:", "d/e"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, device: tun0}\n", "f:2:", "device"},
		{"detours:\n  - {name: d, kind: nat, address: 10.0.6.1, port: 70000}\n", "f:2:", "port"},
		{NAT_LINES "  - {name: detour, kind: nat, address: 10.0.6.2}\n", "f:3:", "detour"},
		{NAT_LINES "  - {name: other, kind: nat, address: 10.0.6.1}\n", "f:3:", "other"},
		{"detours:\n" VPN_LINE(", table: 254"), "f:2:", "254"},
		{"detours:\n" VPN_LINE(", device: a-much-too-long-name"), "f:2:", "a-much-too-long-name"},
		{"detours:\n  - {name: t, kind: vpn, address: 10.0.6.1, certificate: /nonexistent, key: /dev/null, peer: /dev/null, encryption: none}\n",
			"f:2:", "/nonexistent"},
		{"detours:\n  - {name: t, kind: vpn, address: 10.0.6.1, certificate: /dev/null, key: /dev/null, peer: /dev/null, encryption: rot13}\n",
			"f:2:", "rot13"},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_null(settings_parse("f", bad[i].text, &error));
		assert_non_null(error);
		assert_true(strncmp(error, bad[i].line, strlen(bad[i].line)) == 0);
		assert_non_null(strstr(error, bad[i].word));
		free(error);
	}
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
		cmocka_unit_test(a_tunnel_that_goes_down_frees_its_place),
		cmocka_unit_test(a_tunnel_that_comes_back_is_tried_afresh),
		cmocka_unit_test(a_connection_that_is_in_the_tunnel_gets_no_second_subflow_there),
		cmocka_unit_test(connections_that_are_not_for_detours_are_left_alone),
		cmocka_unit_test(events_may_be_repeated),
		cmocka_unit_test(a_found_subflow_is_adopted),
		cmocka_unit_test(another_s_subflows_are_ignored),
		cmocka_unit_test(whatever_happens_the_limit_holds),
		cmocka_unit_test(a_question_goes_out_at_once_as_published),
		cmocka_unit_test(a_lost_question_is_repeated_with_back_off_until_the_deadline),
		cmocka_unit_test(a_late_answer_is_used),
		cmocka_unit_test(a_duplicate_answer_changes_nothing_but_a_moved_port_does),
		cmocka_unit_test(what_nobody_asked_for_is_counted_and_dropped),
		cmocka_unit_test(a_mapping_answers_the_next_connection_unless_in_doubt),
		cmocka_unit_test(a_mapping_is_renewed_while_it_is_wanted),
		cmocka_unit_test(a_mapping_that_nobody_wants_is_forgotten),
		cmocka_unit_test(a_configuration_has_the_documented_defaults),
		cmocka_unit_test(bad_configurations_are_refused_by_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
