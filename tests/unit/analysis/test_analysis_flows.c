/* Unit: TCP flows: bytes, retransmissions, round trips, windows. */
#include "tests/unit/analysis/maker.h"

static void test_handshake_options_end(void **state)
{
	(void)state;
	static const uint8_t options[] = {2, 4, 5, 180, 3, 3, 7, 4, 2};
	struct maker *maker = maker_new(1);
	handshake(maker, 1, 0, options, sizeof options);
	data(maker, 101, 100, 20000);
	ack(maker, 201, 50000);
	add(maker,
		(struct packet){.host = 1, .flags = FIN | ACK, .sequence = 201, .ack = 501, .at_us = 60000});
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = FIN | ACK,
			   .sequence = 501,
			   .ack = 202,
			   .at_us = 70000});
	json_t *result = run(maker, NULL);
	const json_t *connection = connection_of(result, 0), *subflow = subflow_of(connection, 0);
	const json_t *forward = get(subflow, "forward");
	assert_text(connection, "protocol", "tcp");
	assert_true(json_is_false(get(connection, "mptcp_option_seen")));
	assert_text(subflow, "client_address", "10.0.0.1");
	assert_int_equal(number(subflow, "server_port"), 80);
	assert_time(subflow, "handshake_s", 0.015);
	assert_time(subflow, "handshake_syn_to_syn_ack_s", 0.010);
	assert_time(subflow, "established_s", 0.015);
	assert_time(subflow, "ended_s", 0.070);
	assert_text(subflow, "ended", "fin");
	assert_text(subflow, "ended_by", "client");
	assert_int_equal(number(forward, "mss"), 1460);
	assert_int_equal(number(forward, "window_scale"), 7);
	assert_int_equal(number(forward, "window_max_bytes"), 1000 << 7);
	assert_true(json_is_true(get(forward, "sack_permitted")));
	assert_int_equal(number(get(forward, "rtt"), "samples"), 3); /* SYN, data, FIN */
	assert_time(get(forward, "rtt"), "mean_s", 0.050 / 3);
	assert_time(get(forward, "rtt"), "max_s", 0.030);
	assert_int_equal(number(get(connection, "forward"), "delivered_bytes"), 100);
	json_decref(result);
}

static void test_overlaps_count_once(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);  /* 0..100 */
	data(maker, 301, 100, 21000);  /* 200..300, hole before */
	data(maker, 151, 100, 400000); /* 50..150: half of it again */
	data(maker, 151, 200, 700000); /* 50..250: 150..200 is new */
	json_t *result = run(maker, NULL);
	const json_t *forward = get(subflow_of(connection_of(result, 0), 0), "forward");
	assert_int_equal(number(forward, "payload_bytes"), 500);
	assert_int_equal(number(forward, "unique_bytes"), 300);
	assert_int_equal(number(forward, "retransmitted_bytes"), 200);
	assert_int_equal(number(forward, "retransmitted_packets"), 2);
	assert_int_equal(number(forward, "missing_bytes"), 0);
	const json_t *all = get(connection_of(result, 0), "forward");
	assert_int_equal(number(all, "delivered_bytes"), 300);
	assert_int_equal(number(all, "out_of_order_bytes"), 100);
	assert_time(all, "out_of_order_delay_mean_s", 0.679);
	json_decref(result);
}

/* Three duplicate ACKs, then the segment again: fast. A pause of a second: timeout. The last one after 100
 * ms: a probe. */
static void test_kinds_of_retransmission(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 6; i++)
		data(maker, 101 + i * 100, 100, 20000 + i);
	ack(maker, 201, 40000);
	for (unsigned i = 0; i < 3; i++)
		ack(maker, 201, 40001 + i);
	data(maker, 201, 100, 40010);
	ack(maker, 701, 60000);
	data(maker, 701, 100, 60001);
	data(maker, 701, 100, 160001);
	data(maker, 701, 100, 1260001);
	ack(maker, 801, 1300000);
	data(maker, 701, 100, 1300001);
	json_t *result = run(maker, NULL);
	const json_t *subflow = subflow_of(connection_of(result, 0), 0), *forward = get(subflow, "forward");
	assert_int_equal(number(get(subflow, "reverse"), "duplicate_acks"), 3);
	assert_int_equal(number(forward, "retransmissions_fast"), 1);
	assert_int_equal(number(forward, "retransmissions_tail_probe"), 1);
	assert_int_equal(number(forward, "retransmissions_timeout"), 1);
	assert_int_equal(number(forward, "retransmitted_packets"), 4);
	assert_int_equal(number(forward, "spurious_packets"), 1);
	json_decref(result);
}

