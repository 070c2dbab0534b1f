/* The agent's programs through the kernel's test run: what is here is delivered, what is elsewhere passed on, what is wrong
 * dropped; and the packets of the fuzzers' corpus, on which kernel and user space agree. */
#include "tests/unit/balancer/lb_programs.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

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
	/* At its end nobody has it: back to the head, whose stack answers with a reset. */
	agent_uses(t, 7, last, 2);
	expect_returned(t, &elsewhere, 7, THIRD);
	/* One that was sent by an older map begins the chain instead; its head at the end of it answers itself. */
	expect_passed_on(t, &elsewhere, 6, THIRD, 7);
	agent_uses(t, 7, alone, 1);
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
	/* Kept there for longer than a return takes: it lives on. */
	assert_int_equal(s->used[token], 0);
	uint64_t kept = s->trails[token].last -= 2 * AGENT_RETURN_NS;
	expect_passed_on(t, &elsewhere, 7, OTHER, 7);
	assert_int_equal(s->used[token], kept);
	s->idle_ns = 900ULL * 1000000000;
}

/* What the former owner returns is no sign of life, and is answered here; what comes back that was not passed on is none of ours. */
static void test_agent_comes_back(void **state)
{
	struct programs_under_test *t = *state;
	struct packet stray = frame(IPPROTO_TCP, CLIENT, VIP, 999, PORT, 10);
	struct agent_state *s = &t->agent->bss->state;
	uint32_t token = lb_token(lb_hash(ip(CLIENT), ip(VIP), lb_ports(htons(999), htons(PORT))), 100);
	struct agent_trail *trail = &s->trails[token];
	struct packet back = tunnelled(&stray, OTHER, SERVER, 7), out;
	agent_uses(t, 7, then_other, 2);
	s->used[token] = 0;
	s->idle_ns = INT64_MAX;
	assert_int_equal(agent(t, &back, &out), TC_ACT_UNSPEC);
	same(&out, &back);
	for (int i = 0; i < 5; i++) {
		expect_passed_on(t, &stray, 7, OTHER, 7);
		expect_delivered_from(t, &stray, OTHER, 7);
		trail->last -= 2 * AGENT_RETURN_NS;
		assert_int_equal(s->used[token], 0);
	}
	assert_int_equal(agent(t, &back, &out), TC_ACT_UNSPEC);
	same(&out, &back);
	/* Many that are on their way at once are none either; more than can be are. */
	for (int i = 0; i < AGENT_IN_FLIGHT; i++)
		expect_passed_on(t, &stray, 7, OTHER, 7);
	assert_int_equal(s->used[token], 0);
	expect_passed_on(t, &stray, 7, OTHER, 7);
	expect_passed_on(t, &stray, 7, OTHER, 7);
	assert_true(s->used[token] > 0);
	/* In the middle of a chain nothing comes back to us: it goes to the head. */
	agent_uses(t, 7, after_third, 3);
	expect_passed_on(t, &stray, 7, OTHER, 7);
	assert_int_equal(agent(t, &back, &out), TC_ACT_UNSPEC);
	same(&out, &back);
	s->idle_ns = 900ULL * 1000000000;
}

/* What has expired in the middle of a chain goes back too. */
static void test_agent_expired_between(void **state)
{
	struct programs_under_test *t = *state;
	struct packet stray = frame(IPPROTO_TCP, CLIENT, VIP, 999, PORT, 10);
	struct agent_state *s = &t->agent->bss->state;
	agent_uses(t, 7, after_third, 3);
	for (uint32_t token = 0; token < 100; token++)
		s->used[token] = 0;
	s->idle_ns = 1;
	expect_returned(t, &stray, 7, THIRD);
	s->idle_ns = 900ULL * 1000000000;
}

/* A new generation does not wake what has expired, unless the next server is another. */
static void test_ring_keeps_age(void **state)
{
	(void)state;
	struct agent_ring *a = calloc(2, sizeof *a), *b = a + 1;
	__u64 *used = calloc(LB_TOKENS_MAX, sizeof *used);
	struct agent_trail *trails = calloc(LB_TOKENS_MAX, sizeof *trails);
	struct lb_map *map = lb_map_new((struct in_addr){ip(VIP)}, 100, NULL);
	lb_map_add(map, "other", (struct in_addr){ip(OTHER)}, NULL);
	lb_map_add(map, "us", (struct in_addr){ip(SERVER)}, NULL);
	lb_map_drain(map, "other", NULL);
	agent_ring_fill(a, b, used, trails, map, (struct in_addr){ip(SERVER)}, 5);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(used[i], 5);
		assert_int_equal(a->head[i], ip(SERVER));
		assert_int_equal(a->next[i], ip(OTHER));
	}
	lb_map_set_port(map, 81, "us", NULL);
	agent_ring_fill(b, a, used, trails, map, (struct in_addr){ip(SERVER)}, 9);
	assert_int_equal(used[50], 5);
	lb_map_remove(map, "other", NULL);
	agent_ring_fill(a, b, used, trails, map, (struct in_addr){ip(SERVER)}, 11);
	assert_int_equal(used[50], 11);
	assert_int_equal(a->next[50], AGENT_END);
	agent_ring_fill(b, a, used, trails, map, (struct in_addr){ip(THIRD)}, 12);
	assert_int_equal(b->next[50], AGENT_ABSENT);
	lb_map_free(map);
	free(used);
	free(trails);
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
	static const char *const no_clients[] = {
		VIP, "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "250.1.1.1", "255.255.255.255"};
	for (size_t i = 0; i < sizeof no_clients / sizeof *no_clients; i++) {
		odd = frame(IPPROTO_TCP, no_clients[i], VIP, 999, PORT, 0);
		odd = tunnelled(&odd, VIP, SERVER, 7);
		expect_dropped(t, &odd, LB_SOURCE);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent_delivers),
		cmocka_unit_test(test_agent_passes_on),
		cmocka_unit_test(test_agent_generations),
		cmocka_unit_test(test_agent_expiry),
		cmocka_unit_test(test_agent_comes_back),
		cmocka_unit_test(test_agent_expired_between),
		cmocka_unit_test(test_ring_keeps_age),
		cmocka_unit_test(test_agent_drops),
		cmocka_unit_test(test_agent_cut),
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_agent_returns),
		cmocka_unit_test(test_agent_clamps),
	};
	return RUN_ON_PROGRAMS(tests);
}
