/* Unit: handshakes: whose packets they are, where numbers start, and how a connection ends. */
#include "tests/unit/analysis/maker.h"

static void send_syn(struct maker *maker, uint32_t sequence, uint32_t at_us)
{
	add(maker, (struct packet){.host = 1, .flags = SYN, .sequence = sequence, .at_us = at_us});
}

static void answer(struct maker *maker, unsigned flags, uint32_t sequence, uint32_t acked, unsigned payload,
	uint32_t at_us)
{
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = flags,
			   .sequence = sequence,
			   .ack = acked,
			   .payload = payload,
			   .at_us = at_us});
}

static void client(struct maker *maker, unsigned flags, uint32_t sequence, uint32_t acked, unsigned payload,
	uint32_t at_us)
{
	add(maker, (struct packet){.host = 1,
			   .flags = flags,
			   .sequence = sequence,
			   .ack = acked,
			   .payload = payload,
			   .at_us = at_us});
}

/* RFC 9293, figure 9: the server still knows the connection before; `old` is its number. */
static void check_half_open(uint32_t old)
{
	struct maker *maker = maker_new(101);
	send_syn(maker, 100000, 0);
	answer(maker, ACK, old, 99, 0, 20000);
	client(maker, RST, 99, 0, 0, 20100);
	send_syn(maker, 100000, 1000000);
	answer(maker, SYN | ACK, 1586794959, 100001, 0, 1020000);
	client(maker, ACK, 100001, 1586794960, 0, 1020100);
	client(maker, ACK, 100001, 1586794960, 200, 1030000);
	answer(maker, ACK, 1586794960, 100201, 1500, 1060000);
	client(maker, ACK, 100201, 1586796460, 0, 1060100);
	client(maker, FIN | ACK, 100201, 1586796460, 0, 1100000);
	answer(maker, FIN | ACK, 1586796460, 100202, 0, 1120000);
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0), *subflow = subflow_of(connection, 0);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 1);
	assert_int_equal(number(get(connection, "reverse"), "delivered_bytes"), 1500);
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 200);
	assert_int_equal(number(get(subflow, "reverse"), "unique_bytes"), 1500);
	assert_int_equal(number(get(subflow, "reverse"), "missing_bytes"), 0);
	assert_int_equal(number(get(subflow, "reverse"), "stray_packets"), 1);
	assert_int_equal(number(get(subflow, "forward"), "resets_ignored"), 1);
	assert_text(subflow, "ended", "fin");
	assert_time(subflow, "established_s", 1.0201);
	assert_time(subflow, "ended_s", 1.12);
	json_decref(result);
}

static void test_half_open(void **state)
{
	(void)state;
	check_half_open(1272121215);
	check_half_open(1900000000);
	check_half_open(1586794961);
}

/* Refused, then accepted with the same number: a load balancer whose server came up. */
static void test_refused_then_accepted(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	send_syn(maker, 100, 0);
	answer(maker, RST | ACK, 0, 101, 0, 1000);
	send_syn(maker, 100, 1000000);
	answer(maker, SYN | ACK, 3000000000u, 101, 0, 1001000);
	client(maker, ACK, 101, 3000000001u, 0, 1002000);
	answer(maker, ACK, 3000000001u, 101, 700, 1003000);
	json_t *result = run(maker, NULL);
	const json_t *subflow = subflow_of(connection_of(result, 0), 0);
	assert_text(subflow, "ended", "open");
	assert_int_equal(number(get(subflow, "reverse"), "unique_bytes"), 700);
	assert_int_equal(number(get(subflow, "reverse"), "missing_bytes"), 0);
	json_decref(result);
}

/* Refused for good. */
static void test_refused(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	send_syn(maker, 100, 0);
	answer(maker, RST | ACK, 0, 101, 0, 1000);
	json_t *result = run(maker, NULL);
	assert_text(subflow_of(connection_of(result, 0), 0), "ended", "reset");
	assert_text(subflow_of(connection_of(result, 0), 0), "ended_by", "server");
	json_decref(result);
}

/* Two answers with different numbers: the client's acknowledgement chooses, whichever came first. */
static void test_two_answers(void **state)
{
	(void)state;
	for (unsigned chosen = 0; chosen < 2; chosen++) {
		static const uint32_t number_of[] = {700000, 4100000000u};
		struct maker *maker = maker_new(101);
		send_syn(maker, 100, 0);
		answer(maker, SYN | ACK, number_of[0], 101, 0, 1000);
		answer(maker, SYN | ACK, number_of[1], 101, 0, 2000);
		client(maker, ACK, 101, number_of[chosen] + 1, 0, 3000);
		answer(maker, ACK, number_of[chosen] + 1, 101, 400, 4000);
		client(maker, ACK, 101, number_of[chosen] + 401, 0, 5000);
		json_t *result = run(maker, NULL);
		const json_t *connection = connection_of(result, 0);
		assert_int_equal(number(get(connection, "reverse"), "delivered_bytes"), 400);
		assert_int_equal(number(get(subflow_of(connection, 0), "reverse"), "missing_bytes"), 0);
		json_decref(result);
	}
}

