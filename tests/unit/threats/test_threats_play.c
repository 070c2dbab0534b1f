/* Attacks against two ends that do what a kernel does, packet by packet: what is sent when, and what counts as success. */
#include "lib/base/units.h"
#include "lib/mptcp/keys.h"
#include "nodes/threats/play.h"
#include "tests/unit/check.h"
#include "tests/unit/threats/threat_packets.h"

enum { SENT_MOST = 20000 };

static struct world {
	struct play *play;
	int64_t now;
	unsigned sent;
	struct packet packets[SENT_MOST];
	struct option_list options[SENT_MOST];
} world;

static void on_send(void *context, const struct packet *packet)
{
	(void)context;
	assert_true(world.sent < SENT_MOST);
	struct option_list *copy = &world.options[world.sent];
	*copy = (struct option_list){.length = packet->options_length};
	if (packet->options_length)
		memcpy(copy->bytes, packet->options, packet->options_length);
	world.packets[world.sent] = *packet;
	world.packets[world.sent++].options = copy->bytes;
}

static struct play_options options_of(enum scenario_id scenario, unsigned knows)
{
	return (struct play_options){.scenario = scenario,
		.knows = knows,
		.tries = 1,
		.after = 1,
		.count = 100,
		.rate = 1000,
		.cap = SENT_MOST,
		.settle_ns = 100 * NS_PER_MS,
		.hold_ns = 500 * NS_PER_MS,
		.own = an_end(3, 0),
		.server = an_end(2, PORT_SERVER),
		.from = an_end(4, 0),
		.seed = 1};
}

static void begin(const struct play_options *options)
{
	const struct play_handlers handlers = {on_send, NULL};
	memset(&world, 0, sizeof world);
	world.now = NS_PER_S;
	world.play = play_new(options, &handlers);
}

static void until(int64_t time)
{
	int64_t due;
	while ((due = play_deadline(world.play)) <= time) {
		world.now = due > world.now ? due : world.now;
		play_tick(world.play, world.now);
	}
	world.now = time;
}

static void connect_from(unsigned port)
{
	struct option_list options[3];
	struct packet packets[3];
	a_handshake(port, options, packets);
	for (unsigned i = 0; i < 3; i++)
		play_witnessed(world.play, world.now, &packets[i]);
}

static struct play_report report(void)
{
	struct play_report r;
	play_report(world.play, &r);
	return r;
}

static int end(void **state)
{
	(void)state;
	play_free(world.play);
	world.play = NULL;
	return 0;
}

#define NUMBERS (KNOWS_TUPLE | KNOWS_SEQUENCE | KNOWS_ACKNOWLEDGEMENT)

static void announces_each_form_once(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_ANNOUNCE, NUMBERS);
	o.forms[0] = FORM_V0;
	o.forms[1] = FORM_ECHO;
	o.forms_count = 2;
	o.tries = 2;
	begin(&o);
	for (unsigned i = 0; i < 2; i++) {
		connect_from(1025 + i);
		until(world.now + 99 * NS_PER_MS);
		assert_int_equal(world.sent, 2 * i); /* it has not settled */
		until(world.now + NS_PER_MS);
		assert_int_equal(world.sent, 2 * i + 1);
		until(world.now + NS_PER_S);
		assert_int_equal(world.sent, 2 * i + 2);
	}
	struct play_report r = report();
	assert_true(play_done(world.play));
	assert_int_equal(r.count, 2);
	assert_int_equal(r.succeeded, 0);
	assert_int_equal(r.tries[0].packets, 2);
	assert_int_equal(world.packets[0].source.port, PORT_SERVER); /* in the server's name */
}

static void a_join_is_success(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_ANNOUNCE, NUMBERS | KNOWS_KEYS);
	o.forms[0] = FORM_RIGHT;
	o.forms_count = 1;
	o.target = OF_SERVER;
	begin(&o);
	connect_from(1025);
	until(world.now + 100 * NS_PER_MS);
	assert_int_equal(world.packets[0].source.port, 1025);
	struct option_list options = {.length = 0};
	option_put_join_syn(&options, 1, false, 5, 6);
	struct packet syn = a_packet(an_end(2, 40000), an_end(3, 1025), PACKET_SYN, 1, 0, &options, 0);
	world.now += 2 * NS_PER_MS;
	play_received(world.play, world.now, &syn);
	until(world.now + NS_PER_S);
	struct play_report r = report();
	assert_int_equal(r.succeeded, 1);
	assert_true(r.tries[0].first_ns == 2 * NS_PER_MS);
}

