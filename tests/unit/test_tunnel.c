/* Tunnel: captures made by hand, a packet a rule. */
#include "harness/trial/tunnel.c"
#include "tests/unit/check.h"
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ETHERNET 14
#define PORT 1194
#define PATTERN "0123456789"

struct packet {             /* zero: as the default says */
	unsigned ethertype; /* 0x0800 */
	unsigned protocol;  /* UDP */
	unsigned words;     /* of the IP header: 5 */
	unsigned fragment;  /* offset */
	unsigned from, to;  /* 40000, PORT */
	unsigned payload;   /* bytes */
	unsigned caplen;    /* all */
	int pattern_at;     /* in the payload; -1: nowhere */
};

static char path[64];

static int name_file(void **state)
{
	(void)state;
	strcpy(path, "/tmp/test-tunnel-XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 || close(fd) < 0 ? -1 : 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void put16(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static unsigned or (unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

static void write_packet(pcap_dumper_t *out, const struct packet *p)
{
	unsigned char bytes[2048] = {0};
	unsigned words = or (p->words, 5), udp = ETHERNET + words * 4, length = udp + 8 + p->payload;
	struct pcap_pkthdr header = {.caplen = or (p->caplen, length), .len = length};
	put16(bytes + 12, or (p->ethertype, 0x0800));
	bytes[ETHERNET] = (unsigned char)(0x40 | words);
	put16(bytes + ETHERNET + 6, p->fragment);
	bytes[ETHERNET + 9] = (unsigned char) or (p->protocol, IPPROTO_UDP);
	put16(bytes + udp, or (p->from, 40000));
	put16(bytes + udp + 2, or (p->to, PORT));
	put16(bytes + udp + 4, 8 + p->payload);
	if (p->pattern_at >= 0)
		memcpy(bytes + udp + 8 + p->pattern_at, PATTERN, strlen(PATTERN));
	pcap_dump((unsigned char *)out, &header, bytes);
}

static void write_capture(int linktype, const struct packet *packets, size_t count)
{
	pcap_t *pcap = pcap_open_dead(linktype, 65535);
	pcap_dumper_t *out = pcap_dump_open(pcap, path);
	assert_non_null(out);
	for (size_t i = 0; i < count; i++)
		write_packet(out, &packets[i]);
	pcap_dump_close(out);
	pcap_close(pcap);
}

static void check(struct packet packet, unsigned long data, unsigned long readable)
{
	struct tunnel_sight sight;
	char *error = NULL;
	write_capture(DLT_EN10MB, &packet, 1);
	assert_int_equal(tunnel_look(path, PORT, PATTERN, &sight, &error), 0);
	assert_null(error);
	assert_int_equal(sight.data, data);
	assert_int_equal(sight.readable, readable);
}

static void test_data_is_readable_where_the_pattern_stands(void **state)
{
	(void)state;
	check((struct packet){.payload = 1000, .pattern_at = 0}, 1, 1);
	check((struct packet){.payload = 1000, .pattern_at = 990}, 1, 1);
	check((struct packet){.payload = 1000, .pattern_at = -1}, 1, 0);
	check((struct packet){.payload = 1000, .words = 7, .pattern_at = 3}, 1, 1);
}

static void test_both_directions_of_the_port_count(void **state)
{
	(void)state;
	check((struct packet){.payload = 1000, .from = PORT, .to = 40000}, 1, 1);
	check((struct packet){.payload = 1000, .to = PORT + 1}, 0, 0);
}

static void test_small_datagrams_are_signalling(void **state)
{
	(void)state;
	check((struct packet){.payload = DATA_BYTES - 1}, 0, 0);
	check((struct packet){.payload = DATA_BYTES}, 1, 1);
}

static void test_what_is_no_udp_over_ipv4_does_not_count(void **state)
{
	(void)state;
	check((struct packet){.payload = 1000, .protocol = IPPROTO_TCP}, 0, 0);
	check((struct packet){.payload = 1000, .ethertype = 0x86dd}, 0, 0);
	check((struct packet){.payload = 1000, .fragment = 185}, 0, 0);
}

static void test_only_captured_bytes_are_searched(void **state)
{
	(void)state;
	check((struct packet){.payload = 1000, .pattern_at = 500, .caplen = 200}, 1, 0);
	check((struct packet){.payload = 1000, .pattern_at = 100, .caplen = 200}, 1, 1);
	check((struct packet){.payload = 1000, .pattern_at = 100, .caplen = ETHERNET + 20 + 8 + 105}, 1, 0);
	/* Too short to know a port, or anything. */
	check((struct packet){.payload = 1000, .caplen = ETHERNET + 20 + 7}, 0, 0);
	check((struct packet){.payload = 1000, .caplen = 10}, 0, 0);
}

static void test_packets_add_up(void **state)
{
	const struct packet packets[] = {
		{.payload = 1000}, {.payload = 1000, .pattern_at = -1}, {.payload = 50}, {.payload = 800}};
	struct tunnel_sight sight;
	(void)state;
	write_capture(DLT_EN10MB, packets, sizeof packets / sizeof *packets);
	assert_int_equal(tunnel_look(path, PORT, PATTERN, &sight, NULL), 0);
	assert_int_equal(sight.data, 3);
	assert_int_equal(sight.readable, 2);
}

static void refused(const char *text)
{
	struct tunnel_sight sight;
	char *error = NULL;
	assert_int_equal(tunnel_look(path, PORT, PATTERN, &sight, &error), -1);
	assert_non_null(error);
	assert_non_null(strstr(error, path));
	assert_non_null(strstr(error, text));
	free(error);
}

static void test_what_is_no_capture_is_refused(void **state)
{
	const struct packet packets[] = {{.payload = 1000}, {.payload = 1000}};
	(void)state;
	refused(""); /* empty */
	write_capture(DLT_RAW, packets, 2);
	refused("not a capture of Ethernet");
	/* One that ends in the middle of a packet has lost what would have come. */
	write_capture(DLT_EN10MB, packets, 2);
	assert_int_equal(truncate(path, 24 + 16 + 1042 + 16 + 100), 0);
	refused("truncated");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, name_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(data_is_readable_where_the_pattern_stands),
		TEST(both_directions_of_the_port_count),
		TEST(small_datagrams_are_signalling),
		TEST(what_is_no_udp_over_ipv4_does_not_count),
		TEST(only_captured_bytes_are_searched),
		TEST(packets_add_up),
		TEST(what_is_no_capture_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
