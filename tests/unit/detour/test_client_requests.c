/* The detour client: retries, deadlines and answers of version 1. */
#include "tests/unit/detour/client_wire.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_goes_out_at_once_as_published),
		cmocka_unit_test(a_lost_question_is_repeated_with_back_off_until_the_deadline),
		cmocka_unit_test(a_late_answer_is_used),
		cmocka_unit_test(the_first_answer_stands_whatever_comes_after_it),
		cmocka_unit_test(what_nobody_asked_for_is_counted_and_dropped),
		cmocka_unit_test(a_mapping_answers_the_next_connection_unless_in_doubt),
		cmocka_unit_test(a_mapping_is_renewed_while_it_is_wanted),
		cmocka_unit_test(a_mapping_that_nobody_wants_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