/* The join that passes the attacker. */
static void pass(struct packet_end from, struct packet_end to, unsigned flags,
	const struct option_list *options, unsigned payload)
{
	struct packet packet = a_packet(from, to, flags, 1, 1, options, payload);
	play_received(world.play, world.now, &packet);
}

static void takes_over(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_TAKEOVER, NUMBERS | KNOWS_KEYS);
	struct packet_end client = an_end(1, 1025), server = an_end(2, PORT_SERVER), own = an_end(3, 40000),
			  joining = an_end(1, 40000);
	uint8_t hmac[20] = {0};
	begin(&o);
	connect_from(1025);
	until(world.now + 100 * NS_PER_MS);
	assert_int_equal(world.sent, 1);
	struct option_list syn = {.length = 0}, third = {.length = 0};
	option_put_join_syn(&syn, 1, false, 5, 6);
	option_put_join_ack(&third, hmac);
	pass(joining, own, PACKET_SYN, &syn, 0);
	pass(server, own, PACKET_SYN | PACKET_ACK, NULL, 0);
	assert_int_equal(world.sent, 1);
	pass(joining, own, PACKET_ACK, &third, 0);
	assert_int_equal(world.sent, 1);
	pass(server, own, PACKET_ACK, NULL, 0);
	/* Both ends have it: both are told that the first subflow is over. */
	assert_int_equal(world.sent, 3);
	assert_int_equal(world.packets[1].flags, PACKET_RST);
	assert_int_equal(world.packets[1].sequence, FIRST_CLIENT + 1);
	assert_int_equal(world.packets[2].sequence, FIRST_SERVER + 1);
	/* The server's reset missed: data still come. The next ones have the new number. */
	world.now += NS_PER_MS;
	struct packet data =
		a_packet(server, client, PACKET_ACK, FIRST_SERVER + 1, FIRST_CLIENT + 1, NULL, 50);
	play_witnessed(world.play, world.now, &data);
	until(world.now + 10 * NS_PER_MS);
	assert_int_equal(world.sent, 5);
	assert_int_equal(world.packets[4].sequence, FIRST_SERVER + 51);
	pass(joining, own, PACKET_ACK, NULL, 10);
	pass(server, own, PACKET_ACK, NULL, 20);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 5);
	struct play_report r = report();
	assert_int_equal(r.succeeded, 1);
	assert_int_equal(r.tries[0].stolen, 30);
}

/* Data on the first subflow until the end: nothing was taken over, and resets have their limit. */
static void gives_up_resets(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_TAKEOVER, NUMBERS | KNOWS_KEYS);
	struct packet_end client = an_end(1, 1025), server = an_end(2, PORT_SERVER), own = an_end(3, 40000),
			  joining = an_end(1, 40000);
	struct option_list third = {.length = 0};
	uint8_t hmac[20] = {0};
	begin(&o);
	connect_from(1025);
	until(world.now + 100 * NS_PER_MS);
	option_put_join_ack(&third, hmac);
	pass(joining, own, PACKET_ACK, &third, 0);
	pass(server, own, PACKET_ACK, NULL, 10);
	pass(joining, own, PACKET_ACK, NULL, 10);
	for (unsigned i = 0; i < 399; i++) {
		until(world.now + NS_PER_MS);
		struct packet data =
			a_packet(server, client, PACKET_ACK, FIRST_SERVER + 1 + i, FIRST_CLIENT + 1, NULL, 1);
		play_witnessed(world.play, world.now, &data);
	}
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 1 + 2 * 16);
	assert_int_equal(report().succeeded, 0);
}

