/* Unit: segments made here, as a capture in memory, and what the analysis says of them. Packets are written
 * by hand so that every number expected can be counted in the test. */
#include "analysis/analysis.h"
#include "tests/unit/check.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct maker {
	uint8_t bytes[65536];
	size_t length;
	uint32_t time_us;
	uint32_t link, snap;
};

static struct maker *maker_new(uint32_t link)
{
	static const uint32_t header[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535};
	struct maker *maker = calloc(1, sizeof *maker);
	assert_non_null(maker);
	memcpy(maker->bytes, header, sizeof header);
	memcpy(maker->bytes + 20, &link, 4);
	maker->length = 24;
	maker->link = link;
	maker->snap = 65535;
	return maker;
}

static uint8_t *put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
	return put16(put16(p, value >> 16), value & 0xffff);
}

static uint8_t *put64(uint8_t *p, uint64_t value)
{
	return put32(put32(p, (uint32_t)(value >> 32)), (uint32_t)value);
}

static void frame(struct maker *maker, const uint8_t *data, uint32_t captured, uint32_t original)
{
	if (captured > maker->snap)
		captured = maker->snap;
	const uint32_t record[] = {
		1000 + maker->time_us / 1000000, maker->time_us % 1000000, captured, original};
	assert_true(maker->length + sizeof record + captured <= sizeof maker->bytes);
	memcpy(maker->bytes + maker->length, record, sizeof record);
	memcpy(maker->bytes + maker->length + sizeof record, data, captured);
	maker->length += sizeof record + captured;
}

struct packet {
	unsigned host; /* client address 10.0.0.HOST; server: 10.0.1.1:80 */
	bool reverse;
	unsigned flags;
	uint32_t sequence, ack;
	unsigned payload, window;
	const uint8_t *options;
	unsigned options_length;
	uint32_t at_us;
};

/* Headers only: payload lengths come from the IP header. */
static void add(struct maker *maker, struct packet packet)
{
	uint8_t bytes[100] = {0}, *ip = bytes + (maker->link == 1 ? 14 : 0), *tcp = ip + 20;
	unsigned options = (packet.options_length + 3) & ~3u, header = 40 + options;
	uint32_t client = 0x0a000000u | packet.host, server = 0x0a000101u;
	maker->time_us = packet.at_us;
	if (maker->link == 1)
		put16(bytes + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, header + packet.payload);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, packet.reverse ? server : client);
	put32(ip + 16, packet.reverse ? client : server);
	put16(tcp, packet.reverse ? 80 : 4000);
	put16(tcp + 2, packet.reverse ? 4000 : 80);
	put32(tcp + 4, packet.sequence);
	put32(tcp + 8, packet.ack);
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = (uint8_t)packet.flags;
	put16(tcp + 14, packet.window ? packet.window : 1000);
	memset(tcp + 20, 1, options);
	if (packet.options_length)
		memcpy(tcp + 20, packet.options, packet.options_length);
	uint32_t captured = (uint32_t)(tcp - bytes) + 20 + options;
	frame(maker, bytes, captured, captured + packet.payload);
}

static json_t *run(struct maker *maker, const struct analysis_options *options)
{
	static const struct analysis_options none;
	char *error = NULL;
	json_t *result =
		analysis_run_memory(maker->bytes, maker->length, "made", options ? options : &none, &error);
	if (!result)
		fail_msg("%s", error);
	free(maker);
	return result;
}

static const json_t *file_of(const json_t *result)
{
	return json_array_get(json_object_get(result, "files"), 0);
}

static const json_t *connection_of(const json_t *result, size_t index)
{
	const json_t *connection = json_array_get(json_object_get(file_of(result), "connections"), index);
	assert_non_null(connection);
	return connection;
}

static const json_t *subflow_of(const json_t *connection, size_t index)
{
	const json_t *subflow = json_array_get(json_object_get(connection, "subflows"), index);
	assert_non_null(subflow);
	return subflow;
}

static const json_t *get(const json_t *json, const char *name)
{
	const json_t *value = json_object_get(json, name);
	if (!value)
		fail_msg("no field %s", name);
	return value;
}

static long long number(const json_t *json, const char *name)
{
	assert_true(json_is_integer(get(json, name)));
	return json_integer_value(get(json, name));
}

