/* What the tests of the balancer's BPF programs share: packets, a test run of a program, maps in which a server has every
 * token, and a network of the test's own with one connection. */
#ifndef LIQUIDNET_LB_PROGRAMS_H
#define LIQUIDNET_LB_PROGRAMS_H

#include "nodes/balancer/agent/programs.h"
#include "nodes/balancer/mux/ring.h"
#include "nodes/balancer/mux/xdp_modes.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* The skeletons know the types above. */
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

static inline uint32_t ip(const char *text)
{
	struct in_addr address;
	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address.s_addr;
}

/* The one's complement sum, straight from RFC 1071: not the code under test. */
static inline uint16_t checksum(const uint8_t *bytes, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static inline struct iphdr *header(struct packet *packet, size_t at)
{
	return (struct iphdr *)(packet->bytes + at);
}

/* Fills in both checksums of the packet whose IP header is at `at`. */
static inline void finish(struct packet *packet, size_t at)
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
static inline struct packet frame(
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
static inline struct packet icmp_error(
	const char *to, const char *about_source, uint16_t source, uint16_t port)
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

static inline struct packet tunnelled(
	const struct packet *inner, const char *from, const char *to, uint16_t stamp)
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

static inline void same(const struct packet *got, const struct packet *wanted)
{
	assert_int_equal(got->size, wanted->size);
	assert_memory_equal(got->bytes, wanted->bytes, wanted->size);
}

/* ---- running */

static inline int run(const struct bpf_program *program, const struct packet *in, struct packet *out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_size_in = (uint32_t)in->size,
		.data_out = out->bytes, .data_size_out = sizeof out->bytes);
	int result = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
	if (result < 0) /* the kernel refuses to make such a packet at all: nothing was forwarded */
		return -1000 + result;
	out->size = options.data_size_out;
	return (int)options.retval;
}

static inline uint64_t count_of(const struct bpf_map *map, uint32_t key)
{
	int n = libbpf_num_possible_cpus();
	uint64_t values[n], sum = 0;
	assert_int_equal(bpf_map__lookup_elem(map, &key, sizeof key, values, sizeof values, 0), 0);
	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static inline int mux(struct programs_under_test *t, const struct packet *in, struct packet *out)
{
	return run(t->mux->progs.liquidnet_mux, in, out);
}

static inline int agent(struct programs_under_test *t, const struct packet *in, struct packet *out)
{
	return run(t->agent->progs.lqn_agent_in, in, out);
}

static inline struct packet changed(struct packet packet, size_t at, uint8_t value)
{
	packet.bytes[at] = value;
	header(&packet, 14)->check = 0;
	header(&packet, 14)->check = checksum(packet.bytes + 14, header(&packet, 14)->ihl * 4u, 0);
	return packet;
}

/* ---- what each of them knows */

static inline void mux_uses(struct programs_under_test *t, uint32_t generation, const char *server)
{
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 100, NULL);
	if (server)
		assert_int_equal(lb_map_add(map, "s", (struct in_addr){ip(server)}, NULL), 0);
	map->generation = generation;
	mux_ring_fill(&t->mux->bss->rings[0], map);
	t->mux->bss->active = 0;
	lb_map_free(map);
}

/* A map in which this server owns every token, or another does and this one is in its history. */
static inline void agent_uses(
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
	agent_ring_fill(&state->rings[0], &state->rings[1], state->used, state->trails, map,
		(struct in_addr){ip(SERVER)}, UINT64_MAX / 4);
	state->active = 0;
	lb_map_free(map);
}

static const char *const alone[] = {SERVER}, *const then_other[] = {SERVER, OTHER},
			 *const after_third[] = {THIRD, SERVER, OTHER}, *const last[] = {THIRD, SERVER},
			 *const not_us[] = {THIRD, OTHER};

static inline void expect_delivered_from(
	struct programs_under_test *t, const struct packet *inner, const char *from, uint16_t stamp)
{
	struct packet in = tunnelled(inner, from, SERVER, stamp), out, wanted = *inner;
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

static inline void expect_delivered(struct programs_under_test *t, const struct packet *inner, uint16_t stamp)
{
	expect_delivered_from(t, inner, VIP, stamp);
}

/* To the head of the chain, from this server's own address. */
static inline void expect_returned(
	struct programs_under_test *t, const struct packet *inner, uint16_t stamp, const char *to)
{
	struct packet in = tunnelled(inner, VIP, SERVER, stamp), out,
		      wanted = changed(tunnelled(inner, SERVER, to, stamp), 22, 63);
	assert_int_equal(agent(t, &in, &out), TC_ACT_REDIRECT);
	same(&out, &wanted);
}

static inline void expect_passed_on(struct programs_under_test *t, const struct packet *inner, uint16_t stamp,
	const char *to, uint16_t new_stamp)
{
	struct packet in = tunnelled(inner, VIP, SERVER, stamp), out,
		      wanted = tunnelled(inner, VIP, to, new_stamp);
	wanted = changed(wanted, 22, 63);
	assert_int_equal(agent(t, &in, &out), TC_ACT_REDIRECT);
	same(&out, &wanted);
}

/* ---- a network of our own */

static inline int shell(const char *command)
{
	return system(command);
}

static inline void make_connection(struct programs_under_test *t)
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

static inline void load(struct programs_under_test *t)
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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct programs_under_test *t = *state;
	mux_bpf__destroy(t->mux);
	agent_bpf__destroy(t->agent);
	close(t->listener);
	close(t->near);
	close(t->far);
	return 0;
}

static inline void test_needs_root(void **state)
{
	(void)state;
	print_message("skipped: needs root for BPF and a network namespace\n");
	skip();
}

/* Runs them one after the other on the same programs and in the same network; without root none. */
#define RUN_ON_PROGRAMS(tests)                                                                               \
	(geteuid() == 0 ? cmocka_run_group_tests(tests, setup, teardown)                                     \
			: cmocka_run_group_tests(                                                            \
				  ((const struct CMUnitTest[]){cmocka_unit_test(test_needs_root)}), NULL,    \
				  NULL))

#endif
