/* The agent's program and connections that are being made, or have just ended: half-open ones, cookies, TIME-WAIT. */
#include "tests/unit/balancer/lb_programs.h"
#include <fcntl.h>
#include <poll.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent_half_open),
		cmocka_unit_test(test_agent_time_wait),
		cmocka_unit_test(test_agent_cookie),
	};
	return RUN_ON_PROGRAMS(tests);
}
