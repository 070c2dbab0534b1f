/* Unit: MPTCP: connections by tokens, data sequence numbers, fallbacks, events. */
#include "tests/unit/analysis/maker.h"

/* Two subflows by token; a byte range that comes by both is a reinjection; what waits at the data level is
 * measured. */
static void check_mptcp(unsigned version)
{
	uint64_t initial, unused;
	const EVP_MD *hash = version ? EVP_sha256() : EVP_sha1();
	token_of(CLIENT_KEY, hash, &initial);
	uint32_t token = token_of(SERVER_KEY, hash, &unused);
	char text[16];
	snprintf(text, sizeof text, "%08x", token);
	struct maker *maker = maker_new(101);
	open_mptcp(maker, version);
	open_join(maker, 2, token, 1, 3000);
	mapped(maker, 1, initial + 1, 0, 100, 10000);
	mapped(maker, 2, initial + 201, 0, 100, 11000); /* early by 4 ms */
	mapped(maker, 1, initial + 101, 100, 100, 15000);
	mapped(maker, 2, initial + 101, 100, 100, 16000); /* came by subflow 1 already */
	mapped(maker, 1, initial + 301, 200, 50, 17000);
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 1);
	const json_t *connection = connection_of(result, 0), *forward = get(connection, "forward");
	assert_text(connection, "protocol", "mptcp");
	assert_int_equal(number(connection, "version"), version);
	assert_text(connection, "token_server", text);
	assert_int_equal(number(forward, "delivered_bytes"), 350);
	assert_int_equal(number(forward, "reinjected_bytes"), 100);
	assert_int_equal(number(forward, "out_of_order_bytes"), 100);
	assert_time(forward, "out_of_order_delay_max_s", 0.004);
	const json_t *first = subflow_of(connection, 0), *second = subflow_of(connection, 1);
	assert_true(json_is_true(get(first, "is_initial")));
	assert_false(json_is_true(get(second, "is_initial")));
	assert_int_equal(number(second, "address_id"), 7);
	assert_int_equal(number(get(first, "forward"), "unique_bytes"), 250);
	assert_int_equal(number(get(second, "forward"), "unique_bytes"), 200);
	assert_time(get(second, "forward"), "share", 200.0 / 450);
	assert_int_equal(number(get(second, "forward"), "reinjected_bytes"), 100);
	assert_int_equal(number(get(second, "forward"), "mapped_bytes"), 200);
	json_decref(result);
}

static void test_mptcp_v0(void **state)
{
	(void)state;
	check_mptcp(0);
}

static void test_mptcp_v1(void **state)
{
	(void)state;
	check_mptcp(1);
}

/* The join is in the capture before the connection (its SYN was captured late, or on another interface). */
static void test_join_before_keys(void **state)
{
	(void)state;
	uint64_t unused;
	struct maker *maker = maker_new(101);
	open_join(maker, 2, token_of(SERVER_KEY, EVP_sha256(), &unused), 1, 0);
	open_mptcp(maker, 1);
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 1);
	assert_int_equal(json_array_size(get(connection_of(result, 0), "subflows")), 2);
	assert_true(json_is_true(get(connection_of(result, 0), "initial_seen")));
	json_decref(result);
}

/* Both sides of a NAT in one capture: the same join under two addresses counts once at the data level. */
static void test_nat_seen_on_both_sides(void **state)
{
	(void)state;
	uint64_t initial, unused;
	token_of(CLIENT_KEY, EVP_sha256(), &initial);
	uint32_t token = token_of(SERVER_KEY, EVP_sha256(), &unused);
	struct maker *maker = maker_new(101);
	open_mptcp(maker, 1);
	open_join(maker, 2, token, 99, 3000);
	open_join(maker, 3, token, 99, 3001);
	mapped(maker, 2, initial + 1, 0, 100, 4000);
	mapped(maker, 3, initial + 1, 0, 100, 4001);
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0);
	assert_int_equal(json_array_size(get(connection, "subflows")), 3);
	assert_int_equal(number(subflow_of(connection, 2), "copy_of"), 1);
	assert_int_equal(number(get(connection, "forward"), "reinjected_bytes"), 0);
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 100);
	json_decref(result);
}

