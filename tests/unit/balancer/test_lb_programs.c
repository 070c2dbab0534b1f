/* The mux's and the agent's programs in the kernel, packet in, packet out (BPF_PROG_TEST_RUN): what they do
 * with every kind of packet, with every packet cut short at every byte, and with connections that are here,
 * are being made here, are in a SYN cookie, or are elsewhere. The connections are real ones, in a network
 * namespace of the test's. */
#include "nodes/balancer/agent/programs.h"
#include "nodes/balancer/mux/ring.h"
#include "nodes/balancer/mux/xdp_modes.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/balancer/agent/agent.skel.h"
#include "nodes/balancer/mux/mux.skel.h"

#define VIP "10.9.100.1"
#define CLIENT "10.9.0.2"
#define SERVER "10.9.21.2" /* the agent under test */
#define OTHER "10.9.22.2"
#define THIRD "10.9.23.2"
#define PORT 80
#define SIZE_MAX_TEST 2048

struct programs_under_test {
	struct mux_bpf *mux;
	struct agent_bpf *agent;
	uint16_t client_port; /* of the connection that is here */
	int listener, near, far;
};

/* ---- packets */

struct packet {
	size_t size;
	uint8_t unused[2]; /* behind an Ethernet header the IP header is aligned */
	uint8_t bytes[SIZE_MAX_TEST];
};

static uint32_t ip(const char *text)
{
	struct in_addr address;
	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address.s_addr;
}

/* The one's complement sum, straight from RFC 1071: not the code under test. */
static uint16_t checksum(const uint8_t *bytes, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static struct iphdr *header(struct packet *packet, size_t at)
{
	return (struct iphdr *)(packet->bytes + at);
}

/* Fills in both checksums of the packet whose IP header is at `at`. */
static void finish(struct packet *packet, size_t at)
{
	struct iphdr *h = header(packet, at);
	uint8_t *transport = packet->bytes + at + h->ihl * 4u;
	size_t size = packet->size - at - h->ihl * 4u;
	uint32_t pseudo = h->protocol + (uint32_t)size;
	h->tot_len = htons((uint16_t)(packet->size - at));
	h->check = 0;
	h->check = checksum((uint8_t *)h, h->ihl * 4u, 0);
	for (int i = 0; i < 4; i++)
		pseudo += ntohs(((uint16_t *)&h->saddr)[i]);
	if (h->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (struct tcphdr *)transport;
		tcp->check = 0;
		tcp->check = checksum(transport, size, pseudo);
	} else if (h->protocol == IPPROTO_UDP) {
		struct udphdr *udp = (struct udphdr *)transport;
		udp->len = htons((uint16_t)size);
		udp->check = 0;
		udp->check = checksum(transport, size, pseudo);
	} else if (h->protocol == IPPROTO_ICMP) {
		struct lb_icmp *icmp = (struct lb_icmp *)transport;
		icmp->check = 0;
		icmp->check = checksum(transport, size, 0);
	}
}

/* An Ethernet frame with an IP packet of `payload` bytes behind the transport header. */
static struct packet frame(
	uint8_t protocol, const char *from, const char *to, uint16_t source, uint16_t port, size_t payload)
{
	struct packet packet = {.bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}};
	size_t transport = protocol == IPPROTO_TCP ? 20 : 8;
	*header(&packet, 14) = (struct iphdr){.version = 4,
		.ihl = 5,
		.tos = 0x2a,
		.ttl = 60,
		.protocol = protocol,
		.frag_off = htons(0x4000),
		.saddr = ip(from),
		.daddr = ip(to)};
	struct tcphdr *tcp = (struct tcphdr *)(packet.bytes + 34);
	tcp->source = htons(source);
	tcp->dest = htons(port);
	if (protocol == IPPROTO_TCP) {
		tcp->window = htons(0xffff);
		tcp->doff = 5;
		tcp->ack = 1;
		tcp->seq = htonl(1000);
		tcp->ack_seq = htonl(2000);
	}
	packet.size = 34 + transport + payload;
	for (size_t i = 0; i < payload; i++)
		packet.bytes[34 + transport + i] = (uint8_t)(i * 7 + 1);
	finish(&packet, 14);
	return packet;
}

/* An ICMP error from a router about a packet that the VIP (or the server) sent to the client. */
static struct packet icmp_error(const char *to, const char *about_source, uint16_t source, uint16_t port)
{
	struct packet about = frame(IPPROTO_TCP, about_source, CLIENT, port, source, 0);
	struct packet packet = frame(IPPROTO_ICMP, "10.9.0.1", to, 0, 0, 28);
	memset(packet.bytes + 34, 0, 8);
	packet.bytes[34] = 3;
	packet.bytes[35] = 4;
	memcpy(packet.bytes + 42, about.bytes + 14, 28);
	finish(&packet, 14);
	return packet;
}

static struct packet tunnelled(const struct packet *inner, const char *from, const char *to, uint16_t stamp)
{
	struct packet packet = {.size = inner->size + 20};
	memcpy(packet.bytes, inner->bytes, 14);
	memcpy(packet.bytes + 34, inner->bytes + 14, inner->size - 14);
	*header(&packet, 14) = (struct iphdr){.version = 4,
		.ihl = 5,
		.tos = header(&packet, 34)->tos,
		.ttl = 64,
		.id = htons(stamp),
		.frag_off = htons(0x4000),
		.protocol = IPPROTO_IPIP,
		.saddr = ip(from),
		.daddr = ip(to)};
	finish(&packet, 14);
	return packet;
}

