/* The link model without a network: departure times to the nanosecond, what the queue holds, what is lost.
 * Settings and lateness, which need no network either, are tested here too. */
#include "nodes/link/lateness.h"
#include "nodes/link/settings.h"
#include "tests/unit/link/link_model.h"
#include <math.h>
#include <string.h>

/* Takes the next packet, due at `departure` and not a nanosecond before. */
static void expect(struct model *model, int64_t departure, uintptr_t token)
{
	struct model_packet packet;

	assert_int_equal(model_next(model), departure);
	assert_false(model_take(model, departure - 1, &packet));
	assert_true(model_take(model, departure, &packet));
	assert_int_equal(packet.departure_ns, departure);
	assert_int_equal((uintptr_t)packet.token, token);
}

static void offer(struct model *model, int64_t now, uint32_t bytes, uintptr_t token)
{
	assert_int_equal(model_offer(model, now, bytes, false, (void *)token), MODEL_QUEUED);
}

static void test_empty(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.rate_bps = 1000});
	struct model_packet packet;
	assert_true(model_next(model) == MODEL_NEVER);
	assert_false(model_take(model, INT64_MAX, &packet));
	model_free(model);
	model_free(NULL);
}

/* 1514 bytes at 10 Mbit/s: 1,211,200 ns on the wire, then 5 ms. */
static void test_serialises_then_propagates(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.rate_bps = 10000000, .delay_ns = 5 * MS});
	offer(model, 1000, 1514, 1);
	offer(model, 1000, 1514, 2);           /* waits for the first */
	offer(model, 1000 + 1 * MS, 66, 3);    /* waits for both: 52,800 ns */
	offer(model, 1000 + 20 * MS, 1514, 4); /* finds the link idle */
	expect(model, 1000 + 1211200 + 5 * MS, 1);
	expect(model, 1000 + 2 * 1211200 + 5 * MS, 2);
	expect(model, 1000 + 2 * 1211200 + 52800 + 5 * MS, 3);
	expect(model, 1000 + 20 * MS + 1211200 + 5 * MS, 4);
	assert_true(model_next(model) == MODEL_NEVER);
	model_free(model);
}

static void test_delay_alone(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.delay_ns = 250 * MS, .queue_packets = 1});
	for (uintptr_t i = 0; i < 1000; i++)
		offer(model, (int64_t)i, 1514, i); /* nothing waits where there is no rate: no overflow */
	for (uintptr_t i = 0; i < 1000; i++)
		expect(model, (int64_t)i + 250 * MS, i);
	model_free(model);
}

/* 7 Mbit/s: 1514 bytes take 1,730,285.714.. ns. A million of them end where exact arithmetic says, not where
 * rounded ones add up to. */
static void test_rate_is_exact_in_the_long_run(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.rate_bps = 7000000});
	struct model_packet packet = {0};
	for (int i = 0; i < 1000000; i++) {
		offer(model, packet.departure_ns, 1514, 0);
		assert_true(model_take(model, model_next(model), &packet));
	}
	/* 1514 * 8 * 10^9 / 7 * 10^-6 ns = 12112 * 10^9 / 7000 */
	assert_int_equal(packet.departure_ns, 1000000LL * 12112 * 1000 / 7);
	model_free(model);
}

static void test_queue_counts_waiting_packets(void **state)
{
	(void)state;
	struct model *model =
		make((struct shape){.rate_bps = 10000000, .delay_ns = 100 * MS, .queue_packets = 3});
	struct model_queue queue;

	offer(model, 0, 1514, 1);
	offer(model, 0, 1514, 2);
	offer(model, 0, 1514, 3);
	assert_int_equal(model_offer(model, 0, 1514, false, NULL), MODEL_OVERFLOW);
	assert_int_equal(model_offer(model, 1211199, 64, false, NULL), MODEL_OVERFLOW);
	model_queue(model, 1211199, &queue);
	assert_int_equal(queue.packets, 3);
	assert_int_equal(queue.bytes, 3 * 1514);
	/* The first one's last bit has left: it propagates, and waits no longer. */
	offer(model, 1211200, 64, 4);
	model_queue(model, 2 * 1211200, &queue);
	assert_int_equal(queue.packets, 2);
	assert_int_equal(queue.bytes, 1514 + 64);
	assert_int_equal(queue.high_packets, 3);
	assert_int_equal(queue.high_bytes, 3 * 1514);
	assert_int_equal(queue.held, 4);
	model_forget_high(model, 2 * 1211200);
	model_queue(model, 2 * 1211200, &queue);
	assert_int_equal(queue.high_packets, 2);
	/* The refused ones took no time of the link. */
	expect(model, 1211200 + 100 * MS, 1);
	expect(model, 2 * 1211200 + 100 * MS, 2);
	expect(model, 3 * 1211200 + 100 * MS, 3);
	expect(model, 3 * 1211200 + 51200 + 100 * MS, 4);
	model_free(model);
}

