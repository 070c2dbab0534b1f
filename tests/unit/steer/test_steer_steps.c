/* A redirection step by step, with the packets of both ends made here: what is injected, when, and what is undone when a step fails. */
#include "lib/base/units.h"
#include "lib/mptcp/keys.h"
#include "nodes/steer/steps.h"
#include "tests/unit/check.h"
#include <string.h>

#define KEY_C 0x1111111122222222u
#define KEY_S 0x3333333344444444u
#define MS(n) ((n)*NS_PER_MS)

struct stage {
	struct steps *steps;
	struct rules rules;
	struct packet sent[300];
	struct option_list options[300]; /* of what was sent */
	unsigned sent_count, asked, released;
	uint32_t nonce; /* of a join's client, plus 1 */
	struct report last;
	uint32_t client_next, server_next;
	struct option_list scratch;
};

static const struct packet_end client = {{[10] = 0xff, [11] = 0xff, 10, 0, 1, 1}, 40000};
static const struct packet_end server = {{[10] = 0xff, [11] = 0xff, 10, 0, 2, 1}, 80};
static const struct packet_end waypoint = {{[10] = 0xff, [11] = 0xff, 10, 0, 3, 1}, 80};
static const struct packet_end second = {{[10] = 0xff, [11] = 0xff, 10, 0, 5, 1}, 81};
static const struct packet_end joining = {{[10] = 0xff, [11] = 0xff, 10, 0, 1, 1}, 40001};

static void on_ask(
	void *context, unsigned index, const struct packet_end *whose, const struct packet_end *where)
{
	struct stage *stage = context;
	(void)index;
	assert_memory_equal(whose->address, client.address, 16);
	assert_memory_equal(where, &server, sizeof server); /* the connection's own, also behind a waypoint */
	stage->asked++;
}

static void on_release(
	void *context, unsigned index, const struct packet_end *whose, const struct packet_end *where)
{
	struct stage *stage = context;
	(void)index, (void)whose, (void)where;
	stage->released++;
}

static void on_send(void *context, const struct packet *packet)
{
	struct stage *stage = context;
	unsigned i = stage->sent_count++;
	assert_true(i < 300);
	stage->sent[i] = *packet;
	stage->options[i] = (struct option_list){.length = packet->options_length};
	if (packet->options_length)
		memcpy(stage->options[i].bytes, packet->options, packet->options_length);
	stage->sent[i].options = stage->options[i].bytes;
}

static void on_told(void *context, const struct report *report)
{
	((struct stage *)context)->last = *report;
}

static void open_stage(struct stage *stage)
{
	static const struct steps_settings settings = {.announce_every_ns = MS(250),
		.join_within_ns = MS(2000),
		.quiet_ns = MS(300),
		.resets_most = 64,
		.redirects_most = 4};
	struct steps_handlers handlers = {on_ask, on_release, on_send, on_told, stage};
	memset(stage, 0, sizeof *stage);
	stage->rules.count = 1;
	stage->rules.rule[0] = (struct rule){
		.has_pattern = true, .pattern = "secure", .pattern_length = 6, .via = {0, 1}, .via_count = 1};
	rule_prepare(&stage->rules.rule[0]);
	stage->steps = steps_new(64, &stage->rules, &settings, &handlers);
	assert_non_null(stage->steps);
}

static void pass(struct stage *stage, int64_t now, struct packet packet, const char *payload)
{
	packet.family = 4;
	packet.window = 1000;
	packet.payload = (const uint8_t *)payload;
	packet.payload_length = packet.payload_at_hand = payload ? (uint32_t)strlen(payload) : 0;
	packet.options = stage->scratch.bytes;
	packet.options_length = stage->scratch.length;
	steps_packet(stage->steps, now, &packet);
	stage->scratch = (struct option_list){0};
}