static void test_fallback_without_reply(void **state)
{
	(void)state;
	static const uint8_t capable[] = {30, 4, 1, 1};
	struct maker *maker = maker_new(101);
	add(maker,
		(struct packet){
			.host = 1, .flags = SYN, .sequence = 100, .options = capable, .options_length = 4});
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = SYN | ACK,
			   .sequence = 500,
			   .ack = 101,
			   .at_us = 1000});
	data(maker, 101, 100, 2000);
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0);
	assert_text(connection, "protocol", "tcp");
	assert_true(json_is_true(get(connection, "mptcp_requested")));
	assert_true(json_is_true(get(connection, "mptcp_option_seen")));
	assert_text(connection, "fallback_reason", "no_reply");
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 100);
	json_decref(result);
}

static void test_fallback_later(void **state)
{
	(void)state;
	uint64_t initial;
	token_of(CLIENT_KEY, EVP_sha256(), &initial);
	struct maker *maker = maker_new(101);
	open_mptcp(maker, 1);
	data(maker, 101, 100, 3000);
	json_t *result = run(maker, NULL);
	assert_text(connection_of(result, 0), "fallback_reason", "no_mapping");
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 100);
	json_decref(result);

	maker = maker_new(101);
	uint8_t infinite[18] = {30, 18, 0x20, 0x0c};
	put16(put32(put64(infinite + 4, initial + 101), 101), 0);
	open_mptcp(maker, 1);
	mapped(maker, 1, initial + 1, 0, 100, 3000);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 201,
			   .ack = 501,
			   .payload = 100,
			   .options = infinite,
			   .options_length = 18,
			   .at_us = 4000});
	data(maker, 301, 100, 5000);
	result = run(maker, NULL);
	assert_text(connection_of(result, 0), "fallback_reason", "infinite_mapping");
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 300);
	assert_text(json_array_get(get(connection_of(result, 0), "events"), 0), "event", "infinite_mapping");
	json_decref(result);
}

static void test_events(void **state)
{
	(void)state;
	static const uint8_t add_v1[] = {30, 16, 0x30, 5, 10, 0, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t add_v0_port[] = {30, 10, 0x34, 6, 10, 0, 9, 8, 0x1f, 0x90};
	static const uint8_t remove_two[] = {30, 5, 0x40, 5, 6};
	struct maker *maker = maker_new(101);
	open_mptcp(maker, 1);
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = ACK,
			   .sequence = 501,
			   .ack = 101,
			   .options = add_v1,
			   .options_length = 16,
			   .at_us = 3000});
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = ACK,
			   .sequence = 501,
			   .ack = 101,
			   .options = add_v0_port,
			   .options_length = 10,
			   .at_us = 4000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .options = remove_two,
			   .options_length = 5,
			   .at_us = 5000});
	json_t *result = run(maker, NULL);
	const json_t *events = get(connection_of(result, 0), "events");
	assert_int_equal(json_array_size(events), 3);
	assert_text(json_array_get(events, 0), "event", "add_addr");
	assert_text(json_array_get(events, 0), "sent_by", "server");
	assert_text(json_array_get(events, 0), "address", "10.0.9.9");
	assert_int_equal(number(json_array_get(events, 0), "port"), 0);
	assert_text(json_array_get(events, 1), "address", "10.0.9.8");
	assert_int_equal(number(json_array_get(events, 1), "port"), 8080);
	assert_int_equal(json_array_size(get(json_array_get(events, 2), "address_ids")), 2);
	json_decref(result);
}

/* An option of the test's own on a segment of the first subflow. */
static void with_option(struct maker *maker, bool reverse, uint32_t sequence, uint32_t acked,
	unsigned payload, const uint8_t *option, unsigned length, uint32_t at_us)
{
	add(maker, (struct packet){.host = 1,
			   .reverse = reverse,
			   .flags = ACK,
			   .sequence = sequence,
			   .ack = acked,
			   .payload = payload,
			   .options = option,
			   .options_length = length,
			   .at_us = at_us});
}

