/* Maker: segments made by hand, as a capture in memory, for tests of what the analysis says of them. Packets are
 * written so that every number expected can be counted in the test. */
#ifndef LIQUIDNET_TEST_MAKER_H
#define LIQUIDNET_TEST_MAKER_H

#include "analysis/analysis.h"
#include "tests/unit/check.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct maker {
	uint8_t bytes[1 << 20];
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
	uint16_t id; /* IP identification */
	uint8_t ecn;
	bool closed_window;
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
	ip[1] = packet.ecn;
	put16(ip + 4, packet.id);
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
	put16(tcp + 14, packet.closed_window ? 0 : packet.window ? packet.window : 1000);
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

#pragma GCC diagnostic pop

#endif
