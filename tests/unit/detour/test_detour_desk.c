/* The desk, as a member, a stranger, a thief and a flood see it: version 2 from the first datagram to the mapping, and version 1
 * beside it. Time is given; the keys are real. */
#include "nodes/detour/daemon/desk.h"
#include "tests/unit/check.h"
#include <sodium.h>
#include <stdlib.h>

#define S 1000000000LL

static struct identity keys_of(uint8_t seed)
{
	uint8_t bytes[32] = {seed};
	struct identity identity;
	crypto_sign_seed_keypair(identity.public, identity.secret, bytes);
	return identity;
}

static struct address ip(const char *text)
{
	struct address a;
	assert_true(address_parse(text, &a));
	return a;
}

static const uint8_t *drawn(void)
{
	static uint8_t nonce[SEAL_NONCE];
	randombytes_buf(nonce, sizeof nonce);
	return nonce;
}

static struct place at(const char *text)
{
	struct place p;
	assert_true(place_parse(text, &p));
	return p;
}

static bool host_port_taken(
	void *context, const struct address *client, const struct address *to, uint16_t port)
{
	(void)context, (void)client, (void)to;
	return port == 22;
}

/* A detour that leads everywhere, with two members (alice, bob) and one address for version 1. */
static struct world {
	struct identity detour, alice, bob, mallory;
	struct network allow, on_behalf;
	struct network everywhere[2];
	struct reach reach;
	struct desk_rules rules;
	struct desk desk;
	int64_t now;
	bool up;
} w;

static const struct mapping_limits limits = {.max_mappings = 1000, .idle_ns = 300 * S, .lease_ns = 300 * S};

static int setup(void **state)
{
	static const uint8_t seed[16] = {1};
	(void)state;
	memset(&w, 0, sizeof w);
	w.detour = keys_of(1);
	w.alice = keys_of(2);
	w.bob = keys_of(3);
	w.mallory = keys_of(4);
	assert_true(network_parse("10.0.9.0/24", &w.allow) && network_parse("10.7.0.0/16", &w.on_behalf) &&
		    network_parse("10.0.0.0/8", &w.everywhere[0]) &&
		    network_parse("2001:db8::/32", &w.everywhere[1]));
	w.reach = (struct reach){.allow = w.everywhere, .allow_count = 2};
	w.rules = (struct desk_rules){.allow = &w.allow,
		.allow_count = 1,
		.client_most = 4,
		.client_rate = 1000,
		.lease_s = 300,
		.reach = &w.reach};
	w.now = 1000 * S;
	w.up = true;
	w.desk = (struct desk){.rules = &w.rules,
		.own = &w.detour,
		.members = members_new(),
		.table = mapping_table_new(&limits, seed),
		.newest = 2,
		.taken = host_port_taken,
		.secret = {{9}}};
	const struct member_rights rights = {
		.mappings = 3, .rate = 50, .on_behalf = &w.on_behalf, .on_behalf_count = 1};
	const struct member_rights plain = {.mappings = 3, .rate = 50};
	members_begin(w.desk.members);
	members_name(w.desk.members, "alice", w.alice.public, &rights);
	members_name(w.desk.members, "bob", w.bob.public, &plain);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	members_free(w.desk.members);
	mapping_table_free(w.desk.table);
	return 0;
}

/* One member's client: its address, its session, the cookie it was given last. */
struct client {
	const struct identity *who;
	struct place from;
	uint64_t session, sequence;
	uint8_t cookie[MESSAGE_COOKIE_SIZE];
};

static struct message_question question(
	struct client *c, enum message_operation operation, const char *remote)
{
	struct message_question q = {.operation = operation,
		.newest = 2,
		.session = c->session,
		.sequence = ++c->sequence,
		.proposed = 5201};
	memcpy(q.cookie, c->cookie, sizeof q.cookie);
	if (remote)
		q.remote = at(remote);
	return q;
}