static uint64_t first_data(uint64_t key)
{
	uint64_t initial;
	token_of(key, EVP_sha256(), &initial);
	return initial + 1;
}

static uint8_t *dss_map(uint8_t option[18], uint64_t dsn, uint32_t offset, unsigned length)
{
	static const uint8_t start[] = {30, 18, 0x20, 0x0c};
	memcpy(option, start, sizeof start);
	put16(put32(put64(option + 4, dsn), offset + 1), length);
	return option;
}

/* A middlebox takes the options away after some data: plain TCP goes on, in both directions. */
static void test_options_stop(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t option[18];
	open_mptcp(maker, 1);
	with_option(maker, false, 101, 501, 100, dss_map(option, first_data(CLIENT_KEY), 0, 100), 18, 3000);
	with_option(maker, true, 501, 201, 100, dss_map(option, first_data(SERVER_KEY), 0, 100), 18, 4000);
	for (unsigned i = 1; i < 5; i++) {
		with_option(maker, false, 101 + i * 100, 501 + i * 100, 100, NULL, 0, 5000 + i * 2000);
		with_option(maker, true, 501 + i * 100, 201 + i * 100, 100, NULL, 0, 6000 + i * 2000);
	}
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0);
	assert_text(connection, "protocol", "mptcp");
	assert_text(connection, "fallback_reason", "options_stopped");
	assert_time(connection, "fallback_s", 0.007);
	assert_text(json_array_get(get(connection, "events"), 0), "event", "fallback");
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 500);
	assert_int_equal(number(get(connection, "reverse"), "delivered_bytes"), 500);
	assert_int_equal(number(get(subflow_of(connection, 0), "reverse"), "unmapped_bytes"), 0);
	json_decref(result);
}

/* MP_FAIL, one infinite mapping, and neither side maps any more. */
static void test_infinite_mapping_ends_both_directions(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t option[18], fail[12] = {30, 12, 0x60, 0};
	open_mptcp(maker, 1);
	with_option(maker, false, 101, 501, 100, dss_map(option, first_data(CLIENT_KEY), 0, 100), 18, 3000);
	with_option(maker, true, 501, 201, 100, dss_map(option, first_data(SERVER_KEY), 0, 100), 18, 4000);
	put64(fail + 4, first_data(CLIENT_KEY) + 100);
	with_option(maker, true, 601, 201, 0, fail, 12, 5000);
	with_option(
		maker, false, 201, 601, 100, dss_map(option, first_data(CLIENT_KEY) + 100, 100, 0), 18, 6000);
	for (unsigned i = 0; i < 5; i++)
		with_option(maker, true, 601 + i * 100, 301, 100, NULL, 0, 7000 + i * 1000);
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0);
	assert_text(connection, "fallback_reason", "mp_fail");
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 200);
	assert_int_equal(number(get(connection, "reverse"), "delivered_bytes"), 600);
	assert_int_equal(number(get(subflow_of(connection, 0), "reverse"), "unmapped_bytes"), 0);
	json_decref(result);
}

/* A subflow beside another that loses its options has failed; the connection has not fallen back. */
static void test_one_of_two_without_options(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t answer[16] = {30, 16, 0x10, 0}, third[24] = {30, 24, 0x10, 0};
	uint64_t unused;
	open_mptcp(maker, 1);
	open_join(maker, 2, token_of(SERVER_KEY, EVP_sha256(), &unused), 1, 3000);
	add(maker, (struct packet){.host = 2,
			   .reverse = true,
			   .flags = SYN | ACK,
			   .sequence = 500,
			   .ack = 101,
			   .options = answer,
			   .options_length = 16,
			   .at_us = 4000});
	add(maker, (struct packet){.host = 2,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .options = third,
			   .options_length = 24,
			   .at_us = 5000});
	mapped(maker, 1, first_data(CLIENT_KEY), 0, 100, 6000);
	data(maker, 201, 100, 7000);
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0);
	assert_true(json_is_false(get(connection, "fallback")));
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 100);
	assert_int_equal(number(get(subflow_of(connection, 0), "forward"), "unmapped_bytes"), 100);
	json_decref(result);
}

