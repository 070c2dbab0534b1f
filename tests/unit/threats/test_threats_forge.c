/* What passes is seen, no more of it is told than is granted, and what is forged of it has the bytes that the standard says. */
#include "lib/mptcp/keys.h"
#include "nodes/threats/forge.h"
#include "nodes/threats/guest.h"
#include "nodes/threats/witness.h"
#include "tests/unit/check.h"
#include "tests/unit/threats/threat_packets.h"

static struct witness witness;

static int shake_hands(void **state)
{
	struct option_list options[3];
	struct packet packets[3];
	(void)state;
	witness_init(&witness, PORT_SERVER, false);
	a_handshake(1025, options, packets);
	assert_int_equal(witness_packet(&witness, 1, &packets[0]), WITNESS_NONE);
	assert_int_equal(witness_packet(&witness, 2, &packets[1]), WITNESS_NONE);
	assert_int_equal(witness_packet(&witness, 3, &packets[2]), 0);
	assert_int_equal(witness_packet(&witness, 4, &packets[2]), WITNESS_NONE);
	return 0;
}

static void tells_what_is_granted(void **state)
{
	(void)state;
	struct known known;
	uint64_t initial;
	uint32_t token;
	assert_true(witness_tell(&witness, 0, 0, &known));
	static const struct known nothing;
	assert_memory_equal(&known, &nothing, sizeof known);
	assert_true(witness_tell(&witness, 0, KNOWS_TUPLE, &known));
	assert_int_equal(known.end[OF_CLIENT].port, 1025);
	assert_int_equal(known.next[OF_CLIENT], 0);
	assert_int_equal(known.key[OF_SERVER], 0);
	assert_true(witness_tell(&witness, 0, KNOWS_SEQUENCE | KNOWS_TOKEN, &known));
	assert_int_equal(known.next[OF_SERVER], FIRST_SERVER + 1);
	assert_int_equal(known.acknowledged[OF_CLIENT], 0);
	assert_true(mptcp_hash_key(KEY_SERVER, 1, &token, &initial));
	assert_int_equal(known.token[OF_SERVER], token);
	assert_true(known.key[OF_SERVER] == 0);
	assert_true(witness_tell(&witness, 0, KNOWS_KEYS, &known));
	assert_true(known.key[OF_CLIENT] == KEY_CLIENT && known.key[OF_SERVER] == KEY_SERVER);
}

static void follows_numbers(void **state)
{
	(void)state;
	struct packet_end client = an_end(1, 1025), server = an_end(2, PORT_SERVER);
	struct witness_connection *c = &witness.list[0];
	struct packet data =
		a_packet(server, client, PACKET_ACK, FIRST_SERVER + 1, FIRST_CLIENT + 1, NULL, 100);
	witness_packet(&witness, 5, &data);
	assert_int_equal(c->side[OF_SERVER].next, FIRST_SERVER + 101);
	assert_int_equal(c->side[OF_SERVER].bytes, 100);
	assert_int_equal(c->side[OF_SERVER].window, 1000 << 4);
	assert_true(c->side[OF_SERVER].data_at == 5);
	/* A forged segment, a little ahead, moves nothing; nor does a reset. */
	struct packet forged =
		a_packet(server, client, PACKET_ACK, FIRST_SERVER + 1101, FIRST_CLIENT + 1, NULL, 0);
	witness_packet(&witness, 6, &forged);
	struct packet reset = a_packet(server, client, PACKET_RST, FIRST_SERVER + 9101, 0, NULL, 0);
	witness_packet(&witness, 6, &reset);
	assert_int_equal(c->side[OF_SERVER].next, FIRST_SERVER + 101);
	/* The same ports again are a new connection. */
	struct option_list options[3];
	struct packet packets[3];
	a_handshake(1025, options, packets);
	witness_packet(&witness, 7, &packets[0]);
	assert_int_equal(witness.count, 2);
	unsigned from;
	assert_int_equal(witness_find(&witness, &packets[0], &from), 1);
}

static void keeps_what_it_has_room_for(void **state)
{
	struct option_list options[3];
	struct packet packets[3];
	(void)state;
	for (unsigned i = 0; i < WITNESS_MOST + 5; i++) {
		a_handshake(2000 + i, options, packets);
		for (unsigned k = 0; k < 3; k++)
			witness_packet(&witness, 8, &packets[k]);
	}
	assert_int_equal(witness.count, WITNESS_MOST);
	assert_int_equal(witness.not_kept, 6);
}