/* The last byte again, alone: no retransmission, neither in packets nor in bytes. */
static void test_keepalives_are_apart(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	ack(maker, 201, 40000);
	data(maker, 200, 1, 1000000);
	data(maker, 200, 1, 2000000);
	data(maker, 151, 50, 3000000); /* the same last byte, and more */
	json_t *result = run(maker, NULL);
	const json_t *subflow = subflow_of(connection_of(result, 0), 0), *forward = get(subflow, "forward");
	assert_int_equal(number(forward, "payload_bytes"), 152);
	assert_int_equal(number(forward, "unique_bytes"), 100);
	assert_int_equal(number(forward, "keepalives"), 2);
	assert_int_equal(number(forward, "retransmitted_packets"), 1);
	assert_int_equal(number(forward, "retransmitted_bytes"), 50);
	json_decref(result);
}

/* A hole that fills at once was reordering; one that fills a round trip later was a loss before the capture.
 */
static void test_reordered_or_recovered(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 201, 100, 20000);
	data(maker, 101, 100, 20100);
	data(maker, 401, 100, 20200);
	data(maker, 301, 100, 90000);
	json_t *result = run(maker, NULL);
	const json_t *forward = get(subflow_of(connection_of(result, 0), 0), "forward");
	assert_int_equal(number(forward, "out_of_order_packets"), 1);
	assert_int_equal(number(forward, "recovered_packets"), 1);
	assert_int_equal(number(forward, "retransmitted_packets"), 0);
	assert_int_equal(number(forward, "unique_bytes"), 400);
	json_decref(result);
}

static void test_sequence_wraps(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint32_t start = 0xffffff00u;
	add(maker, (struct packet){.host = 1, .flags = SYN, .sequence = start - 1});
	for (unsigned i = 0; i < 8; i++)
		add(maker, (struct packet){.host = 1,
				   .flags = ACK,
				   .sequence = start + i * 100,
				   .ack = 1,
				   .payload = 100,
				   .at_us = i + 1});
	json_t *result = run(maker, NULL);
	const json_t *forward = get(subflow_of(connection_of(result, 0), 0), "forward");
	assert_int_equal(number(forward, "unique_bytes"), 800);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 800);
	json_decref(result);
}

static void test_endpoints_used_again(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	add(maker, (struct packet){.host = 1, .flags = RST, .sequence = 201, .at_us = 30000});
	add(maker, (struct packet){.host = 1, .flags = SYN, .sequence = 90000, .at_us = 40000});
	add(maker,
		(struct packet){
			.host = 1, .flags = ACK, .sequence = 90001, .ack = 1, .payload = 50, .at_us = 50000});
	json_t *result = run(maker, NULL);
	assert_int_equal(json_array_size(get(file_of(result), "connections")), 2);
	assert_text(subflow_of(connection_of(result, 0), 0), "ended", "reset");
	assert_int_equal(number(get(subflow_of(connection_of(result, 1), 0), "forward"), "unique_bytes"), 50);
	json_decref(result);
}

static void test_windows_and_series(void **state)
{
	(void)state;
	static const struct analysis_window windows[] = {{0, 1}, {1, 2}};
	static const struct analysis_options options = {.step_s = 0.5, .windows = windows, .window_count = 2};
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 8; i++)
		data(maker, 101 + i * 100, 100, 100000 + i * 250000); /* 0.1, 0.35, ... 1.85 s */
	json_t *result = run(maker, &options);
	const json_t *forward = get(connection_of(result, 0), "forward"),
		     *series = get(forward, "series_delivered_bytes");
	assert_int_equal(number(json_array_get(get(forward, "windows"), 0), "delivered_bytes"), 400);
	assert_int_equal(number(json_array_get(get(forward, "windows"), 1), "delivered_bytes"), 400);
	assert_int_equal(json_array_size(series), 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(json_integer_value(json_array_get(series, i)), 200);
	json_decref(result);
}