static void assert_time(const json_t *json, const char *name, double seconds)
{
	double value = json_number_value(get(json, name));
	if (!(value > seconds - 1e-9 && value < seconds + 1e-9))
		fail_msg("%s is %.9f, not %.9f", name, value, seconds);
}

static void assert_text(const json_t *json, const char *name, const char *text)
{
	assert_string_equal(json_string_value(get(json, name)), text);
}

/* Handshake of 10.0.0.HOST: 10 ms, then 5 ms; sequence numbers 100 and 500. */
static void handshake(
	struct maker *maker, unsigned host, uint32_t at_us, const uint8_t *options, unsigned length)
{
	add(maker, (struct packet){.host = host,
			   .flags = SYN,
			   .sequence = 100,
			   .options = options,
			   .options_length = length,
			   .at_us = at_us});
	add(maker, (struct packet){.host = host,
			   .reverse = true,
			   .flags = SYN | ACK,
			   .sequence = 500,
			   .ack = 101,
			   .options = options,
			   .options_length = length,
			   .at_us = at_us + 10000});
	add(maker, (struct packet){
			   .host = host, .flags = ACK, .sequence = 101, .ack = 501, .at_us = at_us + 15000});
}

static void data(struct maker *maker, uint32_t sequence, unsigned payload, uint32_t at_us)
{
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = sequence,
			   .ack = 501,
			   .payload = payload,
			   .at_us = at_us});
}

static void ack(struct maker *maker, uint32_t number_acked, uint32_t at_us)
{
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = ACK,
			   .sequence = 501,
			   .ack = number_acked,
			   .at_us = at_us});
}

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
	assert_int_equal(number(get(forward, "rtt"), "samples"), 1);
	assert_time(get(forward, "rtt"), "mean_s", 0.030);
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

static uint32_t token_of(uint64_t key, const EVP_MD *hash, uint64_t *initial)
{
	uint8_t wire[8], digest[EVP_MAX_MD_SIZE];
	unsigned length;
	put64(wire, key);
	assert_true(EVP_Digest(wire, 8, digest, &length, hash, NULL));
	*initial = 0;
	for (unsigned i = length - 8; i < length; i++)
		*initial = *initial << 8 | digest[i];
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
}

#define CLIENT_KEY 0x0102030405060708u
#define SERVER_KEY 0x1112131415161718u

static void open_mptcp(struct maker *maker, unsigned version)
{
	uint8_t options[20] = {30, version ? 4 : 12, (uint8_t)version, 1};
	put64(options + 4, CLIENT_KEY);
	add(maker, (struct packet){.host = 1,
			   .flags = SYN,
			   .sequence = 100,
			   .options = options,
			   .options_length = options[1],
			   .at_us = 0});
	options[1] = 12;
	put64(options + 4, SERVER_KEY);
	add(maker, (struct packet){.host = 1,
			   .reverse = true,
			   .flags = SYN | ACK,
			   .sequence = 500,
			   .ack = 101,
			   .options = options,
			   .options_length = 12,
			   .at_us = 1000});
	options[1] = 20;
	put64(options + 4, CLIENT_KEY);
	put64(options + 12, SERVER_KEY);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .options = options,
			   .options_length = 20,
			   .at_us = 2000});
}

static void open_join(struct maker *maker, unsigned host, uint32_t token, uint32_t nonce, uint32_t at_us)
{
	uint8_t options[12] = {30, 12, 0x10, 7};
	put32(put32(options + 4, token), nonce);
	add(maker, (struct packet){.host = host,
			   .flags = SYN,
			   .sequence = 100,
			   .options = options,
			   .options_length = 12,
			   .at_us = at_us});
}

static void mapped(
	struct maker *maker, unsigned host, uint64_t dsn, uint32_t offset, unsigned length, uint32_t at_us)
{
	uint8_t options[18] = {30, 18, 0x20, 0x0c};
	put16(put32(put64(options + 4, dsn), offset + 1), length);
	add(maker, (struct packet){.host = host,
			   .flags = ACK,
			   .sequence = 101 + offset,
			   .ack = 501,
			   .payload = length,
			   .options = options,
			   .options_length = 18,
			   .at_us = at_us});
}

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

