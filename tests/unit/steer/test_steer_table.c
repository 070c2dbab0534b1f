/* What a box on the path remembers: bounded, and a flood does not push out who has proven itself. And the rules: patterns over
 * the borders of segments. */
#include "nodes/steer/table.h"
#include "tests/unit/check.h"
#include <string.h>

static unsigned gone;

static void count_gone(void *context, uint32_t connection)
{
	(void)context, (void)connection;
	gone++;
}

static struct packet packet_of(uint32_t client, uint16_t port)
{
	struct packet packet = {.family = 4, .source.port = port, .destination.port = 80};
	memcpy(packet.source.address + 12, &client, 4);
	packet.destination.address[15] = 9;
	return packet;
}

static uint32_t add_proven(struct table *table, uint32_t client, uint32_t token)
{
	struct packet packet = packet_of(client, 1);
	uint32_t flow = table_add(table, &packet);
	assert_int_not_equal(flow, TABLE_NONE);
	const uint64_t key[2] = {client, token};
	const uint32_t tokens[2] = {client, token};
	table_flow(table, flow)->state = FLOW_PROVEN;
	assert_int_not_equal(table_connect(table, flow, key, tokens), TABLE_NONE);
	table_touch(table, flow, true);
	return flow;
}

static void finds_both_directions(void **state)
{
	(void)state;
	struct table *table = table_new(16, count_gone, NULL);
	struct packet packet = packet_of(7, 1000), back = packet;
	unsigned direction;
	back.source = packet.destination;
	back.destination = packet.source;
	assert_int_equal(table_find(table, &packet, &direction), TABLE_NONE);
	uint32_t flow = table_add(table, &packet);
	assert_int_equal(table_find(table, &packet, &direction), flow);
	assert_int_equal(direction, FROM_CLIENT);
	assert_int_equal(table_find(table, &back, &direction), flow);
	assert_int_equal(direction, FROM_SERVER);
	table_remove(table, flow);
	assert_int_equal(table_find(table, &back, &direction), TABLE_NONE);
	table_free(table);
}

static void a_flood_pushes_out_only_its_like(void **state)
{
	(void)state;
	struct table *table = table_new(1000, count_gone, NULL);
	unsigned direction;
	gone = 0;
	for (uint32_t i = 0; i < 600; i++)
		add_proven(table, i, 1000 + i);
	for (uint32_t i = 0; i < 100000; i++) {
		struct packet syn = packet_of(1u << 24 | i, 2);
		assert_int_not_equal(table_add(table, &syn), TABLE_NONE);
	}
	assert_int_equal(gone, 0);
	assert_int_equal(table_counters(table)->old, 600);
	assert_int_equal(table_counters(table)->flows, 850);
	assert_int_equal(table_counters(table)->pushed_young, 100000 - 250);
	for (uint32_t i = 0; i < 600; i++) {
		struct packet packet = packet_of(i, 1);
		assert_int_not_equal(table_find(table, &packet, &direction), TABLE_NONE);
		assert_int_not_equal(table_by_token(table, 1000 + i), TABLE_NONE);
	}
	table_free(table);
}

static void the_longest_silent_goes_first(void **state)
{
	(void)state;
	struct table *table = table_new(16, count_gone, NULL); /* twelve proven */
	gone = 0;
	uint32_t first = add_proven(table, 1, 101), second = add_proven(table, 2, 102);
	for (uint32_t i = 3; i <= 12; i++)
		add_proven(table, i, 100 + i);
	table_touch(table, first, false);
	table_flow(table, second)->watched = true;
	add_proven(table, 13, 113);
	assert_int_equal(gone, 1);
	assert_int_equal(
		table_by_token(table, 103), TABLE_NONE); /* the oldest but one that is being redirected */
	assert_int_not_equal(table_by_token(table, 101), TABLE_NONE);
	assert_int_not_equal(table_by_token(table, 102), TABLE_NONE);
	table_free(table);
}