static void test_queue_counts_bytes(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.rate_bps = 8000000, .queue_bytes = 3000});
	offer(model, 0, 1500, 1);
	assert_int_equal(model_offer(model, 0, 1501, false, NULL), MODEL_OVERFLOW);
	offer(model, 0, 1500, 2);
	assert_int_equal(model_offer(model, 0, 1, false, NULL), MODEL_OVERFLOW);
	offer(model, 1500 * US, 1500, 3); /* 1 byte a microsecond */
	model_free(model);
}

/* A ring that grows keeps order, tokens and times. */
static void test_holds_many(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.rate_bps = 1000000000, .delay_ns = 10000 * MS});
	for (uintptr_t i = 0; i < 100; i++)
		offer(model, 0, 1000, i);
	for (uintptr_t i = 0; i < 50; i++)
		expect(model, 8 * US * ((int64_t)i + 1) + 10000 * MS, i);
	for (uintptr_t i = 100; i < 10000; i++)
		offer(model, 0, 1000, i);
	for (uintptr_t i = 50; i < 10000; i++)
		expect(model, 8 * US * ((int64_t)i + 1) + 10000 * MS, i);
	model_free(model);
}

static int lose(uint64_t seed, uint64_t stream, double loss, int count, int64_t gap, bool *lost)
{
	struct shape settings = {.loss = loss, .seed = seed, .delay_ns = 5, .jitter_ns = 5};
	struct model *model = model_new(&settings, stream, NULL);
	struct model_packet packet;
	int sum = 0;

	for (int i = 0; i < count; i++) {
		lost[i] = model_offer(model, i * gap, 100, false, NULL) == MODEL_LOST;
		sum += lost[i];
		while (model_take(model, i * gap, &packet))
			;
	}
	model_free(model);
	return sum;
}

/* The same seed loses the same packets, whenever they come; other seeds and directions lose others. */
static void test_loss_follows_the_seed(void **state)
{
	(void)state;
	static bool a[10000], b[10000];
	lose(42, 0, 0.01, 10000, 1, a);
	lose(42, 0, 0.01, 10000, 12345, b);
	assert_memory_equal(a, b, sizeof a);
	lose(43, 0, 0.01, 10000, 1, b);
	assert_memory_not_equal(a, b, sizeof a);
	lose(42, 1, 0.01, 10000, 1, b);
	assert_memory_not_equal(a, b, sizeof a);
}

/* Inside the 99.9 % interval of a binomial at 200,000 packets (the seeds are fixed, so this does not
 * flicker), and without memory: as many losses follow a loss as follow any packet. */
static void test_loss_rate(void **state)
{
	(void)state;
	static bool lost[200000];
	const double rates[] = {0.001, 0.005, 0.01, 0.1, 0.5};
	for (size_t i = 0; i < 5; i++) {
		int sum = lose(7 + i, 0, rates[i], 200000, 1, lost), pairs = 0;
		for (int k = 1; k < 200000; k++)
			pairs += lost[k - 1] && lost[k];
		double n = 200000, p = rates[i], q = p * p;
		assert_true(fabs(sum - n * p) < 3.29 * sqrt(n * p * (1 - p)));
		assert_true(fabs(pairs - n * q) < 3.29 * sqrt(n * q * (1 + 2 * p - 3 * q)) + 1);
	}
	assert_int_equal(lose(1, 0, 0, 1000, 1, lost), 0);
	assert_int_equal(lose(1, 0, 1, 1000, 1, lost), 1000);
}

/* Lost packets take no time of the link. */
static void test_loss_before_the_queue(void **state)
{
	(void)state;
	struct model *model = make((struct shape){.rate_bps = 8000000, .loss = 0.5, .seed = 3});
	int queued = 0;
	for (int i = 0; i < 1000; i++)
		queued += model_offer(model, 0, 100, false, NULL) == MODEL_QUEUED;
	assert_in_range(queued, 400, 600);
	for (int i = 1; i <= queued; i++)
		expect(model, i * 100 * US, 0);
	model_free(model);
}