static void same(const struct packet *got, const struct packet *wanted)
{
	assert_int_equal(got->size, wanted->size);
	assert_memory_equal(got->bytes, wanted->bytes, wanted->size);
}

/* ---- running */

static int run(const struct bpf_program *program, const struct packet *in, struct packet *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = (uint32_t)in->size,
		.data_out = out->bytes, .data_size_out = sizeof out->bytes);
	int result = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
	if (result < 0) /* the kernel refuses to make such a packet at all: nothing was forwarded */
		return -1000 + result;
	out->size = options.data_size_out;
	return (int)options.retval;
}

static uint64_t count_of(const struct bpf_map *map, uint32_t key)
{
	int n = libbpf_num_possible_cpus();
	uint64_t values[n], sum = 0;
	assert_int_equal(bpf_map__lookup_elem(map, &key, sizeof key, values, sizeof values, 0), 0);
	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static int mux(struct programs_under_test *t, const struct packet *in, struct packet *out)
{
	return run(t->mux->progs.liquidnet_mux, in, out);
}

static int agent(struct programs_under_test *t, const struct packet *in, struct packet *out)
{
	return run(t->agent->progs.lqn_agent_in, in, out);
}

static struct packet changed(struct packet packet, size_t at, uint8_t value)
{
	packet.bytes[at] = value;
	header(&packet, 14)->check = 0;
	header(&packet, 14)->check = checksum(packet.bytes + 14, header(&packet, 14)->ihl * 4u, 0);
	return packet;
}

/* ---- the mux */

static struct packet from_mux(const struct packet *in, const char *server, uint16_t generation)
{
	struct packet wanted = tunnelled(in, VIP, server, generation);
	memcpy(wanted.bytes, in->bytes + 6, 6);
	memcpy(wanted.bytes + 6, in->bytes, 6);
	return wanted;
}

static void mux_uses(struct programs_under_test *t, uint32_t generation, const char *server)
{
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 100, NULL);
	if (server)
		assert_int_equal(lb_map_add(map, "s", (struct in_addr){ip(server)}, NULL), 0);
	map->generation = generation;
	mux_ring_fill(&t->mux->bss->rings[0], map);
	t->mux->bss->active = 0;
	lb_map_free(map);
}

static void test_mux_forwards(void **state)
{
	struct programs_under_test *t = *state;
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct packet out, in, wanted;
	mux_uses(t, 0x12345, SERVER);
	for (size_t i = 0; i < 2; i++)
		for (size_t payload = 0; payload < 1400; payload += 233) {
			in = frame(protocols[i], CLIENT, VIP, 4321, PORT, payload);
			wanted = from_mux(&in, SERVER, 0x2345);
			assert_int_equal(mux(t, &in, &out), XDP_TX);
			same(&out, &wanted);
		}
	in = icmp_error(VIP, VIP, 4321, PORT);
	wanted = from_mux(&in, SERVER, 0x2345);
	assert_int_equal(mux(t, &in, &out), XDP_TX);
	same(&out, &wanted);
	/* What Ethernet adds to a short packet stays behind it. */
	in = frame(IPPROTO_UDP, CLIENT, VIP, 4321, PORT, 0);
	in.size = 60;
	assert_int_equal(mux(t, &in, &out), XDP_TX);
	assert_int_equal(out.size, 80);
	assert_int_equal(ntohs(header(&out, 14)->tot_len), 48);
}

/* An error about a connection goes where the connection's own packets go. */
static void test_mux_errors_follow(void **state)
{
	struct programs_under_test *t = *state;
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 1000, NULL);
	lb_map_add(map, "a", (struct in_addr){ip(SERVER)}, NULL);
	lb_map_add(map, "b", (struct in_addr){ip(OTHER)}, NULL);
	mux_ring_fill(&t->mux->bss->rings[0], map);
	unsigned others = 0;
	for (uint16_t port = 2000; port < 2064; port++) {
		struct packet data = frame(IPPROTO_TCP, CLIENT, VIP, port, PORT, 3), out, out2;
		struct packet error = icmp_error(VIP, VIP, port, PORT);
		assert_int_equal(mux(t, &data, &out), XDP_TX);
		assert_int_equal(mux(t, &error, &out2), XDP_TX);
		assert_int_equal(header(&out, 14)->daddr, header(&out2, 14)->daddr);
		others += header(&out, 14)->daddr == ip(OTHER);
	}
	assert_in_range(others, 10, 54);
	lb_map_free(map);
}

static struct mux_counters *mux_counters(const struct mux_bpf *mux)
{
	size_t n = (size_t)libbpf_num_possible_cpus();
	struct mux_counters *each = calloc(n, sizeof *each);
	uint32_t key = 0;
	assert_int_equal(
		bpf_map__lookup_elem(mux->maps.counters, &key, sizeof key, each, n * sizeof *each, 0), 0);
	for (size_t i = 1; i < n; i++) {
		for (size_t k = 0; k < MUX_COUNTS; k++)
			each->counts[k] += each[i].counts[k];
		for (size_t k = 0; k < LB_SERVERS_MAX; k++) {
			each->servers[k].packets += each[i].servers[k].packets;
			each->servers[k].bytes += each[i].servers[k].bytes;
		}
	}
	return each;
}

static uint64_t mux_count(const struct programs_under_test *t, uint32_t what)
{
	struct mux_counters *counters = mux_counters(t->mux);
	uint64_t count = counters->counts[what];
	free(counters);
	return count;
}

