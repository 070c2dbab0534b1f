/* The cellular radio: when a packet may leave, when states change, and what they cost. */
#include "lib/link/radio.h"
#include "tests/unit/check.h"

#include <math.h>
#define MS 1000000LL
#define S (1000 * MS)

static struct radio make(const char *name)
{
	struct radio radio;
	const struct radio_profile *profile = radio_profile(name);
	assert_non_null(profile);
	radio_init(&radio, profile, 0);
	return radio;
}

static void test_profiles_are_whole(void **state)
{
	(void)state;
	int count = 0;
	for (const struct radio_profile *p = radio_profiles; p->name; p++, count++) {
		assert_ptr_equal(radio_profile(p->name), p);
		assert_non_null(p->source);
		assert_true(p->promotion_ns > 0 && p->tail_ns > 0);
		assert_true(p->rtt_cold_ns > p->rtt_hot_ns);
		assert_true(p->power_mw[RADIO_HIGH] > p->power_mw[RADIO_IDLE]);
	}
	assert_true(count >= 3);
	assert_null(radio_profile("5g"));
}

/* The measured profile: 2.3 s up, the packet's 100 ms, 7.3 s of tail. */
static void test_one_packet(void **state)
{
	(void)state;
	struct radio r = make("3g");
	assert_true(radio_packet(&r, 1 * S, 100 * MS) == 3300 * MS);
	assert_int_equal(r.state, RADIO_PROMOTION);
	assert_true(radio_deadline(&r) == 3300 * MS);
	radio_advance(&r, 3300 * MS);
	assert_int_equal(r.state, RADIO_HIGH);
	radio_advance(&r, 3400 * MS);
	assert_int_equal(r.state, RADIO_TAIL);
	assert_true(radio_is_up(&r));
	radio_advance(&r, 10700 * MS - 1);
	assert_int_equal(r.state, RADIO_TAIL);
	radio_advance(&r, 20 * S);
	assert_int_equal(r.state, RADIO_IDLE);
	assert_true(radio_deadline(&r) == RADIO_NEVER);
	assert_true(r.time_ns[RADIO_PROMOTION] == 2300 * MS);
	assert_true(r.time_ns[RADIO_HIGH] == 100 * MS);
	assert_true(r.time_ns[RADIO_TAIL] == 7300 * MS);
	assert_true(r.time_ns[RADIO_IDLE] == 20 * S - 9700 * MS);
	assert_true(fabs(radio_energy_mj(&r) - (2.4 * 650 + 7.3 * 411)) < 1e-6);
	assert_true(radio_high_ns(&r) == 9700 * MS);
	assert_int_equal(r.promotions, 1);
}

static void test_packets_during_promotion_wait_for_its_end(void **state)
{
	(void)state;
	struct radio r = make("3g");
	radio_packet(&r, 0, 0);
	assert_true(radio_packet(&r, 1 * S, 0) == 2300 * MS);
	assert_int_equal(r.promotions, 1);
	radio_advance(&r, 2300 * MS);
	assert_true(radio_deadline(&r) == 9600 * MS);
}

static void test_a_packet_in_the_tail_starts_it_anew(void **state)
{
	(void)state;
	struct radio r = make("3g");
	radio_packet(&r, 0, 0);
	for (int64_t t = 9 * S; t < 60 * S; t += 7 * S)
		assert_true(radio_packet(&r, t, 0) == t);
	assert_int_equal(r.promotions, 1);
}

/* A state that ends exactly when a packet comes has ended. */
static void test_a_packet_at_the_end_of_the_tail_is_cold(void **state)
{
	(void)state;
	struct radio r = make("3g");
	radio_packet(&r, 0, 0);
	assert_true(radio_packet(&r, 9600 * MS, 0) == 11900 * MS);
	assert_int_equal(r.promotions, 2);
}