static const json_t *direction(const json_t *result, size_t connection, const char *name)
{
	return get(subflow_of(connection_of(result, connection), 0), name);
}

/* A segment lost before the capture comes again a second later: what waited behind it took no second to the
 * receiver and back. */
static void test_no_round_trip_behind_a_hole(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		data(maker, 101 + i * 100, 100, 20000 + i * 10000);
		ack(maker, 201 + i * 100, 20100 + i * 10000);
	}
	data(maker, 701, 100, 80000); /* 601..700 is missing */
	ack(maker, 601, 80100);
	data(maker, 601, 100, 1080000);
	ack(maker, 801, 1080100);
	json_t *result = run(maker, NULL);
	const json_t *rtt = get(direction(result, 0, "forward"), "rtt");
	assert_int_equal(number(rtt, "samples"), 5 + 1); /* and the SYN's, 10 ms */
	assert_time(rtt, "mean_s", (5 * 0.0001 + 0.01) / 6);
	json_decref(result);
}

/* A sample for each acknowledgement, of the segment that it ends with: the mean is not that of one a round trip. */
static void test_each_acknowledgement_is_a_sample(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 8; i++)
		data(maker, 101 + i * 100, 100, 20000);
	for (unsigned i = 0; i < 4; i++) /* two segments each, after 1, 2, 3, 4 ms */
		ack(maker, 301 + i * 200, 21000 + i * 1000);
	json_t *result = run(maker, NULL);
	const json_t *rtt = get(direction(result, 0, "forward"), "rtt");
	assert_int_equal(number(rtt, "samples"), 4 + 1); /* and the SYN's */
	assert_time(rtt, "mean_s", (0.010 + 0.010) / 5);
	json_decref(result);
}

/* A keystroke lost behind the capture is sent again; it was not acknowledged, so it is no keep-alive, and gives no
 * round trip. */
static void test_one_byte_again(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 1, 1000000);
	data(maker, 101, 1, 1300000);
	ack(maker, 102, 1320000);
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 0, "forward");
	assert_int_equal(number(forward, "retransmitted_packets"), 1);
	assert_int_equal(number(forward, "retransmitted_bytes"), 1);
	assert_int_equal(number(forward, "retransmissions_timeout"), 1);
	assert_int_equal(number(forward, "keepalives"), 0);
	assert_int_equal(number(forward, "unique_bytes"), 1);
	assert_int_equal(number(get(forward, "rtt"), "samples"), 1); /* the SYN's */
	json_decref(result);
}

static void test_window_probes(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	for (unsigned i = 0; i < 3; i++) {
		add(maker, (struct packet){.host = 1,
				   .reverse = true,
				   .flags = ACK,
				   .sequence = 501,
				   .ack = 201,
				   .closed_window = true,
				   .at_us = 30000 + i * 500000});
		data(maker, 201, 1, 530000 + i * 500000);
	}
	ack(maker, 202, 2000000); /* the last probe's byte was taken */
	data(maker, 202, 99, 2100000);
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 0, "forward");
	assert_int_equal(number(forward, "zero_window_probes"), 3);
	assert_int_equal(number(forward, "keepalives"), 0);
	assert_int_equal(number(forward, "retransmitted_packets"), 0);
	assert_int_equal(number(forward, "discarded_bytes"), 2);
	assert_int_equal(number(forward, "unique_bytes"), 200);
	assert_int_equal(number(get(connection_of(result, 0), "forward"), "delivered_bytes"), 200);
	json_decref(result);
}

/* The capture began with an ACK: 50,000 bytes were under way. */
static void test_begun_in_the_middle(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	ack(maker, 1, 0);
	for (unsigned i = 0; i < 4; i++)
		data(maker, 50001 + i * 100, 100, 1000 + i * 1000);
	data(maker, 49801, 100, 8000); /* sent before, seen for the first time; 49901..50000 never was */
	ack(maker, 50401, 20000);
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 0, "forward"),
		     *all = get(connection_of(result, 0), "forward");
	assert_int_equal(number(forward, "missing_bytes"), 0);
	assert_int_equal(number(forward, "unique_bytes"), 500);
	assert_int_equal(number(forward, "retransmitted_bytes"), 0);
	assert_int_equal(number(all, "delivered_bytes"), 400);
	assert_int_equal(number(all, "before_bytes"), 100);
	assert_int_equal(number(all, "uncaptured_bytes"), 0);
	assert_true(json_is_null(get(forward, "window_max_bytes"))); /* its scale is not known */
	json_decref(result);
}

