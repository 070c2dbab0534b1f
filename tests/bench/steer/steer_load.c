/* Load for liquidnet-steer: Multipath TCP connections, their handshakes with keys, and then small segments of each in turn.
 *
 * pure CONNECTIONS SECONDS: through the daemon's own library in this process, from bytes on; prints JSON, packets a second.
 * send INTERFACE TO-MAC CONNECTIONS SECONDS [syn]: out of an interface, as frames of 60 bytes and more, as fast as it goes; prints JSON. `syn`: SYNs from
 * ever new ports between the segments, three for each.
 * burst INTERFACE TO-MAC CONNECTIONS PACKETS: so many segments of connections that are known already, at once. */
#include "lib/base/clock.h"
#include "lib/mptcp/keys.h"
#include "nodes/steer/steps.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { FRAME = 160, BATCH = 256, PAYLOAD = 6 };

struct maker {
	uint32_t connections;
	uint64_t segments, syns;
	bool flood;
	uint8_t ethernet[14];
};

static struct packet_end end_of(uint32_t number, uint16_t port)
{
	struct packet_end end = {.port = port};
	uint32_t address = htonl(0x0a010000u + number);
	end.address[10] = end.address[11] = 0xff;
	memcpy(end.address + 12, &address, 4);
	return end;
}

static size_t write_frame(const struct maker *maker, const struct packet *packet, uint8_t frame[FRAME])
{
	memcpy(frame, maker->ethernet, sizeof maker->ethernet);
	size_t size = packet_write(packet, frame + sizeof maker->ethernet, FRAME - sizeof maker->ethernet);
	if (!size)
		abort();
	return sizeof maker->ethernet + size;
}

/* Packet 0, 1 or 2 of the handshake of connection `number`. */
static size_t handshake(const struct maker *maker, uint32_t number, unsigned step, uint8_t frame[FRAME])
{
	struct option_capable capable = {.version = 1, .flags = 1, .keys = step};
	struct option_list list = {0};
	struct packet_end client = end_of(number, 40000), server = end_of(0xf000, 80);
	struct packet packet = {.family = 4,
		.source = step == 1 ? server : client,
		.destination = step == 1 ? client : server};
	capable.key[step == 2] = 0x5000000000000000u + number;
	if (step == 2)
		capable.key[0] = number;
	option_put_capable(&list, &capable);
	packet.options = list.bytes;
	packet.options_length = list.length;
	packet.flags = step == 0 ? PACKET_SYN : step == 1 ? PACKET_SYN | PACKET_ACK : PACKET_ACK;
	packet.sequence = step == 1 ? 900 : step == 0 ? 100 : 101;
	packet.acknowledgement = step == 1 ? 101 : step == 2 ? 901 : 0;
	packet.window = 1000;
	return write_frame(maker, &packet, frame);
}

static size_t segment(struct maker *maker, uint8_t frame[FRAME])
{
	static const uint8_t payload[PAYLOAD] = "secur";
	uint64_t n = maker->segments++;
	uint32_t number = (uint32_t)(n % maker->connections);
	struct packet packet = {.family = 4,
		.source = end_of(number, 40000),
		.destination = end_of(0xf000, 80),
		.sequence = 101 + (uint32_t)(n / maker->connections) * PAYLOAD,
		.acknowledgement = 901,
		.flags = PACKET_ACK,
		.window = 1000,
		.payload = payload,
		.payload_at_hand = PAYLOAD};
	return write_frame(maker, &packet, frame);
}

static size_t syn(struct maker *maker, uint8_t frame[FRAME])
{
	struct option_capable capable = {.version = 1, .flags = 1};
	struct option_list list = {0};
	uint64_t n = maker->syns++;
	option_put_capable(&list, &capable);
	struct packet packet = {.family = 4,
		.source = end_of(0x100000 + (uint32_t)(n >> 14), (uint16_t)(n & 16383)),
		.destination = end_of(0xf000, 80),
		.flags = PACKET_SYN,
		.options = list.bytes,
		.options_length = list.length};
	return write_frame(maker, &packet, frame);
}

static size_t next(struct maker *maker, uint8_t frame[FRAME])
{
	return maker->flood && (maker->segments + maker->syns) % 4 ? syn(maker, frame)
								   : segment(maker, frame);
}

/* ---- pure */

/* Of this process alone: others may be at work. */
static int64_t processor_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void nobody(
	void *context, unsigned waypoint, const struct packet_end *client, const struct packet_end *server)
{
	(void)context, (void)waypoint, (void)client, (void)server;
}

static void nothing(void *context, const struct packet *packet)
{
	(void)context, (void)packet;
}

static void silence(void *context, const struct report *report)
{
	(void)context, (void)report;
}

static void take(struct steps *steps, const uint8_t *frame, size_t size)
{
	struct packet packet;
	if (packet_read(frame + 14, size - 14, size - 14, &packet) == PACKET_TCP)
		steps_packet(steps, 1, &packet);
}