/* A server's packets are those that were sent to it: what has no route is counted there only. */
static void test_mux_counts_what_leaves(void **state)
{
	struct programs_under_test *t = *state;
	struct packet in = frame(IPPROTO_TCP, CLIENT, VIP, 4321, PORT, 100), out;
	struct mux_bpf *hairpin = t->mux, *routes = mux_bpf__open();
	routes->rodata->forward_mode = FORWARD_ROUTE;
	assert_int_equal(mux_bpf__load(routes), 0);
	mux_uses(t, 7, SERVER);
	struct mux_counters *before = mux_counters(hairpin);
	assert_int_equal(mux(t, &in, &out), XDP_TX);
	struct mux_counters *after = mux_counters(hairpin);
	assert_int_equal(after->counts[MUX_FORWARDED], before->counts[MUX_FORWARDED] + 1);
	assert_int_equal(after->servers[0].packets, before->servers[0].packets + 1);
	assert_int_equal(after->servers[0].bytes, before->servers[0].bytes + 140);
	free(before);
	free(after);
	t->mux = routes;
	mux_uses(t, 7, THIRD);
	assert_int_equal(mux(t, &in, &out), XDP_DROP);
	after = mux_counters(routes);
	assert_int_equal(after->counts[MUX_NO_ROUTE], 1);
	assert_int_equal(after->counts[MUX_FORWARDED], 0);
	assert_int_equal(after->servers[0].packets, 0);
	assert_int_equal(after->servers[0].bytes, 0);
	free(after);
	mux_bpf__destroy(routes);
	t->mux = hairpin;
}

static void expect_mux(struct programs_under_test *t, struct packet in, uint32_t counter, int action)
{
	struct packet out;
	uint64_t before = mux_count(t, counter), forwarded = mux_count(t, MUX_FORWARDED);
	assert_int_equal(mux(t, &in, &out), action);
	assert_int_equal(mux_count(t, counter), before + 1);
	assert_int_equal(mux_count(t, MUX_FORWARDED), forwarded + (counter == MUX_FORWARDED));
	if (action == XDP_PASS)
		same(&out, &in);
}

static void test_mux_drops(void **state)
{
	struct programs_under_test *t = *state;
	struct packet tcp = frame(IPPROTO_TCP, CLIENT, VIP, 4321, PORT, 100), odd;
	mux_uses(t, 1, SERVER);
	expect_mux(t, frame(IPPROTO_TCP, CLIENT, SERVER, 1, PORT, 9), LB_OTHER, XDP_PASS);
	odd = changed(tcp, 14, 0x46);
	expect_mux(t, odd, LB_OPTIONS, XDP_DROP);
	expect_mux(t, changed(tcp, 14, 0x44), LB_MALFORMED, XDP_DROP);
	expect_mux(t, changed(tcp, 14, 0x65), LB_OTHER, XDP_PASS); /* version 6 */
	expect_mux(t, changed(tcp, 20, 0x20), LB_FRAGMENT, XDP_DROP);
	expect_mux(t, changed(tcp, 21, 1), LB_FRAGMENT, XDP_DROP);
	expect_mux(t, changed(tcp, 23, 47), LB_PROTOCOL, XDP_DROP);
	odd = tunnelled(&tcp, CLIENT, VIP, 0); /* a tunnel in the tunnel */
	expect_mux(t, odd, LB_PROTOCOL, XDP_DROP);
	odd = tunnelled(&odd, CLIENT, VIP, 0);
	expect_mux(t, odd, LB_PROTOCOL, XDP_DROP);
	expect_mux(t, changed(tcp, 16, 9), LB_MALFORMED, XDP_DROP); /* longer than the frame */
	expect_mux(t, changed(changed(tcp, 16, 0), 17, 19), LB_MALFORMED, XDP_DROP);
	expect_mux(t, changed(changed(tcp, 16, 0), 17, 39), LB_MALFORMED, XDP_DROP);
	expect_mux(t, changed(tcp, 46, 0x40), LB_MALFORMED, XDP_DROP); /* TCP header of 16 bytes */
	odd = frame(IPPROTO_TCP, CLIENT, VIP, 1, PORT, 10);
	expect_mux(t, changed(odd, 46, 0xf0), LB_MALFORMED, XDP_DROP); /* of 60, with 30 there */
	odd = frame(IPPROTO_UDP, CLIENT, VIP, 1, PORT, 10);
	expect_mux(t, changed(odd, 39, 7), LB_MALFORMED, XDP_DROP);
	expect_mux(t, changed(odd, 38, 1), LB_MALFORMED, XDP_DROP);
	odd = icmp_error(VIP, VIP, 1, PORT);
	expect_mux(t, changed(odd, 34, 8), LB_ICMP, XDP_DROP);              /* an echo request */
	expect_mux(t, icmp_error(VIP, SERVER, 1, PORT), LB_ICMP, XDP_DROP); /* about another's packet */
	expect_mux(t, changed(odd, 42, 0x46), LB_ICMP, XDP_DROP);
	expect_mux(t, changed(odd, 51, 1), LB_ICMP, XDP_DROP);
	mux_uses(t, 1, NULL);
	expect_mux(t, tcp, MUX_NO_SERVER, XDP_DROP);
}

