/* TCP and Multipath TCP options and packets: vectors of the cryptography (made with Python's hashlib and hmac), layouts byte
 * by byte as RFC 8684 and RFC 6824 draw them, and that what is written is what is read. */
#include "lib/mptcp/keys.h"
#include "lib/mptcp/packet.h"
#include "tests/unit/check.h"
#include <string.h>

#define KEY_A 0x0102030405060708u
#define KEY_B 0xf1f2f3f4f5f6f7f8u

static void hashes_keys(void **state)
{
	(void)state;
	uint32_t token;
	uint64_t initial;
	assert_true(mptcp_hash_key(KEY_A, 1, &token, &initial));
	assert_int_equal(token, 0x66840dda);
	assert_true(initial == 0xf5a101d3d29d6f72u);
	assert_true(mptcp_hash_key(KEY_B, 1, &token, &initial));
	assert_int_equal(token, 0x3a77c77d);
	assert_true(initial == 0x2d7b96a1f459eee1u);
	assert_true(mptcp_hash_key(KEY_A, 0, &token, &initial));
	assert_int_equal(token, 0xdd5783bc);
	assert_true(initial == 0x3a95ed6e4ebb4ad5u);
}

static void proves_joins(void **state)
{
	(void)state;
	static const uint8_t v1[] = {0x64, 0xfb, 0xf6, 0xf8, 0xfe, 0x44, 0x07, 0xef, 0xb1, 0x85, 0x5f, 0x35,
		0x10, 0x58, 0x0a, 0xb6, 0x28, 0xe1, 0x8a, 0xa4};
	static const uint8_t v0[] = {0x39, 0x3c, 0xe0, 0xc2, 0x58, 0xf4, 0xf8, 0x3a, 0xa0, 0xd9, 0x6c, 0xf3,
		0x76, 0xac, 0xe1, 0xfe, 0x7c, 0x2b, 0x5e, 0xc7};
	uint8_t hmac[MPTCP_HMAC_JOIN_ACK];
	assert_true(mptcp_hmac_join(1, KEY_B, KEY_A, 0x22222222, 0x11111111, hmac));
	assert_memory_equal(hmac, v1, sizeof v1);
	assert_true(mptcp_hmac_join(0, KEY_B, KEY_A, 0x22222222, 0x11111111, hmac));
	assert_memory_equal(hmac, v0, sizeof v0);
}

static const uint8_t four[] = {10, 0, 3, 1};
static const uint8_t six[] = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static void proves_addresses(void **state)
{
	(void)state;
	static const uint8_t plain[] = {0xf5, 0xfb, 0xf9, 0x9b, 0xcc, 0x70, 0xff, 0xcf};
	static const uint8_t with_port[] = {0x12, 0xcb, 0x3d, 0xb0, 0xae, 0x8f, 0x6e, 0xae};
	static const uint8_t of_six[] = {0x27, 0xa8, 0x40, 0xa0, 0x2c, 0x9b, 0xc9, 0xa6};
	uint8_t hmac[MPTCP_HMAC_ADDRESS];
	assert_true(mptcp_hmac_address(KEY_B, KEY_A, 9, four, 4, 0, hmac));
	assert_memory_equal(hmac, plain, 8);
	assert_true(mptcp_hmac_address(KEY_B, KEY_A, 9, four, 4, 7000, hmac));
	assert_memory_equal(hmac, with_port, 8);
	assert_true(mptcp_hmac_address(KEY_B, KEY_A, 3, six, 16, 443, hmac));
	assert_memory_equal(hmac, of_six, 8);
	assert_false(mptcp_hmac_address(KEY_B, KEY_A, 3, six, 5, 443, hmac));
}