static void shake_hands(struct stage *stage, uint64_t repeated_key)
{
	struct option_capable capable = {.version = 1, .flags = 1};
	option_put_capable(&stage->scratch, &capable);
	pass(stage, 0,
		(struct packet){
			.source = client, .destination = server, .sequence = 100, .flags = PACKET_SYN},
		NULL);
	capable.keys = 1;
	capable.key[0] = KEY_S;
	option_put_capable(&stage->scratch, &capable);
	pass(stage, 0,
		(struct packet){.source = server,
			.destination = client,
			.sequence = 900,
			.acknowledgement = 101,
			.flags = PACKET_SYN | PACKET_ACK},
		NULL);
	capable.keys = 2;
	capable.key[0] = KEY_C;
	capable.key[1] = repeated_key;
	option_put_capable(&stage->scratch, &capable);
	pass(stage, 0,
		(struct packet){.source = client,
			.destination = server,
			.sequence = 101,
			.acknowledgement = 901,
			.flags = PACKET_ACK},
		NULL);
	stage->client_next = 101;
	stage->server_next = 901;
}

static void up(struct stage *stage, int64_t now, const char *payload)
{
	pass(stage, now,
		(struct packet){.source = client,
			.destination = server,
			.sequence = stage->client_next,
			.acknowledgement = stage->server_next,
			.flags = PACKET_ACK},
		payload);
	stage->client_next += (uint32_t)strlen(payload);
}

static void down(struct stage *stage, int64_t now, const char *payload)
{
	pass(stage, now,
		(struct packet){.source = server,
			.destination = client,
			.sequence = stage->server_next,
			.acknowledgement = stage->client_next,
			.flags = PACKET_ACK},
		payload);
	stage->server_next += (uint32_t)strlen(payload);
}

static uint32_t token_of(uint64_t key)
{
	uint32_t token;
	uint64_t initial;
	assert_true(mptcp_hash_key(key, 1, &token, &initial));
	return token;
}

/* The join's packets, the last of which may be left away: 1 SYN, 2 SYN/ACK, 3 ACK, 4 the server's answer. */
static void join(struct stage *stage, int64_t now, const struct packet_end *from, const struct packet_end *to,
	uint64_t key, unsigned packets)
{
	uint8_t hmac[MPTCP_HMAC_JOIN_ACK];
	struct packet there = {.source = *from, .destination = *to, .sequence = 500, .flags = PACKET_SYN};
	struct packet back = {.source = *to, .destination = *from, .sequence = 700, .acknowledgement = 501};
	option_put_join_syn(&stage->scratch, 0, false, token_of(KEY_S), 1 + stage->nonce);
	pass(stage, now, there, NULL);
	assert_true(mptcp_hmac_join(1, key, KEY_C, 2, 1 + stage->nonce, hmac));
	option_put_join_syn_ack(&stage->scratch, 0, false, hmac, 2);
	back.flags = PACKET_SYN | PACKET_ACK;
	if (packets > 1)
		pass(stage, now, back, NULL);
	assert_true(mptcp_hmac_join(1, KEY_C, key, 1 + stage->nonce, 2, hmac));
	stage->scratch = (struct option_list){0};
	option_put_join_ack(&stage->scratch, hmac);
	there.flags = PACKET_ACK;
	there.sequence = 501;
	there.acknowledgement = 701;
	if (packets > 2)
		pass(stage, now, there, NULL);
	stage->scratch = (struct option_list){0};
	back.flags = PACKET_ACK;
	back.sequence = 701;
	if (packets > 3)
		pass(stage, now, back, NULL);
}

static void mapped(
	struct stage *stage, int64_t now, unsigned index, const struct packet_end *to, const char *why)
{
	steps_mapped(stage->steps, now, index, &client, &server, to, why);
}

static unsigned resets_to(const struct stage *stage, const struct packet_end *end, uint32_t *sequence)
{
	unsigned count = 0;
	for (unsigned i = 0; i < stage->sent_count; i++)
		if (stage->sent[i].flags == PACKET_RST &&
			memcmp(&stage->sent[i].destination, end, sizeof *end) == 0) {
			*sequence = stage->sent[i].sequence;
			count++;
		}
	return count;
}

