/* The detour client: requests of version 2, with the daemon's own desk at the other end. */
#include "nodes/detour/daemon/desk.h"
#include "tests/unit/detour/client_wire.h"
#include <sodium.h>

static bool none_taken(void *context, const struct address *client, const struct address *to, uint16_t port)
{
	(void)context, (void)client, (void)to, (void)port;
	return false;
}

static struct far_end {
	struct identity own, member;
	struct network everywhere;
	struct reach reach;
	struct desk_rules rules;
	struct desk desk;
	bool up;
} far;

static struct identity of_seed(uint8_t seed)
{
	uint8_t bytes[32] = {seed};
	struct identity identity;
	crypto_sign_seed_keypair(identity.public, identity.secret, bytes);
	return identity;
}

static int setup(void **state)
{
	static const uint8_t seed[16] = {1};
	static const struct mapping_limits limits = {
		.max_mappings = 100, .lease_ns = 40 * SEC, .idle_ns = SEC};
	const struct member_rights rights = {.mappings = 2, .rate = 10};
	(void)state;
	memset(&far, 0, sizeof far);
	far.own = of_seed(1);
	far.member = of_seed(2);
	far.up = true;
	assert_true(network_parse("10.0.0.0/8", &far.everywhere));
	far.reach = (struct reach){.allow = &far.everywhere, .allow_count = 1};
	far.rules = (struct desk_rules){.lease_s = 40, .reach = &far.reach};
	far.desk = (struct desk){.rules = &far.rules,
		.own = &far.own,
		.members = members_new(),
		.newest = 2,
		.table = mapping_table_new(&limits, seed),
		.taken = none_taken};
	members_begin(far.desk.members);
	members_name(far.desk.members, "us", far.member.public, &rights);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	members_free(far.desk.members);
	mapping_table_free(far.desk.table);
	return 0;
}

static struct requests *member_of(struct wire *wire)
{
	struct request_detour detour = {
		.at = {ip("10.0.6.1"), 45672}, .sealed = true, .deadline_ns = 5 * SEC, .renew_ns = 30 * SEC};
	struct request_handlers handlers = {.send = wire_send,
		.mapped = wire_mapped,
		.unmapped = wire_unmapped,
		.probed = wire_probed,
		.wanted = wire_wanted,
		.context = wire};
	struct requests *requests = requests_new(1, &far.member, 99, &handlers);
	memcpy(detour.key, far.own.public, SEAL_PUBLIC);
	assert_true(requests_set_detour(requests, 0, &detour));
	return requests;
}

/* Brings the last question to the desk; its answer's size, 0 for silence. */
static size_t bring(const struct wire *wire, int64_t now, uint8_t bytes[SEAL_SIZE])
{
	struct desk_letter letter = {{wire->from, 4000}, ip("10.0.6.1"), wire->bytes, wire->size, 0};
	struct desk_outcome outcome;
	desk_take(&far.desk, now + SEC, far.up, &letter, &outcome);
	size_t size = outcome.answered ? desk_write(&outcome, (uint8_t[24]){7}, bytes) : 0;
	if (outcome.released)
		mapping_remove(far.desk.table, outcome.released);
	return size;
}

/* Lets questions and answers go to and fro until nobody says anything more. */
static void settle(struct requests *requests, struct wire *wire, int64_t now)
{
	uint8_t bytes[SEAL_SIZE];
	unsigned before = 0;
	for (int i = 0; i < 10 && before != wire->sent; i++) {
		before = wire->sent;
		size_t size = bring(wire, now, bytes);
		if (size)
			requests_receive(requests, now, 0, &wire->from, bytes, size);
	}
}

/* The second datagram of each train is lost; the others come a millisecond after one another. */
static void carry(struct wire *wire)
{
	struct desk_letter letter = {
		{wire->from, 4000}, ip("10.0.6.1"), wire->bytes, wire->size, wire->arrives += MS};
	struct desk_outcome outcome;
	if (wire->in_train++ == wire->lost)
		return;
	desk_take(&far.desk, 2 * SEC, far.up, &letter, &outcome);
	wire->answer_size = outcome.answered ? desk_write(&outcome, (uint8_t[24]){7}, wire->answer) : 0;
}

static void a_train_comes_back_as_one_answer(void **unused)
{
	struct wire wire = {.wanted = true, .lost = 1, .on_train = carry};
	struct requests *requests = member_of(&wire);
	struct address local = server().local;
	(void)unused;
	assert_false(requests_probe(requests, 0, &local, 4, 1000));
	assert_int_equal(wire.sent, 0); /* before the address is proven, nothing */
	ask(requests, 0, false);
	settle(requests, &wire, 0);
	unsigned before = wire.sent;
	assert_false(requests_probe(requests, 0, &local, 4, 1000)); /* none was out */
	assert_int_equal(wire.sent, before + 4);
	assert_int_equal(wire.size, 1000);
	assert_int_equal(wire.answer_size, SEAL_SIZE);
	requests_receive(requests, SEC, 0, &local, wire.answer, wire.answer_size);
	assert_int_equal(wire.probed_sent, 4);
	assert_int_equal(wire.probed_arrived, 3);
	assert_true(wire.probed_span == 3 * MS);
	/* The same answer again is none; a train without one is told with the next. */
	requests_receive(requests, SEC, 0, &local, wire.answer, wire.answer_size);
	assert_int_equal(requests_counters(requests, 0)->unknown, 1);
	assert_int_equal(requests_counters(requests, 0)->trains_answered, 1);
	wire.in_train = 0;
	assert_false(requests_probe(requests, 0, &local, 2, 1000));
	assert_true(requests_probe(requests, 0, &local, 2, 1000));
	assert_false(requests_probe(requests, 0, &local, 1, 1000)); /* no train */
	assert_int_equal(requests_counters(requests, 0)->trains, 3);
	requests_free(requests);
}