/* The same keys on other ports a minute later are another connection. */
static void test_same_keys_twice(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t option[20] = {30, 4, 1, 1};
	open_mptcp(maker, 1);
	mapped(maker, 1, first_data(CLIENT_KEY), 0, 100, 3000);
	add(maker, (struct packet){.host = 2,
			   .flags = SYN,
			   .sequence = 777000,
			   .options = option,
			   .options_length = 4,
			   .at_us = 60000000});
	option[1] = 12;
	put64(option + 4, SERVER_KEY);
	add(maker, (struct packet){.host = 2,
			   .reverse = true,
			   .flags = SYN | ACK,
			   .sequence = 888000,
			   .ack = 777001,
			   .options = option,
			   .options_length = 12,
			   .at_us = 60001000});
	add(maker, (struct packet){.host = 2,
			   .flags = ACK,
			   .sequence = 777001,
			   .ack = 888001,
			   .payload = 700,
			   .options = dss_map(option, first_data(CLIENT_KEY), 0, 700),
			   .options_length = 18,
			   .at_us = 60002000});
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 2);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 100);
	assert_int_equal(number(get(connection_of(result, 1), "forward"), "delivered_bytes"), 700);
	json_decref(result);
}

/* No handshake was captured: two subflows carry one data sequence space. */
static void test_tied_by_data_sequence(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint64_t dsn = 0xfedcba9876543210u;
	mapped(maker, 1, dsn, 0, 100, 1000);
	mapped(maker, 2, dsn + 200, 0, 100, 2000);
	mapped(maker, 1, dsn + 100, 100, 100, 3000);
	mapped(maker, 3, dsn + 0x123456789012u, 0, 100, 4000); /* another connection's */
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 2);
	assert_int_equal(json_array_size(get(connection_of(result, 0), "subflows")), 2);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 300);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "uncaptured_bytes"), 0);
	assert_true(json_is_null(get(subflow_of(connection_of(result, 0), 0), "is_initial")));
	json_decref(result);
}

/* Refused with a reason, without an answer, answered without MP_JOIN. */
static void test_failed_joins(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	static const uint8_t reason[] = {30, 4, 0x80, 3};
	uint64_t unused;
	uint32_t token = token_of(SERVER_KEY, EVP_sha256(), &unused);
	open_mptcp(maker, 1);
	for (unsigned host = 2; host < 5; host++)
		open_join(maker, host, token, host, host * 10000);
	add(maker, (struct packet){.host = 2,
			   .reverse = true,
			   .flags = RST | ACK,
			   .ack = 101,
			   .options = reason,
			   .options_length = 4,
			   .at_us = 50000});
	add(maker, (struct packet){.host = 4,
			   .reverse = true,
			   .flags = SYN | ACK,
			   .sequence = 500,
			   .ack = 101,
			   .at_us = 51000});
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0);
	assert_true(json_is_null(get(subflow_of(connection, 0), "join_failure")));
	assert_text(subflow_of(connection, 1), "join_failure", "refused");
	assert_text(subflow_of(connection, 1), "reset_reason", "administratively_prohibited");
	assert_text(subflow_of(connection, 2), "join_failure", "no_answer");
	assert_text(subflow_of(connection, 3), "join_failure", "answer_without_join");
	json_decref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mptcp_v0),
		cmocka_unit_test(test_mptcp_v1),
		cmocka_unit_test(test_join_before_keys),
		cmocka_unit_test(test_nat_seen_on_both_sides),
		cmocka_unit_test(test_fallback_without_reply),
		cmocka_unit_test(test_fallback_later),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_options_stop),
		cmocka_unit_test(test_infinite_mapping_ends_both_directions),
		cmocka_unit_test(test_one_of_two_without_options),
		cmocka_unit_test(test_same_keys_twice),
		cmocka_unit_test(test_tied_by_data_sequence),
		cmocka_unit_test(test_failed_joins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