static void write_question(const struct client *c, const struct message_question *q, uint8_t bytes[SEAL_SIZE])
{
	uint8_t content[MESSAGE_SIZE];
	struct seal_keys keys;
	assert_true(seal_keys_of_member(c->who, w.detour.public, &keys));
	message_write_question(q, content);
	seal(SEAL_QUESTION, member_id(c->who->public), keys.ask, content, bytes);
}

static struct desk_outcome deliver(const struct place *from, const uint8_t *bytes, size_t size)
{
	struct desk_letter letter = {*from, ip("10.0.0.254"), bytes, size, 0};
	struct desk_outcome outcome;
	desk_take(&w.desk, w.now, w.up, &letter, &outcome);
	if (outcome.evicted)
		mapping_remove(w.desk.table, outcome.evicted);
	if (outcome.released)
		mapping_remove(w.desk.table, outcome.released);
	return outcome;
}

/* Sends a question; the answer opened with the client's own keys, which takes its cookie over. False: silence. */
static bool ask_with(struct client *c, const struct message_question *q, struct message_answer *answer)
{
	uint8_t bytes[SEAL_SIZE], content[MESSAGE_SIZE];
	struct seal_keys keys;
	write_question(c, q, bytes);
	struct desk_outcome outcome = deliver(&c->from, bytes, sizeof bytes);
	if (!outcome.answered)
		return false;
	assert_int_equal(desk_write(&outcome, drawn(), bytes), SEAL_SIZE); /* as long as the question */
	assert_true(seal_keys_of_member(c->who, w.detour.public, &keys));
	assert_true(unseal(bytes, keys.answer, content));
	assert_int_equal(message_read_answer(content, sizeof content, answer), MESSAGE_OK);
	assert_true(answer->sequence == q->sequence);
	memcpy(c->cookie, answer->cookie, sizeof c->cookie);
	return true;
}

static enum message_result ask(struct client *c, enum message_operation operation, const char *remote)
{
	struct message_question q = question(c, operation, remote);
	struct message_answer answer;
	assert_true(ask_with(c, &q, &answer));
	return answer.result;
}

static struct client proven(const struct identity *who, const char *from)
{
	struct client c = {.who = who, .from = at(from), .session = 77};
	assert_int_equal(ask(&c, MESSAGE_HELLO, NULL), MESSAGE_PROVE);
	assert_int_equal(ask(&c, MESSAGE_HELLO, NULL), MESSAGE_GRANTED);
	return c;
}