static void a_member_is_served_after_one_proof(void **unused)
{
	struct wire wire = {.wanted = true};
	struct requests *requests = member_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	assert_int_equal(wire.size, SEAL_SIZE);
	settle(requests, &wire, 0);
	assert_int_equal(wire.sent, 2); /* without and with the cookie */
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(wire.port, 5201);
	assert_int_equal(requests_counters(requests, 0)->proofs, 1);
	/* Renewed before half the lease is over, without another proof. */
	assert_int_equal(requests_deadline(requests), 20 * SEC);
	requests_tick(requests, 20 * SEC);
	settle(requests, &wire, 20 * SEC);
	assert_int_equal(wire.sent, 3);
	assert_int_equal(mapping_count(far.desk.table), 1);
	/* And given back when nobody wants it. */
	wire.wanted = false;
	requests_tick(requests, 40 * SEC);
	settle(requests, &wire, 40 * SEC);
	assert_int_equal(mapping_count(far.desk.table), 0);
	assert_int_equal(requests_counters(requests, 0)->released, 1);
	requests_free(requests);
}

static void a_detour_that_restarts_asks_for_proof_and_goes_on(void **unused)
{
	struct wire wire = {.wanted = true};
	struct requests *requests = member_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	settle(requests, &wire, 0);
	far.desk.secret.bytes[0]++;
	ask(requests, SEC, true);
	settle(requests, &wire, SEC);
	assert_int_equal(requests_counters(requests, 0)->proofs, 2);
	assert_int_equal(wire.mapped, 2);
	requests_free(requests);
}

static void nothing_forged_or_replayed_is_taken(void **unused)
{
	struct wire wire = {.wanted = true};
	struct requests *requests = member_of(&wire);
	uint8_t first[SEAL_SIZE], bytes[SEAL_SIZE];
	struct address local = ip("10.0.1.1"), other = ip("10.0.1.77");
	(void)unused;
	ask(requests, 0, false);
	settle(requests, &wire, 0);
	assert_int_equal(bring(&wire, 0, bytes), 0); /* the same question again: silence */
	ask(requests, SEC, true);
	assert_int_equal(bring(&wire, SEC, first), SEAL_SIZE);
	memcpy(bytes, first, sizeof bytes);
	bytes[60] ^= 1;
	requests_receive(requests, SEC, 0, &local, bytes, sizeof bytes);
	/* Version 1 from a detour whose key is known: never, whatever the network does. */
	uint8_t old[DETOUR_WIRE_SIZE] = {1, 1, 0, 0, 10, 0, 3, 1, 0x14, 0x51, 0, 22};
	requests_receive(requests, SEC, 0, &local, old, sizeof old);
	assert_int_equal(requests_counters(requests, 0)->unsealed, 2);
	requests_receive(requests, SEC, 0, &other, first, sizeof first); /* in another channel */
	assert_int_equal(requests_counters(requests, 0)->unknown, 1);
	assert_int_equal(wire.mapped, 1);
	requests_receive(requests, SEC, 0, &local, first, sizeof first);
	assert_int_equal(wire.mapped, 2);
	requests_receive(requests, 2 * SEC, 0, &local, first, sizeof first); /* replayed */
	assert_int_equal(requests_counters(requests, 0)->unknown, 2);
	assert_int_equal(wire.mapped, 2);
	requests_free(requests);
}

static void a_refusal_ends_the_question_and_has_a_name(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = member_of(&wire);
	struct request_subject private = server();
	(void)unused;
	private.remote.address = ip("192.168.1.1");
	requests_ask(requests, 0, &private, false);
	settle(requests, &wire, 0);
	assert_int_equal(wire.unmapped, 1);
	assert_string_equal(wire.why, "destination");
	assert_string_equal(requests_refusal(requests, 0), "destination");
	/* What passes is waited for. */
	far.up = false;
	ask(requests, SEC, false);
	settle(requests, &wire, SEC);
	assert_int_equal(wire.unmapped, 1);
	far.up = true;
	requests_tick(requests, SEC + 200 * MS);
	settle(requests, &wire, SEC + 200 * MS);
	assert_int_equal(wire.mapped, 1);
	assert_string_equal(requests_refusal(requests, 0), "");
	/* A stranger hears nothing. */
	struct request_subject other = server();
	other.remote.port = 80;
	members_free(far.desk.members);
	far.desk.members = members_new();
	requests_ask(requests, 2 * SEC, &other, false);
	settle(requests, &wire, 2 * SEC);
	requests_tick(requests, 7 * SEC);
	assert_string_equal(wire.why, "silent");
	requests_free(requests);
}

static void a_detour_may_leave_its_place(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = member_of(&wire);
	struct request_detour bad = {.sealed = true};
	(void)unused;
	ask(requests, 0, false);
	settle(requests, &wire, 0);
	assert_true(requests_set_detour(requests, 0, NULL));
	assert_int_equal(requests_mappings(requests, 0), 0);
	ask(requests, SEC, false);
	assert_int_equal(wire.sent, 2);
	assert_false(requests_set_detour(requests, 0, &bad)); /* a key that is none */
	assert_int_equal(requests_deadline(requests), REQUESTS_NEVER);
	requests_free(requests);
}

int main(void)
{
	char *error = NULL;
	if (seal_init(&error) < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_train_comes_back_as_one_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_member_is_served_after_one_proof, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_detour_that_restarts_asks_for_proof_and_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_forged_or_replayed_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_ends_the_question_and_has_a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(a_detour_may_leave_its_place, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
