/* Unit: the capture reader and the link and network headers: formats, byte orders, time units, link types,
 * tags, extension headers, fragments, snap lengths. */
#include "analysis/flows/ranges.h"
#include "analysis/input/capture.h"
#include "analysis/input/decode.h"
#include "tests/unit/check.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct decoder decoder;

struct file {
	uint8_t bytes[4096];
	size_t length;
	bool big;
};

static void put(struct file *file, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		file->bytes[file->length++] = (uint8_t)(value >> 8 * (file->big ? size - 1 - i : i));
}

static void put_bytes(struct file *file, const void *bytes, size_t length)
{
	memcpy(file->bytes + file->length, bytes, length);
	file->length += length;
}

static void pcap_header(struct file *file, uint32_t magic, uint32_t link)
{
	put(file, magic, 4);
	put(file, 2, 2);
	put(file, 4, 2);
	put(file, 0, 8);
	put(file, 65535, 4);
	put(file, link, 4);
}

static void pcap_record(struct file *file, uint32_t seconds, uint32_t fraction, const void *bytes,
	uint32_t captured, uint32_t original)
{
	put(file, seconds, 4);
	put(file, fraction, 4);
	put(file, captured, 4);
	put(file, original, 4);
	put_bytes(file, bytes, captured);
}

static void test_pcap_orders_and_units(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct file file = {.big = i & 1};
		bool ns = i & 2;
		pcap_header(&file, ns ? 0xa1b23c4d : 0xa1b2c3d4, 101);
		pcap_record(&file, 7, 123456, "abc", 3, 1500);
		struct capture *capture = capture_open_memory(file.bytes, file.length, "made", NULL);
		assert_non_null(capture);
		struct capture_packet packets[4];
		assert_int_equal(capture_next(capture, packets, 4), 1);
		assert_int_equal(packets[0].time_ns, 7000000000 + (ns ? 123456 : 123456000));
		assert_int_equal(packets[0].captured, 3);
		assert_int_equal(packets[0].original, 1500);
		assert_int_equal(packets[0].link_type, 101);
		assert_memory_equal(packets[0].data, "abc", 3);
		assert_int_equal(capture_next(capture, packets, 4), 0);
		assert_int_equal(capture_counters(capture)->truncated, 0);
		capture_close(capture);
	}
}

static void block(struct file *file, uint32_t type, const struct file *body)
{
	uint32_t padded = (uint32_t)((body->length + 3) & ~(size_t)3);
	put(file, type, 4);
	put(file, padded + 12, 4);
	put_bytes(file, body->bytes, padded);
	put(file, padded + 12, 4);
}

static void section(struct file *file)
{
	struct file body = {.big = file->big};
	put(&body, 0x1a2b3c4d, 4);
	put(&body, 1, 4);
	put(&body, UINT64_MAX, 8);
	block(file, 0x0a0d0d0a, &body);
}

/* resolution: of if_tsresol; 6 is the default and left out. */
static void interface(struct file *file, unsigned link, unsigned resolution)
{
	struct file body = {.big = file->big};
	put(&body, link, 2);
	put(&body, 0, 6);
	if (resolution != 6) {
		put(&body, 9, 2);
		put(&body, 1, 2);
		body.bytes[body.length++] = (uint8_t)resolution;
		body.length += 3;
	}
	block(file, 1, &body);
}

static void enhanced(struct file *file, unsigned index, uint64_t ticks)
{
	struct file body = {.big = file->big};
	put(&body, index, 4);
	put(&body, ticks >> 32, 4);
	put(&body, ticks & 0xffffffff, 4);
	put(&body, 5, 4);
	put(&body, 60, 4);
	put_bytes(&body, "hello", 5);
	block(file, 6, &body);
}