/* The clock is set back by an hour between two packets. */
static void test_clock_goes_back(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	data(maker, 101, 100, 3600000000u);
	handshake(maker, 2, 0, NULL, 0);
	add(maker,
		(struct packet){
			.host = 2, .flags = ACK, .sequence = 101, .ack = 501, .payload = 50, .at_us = 20000});
	add(maker, (struct packet){.host = 2,
			   .reverse = true,
			   .flags = ACK,
			   .sequence = 501,
			   .ack = 151,
			   .at_us = 50000});
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 1, "forward");
	assert_int_equal(number(file_of(result), "clock_back_packets"), 1);
	assert_time(file_of(result), "clock_back_max_s", 3600);
	assert_time(file_of(result), "duration_s", 3600);
	assert_time(forward, "first_s", -3600);
	assert_time(get(forward, "rtt"), "mean_s", 0.02); /* the SYN took 10 ms */
	json_decref(result);
}

/* Only the receiver's ACKs are captured: what SACK names shows that data are outstanding. */
static void test_duplicate_acks_seen_alone(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	ack(maker, 1001, 0);
	for (unsigned i = 0; i < 6; i++) {
		uint8_t sack[12] = {1, 1, 5, 10};
		put32(put32(sack + 4, 2001), 2001 + 100 * (i + 1));
		add(maker, (struct packet){.host = 1,
				   .reverse = true,
				   .flags = ACK,
				   .sequence = 501,
				   .ack = 1001,
				   .options = sack,
				   .options_length = 12,
				   .at_us = 1000 * (i + 1)});
	}
	json_t *result = run(maker, NULL);
	assert_int_equal(number(direction(result, 0, "reverse"), "duplicate_acks"), 6);
	json_decref(result);
}

/* A mirror port shows each packet twice, with the same identification. */
static void test_captured_twice(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned again = 0; again < 2; again++)
			add(maker, (struct packet){.host = 1,
					   .flags = ACK,
					   .sequence = 101 + i * 100,
					   .ack = 501,
					   .payload = 100,
					   .id = (uint16_t)(7 + i),
					   .at_us = 20000 + i * 1000 + again * 50});
		for (unsigned again = 0; again < 2; again++)
			add(maker, (struct packet){.host = 1,
					   .reverse = true,
					   .flags = ACK,
					   .sequence = 501,
					   .ack = 201 + i * 100,
					   .id = (uint16_t)(70 + i),
					   .at_us = 20500 + i * 1000 + again * 50});
	}
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 0, "forward");
	assert_int_equal(number(forward, "duplicate_packets"), 5);
	assert_int_equal(number(forward, "retransmitted_packets"), 0);
	assert_int_equal(number(forward, "payload_bytes"), 500);
	assert_int_equal(number(direction(result, 0, "reverse"), "duplicate_acks"), 0);
	assert_int_equal(number(file_of(result), "duplicate_packets"), 10);
	json_decref(result);
}

/* Packets that differ by one in acknowledgement and identification are two, whatever both are. */
static void test_neighbours_are_no_duplicates(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 4000; i++)
		add(maker, (struct packet){.host = 1,
				   .flags = ACK,
				   .sequence = 101,
				   .ack = 501 + i,
				   .id = (uint16_t)(500 + i),
				   .at_us = 20000 + i});
	json_t *result = run(maker, NULL);
	assert_int_equal(number(file_of(result), "duplicate_packets"), 0);
	json_decref(result);
}

/* Three packets a millisecond apart took two milliseconds, not three. */
static void test_goodput_of_three_packets(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	for (unsigned i = 0; i < 3; i++)
		data(maker, 101 + i * 1000, 1000, 20000 + i * 1000);
	json_t *result = run(maker, NULL);
	assert_time(get(connection_of(result, 0), "forward"), "goodput_mbps", 8);
	assert_true(json_is_null(get(get(connection_of(result, 0), "reverse"), "goodput_mbps")));
	json_decref(result);
}