/* However short a packet is cut, it is dropped or left alone; only whole ones are forwarded. */
static void test_mux_cut(void **state)
{
	struct programs_under_test *t = *state;
	struct packet whole[] = {frame(IPPROTO_TCP, CLIENT, VIP, 1, PORT, 7),
		frame(IPPROTO_UDP, CLIENT, VIP, 1, PORT, 7), icmp_error(VIP, VIP, 1, PORT)};
	mux_uses(t, 1, SERVER);
	for (size_t i = 0; i < 3; i++)
		for (size_t size = 14; size <= whole[i].size; size++) {
			struct packet in = whole[i], out;
			in.size = size;
			int action = mux(t, &in, &out);
			if (size == whole[i].size)
				assert_int_equal(action, XDP_TX);
			else if (action > -1000)
				assert_int_equal(action, size < 34 ? XDP_PASS : XDP_DROP);
			/* The same with a header that claims no more than there is. */
			if (size < 34 || size == whole[i].size)
				continue;
			header(&in, 14)->tot_len = htons((uint16_t)(size - 14));
			in = changed(in, 15, 0);
			assert_true(mux(t, &in, &out) != XDP_TX || size >= 54 || i != 0);
		}
}

static void test_mux_ports(void **state)
{
	struct programs_under_test *t = *state;
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 100, NULL);
	struct packet out;
	lb_map_add(map, "a", (struct in_addr){ip(SERVER)}, NULL);
	lb_map_add(map, "b", (struct in_addr){ip(OTHER)}, NULL);
	lb_map_set_port(map, 8002, "b", NULL);
	mux_ring_fill(&t->mux->bss->rings[0], map);
	for (uint16_t port = 2000; port < 2032; port++) {
		struct packet in = frame(IPPROTO_TCP, CLIENT, VIP, port, 8002, 0);
		assert_int_equal(mux(t, &in, &out), XDP_TX);
		assert_int_equal(header(&out, 14)->daddr, ip(OTHER));
	}
	lb_map_free(map);
}

/* ---- the agent */

/* A map in which this server owns every token, or another does and this one is in its history. */
static void agent_uses(
	struct programs_under_test *t, uint32_t generation, const char *const chain[], unsigned length)
{
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 100, NULL);
	struct agent_state *state = &t->agent->bss->state;
	for (unsigned i = 0; i < length; i++) {
		map->servers[i] = (struct lb_server){.dip = {ip(chain[i])}};
		snprintf(map->servers[i].name, sizeof map->servers[i].name, "s%u", i);
		for (uint32_t token = 0; token < map->tokens; token++)
			map->chains[token][i] = (uint16_t)i;
	}
	map->generation = generation;
	memset(&state->rings[1], 0, sizeof state->rings[1]);
	agent_ring_fill(&state->rings[0], &state->rings[1], state->used, map, (struct in_addr){ip(SERVER)},
		UINT64_MAX / 4);
	state->active = 0;
	lb_map_free(map);
}

static const char *const alone[] = {SERVER}, *const then_other[] = {SERVER, OTHER},
			 *const after_third[] = {THIRD, SERVER, OTHER}, *const last[] = {THIRD, SERVER},
			 *const not_us[] = {THIRD, OTHER};

static void expect_delivered(struct programs_under_test *t, const struct packet *inner, uint16_t stamp)
{
	struct packet in = tunnelled(inner, VIP, SERVER, stamp), out, wanted = *inner;
	header(&wanted, 14)->daddr = ip(SERVER);
	if (header(&wanted, 14)->protocol == IPPROTO_ICMP) { /* what it is about, too */
		header(&wanted, 42)->saddr = ip(SERVER);
		header(&wanted, 42)->check = 0;
		header(&wanted, 42)->check = checksum(wanted.bytes + 42, 20, 0);
	}
	finish(&wanted, 14);
	assert_int_equal(agent(t, &in, &out), TC_ACT_UNSPEC);
	same(&out, &wanted);
}

static void expect_passed_on(struct programs_under_test *t, const struct packet *inner, uint16_t stamp,
	const char *to, uint16_t new_stamp)
{
	struct packet in = tunnelled(inner, VIP, SERVER, stamp), out,
		      wanted = tunnelled(inner, VIP, to, new_stamp);
	wanted = changed(wanted, 22, 63);
	assert_int_equal(agent(t, &in, &out), TC_ACT_REDIRECT);
	same(&out, &wanted);
}

static void expect_dropped(struct programs_under_test *t, const struct packet *in, uint32_t counter)
{
	struct packet out;
	uint64_t before = count_of(t->agent->maps.counts, counter);
	assert_int_equal(agent(t, in, &out), TC_ACT_SHOT);
	assert_int_equal(count_of(t->agent->maps.counts, counter), before + 1);
}

static struct packet established(const struct programs_under_test *t, size_t payload)
{
	return frame(IPPROTO_TCP, CLIENT, VIP, t->client_port, PORT, payload);
}

static struct packet syn(uint16_t port)
{
	struct packet packet = frame(IPPROTO_TCP, CLIENT, VIP, port, PORT, 0);
	struct tcphdr *tcp = (struct tcphdr *)(packet.bytes + 34);
	tcp->syn = 1;
	tcp->ack = 0;
	finish(&packet, 14);
	return packet;
}

static void test_agent_delivers(void **state)
{
	struct programs_under_test *t = *state;
	struct packet packet;
	agent_uses(t, 7, alone, 1);
	for (size_t payload = 0; payload < 1400; payload += 233) {
		packet = established(t, payload);
		expect_delivered(t, &packet, 7);
	}
	packet = syn(999);
	expect_delivered(t, &packet, 7);
	packet = frame(IPPROTO_UDP, CLIENT, VIP, 999, 53, 33);
	expect_delivered(t, &packet, 7);
	/* A UDP packet without a checksum keeps none. */
	((struct udphdr *)(packet.bytes + 34))->check = 0;
	struct packet in = tunnelled(&packet, VIP, SERVER, 7), out;
	assert_int_equal(agent(t, &in, &out), TC_ACT_UNSPEC);
	assert_int_equal(((struct udphdr *)(out.bytes + 34))->check, 0);
	packet = icmp_error(VIP, VIP, t->client_port, PORT);
	expect_delivered(t, &packet, 7);
	/* With the VIP on the loopback interface nothing is translated; the connection is not here under that
	 * address. */
	t->agent->bss->state.translate = 0;
	packet = syn(999);
	in = tunnelled(&packet, VIP, SERVER, 7);
	assert_int_equal(agent(t, &in, &out), TC_ACT_UNSPEC);
	same(&out, &packet);
	t->agent->bss->state.translate = 1;
}

