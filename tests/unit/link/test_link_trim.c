/* The trimming port (lib/link/trim.h): the rules one by one, and any arrivals against a slow model. */
#include "tests/unit/check.h"
#include "tests/unit/link/trim_model.h"

#define FRAME 9064
#define HEADER 64

/* 72,000 bytes, as published: seven packets of 9,064, the one in service counted. */
static const struct trim_limits published = {72000, 72000, TRIM_RATIO, TRIM_FAIR, true, 0};

static struct trim_packet data(void)
{
	return (struct trim_packet){.bytes = FRAME, .header_bytes = HEADER, .class = TRIM_DATA};
}

static void eight_packets_are_seven(void **state)
{
	struct trim_packet packets[9];
	struct trim_port port;

	(void)state;
	trim_init(&port, &published, 1);
	for (int i = 0; i < 7; i++) {
		packets[i] = data();
		assert_int_equal(trim_arrive(&port, &packets[i]).fate, TRIM_KEPT);
		if (i == 0)
			assert_ptr_equal(trim_serve(&port), &packets[0]);
	}
	assert_int_equal(port.counters.trimmed, 0);
	packets[7] = data();
	trim_arrive(&port, &packets[7]);
	assert_int_equal(port.counters.trimmed, 1);
	assert_int_equal(port.low_bytes, 7 * FRAME);
	assert_int_equal(port.high_bytes, HEADER);
	assert_int_equal(port.low.most_bytes, 7 * FRAME);
}

/* The coin is fair: of many packets that do not fit, half trim the newest that waits, not themselves. */
static void coin(void **state)
{
	struct trim_packet *packets = calloc(20000, sizeof *packets);
	const struct trim_limits limits = {3 * FRAME, 1U << 30, TRIM_RATIO, TRIM_FAIR, true, 0};
	struct trim_port port;

	(void)state;
	trim_init(&port, &limits, 7);
	for (int i = 0; i < 20000; i++) {
		packets[i] = data();
		trim_arrive(&port, &packets[i]);
	}
	assert_int_equal(port.counters.trimmed, 20000 - 3);
	assert_in_range(port.counters.trimmed_tail, 9700, 10300);
	free(packets);
}

/* The packet in service is on the wire: it cannot be trimmed. */
static void service_is_not_trimmed(void **state)
{
	const struct trim_limits limits = {FRAME + 100, 72000, TRIM_RATIO, UINT32_MAX, true, 0};
	struct trim_packet first = data(), second = data();
	struct trim_port port;

	(void)state;
	trim_init(&port, &limits, 3);
	trim_arrive(&port, &first);
	assert_ptr_equal(trim_serve(&port), &first);
	trim_arrive(&port, &second);
	assert_int_equal(first.class, TRIM_DATA);
	assert_int_equal(second.class, TRIM_HEADER);
	assert_int_equal(second.bytes, HEADER);
}

/* When both wait, ten headers for each data packet; strict priority on request. */
static void turns(void **state)
{
	struct trim_limits limits = published;
	struct trim_packet low[6], high[60];

	(void)state;
	for (uint32_t ratio = 0; ratio <= 10; ratio += 10) {
		struct trim_port port;
		char order[67] = "";
		limits.ratio = ratio;
		trim_init(&port, &limits, 1);
		for (int i = 0; i < 6; i++) {
			low[i] = data();
			trim_arrive(&port, &low[i]);
		}
		for (int i = 0; i < 60; i++) {
			high[i] = (struct trim_packet){.bytes = HEADER, .class = TRIM_CONTROL};
			trim_arrive(&port, &high[i]);
		}
		for (int i = 0; trim_serve(&port); i++)
			order[i] = trim_done(&port)->class == TRIM_DATA ? 'd' : 'h';
		if (ratio == 0)
			assert_string_equal(
				order, "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhdddddd");
		else
			assert_string_equal(
				order, "hhhhhhhhhdhhhhhhhhhhdhhhhhhhhhhdhhhhhhhhhhdhhhhhhhhhhdhhhhhhhhhhdh");
	}
}