/* The lengths that RFC 8684 gives in figures 4 to 12, and what the parser makes of them. */
static void writes_the_handshake(void **state)
{
	(void)state;
	static const struct {
		struct option_capable option;
		unsigned length;
	} cases[] = {
		{{.version = 1, .flags = 1}, 4},
		{{.version = 1, .flags = 1, .keys = 1, .key = {KEY_B}}, 12},
		{{.version = 1, .flags = 1, .keys = 2, .key = {KEY_A, KEY_B}}, 20},
		{{.version = 1,
			 .flags = 1,
			 .keys = 2,
			 .key = {KEY_A, KEY_B},
			 .has_data_length = true,
			 .data_length = 77},
			22},
		{{.version = 0, .flags = 0x81, .keys = 1, .key = {KEY_A}}, 12},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct option_list list = {0};
		struct option_capable again;
		option_put_capable(&list, &cases[i].option);
		assert_int_equal(list.length, cases[i].length);
		const uint8_t *option = option_find(list.bytes, list.length, MPTCP_CAPABLE);
		assert_ptr_equal(option, list.bytes);
		option_capable(option, &again);
		assert_memory_equal(&again, &cases[i].option, sizeof again);
	}
}

static void writes_joins(void **state)
{
	(void)state;
	static const uint8_t syn[] = {30, 12, 0x11, 5, 1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd};
	static const uint8_t hmac[20] = "01234567890123456789";
	struct option_list list = {0};
	struct option_join seen;
	option_put_join_syn(&list, 5, true, 0x01020304, 0xaabbccdd);
	assert_int_equal(list.length, sizeof syn);
	assert_memory_equal(list.bytes, syn, sizeof syn);
	option_join(list.bytes, &seen);
	assert_true(seen.has_token && seen.backup && seen.token == 0x01020304 && seen.nonce == 0xaabbccdd);

	list = (struct option_list){0};
	option_put_join_syn_ack(&list, 6, false, hmac, 0x11223344);
	option_join(option_find(list.bytes, list.length, MPTCP_JOIN), &seen);
	assert_int_equal(list.length, 16);
	assert_true(!seen.has_token && seen.nonce == 0x11223344 && memcmp(seen.hmac, hmac, 8) == 0);

	list = (struct option_list){0};
	option_put_join_ack(&list, hmac);
	option_join(option_find(list.bytes, list.length, MPTCP_JOIN), &seen);
	assert_int_equal(list.length, 24);
	assert_memory_equal(seen.hmac, hmac, 20);
}

static void address_is_read_again(
	const uint8_t *address, unsigned family, uint16_t port, bool echo, bool proof, unsigned length)
{
	static const uint8_t hmac[8] = "hmachmac";
	struct option_address wanted = {
		.address_id = 9, .family = family, .port = port, .echo = echo, .hmac = proof ? hmac : NULL};
	struct option_list list = {0};
	struct option_address seen;
	memcpy(wanted.address, address, family == 6 ? 16 : 4);
	option_put_address(&list, &wanted);
	assert_int_equal(list.length, length);
	option_address(option_find(list.bytes, list.length, MPTCP_ADD_ADDR), &seen);
	assert_int_equal(seen.address_id, 9);
	assert_int_equal(seen.family, family);
	assert_int_equal(seen.port, port);
	assert_int_equal(seen.echo, echo);
	assert_memory_equal(seen.address, wanted.address, 16);
	assert_int_equal(seen.hmac != NULL, proof);
	if (proof)
		assert_memory_equal(seen.hmac, hmac, 8);
}

static void writes_addresses(void **state)
{
	(void)state;
	address_is_read_again(four, 4, 0, false, true, 16);
	address_is_read_again(four, 4, 7000, false, true, 18);
	address_is_read_again(four, 4, 0, true, false, 8);
	address_is_read_again(four, 4, 7000, true, false, 10);
	address_is_read_again(six, 6, 0, false, true, 28);
	address_is_read_again(six, 6, 443, false, true, 30);
	address_is_read_again(six, 6, 0, true, false, 20);
	struct option_list list = {0};
	struct option_address v0 = {.address_id = 9, .family = 4}, seen;
	memcpy(v0.address, four, 4);
	option_put_address_v0(&list, &v0);
	assert_memory_equal(list.bytes, ((uint8_t[]){30, 8, 0x34, 9, 10, 0, 3, 1}), 8);
	option_address(list.bytes, &seen);
	assert_true(seen.family == 4 && !seen.echo && !seen.hmac);
}