static void test_pcapng_mixed(void **state)
{
	(void)state;
	struct file file = {0}, unknown = {.length = 40};
	section(&file);
	interface(&file, 1, 6);
	interface(&file, 113, 9);
	interface(&file, 101, 0x80 | 10);
	block(&file, 0x0bad, &unknown);
	enhanced(&file, 0, 3000001);
	enhanced(&file, 1, 3000001);
	enhanced(&file, 2, 3 * 1024 + 512);
	enhanced(&file, 3, 0); /* no such interface */
	/* A second section, of the other byte order, with interfaces of its own. */
	file.big = true;
	section(&file);
	interface(&file, 276, 6);
	enhanced(&file, 0, 1000000);
	struct capture *capture = capture_open_memory(file.bytes, file.length, "made", NULL);
	assert_non_null(capture);
	struct capture_packet packets[8];
	size_t count = 0, got;
	while ((got = capture_next(capture, packets + count, 8 - count)))
		count += got;
	assert_int_equal(count, 4);
	static const struct {
		unsigned link;
		int64_t time_ns;
	} expected[] = {{1, 3000001000}, {113, 3000001}, {101, 3500000000}, {276, 1000000000}};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(packets[i].link_type, expected[i].link);
		assert_int_equal(packets[i].time_ns, expected[i].time_ns);
		assert_int_equal(packets[i].captured, 5);
		assert_int_equal(packets[i].original, 60);
	}
	assert_int_equal(capture_counters(capture)->malformed, 1);
	assert_string_equal(capture_format(capture), "pcapng");
	capture_close(capture);
}

/* A file larger than the window, read through a pipe's eyes: every packet is whole. */
static void test_window_moves(void **state)
{
	(void)state;
	char path[] = "/tmp/capture-XXXXXX";
	int fd = mkstemp(path);
	FILE *out = fdopen(fd, "w");
	struct file header = {0};
	pcap_header(&header, 0xa1b2c3d4, 101);
	fwrite(header.bytes, 1, header.length, out);
	enum { PACKETS = 3000 };
	for (unsigned i = 0; i < PACKETS; i++) {
		uint8_t bytes[1500];
		uint32_t length = 100 + i * 7 % 1400;
		memset(bytes, (int)i, sizeof bytes);
		struct file record = {0};
		pcap_record(&record, i, 0, bytes, length, length);
		fwrite(record.bytes, 1, record.length, out);
	}
	fclose(out);
	char *error = NULL;
	struct capture *capture = capture_open(path, &error);
	assert_non_null(capture);
	struct capture_packet packets[32];
	size_t count, total = 0;
	while ((count = capture_next(capture, packets, 32))) {
		for (size_t i = 0; i < count; i++, total++) {
			assert_int_equal(packets[i].captured, 100 + total * 7 % 1400);
			assert_int_equal(packets[i].data[0], (uint8_t)total);
			assert_int_equal(packets[i].data[packets[i].captured - 1], (uint8_t)total);
		}
	}
	assert_int_equal(total, PACKETS);
	capture_close(capture);
	unlink(path);
}

/* What comes before an error is read; the error is not taken for the end, also where it falls between two records. */
static void test_error_while_reading(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		struct file file = {0};
		struct capture_packet packets[4];
		int ends[2], input = dup(STDIN_FILENO);
		if (ng) {
			section(&file);
			interface(&file, 101, 6);
		} else {
			pcap_header(&file, 0xa1b2c3d4, 101);
			pcap_record(&file, 1, 0, "abcd", 4, 4);
		}
		/* Closed before it has read all that was sent to it, the writer resets the connection. */
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		assert_int_equal(write(ends[0], "x", 1), 1);
		assert_int_equal(write(ends[1], file.bytes, file.length), (ssize_t)file.length);
		close(ends[1]);
		assert_true(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
		close(ends[0]);
		struct capture *capture = capture_open("-", NULL);
		dup2(input, STDIN_FILENO);
		close(input);
		assert_non_null(capture);
		assert_int_equal(capture_next(capture, packets, 4), ng ? 0 : 1);
		assert_int_equal(capture_next(capture, packets, 4), 0);
		assert_int_equal(capture_counters(capture)->truncated, 1);
		assert_int_equal(capture_counters(capture)->malformed, 0);
		capture_close(capture);
	}
}