static int pure(struct maker *maker, double seconds)
{
	const struct steps_settings settings = {NS_PER_S, NS_PER_S, NS_PER_S, 64, 16};
	const struct steps_handlers handlers = {nobody, nobody, nothing, silence, NULL};
	struct rules rules = {.count = 1,
		.rule[0] = {.has_pattern = true, .pattern = "secret", .pattern_length = 6, .via_count = 1}};
	uint8_t frames[BATCH][FRAME], frame[FRAME];
	size_t sizes[BATCH];
	rule_prepare(&rules.rule[0]);
	struct steps *steps = steps_new(1 << 18, &rules, &settings, &handlers);
	if (!steps)
		return 1;
	for (uint32_t i = 0; i < maker->connections; i++)
		for (unsigned step = 0; step < 4; step++)
			take(steps, frame,
				step < 3 ? handshake(maker, i, step, frame) : segment(maker, frame));
	uint64_t packets = 0;
	int64_t spent = 0;
	while ((double)spent < seconds * NS_PER_S) {
		for (unsigned i = 0; i < BATCH; i++)
			sizes[i] = next(maker, frames[i]);
		int64_t began = processor_ns();
		for (unsigned i = 0; i < BATCH; i++)
			take(steps, frames[i], sizes[i]);
		spent += processor_ns() - began;
		packets += BATCH;
	}
	const struct table_counters *table = table_counters(steps_table(steps));
	printf("{\"packets_per_s\": %.0f, \"ns\": %.1f, \"connections\": %llu}\n",
		(double)packets * NS_PER_S / (double)spent, (double)spent / (double)packets,
		(unsigned long long)table->connections);
	steps_free(steps);
	return 0;
}

/* ---- send */

/* To whoever is at the other end of the pair: a broadcast would not count as addressed to the host. */
static int open_interface(struct maker *maker, const char *name, const char *to)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	unsigned m[6];
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		sscanf(to, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		return -1;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
	for (unsigned i = 0; i < 6; i++)
		maker->ethernet[i] = (uint8_t)m[i];
	maker->ethernet[6] = 2;
	maker->ethernet[12] = 8;
	return fd;
}

/* The next `count` packets, at most BATCH; how many went. */
static unsigned send_some(struct maker *maker, int fd, unsigned count)
{
	static uint8_t frames[BATCH][FRAME];
	struct iovec parts[BATCH];
	struct mmsghdr headers[BATCH];
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){frames[i], next(maker, frames[i])};
		headers[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	int sent = sendmmsg(fd, headers, count, 0);
	return sent > 0 ? (unsigned)sent : 0;
}

static int burst(struct maker *maker, int fd, uint64_t packets)
{
	uint64_t sent = 0;
	while (sent < packets) {
		unsigned some =
			send_some(maker, fd, packets - sent < BATCH ? (unsigned)(packets - sent) : BATCH);
		if (!some)
			return 1;
		sent += some;
	}
	printf("{\"packets\": %llu}\n", (unsigned long long)sent);
	return 0;
}

static int send_all(struct maker *maker, int fd, double seconds)
{
	uint8_t frame[FRAME];
	for (uint32_t i = 0; i < maker->connections; i++)
		for (unsigned step = 0; step < 4; step++)
			if (send(fd, frame,
				    step < 3 ? handshake(maker, i, step, frame) : segment(maker, frame),
				    0) < 0)
				return 1;
	int64_t began = clock_now_ns(), now;
	uint64_t packets = 0;
	while ((double)((now = clock_now_ns()) - began) < seconds * NS_PER_S)
		packets += send_some(maker, fd, BATCH);
	printf("{\"packets\": %llu, \"seconds\": %.3f}\n",
		(unsigned long long)(packets + 4ull * maker->connections), (double)(now - began) / NS_PER_S);
	return 0;
}

int main(int argc, char **argv)
{
	struct maker maker = {0};
	if (argc == 4 && strcmp(argv[1], "pure") == 0) {
		maker.connections = (uint32_t)atol(argv[2]);
		return pure(&maker, atof(argv[3]));
	}
	bool at_once = argc == 6 && strcmp(argv[1], "burst") == 0;
	if (!at_once && (argc < 6 || strcmp(argv[1], "send") != 0)) {
		fputs("usage: steer_load pure CONNECTIONS SECONDS | send INTERFACE TO-MAC CONNECTIONS SECONDS [syn] |\n"
		      "       burst INTERFACE TO-MAC CONNECTIONS PACKETS\n",
			stderr);
		return 2;
	}
	maker.connections = (uint32_t)atol(argv[4]);
	maker.flood = argc > 6;
	int fd = open_interface(&maker, argv[2], argv[3]);
	if (fd < 0 || maker.connections == 0) {
		perror("steer_load");
		return 1;
	}
	return at_once ? burst(&maker, fd, strtoull(argv[5], NULL, 10)) : send_all(&maker, fd, atof(argv[5]));
}
