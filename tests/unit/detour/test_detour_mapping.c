/* Mappings: the published rules for the detour port one by one, limits, idle time, leases, owners, and cost. */
#include "lib/base/clock.h"
#include "nodes/detour/daemon/mapping.c"
#include "tests/unit/check.h"
#include <string.h>

static const struct mapping_limits limits = {
	.idle_ns = 300 * NS_PER_S, .lease_ns = 60 * NS_PER_S, .max_mappings = 20000};
static const uint8_t seed[16] = {1, 2, 3};
static size_t most;       /* mappings an owner */
static bool taken[65536]; /* by the host */
static unsigned looked;   /* how many ports of the host have been looked at */

static bool is_taken(void *context, uint16_t port)
{
	(void)context;
	looked++;
	return taken[port];
}

static struct address ip(const char *text)
{
	struct address address;
	assert_true(address_parse(text, &address));
	return address;
}

static int setup(void **state)
{
	memset(taken, 0, sizeof taken);
	most = 1024;
	*state = mapping_table_new(&limits, seed);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	mapping_table_free(*state);
	return 0;
}

static struct mapping *add(struct mapping_table *t, uint64_t owner, const char *client, uint16_t port,
	const char *remote, uint16_t rport, int64_t now)
{
	struct address from = ip(client);
	struct place to = {ip(remote), rport};
	return mapping_add(t, owner, &from, port, &to, now);
}

static struct mapping *at_port(struct mapping_table *t, const char *client, uint16_t port)
{
	struct address from = ip(client);
	return mapping_find_port(t, &from, port);
}

/* A whole request: choose, and add what was chosen. */
static enum mapping_choice ask_as(struct mapping_table *t, uint64_t owner, const char *client,
	const char *remote, uint16_t rport, uint16_t proposed, uint16_t *port)
{
	struct mapping_wish wish = {
		owner, ip(client), {ip(remote), rport}, proposed, most, 0, is_taken, NULL};
	enum mapping_choice choice = mapping_choose(t, &wish, port);
	if (choice == MAPPING_AS_PROPOSED || choice == MAPPING_OTHER_PORT)
		assert_non_null(mapping_add(t, owner, &wish.client, *port, &wish.remote, 0));
	return choice;
}

static enum mapping_choice ask(struct mapping_table *t, const char *client, const char *remote,
	uint16_t rport, uint16_t proposed, uint16_t *port)
{
	return ask_as(t, MAPPING_NOBODY, client, remote, rport, proposed, port);
}

static void leads_to(const struct mapping *mapping, const char *remote)
{
	struct address to = ip(remote);
	assert_non_null(mapping);
	assert_true(address_equal(&mapping->remote.address, &to));
}

static void a_free_proposed_port_is_taken(void **state)
{
	uint16_t port;
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 5201, 5201, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(port, 5201);
	leads_to(at_port(*state, "10.0.1.1", 5201), "10.0.5.1");
	assert_int_equal(at_port(*state, "10.0.1.1", 5201)->remote.port, 5201);
}

static void the_same_client_and_remote_keep_their_port(void **state)
{
	uint16_t port;
	ask(*state, "10.0.1.1", "10.0.5.1", 5201, 5201, &port);
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 5201, 7777, &port), MAPPING_REUSED);
	assert_int_equal(port, 5201);
	/* even when the proposed port is taken by another mapping, or its own has become one of the host's */
	ask(*state, "10.0.1.1", "10.0.5.2", 80, 8080, &port);
	taken[5201] = true;
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 5201, 8080, &port), MAPPING_REUSED);
	assert_int_equal(port, 5201);
	assert_int_equal(mapping_count(*state), 2);
}

static void another_port_of_the_same_remote_is_another_mapping(void **state)
{
	uint16_t port;
	ask(*state, "10.0.1.1", "10.0.5.1", 5201, 5201, &port);
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(port, 80);
}

static void a_port_of_another_mapping_of_that_client_is_avoided(void **state)
{
	uint16_t port;
	ask(*state, "10.0.1.1", "10.0.5.1", 5201, 5201, &port);
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.2", 5201, 5201, &port), MAPPING_OTHER_PORT);
	assert_int_not_equal(port, 5201);
	assert_in_range(port, PORT_FIRST, PORT_HIGHEST);
	leads_to(at_port(*state, "10.0.1.1", port), "10.0.5.2");
	leads_to(at_port(*state, "10.0.1.1", 5201), "10.0.5.1");
}

static void a_port_that_the_host_listens_on_is_avoided(void **state)
{
	uint16_t port;
	taken[80] = true;
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_OTHER_PORT);
	assert_int_not_equal(port, 80);
}