static void test_broken_files(void **state)
{
	(void)state;
	struct file file = {0};
	struct capture_packet packets[4];
	pcap_header(&file, 0xa1b2c3d4, 101);
	pcap_record(&file, 1, 0, "abcd", 4, 4);
	pcap_record(&file, 2, 0, "abcd", 4, 4);
	struct capture *capture = capture_open_memory(file.bytes, file.length - 1, "made", NULL);
	assert_int_equal(capture_next(capture, packets, 4), 1);
	assert_int_equal(capture_next(capture, packets, 4), 0);
	assert_int_equal(capture_counters(capture)->truncated, 1);
	capture_close(capture);

	file.length = 24;
	pcap_record(&file, 1, 0, "abcd", 4, 4);
	put(&file, 0, 8);
	put(&file, 0x7fffffff, 4);
	put(&file, 0x7fffffff, 4);
	capture = capture_open_memory(file.bytes, file.length, "made", NULL);
	assert_int_equal(capture_next(capture, packets, 4), 1);
	assert_int_equal(capture_next(capture, packets, 4), 0);
	assert_int_equal(capture_counters(capture)->malformed, 1);
	assert_int_equal(capture_counters(capture)->malformed_offset, 24 + 20);
	capture_close(capture);
}

static const uint8_t tcp_header[] = {0x0f, 0xa0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0, 9, 0, 0, 0, 0};