static void writes_the_rest(void **state)
{
	(void)state;
	static const uint8_t expected[] = {30, 5, 0x40, 1, 9, 30, 3, 0x51, 30, 4, 0x51, 3, 30, 12, 0x70, 0, 1,
		2, 3, 4, 5, 6, 7, 8, 30, 4, 0x81, 3, 1, 1, 1, 1};
	static const uint8_t ids[] = {1, 9};
	struct option_list list = {0};
	option_put_remove(&list, ids, 2);
	option_put_prio(&list, true);
	option_put_prio_v0(&list, true, 3);
	option_put_fastclose(&list, KEY_A);
	option_put_reset(&list, true, 3);
	option_pad(&list);
	assert_int_equal(list.length, 28);
	assert_memory_equal(list.bytes, expected, list.length);
	const uint8_t *rare[OPTIONS_RARE];
	assert_int_equal(options_rare(list.bytes, list.length, rare), 5);
}

static void writes_what_every_segment_has(void **state)
{
	(void)state;
	static const unsigned flags[] = {DSS_ACK, DSS_ACK | DSS_ACK_64, DSS_MAP,
		DSS_MAP | DSS_DSN_64 | DSS_FIN, DSS_ACK | DSS_MAP | DSS_ACK_64 | DSS_DSN_64};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct option_list list = {0};
		struct tcp_options seen;
		struct dss dss = {.flags = (uint8_t)flags[i]};
		if (dss.flags & DSS_ACK)
			dss.acknowledgement = dss.flags & DSS_ACK_64 ? KEY_A : (uint32_t)KEY_A;
		if (dss.flags & DSS_MAP) {
			dss.sequence = dss.flags & DSS_DSN_64 ? KEY_B : (uint32_t)KEY_B;
			dss.subflow_sequence = 17;
			dss.length = 1428;
		}
		option_put_timestamp(&list, 5, 6);
		option_put_dss(&list, &dss);
		options_parse(list.bytes, list.length, false, &seen);
		assert_int_equal(seen.present, OPTION_TIMESTAMP | OPTION_DSS | OPTION_MPTCP);
		assert_true(seen.timestamp == 5 && seen.echo == 6 && seen.dss.flags == dss.flags);
		if (dss.flags & DSS_ACK)
			assert_true(seen.dss.acknowledgement == dss.acknowledgement);
		if (dss.flags & DSS_MAP)
			assert_true(seen.dss.sequence == dss.sequence && seen.dss.subflow_sequence == 17 &&
				    seen.dss.length == 1428);
	}
	struct option_list list = {0};
	struct tcp_options seen;
	option_put_mss(&list, 1460);
	option_put_window_scale(&list, 7);
	options_parse(list.bytes, list.length, false, &seen);
	assert_true(seen.present == (OPTION_MSS | OPTION_WINDOW_SCALE) && seen.mss == 1460 &&
		    seen.window_scale == 7);
}

static void a_full_list_stays_as_it_was(void **state)
{
	(void)state;
	struct option_list list = {0};
	option_put_join_ack(&list, (const uint8_t[20]){0});
	option_put_join_ack(&list, (const uint8_t[20]){0});
	assert_true(list.full);
	assert_int_equal(list.length, 24);
	option_put_prio(
		&list, false); /* what would fit is not taken either: the list is not what was wanted */
	assert_int_equal(list.length, 24);
}

/* ---- packets */

static struct packet_end end_of(const uint8_t *address, size_t size, uint16_t port)
{
	struct packet_end end = {.port = port};
	if (size == 4)
		end.address[10] = end.address[11] = 0xff;
	memcpy(end.address + (size == 4 ? 12 : 0), address, size);
	return end;
}

/* Checksums by their definition. */
static void writes_a_packet(void **state)
{
	(void)state;
	static const uint8_t to[] = {10, 0, 1, 1};
	struct packet packet = {.family = 4,
		.source = end_of(four, 4, 5000),
		.destination = end_of(to, 4, 0xbeef),
		.sequence = 0x01020304,
		.acknowledgement = 0x05060708,
		.window = 0x1000,
		.flags = PACKET_ACK};
	uint8_t bytes[PACKET_HEADERS];
	assert_int_equal(packet_write(&packet, bytes, sizeof bytes), 40);
	/* Sums over the headers, their checksums in place, are all ones (RFC 1071). */
	uint32_t ip = 0, tcp = 0x0a00 + 0x0301 + 0x0a00 + 0x0101 + 6 + 20;
	for (unsigned i = 0; i < 20; i += 2)
		ip += bytes[i] * 256u + bytes[i + 1], tcp += bytes[20 + i] * 256u + bytes[20 + i + 1];
	assert_int_equal((ip & 0xffff) + (ip >> 16), 0xffff);
	assert_int_equal((tcp & 0xffff) + (tcp >> 16), 0xffff);
	assert_int_equal(packet_write(&packet, bytes, 39), 0);
}