/* A connection that is not here goes to the former owner; one that is here stays, whoever owns the token. */
static void test_agent_passes_on(void **state)
{
	struct programs_under_test *t = *state;
	struct packet here = established(t, 10), elsewhere = frame(IPPROTO_TCP, CLIENT, VIP, 999, PORT, 10),
		      new = syn(998), error = icmp_error(VIP, VIP, 999, PORT),
		      error_here = icmp_error(VIP, VIP, t->client_port, PORT);
	agent_uses(t, 7, then_other, 2);
	expect_delivered(t, &here, 7);
	expect_delivered(t, &new, 7);
	expect_passed_on(t, &elsewhere, 7, OTHER, 7);
	expect_passed_on(t, &error, 7, OTHER, 7);
	expect_delivered(t, &error_here, 7);
	/* In the middle of the chain. */
	agent_uses(t, 7, after_third, 3);
	expect_delivered(t, &here, 7);
	expect_passed_on(t, &elsewhere, 7, OTHER, 7);
	/* At its end nobody has it: the stack answers with a reset. */
	agent_uses(t, 7, last, 2);
	expect_delivered(t, &elsewhere, 7);
	/* Not in it at all: to its head. */
	agent_uses(t, 7, not_us, 2);
	expect_passed_on(t, &elsewhere, 7, THIRD, 7);
	expect_delivered(t, &here, 7);
}

/* Muxes and agents learn of a change one after the other. */
static void test_agent_generations(void **state)
{
	struct programs_under_test *t = *state;
	struct packet here = established(t, 10), elsewhere = frame(IPPROTO_TCP, CLIENT, VIP, 999, PORT, 10),
		      new = syn(998);
	struct packet newer = tunnelled(&elsewhere, VIP, SERVER, 8);
	agent_uses(t, 7, after_third, 3);
	/* Sent by an older map: the chain begins anew, at its head. */
	expect_passed_on(t, &elsewhere, 6, THIRD, 7);
	expect_delivered(t, &here, 6);
	expect_delivered(t, &new, 6);
	/* By a newer one: what we know may be wrong. What is here, is here. */
	expect_dropped(t, &newer, AGENT_BEHIND);
	expect_delivered(t, &here, 8);
	expect_delivered(t, &new, 8);
	/* We are the head: past us. */
	agent_uses(t, 7, then_other, 2);
	expect_passed_on(t, &elsewhere, 6, OTHER, 7);
	/* The stamp is 16 bits of the generation. */
	agent_uses(t, 0x10000, after_third, 3);
	expect_passed_on(t, &elsewhere, 0xffff, THIRD, 0);
	agent_uses(t, 0xffff, then_other, 2);
	newer = tunnelled(&elsewhere, VIP, SERVER, 0);
	expect_dropped(t, &newer, AGENT_BEHIND);
}

static void test_agent_expiry(void **state)
{
	struct programs_under_test *t = *state;
	struct packet elsewhere = frame(IPPROTO_TCP, CLIENT, VIP, 999, PORT, 10);
	struct agent_state *s = &t->agent->bss->state;
	agent_uses(t, 7, then_other, 2);
	for (uint32_t token = 0; token < 100; token++)
		s->used[token] = 0;
	s->idle_ns = 1;
	uint64_t before = count_of(t->agent->maps.counts, AGENT_EXPIRED);
	expect_delivered(t, &elsewhere, 7);
	assert_int_equal(count_of(t->agent->maps.counts, AGENT_EXPIRED), before + 1);
	s->idle_ns = INT64_MAX;
	expect_passed_on(t, &elsewhere, 7, OTHER, 7);
	uint32_t token = lb_token(lb_hash(ip(CLIENT), ip(VIP), lb_ports(htons(999), htons(PORT))), 100);
	assert_true(s->used[token] > 0); /* used: it lives on */
	s->idle_ns = 900ULL * 1000000000;
}

/* A new generation does not wake what has expired, unless the next server is another. */
static void test_ring_keeps_age(void **state)
{
	(void)state;
	struct agent_ring *a = calloc(2, sizeof *a), *b = a + 1;
	__u64 *used = calloc(LB_TOKENS_MAX, sizeof *used);
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 100, NULL);
	lb_map_add(map, "other", (struct in_addr){ip(OTHER)}, NULL);
	lb_map_add(map, "us", (struct in_addr){ip(SERVER)}, NULL);
	lb_map_drain(map, "other", NULL);
	agent_ring_fill(a, b, used, map, (struct in_addr){ip(SERVER)}, 5);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(used[i], 5);
		assert_int_equal(a->head[i], ip(SERVER));
		assert_int_equal(a->next[i], ip(OTHER));
	}
	lb_map_set_port(map, 81, "us", NULL);
	agent_ring_fill(b, a, used, map, (struct in_addr){ip(SERVER)}, 9);
	assert_int_equal(used[50], 5);
	lb_map_remove(map, "other", NULL);
	agent_ring_fill(a, b, used, map, (struct in_addr){ip(SERVER)}, 11);
	assert_int_equal(used[50], 11);
	assert_int_equal(a->next[50], AGENT_END);
	agent_ring_fill(b, a, used, map, (struct in_addr){ip(THIRD)}, 12);
	assert_int_equal(b->next[50], AGENT_ABSENT);
	lb_map_free(map);
	free(used);
	free(a);
}