/* Ports used again, of which only the answer was captured; a late packet of the connection before is its own. */
static void test_ports_again_without_syn(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	client(maker, FIN | ACK, 201, 501, 0, 30000);
	answer(maker, FIN | ACK, 501, 202, 0, 31000);
	answer(maker, SYN | ACK, 3820447205u, 601605383, 0, 60000000);
	client(maker, ACK, 601605383, 3820447206u, 500, 60001000);
	answer(maker, ACK, 3820447206u, 601605883, 700, 60002000);
	client(maker, ACK, 202, 502, 0, 60002500);
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 2);
	assert_int_equal(number(get(connection_of(result, 1), "reverse"), "delivered_bytes"), 700);
	assert_int_equal(number(get(connection_of(result, 1), "forward"), "delivered_bytes"), 500);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 100);
	assert_int_equal(number(get(subflow_of(connection_of(result, 0), 0), "forward"), "packets"), 5);
	json_decref(result);
}

/* Out of the window, and one that its receiver did not heed. */
static void test_resets_that_were_not_accepted(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	ack(maker, 201, 21000);
	client(maker, RST, 101, 0, 0, 22000);       /* below the window */
	client(maker, RST, 900000201, 0, 0, 22500); /* above it */
	client(maker, RST, 201, 0, 0, 23000); /* acceptable, but forged: the server goes on taking data */
	data(maker, 201, 100, 24000);
	ack(maker, 301, 25000);
	data(maker, 301, 100, 26000);
	ack(maker, 401, 27000);
	json_t *result = run(maker, NULL);
	const json_t *subflow = subflow_of(connection_of(result, 0), 0);
	assert_text(subflow, "ended", "open");
	assert_true(json_is_null(get(subflow, "ended_s")));
	assert_int_equal(number(get(subflow, "forward"), "reset_packets"), 3);
	assert_int_equal(number(get(subflow, "forward"), "resets_ignored"), 3);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 300);
	json_decref(result);
}

/* A reset's text is for people. */
static void test_reset_with_text(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	ack(maker, 201, 21000);
	client(maker, RST | ACK, 201, 501, 30, 22000);
	json_t *result = run(maker, NULL);
	const json_t *forward = get(subflow_of(connection_of(result, 0), 0), "forward");
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 100);
	assert_int_equal(number(forward, "unique_bytes"), 100);
	assert_int_equal(number(forward, "payload_bytes"), 130);
	assert_int_equal(number(forward, "discarded_bytes"), 30);
	assert_text(subflow_of(connection_of(result, 0), 0), "ended", "reset");
	json_decref(result);
}

/* RFC 9293, figure 7: both sides open at once: one connection. */
static void test_simultaneous_open(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	send_syn(maker, 100, 0);
	answer(maker, SYN, 500, 0, 0, 100);
	client(maker, SYN | ACK, 100, 501, 0, 1000);
	answer(maker, SYN | ACK, 500, 101, 0, 1100);
	client(maker, ACK, 101, 501, 300, 2000);
	answer(maker, ACK, 501, 401, 200, 3000);
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 1);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 300);
	assert_int_equal(number(get(connection_of(result, 0), "reverse"), "delivered_bytes"), 200);
	json_decref(result);
}

/* Data in the SYN count once, whether they are taken or come again. */
static void test_data_with_the_syn(void **state)
{
	(void)state;
	for (unsigned taken = 0; taken < 2; taken++) {
		struct maker *maker = maker_new(101);
		add(maker, (struct packet){.host = 1, .flags = SYN, .sequence = 100, .payload = 300});
		answer(maker, SYN | ACK, 500, taken ? 401 : 101, 0, 1000);
		if (!taken)
			client(maker, ACK, 101, 501, 300, 2000);
		client(maker, ACK, 401, 501, 1000, 3000);
		answer(maker, ACK, 501, 1401, 0, 4000);
		json_t *result = run(maker, NULL);
		const json_t *forward = get(connection_of(result, 0), "forward");
		assert_int_equal(number(forward, "delivered_bytes"), 1300);
		assert_int_equal(number(forward, "reinjected_bytes"), 0);
		assert_int_equal(
			number(get(subflow_of(connection_of(result, 0), 0), "forward"), "unique_bytes"),
			1300);
		json_decref(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_refused_then_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_two_answers),
		cmocka_unit_test(test_ports_again_without_syn),
		cmocka_unit_test(test_resets_that_were_not_accepted),
		cmocka_unit_test(test_reset_with_text),
		cmocka_unit_test(test_simultaneous_open),
		cmocka_unit_test(test_data_with_the_syn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
