/* The client's policy: direct ways, from another address of ours or once more from the connection's own; subflows that wait until
 * enough has passed (join_after_bytes). */
#include "tests/unit/detour/client_paths.h"

enum { SECOND, AGAIN, AGAIN_TOO };

#define OTHER at("10.0.2.1", 0).address

/* A way from 10.0.2.1, and two more from the connection's own address. */
static struct paths *three(unsigned limit, uint64_t join_after_bytes)
{
	struct paths_settings settings = defaults;
	struct paths_detour detours[3] = {
		{.kind = DETOUR_DIRECT, .from = OTHER}, {.kind = DETOUR_DIRECT}, {.kind = DETOUR_DIRECT}};
	settings.limit = limit;
	settings.join_after_bytes = join_after_bytes;
	return paths_new(&settings, detours, 3);
}

static struct place own(uint16_t port)
{
	return (struct place){CLIENT.address, port};
}

/* What follows the initial subflow and what goes beside it leave from one address: they differ by their ports, and by who joins. */
static void what_follows_the_initial_subflow_is_not_taken_for_another(void **unused)
{
	struct paths *paths = three(3, 0);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_subflow_established(paths, 1, TOKEN, own(50001), SERVER, 2);
	paths_subflow_established(paths, 2, TOKEN, own(50002), SERVER, 2);
	assert_int_equal(local_of(paths, AGAIN)->port, 50001);
	assert_int_equal(local_of(paths, AGAIN_TOO)->port, 50002);
	paths_tick(paths, 10 * SEC);
	paths_subflow_closed(paths, 10 * SEC, TOKEN, CLIENT, SERVER);
	paths_tick(paths, 11 * SEC);
	while (true) {
		struct paths_action action = {0};
		assert_true(paths_next_action(paths, &action));
		if (action.kind == PATHS_CREATE && action.detour == paths_direct(paths))
			break;
	}
	paths_subflow_established(paths, 11 * SEC + MS, TOKEN, own(50003), SERVER, 2);
	assert_int_equal(local_of(paths, paths_direct(paths))->port, 50003);
	/* The end of one is that one's. */
	paths_subflow_closed(paths, 30 * SEC, TOKEN, own(50002), SERVER);
	assert_int_equal(state(paths, AGAIN), PATH_UP);
	assert_int_not_equal(state(paths, AGAIN_TOO), PATH_UP);
	assert_int_equal(state(paths, paths_direct(paths)), PATH_UP);
	paths_free(paths);
}

static void direct_ways_are_there_at_once(void **unused)
{
	struct paths *paths = three(3, 0);
	(void)unused;
	assert_int_equal(establish(paths, 0), PATHS_TAKEN);
	for (unsigned i = 0; i < 3; i++) {
		struct paths_action create = expect(paths, PATHS_CREATE, i);
		assert_true(same_place(create.remote, SERVER));
		assert_true(same_address(create.local.address, i == SECOND ? OTHER : CLIENT.address));
		assert_int_equal(create.local.port, 0);
		assert_int_not_equal(create.local_id, 0);
	}
	expect_nothing(paths);
	paths_free(paths);
}

static void the_limit_counts_them(void **unused)
{
	struct paths *paths = three(1, 0);
	(void)unused;
	establish(paths, 0);
	expect(paths, PATHS_CREATE, SECOND);
	expect_nothing(paths);
	assert_int_equal(state(paths, AGAIN), PATH_READY);
	paths_free(paths);
}

static void a_connection_from_the_other_address_needs_no_way_from_there(void **unused)
{
	struct paths *paths = three(3, 0);
	(void)unused;
	paths_established(paths, 0, TOKEN, (struct place){OTHER, 40000}, SERVER, false);
	expect(paths, PATHS_CREATE, AGAIN);
	expect(paths, PATHS_CREATE, AGAIN_TOO);
	expect_nothing(paths);
	paths_free(paths);
}

