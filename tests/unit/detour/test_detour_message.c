/* Version 2: contents byte by byte, everything that must be refused, and the envelope around them. */
#include "lib/detour/message.h"
#include "lib/detour/seal.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse(text, &a));
	return a;
}

static struct message_question question(void)
{
	struct message_question q = {.operation = MESSAGE_MAP,
		.newest = 2,
		.session = 0x0102030405060708,
		.sequence = 9,
		.lease_s = 300,
		.remote = {address("192.0.2.1"), 5201},
		.proposed = 8080};
	memset(q.cookie, 0xaa, sizeof q.cookie);
	return q;
}

static void questions_have_their_layout(void **state)
{
	(void)state;
	static const uint8_t expected[MESSAGE_SIZE] = {1, 2, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0,
		0, 9,
		/* cookie */ 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
		0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, /* lease */ 0, 0, 1, 0x2c,
		/* client */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		/* remote */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1, 0x14, 0x51, 0x1f, 0x90};
	struct message_question q = question(), back;
	uint8_t bytes[MESSAGE_SIZE];
	message_write_question(&q, bytes);
	assert_memory_equal(bytes, expected, sizeof bytes);
	assert_int_equal(message_read_question(bytes, sizeof bytes, &back), MESSAGE_OK);
	assert_int_equal(back.operation, MESSAGE_MAP);
	assert_int_equal(back.sequence, 9);
	assert_int_equal(back.lease_s, 300);
	assert_true(place_equal(&back.remote, &q.remote));
	assert_int_equal(back.proposed, 8080);
}

static enum message_fault fault_with(size_t at, uint8_t value)
{
	struct message_question q = question(), back;
	uint8_t bytes[MESSAGE_SIZE];
	message_write_question(&q, bytes);
	bytes[at] = value;
	return message_read_question(bytes, sizeof bytes, &back);
}

static void bad_questions_are_refused_by_name(void **state)
{
	(void)state;
	struct message_question back;
	uint8_t bytes[MESSAGE_SIZE + 1] = {0};
	assert_int_equal(message_read_question(bytes, MESSAGE_SIZE - 1, &back), MESSAGE_BAD_SIZE);
	assert_int_equal(message_read_question(bytes, MESSAGE_SIZE + 1, &back), MESSAGE_BAD_SIZE);
	assert_int_equal(fault_with(0, MESSAGE_OPERATIONS), MESSAGE_BAD_OPERATION);
	assert_int_equal(fault_with(0, MESSAGE_PROBE), MESSAGE_BAD_ENDPOINT); /* a train leads nowhere */
	assert_int_equal(fault_with(84, 1), MESSAGE_BAD_TRAIN);               /* and only a probe is of one */
	assert_int_equal(fault_with(0, 0), MESSAGE_BAD_ENDPOINT);             /* hello with a remote */
	assert_int_equal(fault_with(1, 1), MESSAGE_BAD_VERSION);
	assert_int_equal(fault_with(1, 3), MESSAGE_OK); /* who speaks more may say so */
	assert_int_equal(fault_with(2, 1), MESSAGE_BAD_FLAGS);
	assert_int_equal(fault_with(3, 4), MESSAGE_BAD_FLAGS);
	assert_int_equal(fault_with(3, 1), MESSAGE_BAD_FLAGS);  /* on behalf of nobody */
	assert_int_equal(fault_with(48, 1), MESSAGE_BAD_FLAGS); /* a client without its flag */
	assert_int_equal(fault_with(19, 0), MESSAGE_BAD_SEQUENCE);
	assert_int_equal(fault_with(76, 127), MESSAGE_BAD_ENDPOINT);
	assert_int_equal(fault_with(76, 224), MESSAGE_BAD_ENDPOINT);
	assert_int_equal(fault_with(74, 0), MESSAGE_OK); /* no IPv4-mapped form: some IPv6 address */
	assert_int_equal(fault_with(MESSAGE_SIZE - 1, 1), MESSAGE_BAD_PADDING);
	for (int i = 0; i < MESSAGE_FAULTS; i++)
		assert_string_not_equal(message_fault_name(i), "unknown");
	for (int i = 0; i < MESSAGE_RESULTS; i++)
		assert_string_not_equal(message_result_name(i), "unknown");
}

