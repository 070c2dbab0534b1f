/* The detour client: retries, deadlines and answers of version 1, and of version 2 against the daemon's own desk; with
 * invented times and without a network. */
#include "nodes/detour/client/request.c"
#include "nodes/detour/daemon/desk.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <sodium.h>

#define MS 1000000LL
#define SEC 1000000000LL

struct wire {
	unsigned sent, mapped, unmapped;
	struct detour_message last;
	uint8_t bytes[MESSAGE_TRAIN_SIZE];
	size_t size;
	struct address from;
	/* Of a train: when each arrives, which is lost, the answer. */
	int64_t arrives;
	unsigned lost, in_train;
	void (*on_train)(struct wire *wire);
	uint8_t answer[SEAL_SIZE];
	size_t answer_size;
	unsigned probed_sent, probed_arrived;
	int64_t probed_span;
	struct request_subject subject;
	uint16_t port;
	int64_t since;
	const char *why;
	bool wanted;
};

static void wire_send(
	void *context, unsigned detour, const struct address *local, const void *bytes, size_t size)
{
	struct wire *wire = context;
	assert_int_equal(detour, 0);
	wire->sent++;
	wire->from = *local;
	wire->size = size;
	memcpy(wire->bytes, bytes, size);
	if (size > SEAL_SIZE && wire->on_train)
		wire->on_train(wire);
	if (size == DETOUR_WIRE_SIZE) {
		assert_int_equal(detour_wire_decode(bytes, size, &wire->last), DETOUR_WIRE_OK);
		assert_int_equal(wire->last.operation, DETOUR_WIRE_REQUEST);
	}
}

static void wire_mapped(
	void *context, int64_t now, const struct request_subject *subject, uint16_t port, int64_t since)
{
	struct wire *wire = context;
	(void)now;
	wire->mapped++;
	wire->subject = *subject;
	wire->port = port;
	wire->since = since;
}

static void wire_unmapped(void *context, int64_t now, const struct request_subject *subject, const char *why)
{
	struct wire *wire = context;
	(void)now;
	wire->subject = *subject;
	wire->why = why;
	wire->unmapped++;
}

static void wire_probed(void *context, unsigned detour, const struct address *local, unsigned sent,
	unsigned arrived, int64_t span_ns, unsigned size)
{
	struct wire *wire = context;
	assert_int_equal(detour, 0);
	assert_true(address_equal(local, &wire->from));
	assert_int_equal(size, 1000);
	wire->probed_sent = sent;
	wire->probed_arrived = arrived;
	wire->probed_span = span_ns;
}

static bool wire_wanted(void *context, const struct request_subject *subject)
{
	(void)subject;
	return ((struct wire *)context)->wanted;
}

static struct address ip(const char *text)
{
	struct address a;
	assert_true(address_parse(text, &a));
	return a;
}

static struct request_subject server(void)
{
	return (struct request_subject){0, ip("10.0.1.1"), {ip("10.0.3.1"), 5201}};
}

static struct requests *client_of(struct wire *wire)
{
	struct request_detour detour = {
		.at = {ip("10.0.6.1"), 45672}, .deadline_ns = 5 * SEC, .renew_ns = 30 * SEC};
	struct request_handlers handlers = {.send = wire_send,
		.mapped = wire_mapped,
		.unmapped = wire_unmapped,
		.wanted = wire_wanted,
		.context = wire};
	struct requests *requests = requests_new(2, NULL, 1, &handlers);
	assert_true(requests_set_detour(requests, 0, &detour));
	return requests;
}

static void ask(struct requests *requests, int64_t now, bool fresh)
{
	struct request_subject subject = server();
	requests_ask(requests, now, &subject, fresh);
}

static void answer(struct requests *requests, int64_t now, const char *remote, uint16_t rport, uint16_t port)
{
	struct address local = ip("10.0.1.1"), to = ip(remote);
	struct detour_message message = {.operation = DETOUR_WIRE_RESPONSE,
		.remote = address_v4(&to),
		.remote_port = rport,
		.detour_port = port};
	uint8_t bytes[DETOUR_WIRE_SIZE];
	detour_wire_encode(&message, bytes);
	requests_receive(requests, now, 0, &local, bytes, sizeof bytes);
}