/* The paper's simulator: a lone request costs ten seconds, promotion included. */
static void test_tail_from_request(void **state)
{
	(void)state;
	struct radio r = make("3g-simulation");
	for (int i = 0; i < 10; i++)
		radio_packet(&r, i * 30 * S, 0);
	radio_advance(&r, 300 * S);
	assert_true(radio_high_ns(&r) == 100 * S);
	assert_int_equal(r.promotions, 10);
}

static void test_release(void **state)
{
	(void)state;
	struct radio r = make("3g");
	radio_packet(&r, 0, 500 * MS);
	radio_release(&r, 0); /* the promotion and the packet are finished all the same */
	radio_advance(&r, 10 * S);
	assert_true(radio_high_ns(&r) == 2800 * MS);
	radio_packet(&r, 10 * S, 0);
	radio_advance(&r, 15 * S);
	assert_int_equal(r.state, RADIO_TAIL);
	radio_release(&r, 15 * S);
	assert_int_equal(r.state, RADIO_IDLE);
	/* The next packet's tail is whole again. */
	radio_packet(&r, 20 * S, 0);
	radio_advance(&r, 40 * S);
	assert_true(r.time_ns[RADIO_TAIL] == 2700 * MS + 7300 * MS);
}

static void test_forget(void **state)
{
	(void)state;
	struct radio r = make("3g");
	radio_packet(&r, 0, 500 * MS);
	radio_forget(&r, 5 * S);
	assert_int_equal(r.state, RADIO_TAIL);
	assert_int_equal(r.promotions, 0);
	assert_true(radio_energy_mj(&r) == 0);
	radio_advance(&r, 6 * S);
	assert_true(radio_high_ns(&r) == 1 * S);
	assert_true(r.time_ns[RADIO_TAIL] == 1 * S);
	assert_true(radio_deadline(&r) == 2800 * MS + 7300 * MS);
}

static void test_low_state(void **state)
{
	(void)state;
	struct radio_profile profile = *radio_profile("3g");
	profile.low_ns = 5 * S;
	profile.low_promotion_ns = 600 * MS;
	struct radio r;
	radio_init(&r, &profile, 0);
	radio_packet(&r, 0, 0);
	radio_advance(&r, 10 * S);
	assert_int_equal(r.state, RADIO_LOW);
	assert_false(radio_is_up(&r));
	assert_true(radio_packet(&r, 10 * S, 0) == 10600 * MS);
	radio_advance(&r, 60 * S);
	assert_int_equal(r.state, RADIO_IDLE);
	assert_true(r.time_ns[RADIO_LOW] == 400 * MS + 5 * S);
	assert_int_equal(r.promotions, 2);
}

/* Time that stands still or runs backwards is no time; the sum of the states is the time gone by. */
static void test_time_adds_up(void **state)
{
	(void)state;
	struct radio r = make("lte");
	uint32_t x = 1;
	int64_t now = 0, sum = 0;
	for (int i = 0; i < 10000; i++) {
		x = x * 1664525 + 1013904223;
		now += (int64_t)(x >> 8) * 1000;
		int64_t at = i % 7 == 0 ? now - 5 * S : now;
		int64_t start = radio_packet(&r, at, (x >> 4) % (1000 * MS));
		assert_true(start >= r.now || start >= at);
		if (i % 5 == 0)
			radio_release(&r, now);
	}
	radio_advance(&r, now + 100 * S);
	for (int i = 0; i < RADIO_STATES; i++)
		sum += r.time_ns[i];
	assert_true(sum == now + 100 * S);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(radio_state_name(RADIO_IDLE), "idle");
	assert_string_equal(radio_state_name(RADIO_LOW), "low");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles_are_whole),
		cmocka_unit_test(test_one_packet),
		cmocka_unit_test(test_packets_during_promotion_wait_for_its_end),
		cmocka_unit_test(test_a_packet_in_the_tail_starts_it_anew),
		cmocka_unit_test(test_a_packet_at_the_end_of_the_tail_is_cold),
		cmocka_unit_test(test_tail_from_request),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_low_state),
		cmocka_unit_test(test_time_adds_up),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
