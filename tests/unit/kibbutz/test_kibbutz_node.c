/* The device daemon without a network: the wire form, which messages are fresh, whose end a closed subflow
 * is.
 */
#include "nodes/kibbutz/device/peer.h"
#include "nodes/kibbutz/device/settings.h"
#include "nodes/kibbutz/device/steer.c"
#include "nodes/kibbutz/wire.h"
#include "tests/unit/check.h"

static const struct in_addr alice = {0x0100090a}, bob = {0x0200090a};
static const uint8_t key[WIRE_KEY_SIZE] = {1, 2, 3};

static struct wire_message advertisement(void)
{
	return (struct wire_message){.type = WIRE_ADVERTISE,
		.from = alice,
		.to = bob,
		.life = 0x0102030405060708,
		.challenge = 0x1122334455667788,
		.echo = 0x99aabbccddeeff00,
		.sequence = 3,
		.duration_ms = 10000};
}

static void test_wire_round_trip(void **state)
{
	(void)state;
	static const uint8_t head[] = {'K', 'B', 'Z', '1', 2, 0, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2, 1, 2, 3, 4,
		5, 6, 7, 8, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
		0xee, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0x27, 0x10};
	struct wire_message m = advertisement(), read;
	uint8_t bytes[WIRE_SIZE];
	wire_encode(&m, key, bytes);
	assert_memory_equal(bytes, head, sizeof head);
	assert_int_equal(wire_decode(bytes, sizeof bytes, key, alice, bob, &read), WIRE_GOOD);
	assert_int_equal(read.type, m.type);
	assert_true(read.life == m.life && read.challenge == m.challenge && read.echo == m.echo &&
		    read.sequence == m.sequence);
	assert_int_equal(read.duration_ms, 10000);
}