/* 1,125 headers of 64 bytes; the next goes back to its sender, but control is dropped. */
static void full_of_headers(void **state)
{
	struct trim_packet *packets = calloc(1128, sizeof *packets);
	struct trim_limits limits = published;
	struct trim_port port;

	(void)state;
	trim_init(&port, &limits, 1);
	for (int i = 0; i < 1125; i++) {
		packets[i] = (struct trim_packet){.bytes = HEADER, .class = TRIM_HEADER};
		assert_int_equal(trim_arrive(&port, &packets[i]).fate, TRIM_KEPT);
	}
	packets[1125] = packets[1126] = packets[1127] =
		(struct trim_packet){.bytes = HEADER, .class = TRIM_HEADER};
	packets[1126].class = TRIM_CONTROL;
	struct trim_outcome outcome = trim_arrive(&port, &packets[1125]);
	assert_int_equal(outcome.fate, TRIM_BOUNCED);
	assert_ptr_equal(outcome.packet, &packets[1125]);
	assert_int_equal(trim_arrive(&port, &packets[1126]).fate, TRIM_DROPPED);
	limits.bounce = false;
	assert_int_equal(trim_arrive(&port, &packets[1127]).fate, TRIM_DROPPED);
	assert_int_equal(port.counters.bounced, 1);
	assert_int_equal(port.counters.headers_dropped, 2);
	free(packets);
}

/* What is not NDP's is never cut: dropped when it does not fit, and no one else's tail. */
static void others(void **state)
{
	const struct trim_limits limits = {2 * FRAME, 72000, TRIM_RATIO, UINT32_MAX, true, 0};
	struct trim_packet a = data(), b = data(), tcp = data(), late = data();
	struct trim_port port;

	(void)state;
	tcp.class = late.class = TRIM_OTHER;
	trim_init(&port, &limits, 1);
	trim_arrive(&port, &a);
	trim_arrive(&port, &tcp);
	trim_arrive(&port, &b); /* the newest is TCP's: b is cut itself */
	assert_int_equal(b.class, TRIM_HEADER);
	assert_int_equal(tcp.class, TRIM_OTHER);
	assert_int_equal(trim_arrive(&port, &late).fate, TRIM_DROPPED);
	assert_int_equal(port.counters.others_dropped, 1);
}

static uint32_t draw(uint64_t key, uint64_t *n, uint32_t below)
{
	return (uint32_t)(draw_number(key, (*n)++) % below);
}

/* Thousands of random histories: after each step the port has what the slow model has. */
static void as_the_model(void **state)
{
	(void)state;
	for (uint64_t history = 0; history < 3000; history++) {
		uint64_t n = 0;
		struct trim_limits limits = {draw(history, &n, 40000) + 100, draw(history, &n, 3000) + 64,
			draw(history, &n, 12), draw(history, &n, 2) ? TRIM_FAIR : UINT32_MAX,
			draw(history, &n, 2), draw(history, &n, 2) * draw(history, &n, 60000)};
		struct trim_pair *pair = malloc(sizeof *pair);
		uint64_t arrived = 0, left = 0;
		pair_init(pair, &limits, history);
		for (int id = 0; id < MODEL_PACKETS; arrived++, id++) {
			uint32_t bytes = 64 + draw(history, &n, 9001);
			int class = (int)draw(history, &n, 4);
			if (class >= TRIM_HEADER)
				bytes = 64;
			pair_arrive(pair, id, bytes, 64, class);
			while (draw(history, &n, 3) == 0 && pair_step(pair))
				;
		}
		while (pair_step(pair))
			;
		for (int id = 0; id < MODEL_PACKETS; id++)
			left += !pair->inside[id];
		assert_int_equal(arrived, left);
		assert_int_equal(pair->port.low_bytes + pair->port.high_bytes, 0);
		free(pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_packets_are_seven),
		cmocka_unit_test(coin),
		cmocka_unit_test(service_is_not_trimmed),
		cmocka_unit_test(turns),
		cmocka_unit_test(full_of_headers),
		cmocka_unit_test(others),
		cmocka_unit_test(as_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