static void a_question_goes_out_at_once_as_published(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	struct request_subject other = server();
	(void)unused;
	ask(requests, 0, false);
	assert_int_equal(wire.sent, 1);
	assert_int_equal(wire.size, DETOUR_WIRE_SIZE);
	assert_true(wire.last.remote.s_addr == inet_addr("10.0.3.1"));
	assert_int_equal(wire.last.remote_port, 5201);
	assert_int_equal(wire.last.detour_port, 5201); /* the proposal: usually the remote's own */
	struct address own = ip("10.0.1.1");
	assert_true(address_equal(&wire.from, &own));
	ask(requests, 1, false); /* joined */
	assert_int_equal(wire.sent, 1);
	other.detour = 1; /* none there */
	requests_ask(requests, 1, &other, false);
	assert_int_equal(wire.sent, 1);
	answer(requests, 20 * MS, "10.0.3.1", 5201, 6001);
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(wire.port, 6001);
	/* From another address of ours it is another question. */
	other = server();
	other.local = ip("10.0.1.77");
	requests_ask(requests, 30 * MS, &other, false);
	assert_int_equal(wire.sent, 2);
	assert_true(address_equal(&wire.from, &other.local));
	requests_free(requests);
}

static void a_lost_question_is_repeated_with_back_off_until_the_deadline(void **unused)
{
	static const int64_t repeats[] = {200 * MS, 600 * MS, 1400 * MS, 3000 * MS};
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(requests_deadline(requests), repeats[i]);
		requests_tick(requests, repeats[i] - 1);
		assert_int_equal(wire.sent, 1 + i);
		requests_tick(requests, repeats[i]);
		assert_int_equal(wire.sent, 2 + i);
	}
	assert_int_equal(requests_deadline(requests), 5 * SEC);
	requests_tick(requests, 5 * SEC - 1);
	assert_int_equal(wire.unmapped, 0);
	requests_tick(requests, 5 * SEC);
	assert_int_equal(wire.unmapped, 1);
	assert_string_equal(wire.why, "silent");
	assert_int_equal(wire.sent, 5);
	assert_int_equal(requests_counters(requests, 0)->timed_out, 1);
	assert_int_equal(requests_counters(requests, 0)->repeated, 4);
	requests_free(requests);
}

static void a_late_answer_is_used(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	requests_tick(requests, 5 * SEC);
	answer(requests, 7 * SEC, "10.0.3.1", 5201, 5201);
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(requests_counters(requests, 0)->late, 1);
	requests_free(requests);
}

/* The one fault of today's daemons that a single datagram used: a forged answer led the next subflows to port 22. */
static void the_first_answer_stands_whatever_comes_after_it(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	answer(requests, 1, "10.0.3.1", 5201, 5201);
	answer(requests, 2, "10.0.3.1", 5201, 5201);
	answer(requests, 2 * SEC, "10.0.3.1", 5201, 22);
	assert_int_equal(wire.mapped, 1);
	assert_int_equal(requests_counters(requests, 0)->duplicate, 2);
	ask(requests, 3 * SEC, false);
	assert_int_equal(wire.port, 5201);
	/* Only when the detour is asked again may it answer otherwise. */
	ask(requests, 4 * SEC, true);
	answer(requests, 4 * SEC, "10.0.3.1", 5201, 6001);
	assert_int_equal(wire.port, 6001);
	assert_int_equal(wire.since, 4 * SEC);
	requests_free(requests);
}