static void test_agent_drops(void **state)
{
	struct programs_under_test *t = *state;
	struct packet inner = established(t, 30), odd, out, twice;
	agent_uses(t, 7, then_other, 2);
	/* Not for us, or not from a mux: the stack's own business. */
	odd = tunnelled(&inner, VIP, OTHER, 7);
	assert_int_equal(agent(t, &odd, &out), TC_ACT_UNSPEC);
	same(&out, &odd);
	odd = tunnelled(&inner, CLIENT, SERVER, 7);
	assert_int_equal(agent(t, &odd, &out), TC_ACT_UNSPEC);
	same(&out, &odd);
	assert_int_equal(agent(t, &inner, &out), TC_ACT_UNSPEC);
	same(&out, &inner);
	odd = tunnelled(&inner, VIP, SERVER, 7);
	twice = tunnelled(&odd, VIP, SERVER, 7);
	expect_dropped(t, &twice, LB_OTHER); /* in the tunnel a packet to us, not to the VIP */
	odd = tunnelled(&inner, VIP, VIP, 7);
	twice = tunnelled(&odd, VIP, SERVER, 7);
	expect_dropped(t, &twice, LB_PROTOCOL);
	odd = tunnelled(&inner, VIP, SERVER, 7);
	odd = changed(odd, 14, 0x46);
	expect_dropped(t, &odd, LB_OPTIONS);
	odd = changed(tunnelled(&inner, VIP, SERVER, 7), 20, 0x20);
	expect_dropped(t, &odd, LB_FRAGMENT);
	odd = changed(tunnelled(&inner, VIP, SERVER, 7), 16, 8); /* longer than the frame */
	expect_dropped(t, &odd, LB_MALFORMED);
	odd = changed(
		changed(tunnelled(&inner, VIP, SERVER, 7), 16, 0), 17, 50); /* shorter than what is inside */
	expect_dropped(t, &odd, LB_MALFORMED);
	odd = changed(inner, 20, 0x20);
	odd = tunnelled(&odd, VIP, SERVER, 7);
	expect_dropped(t, &odd, LB_FRAGMENT);
	inner = frame(IPPROTO_TCP, CLIENT, VIP, 999, PORT, 0);
	odd = changed(tunnelled(&inner, VIP, SERVER, 7), 22, 1);
	expect_dropped(t, &odd, AGENT_LOOPED);
}

static void test_agent_cut(void **state)
{
	struct programs_under_test *t = *state;
	struct packet inner[] = {established(t, 7), frame(IPPROTO_UDP, CLIENT, VIP, 1, PORT, 7),
		icmp_error(VIP, VIP, t->client_port, PORT)};
	agent_uses(t, 7, then_other, 2);
	for (size_t i = 0; i < 3; i++) {
		struct packet whole = tunnelled(&inner[i], VIP, SERVER, 7);
		for (size_t size = 14; size < whole.size; size++) {
			struct packet in = whole, out;
			in.size = size;
			int action = agent(t, &in, &out);
			if (action > -1000)
				assert_int_equal(action, size < 34 ? TC_ACT_UNSPEC : TC_ACT_SHOT);
			if (size < 34)
				continue;
			/* The outer header claims no more than there is; the inner one still does. */
			header(&in, 14)->tot_len = htons((uint16_t)(size - 14));
			in = changed(in, 15, 0);
			action = agent(t, &in, &out);
			assert_true(action == TC_ACT_SHOT || action <= -1000);
		}
	}
}

/* ---- the packets of the fuzzers' corpus: kernel and user space agree on each */

static size_t read_corpus(const char *name, struct packet *packet)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "tests/fuzz/balancer/corpus/lb_packet/%s", name);
	int fd = open(path, O_RDONLY);
	static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	uint8_t choice;
	memcpy(packet->bytes, ethernet, sizeof ethernet);
	ssize_t n = read(fd, &choice, 1) == 1 ? read(fd, packet->bytes + 14, sizeof packet->bytes - 14) : -1;
	close(fd);
	assert_true(n > 0);
	return packet->size = 14 + (size_t)n;
}

static void test_corpus(void **state)
{
	struct programs_under_test *t = *state;
	DIR *folder = opendir("tests/fuzz/balancer/corpus/lb_packet");
	unsigned good = 0, bad = 0;
	assert_non_null(folder); /* tests run in the source tree */
	mux_uses(t, 1, SERVER);
	agent_uses(t, 1, then_other, 2);
	for (struct dirent *entry; (entry = readdir(folder));) {
		struct packet packet = {0}, out;
		struct lb_flow flow;
		if (entry->d_name[0] == '.')
			continue;
		size_t size = read_corpus(entry->d_name, &packet);
		enum lb_verdict verdict = lb_read(
			header(&packet, 14), packet.bytes + size, (uint32_t)(size - 14), ip(VIP), &flow);
		int action = mux(t, &packet, &out);
		if (action > -1000)
			assert_int_equal(action, verdict == LB_GOOD    ? XDP_TX
						 : verdict == LB_OTHER ? XDP_PASS
								       : XDP_DROP);
		struct packet in = tunnelled(&packet, VIP, SERVER, 1);
		action = agent(t, &in, &out);
		if (verdict == LB_GOOD)
			assert_true(action == TC_ACT_UNSPEC || action == TC_ACT_REDIRECT);
		else
			assert_int_equal(action, TC_ACT_SHOT);
		good += verdict == LB_GOOD;
		bad += verdict != LB_GOOD;
	}
	closedir(folder);
	assert_true(good >= 5 && bad >= 15);
}