static uint32_t ipv4(uint8_t *out, unsigned payload, unsigned fragment)
{
	static const uint8_t header[] = {0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	unsigned length = 40 + payload;
	memcpy(out, header, 20);
	out[2] = (uint8_t)(length >> 8);
	out[3] = (uint8_t)length;
	out[6] = (uint8_t)(fragment >> 8);
	out[7] = (uint8_t)fragment;
	memcpy(out + 20, tcp_header, 20);
	return 40;
}

static enum decode_result decode_one(const struct capture_packet *packet, struct segment *segment)
{
	uint64_t results[DECODE_RESULTS] = {0};
	enum decode_result result = 0;
	size_t found = decode_packets(&decoder, packet, 1, segment, results);
	while (!results[result])
		result++;
	assert_int_equal(found, result == DECODE_TCP);
	return result;
}

/* One frame with `before` in front of an IPv4 header, 1000 bytes of payload that the snap length cut. */
static void check_link(unsigned link, const uint8_t *before, unsigned length)
{
	uint8_t bytes[128];
	struct segment segment;
	if (length)
		memcpy(bytes, before, length);
	uint32_t captured = length + ipv4(bytes + length, 1000, 0x4000);
	const struct capture_packet packet = {.data = bytes,
		.captured = captured,
		.original = captured + 1000,
		.link_type = (uint16_t)link};
	assert_int_equal(decode_one(&packet, &segment), DECODE_TCP);
	assert_int_equal(segment.payload, 1000);
	assert_int_equal(segment.header_bytes, 40);
	assert_int_equal(segment.sequence, 1);
	assert_int_equal(segment.window, 9);
	assert_int_equal(segment.key.word[0], (uint64_t)0x0a000001 << 16 | 4000);
	assert_false(segment.from_second);
}

static void test_links(void **state)
{
	(void)state;
	static const uint8_t ethernet[14] = {[12] = 8}, vlan[18] = {[12] = 0x81, [16] = 8};
	static const uint8_t qinq[22] = {[12] = 0x88, 0xa8, [16] = 0x81, [20] = 8};
	static const uint8_t sll[16] = {[14] = 8}, sll2[20] = {8}, null[4] = {2};
	check_link(1, ethernet, sizeof ethernet);
	check_link(1, vlan, sizeof vlan);
	check_link(1, qinq, sizeof qinq);
	check_link(113, sll, sizeof sll);
	check_link(276, sll2, sizeof sll2);
	check_link(0, null, sizeof null);
	check_link(101, NULL, 0);
	check_link(228, NULL, 0);
	check_link(12, NULL, 0);
}

static enum decode_result decode_raw(
	const uint8_t *bytes, uint32_t captured, uint32_t original, struct segment *segment)
{
	const struct capture_packet packet = {
		.data = bytes, .captured = captured, .original = original, .link_type = 101};
	return decode_one(&packet, segment);
}

static void test_what_is_no_segment(void **state)
{
	(void)state;
	uint8_t bytes[64];
	struct segment segment;
	uint32_t length = ipv4(bytes, 0, 0x2000);
	assert_int_equal(decode_raw(bytes, length, length, &segment), DECODE_FRAGMENT);
	ipv4(bytes, 0, 0x0010);
	assert_int_equal(decode_raw(bytes, length, length, &segment), DECODE_FRAGMENT);
	ipv4(bytes, 0, 0);
	assert_int_equal(decode_raw(bytes, 30, length, &segment), DECODE_CUT);
	assert_int_equal(decode_raw(bytes, 12, length, &segment), DECODE_CUT);
	assert_int_equal(decode_raw(bytes, 30, 30, &segment), DECODE_CUT); /* IP says 40 */
	bytes[9] = 17;
	assert_int_equal(decode_raw(bytes, length, length, &segment), DECODE_OTHER);
	ipv4(bytes, 0, 0);
	bytes[32] = 0x40; /* a TCP header of 16 bytes */
	assert_int_equal(decode_raw(bytes, length, length, &segment), DECODE_MALFORMED);
	const struct capture_packet odd = {
		.data = bytes, .captured = length, .original = length, .link_type = 9999};
	assert_int_equal(decode_one(&odd, &segment), DECODE_LINK);
}

static void test_ipv6_extensions(void **state)
{
	(void)state;
	/* Hop by hop, destination, a fragment header of a whole packet, then TCP with 7 bytes. */
	uint8_t bytes[128] = {0x60, 0, 0, 0, 0, 24 + 20 + 7, 0, 64};
	struct segment segment;
	bytes[23] = 2;
	bytes[39] = 1;
	bytes[40] = 60;
	bytes[48] = 44;
	bytes[56] = 6;
	memcpy(bytes + 64, tcp_header, 20);
	assert_int_equal(decode_raw(bytes, 84, 91, &segment), DECODE_TCP);
	assert_int_equal(segment.payload, 7);
	assert_int_equal(segment.header_bytes, 84);
	assert_true(segment.from_second);
	bytes[59] = 1; /* more fragments */
	assert_int_equal(decode_raw(bytes, 84, 91, &segment), DECODE_FRAGMENT);
	bytes[59] = 0;
	bytes[41] = 255; /* an extension header beyond the packet */
	assert_int_equal(decode_raw(bytes, 84, 91, &segment), DECODE_MALFORMED);
}

/* Ranges against a plain array, over many random orders. */
static void test_ranges_against_array(void **state)
{
	(void)state;
	uint32_t random = 1;
	for (unsigned round = 0; round < 200; round++) {
		struct ranges ranges = {.edge = 10};
		bool seen[600] = {0};
		for (unsigned i = 0; i < 60; i++) {
			random = random * 1664525 + 1013904223;
			unsigned start = 10 + (random >> 8) % 500, length = 1 + (random >> 20) % 60,
				 fresh = 0;
			for (unsigned j = start; j < start + length; j++) {
				fresh += !seen[j];
				seen[j] = true;
			}
			assert_int_equal(ranges_add(&ranges, start, start + length, i, NULL, NULL), fresh);
			unsigned edge = 10, high = 10, held = 0;
			while (seen[edge])
				edge++;
			for (unsigned j = edge; j < 600; j++) {
				held += seen[j];
				high = seen[j] ? j + 1 : high;
			}
			assert_int_equal(ranges.edge, edge);
			assert_int_equal(ranges_high(&ranges), high > edge ? high : edge);
			assert_int_equal(ranges.list ? ranges.list->held : 0, held);
		}
		uint64_t held = ranges.list ? ranges.list->held : 0, before = ranges.edge;
		uint64_t high = ranges_high(&ranges);
		assert_int_equal(ranges_advance(&ranges, 1000, 99), high - before - held);
		assert_int_equal(ranges.edge, high);
		assert_int_equal(ranges_count(&ranges), 0);
		ranges_free(&ranges);
	}
}

static void test_ranges_are_bounded(void **state)
{
	(void)state;
	struct ranges ranges = {.edge = 0};
	for (uint64_t i = 1; i <= 3 * RANGES_LIMIT; i++)
		assert_int_equal(ranges_add(&ranges, i * 10, i * 10 + 5, 0, NULL, NULL), 5);
	assert_true(ranges_count(&ranges) <= RANGES_LIMIT);
	assert_true(ranges.list->forgotten >= 2 * RANGES_LIMIT * 5);
	assert_int_equal(ranges_high(&ranges), 3 * RANGES_LIMIT * 10 + 5);
	ranges_free(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap_orders_and_units),
		cmocka_unit_test(test_pcapng_mixed),
		cmocka_unit_test(test_window_moves),
		cmocka_unit_test(test_error_while_reading),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_what_is_no_segment),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_ranges_against_array),
		cmocka_unit_test(test_ranges_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