static void redirects_by_a_word(void **state)
{
	(void)state;
	struct stage s;
	struct option_address address;
	uint8_t hmac[MPTCP_HMAC_ADDRESS];
	uint32_t at;
	open_stage(&s);
	shake_hands(&s, KEY_S);
	up(&s, MS(1), "GET /sec");
	assert_int_equal(s.asked, 0);
	up(&s, MS(2), "ure");
	assert_int_equal(s.asked, 1);
	down(&s, MS(3), "0123456789");
	mapped(&s, MS(52), 0, &waypoint, NULL);

	/* The announcement: in the server's name, in the client's window, acknowledging what the server did. */
	assert_int_equal(s.sent_count, 1);
	const struct packet *p = &s.sent[0];
	assert_memory_equal(&p->source, &server, sizeof server);
	assert_memory_equal(&p->destination, &client, sizeof client);
	assert_int_equal(p->flags, PACKET_ACK);
	assert_in_range(p->sequence, 911, 911 + 999);
	assert_int_equal(p->acknowledgement, s.client_next);
	const uint8_t *option = option_find(p->options, p->options_length, MPTCP_ADD_ADDR);
	assert_non_null(option);
	option_address(option, &address);
	assert_int_equal(address.port, 80);
	assert_memory_equal(address.address, waypoint.address + 12, 4);
	assert_true(mptcp_hmac_address(
		KEY_S, KEY_C, address.address_id, waypoint.address + 12, 4, address.port, hmac));
	assert_memory_equal(address.hmac, hmac, 8);

	/* Again while the client is silent. */
	assert_true(steps_deadline(s.steps) == MS(52 + 250));
	steps_tick(s.steps, MS(302));
	assert_int_equal(s.sent_count, 2);

	/* Nothing is reset before the server has answered the join's third packet. */
	join(&s, MS(310), &joining, &waypoint, KEY_S, 3);
	assert_int_equal(s.last.step, STEP_JOINING);
	assert_int_equal(s.sent_count, 2);
	join(&s, MS(320), &joining, &waypoint, KEY_S, 4); /* repeated packets change nothing */
	assert_int_equal(s.last.step, STEP_RELEASING);
	assert_int_equal(s.released, 1);
	assert_int_equal(resets_to(&s, &client, &at), 1);
	assert_int_equal(at, s.server_next);
	assert_int_equal(resets_to(&s, &server, &at), 1);
	assert_int_equal(at, s.client_next);

	/* A challenge ACK names the number that its sender expects. */
	pass(&s, MS(335),
		(struct packet){.source = client,
			.destination = server,
			.sequence = s.client_next,
			.acknowledgement = s.server_next - 5,
			.flags = PACKET_ACK},
		NULL);
	assert_int_equal(resets_to(&s, &client, &at), 3);
	assert_int_equal(at, s.server_next - 5);

	steps_tick(s.steps, MS(335 + 299));
	assert_int_equal(s.last.step, STEP_RELEASING);
	steps_tick(s.steps, MS(335 + 300));
	assert_int_equal(s.last.step, STEP_DONE);
	assert_int_equal(s.released, 1);
	assert_int_equal(steps_counters(s.steps)->done, 1);
	assert_int_equal(table_counters(steps_table(s.steps))->flows, 1);
	assert_true(s.last.at[AT_MAPPED] == MS(52) && s.last.at[AT_JOIN] == MS(310) &&
		    s.last.at[AT_UP] == MS(320));
	steps_free(s.steps);
}

static void begin_and_map(struct stage *s)
{
	open_stage(s);
	shake_hands(s, KEY_S);
	up(s, MS(1), "secure");
	mapped(s, MS(51), 0, &waypoint, NULL);
	assert_int_equal(s->last.step, STEP_ANNOUNCING);
}

/* A box that the waypoint's other side passes, too, sees the join twice, and resets neither. */
static void a_join_seen_on_both_sides_is_one(void **state)
{
	(void)state;
	struct stage s;
	static const struct packet_end outside = {{[10] = 0xff, [11] = 0xff, 10, 0, 3, 1}, 50000};
	uint32_t at;
	begin_and_map(&s);
	join(&s, MS(60), &joining, &waypoint, KEY_S, 1);
	join(&s, MS(61), &outside, &server, KEY_S, 4);
	assert_int_equal(s.last.step, STEP_JOINING);
	join(&s, MS(62), &joining, &waypoint, KEY_S, 4);
	assert_int_equal(s.last.step, STEP_RELEASING);
	assert_int_equal(resets_to(&s, &outside, &at), 0);
	assert_int_equal(resets_to(&s, &server, &at), 1);
	steps_free(s.steps);
}