/* ---- the agent's other direction */

static void test_agent_returns(void **state)
{
	struct programs_under_test *t = *state;
	struct packet out, in, wanted;
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	agent_uses(t, 7, alone, 1);
	for (size_t i = 0; i < 2; i++) {
		in = frame(protocols[i], SERVER, CLIENT, PORT, 999, 99);
		wanted = frame(protocols[i], VIP, CLIENT, PORT, 999, 99);
		assert_int_equal(run(t->agent->progs.lqn_agent_out, &in, &out), TC_ACT_UNSPEC);
		same(&out, &wanted);
	}
	/* Another port, another's address. */
	in = frame(IPPROTO_TCP, SERVER, CLIENT, 81, 999, 99);
	assert_int_equal(run(t->agent->progs.lqn_agent_out, &in, &out), TC_ACT_UNSPEC);
	same(&out, &in);
	in = frame(IPPROTO_TCP, OTHER, CLIENT, PORT, 999, 99);
	assert_int_equal(run(t->agent->progs.lqn_agent_out, &in, &out), TC_ACT_UNSPEC);
	same(&out, &in);
}

static struct packet syn_ack(const char *from, uint16_t mss)
{
	struct packet packet = frame(IPPROTO_TCP, from, CLIENT, PORT, 999, 4);
	struct tcphdr *tcp = (struct tcphdr *)(packet.bytes + 34);
	const uint8_t option[] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};
	memcpy(tcp + 1, option, sizeof option);
	tcp->doff = 6;
	tcp->syn = 1;
	finish(&packet, 14);
	return packet;
}

static void test_agent_clamps(void **state)
{
	struct programs_under_test *t = *state;
	struct packet out, in = syn_ack(SERVER, 1460), wanted = syn_ack(VIP, 1440);
	agent_uses(t, 7, alone, 1);
	assert_int_equal(run(t->agent->progs.lqn_agent_out, &in, &out), TC_ACT_UNSPEC);
	same(&out, &wanted);
	in = syn_ack(SERVER, 1400);
	wanted = syn_ack(VIP, 1400);
	assert_int_equal(run(t->agent->progs.lqn_agent_out, &in, &out), TC_ACT_UNSPEC);
	same(&out, &wanted);
}

/* ---- connections that are being made */

/* To this host itself, not through the agent's programs. */
static void send_raw(const struct packet *packet)
{
	const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = ip(SERVER)};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	assert_true(sendto(fd, packet->bytes + 14, packet->size - 14, 0, (const struct sockaddr *)&to,
			    sizeof to) > 0);
	close(fd);
}

/* Sends a SYN from an address beyond `near`, as a client would; the answer comes out of `far`. Returns the
 * number that the server took. */
static uint32_t half_open(const struct programs_under_test *t, uint16_t port)
{
	struct packet packet = frame(IPPROTO_TCP, CLIENT, SERVER, port, PORT, 0), answer;
	struct tcphdr *tcp = (struct tcphdr *)(packet.bytes + 34);
	tcp->syn = 1;
	tcp->ack = 0;
	finish(&packet, 14);
	send_raw(&packet);
	for (;;) {
		struct pollfd wait = {.fd = t->far, .events = POLLIN};
		assert_int_equal(poll(&wait, 1, 5000), 1);
		ssize_t n = recv(t->far, answer.bytes, sizeof answer.bytes, 0);
		tcp = (struct tcphdr *)(answer.bytes + 34);
		if (n >= 54 && header(&answer, 14)->protocol == IPPROTO_TCP && tcp->dest == htons(port) &&
			tcp->syn)
			return ntohl(tcp->seq);
	}
}

static struct packet answer_to(uint16_t port, uint32_t number)
{
	struct packet packet = frame(IPPROTO_TCP, CLIENT, VIP, port, PORT, 0);
	struct tcphdr *tcp = (struct tcphdr *)(packet.bytes + 34);
	tcp->seq = htonl(1001);
	tcp->ack_seq = htonl(number);
	finish(&packet, 14);
	return packet;
}

/* Sends what the client would answer, to the server itself; with FIN, it ends the connection too. */
static void send_in(struct packet packet, bool fin)
{
	header(&packet, 14)->daddr = ip(SERVER);
	((struct tcphdr *)(packet.bytes + 34))->fin = fin;
	finish(&packet, 14);
	send_raw(&packet);
}

static void test_agent_half_open(void **state)
{
	struct programs_under_test *t = *state;
	agent_uses(t, 7, then_other, 2);
	uint32_t number = half_open(t, 3001);
	struct packet ours = answer_to(3001, number + 1), others = answer_to(3001, number + 12345);
	expect_passed_on(
		t, &others, 7, OTHER, 7); /* the other server's connection, whose SYN came here again */
	expect_delivered(t, &ours, 7);
}