static enum message_fault train_fault(uint8_t place, uint8_t of, uint16_t size)
{
	struct message_question q = {.operation = MESSAGE_PROBE,
					.newest = 2,
					.sequence = 1,
					.train = {place, of, size}},
				back;
	uint8_t bytes[MESSAGE_SIZE];
	message_write_question(&q, bytes);
	enum message_fault fault = message_read_question(bytes, sizeof bytes, &back);
	if (fault == MESSAGE_OK)
		assert_true(back.train.place == place && back.train.of == of && back.train.size == size);
	return fault;
}

static void trains_have_their_numbers(void **state)
{
	(void)state;
	assert_int_equal(train_fault(0, 2, 1472), MESSAGE_OK);
	assert_int_equal(train_fault(MESSAGE_TRAIN_MOST - 1, MESSAGE_TRAIN_MOST, SEAL_SIZE), MESSAGE_OK);
	assert_int_equal(train_fault(0, 1, 1472), MESSAGE_BAD_TRAIN);
	assert_int_equal(train_fault(2, 2, 1472), MESSAGE_BAD_TRAIN);
	assert_int_equal(train_fault(0, MESSAGE_TRAIN_MOST + 1, 1472), MESSAGE_BAD_TRAIN);
	assert_int_equal(train_fault(0, 2, 1473), MESSAGE_BAD_TRAIN);
	struct message_answer a = {.operation = MESSAGE_PROBE,
				      .newest = 2,
				      .sequence = 7,
				      .arrived = 5,
				      .span_ns = 1ULL << 40},
			      back;
	uint8_t bytes[MESSAGE_SIZE];
	message_write_answer(&a, bytes);
	assert_int_equal(message_read_answer(bytes, sizeof bytes, &back), MESSAGE_OK);
	assert_int_equal(back.arrived, 5);
	assert_true(back.span_ns == 1ULL << 40);
	a.operation = MESSAGE_HELLO;
	message_write_answer(&a, bytes);
	assert_int_equal(message_read_answer(bytes, sizeof bytes, &back), MESSAGE_BAD_TRAIN);
}

static void answers_come_back(void **state)
{
	(void)state;
	struct message_answer a = {.operation = MESSAGE_MAP,
				      .newest = 2,
				      .result = MESSAGE_GRANTED,
				      .sequence = 7,
				      .lease_s = 60,
				      .port = 5201,
				      .addresses = {address("2001:db8::7")}},
			      back;
	uint8_t bytes[MESSAGE_SIZE];
	memset(a.key, 5, sizeof a.key);
	message_write_answer(&a, bytes);
	assert_int_equal(message_read_answer(bytes, sizeof bytes, &back), MESSAGE_OK);
	assert_memory_equal(back.key, a.key, sizeof a.key);
	assert_int_equal(back.port, 5201);
	assert_true(address_equal(&back.addresses[0], &a.addresses[0]));
	bytes[41] = bytes[40] = 0; /* granted, but no port */
	assert_int_equal(message_read_answer(bytes, sizeof bytes, &back), MESSAGE_BAD_ENDPOINT);
	bytes[3] = MESSAGE_RESULTS;
	assert_int_equal(message_read_answer(bytes, sizeof bytes, &back), MESSAGE_BAD_RESULT);
}

/* --- the envelope */

static struct identity identity(uint8_t seed)
{
	char path[64], *error = NULL;
	struct identity made, read;
	(void)seed;
	snprintf(path, sizeof path, "/tmp/test-identity-%d-%d", (int)getpid(), seed);
	unlink(path);
	assert_int_equal(identity_create(path, &made, &error), 0);
	assert_int_equal(identity_create(path, &read, &error), -1); /* never over another */
	free(error);
	error = NULL;
	assert_int_equal(identity_load(path, &read, &error), 0);
	assert_memory_equal(&made, &read, sizeof made);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(identity_load(path, &read, &error), -1);
	assert_non_null(strstr(error, "others may read"));
	free(error);
	unlink(path);
	return made;
}