static void a_client_that_does_not_join_stays(void **state)
{
	(void)state;
	struct stage s;
	begin_and_map(&s);
	for (int64_t t = 51; t < 2051; t += 10)
		steps_tick(s.steps, MS(t));
	assert_int_equal(s.last.step, STEP_ANNOUNCING);
	unsigned announced = s.sent_count;
	assert_int_equal(announced, 8);
	steps_tick(s.steps, MS(2051));
	assert_int_equal(s.last.step, STEP_FAILED);
	assert_string_equal(s.last.why, "the client did not join");
	assert_int_equal(s.released, 1);
	/* The client is told to forget the address; nobody was reset. */
	assert_int_equal(s.sent_count, announced + 1);
	assert_non_null(
		option_find(s.sent[announced].options, s.sent[announced].options_length, MPTCP_REMOVE_ADDR));
	assert_true(steps_deadline(s.steps) == STEPS_NEVER);
	up(&s, MS(2100), "secure again"); /* a rule holds once */
	assert_int_equal(s.asked, 1);
	steps_free(s.steps);
}

static void a_refused_mapping_changes_nothing(void **state)
{
	(void)state;
	struct stage s;
	open_stage(&s);
	shake_hands(&s, KEY_S);
	up(&s, MS(1), "secure");
	mapped(&s, MS(51), 0, NULL, "permission");
	assert_int_equal(s.last.step, STEP_FAILED);
	assert_string_equal(s.last.why, "permission");
	assert_int_equal(s.sent_count, 0);
	assert_int_equal(s.released, 1);
	steps_free(s.steps);
}

static void a_join_to_somewhere_else_releases_nothing(void **state)
{
	(void)state;
	struct stage s;
	begin_and_map(&s);
	join(&s, MS(60), &joining, &waypoint, KEY_S + 1, 4); /* the server behind it does not have the key */
	assert_int_equal(s.last.step, STEP_FAILED);
	assert_int_equal(steps_watched(s.steps)->bad_hmac, 1);
	uint32_t at;
	assert_int_equal(resets_to(&s, &client, &at), 0);
	steps_free(s.steps);
}

static void without_keys_nothing_is_done(void **state)
{
	(void)state;
	struct stage s;
	struct dss dss = {.flags = DSS_ACK};
	open_stage(&s);
	for (unsigned i = 0; i < 5; i++) {
		option_put_dss(&s.scratch, &dss);
		up(&s, MS(i), "secure");
	}
	assert_int_equal(s.asked, 0);
	assert_int_equal(steps_watched(s.steps)->no_keys, 1);
	assert_non_null(steps_redirect(s.steps, MS(9), token_of(KEY_S), (unsigned[]){0}, 1));
	steps_free(s.steps);

	open_stage(&s);
	shake_hands(&s, KEY_S + 1); /* a third packet that contradicts the SYN/ACK */
	up(&s, MS(1), "secure");
	assert_int_equal(steps_watched(s.steps)->bad_keys, 1);
	assert_int_equal(s.asked, 0);
	steps_free(s.steps);
}

static void a_hole_delays_the_announcement(void **state)
{
	(void)state;
	struct stage s;
	open_stage(&s);
	shake_hands(&s, KEY_S);
	up(&s, MS(1), "secure");
	s.server_next += 5; /* was not seen */
	down(&s, MS(2), "later");
	mapped(&s, MS(51), 0, &waypoint, NULL);
	assert_int_equal(s.sent_count, 0);
	up(&s, MS(55), "x"); /* acknowledges what was behind the hole, too */
	steps_tick(s.steps, MS(61));
	assert_int_equal(s.sent_count, 1);
	steps_free(s.steps);
}

static void who_was_moved_by_another_is_left(void **state)
{
	(void)state;
	struct stage s;
	open_stage(&s);
	shake_hands(&s, KEY_S);
	up(&s, MS(1), "hello");
	join(&s, MS(2), &joining, &waypoint, KEY_S, 4);
	up(&s, MS(3), "secure");
	assert_int_equal(s.asked, 0);
	assert_int_equal(steps_counters(s.steps)->strayed, 1);
	assert_null(steps_redirect(
		s.steps, MS(9), token_of(KEY_S), (unsigned[]){0}, 1)); /* unless it is asked for */
	assert_int_equal(s.asked, 1);
	steps_free(s.steps);
}