/* Uniform over delay +- jitter when packets are far apart; in order when they are not. */
static void test_jitter(void **state)
{
	(void)state;
	struct shape settings = {.delay_ns = 10 * MS, .jitter_ns = 4 * MS, .seed = 5};
	struct model *model = make(settings);
	struct model_packet packet = {0};
	int quarter[4] = {0};
	int64_t last = 0;

	for (int64_t i = 0; i < 40000; i++) {
		offer(model, i * 20 * MS, 100, (uintptr_t)i);
		assert_true(model_take(model, INT64_MAX, &packet));
		int64_t delay = packet.departure_ns - i * 20 * MS;
		assert_in_range(delay, 6 * MS, 14 * MS);
		quarter[delay == 14 * MS ? 3 : (delay - 6 * MS) / (2 * MS)]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(quarter[i], 10000 - 300, 10000 + 300);
	for (uintptr_t i = 0; i < 1000; i++)
		offer(model, 1000000 * MS + (int64_t)i * US, 100, i);
	for (uintptr_t i = 0; i < 1000; i++) {
		assert_true(model_take(model, INT64_MAX, &packet));
		assert_int_equal((uintptr_t)packet.token, i);
		assert_true(packet.departure_ns >= last);
		last = packet.departure_ns;
	}
	model_free(model);
}

static void test_change(void **state)
{
	(void)state;
	struct shape settings = {.rate_bps = 8000000, .delay_ns = 5 * MS};
	struct model *model = make(settings);
	offer(model, 0, 1000, 1);
	settings.rate_bps = 16000000;
	settings.delay_ns = 1 * MS;
	assert_int_equal(model_change(model, &settings, NULL), 0);
	offer(model, 0, 1000, 2); /* would overtake: a link does not reorder */
	offer(model, 100 * MS, 1000, 3);
	expect(model, 6 * MS, 1);
	expect(model, 6 * MS, 2);
	expect(model, 100 * MS + 500 * US + 1 * MS, 3);
	model_free(model);
}

/* ---- settings */

#define ENDS "ends: [{namespace: 12, interface: a0}, {namespace: /run/netns/b, interface: b0}]"

static struct settings *parse(const char *text, char **error)
{
	*error = NULL;
	return settings_parse("t.yaml", text, strlen(text), error);
}

static void test_settings(void **state)
{
	(void)state;
	char *error;
	struct settings *s =
		parse("spin: 50us\n"
		      "links:\n"
		      "  - name: one\n    " ENDS "\n    rate: 10Mbit/s\n    delay: 5ms\n    loss: 1%\n"
		      "    queue: 1000\n    seed: 42\n    reverse: {loss: 0, delay: 7ms, jitter: 6ms}\n"
		      "  - name: two\n    ends: [{interface: c0}, {interface: c1}]\n    queue_bytes: 64KiB\n"
		      "    reverse: {queue: 100}\n",
			&error);
	assert_non_null(s);
	assert_int_equal(s->count, 2);
	assert_int_equal(s->spin_ns, 50 * US);
	const struct shape *f = &s->links[0].direction[0], *r = &s->links[0].direction[1];
	assert_int_equal(f->rate_bps, 10000000);
	assert_int_equal(f->delay_ns, 5 * MS);
	assert_true(f->loss == 0.01 && r->loss == 0);
	assert_int_equal(f->queue_packets, 1000);
	assert_int_equal(f->seed, 42);
	assert_int_equal(r->rate_bps, 10000000);
	assert_int_equal(r->delay_ns, 7 * MS);
	assert_int_equal(r->jitter_ns, 6 * MS);
	assert_string_equal(s->links[0].ends[1].netns, "/run/netns/b");
	assert_null(s->links[1].ends[0].netns);
	assert_int_equal(s->links[1].direction[0].queue_bytes, 65536);
	assert_int_equal(s->links[1].direction[1].queue_bytes, 65536);
	assert_int_equal(s->links[1].direction[1].queue_packets, 100);
	assert_int_not_equal(s->links[1].direction[0].seed, 0);
	settings_free(s);
}

static void test_settings_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"links: []\n", "t.yaml:1: "},
		{"", "t.yaml:"},
		{"{{{", "t.yaml:"},
		{"links:\n  - " ENDS "\n", "t.yaml:2: "},
		{"links:\n  - name: a b\n    " ENDS "\n", "t.yaml:2: "},
		{"links:\n  - name: x\n    ends: [{interface: a}]\n", "t.yaml:3: "},
		{"links:\n  - name: x\n    ends: [{interface: a}, {interface: sixteencharacter}]\n",
			"t.yaml:3: "},
		{"links:\n  - name: x\n    ends: [{interface: a}, {interface: a}]\n", "t.yaml:3: "},
		{"links:\n  - name: x\n    " ENDS "\n    rate: 999bit/s\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    rate: 101Gbit/s\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    rate: fast\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    delay: 61s\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    delay: -1ms\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    loss: 101%\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    queue: 0\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    queue_bytes: 100\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    delay: 1ms\n    jitter: 2ms\n", "t.yaml:5: "},
		{"links:\n  - name: x\n    " ENDS "\n    dealy: 1ms\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS "\n    forward: {name: y}\n", "t.yaml:4: "},
		{"links:\n  - name: x\n    " ENDS
		 "\n  - name: x\n    ends: [{interface: c}, {interface: d}]\n",
			"t.yaml:4: "},
		{"memory: 1KiB\nlinks:\n  - name: x\n    " ENDS "\n", "t.yaml:1: "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *error;
		struct settings *s = parse(cases[i].text, &error);
		if (s || !error || strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("case %zu: expected %s..., got %s\n%s", i, cases[i].error,
				error ? error : "no error", cases[i].text);
		assert_null(strchr(error, '\n'));
		free(error);
	}
}

static void test_settings_change(void **state)
{
	(void)state;
	char *error = NULL;
	struct shape s = {.rate_bps = 1000, .delay_ns = 5 * MS, .seed = 9};
	char *good[] = {(char[]){"rate=2Mbit/s"}, (char[]){"loss=0.5%"}};
	assert_int_equal(settings_change(&s, 2, good, &error), 0);
	assert_int_equal(s.rate_bps, 2000000);
	assert_int_equal(s.delay_ns, 5 * MS);
	assert_true(s.loss == 0.005);
	char *bad[][2] = {{"rate=3Mbit/s", "loss"}, {"rate=3Mbit/s", "loss=2"},
		{"rate=3Mbit/s", "jitter=6ms"}, {"rate=3Mbit/s", "name=x"}, {"rate=3Mbit/s", "rate=4Mbit/s"}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(settings_change(&s, 2, bad[i], &error), -1);
		assert_non_null(error);
		assert_int_equal(s.rate_bps, 2000000);
	}
	free(error);
}

/* ---- lateness */

static void test_lateness(void **state)
{
	(void)state;
	struct lateness lateness = {0};
	assert_true(lateness_percentile(&lateness, 0.99) == 0);
	for (int i = 1; i <= 1000; i++)
		lateness_add(&lateness, i * US);
	lateness_add(&lateness, -5);
	lateness_add(&lateness, INT64_MAX);
	double p50 = lateness_percentile(&lateness, 0.5), p99 = lateness_percentile(&lateness, 0.99);
	assert_true(p50 >= 500 && p50 <= 500 * 1.125);
	assert_true(p99 >= 990 && p99 <= 990 * 1.125);
	json_t *json = lateness_json(&lateness), *octaves = json_object_get(json, "log2_us");
	assert_int_equal(json_array_size(octaves), LATENESS_OCTAVES);
	assert_int_equal(json_integer_value(json_array_get(octaves, 0)), 1);
	assert_int_equal(json_integer_value(json_array_get(octaves, 1)), 1);
	assert_int_equal(json_integer_value(json_array_get(octaves, 9)), 256);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_serialises_then_propagates),
		cmocka_unit_test(test_delay_alone),
		cmocka_unit_test(test_rate_is_exact_in_the_long_run),
		cmocka_unit_test(test_queue_counts_waiting_packets),
		cmocka_unit_test(test_queue_counts_bytes),
		cmocka_unit_test(test_holds_many),
		cmocka_unit_test(test_loss_follows_the_seed),
		cmocka_unit_test(test_loss_rate),
		cmocka_unit_test(test_loss_before_the_queue),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_settings_refused),
		cmocka_unit_test(test_settings_change),
		cmocka_unit_test(test_lateness),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