static void a_member_proves_its_address_and_is_served(void **state)
{
	(void)state;
	struct client c = {.who = &w.alice, .from = at("10.0.1.1:4000"), .session = 5};
	struct message_question q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	struct message_answer answer;
	assert_true(ask_with(&c, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_PROVE);
	assert_int_equal(mapping_count(w.desk.table), 0); /* no state for an address that is not proven */
	q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	assert_true(ask_with(&c, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_GRANTED);
	assert_int_equal(answer.port, 5201);
	assert_int_equal(answer.lease_s, 300);
	struct address client = ip("10.0.1.1");
	assert_true(mapping_find_port(w.desk.table, &client, 5201)->owner == member_id(w.alice.public));
	/* From then on one round trip each. */
	assert_int_equal(ask(&c, MESSAGE_MAP, "10.0.5.2:80"), MESSAGE_GRANTED);
	assert_int_equal(mapping_count(w.desk.table), 2);
}

/* One datagram of a train, at a time; the answer, or NULL. */
static const struct message_answer *probe(
	struct client *c, uint8_t place, uint8_t of, size_t size, int64_t arrived_ns)
{
	static struct desk_outcome outcome;
	uint8_t bytes[MESSAGE_TRAIN_SIZE] = {0};
	struct message_question q = question(c, MESSAGE_PROBE, NULL);
	q.proposed = 0;
	q.train = (struct message_train){place, of, 1000};
	write_question(c, &q, bytes);
	struct desk_letter letter = {c->from, ip("10.0.0.254"), bytes, size, arrived_ns};
	desk_take(&w.desk, w.now, w.up, &letter, &outcome);
	return outcome.answered ? &outcome.answer : NULL;
}

static void a_train_is_timed_and_its_last_one_answered(void **state)
{
	(void)state;
	struct client c = proven(&w.alice, "10.0.1.1:4000");
	const int64_t ms = 1000000;
	assert_null(probe(&c, 0, 4, 1000, 10 * ms));
	assert_null(probe(&c, 1, 4, 1000, 11 * ms));
	c.sequence++; /* the third is lost */
	const struct message_answer *answer = probe(&c, 3, 4, 1000, 14 * ms);
	assert_non_null(answer);
	assert_int_equal(answer->result, MESSAGE_GRANTED);
	assert_int_equal(answer->arrived, 3);
	assert_int_equal(answer->span_ns, 4 * ms);
	/* One whose end was lost says nothing of the next. */
	assert_null(probe(&c, 0, 2, 1000, 100 * ms));
	c.sequence++;
	assert_null(probe(&c, 0, 2, 1000, 200 * ms));
	answer = probe(&c, 1, 2, 1000, 203 * ms);
	assert_int_equal(answer->arrived, 2);
	assert_int_equal(answer->span_ns, 3 * ms);
	assert_int_equal(w.desk.counters.probed, 6);
	assert_int_equal(mapping_count(w.desk.table), 0);
	/* What is not as long as it says is refused, in silence; so is a long datagram that is no probe. */
	assert_null(probe(&c, 1, 2, 999, 1));
	uint8_t bytes[MESSAGE_TRAIN_SIZE] = {0};
	struct message_question q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	write_question(&c, &q, bytes);
	assert_false(deliver(&c.from, bytes, SEAL_SIZE + 1).answered);
	assert_int_equal(w.desk.counters.malformed, 2);
	/* Nor does a replayed one move a train. */
	q = question(&c, MESSAGE_PROBE, NULL);
	q.train = (struct message_train){0, 2, SEAL_SIZE};
	write_question(&c, &q, bytes);
	deliver(&c.from, bytes, SEAL_SIZE);
	deliver(&c.from, bytes, SEAL_SIZE);
	assert_int_equal(w.desk.counters.replayed, 1);
}

static void strangers_hear_nothing(void **state)
{
	(void)state;
	struct client stranger = {.who = &w.mallory, .from = at("10.0.1.1:4000")};
	struct message_question q = question(&stranger, MESSAGE_MAP, "10.0.5.1:5201");
	struct message_answer answer;
	assert_false(ask_with(&stranger, &q, &answer));
	/* In a member's name, but by another's key: the list of members is no secret, and of no use to whoever stole it. */
	uint8_t bytes[SEAL_SIZE];
	write_question(&stranger, &q, bytes);
	uint64_t id = member_id(w.alice.public);
	for (int i = 0; i < 8; i++)
		bytes[4 + i] = (uint8_t)(id >> (56 - 8 * i));
	assert_false(deliver(&stranger.from, bytes, sizeof bytes).answered);
	randombytes_buf(bytes, sizeof bytes);
	for (size_t size = 0; size <= sizeof bytes; size++)
		assert_false(deliver(&stranger.from, bytes, size).answered);
	assert_int_equal(w.desk.counters.strangers, 2);
	assert_int_equal(mapping_count(w.desk.table), 0);
}

static void a_captured_question_is_worth_nothing(void **state)
{
	(void)state;
	struct client c = proven(&w.alice, "10.0.1.1:4000");
	struct message_question q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	uint8_t bytes[SEAL_SIZE];
	write_question(&c, &q, bytes);
	assert_true(deliver(&c.from, bytes, sizeof bytes).answered);
	/* Again, from there: silence. */
	assert_false(deliver(&c.from, bytes, sizeof bytes).answered);
	assert_int_equal(w.desk.counters.replayed, 1);
	/* From elsewhere: at most a cookie, for whoever is there, and nobody but the member can read it. */
	struct place elsewhere = at("10.0.1.66:4000");
	struct desk_outcome outcome = deliver(&elsewhere, bytes, sizeof bytes);
	assert_int_equal(outcome.answer.result, MESSAGE_PROVE);
	/* After its mapping was released, it does not come back. */
	assert_int_equal(ask(&c, MESSAGE_RELEASE, "10.0.5.1:5201"), MESSAGE_GRANTED);
	assert_false(deliver(&c.from, bytes, sizeof bytes).answered);
	/* After a restart the cookie is another's. */
	w.desk.secret.bytes[0]++;
	assert_int_equal(deliver(&c.from, bytes, sizeof bytes).answer.result, MESSAGE_PROVE);
}

static void replays_make_nobody_a_flood(void **state)
{
	(void)state;
	struct client c = proven(&w.alice, "10.0.1.1:4000");
	struct message_question q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	uint8_t bytes[SEAL_SIZE];
	int answered = 0;
	write_question(&c, &q, bytes);
	for (int i = 0; i < 100000; i++) {
		struct place victim = at("10.0.1.66:4000");
		answered += deliver(&victim, bytes, sizeof bytes).answered;
	}
	assert_in_range(answered, 1, 200);
	/* And alice, at her place, is served. */
	assert_int_equal(ask(&c, MESSAGE_MAP, "10.0.5.1:5201"), MESSAGE_GRANTED);
}

static void versions_cannot_be_held_down(void **state)
{
	(void)state;
	struct client c = proven(&w.alice, "10.0.1.1:4000");
	struct message_question q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	struct message_answer answer;
	q.newest =
		3; /* of a later client, to this detour: it is served, and told that 2 is the newest here */
	assert_true(ask_with(&c, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_GRANTED);
	assert_int_equal(answer.newest, 2);
	w.desk.newest = 3; /* both speak 3: that this one came in 2 is somebody's doing */
	q = question(&c, MESSAGE_MAP, "10.0.5.1:5201");
	q.newest = 3;
	assert_true(ask_with(&c, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_TOO_OLD);
	assert_int_equal(
		ask(&c, MESSAGE_MAP, "10.0.5.1:5201"), MESSAGE_GRANTED); /* an old client is not refused */
}

static void each_refusal_has_its_reason(void **state)
{
	(void)state;
	struct client c = proven(&w.bob, "10.0.1.1:4000");
	struct message_question q;
	struct message_answer answer;
	assert_int_equal(ask(&c, MESSAGE_MAP, "192.168.1.1:80"), MESSAGE_DESTINATION);
	assert_int_equal(ask(&c, MESSAGE_MAP, "[2001:db8::5]:80"), MESSAGE_FAMILY);
	assert_int_equal(ask(&c, MESSAGE_RENEW, "10.0.5.1:80"), MESSAGE_NO_MAPPING);
	assert_int_equal(ask(&c, MESSAGE_RELEASE, "10.0.5.1:80"), MESSAGE_NO_MAPPING);
	q = question(&c, MESSAGE_MAP, "10.0.5.1:80");
	q.flags = MESSAGE_ON_BEHALF;
	q.client = ip("10.7.1.1");
	assert_true(ask_with(&c, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_PERMISSION);
	w.up = false;
	assert_int_equal(ask(&c, MESSAGE_MAP, "10.0.5.1:80"), MESSAGE_UNAVAILABLE);
	w.up = true;
	for (int i = 1; i <= 3; i++)
		assert_int_equal(ask(&c, MESSAGE_MAP,
					 i == 1   ? "10.0.5.1:1"
					 : i == 2 ? "10.0.5.1:2"
						  : "10.0.5.1:3"),
			MESSAGE_GRANTED);
	assert_int_equal(ask(&c, MESSAGE_MAP, "10.0.5.1:4"), MESSAGE_QUOTA);
	assert_int_equal(ask(&c, MESSAGE_MAP, "10.0.5.1:3"), MESSAGE_GRANTED); /* which is there */
	assert_int_equal(ask(&c, MESSAGE_RELEASE, "10.0.5.1:3"), MESSAGE_GRANTED);
	enum message_result result = MESSAGE_GRANTED;
	for (int i = 0; i < 60 && result == MESSAGE_GRANTED; i++)
		result = ask(&c, MESSAGE_HELLO, NULL);
	assert_int_equal(result, MESSAGE_RATE);
	w.now += S;
	assert_int_equal(ask(&c, MESSAGE_HELLO, NULL), MESSAGE_GRANTED);
	q = question(&c, MESSAGE_MAP, "10.0.5.1:9");
	q.flags = MESSAGE_OPTION;
	assert_true(ask_with(&c, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_NO_OPTION);
	assert_int_not_equal(answer.port, 0); /* granted all the same */
}

static void a_box_may_ask_for_those_behind_it(void **state)
{
	(void)state;
	struct client box = proven(&w.alice, "[2001:db8::b]:4000"); /* over IPv6, for an IPv4 client */
	struct message_question q = question(&box, MESSAGE_MAP, "10.0.5.1:80");
	struct message_answer answer;
	q.flags = MESSAGE_ON_BEHALF;
	q.client = ip("10.7.1.1");
	assert_true(ask_with(&box, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_GRANTED);
	assert_non_null(mapping_find_port(w.desk.table, &q.client, answer.port));
	q = question(&box, MESSAGE_MAP, "10.0.5.1:80");
	q.flags = MESSAGE_ON_BEHALF;
	q.client = ip("10.8.1.1");
	assert_true(ask_with(&box, &q, &answer));
	assert_int_equal(answer.result, MESSAGE_PERMISSION);
	assert_int_equal(ask(&box, MESSAGE_MAP, "[2001:db8::5]:80"), MESSAGE_GRANTED); /* its own, by IPv6 */
}

static void two_members_behind_one_address(void **state)
{
	(void)state;
	struct client a = proven(&w.alice, "10.0.1.1:4000"), b = proven(&w.bob, "10.0.1.1:4001");
	struct message_question q = question(&a, MESSAGE_MAP, "10.0.5.1:80");
	struct message_answer first, second;
	assert_true(ask_with(&a, &q, &first));
	q = question(&b, MESSAGE_MAP, "10.0.5.1:80");
	assert_true(ask_with(&b, &q, &second));
	assert_int_not_equal(first.port, second.port);
	assert_int_equal(ask(&b, MESSAGE_RELEASE, "10.0.5.1:80"), MESSAGE_GRANTED);
	assert_int_equal(ask(&b, MESSAGE_RELEASE, "10.0.5.1:80"), MESSAGE_NO_MAPPING);
	struct address client = ip("10.0.1.1");
	assert_non_null(mapping_find_port(w.desk.table, &client, first.port));
}

/* --- version 1 */

static bool ask_v1(const char *from, const char *remote, uint16_t proposed, uint16_t *port)
{
	uint8_t bytes[DETOUR_WIRE_SIZE], answer[SEAL_SIZE];
	struct place to = at(remote), client = {ip(from), 999};
	struct detour_message m = {
		.remote = address_v4(&to.address), .remote_port = to.port, .detour_port = proposed};
	detour_wire_encode(&m, bytes);
	struct desk_outcome outcome = deliver(&client, bytes, sizeof bytes);
	if (!outcome.answered)
		return false;
	assert_int_equal(desk_write(&outcome, drawn(), answer), DETOUR_WIRE_SIZE);
	assert_int_equal(detour_wire_decode(answer, DETOUR_WIRE_SIZE, &m), DETOUR_WIRE_OK);
	assert_int_equal(m.operation, DETOUR_WIRE_RESPONSE);
	*port = m.detour_port;
	return true;
}

static void version_1_is_for_named_addresses(void **state)
{
	uint16_t port = 0;
	(void)state;
	assert_true(ask_v1("10.0.9.1", "10.0.5.1:5201", 8080, &port));
	assert_int_equal(port, 8080);
	assert_true(ask_v1("10.0.9.1", "10.0.5.1:5201", 9999, &port));
	assert_int_equal(port, 8080);
	assert_true(ask_v1("10.0.9.1", "10.0.5.1:22", 22, &port));
	assert_int_not_equal(port, 22);
	assert_false(ask_v1("10.0.8.1", "10.0.5.1:5201", 8080, &port));
	assert_false(ask_v1("10.0.9.1", "192.168.1.1:80", 80, &port));
	w.up = false;
	assert_false(ask_v1("10.0.9.1", "10.0.5.1:5201", 8080, &port));
	assert_int_equal(w.desk.counters.denied, 1);
}

static void forged_requests_shut_nobody_out(void **state)
{
	uint16_t port;
	char remote[32];
	(void)state;
	for (int i = 0; i < 1024; i++) {
		snprintf(remote, sizeof remote, "10.30.%d.%d:443", i >> 8, i & 255);
		w.now += S / 100;
		ask_v1("10.0.9.1", remote, 443, &port);
	}
	assert_int_equal(mapping_count(w.desk.table), w.rules.client_most);
	assert_true(ask_v1("10.0.9.1", "10.0.5.1:5201", 5201, &port)); /* the honest one, after them */
	struct address client = ip("10.0.9.1");
	mapping_find_port(w.desk.table, &client, port)->live = 1;
	for (int i = 0; i < 1024; i++) {
		snprintf(remote, sizeof remote, "10.31.%d.%d:443", i >> 8, i & 255);
		w.now += S / 100;
		ask_v1("10.0.9.1", remote, 443, &port);
	}
	struct place still = at("10.0.5.1:5201");
	assert_non_null(mapping_find_remote(w.desk.table, MAPPING_NOBODY, &client, &still));
}

static void what_would_not_be_made_today_is_not_kept(void **state)
{
	(void)state;
	struct client c = proven(&w.alice, "10.0.1.1:4000");
	assert_int_equal(ask(&c, MESSAGE_MAP, "10.0.5.1:80"), MESSAGE_GRANTED);
	struct address client = ip("10.0.1.1"), own[] = {ip("10.0.5.1")};
	struct mapping *m = mapping_find_port(w.desk.table, &client, 5201);
	assert_true(desk_would_keep(&w.desk, m));
	w.desk.around.own = own; /* the address comes to this host */
	w.desk.around.own_count = 1;
	assert_false(desk_would_keep(&w.desk, m));
	w.desk.around.own_count = 0;
	m->owner = member_id(w.mallory.public);
	assert_false(desk_would_keep(&w.desk, m));
	m->owner = MAPPING_NOBODY;
	assert_false(desk_would_keep(&w.desk, m));
	m->owner = member_id(w.alice.public);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	char *error = NULL;
	if (seal_init(&error) < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		TEST(a_member_proves_its_address_and_is_served),
		TEST(a_train_is_timed_and_its_last_one_answered),
		TEST(strangers_hear_nothing),
		TEST(a_captured_question_is_worth_nothing),
		TEST(replays_make_nobody_a_flood),
		TEST(versions_cannot_be_held_down),
		TEST(each_refusal_has_its_reason),
		TEST(a_box_may_ask_for_those_behind_it),
		TEST(two_members_behind_one_address),
		TEST(version_1_is_for_named_addresses),
		TEST(forged_requests_shut_nobody_out),
		TEST(what_would_not_be_made_today_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