/* A connection that ended here, and one from the same port that is elsewhere. */
static void test_agent_time_wait(void **state)
{
	struct programs_under_test *t = *state;
	struct packet packet;
	agent_uses(t, 7, then_other, 2);
	uint32_t number = half_open(t, 3003);
	send_in(answer_to(3003, number + 1), false);
	struct sockaddr_in peer;
	int accepted = -1;
	do { /* the set-up's connection waits there as well, and is kept */
		socklen_t size = sizeof peer;
		accepted = accept(t->listener, (struct sockaddr *)&peer, &size);
		assert_true(accepted >= 0);
	} while (ntohs(peer.sin_port) != 3003);
	packet = answer_to(3003, number + 1);
	expect_delivered(t, &packet, 7);
	close(accepted); /* the server ends it: FIN, number + 1 */
	send_in(answer_to(3003, number + 2), true);
	packet = answer_to(3003, number + 2);
	expect_delivered(t, &packet, 7);
	packet = answer_to(3003, number + 4321);
	expect_passed_on(t, &packet, 7, OTHER, 7);
}

static void set_cookies(char value)
{
	int fd = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY);
	assert_int_equal(write(fd, &value, 1), 1);
	close(fd);
}

static void test_agent_cookie(void **state)
{
	struct programs_under_test *t = *state;
	agent_uses(t, 7, then_other, 2);
	set_cookies('2'); /* always */
	uint32_t cookie = half_open(t, 3002);
	set_cookies('1');
	struct packet ours = answer_to(3002, cookie + 1), others = answer_to(3002, cookie + 0x1234567);
	expect_passed_on(t, &others, 7, OTHER, 7);
	uint64_t before = count_of(t->agent->maps.counts, AGENT_COOKIE);
	expect_delivered(t, &ours, 7);
	assert_int_equal(count_of(t->agent->maps.counts, AGENT_COOKIE), before + 1);
}

/* ---- a network of our own */

static int shell(const char *command)
{
	return system(command);
}

static void make_connection(struct programs_under_test *t)
{
	struct sockaddr_in server = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = ip(SERVER)};
	struct sockaddr_in client = {.sin_family = AF_INET, .sin_addr.s_addr = ip(CLIENT)};
	const int one = 1;
	socklen_t size = sizeof client;
	t->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(t->listener, (struct sockaddr *)&server, sizeof server), 0);
	assert_int_equal(listen(t->listener, 100), 0);
	t->near = socket(AF_INET, SOCK_STREAM, 0);
	/* The client's address is not this host's, but of the same host here. */
	assert_int_equal(setsockopt(t->near, SOL_IP, IP_FREEBIND, &one, sizeof one), 0);
	assert_int_equal(bind(t->near, (struct sockaddr *)&client, sizeof client), 0);
	assert_int_equal(connect(t->near, (struct sockaddr *)&server, sizeof server), 0);
	assert_int_equal(getsockname(t->near, (struct sockaddr *)&client, &size), 0);
	t->client_port = ntohs(client.sin_port);
}

static void load(struct programs_under_test *t)
{
	t->mux = mux_bpf__open();
	t->mux->rodata->forward_mode = FORWARD_HAIRPIN;
	assert_int_equal(mux_bpf__load(t->mux), 0);
	t->agent = agent_bpf__open_and_load();
	assert_non_null(t->agent);
	struct agent_state *state = &t->agent->bss->state;
	state->mss = 1440;
	state->translate = 1;
	state->idle_ns = 900ULL * 1000000000;
	state->ports[PORT / 64] |= 1ULL << PORT % 64;
}

static int setup(void **state)
{
	static struct programs_under_test t;
	*state = &t;
	libbpf_set_print(NULL);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(shell("ip link set lo up && ip addr add " SERVER "/32 dev lo && ip addr add " CLIENT
			       "/32 dev lo"),
		0);
	make_connection(&t);
	/* From now on the client is beyond a link. */
	assert_int_equal(
		shell("ip addr del " CLIENT
		      "/32 dev lo && ip link add near type veth peer name far && ip link set near up && ip link set far up arp off && ip route add " CLIENT
		      " dev near && ip neigh add " CLIENT " lladdr 02:00:00:00:00:09 dev near"),
		0);
	const struct sockaddr_ll where = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("far")};
	t.far = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	assert_int_equal(bind(t.far, (const struct sockaddr *)&where, sizeof where), 0);
	load(&t);
	return 0;
}

static int teardown(void **state)
{
	struct programs_under_test *t = *state;
	mux_bpf__destroy(t->mux);
	agent_bpf__destroy(t->agent);
	close(t->listener);
	close(t->near);
	close(t->far);
	return 0;
}

static void test_needs_root(void **state)
{
	(void)state;
	print_message("skipped: needs root for BPF and a network namespace\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mux_forwards),
		cmocka_unit_test(test_mux_errors_follow),
		cmocka_unit_test(test_mux_drops),
		cmocka_unit_test(test_mux_cut),
		cmocka_unit_test(test_mux_ports),
		cmocka_unit_test(test_mux_counts_what_leaves),
		cmocka_unit_test(test_agent_delivers),
		cmocka_unit_test(test_agent_passes_on),
		cmocka_unit_test(test_agent_generations),
		cmocka_unit_test(test_agent_expiry),
		cmocka_unit_test(test_ring_keeps_age),
		cmocka_unit_test(test_agent_drops),
		cmocka_unit_test(test_agent_cut),
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_agent_returns),
		cmocka_unit_test(test_agent_clamps),
		cmocka_unit_test(test_agent_half_open),
		cmocka_unit_test(test_agent_time_wait),
		cmocka_unit_test(test_agent_cookie),
	};
	const struct CMUnitTest none[] = {cmocka_unit_test(test_needs_root)};
	if (geteuid() != 0)
		return cmocka_run_group_tests(none, NULL, NULL);
	return cmocka_run_group_tests(tests, setup, teardown);
}
