/* Fuzz: any bytes as a capture are refused with a reason or read to the end; what is counted holds together.
 * Input that is no capture is wrapped: as the frames of a pcap file, so that the search need not find record
 * headers first; its first byte chooses the link type and whether a valid TCP header stands before the
 * options. */
#include "analysis/analysis.h"
#include "analysis/output/report.h"
#include "analysis/pass.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static uint64_t check_direction(const struct flow_direction *from)
{
	static const struct cold none;
	const struct cold *cold = from->cold ? from->cold : &none;
	uint64_t twice = cold->retransmitted_bytes + cold->keepalives + cold->discarded_bytes;
	expect(twice <= from->payload_bytes && from->packets >= from->payload_packets);
	expect(cold->unmapped_bytes <= from->payload_bytes - twice);
	expect(from->mptcp_bytes <= from->option_bytes);
	expect(ranges_high(&from->seen) >= from->seen.edge);
	return from->packets + cold->duplicate_packets;
}

/* What is counted holds together. */
static void check(const struct pass *pass)
{
	struct pass_connection next;
	uint32_t at = 0, flows = 0;
	uint64_t segments = 0;
	for (uint32_t i = 0; i < pass->tracker->flow_count; i++) {
		const struct flow *flow = tracker_flow(pass->tracker, i);
		segments += check_direction(&flow->direction[0]) + check_direction(&flow->direction[1]);
	}
	expect(segments == pass->decoded[DECODE_TCP]);
	while (pass_next_connection(pass, &at, &next)) {
		const struct connection *connection = next.connection;
		flows += connection ? connection->flow_count : 1;
		expect(!connection || connection->flow_count > 0);
	}
	expect(flows == pass->tracker->flow_count);
}

static void take_the_long_way(
	struct watcher *watcher, struct tracker *tracker, struct flow *flow, const struct segment *segment)
{
	(void)watcher;
	tcp_segment(tracker, flow, segment);
}

/* Reads a capture to its end; NULL when it is none. `report` (may be NULL): what the report says. */
static void read_capture(const void *bytes, size_t size, const struct analysis_options *options,
	struct watcher *watcher, json_t **report)
{
	char *error = NULL;
	struct capture *capture = capture_open_memory(bytes, size, "fuzz", &error);
	struct pass *pass = capture ? pass_new("fuzz", capture, options, &error) : NULL;
	expect((pass == NULL) == (error != NULL));
	free(error);
	if (!pass)
		return;
	pass->tracker->watcher = watcher;
	expect(pass_run(pass, NULL) == 0);
	check(pass);
	if (report) {
		struct emitter emitter;
		emit_start(&emitter, NULL);
		report_file(&emitter, pass);
		expect(emit_end(&emitter, report) == 0);
	}
	pass_free(pass);
}

/* One in 256 is reported too, as JSON takes longer than all before it; and read again without the short way, which
 * must change nothing. Series take bytes away from the short way: every second input is read without. */
static void analyse(const void *bytes, size_t size, int plain, int reported)
{
	static const struct analysis_window windows[] = {{0, 1}, {0.5, 100}};
	static const struct analysis_options series = {
		.step_s = 0.25, .windows = windows, .window_count = 2, .threads = 1};
	static const struct analysis_options numbers = {.threads = 1};
	static struct watcher watcher = {take_the_long_way};
	const struct analysis_options *options = plain ? &numbers : &series;
	json_t *report = NULL, *again = NULL;
	read_capture(bytes, size, options, NULL, reported ? &report : NULL);
	if (!reported)
		return;
	read_capture(bytes, size, options, &watcher, &again);
	expect((report == NULL) == (again == NULL) && (!report || json_equal(report, again)));
	json_decref(report);
	json_decref(again);
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

/* By all bytes (FNV-1a): a single one would be found by the search, which then reports every input. FUZZ_WHOLE in the
 * environment: all of them, as `make test` has it. */
static int is_reported(const uint8_t *data, size_t size)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 16777619u;
	return (hash >> 16 & 255) == 0 || getenv("FUZZ_WHOLE");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = {1, 113, 276, 101, 0, 9};
	if (size < 2)
		return 0;
	/* A capture as it is, told by its magic number's bytes; anything else is wrapped. */
	int reported = is_reported(data, size);
	if (size >= 24 && (data[0] == 0xd4 || data[0] == 0x4d || data[0] == 0xa1 || data[0] == 0x0a)) {
		analyse(data, size, size & 1, reported);
		return 0;
	}
	size_t room = 2 * size * 60 + 4096;
	uint8_t *capture = malloc(room);
	if (!capture)
		return 0;
	size_t length = wrap(data + 1, size - 1, links[data[0] % 6], data[0] & 0x80, capture, room);
	analyse(capture, length, size & 1, reported);
	free(capture);
	return 0;
}