/* ---- forms */

static struct known all_known(void)
{
	struct known known;
	assert_true(witness_tell(
		&witness, 0, KNOWS_TUPLE | KNOWS_SEQUENCE | KNOWS_ACKNOWLEDGEMENT | KNOWS_KEYS, &known));
	return known;
}

static void forms_of_announcements(void **state)
{
	(void)state;
	struct known known = all_known();
	struct packet_end own = an_end(3, 0);
	uint8_t right[8], swapped[8];
	assert_true(mptcp_hmac_address(KEY_SERVER, KEY_CLIENT, 9, own.address + 12, 4, 0, right));
	assert_true(mptcp_hmac_address(KEY_CLIENT, KEY_SERVER, 9, own.address + 12, 4, 0, swapped));
	static const struct {
		enum form form;
		unsigned length, third;
	} cases[] = {{FORM_V0, 8, 0x34}, {FORM_NONE, 8, 0x30}, {FORM_ZERO, 16, 0x30},
		{FORM_SWAPPED, 16, 0x30}, {FORM_LEFT, 16, 0x30}, {FORM_ECHO, 8, 0x31},
		{FORM_RIGHT, 16, 0x30}};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct option_list options = {.length = 0};
		forge_form(&known, OF_SERVER, cases[i].form, own.address, 9, &options);
		assert_false(options.full);
		assert_int_equal(options.length, cases[i].length);
		assert_int_equal(options.bytes[2], cases[i].third);
		assert_int_equal(options.bytes[3], 9);
		assert_memory_equal(options.bytes + 4, own.address + 12, 4);
		if (cases[i].form == FORM_RIGHT)
			assert_memory_equal(options.bytes + 8, right, 8);
		if (cases[i].form == FORM_SWAPPED)
			assert_memory_equal(options.bytes + 8, swapped, 8);
		if (cases[i].form == FORM_LEFT)
			assert_memory_not_equal(options.bytes + 8, right, 8);
		struct packet packet = forge_segment(&known, OF_SERVER, &options);
		assert_int_equal(packet.source.port, PORT_SERVER);
		assert_int_equal(packet.sequence, FIRST_SERVER + 1 + FORGE_AHEAD);
	}
}

static void resets_are_exact(void **state)
{
	(void)state;
	struct known known = all_known();
	struct packet packet = forge_reset(&known, OF_CLIENT);
	assert_int_equal(packet.sequence, FIRST_CLIENT + 1);
	assert_int_equal(packet.flags, PACKET_RST);
	assert_int_equal(packet.destination.port, PORT_SERVER);
}

/* ---- a guest, and a server as the standard has it */

struct exchange {
	struct guest guest;
	struct packet_end own, server;
	struct option_list said, answered;
	struct packet packet, reply;
};

static void join(struct exchange *e, bool liar)
{
	struct known known = all_known();
	struct option_join asked;
	uint8_t hmac[MPTCP_HMAC_JOIN_ACK];
	*e = (struct exchange){.own = an_end(3, 4444), .server = an_end(2, PORT_SERVER)};
	guest_begin(&e->guest, &known, &e->own, &e->server, liar, 0x1111111122222222, &e->said, &e->packet);
	assert_int_equal(e->packet.flags, PACKET_SYN);
	option_join(option_find(e->packet.options, e->packet.options_length, MPTCP_JOIN), &asked);
	assert_int_equal(asked.nonce, 0x22222222);
	assert_int_equal(asked.token, known.token[OF_SERVER]);
	assert_true(mptcp_hmac_join(1, KEY_SERVER, KEY_CLIENT, 77, asked.nonce, hmac));
	option_put_join_syn_ack(&e->answered, 0, false, hmac, 77);
	struct packet syn_ack = a_packet(
		e->server, e->own, PACKET_SYN | PACKET_ACK, 500, e->packet.sequence + 1, &e->answered, 0);
	e->said = (struct option_list){.length = 0};
	assert_true(guest_packet(&e->guest, &syn_ack, &e->said, &e->packet));
	assert_true(e->guest.peer_proven);
	const uint8_t *third = option_find(e->packet.options, e->packet.options_length, MPTCP_JOIN);
	assert_true(mptcp_hmac_join(1, KEY_CLIENT, KEY_SERVER, asked.nonce, 77, hmac));
	assert_int_equal(memcmp(third + 4, hmac, sizeof hmac) == 0, !liar);
}