static void floods_at_its_rate(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_FLOOD, KNOWS_TOKEN);
	uint32_t token;
	uint64_t initial;
	o.after = 2;
	begin(&o);
	connect_from(1025);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 0); /* it awaits the second */
	connect_from(1026);
	until(world.now + 100 * NS_PER_MS);
	until(world.now + 50 * NS_PER_MS);
	assert_true(world.sent >= 35 && world.sent <= 65);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 100);
	assert_true(play_done(world.play));
	assert_true(mptcp_hash_key(KEY_SERVER, 1, &token, &initial));
	for (unsigned i = 0; i < world.sent; i++) {
		struct option_join join;
		option_join(
			option_find(world.packets[i].options, world.packets[i].options_length, MPTCP_JOIN),
			&join);
		assert_int_equal(join.token, token);
		assert_int_equal(world.packets[i].source.port, 1024 + i);
		assert_memory_equal(world.packets[i].source.address, an_end(4, 0).address, 16);
	}
}

static void a_flood_without_a_token_guesses(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_FLOOD, 0);
	begin(&o);
	connect_from(1025);
	until(world.now + 200 * NS_PER_MS);
	struct option_join one, two;
	option_join(option_find(world.packets[0].options, world.packets[0].options_length, MPTCP_JOIN), &one);
	option_join(option_find(world.packets[1].options, world.packets[1].options_length, MPTCP_JOIN), &two);
	assert_int_not_equal(one.token, two.token);
	struct packet reset = a_packet(an_end(2, PORT_SERVER), an_end(3, 1024), PACKET_RST, 0, 0, NULL, 0);
	play_received(world.play, world.now, &reset);
	assert_int_equal(report().refusals, 1);
}

static void amplifies_its_own(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_AMPLIFY, 0);
	begin(&o);
	connect_from(1025);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 0); /* that one is somebody else's */
	struct option_list options[3];
	struct packet packets[3];
	a_handshake(1026, options, packets);
	packets[0].source = packets[1].destination = packets[2].source = an_end(3, 1026);
	for (unsigned i = 0; i < 3; i++)
		play_witnessed(world.play, world.now, &packets[i]);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 100);
}

static void guesses_in_silence(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_GUESS, KNOWS_TUPLE | KNOWS_SEQUENCE);
	struct packet_end client = an_end(1, 1025), server = an_end(2, PORT_SERVER);
	begin(&o);
	connect_from(1025);
	until(world.now + 50 * NS_PER_MS);
	struct packet data =
		a_packet(client, server, PACKET_ACK, FIRST_CLIENT + 1, FIRST_SERVER + 1, NULL, 500);
	play_witnessed(world.play, world.now, &data);
	struct packet ack =
		a_packet(server, client, PACKET_ACK, FIRST_SERVER + 1, FIRST_CLIENT + 501, NULL, 0);
	play_witnessed(world.play, world.now, &ack);
	until(world.now + 99 * NS_PER_MS);
	assert_int_equal(world.sent, 0);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 100);
	struct play_report r = report();
	/* The client's window of 1000 << 3; of its 500 bytes all are acknowledged. */
	assert_true(r.region.sequence == 8001 && r.region.acknowledgement == 501);
	assert_true(r.hit == 501 / 4294967296.0);
	for (unsigned i = 0; i < world.sent; i++)
		assert_int_equal(world.packets[i].sequence, FIRST_SERVER + 1);
	assert_int_not_equal(world.packets[0].acknowledgement, world.packets[1].acknowledgement);
}

static void stops_at_its_cap(void **state)
{
	(void)state;
	struct play_options o = options_of(SCENARIO_FLOOD, KNOWS_TOKEN);
	o.cap = 7;
	begin(&o);
	connect_from(1025);
	until(world.now + NS_PER_S);
	assert_int_equal(world.sent, 7);
	assert_true(play_done(world.play) && report().capped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(announces_each_form_once, end),
		cmocka_unit_test_teardown(a_join_is_success, end), cmocka_unit_test_teardown(takes_over, end),
		cmocka_unit_test_teardown(gives_up_resets, end),
		cmocka_unit_test_teardown(floods_at_its_rate, end),
		cmocka_unit_test_teardown(a_flood_without_a_token_guesses, end),
		cmocka_unit_test_teardown(amplifies_its_own, end),
		cmocka_unit_test_teardown(guesses_in_silence, end),
		cmocka_unit_test_teardown(stops_at_its_cap, end)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
