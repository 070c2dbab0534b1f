/* Which subflows a server opens and closes when its addresses change. */
#include "nodes/steer/follow/follow.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>

struct seen {
	unsigned created, destroyed;
	bool refuse; /* no route yet */
	struct mptcp_pm_local local;
	struct place remote, gone;
};

static bool on_create(
	void *context, uint32_t token, const struct mptcp_pm_local *local, const struct place *remote)
{
	struct seen *seen = context;
	assert_int_equal(token, 7);
	seen->created++;
	seen->local = *local;
	seen->remote = *remote;
	return !seen->refuse;
}

static void on_destroy(void *context, uint32_t token, const struct place *local, const struct place *remote)
{
	struct seen *seen = context;
	(void)token, (void)remote;
	seen->destroyed++;
	seen->gone = *local;
}

static struct place address_of(const char *text, uint16_t port)
{
	struct place place = {.port = port};
	assert_true(address_parse(text, &place.address));
	return place;
}

static struct follow *open_follow(struct seen *seen)
{
	const struct follow_handlers handlers = {on_create, on_destroy, seen};
	struct follow *follow = follow_new(&handlers);
	struct place here = address_of("10.0.2.1", 0);
	follow_address(follow, &here.address, true);
	return follow;
}

static void tell(struct follow *follow, enum mptcp_pm_event_type type, bool server_side, struct place local,
	struct place remote)
{
	struct mptcp_pm_event event = {
		.type = type, .token = 7, .server_side = server_side, .local = local, .remote = remote};
	follow_event(follow, &event);
}

static void connect_and_announce(struct follow *follow, uint16_t port)
{
	struct place local = address_of("10.0.2.1", 80), remote = address_of("10.0.1.1", 40000);
	tell(follow, MPTCP_PM_EVENT_CREATED, true, local, remote);
	tell(follow, MPTCP_PM_EVENT_ESTABLISHED, true, local, remote);
	tell(follow, MPTCP_PM_EVENT_ANNOUNCED, true, local, address_of("10.0.1.1", port));
}

static void follows_to_the_announced_port(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct follow *follow = open_follow(&seen);
	struct place old = address_of("10.0.2.1", 0), new = address_of("10.0.9.1", 0);
	connect_and_announce(follow, 7777);
	assert_int_equal(seen.created, 0); /* nothing is opened before something has changed */
	follow_address(follow, &old.address, false);
	assert_int_equal(seen.destroyed, 1);
	assert_true(address_equal(&seen.gone.address, &old.address));
	follow_address(follow, &new.address, true);
	follow_address(follow, &new.address, true); /* no news */
	assert_int_equal(seen.created, 1);
	assert_true(address_equal(&seen.local.address.address, &new.address));
	assert_int_not_equal(seen.local.id, 0); /* which is the initial subflow's */
	assert_int_equal(seen.remote.port, 7777);
	/* It goes again, and its subflow is closed at the end that it had. */
	tell(follow, MPTCP_PM_EVENT_SUB_ESTABLISHED, true, address_of("10.0.9.1", 50000),
		address_of("10.0.1.1", 7777));
	follow_address(follow, &new.address, false);
	assert_int_equal(seen.destroyed, 2);
	tell(follow, MPTCP_PM_EVENT_CLOSED, true, old, old);
	assert_int_equal(follow_counters(follow)->connections, 0);
	follow_address(follow, &new.address, true);
	assert_int_equal(seen.created, 1);
	follow_free(follow);
}

static void leaves_alone_who_named_no_port_or_was_called(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct follow *follow = open_follow(&seen);
	struct place new = address_of("10.0.9.1", 0), here = address_of("10.0.2.1", 0);
	connect_and_announce(follow, 0);
	follow_address(follow, &new.address, true);
	assert_int_equal(seen.created, 0);
	follow_free(follow);

	follow = open_follow(&seen);
	tell(follow, MPTCP_PM_EVENT_ESTABLISHED, false, here, new); /* this host is its client */
	tell(follow, MPTCP_PM_EVENT_ANNOUNCED, false, here, address_of("10.0.1.1", 7777));
	follow_address(follow, &new.address, true);
	assert_int_equal(seen.created, 0);
	assert_int_equal(follow_counters(follow)->connections, 0);
	follow_free(follow);
}

static void tries_again_until_there_is_a_route(void **state)
{
	(void)state;
	struct seen seen = {.refuse = true};
	struct follow *follow = open_follow(&seen);
	struct place new = address_of("10.0.9.1", 0);
	connect_and_announce(follow, 7777);
	follow_address(follow, &new.address, true);
	assert_true(follow_waits(follow));
	assert_true(follow_again(follow));
	seen.refuse = false;
	assert_false(follow_again(follow));
	assert_int_equal(seen.created, 3);
	assert_int_equal(follow_counters(follow)->created, 1);
	assert_false(follow_again(follow));
	assert_int_equal(seen.created, 3);
	/* An address that went has nothing left to try. */
	seen.refuse = true;
	struct place third = address_of("10.0.8.1", 0);
	follow_address(follow, &third.address, true);
	follow_address(follow, &third.address, false);
	assert_false(follow_waits(follow));
	follow_free(follow);
}

static void is_bounded(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct follow *follow = open_follow(&seen);
	struct mptcp_pm_event event = {.type = MPTCP_PM_EVENT_ESTABLISHED, .server_side = true};
	for (unsigned i = 0; i < FOLLOW_CONNECTIONS + 10; i++) {
		event.token = 1000 + i;
		follow_event(follow, &event);
	}
	assert_int_equal(follow_counters(follow)->connections, FOLLOW_CONNECTIONS);
	assert_int_equal(follow_counters(follow)->refused, 10);
	for (unsigned i = 0; i < 100; i++) {
		struct address address = address_of_v4((struct in_addr){i + 1});
		follow_address(follow, &address, true);
	}
	assert_int_equal(follow_counters(follow)->addresses, FOLLOW_ADDRESSES);
	follow_free(follow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_to_the_announced_port),
		cmocka_unit_test(leaves_alone_who_named_no_port_or_was_called),
		cmocka_unit_test(tries_again_until_there_is_a_route),
		cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
