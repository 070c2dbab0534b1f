/* What the tests of the client's policy stand on: four detours, a connection, actions that are expected. A file that includes it
 * tests nodes/detour/client/paths.c from within. */
#ifndef LIQUIDNET_TEST_CLIENT_PATHS_H
#define LIQUIDNET_TEST_CLIENT_PATHS_H

#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/detour/client/paths.c"

#define MS 1000000LL
#define SEC 1000000000LL

static __attribute__((unused)) struct endpoint at(const char *address, uint16_t port)
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
static __attribute__((unused)) struct paths *four(unsigned limit)
{
	struct paths_settings settings = defaults;
	struct paths_detour detours[4] = {{.kind = DETOUR_NAT, .at = at("10.0.6.1", 45672)},
		{.kind = DETOUR_NAT, .at = at("10.0.7.1", 45672)},
		{.kind = DETOUR_VPN, .at = at("10.0.8.1", 1194)},
		{.kind = DETOUR_VPN, .at = at("10.0.9.1", 1195)}};
	settings.limit = limit;
	return paths_new(&settings, detours, 4);
}

static __attribute__((unused)) struct paths *one_nat(void)
{
	struct paths_detour detour = {.kind = DETOUR_NAT, .at = at("10.0.6.1", 45672)};
	return paths_new(&defaults, &detour, 1);
}

#define CLIENT at("10.0.1.1", 40000)
#define SERVER at("10.0.3.1", 5201)
#define TOKEN 0x1234u

static __attribute__((unused)) struct paths_action expect(
	struct paths *paths, enum paths_action_kind kind, unsigned detour)
{
	struct paths_action action = {0};
	assert_true(paths_next_action(paths, &action));
	assert_int_equal(action.kind, kind);
	assert_int_equal(action.detour, detour);
	return action;
}

static __attribute__((unused)) void expect_nothing(struct paths *paths)
{
	struct paths_action action;
	assert_false(paths_next_action(paths, &action));
}

static __attribute__((unused)) void drain(struct paths *paths)
{
	struct paths_action action;
	while (paths_next_action(paths, &action))
		;
}

static __attribute__((unused)) enum paths_verdict establish(struct paths *paths, int64_t now)
{
	return paths_established(paths, now, TOKEN, CLIENT, SERVER, false);
}

static __attribute__((unused)) enum path_state state(const struct paths *paths, unsigned detour)
{
	const struct subflows_connection *connection = paths_find(paths, TOKEN);
	assert_non_null(connection);
	return connection->paths[detour].state;
}

static __attribute__((unused)) const struct endpoint *local_of(const struct paths *paths, unsigned detour)
{
	return &paths_find(paths, TOKEN)->paths[detour].local;
}

/* A subflow across NAT_A that is up at `now`, with local port 50000. */
static __attribute__((unused)) void up_across_a(struct paths *paths, int64_t now)
{
	establish(paths, now);
	paths_mapped(paths, now, NAT_A, CLIENT.address, SERVER, 5201, now);
	paths_subflow_established(paths, now, TOKEN, at("10.0.1.1", 50000), at("10.0.6.1", 5201), 1);
	assert_int_equal(state(paths, NAT_A), PATH_UP);
	drain(paths);
}

#endif