static struct packet data_of(struct exchange *e, uint32_t sequence, struct dss dss, unsigned length)
{
	e->answered = (struct option_list){.length = 0};
	option_put_dss(&e->answered, &dss);
	return a_packet(e->server, e->own, PACKET_ACK, sequence, e->guest.next, &e->answered, length);
}

static uint64_t acknowledged(struct exchange *e)
{
	struct tcp_options parsed;
	options_parse(e->packet.options, e->packet.options_length, false, &parsed);
	assert_int_equal(parsed.dss.flags, DSS_ACK | DSS_ACK_64);
	return parsed.dss.acknowledgement;
}

static void a_guest_reads(void **state)
{
	(void)state;
	struct exchange e;
	join(&e, false);
	struct dss dss = {
		.flags = DSS_MAP | DSS_DSN_64, .sequence = 1ull << 40, .subflow_sequence = 1, .length = 300};
	struct packet data = data_of(&e, 501, dss, 100);
	e.said = (struct option_list){.length = 0};
	assert_true(guest_packet(&e.guest, &data, &e.said, &e.packet));
	assert_int_equal(e.guest.state, GUEST_ESTABLISHED);
	assert_int_equal(e.packet.acknowledgement, 601);
	assert_true(acknowledged(&e) == (1ull << 40) + 100);
	/* What is not next is only asked for again. */
	data = data_of(&e, 801, dss, 100);
	e.said = (struct option_list){.length = 0};
	assert_true(guest_packet(&e.guest, &data, &e.said, &e.packet));
	assert_int_equal(e.packet.acknowledgement, 601);
	assert_int_equal(e.guest.bytes, 100);
	/* 32 bits of a number, near the last. */
	dss = (struct dss){.flags = DSS_MAP, .sequence = 100, .subflow_sequence = 101, .length = 50};
	data = data_of(&e, 601, dss, 50);
	e.said = (struct option_list){.length = 0};
	assert_true(guest_packet(&e.guest, &data, &e.said, &e.packet));
	assert_true(acknowledged(&e) == (1ull << 40) + 150);
	assert_int_equal(e.guest.bytes, 150);
	/* A stranger's packet is none of ours. */
	data.source.port++;
	assert_false(guest_packet(&e.guest, &data, &e.said, &e.packet));
	e.said = (struct option_list){.length = 0};
	guest_remove(&e.guest, 0, &e.said, &e.packet);
	assert_int_equal(e.said.bytes[2] >> 4, MPTCP_REMOVE_ADDR);
	e.said = (struct option_list){.length = 0};
	guest_close(&e.guest, &e.said, &e.packet);
	assert_true(option_u64(option_find(e.said.bytes, e.said.length, MPTCP_FASTCLOSE) + 4) == KEY_SERVER);
}

static void a_liar_is_reset(void **state)
{
	(void)state;
	struct exchange e;
	join(&e, true);
	e.answered = (struct option_list){.length = 0};
	option_put_reset(&e.answered, false, 1);
	struct packet reset = a_packet(e.server, e.own, PACKET_RST, 501, 0, &e.answered, 0);
	assert_false(guest_packet(&e.guest, &reset, &e.said, &e.packet));
	assert_int_equal(e.guest.state, GUEST_RESET);
	assert_int_equal(e.guest.reset_reason, 1);
	assert_int_equal(e.guest.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(tells_what_is_granted, shake_hands),
		cmocka_unit_test_setup(follows_numbers, shake_hands),
		cmocka_unit_test_setup(keeps_what_it_has_room_for, shake_hands),
		cmocka_unit_test_setup(forms_of_announcements, shake_hands),
		cmocka_unit_test_setup(resets_are_exact, shake_hands),
		cmocka_unit_test_setup(a_guest_reads, shake_hands),
		cmocka_unit_test_setup(a_liar_is_reset, shake_hands)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