/* No bit may be changed, whatever it says. */
static void test_wire_every_bit_counts(void **state)
{
	(void)state;
	struct wire_message m = advertisement(), read;
	uint8_t bytes[WIRE_SIZE];
	wire_encode(&m, key, bytes);
	for (size_t bit = 0; bit < 8 * WIRE_SIZE; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(wire_decode(bytes, sizeof bytes, key, alice, bob, &read), WIRE_GOOD);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_wire_faults(void **state)
{
	(void)state;
	struct wire_message m = advertisement(), read;
	uint8_t bytes[WIRE_SIZE + 1] = {0}, other[WIRE_KEY_SIZE] = {9};
	wire_encode(&m, key, bytes);
	for (size_t size = 0; size < WIRE_SIZE; size++)
		assert_int_equal(wire_decode(bytes, size, key, alice, bob, &read), WIRE_SHORT);
	assert_int_equal(wire_decode(bytes, WIRE_SIZE + 1, key, alice, bob, &read), WIRE_LONG);
	assert_int_equal(wire_decode(bytes, WIRE_SIZE, other, alice, bob, &read), WIRE_FORGED);
	assert_int_equal(wire_decode(bytes, WIRE_SIZE, key, bob, alice, &read), WIRE_MISDIRECTED);
	m.duration_ms = WIRE_LONGEST_MS + 1;
	wire_encode(&m, key, bytes);
	assert_int_equal(wire_decode(bytes, WIRE_SIZE, key, alice, bob, &read), WIRE_DURATION);
	m.type = WIRE_HELLO;
	m.duration_ms = 1;
	wire_encode(&m, key, bytes);
	assert_int_equal(wire_decode(bytes, WIRE_SIZE, key, alice, bob, &read), WIRE_DURATION);
	for (int fault = 0; fault < WIRE_FAULTS; fault++)
		assert_non_null(wire_fault_name((enum wire_fault)fault));
}

/* Writes a message from one peer to the other. */
static struct wire_message letter(struct peer *from, uint64_t echo)
{
	struct wire_message m = {.type = WIRE_ADVERTISE, .duration_ms = 1000};
	peer_write(from, &m, echo);
	return m;
}

static uint64_t drawn = 1000;

static enum peer_verdict deliver(
	struct peer *reader, int64_t now, struct wire_message m, bool *answer, bool *met)
{
	return peer_read(reader, now, &m, ++drawn, answer, met);
}

/* Everything that `first` sets off between two peers, until silence; returns how many messages that took. */
static int converse(struct peer *author, struct peer *reader, int64_t now, struct wire_message first)
{
	bool answer = true, met;
	int count = 0;
	for (struct wire_message m = first; answer; count++) {
		deliver(reader, now, m, &answer, &met);
		if (answer)
			m = letter(reader, m.challenge);
		struct peer *turn = author;
		author = reader;
		reader = turn;
		assert_true(count < 10);
	}
	return count;
}

static bool believes(struct peer *reader, struct peer *author)
{
	bool answer, met;
	return deliver(reader, 0, letter(author, 0), &answer, &met) == PEER_BELIEVED;
}

static void test_two_meet(void **state)
{
	(void)state;
	struct peer a, b;
	bool answer, met;
	peer_init(&a, 1, 11);
	peer_init(&b, 2, 22);
	converse(&a, &b, 0, letter(&a, 0));
	assert_true(a.their_life == 2 && b.their_life == 1);
	struct wire_message m = letter(&a, 0);
	assert_int_equal(deliver(&b, 1, m, &answer, &met), PEER_BELIEVED);
	assert_false(answer || met);
	assert_int_equal(deliver(&b, 1, m, &answer, &met), PEER_REPLAYED);
	assert_false(answer);
	assert_true(believes(&a, &b));
}

static void test_late_and_lost_messages(void **state)
{
	(void)state;
	struct peer a, b;
	bool answer, met;
	peer_init(&a, 1, 11);
	peer_init(&b, 2, 22);
	converse(&a, &b, 0, letter(&a, 0));
	struct wire_message first = letter(&a, 0), second = letter(&a, 0), third = letter(&a, 0);
	assert_int_equal(deliver(&b, 1, first, &answer, &met), PEER_BELIEVED);
	assert_int_equal(deliver(&b, 1, third, &answer, &met), PEER_BELIEVED);
	assert_int_equal(deliver(&b, 1, second, &answer, &met), PEER_REPLAYED); /* overtaken: too old */
}

/* Either side begins anew, again and again: they meet again, and nothing of an earlier life is believed,
 * delivered or not. */
static void test_lives(void **state)
{
	(void)state;
	struct peer a, b;
	struct wire_message seen[40], kept[40];
	bool answer, met;
	peer_init(&a, 1, 11);
	peer_init(&b, 2, 22);
	converse(&a, &b, 0, letter(&a, 0));
	for (int i = 0; i < 40; i++) {
		int64_t now = i * 1000000000LL;
		seen[i] = letter(&a, 0);
		kept[i] = letter(&a, 0);
		assert_int_equal(deliver(&b, now, seen[i], &answer, &met), PEER_BELIEVED);
		if (i % 3 != 1) {
			peer_init(&a, 100 + (uint64_t)i, ++drawn);
			converse(&a, &b, now, letter(&a, 0));
		}
		if (i % 3 != 0) {
			peer_init(&b, 200 + (uint64_t)i, ++drawn);
			converse(&b, &a, now, letter(&b, 0));
		}
		/* Whoever writes next is believed at once, or after the answers that it sets off. */
		converse(&a, &b, now + 200000000, letter(&a, 0));
		converse(&b, &a, now + 400000000, letter(&b, 0));
		assert_true(believes(&b, &a));
		assert_true(believes(&a, &b));
		for (int k = 0; k <= i; k++) {
			assert_int_not_equal(deliver(&b, now, seen[k], &answer, &met), PEER_BELIEVED);
			assert_int_not_equal(deliver(&b, now, kept[k], &answer, &met), PEER_BELIEVED);
		}
		/* After so many replays the two still find each other. */
		converse(&a, &b, now + 600000000, letter(&a, 0));
		assert_true(believes(&b, &a));
	}
}

static void test_answers_are_few(void **state)
{
	(void)state;
	struct peer b;
	bool answer, met;
	int answers = 0;
	struct wire_message m = {.life = 1, .challenge = 1, .echo = 5, .sequence = 1};
	peer_init(&b, 2, 22);
	for (int i = 0; i < 1000; i++) {
		deliver(&b, i * 1000000LL, m, &answer, &met);
		answers += answer;
	}
	assert_int_equal(answers, 10); /* in a second */
	assert_int_equal(b.stale, 1000);
	assert_int_equal(b.their_life, 0);
}

/* A path is taken away and made again at once: the kernel tells of the old subflow's end when the new one is
 * joining, or later. */
static void test_a_late_end_is_not_the_successors(void **state)
{
	(void)state;
	struct settings settings = {.count = 1, .neighbours = {{.name = "bob", .source = bob}}};
	struct steer *steer = calloc(1, sizeof *steer);
	steer->settings = &settings;
	steer->subflows = keeper_of(steer, 2);
	struct place server = {address_of_v4(alice), 80}, initial = {address_of_v4(alice), 999};
	struct subflows_connection *c = subflows_open(steer->subflows, 0, 7, initial, server);
	struct place old = {address_of_v4(bob), 1000}, new = {address_of_v4(bob), 2000};
	for (int late = 0; late < 2; late++) {
		c->paths[1] = (struct subflow){.state = SUBFLOW_JOINING, .left = 1000};
		if (late)
			path_up(steer, c, new, server, 2, false);
		path_down(steer, c, old, server, 0);
		assert_int_equal(c->paths[1].state, late ? SUBFLOW_UP : SUBFLOW_JOINING);
		assert_int_equal(c->paths[1].failures, 0);
		path_down(steer, c, new, server, 111);
		assert_int_equal(c->paths[1].state, SUBFLOW_WAITING);
		assert_int_equal(c->paths[1].failures, 1);
	}
	steer_stop(steer);
}

/* The longest tail that may be written is the longest that is sent, and is believed whole. */
static void test_the_longest_tail(void **state)
{
	(void)state;
	char keys[] = "/tmp/test_kibbutz_node.XXXXXX", text[512], *error = NULL;
	int fd = mkstemp(keys);
	assert_true(fd >= 0 && dprintf(fd, "%064d\n", 1) == 65);
	close(fd);
	snprintf(text, sizeof text,
		"cellular: {interface: cell, gateway: 10.1.1.254, tail: 60min}\n"
		"local: {interface: wifi, address: 10.9.0.1}\n"
		"neighbours: [{name: bob, address: 10.9.0.2, source: 10.9.2.1, guest: 10.9.1.2, key_file: %s}]\n",
		keys);
	struct settings *settings = device_settings_parse("a.yaml", text, &error);
	unlink(keys);
	if (!settings)
		fail_msg("%s", error);
	assert_true(settings->policy.period_ns == WIRE_LONGEST_MS * NS_PER_MS);
	struct kibbutz *policy = kibbutz_new(&settings->policy, 1);
	kibbutz_heard(policy, 0, 0, settings->policy.period_ns);
	assert_true(kibbutz_neighbour(policy, 0)->theirs_until == settings->policy.period_ns);
	kibbutz_free(policy);
	device_settings_free(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_round_trip),
		cmocka_unit_test(test_wire_every_bit_counts),
		cmocka_unit_test(test_wire_faults),
		cmocka_unit_test(test_two_meet),
		cmocka_unit_test(test_late_and_lost_messages),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_answers_are_few),
		cmocka_unit_test(test_a_late_end_is_not_the_successors),
		cmocka_unit_test(test_the_longest_tail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
