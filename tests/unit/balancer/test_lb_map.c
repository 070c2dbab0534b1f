/* The token map: even load, fewest moves, chains that keep the promise when a token moves again, and text
 * that reads back to the same map or is refused with its line. */
#include "lib/base/draw.h"
#include "nodes/balancer/map.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVERS_USED 16 /* no test has more */

static struct in_addr ip(const char *text)
{
	struct in_addr address;
	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

static struct in_addr dip(unsigned i)
{
	return (struct in_addr){htonl(0x0a0a0000u + i + 1)};
}

static struct lb_map *ring_of(uint32_t tokens, unsigned servers, unsigned history)
{
	char *error = NULL, name[16];
	struct lb_map *map = lb_map_new(ip("10.9.100.1"), tokens, &error);
	assert_non_null(map);
	map->history = history;
	for (unsigned i = 0; i < servers; i++) {
		snprintf(name, sizeof name, "s%u", i);
		assert_int_equal(lb_map_add(map, name, dip(i), &error), 0);
	}
	return map;
}

static struct lb_map *ring(uint32_t tokens, unsigned servers)
{
	return ring_of(tokens, servers, LB_CHAIN_MAX - 1);
}

static unsigned chain_length(const struct lb_map *map, uint32_t token)
{
	unsigned n = 0;
	while (n < LB_CHAIN_MAX && map->chains[token][n] != LB_NO_SERVER)
		n++;
	return n;
}

/* ---- what holds after every change */

static void check_sound(const struct lb_map *map)
{
	uint32_t loads[LB_SERVERS_MAX] = {0}, low = UINT32_MAX, high = 0;
	for (uint32_t t = 0; t < map->tokens; t++) {
		unsigned length = chain_length(map, t);
		assert_true(length <= map->history + 1);
		assert_int_equal(length == 0, lb_map_active(map) == 0);
		for (unsigned i = 0; i < length; i++) {
			assert_true(map->servers[map->chains[t][i]].name[0] != '\0');
			for (unsigned k = 0; k < i; k++)
				assert_int_not_equal(map->chains[t][i], map->chains[t][k]);
		}
		for (unsigned i = length; i < LB_CHAIN_MAX; i++)
			assert_int_equal(map->chains[t][i], LB_NO_SERVER);
		if (length)
			loads[map->chains[t][0]]++;
	}
	for (unsigned i = 0; i < SERVERS_USED; i++) {
		assert_int_equal(loads[i], lb_map_load(map, i));
		if (!map->servers[i].name[0] || map->servers[i].drained) {
			assert_int_equal(loads[i], 0);
			continue;
		}
		low = loads[i] < low ? loads[i] : low;
		high = loads[i] > high ? loads[i] : high;
	}
	assert_true(lb_map_active(map) == 0 || high - low <= 1);
}

/* The fewest moves that lead to an even load, by another way than the code's: over every choice of who gets
 * the tokens that are left over, the best is to let the fullest have them. */
static uint32_t fewest_moves(const struct lb_map *before, const struct lb_map *after)
{
	uint32_t kept = 0, n = lb_map_active(after), base = before->tokens / n, extra = before->tokens % n;
	unsigned could_keep_one_more = 0;
	for (unsigned i = 0; i < SERVERS_USED; i++) {
		if (!after->servers[i].name[0] || after->servers[i].drained)
			continue;
		uint32_t had = lb_map_load(before, i);
		kept += had < base ? had : base;
		could_keep_one_more += had > base;
	}
	kept += could_keep_one_more < extra ? could_keep_one_more : extra;
	return before->tokens - kept;
}

static void check_step(const struct lb_map *before, const struct lb_map *after)
{
	uint32_t moved = 0;
	assert_int_equal(after->generation, before->generation + 1);
	for (uint32_t t = 0; t < after->tokens; t++) {
		const uint16_t *was = before->chains[t], *is = after->chains[t];
		bool member;
		if (was[0] == is[0]) {
			continue;
		}
		moved++;
		/* Every server that was in the chain and is in the map is still there, if the history allows.
		 */
		for (unsigned i = 0; i < LB_CHAIN_MAX && was[i] != LB_NO_SERVER; i++) {
			if (!after->servers[was[i]].name[0])
				continue;
			lb_map_next(after, t, was[i], &member);
			assert_true(member || chain_length(after, t) == after->history + 1);
		}
		if (is[0] != LB_NO_SERVER && was[0] != LB_NO_SERVER && after->servers[was[0]].name[0] &&
			after->history)
			assert_int_equal(is[1], was[0]);
	}
	if (lb_map_active(after))
		assert_int_equal(moved, fewest_moves(before, after));
}

static void test_random_changes(void **state)
{
	(void)state;
	uint64_t random = 8;
	for (int round = 0; round < 12; round++) {
		struct lb_map *map = ring_of(round % 3 == 0 ? 1000 : 997, 3, (unsigned)round % LB_CHAIN_MAX);
		for (int step = 0; step < 150; step++) {
			char name[16];
			unsigned i = (unsigned)draw_below(&random, 12);
			struct lb_map *before = lb_map_copy(map);
			snprintf(name, sizeof name, "s%u", i);
			uint64_t what = draw_below(&random, 4);
			int result;
			if (what == 0)
				result = lb_map_add(map, name, dip(i), NULL);
			else if (what == 1)
				result = lb_map_drain(map, name, NULL);
			else if (what == 2)
				result = lb_map_undrain(map, name, NULL);
			else
				result = lb_map_remove(map, name, NULL);
			check_sound(map);
			if (result == 0)
				check_step(before, map);
			else
				assert_int_equal(map->generation, before->generation);
			char *text = lb_map_format(map), *error = NULL;
			struct lb_map *again = lb_map_parse("map", text, strlen(text), &error);
			assert_null(error);
			assert_memory_equal(again->chains, map->chains, map->tokens * sizeof *map->chains);
			assert_memory_equal(again->servers, map->servers, sizeof map->servers);
			free(text);
			lb_map_free(again);
			lb_map_free(before);
		}
		lb_map_free(map);
	}
}

/* ---- the promise: a token that moves again and again */

/* Follows a packet hop by hop as agents do: true when it comes to the server. */
static bool reaches(const struct lb_map *map, uint32_t token, unsigned server)
{
	unsigned at = map->chains[token][0];
	bool member;
	for (unsigned hops = 0; at != LB_NO_SERVER; hops++) {
		assert_true(hops < LB_CHAIN_MAX);
		if (at == server)
			return true;
		at = lb_map_next(map, token, at, &member);
		assert_true(hops == LB_CHAIN_MAX || member || at == LB_NO_SERVER);
	}
	return false;
}

static void test_moves_again(void **state)
{
	(void)state;
	struct lb_map *map = ring(10, 1);
	assert_true(reaches(map, 0, 0));
	assert_int_equal(lb_map_drain(map, "s0", NULL), -1); /* the last */
	lb_map_free(map);

	map = ring(20, 2); /* a: 0..9, b: 10..19 */
	assert_int_equal(lb_map_drain(map, "s0", NULL), 0);
	assert_true(reaches(map, 0, 0) && reaches(map, 0, 1)); /* A -> B */
	assert_int_equal(lb_map_undrain(map, "s0", NULL), 0);
	assert_int_equal(lb_map_drain(map, "s1", NULL), 0);
	for (uint32_t t = 0; t < 20; t++) /* A -> B -> A, or B -> A */
		assert_true(reaches(map, t, 0) && reaches(map, t, 1));
	assert_int_equal(lb_map_undrain(map, "s1", NULL), 0);
	assert_int_equal(lb_map_add(map, "s2", dip(2), NULL), -1); /* twenty tokens serve two */
	assert_int_equal(lb_map_remove(map, "s1", NULL), 0);
	for (uint32_t t = 0; t < 20; t++)
		assert_true(reaches(map, t, 0) && !reaches(map, t, 1));
	lb_map_free(map);
}

/* Every server that ever owned a token can be reached, until more owned it than the history keeps. */
static void test_history(void **state)
{
	(void)state;
	struct lb_map *map = ring(1000, 2);
	char name[16];
	for (unsigned i = 2; i < 12; i++) {
		snprintf(name, sizeof name, "s%u", i);
		assert_int_equal(lb_map_add(map, name, dip(i), NULL), 0);
		snprintf(name, sizeof name, "s%u", i - 2);
		assert_int_equal(lb_map_drain(map, name, NULL), 0);
		for (uint32_t t = 0; t < map->tokens; t++)
			for (unsigned k = 0; k < LB_CHAIN_MAX && map->chains[t][k] != LB_NO_SERVER; k++)
				assert_true(reaches(map, t, map->chains[t][k]));
	}
	map->history = 0;
	assert_int_equal(lb_map_add(map, "late", ip("10.11.0.1"), NULL), 0);
	unsigned late = lb_map_find(map, "late");
	for (uint32_t t = 0; t < map->tokens; t++)
		if (map->chains[t][0] == late)
			assert_int_equal(chain_length(map, t), 1);
	lb_map_free(map);
}

static void test_modulo(void **state)
{
	(void)state;
	struct lb_map *map = ring(1000, 0), *before;
	uint32_t moved = 0;
	map->assignment = LB_MODULO;
	lb_map_add(map, "a", dip(0), NULL);
	lb_map_add(map, "b", dip(1), NULL);
	lb_map_add(map, "c", dip(2), NULL);
	for (uint32_t t = 0; t < 1000; t++)
		assert_int_equal(map->chains[t][0], t % 3);
	before = lb_map_copy(map);
	lb_map_add(map, "d", dip(3), NULL);
	for (uint32_t t = 0; t < 1000; t++)
		moved += before->chains[t][0] != map->chains[t][0];
	assert_int_equal(moved, 748); /* three quarters: what is wrong with it */
	lb_map_free(before);
	lb_map_free(map);
}

static void test_ports(void **state)
{
	(void)state;
	struct lb_map *map = ring(100, 2);
	assert_int_equal(lb_map_set_port(map, 8001, "s0", NULL), 0);
	assert_int_equal(lb_map_set_port(map, 8002, "s1", NULL), 0);
	assert_int_equal(lb_map_set_port(map, 8001, "s1", NULL), 0);
	assert_int_equal(map->port_count, 2);
	assert_int_equal(map->ports[0].server, 1);
	assert_int_equal(lb_map_set_port(map, 8003, NULL, NULL), -1);
	assert_int_equal(lb_map_set_port(map, 0, "s0", NULL), -1);
	assert_int_equal(lb_map_set_port(map, 8003, "nobody", NULL), -1);
	assert_int_equal(lb_map_set_port(map, 8001, NULL, NULL), 0);
	assert_int_equal(lb_map_remove(map, "s1", NULL), 0);
	assert_int_equal(map->port_count, 0);
	lb_map_free(map);
}

static void test_refused_changes(void **state)
{
	(void)state;
	char *error = NULL;
	struct lb_map *map = ring(100, 1);
	static const char *const names[] = {
		"", "s0", "a,b", "a b", "-x?", "0123456789012345678901234567890123456789"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(lb_map_add(map, names[i], dip(9), NULL), -1);
	assert_int_equal(lb_map_add(map, "x", dip(0), NULL), -1);
	assert_int_equal(lb_map_add(map, "x", map->vip, NULL), -1);
	assert_int_equal(lb_map_drain(map, "x", NULL), -1);
	assert_int_equal(lb_map_undrain(map, "s0", NULL), -1);
	assert_int_equal(lb_map_remove(map, "", NULL), -1);
	assert_int_equal(map->generation, 2);
	lb_map_free(map);
	assert_null(lb_map_new(ip("1.2.3.4"), 0, &error));
	free(error);
	assert_null(lb_map_new(ip("1.2.3.4"), LB_TOKENS_MAX + 1, NULL));
}

/* ---- text */

#define HEAD "liquidnet-lb 1\ngeneration 3\nvip 10.0.0.1\ntokens 20\nhistory 1\nassign even\n"
#define SERVERS "server 0 a 10.0.1.1 active\nserver 4 b 10.0.1.2 drained\n"

static void test_text(void **state)
{
	(void)state;
	static const char good[] = HEAD SERVERS "port 81 b\nring 5 a,b\nring 15 a\n";
	struct lb_map *map = lb_map_parse("map", good, sizeof good - 1, NULL);
	assert_non_null(map);
	char *text = lb_map_format(map);
	assert_string_equal(text, good);
	free(text);
	lb_map_free(map);
}

static void test_refused_text(void **state)
{
	(void)state;
	static const struct {
		const char *text, *begins;
	} cases[] = {
		{"", "map:0: ends without"},
		{"liquidnet-lb 2\n", "map:1: does not begin"},
		{"liquidnet-lb 1", "map:1: the last line has no end"},
		{HEAD SERVERS, "map:8: ends after 0 of 20"},
		{HEAD SERVERS "ring 21 a\n", "map:9: `21` is no number from 1 to 20"},
		{HEAD SERVERS "ring 20 b\n", "map:9: server `b` is drained"},
		{HEAD SERVERS "ring 20 a,a\n", "map:9: server `a` twice"},
		{HEAD SERVERS "ring 20 a,c\n", "map:9: no server `c`"},
		{HEAD SERVERS "server 5 c 10.0.1.3 active\nring 20 a,b,c\n", "map:10: a longer history"},
		{HEAD SERVERS "server 5 a 10.0.1.3 active\n", "map:9: a second server of this name"},
		{HEAD SERVERS "server 5 c 10.0.1.1 active\n",
			"map:9: a second server of this name or address"},
		{HEAD SERVERS "server 4 c 10.0.1.3 active\n", "map:9: a second server of number 4"},
		{HEAD SERVERS "server 1024 c 10.0.1.3 active\n", "map:9: `1024` is no number"},
		{HEAD SERVERS "server 5 c 10.0.1.3 up\n", "map:9: `up` is neither"},
		{HEAD "server 0 v 10.0.0.1 active\nring 20 v\n", "map:8: a server has the VIP"},
		{HEAD "generation 4\n", "map:7: for a second time"},
		{HEAD SERVERS "port 0 a\n", "map:9: `0` is no number"},
		{HEAD SERVERS "port 80 a\nport 80 b\n", "map:10: port 80 for a second time"},
		{HEAD "bogus\n", "map:7: `bogus` is not a line"},
		{"liquidnet-lb 1\nring 3 -\n", "map:2: `ring` before"},
		{"liquidnet-lb 1\ntokens 200000\n", "map:2: `200000` is no number"},
		{"liquidnet-lb 1\nassign odd\n", "map:2: `odd` is neither"},
		{"liquidnet-lb 1\nvip 10.0.0\n", "map:2: `10.0.0` is no IPv4"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *error = NULL;
		assert_null(lb_map_parse("map", cases[i].text, strlen(cases[i].text), &error));
		if (strncmp(error, cases[i].begins, strlen(cases[i].begins)) != 0)
			fail_msg("%s: wanted %s", error, cases[i].begins);
		free(error);
	}
}

/* ---- what is on the wire */

static void test_wire(void **state)
{
	(void)state;
	uint32_t counts[10] = {0};
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t hash = lb_hash(htonl(0x0a080001 + i % 7), htonl(0x0a096401),
			lb_ports(htons((uint16_t)(1024 + i / 7)), htons(80)));
		uint32_t token = lb_token(hash, 1000);
		assert_true(token < 1000);
		counts[token / 100]++;
	}
	for (int i = 0; i < 10; i++) /* 10,000 each; four standard deviations are 380 */
		assert_in_range(counts[i], 9620, 10380);
	assert_int_equal(lb_token(UINT32_MAX, LB_TOKENS_MAX), LB_TOKENS_MAX - 1);
	assert_int_equal(lb_token(UINT32_MAX, 1), 0);
	assert_int_equal(lb_stamp_newer(5, 5), 0);
	assert_int_equal(lb_stamp_newer(4, 5), -1);
	assert_int_equal(lb_stamp_newer(0, 65535), 1);
	assert_int_equal(lb_stamp_newer(2, 0x10001), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes),
		cmocka_unit_test(test_moves_again),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_modulo),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_refused_changes),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused_text),
		cmocka_unit_test(test_wire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