static void subflows_of_one_address_are_told_apart_by_their_ports(void **unused)
{
	struct paths *paths = three(3, 0);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_subflow_established(paths, 1, TOKEN, own(50001), SERVER, 2);
	paths_subflow_established(paths, 1, TOKEN, own(50002), SERVER, 2);
	paths_subflow_established(paths, 1, TOKEN, own(50002), SERVER, 2); /* told twice */
	paths_subflow_established(paths, 1, TOKEN, (struct place){OTHER, 50003}, SERVER, 1);
	assert_int_equal(state(paths, SECOND), PATH_UP);
	assert_int_equal(local_of(paths, SECOND)->port, 50003);
	assert_int_equal(local_of(paths, AGAIN)->port + local_of(paths, AGAIN_TOO)->port, 100003);
	unsigned first = local_of(paths, AGAIN)->port == 50001 ? AGAIN : AGAIN_TOO;
	paths_subflow_closed(paths, 2, TOKEN, own(50001), SERVER);
	assert_int_equal(state(paths, first), PATH_WAITING);
	assert_int_equal(state(paths, AGAIN + AGAIN_TOO - first), PATH_UP);
	expect_nothing(paths);
	/* After the back-off, the way is there again. */
	paths_tick(paths, 3 * SEC);
	expect(paths, PATHS_CREATE, first);
	paths_free(paths);
}

static void the_initial_subflow_is_on_no_way(void **unused)
{
	struct paths *paths = three(3, 0);
	(void)unused;
	establish(paths, 0);
	drain(paths);
	paths_subflow_established(paths, 1, TOKEN, CLIENT, SERVER, 0);
	paths_subflow_closed(paths, 2, TOKEN, CLIENT, SERVER);
	assert_int_equal(state(paths, AGAIN), PATH_JOINING);
	assert_int_equal(state(paths, AGAIN_TOO), PATH_JOINING);
	assert_true(paths_find(paths, TOKEN)->initial_closed);
	paths_free(paths);
}

static void one_that_is_refused_is_tried_again_and_given_up(void **unused)
{
	struct paths *paths = three(1, 0);
	int64_t now = 0;
	(void)unused;
	establish(paths, 0);
	for (unsigned failures = 1; failures < defaults.attempts; failures++) {
		drain(paths);
		paths_subflow_refused(paths, now, TOKEN, SECOND);
		assert_int_equal(state(paths, SECOND), PATH_WAITING);
		expect(paths, PATHS_CREATE, AGAIN); /* its place goes to the next */
		paths_subflow_refused(paths, now, TOKEN, AGAIN);
		drain(paths);
		paths_subflow_refused(paths, now, TOKEN, AGAIN_TOO);
		now += 4 * SEC;
		paths_tick(paths, now);
	}
	drain(paths);
	paths_subflow_refused(paths, now, TOKEN, SECOND);
	assert_int_equal(state(paths, SECOND), PATH_GIVEN_UP);
	paths_free(paths);
}

/* As a client that starts among connections finds them. */
static void what_lives_already_keeps_its_ways(void **unused)
{
	struct paths *paths = three(3, 0);
	(void)unused;
	assert_int_equal(paths_found(paths, 0, TOKEN, CLIENT, SERVER, false), PATHS_TAKEN);
	expect_nothing(paths);
	paths_subflow_established(paths, 0, TOKEN, own(50001), SERVER, 1);
	paths_subflow_established(paths, 0, TOKEN, (struct place){OTHER, 50003}, SERVER, 2);
	paths_serve_all(paths, 0);
	assert_int_equal(state(paths, SECOND), PATH_UP);
	unsigned one = state(paths, AGAIN) == PATH_UP ? AGAIN : AGAIN_TOO;
	assert_int_equal(local_of(paths, one)->port, 50001);
	expect(paths, PATHS_CREATE, AGAIN + AGAIN_TOO - one);
	expect_nothing(paths);
	paths_free(paths);
}

/* ---- join_after_bytes ---- */

static void look(struct paths *paths, int64_t now, uint64_t acked, uint64_t received)
{
	struct survey_subflow list[] = {{.token = TOKEN, .bytes_acked = acked},
		{.token = TOKEN, .bytes_received = received}, {.token = TOKEN + 1, .bytes_acked = 1 << 30}};
	paths_look(paths, now, 0, list, 3);
}

