/* Waypoints are asked as nodes/detour/README.md says: here by the other side of its own library. */
#include "lib/base/units.h"
#include "nodes/steer/waypoint.h"
#include "tests/unit/check.h"
#include <sodium.h>
#include <stdio.h>

#define MS(n) ((n)*NS_PER_MS)

struct stage {
	struct identity own, detour;
	struct waypoint waypoint;
	struct waypoints *waypoints;
	struct message_question last;
	unsigned sent, mapped, failed;
	uint16_t port;
	const char *why;
};

static void on_send(void *context, unsigned index, const void *bytes, size_t size)
{
	struct stage *stage = context;
	struct seal_keys keys;
	uint8_t content[MESSAGE_SIZE];
	(void)index;
	assert_int_equal(size, SEAL_SIZE);
	assert_true(seal_keys_of_detour(&stage->detour, stage->own.public, &keys));
	assert_true(unseal(bytes, keys.ask, content));
	assert_int_equal(message_read_question(content, sizeof content, &stage->last), MESSAGE_OK);
	stage->sent++;
}

static void on_mapped(
	void *context, int64_t now, const struct wish *wish, const struct place *to, const char *why)
{
	struct stage *stage = context;
	(void)now, (void)wish;
	stage->why = why;
	*(to ? &stage->mapped : &stage->failed) += 1;
	stage->port = to ? to->port : 0;
}

static void make_identity(struct identity *identity)
{
	assert_int_equal(crypto_sign_keypair(identity->public, identity->secret), 0);
}

static void open_stage(struct stage *stage)
{
	const struct waypoints_handlers handlers = {on_send, on_mapped, stage};
	char *error = NULL;
	memset(stage, 0, sizeof *stage);
	assert_int_equal(seal_init(&error), 0);
	make_identity(&stage->own);
	make_identity(&stage->detour);
	stage->waypoint.name = "m";
	assert_true(place_parse("10.0.3.1:45672", &stage->waypoint.at));
	memcpy(stage->waypoint.key, stage->detour.public, SEAL_PUBLIC);
	stage->waypoints = waypoints_new(&stage->own, 5, &stage->waypoint, 1, &handlers);
	assert_non_null(stage->waypoints);
}

static void answer(struct stage *stage, int64_t now, enum message_result result, uint16_t port)
{
	struct message_answer message = {.operation = stage->last.operation,
		.newest = MESSAGE_VERSION,
		.result = result,
		.sequence = stage->last.sequence,
		.cookie = "a cookie",
		.port = port,
		.lease_s = 300};
	struct seal_keys keys;
	uint8_t content[MESSAGE_SIZE], bytes[SEAL_SIZE];
	assert_true(seal_keys_of_detour(&stage->detour, stage->own.public, &keys));
	message_write_answer(&message, content);
	seal(SEAL_ANSWER, member_id(stage->own.public), keys.answer, content, bytes);
	waypoints_receive(stage->waypoints, now, 0, bytes, sizeof bytes);
}

static struct wish wish_of(const char *client)
{
	struct wish wish = {0};
	assert_true(address_parse(client, &wish.client));
	assert_true(place_parse("10.0.2.1:80", &wish.server));
	return wish;
}

/* The first greeting brings a cookie, the second proves it: from then on a mapping takes one exchange. */
static void greet(struct stage *stage)
{
	waypoints_tick(stage->waypoints, 0);
	assert_int_equal(stage->last.operation, MESSAGE_HELLO);
	answer(stage, MS(50), MESSAGE_PROVE, 0);
	assert_false(waypoints_is_up(stage->waypoints, 0));
	assert_int_equal(stage->sent, 2);
	assert_memory_equal(stage->last.cookie, "a cookie", 9);
	answer(stage, MS(100), MESSAGE_GRANTED, 0);
	assert_true(waypoints_is_up(stage->waypoints, 0));
	stage->sent = 0;
}