static void reads_what_it_wrote(void **state)
{
	(void)state;
	static const unsigned families[] = {4, 6};
	for (unsigned i = 0; i < 2; i++) {
		struct option_list list = {0};
		option_put_prio(&list, true); /* 3 bytes: padded */
		struct packet packet = {.family = families[i],
			.source = end_of(i ? six : four, i ? 16 : 4, 1),
			.destination = end_of(i ? six : four, i ? 16 : 4, 65535),
			.sequence = 7,
			.flags = PACKET_PSH | PACKET_ACK | PACKET_FIN,
			.options = list.bytes,
			.options_length = list.length,
			.payload = (const uint8_t *)"secret",
			.payload_at_hand = 5,
			.payload_length = 5};
		uint8_t bytes[200];
		struct packet seen;
		size_t size = packet_write(&packet, bytes, sizeof bytes);
		assert_int_equal(size, (i ? 40 : 20) + 20 + 4 + 5);
		assert_int_equal(packet_read(bytes, size, size, &seen), PACKET_TCP);
		assert_memory_equal(&seen.source, &packet.source, sizeof seen.source);
		assert_memory_equal(&seen.destination, &packet.destination, sizeof seen.destination);
		assert_int_equal(seen.options_length, 4);
		assert_int_equal(seen.payload_length, 5);
		assert_memory_equal(seen.payload, "secre", 5);
		assert_int_equal(packet_space(&seen), 6);
		/* Frames are padded; the header says what is the packet. What is cut is told. */
		assert_int_equal(packet_read(bytes, size, size + 3, &seen), PACKET_TCP);
		assert_int_equal(seen.payload_length, 5);
		assert_int_equal(packet_read(bytes, size - 2, size, &seen), PACKET_TCP);
		assert_true(seen.payload_length == 5 && seen.payload_at_hand == 3);
		for (size_t cut = 0; cut < size - 5; cut++)
			assert_int_equal(packet_read(bytes, cut, size, &seen), PACKET_CUT);
		assert_int_equal(packet_read(bytes, size - 1, size - 1, &seen), PACKET_MALFORMED);
	}
}

static void refuses_what_is_no_segment(void **state)
{
	(void)state;
	struct packet packet = {.family = 4, .source = end_of(four, 4, 1), .destination = end_of(four, 4, 2)},
		      seen;
	uint8_t bytes[PACKET_HEADERS];
	size_t size = packet_write(&packet, bytes, sizeof bytes);
	bytes[9] = 17;
	assert_int_equal(packet_read(bytes, size, size, &seen), PACKET_OTHER);
	bytes[9] = 6;
	bytes[7] = 1; /* a fragment */
	assert_int_equal(packet_read(bytes, size, size, &seen), PACKET_OTHER);
	bytes[7] = 0;
	bytes[20 + 12] = 4 << 4; /* a header of 16 bytes */
	assert_int_equal(packet_read(bytes, size, size, &seen), PACKET_MALFORMED);
	bytes[20 + 12] = 15 << 4; /* longer than the packet */
	assert_int_equal(packet_read(bytes, size, size, &seen), PACKET_MALFORMED);
	packet.options_length = 41;
	packet.options = bytes;
	uint8_t more[200];
	assert_int_equal(packet_write(&packet, more, sizeof more), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_keys),
		cmocka_unit_test(proves_joins),
		cmocka_unit_test(proves_addresses),
		cmocka_unit_test(writes_the_handshake),
		cmocka_unit_test(writes_joins),
		cmocka_unit_test(writes_addresses),
		cmocka_unit_test(writes_the_rest),
		cmocka_unit_test(writes_what_every_segment_has),
		cmocka_unit_test(a_full_list_stays_as_it_was),
		cmocka_unit_test(writes_a_packet),
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(refuses_what_is_no_segment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