static void what_nobody_asked_for_is_counted_and_dropped(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	struct address local = ip("10.0.1.1"), other = ip("10.0.1.77");
	uint8_t bytes[DETOUR_WIRE_SIZE + 1] = {1, 1, 0, 0, 10, 0, 3, 1, 0x14, 0x51, 0x14, 0x51};
	(void)unused;
	ask(requests, 0, false);
	answer(requests, 1, "10.0.3.1", 5202, 5202);                       /* another destination */
	requests_receive(requests, 1, 0, &other, bytes, DETOUR_WIRE_SIZE); /* in another channel */
	assert_int_equal(requests_counters(requests, 0)->unknown, 2);
	requests_receive(requests, 1, 0, &local, bytes, 0);
	requests_receive(requests, 1, 0, &local, bytes, DETOUR_WIRE_SIZE - 1);
	requests_receive(requests, 1, 0, &local, bytes, DETOUR_WIRE_SIZE + 1);
	requests_receive(requests, 1, 1, &local, bytes, DETOUR_WIRE_SIZE); /* no such detour */
	requests_receive(requests, 1, 9, &local, bytes, DETOUR_WIRE_SIZE);
	bytes[0] = 2;
	requests_receive(requests, 1, 0, &local, bytes, DETOUR_WIRE_SIZE);
	bytes[0] = 1;
	bytes[1] = 0; /* a request */
	requests_receive(requests, 1, 0, &local, bytes, DETOUR_WIRE_SIZE);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_SHORT], 2);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_LONG], 1);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_BAD_VERSION], 1);
	assert_int_equal(requests_counters(requests, 0)->faults[DETOUR_WIRE_OK], 1);
	assert_int_equal(wire.mapped, 0);
	requests_free(requests);
}

static void a_mapping_answers_the_next_connection_unless_in_doubt(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	answer(requests, 10, "10.0.3.1", 5201, 6001);
	ask(requests, SEC, false);
	assert_int_equal(wire.sent, 1);
	assert_int_equal(wire.mapped, 2);
	assert_int_equal(wire.since, 10); /* its age is that of the first answer */
	ask(requests, 2 * SEC, true);
	assert_int_equal(wire.sent, 2);
	assert_int_equal(wire.last.detour_port, 6001); /* the port in use is proposed */
	requests_free(requests);
}

static void a_mapping_is_renewed_while_it_is_wanted(void **unused)
{
	struct wire wire = {.wanted = true};
	struct requests *requests = client_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	answer(requests, 0, "10.0.3.1", 5201, 5201);
	assert_int_equal(requests_deadline(requests), 30 * SEC);
	requests_tick(requests, 30 * SEC);
	assert_int_equal(wire.sent, 2);
	assert_int_equal(requests_counters(requests, 0)->renewals, 1);
	assert_int_equal(requests_mappings(requests, 0), 1); /* still good while it is being renewed */
	answer(requests, 30 * SEC + 1, "10.0.3.1", 5201, 5201);
	assert_int_equal(wire.since, 0);
	/* A detour that is away when it should renew is tried again a minute later. */
	requests_tick(requests, 61 * SEC);
	requests_tick(requests, 66 * SEC);
	assert_int_equal(wire.unmapped, 1);
	assert_int_equal(requests_mappings(requests, 0), 0);
	unsigned before = wire.sent;
	requests_tick(requests, 66 * SEC + MEMORY_NS);
	assert_int_equal(wire.sent, before + 1);
	requests_free(requests);
}

static void a_mapping_that_nobody_wants_is_forgotten(void **unused)
{
	struct wire wire = {0};
	struct requests *requests = client_of(&wire);
	(void)unused;
	ask(requests, 0, false);
	answer(requests, 0, "10.0.3.1", 5201, 5201);
	requests_tick(requests, 30 * SEC);
	assert_int_equal(wire.sent, 1);
	assert_int_equal(requests_mappings(requests, 0), 0);
	requests_tick(requests, 30 * SEC + MEMORY_NS);
	assert_int_equal(requests_deadline(requests), REQUESTS_NEVER);
	answer(requests, 200 * SEC, "10.0.3.1", 5201, 5201);
	assert_int_equal(requests_counters(requests, 0)->unknown, 1);
	requests_free(requests);
}

/* ---- version 2, with the desk at the other end ---- */

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
		cmocka_unit_test(a_question_goes_out_at_once_as_published),
		cmocka_unit_test(a_lost_question_is_repeated_with_back_off_until_the_deadline),
		cmocka_unit_test(a_late_answer_is_used),
		cmocka_unit_test(the_first_answer_stands_whatever_comes_after_it),
		cmocka_unit_test(what_nobody_asked_for_is_counted_and_dropped),
		cmocka_unit_test(a_mapping_answers_the_next_connection_unless_in_doubt),
		cmocka_unit_test(a_mapping_is_renewed_while_it_is_wanted),
		cmocka_unit_test(a_mapping_that_nobody_wants_is_forgotten),
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