static void maps_in_one_exchange(void **state)
{
	(void)state;
	struct stage s;
	struct wish wish = wish_of("10.0.1.1");
	open_stage(&s);
	greet(&s);
	waypoints_ask(s.waypoints, MS(200), &wish);
	assert_int_equal(s.last.operation, MESSAGE_MAP);
	assert_int_equal(s.last.flags, MESSAGE_ON_BEHALF);
	assert_true(address_equal(&s.last.client, &wish.client));
	assert_true(place_equal(&s.last.remote, &wish.server));
	answer(&s, MS(250), MESSAGE_GRANTED, 50000);
	assert_true(s.sent == 1 && s.mapped == 1 && s.port == 50000);
	answer(&s, MS(251), MESSAGE_GRANTED, 50000); /* twice on the way */
	assert_int_equal(s.mapped, 1);
	waypoints_release(s.waypoints, MS(300), &wish);
	assert_int_equal(s.last.operation, MESSAGE_RELEASE);
	assert_int_equal(waypoints_counters(s.waypoints, 0)->released, 1);
	waypoints_free(s.waypoints);
}

static void two_share_a_mapping_and_the_last_releases_it(void **state)
{
	(void)state;
	struct stage s;
	struct wish wish = wish_of("10.0.1.1");
	open_stage(&s);
	greet(&s);
	waypoints_ask(s.waypoints, MS(200), &wish);
	waypoints_ask(s.waypoints, MS(210), &wish);
	assert_int_equal(s.sent, 1);
	answer(&s, MS(250), MESSAGE_GRANTED, 50000);
	waypoints_ask(s.waypoints, MS(260), &wish);
	assert_int_equal(s.sent, 2);
	answer(&s, MS(310), MESSAGE_GRANTED, 50000);
	assert_int_equal(s.mapped, 2);
	waypoints_release(s.waypoints, MS(320), &wish);
	waypoints_release(s.waypoints, MS(320), &wish);
	assert_int_equal(s.sent, 2);
	waypoints_release(s.waypoints, MS(320), &wish);
	assert_int_equal(s.sent, 3);
	waypoints_free(s.waypoints);
}

static void repeats_then_gives_up(void **state)
{
	(void)state;
	struct stage s;
	struct wish wish = wish_of("10.0.1.1");
	open_stage(&s);
	greet(&s);
	waypoints_ask(s.waypoints, MS(200), &wish);
	for (int64_t t = 200; t <= 1700; t += 10)
		waypoints_tick(s.waypoints, MS(t));
	assert_int_equal(s.sent, 8);
	assert_int_equal(s.failed, 1);
	assert_string_equal(s.why, "the waypoint is silent");
	waypoints_release(s.waypoints, MS(1700), &wish); /* as who heard of it does */
	assert_int_equal(s.sent, 8);
	waypoints_free(s.waypoints);
}

static void a_refusal_is_told_by_its_name(void **state)
{
	(void)state;
	struct stage s;
	struct wish wish = wish_of("10.0.1.1");
	open_stage(&s);
	greet(&s);
	waypoints_ask(s.waypoints, MS(200), &wish);
	answer(&s, MS(250), MESSAGE_RATE, 0); /* may pass */
	assert_int_equal(s.failed, 0);
	answer(&s, MS(260), MESSAGE_PERMISSION, 0);
	assert_int_equal(s.failed, 1);
	assert_string_equal(s.why, "permission");
	waypoints_free(s.waypoints);
}

static void forged_answers_are_counted(void **state)
{
	(void)state;
	struct stage s;
	uint8_t garbage[SEAL_SIZE] = {2, 1};
	open_stage(&s);
	greet(&s);
	waypoints_receive(s.waypoints, MS(200), 0, garbage, sizeof garbage);
	waypoints_receive(s.waypoints, MS(200), 0, garbage, 0);
	assert_int_equal(waypoints_counters(s.waypoints, 0)->unsealed, 2);
	s.last.sequence = 999;
	answer(&s, MS(210), MESSAGE_GRANTED, 1);
	assert_int_equal(waypoints_counters(s.waypoints, 0)->unknown, 1);
	waypoints_free(s.waypoints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_in_one_exchange),
		cmocka_unit_test(two_share_a_mapping_and_the_last_releases_it),
		cmocka_unit_test(repeats_then_gives_up),
		cmocka_unit_test(a_refusal_is_told_by_its_name),
		cmocka_unit_test(forged_answers_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