static void nothing_is_opened_before_enough_has_passed(void **unused)
{
	struct paths *paths = three(1, 100000);
	(void)unused;
	assert_true(paths_look_at(paths) == PATHS_NEVER);
	establish(paths, SEC);
	expect_nothing(paths);
	assert_int_equal(paths_look_at(paths), SEC + MS);
	look(paths, SEC + MS, 0, 99999);
	expect_nothing(paths);
	paths_tick(paths, SEC + 2 * MS);
	expect_nothing(paths);
	look(paths, SEC + 2 * MS, 1, 99999);
	expect(paths, PATHS_CREATE, SECOND);
	expect_nothing(paths);
	assert_true(paths_look_at(paths) == PATHS_NEVER);
	paths_free(paths);
}

static void looks_come_oftener_the_nearer_it_is(void **unused)
{
	struct paths *paths = three(1, 1000000);
	(void)unused;
	establish(paths, 0);
	look(paths, 1 * MS, 0, 0);
	assert_int_equal(paths_look_at(paths), 3 * MS); /* no progress: twice as long */
	look(paths, 3 * MS, 0, 0);
	assert_int_equal(paths_look_at(paths), 7 * MS);
	look(paths, 7 * MS, 0, 200000);
	assert_int_equal(paths_look_at(paths), 15 * MS); /* 800,000 at 50,000 a ms: half of 16 ms */
	look(paths, 15 * MS, 0, 980000);
	assert_int_equal(paths_look_at(paths), 16 * MS); /* no oftener */
	look(paths, 16 * MS, 0, 980000);
	for (int64_t now = 18 * MS; now < 10 * SEC; now = paths_look_at(paths)) /* no rarer */
		look(paths, now, 0, 980000);
	int64_t now = paths_look_at(paths);
	look(paths, now, 0, 980000);
	assert_int_equal(paths_look_at(paths), now + 100 * MS);
	paths_free(paths);
}

static void a_look_that_is_dear_comes_rarely(void **unused)
{
	struct paths *paths = three(1, 1000);
	(void)unused;
	establish(paths, 0);
	paths_look(paths, 1 * MS, 3 * MS, NULL, 0);
	assert_int_equal(paths_look_at(paths), 31 * MS);
	paths_free(paths);
}

static void both_conditions_must_hold(void **unused)
{
	struct paths_settings settings = defaults;
	struct paths_detour detour = {.kind = DETOUR_DIRECT};
	(void)unused;
	settings.join_after_bytes = 10;
	settings.join_after_ns = 50 * MS;
	struct paths *paths = paths_new(&settings, &detour, 1);
	establish(paths, 0);
	look(paths, 1 * MS, 0, 10);
	expect_nothing(paths);
	assert_int_equal(paths_deadline(paths), 50 * MS);
	paths_tick(paths, 50 * MS);
	expect(paths, PATHS_CREATE, 0);
	paths_free(paths);
}

static void a_nat_detour_is_asked_meanwhile(void **unused)
{
	struct paths_settings settings = defaults;
	struct paths_detour detour = {.kind = DETOUR_NAT, .at = at("10.0.6.1", 45672)};
	(void)unused;
	settings.join_after_bytes = 10;
	struct paths *paths = paths_new(&settings, &detour, 1);
	establish(paths, 0);
	expect(paths, PATHS_ASK, 0);
	paths_mapped(paths, 1, 0, CLIENT.address, SERVER, 5201, 1);
	expect_nothing(paths);
	look(paths, 2 * MS, 10, 0);
	expect(paths, PATHS_CREATE, 0);
	paths_free(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct_ways_are_there_at_once),
		cmocka_unit_test(what_follows_the_initial_subflow_is_not_taken_for_another),
		cmocka_unit_test(the_limit_counts_them),
		cmocka_unit_test(a_connection_from_the_other_address_needs_no_way_from_there),
		cmocka_unit_test(subflows_of_one_address_are_told_apart_by_their_ports),
		cmocka_unit_test(the_initial_subflow_is_on_no_way),
		cmocka_unit_test(one_that_is_refused_is_tried_again_and_given_up),
		cmocka_unit_test(what_lives_already_keeps_its_ways),
		cmocka_unit_test(nothing_is_opened_before_enough_has_passed),
		cmocka_unit_test(looks_come_oftener_the_nearer_it_is),
		cmocka_unit_test(a_look_that_is_dear_comes_rarely),
		cmocka_unit_test(both_conditions_must_hold),
		cmocka_unit_test(a_nat_detour_is_asked_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