static void a_connection_goes_with_its_last_flow(void **state)
{
	(void)state;
	struct table *table = table_new(16, count_gone, NULL);
	gone = 0;
	uint32_t flow = add_proven(table, 1, 101), connection = table_by_token(table, 101);
	struct packet packet = packet_of(1, 2);
	uint32_t join = table_add(table, &packet);
	table_join(table, join, connection);
	table_remove(table, flow);
	assert_int_equal(gone, 0);
	assert_int_equal(table_connection(table, connection)->current, join);
	assert_int_equal(table_next(table, TABLE_NONE), connection);
	table_remove(table, join);
	assert_int_equal(gone, 1);
	assert_int_equal(table_by_token(table, 101), TABLE_NONE);
	assert_int_equal(table_next(table, TABLE_NONE), TABLE_NONE);
	table_free(table);
}

/* ---- rules */

static struct rule rule_of(const char *pattern)
{
	struct rule rule = {.has_pattern = true, .pattern_length = (unsigned)strlen(pattern)};
	memcpy(rule.pattern, pattern, rule.pattern_length);
	rule_prepare(&rule);
	return rule;
}

/* Where `text` is cut makes no difference: each cut, and each byte alone. */
static bool is_found(const char *pattern, const char *text)
{
	struct rule rule = rule_of(pattern);
	const uint8_t *bytes = (const uint8_t *)text;
	size_t size = strlen(text);
	bool whole = rule_scan(&rule, 0, bytes, size) == PATTERN_FOUND;
	for (size_t cut = 0; cut <= size; cut++) {
		pattern_state state = rule_scan(&rule, 0, bytes, cut);
		assert_int_equal(rule_scan(&rule, state, bytes + cut, size - cut) == PATTERN_FOUND, whole);
	}
	pattern_state state = 0;
	for (size_t i = 0; i < size; i++)
		state = rule_scan(&rule, state, bytes + i, 1);
	assert_int_equal(state == PATTERN_FOUND, whole);
	return whole;
}

static void patterns_are_found_wherever_segments_end(void **state)
{
	(void)state;
	assert_true(is_found("secure", "GET /secure HTTP/1.1"));
	assert_true(is_found("secure", "secsecure"));
	assert_true(is_found("secure", "sesecsecussecure"));
	assert_false(is_found("secure", "sec ure"));
	assert_true(is_found("aab", "aaaaaab"));
	assert_true(is_found("abababc", "ababababc"));
	assert_false(is_found("abababc", "abababab"));
	assert_true(is_found("x", "x"));
	assert_false(is_found("x", ""));
}

static void all_that_a_rule_names_must_hold(void **state)
{
	(void)state;
	struct rules rules = {.count = 2};
	pattern_state up[RULES_MOST] = {0}, down[RULES_MOST] = {0};
	struct rule_facts facts = {.port = 80, .token = 5, .bytes = 100, .patterns = {up, down}};
	rules.rule[0] = rule_of("secure");
	rules.rule[0].port = 80;
	rules.rule[1] = (struct rule){.bytes_over = 100};
	assert_int_equal(rules_match(&rules, &facts), -1);
	facts.bytes = 101;
	assert_int_equal(rules_match(&rules, &facts), 1);
	down[0] = PATTERN_FOUND;
	assert_int_equal(rules_match(&rules, &facts), 0);
	facts.port = 443;
	assert_int_equal(rules_match(&rules, &facts), 1);
	rules.rule[1].has_token = true;
	rules.rule[1].token = 6;
	assert_int_equal(rules_match(&rules, &facts), -1);
	facts.token = 6;
	assert_int_equal(rules_match(&rules, &facts), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_both_directions),
		cmocka_unit_test(a_flood_pushes_out_only_its_like),
		cmocka_unit_test(the_longest_silent_goes_first),
		cmocka_unit_test(a_connection_goes_with_its_last_flow),
		cmocka_unit_test(patterns_are_found_wherever_segments_end),
		cmocka_unit_test(all_that_a_rule_names_must_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
