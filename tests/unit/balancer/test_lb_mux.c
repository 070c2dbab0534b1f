/* The mux's program through the kernel's test run: packet in, packet out; whole, odd, and cut short at every byte. */
#include "tests/unit/balancer/lb_programs.h"
#include <errno.h>
#include <sched.h>

static struct packet from_mux(const struct packet *in, const char *server, uint16_t generation)
{
	struct packet wanted = tunnelled(in, VIP, server, generation);
	memcpy(wanted.bytes, in->bytes + 6, 6);
	memcpy(wanted.bytes + 6, in->bytes, 6);
	return wanted;
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
	expect_mux(t, changed(odd, 34, 8), LB_ICMP, XDP_DROP); /* an echo request */
	expect_mux(t, frame(IPPROTO_TCP, VIP, VIP, 1, PORT, 0), LB_SOURCE,
		XDP_DROP); /* its answer would come back */
	expect_mux(t, frame(IPPROTO_UDP, "224.0.0.9", VIP, 1, PORT, 0), LB_SOURCE, XDP_DROP);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mux_forwards),
		cmocka_unit_test(test_mux_errors_follow),
		cmocka_unit_test(test_mux_drops),
		cmocka_unit_test(test_mux_cut),
		cmocka_unit_test(test_mux_ports),
		cmocka_unit_test(test_mux_counts_what_leaves),
	};
	return RUN_ON_PROGRAMS(tests);
}