static void test_malformed_is_counted(void **state)
{
	(void)state;
	static const uint8_t wrong_dss[] = {30, 5, 0x20, 0x1f, 1}, zero[] = {8, 0, 1, 1},
			     beyond[] = {5, 40, 1, 1};
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .payload = 10,
			   .options = wrong_dss,
			   .options_length = 5,
			   .at_us = 20000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 111,
			   .ack = 501,
			   .payload = 10,
			   .options = zero,
			   .options_length = 4,
			   .at_us = 21000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 121,
			   .ack = 501,
			   .payload = 10,
			   .options = beyond,
			   .options_length = 4,
			   .at_us = 22000});
	static const uint8_t short_ip[] = {0x45, 0, 0, 10, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	frame(maker, short_ip, sizeof short_ip, sizeof short_ip);
	/* The last record lacks its end. */
	data(maker, 131, 10, 23000);
	maker->length--;
	json_t *result = run(maker, NULL);
	assert_int_equal(number(file_of(result), "malformed_options"), 3);
	assert_int_equal(number(file_of(result), "malformed"), 1);
	assert_int_equal(number(file_of(result), "truncated"), 1);
	assert_int_equal(number(get(subflow_of(connection_of(result, 0), 0), "forward"), "unique_bytes"), 30);
	json_decref(result);
}

static void test_no_capture_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "abc", "this is no capture at all", "\xd4\xc3\xb2\xa1 short"};
	const struct analysis_options options = {0};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *error = NULL;
		assert_null(analysis_run_memory(texts[i], strlen(texts[i]), "made", &options, &error));
		assert_non_null(error);
		assert_memory_equal(error, "made: ", 6);
		free(error);
	}
	const char *path = "/nonexistent/capture";
	char *error = NULL;
	assert_null(analysis_run(&path, 1, &options, &error));
	assert_non_null(strstr(error, path));
	free(error);
}

/* Eleven packets leave A, ten arrive at B 5 ms later (one 9 ms); one comes back. */
static void test_match(void **state)
{
	(void)state;
	struct maker *maker[2] = {maker_new(101), maker_new(1)};
	char *path[2] = {strdup("/tmp/match-XXXXXX"), strdup("/tmp/match-XXXXXX")};
	for (unsigned i = 0; i < 11; i++) {
		data(maker[0], 101 + i * 100, 100, 100000 + i * 1000);
		if (i != 8)
			data(maker[1], 101 + i * 100, 100, 105000 + i * 1000 + (i == 10 ? 4000 : 0));
	}
	ack(maker[1], 1201, 120000);
	ack(maker[0], 1201, 122000);
	for (unsigned i = 0; i < 2; i++) {
		int fd = mkstemp(path[i]);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, maker[i]->bytes, maker[i]->length), (long)maker[i]->length);
		close(fd);
		free(maker[i]);
	}
	const struct analysis_match_options options = {.timeout_s = 1};
	char *error = NULL;
	json_t *result = analysis_match(path[0], path[1], &options, &error);
	assert_non_null(result);
	const json_t *there = get(result, "a_to_b"), *back = get(result, "b_to_a");
	assert_int_equal(number(there, "sent_packets"), 11);
	assert_int_equal(number(there, "lost_packets"), 1);
	assert_int_equal(number(there, "received_packets"), 10);
	assert_time(get(there, "delay"), "min_s", 0.005);
	assert_time(get(there, "delay"), "max_s", 0.009);
	assert_time(there, "queueing_max_s", 0.004);
	assert_int_equal(number(back, "received_packets"), 1);
	assert_time(get(back, "delay"), "mean_s", 0.002);
	json_decref(result);
	for (unsigned i = 0; i < 2; i++) {
		unlink(path[i]);
		free(path[i]);
	}
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
		cmocka_unit_test(test_mptcp_v0),
		cmocka_unit_test(test_mptcp_v1),
		cmocka_unit_test(test_join_before_keys),
		cmocka_unit_test(test_nat_seen_on_both_sides),
		cmocka_unit_test(test_fallback_without_reply),
		cmocka_unit_test(test_fallback_later),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_malformed_is_counted),
		cmocka_unit_test(test_no_capture_is_refused),
		cmocka_unit_test(test_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