/* A duplicate reported by SACK, and an older timestamp echoed: two retransmissions that were not needed. */
static void test_spurious_retransmissions(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	uint8_t stamp[12] = {1, 1, 8, 10}, dsack[12] = {1, 1, 5, 10};
	handshake(maker, 1, 0, NULL, 0);
	data(maker, 101, 100, 20000);
	data(maker, 101, 100, 300000);
	put32(put32(dsack + 4, 101), 201);
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = ACK,
			   .sequence = 501,
			   .ack = 201,
			   .options = dsack,
			   .options_length = 12,
			   .at_us = 310000});
	put32(stamp + 4, 5000);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 201,
			   .ack = 501,
			   .payload = 100,
			   .options = stamp,
			   .options_length = 12,
			   .at_us = 400000});
	put32(stamp + 4, 5700);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 201,
			   .ack = 501,
			   .payload = 100,
			   .options = stamp,
			   .options_length = 12,
			   .at_us = 1100000});
	put32(put32(stamp + 4, 9), 5000);
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = ACK,
			   .sequence = 501,
			   .ack = 301,
			   .options = stamp,
			   .options_length = 12,
			   .at_us = 1100100});
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 0, "forward");
	assert_int_equal(number(forward, "retransmitted_packets"), 2);
	assert_int_equal(number(forward, "spurious_dsack"), 1);
	assert_int_equal(number(forward, "spurious_timestamp"), 1);
	assert_int_equal(number(forward, "spurious_packets"), 2);
	json_decref(result);
}

static void test_ecn_and_fin_again(void **state)
{
	(void)state;
	struct maker *maker = maker_new(101);
	enum { ECE = 64, CWR = 128 };
	add(maker, (struct packet){.host = 1, .flags = SYN | ECE | CWR, .sequence = 100});
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = SYN | ACK | ECE,
			   .sequence = 500,
			   .ack = 101,
			   .at_us = 1000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .payload = 10,
			   .ecn = 3,
			   .at_us = 2000});
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = ACK | ECE,
			   .sequence = 501,
			   .ack = 111,
			   .at_us = 3000});
	add(maker, (struct packet){
			   .host = 1, .flags = ACK | FIN | CWR, .sequence = 111, .ack = 501, .at_us = 4000});
	add(maker,
		(struct packet){.host = 1, .flags = ACK | FIN, .sequence = 111, .ack = 501, .at_us = 304000});
	json_t *result = run(maker, NULL);
	const json_t *forward = direction(result, 0, "forward");
	assert_text(subflow_of(connection_of(result, 0), 0), "ecn", "agreed");
	assert_int_equal(number(forward, "ce_packets"), 1);
	assert_int_equal(number(forward, "cwr_packets"), 1);
	assert_int_equal(number(forward, "fin_retransmissions"), 1);
	assert_int_equal(number(direction(result, 0, "reverse"), "ece_packets"), 1);
	json_decref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_options_end),
		cmocka_unit_test(test_overlaps_count_once),
		cmocka_unit_test(test_kinds_of_retransmission),
		cmocka_unit_test(test_keepalives_are_apart),
		cmocka_unit_test(test_reordered_or_recovered),
		cmocka_unit_test(test_sequence_wraps),
		cmocka_unit_test(test_endpoints_used_again),
		cmocka_unit_test(test_windows_and_series),
		cmocka_unit_test(test_no_round_trip_behind_a_hole),
		cmocka_unit_test(test_each_acknowledgement_is_a_sample),
		cmocka_unit_test(test_one_byte_again),
		cmocka_unit_test(test_window_probes),
		cmocka_unit_test(test_begun_in_the_middle),
		cmocka_unit_test(test_clock_goes_back),
		cmocka_unit_test(test_duplicate_acks_seen_alone),
		cmocka_unit_test(test_captured_twice),
		cmocka_unit_test(test_neighbours_are_no_duplicates),
		cmocka_unit_test(test_goodput_of_three_packets),
		cmocka_unit_test(test_spurious_retransmissions),
		cmocka_unit_test(test_ecn_and_fin_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