static void goes_on_to_the_next_waypoint(void **state)
{
	(void)state;
	struct stage s;
	static const struct packet_end third = {{[10] = 0xff, [11] = 0xff, 10, 0, 1, 1}, 40002};
	uint32_t at;
	open_stage(&s);
	s.rules.rule[0].via_count = 2;
	shake_hands(&s, KEY_S);
	up(&s, MS(1), "secure");
	mapped(&s, MS(51), 0, &waypoint, NULL);
	join(&s, MS(60), &joining, &waypoint, KEY_S, 4);
	steps_tick(s.steps, MS(400));
	assert_int_equal(s.asked, 2);
	assert_int_equal(s.last.stage, 1);
	mapped(&s, MS(450), 1, &second, NULL);
	/* In the first waypoint's name, on the flow over it. */
	assert_memory_equal(&s.sent[s.sent_count - 1].source, &waypoint, sizeof waypoint);
	assert_memory_equal(&s.sent[s.sent_count - 1].destination, &joining, sizeof joining);
	s.nonce = 7;
	join(&s, MS(460), &third, &second, KEY_S, 4);
	assert_int_equal(s.last.step, STEP_RELEASING);
	assert_int_equal(resets_to(&s, &joining, &at), 1);
	assert_int_equal(resets_to(&s, &waypoint, &at), 1);
	steps_tick(s.steps, MS(900));
	assert_int_equal(steps_counters(s.steps)->done, 2);
	assert_int_equal(s.released, 2);
	steps_free(s.steps);
}

static void resets_are_bounded(void **state)
{
	(void)state;
	struct stage s;
	uint32_t at;
	begin_and_map(&s);
	join(&s, MS(60), &joining, &waypoint, KEY_S, 4);
	for (int64_t t = 61; t < 4000; t++) { /* an end that does not hear */
		steps_tick(s.steps, MS(t));
		down(&s, MS(t), "data");
	}
	assert_in_range(resets_to(&s, &client, &at) + resets_to(&s, &server, &at), 32, 64);
	assert_int_equal(s.last.step, STEP_RELEASING);
	steps_tick(s.steps, MS(5000));
	assert_int_equal(s.last.step, STEP_DONE);
	steps_free(s.steps);
}

static void an_end_in_the_middle_gives_the_mapping_back(void **state)
{
	(void)state;
	struct stage s;
	begin_and_map(&s);
	pass(&s, MS(70),
		(struct packet){.source = client,
			.destination = server,
			.sequence = s.client_next,
			.flags = PACKET_RST},
		NULL);
	assert_int_equal(s.last.step, STEP_FAILED);
	assert_string_equal(s.last.why, "the connection ended");
	assert_int_equal(s.released, 1);
	assert_int_equal(table_counters(steps_table(s.steps))->connections, 0);
	assert_true(steps_deadline(s.steps) == STEPS_NEVER);
	steps_free(s.steps);
}

/* Whoever forges a reset or a SYN does not know the number; the box must not forget what the ends keep. */
static void forged_packets_end_nothing(void **state)
{
	(void)state;
	struct stage s;
	struct option_capable capable = {.version = 1, .flags = 1};
	open_stage(&s);
	shake_hands(&s, KEY_S);
	up(&s, MS(1), "data");
	pass(&s, MS(2),
		(struct packet){.source = client, .destination = server, .sequence = 77, .flags = PACKET_RST},
		NULL);
	option_put_capable(&s.scratch, &capable);
	pass(&s, MS(3),
		(struct packet){.source = client, .destination = server, .sequence = 5, .flags = PACKET_SYN},
		NULL);
	assert_int_equal(table_counters(steps_table(s.steps))->connections, 1);
	up(&s, MS(4), "secure");
	assert_int_equal(s.asked, 1);
	steps_free(s.steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redirects_by_a_word),
		cmocka_unit_test(a_join_seen_on_both_sides_is_one),
		cmocka_unit_test(a_client_that_does_not_join_stays),
		cmocka_unit_test(a_refused_mapping_changes_nothing),
		cmocka_unit_test(a_join_to_somewhere_else_releases_nothing),
		cmocka_unit_test(without_keys_nothing_is_done),
		cmocka_unit_test(a_hole_delays_the_announcement),
		cmocka_unit_test(who_was_moved_by_another_is_left),
		cmocka_unit_test(goes_on_to_the_next_waypoint),
		cmocka_unit_test(resets_are_bounded),
		cmocka_unit_test(an_end_in_the_middle_gives_the_mapping_back),
		cmocka_unit_test(forged_packets_end_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
