/* Which connections of a capture a measure means when it names none: one that carries the data, or the measure has no
 * value. */
#include "harness/trial/flows.h"

#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS 42 /* Ethernet, IPv4, UDP */

static char path[] = "/tmp/liquidnet-flows.XXXXXX";

/* A capture of `count` datagrams with 1000 bytes of payload to a port. */
static void capture(unsigned count, uint16_t port)
{
	unsigned char frame[HEADERS + 1000] = {[12] = 0x08, [14] = 0x45, [23] = IPPROTO_UDP};
	uint16_t ip_length = htons(1028), length = htons(1008), to = htons(port);
	memcpy(frame + 16, &ip_length, 2);
	memcpy(frame + 36, &to, 2);
	memcpy(frame + 38, &length, 2);
	pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 65535, PCAP_TSTAMP_PRECISION_NANO);
	pcap_dumper_t *out = pcap_dump_open(pcap, path);
	assert_non_null(out);
	for (unsigned i = 0; i < count; i++)
		pcap_dump((unsigned char *)out,
			&(struct pcap_pkthdr){.ts = {1, i}, .caplen = sizeof frame, .len = sizeof frame},
			frame);
	pcap_dump_close(out);
	pcap_close(pcap);
}

/* A connection to port 5201 that delivered so many bytes. */
static void add(json_t *connections, int bytes)
{
	json_array_append_new(
		connections, json_pack("{s:{s:i}, s:{s:i}, s:[{s:i, s:i}]}", "forward", "delivered_bytes",
				     bytes, "reverse", "delivered_bytes", 100, "subflows", "server_port",
				     5201, "client_port", 40000));
}

static char *asked(json_t *connections, struct flow_selection flows)
{
	char *error = NULL;
	int result = flows_unambiguous(connections, &flows, path, &error);
	assert_true((result < 0) == (error != NULL));
	return error;
}

static void one_connection(void **state)
{
	json_t *connections = json_array();
	(void)state;
	capture(9, 53);
	add(connections, 1000000);
	add(connections, 5000); /* iperf3's own, beside its data */
	assert_null(asked(connections, (struct flow_selection){0}));
	json_decref(connections);
}

/* iperf3 -P 4: a quarter of the throughput would count as all. */
static void several_connections(void **state)
{
	json_t *connections = json_array();
	(void)state;
	capture(0, 53);
	for (int i = 0; i < 4; i++)
		add(connections, 1000000 + i);
	add(connections, 5000);
	char *error = asked(connections, (struct flow_selection){0});
	assert_string_equal(error,
		"shows 4 connections that carry data; name those that are meant, which are added up: flows: {port: 5201}");
	free(error);
	assert_null(asked(connections, (struct flow_selection){.port = 5201}));
	json_decref(connections);
}

/* iperf3 -u: its control connection is the only one. */
static void datagrams_beside(void **state)
{
	json_t *connections = json_array();
	(void)state;
	capture(100, 5201);
	add(connections, 5000);
	char *error = asked(connections, (struct flow_selection){0});
	assert_string_equal(error,
		"shows 100000 bytes of datagrams beside a connection of 5000; name what is meant: flows: {port: 5201, protocol: udp}");
	free(error);
	json_decref(connections);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection),
		cmocka_unit_test(several_connections),
		cmocka_unit_test(datagrams_beside),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return result;
}