static void the_other_port_is_none_of_the_hosts_either(void **state)
{
	uint16_t port;
	for (unsigned p = PORT_FIRST; p < PORT_FIRST + 100; p++)
		taken[p] = true;
	taken[80] = true;
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_OTHER_PORT);
	assert_int_equal(port, PORT_FIRST + 100);
}

static void clients_are_independent(void **state)
{
	uint16_t port;
	ask(*state, "10.0.1.1", "10.0.5.1", 5201, 5201, &port);
	assert_int_equal(ask(*state, "10.0.1.2", "10.0.5.1", 5201, 5201, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(port, 5201);
	assert_int_equal(ask(*state, "10.0.1.3", "10.0.5.9", 5201, 5201, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(port, 5201);
	assert_int_equal(mapping_count(*state), 3);
}

static void a_choice_alone_changes_nothing(void **state)
{
	uint16_t port;
	struct mapping_wish wish = {
		MAPPING_NOBODY, ip("10.0.1.1"), {ip("10.0.5.1"), 80}, 80, most, 0, is_taken, NULL};
	assert_int_equal(mapping_choose(*state, &wish, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(mapping_count(*state), 0);
	assert_null(at_port(*state, "10.0.1.1", 80));
}

static void a_client_has_a_limit_of_its_own(void **state)
{
	uint16_t port;
	most = 2;
	ask(*state, "10.0.1.1", "10.0.5.1", 1, 1, &port);
	ask(*state, "10.0.1.1", "10.0.5.1", 2, 2, &port);
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 3, 3, &port), MAPPING_CLIENT_FULL);
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 2, 9, &port), MAPPING_REUSED);
	assert_int_equal(ask(*state, "10.0.1.2", "10.0.5.1", 3, 3, &port), MAPPING_AS_PROPOSED);
	mapping_remove(*state, at_port(*state, "10.0.1.1", 1));
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 3, 3, &port), MAPPING_AS_PROPOSED);
}

static void all_clients_together_have_a_limit(void **state)
{
	uint16_t port;
	const struct mapping_limits small = {.idle_ns = NS_PER_S, .max_mappings = 2};
	mapping_table_limit(*state, &small);
	ask(*state, "10.0.1.1", "10.0.5.1", 1, 1, &port);
	ask(*state, "10.0.1.2", "10.0.5.1", 1, 1, &port);
	assert_int_equal(ask(*state, "10.0.1.3", "10.0.5.1", 1, 1, &port), MAPPING_FULL);
	assert_int_equal(ask(*state, "10.0.1.2", "10.0.5.1", 1, 1, &port), MAPPING_REUSED);
}

static void without_any_free_port_the_request_is_refused(void **state)
{
	uint16_t port;
	looked = 0;
	memset(taken, 1, sizeof taken);
	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_NO_PORT);
	assert_in_range(looked, 1, 2 * HOST_PORTS_MOST); /* and not at all of them */
	memset(taken, 0, sizeof taken);
	taken[80] = true;
	for (unsigned p = PORT_LOWEST; p <= PORT_HIGHEST; p++)
		if (p != 2000)
			add(*state, MAPPING_NOBODY, "10.0.1.1", (uint16_t)p, "10.0.6.1", (uint16_t)p, 0);
	most = SIZE_MAX;
	struct mapping_limits large = {.max_mappings = 100000};
	mapping_table_limit(*state, &large);
	/* The only one that is left: found after some tries, each of which looks at few. */
	int tries = 1;
	while (ask(*state, "10.0.1.1", "10.0.5.1", 80, 80, &port) != MAPPING_OTHER_PORT && tries < 100)
		tries++;
	assert_in_range(tries, 1, PORT_COUNT / LOOKS_MOST + 2);
	assert_int_equal(port, 2000);
}

static void mappings_end_after_their_idle_time_oldest_first(void **state)
{
	struct mapping_table *t = *state;
	struct mapping *a = add(t, MAPPING_NOBODY, "10.0.1.1", 1, "10.0.5.1", 1, 0);
	struct mapping *b = add(t, MAPPING_NOBODY, "10.0.1.1", 2, "10.0.5.1", 2, 10 * NS_PER_S);
	assert_null(mapping_over(t, limits.idle_ns - 1));
	assert_ptr_equal(mapping_over(t, limits.idle_ns), a);
	mapping_use(t, a, 20 * NS_PER_S);
	assert_null(mapping_over(t, limits.idle_ns));
	assert_ptr_equal(mapping_over(t, limits.idle_ns + 10 * NS_PER_S), b);
	mapping_remove(t, b);
	assert_null(mapping_over(t, limits.idle_ns + 20 * NS_PER_S - 1));
	assert_ptr_equal(mapping_over(t, limits.idle_ns + 20 * NS_PER_S), a);
	mapping_remove(t, a);
	assert_null(mapping_over(t, INT64_MAX));
	assert_int_equal(mapping_count(t), 0);
}