static void two_derive_the_same_keys(void **state)
{
	(void)state;
	struct identity member = identity(1), detour = identity(2), other = identity(3);
	struct seal_keys m, d, o;
	assert_true(seal_keys_of_member(&member, detour.public, &m));
	assert_true(seal_keys_of_detour(&detour, member.public, &d));
	assert_true(seal_keys_of_detour(&detour, other.public, &o));
	assert_memory_equal(&m, &d, sizeof m);
	assert_memory_not_equal(&m, &o, sizeof m);
	assert_memory_not_equal(m.ask, m.answer, sizeof m.ask); /* an answer is no question */
	assert_int_not_equal(member_id(member.public), member_id(other.public));
	uint8_t no_point[SEAL_PUBLIC] = {0};
	assert_false(seal_keys_of_detour(&detour, no_point, &d));
}

static void a_changed_datagram_does_not_open(void **state)
{
	(void)state;
	struct identity member = identity(1), detour = identity(2);
	struct seal_keys keys;
	assert_true(seal_keys_of_member(&member, detour.public, &keys));
	struct message_question q = question();
	uint8_t content[MESSAGE_SIZE], bytes[SEAL_SIZE], out[MESSAGE_SIZE];
	message_write_question(&q, content);
	uint64_t id = member_id(member.public), seen;
	enum seal_kind kind;
	seal(SEAL_QUESTION, id, keys.ask, content, bytes);
	assert_true(seal_peek(bytes, sizeof bytes, &kind, &seen));
	assert_int_equal(kind, SEAL_QUESTION);
	assert_true(seen == id);
	assert_true(unseal(bytes, keys.ask, out));
	assert_memory_equal(out, content, sizeof out);
	assert_false(unseal(bytes, keys.answer, out));
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] ^= 1;
		assert_false(unseal(bytes, keys.ask, out));
		bytes[i] ^= 1;
	}
	assert_false(seal_peek(bytes, sizeof bytes - 1, &kind, &seen));
	bytes[0] = 3;
	assert_false(seal_peek(bytes, sizeof bytes, &kind, &seen));
}

static void keys_have_one_text(void **state)
{
	(void)state;
	struct identity who = identity(4);
	char text[SEAL_KEY_TEXT], bad[SEAL_KEY_TEXT + 2];
	uint8_t back[SEAL_PUBLIC];
	assert_true(public_parse(public_text(who.public, text), back));
	assert_memory_equal(back, who.public, sizeof back);
	snprintf(bad, sizeof bad, "%sA", text);
	assert_false(public_parse(bad, back));
	bad[43] = '\0';
	assert_false(public_parse(bad, back));
	assert_false(public_parse("", back));
}

static void addresses_and_networks_are_parsed(void **state)
{
	(void)state;
	struct place p;
	struct network n;
	struct address a = address("10.1.2.3");
	char text[PLACE_TEXT];
	assert_true(place_parse("[2001:db8::1]:443", &p));
	assert_string_equal(place_text(&p, text), "[2001:db8::1]:443");
	assert_true(place_parse("10.0.0.1:80", &p));
	assert_string_equal(place_text(&p, text), "10.0.0.1:80");
	assert_false(place_parse("2001:db8::1:443x", &p));
	assert_false(place_parse("[10.0.0.1]:80", &p));
	assert_false(place_parse("10.0.0.1", &p));
	assert_false(place_parse("10.0.0.1:65536", &p));
	assert_true(network_parse("10.0.0.0/8", &n) && network_has(&n, &a));
	assert_true(network_parse("0.0.0.0/0", &n) && network_has(&n, &a));
	assert_true(network_parse("::/0", &n) && !network_has(&n, &a));
	assert_true(network_parse("10.1.2.3", &n) && network_has(&n, &a));
	assert_false(network_parse("10.0.0.1/8", &n));
	assert_false(network_parse("10.0.0.0/33", &n));
	assert_true(network_parse("2001:db8::/32", &n) && !network_has(&n, &a));
	assert_int_equal(address_family(&a), AF_INET);
}

int main(void)
{
	char *error = NULL;
	if (seal_init(&error) < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_have_their_layout),
		cmocka_unit_test(bad_questions_are_refused_by_name),
		cmocka_unit_test(trains_have_their_numbers),
		cmocka_unit_test(answers_come_back),
		cmocka_unit_test(two_derive_the_same_keys),
		cmocka_unit_test(a_changed_datagram_does_not_open),
		cmocka_unit_test(keys_have_one_text),
		cmocka_unit_test(addresses_and_networks_are_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
