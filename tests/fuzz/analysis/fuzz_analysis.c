/* Fuzz: any bytes as a capture are refused with a reason or read to the end; what is counted holds together.
 * Input that is no capture is wrapped: as the frames of a pcap file, so that the search need not find record
 * headers first; its first byte chooses the link type and whether a valid TCP header stands before the
 * options. */
#include "analysis/analysis.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static long long count(const json_t *json, const char *name)
{
	const json_t *value = json_object_get(json, name);
	expect(json_is_integer(value));
	return json_integer_value(value);
}

static void check_direction(const json_t *from)
{
	expect(count(from, "payload_bytes") ==
		count(from, "unique_bytes") + count(from, "retransmitted_bytes") + count(from, "keepalives"));
	expect(count(from, "unique_bytes") >= 0 && count(from, "packets") >= count(from, "payload_packets"));
	expect(count(from, "mptcp_option_bytes") <= count(from, "tcp_option_bytes"));
}

static void check(const json_t *result)
{
	size_t i, j;
	const json_t *connection, *subflow, *file = json_array_get(json_object_get(result, "files"), 0);
	long long segments = 0;
	json_array_foreach(json_object_get(file, "connections"), i, connection) {
		expect(json_array_size(json_object_get(connection, "subflows")) > 0);
		json_array_foreach(json_object_get(connection, "subflows"), j, subflow) {
			const json_t *forward = json_object_get(subflow, "forward");
			const json_t *reverse = json_object_get(subflow, "reverse");
			check_direction(forward);
			check_direction(reverse);
			segments += count(forward, "packets") + count(reverse, "packets");
		}
	}
	expect(segments == count(file, "tcp_packets"));
}

static void analyse(const void *capture, size_t size)
{
	static const struct analysis_window windows[] = {{0, 1}, {0.5, 100}};
	static const struct analysis_options options = {
		.step_s = 0.25, .windows = windows, .window_count = 2};
	char *error = NULL;
	json_t *result = analysis_run_memory(capture, size, "fuzz", &options, &error);
	expect((result == NULL) == (error != NULL));
	if (result)
		check(result);
	json_decref(result);
	free(error);
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, sizeof value);
	return p + sizeof value;
}

/* Cuts the input into frames of a length that its bytes tell; with `tcp`, each is a segment of one of four
 * flows, whose flags, sequence numbers and options are the input's. */
static size_t wrap(const uint8_t *data, size_t size, uint32_t link, int tcp, uint8_t *out, size_t room)
{
	uint8_t *p = put32(put32(put32(out, 0xa1b2c3d4), 0x00040002), 0);
	p = put32(put32(put32(p, 0), 65535), tcp ? 101 : link);
	uint32_t time_s = 0;
	while (size > 1 && (size_t)(p - out) + 16 + 40 + 255 < room) {
		size_t length = data[0];
		data++;
		size--;
		if (length > size)
			length = size;
		if (tcp && length > 20 + 40)
			length = 60;
		uint32_t captured = (uint32_t)(tcp ? 20 + 20 : 0), rest = (uint32_t)length;
		const uint8_t *from = data;
		uint8_t *record = p;
		p = put32(put32(put32(put32(p, time_s++), 0), 0), 0);
		if (tcp) {
			if (length < 8)
				break;
			unsigned options = rest - 8 > 40 ? 40 : (rest - 8) & ~3u, payload = data[1];
			uint8_t header[40] = {0x45, 0, 0, (uint8_t)(40 + options + payload), 0, 0, 0, 0, 64,
				6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
			unsigned total = 40 + options + payload;
			header[2] = (uint8_t)(total >> 8);
			header[3] = (uint8_t)total;
			unsigned reverse = data[0] & 1, flow = data[0] >> 1 & 3;
			header[15] = reverse ? 2 : 1;
			header[19] = reverse ? 1 : 2;
			header[reverse ? 22 : 20] = 0x80;
			header[reverse ? 23 : 21] = (uint8_t)flow;
			header[reverse ? 20 : 22] = 0x14;
			header[26] = data[2];
			header[27] = data[3];
			header[30] = data[4];
			header[31] = data[5];
			header[32] = (uint8_t)((20 + options) / 4 << 4);
			header[33] = data[6];
			header[35] = data[7];
			memcpy(p, header, sizeof header);
			memcpy(p + 40, data + 8, options);
			p += 40 + options;
			captured = 40 + options;
			put32(record + 12, total);
		} else {
			memcpy(p, from, length);
			p += length;
			captured = rest;
			put32(record + 12, captured);
		}
		put32(record + 8, captured);
		data += length;
		size -= length;
	}
	return (size_t)(p - out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {1, 113, 276, 101, 0, 12};
	analyse(data, size);
	if (size < 2)
		return 0;
	size_t room = 2 * size * 60 + 4096;
	uint8_t *capture = malloc(room);
	if (!capture)
		return 0;
	size_t length = wrap(data + 1, size - 1, links[data[0] % 6], data[0] & 0x80, capture, room);
	analyse(capture, length);
	free(capture);
	return 0;
}