static void a_removed_mappings_port_and_remote_are_free_again(void **state)
{
	uint16_t port;
	ask(*state, "10.0.1.1", "10.0.5.1", 5201, 5201, &port);
	mapping_remove(*state, at_port(*state, "10.0.1.1", 5201));

	assert_int_equal(ask(*state, "10.0.1.1", "10.0.5.2", 5201, 5201, &port), MAPPING_AS_PROPOSED);
}

static void a_second_mapping_of_a_port_or_remote_is_refused(void **state)
{
	assert_non_null(add(*state, MAPPING_NOBODY, "10.0.1.1", 1, "10.0.5.1", 1, 0));
	assert_null(add(*state, MAPPING_NOBODY, "10.0.1.1", 1, "10.0.5.2", 1, 0));
	assert_null(add(*state, MAPPING_NOBODY, "10.0.1.1", 2, "10.0.5.1", 1, 0));
	assert_int_equal(mapping_count(*state), 1);
}

/* Against a plain model: 200,000 random requests, removals and uses. */
static void behaves_like_a_plain_list(void **state)
{
	enum { CLIENTS = 8, REMOTES = 64, PORTS = 200 };
	static int port_of[CLIENTS][REMOTES], remote_at[CLIENTS][65536];
	struct mapping_table *t = *state;
	size_t count = 0;
	uint32_t random = 1;
	memset(port_of, 0, sizeof port_of);
	memset(remote_at, -1, sizeof remote_at);
	for (int i = 0; i < 200000; i++) {
		random = random * 1664525 + 1013904223;
		int c = random >> 8 & (CLIENTS - 1), r = random >> 12 & (REMOTES - 1);
		uint16_t proposed = (uint16_t)(1 + (random >> 18) % PORTS), port = 0;
		struct address client = address_of_v4((struct in_addr){htonl(0x0a000100 + c)});
		struct place remote = {address_of_v4((struct in_addr){htonl(0x0a000500 + r)}), 80};
		struct mapping_wish wish = {
			MAPPING_NOBODY, client, remote, proposed, most, 0, is_taken, NULL};
		if (random >> 30 == 0 && port_of[c][r]) {
			mapping_remove(t, mapping_find_remote(t, MAPPING_NOBODY, &client, &remote));
			remote_at[c][port_of[c][r]] = -1;
			port_of[c][r] = 0;
			count--;
			continue;
		}
		enum mapping_choice choice = mapping_choose(t, &wish, &port);
		if (port_of[c][r]) {
			assert_int_equal(choice, MAPPING_REUSED);
			assert_int_equal(port, port_of[c][r]);
			mapping_use(t, mapping_find_port(t, &client, port), i);
			continue;
		}
		assert_int_equal(
			choice, remote_at[c][proposed] < 0 ? MAPPING_AS_PROPOSED : MAPPING_OTHER_PORT);
		assert_true(remote_at[c][port] < 0);
		assert_non_null(mapping_add(t, MAPPING_NOBODY, &client, port, &remote, i));
		port_of[c][r] = port;
		remote_at[c][port] = r;
		count++;
	}
	assert_int_equal(mapping_count(t), count);
	int64_t last = -1;
	for (const struct mapping *m = mapping_first(t); m; m = mapping_next(t, m), count--) {
		assert_true(m->used_ns >= last);
		last = m->used_ns;
	}
	assert_int_equal(count, 0);
}

/* The search for another port may not look at every mapping again: 10,000 requests for the same port stay far
 * from the 50 million steps that a search from the start would take. */
static void ten_thousand_conflicts_are_quick(void **state)
{
	struct mapping_table *t = *state;
	most = 20000;
	looked = 0;
	for (uint32_t i = 0; i < 10000; i++) {
		uint16_t port;
		struct mapping_wish wish = {MAPPING_NOBODY, ip("10.0.1.1"),
			{address_of_v4((struct in_addr){htonl(0x0a000000 + i + 1)}), 80}, 80, most, 0,
			is_taken, NULL};
		enum mapping_choice choice = mapping_choose(t, &wish, &port);
		assert_int_equal(choice, i ? MAPPING_OTHER_PORT : MAPPING_AS_PROPOSED);
		assert_non_null(mapping_add(t, MAPPING_NOBODY, &wish.client, port, &wish.remote, 0));
	}
	assert_int_equal(mapping_count(t), 10000);
	assert_in_range(looked, 1, 3 * 10000);
	/* Nor is a look long: what hangs together in an index is little, squared and summed too. */
	size_t long_ones = 0;
	for (size_t i = 0; i < t->buckets; i++) {
		size_t ports = 0, remotes = 0;
		for (const struct entry *e = t->by_port[i]; e; e = e->next_port)
			ports++;
		for (const struct entry *e = t->by_remote[i]; e; e = e->next_remote)
			remotes++;
		long_ones += ports * ports + remotes * remotes;
	}
	assert_in_range(long_ones, 2 * 10000, 6 * 10000);
}

static void owners_behind_one_address_share_ports_but_no_mappings(void **state)
{
	uint16_t port;
	assert_int_equal(ask_as(*state, 7, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(ask_as(*state, 8, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_OTHER_PORT);
	uint16_t other = port;
	assert_int_equal(ask_as(*state, 8, "10.0.1.1", "10.0.5.1", 80, 80, &port), MAPPING_REUSED);
	assert_int_equal(port, other);
	assert_int_equal(at_port(*state, "10.0.1.1", 80)->owner, 7);
	/* A member's share is its own, wherever it is. */
	most = 2;
	assert_int_equal(ask_as(*state, 7, "2001:db8::1", "2001:db8::5", 80, 80, &port), MAPPING_AS_PROPOSED);
	assert_int_equal(ask_as(*state, 7, "10.0.1.2", "10.0.5.1", 80, 80, &port), MAPPING_CLIENT_FULL);
	assert_int_equal(ask_as(*state, 8, "10.0.1.2", "10.0.5.1", 80, 80, &port), MAPPING_AS_PROPOSED);
}

static void a_lease_ends_though_flows_live_and_nobodys_does_not(void **state)
{
	struct mapping_table *t = *state;
	struct mapping *leased = add(t, 7, "10.0.1.1", 1, "10.0.5.1", 1, 0);
	struct mapping *nobodys = add(t, MAPPING_NOBODY, "10.0.1.1", 2, "10.0.5.1", 2, 0);
	leased->live = nobodys->live = 1;
	assert_null(mapping_over(t, limits.lease_ns - 1));
	assert_ptr_equal(mapping_over(t, limits.lease_ns), leased);
	mapping_use(t, leased, limits.lease_ns);
	assert_null(mapping_over(t, 2 * limits.lease_ns - 1));
	mapping_remove(t, leased);
	assert_null(mapping_over(t, limits.idle_ns));
	nobodys->live = 0;
	assert_null(mapping_over(t, limits.idle_ns + 1)); /* used until then */
	assert_ptr_equal(mapping_over(t, 2 * limits.idle_ns), nobodys);
}

static void room_is_made_by_those_who_have_more_and_never_under_a_live_flow(void **state)
{
	struct mapping_table *t = *state;
	struct address none = {{0}};
	struct mapping *oldest = add(t, 7, "10.0.1.1", 1, "10.0.5.1", 1, 0);
	struct mapping *second = add(t, 7, "10.0.1.1", 2, "10.0.5.1", 2, 1);
	add(t, 7, "10.0.1.1", 3, "10.0.5.1", 3, 2);
	add(t, 8, "10.0.1.2", 3, "10.0.5.1", 3, 2);
	assert_ptr_equal(mapping_victim(t, 9, &none, false), oldest);
	oldest->live = 1;
	assert_ptr_equal(mapping_victim(t, 9, &none, false), second);
	assert_ptr_equal(mapping_victim(t, 8, &none, false), second);
	assert_null(mapping_victim(t, 7, &none, false));
	assert_ptr_equal(mapping_victim(t, 7, &none, true), second);
	for (struct mapping *m = mapping_first(t); m; m = mapping_next(t, m))
		m->live = 1;
	assert_null(mapping_victim(t, 9, &none, false));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_free_proposed_port_is_taken),
		TEST(the_same_client_and_remote_keep_their_port),
		TEST(another_port_of_the_same_remote_is_another_mapping),
		TEST(a_port_of_another_mapping_of_that_client_is_avoided),
		TEST(a_port_that_the_host_listens_on_is_avoided),
		TEST(the_other_port_is_none_of_the_hosts_either),
		TEST(clients_are_independent),
		TEST(a_choice_alone_changes_nothing),
		TEST(a_client_has_a_limit_of_its_own),
		TEST(all_clients_together_have_a_limit),
		TEST(without_any_free_port_the_request_is_refused),
		TEST(mappings_end_after_their_idle_time_oldest_first),
		TEST(a_removed_mappings_port_and_remote_are_free_again),
		TEST(a_second_mapping_of_a_port_or_remote_is_refused),
		TEST(behaves_like_a_plain_list),
		TEST(ten_thousand_conflicts_are_quick),
		TEST(owners_behind_one_address_share_ports_but_no_mappings),
		TEST(a_lease_ends_though_flows_live_and_nobodys_does_not),
		TEST(room_is_made_by_those_who_have_more_and_never_under_a_live_flow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
