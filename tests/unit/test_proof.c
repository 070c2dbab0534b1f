/* The trial of a back end's setting: packets that a link really carried pass, whatever the setting; a link
 * that is wrong by what would spoil a measurement does not. The links here are computed, packet by packet. */
#include "harness/links/proof.h"
#include "lib/base/draw.h"
#include "lib/base/units.h"
#include "tests/unit/check.h"
#include <string.h>

struct link { /* what a computed link does besides what it should */
	double rate_factor, extra_ns;
	double loss;
	int64_t jitter_ns;
	bool ignores_delay, overtakes;
};

static const struct shape shapes[] = {
	{.rate_bps = 10000000, .delay_ns = 5000000, .queue_packets = 1000},
	{.rate_bps = 10000000, .delay_ns = 5000000, .queue_packets = 20},
	{.rate_bps = 10000000, .queue_packets = 1},
	{.rate_bps = 100000000, .delay_ns = 250000000, .queue_packets = 4096},
	{.rate_bps = 64000, .delay_ns = 1000000000, .queue_packets = 10},
	{.rate_bps = 1000000, .delay_ns = 50000000, .queue_packets = 100, .loss = 0.02},
	{.delay_ns = 20000000, .jitter_ns = 10000000},
	{.delay_ns = 1000000, .loss = 0.5},
	{.queue_packets = 7},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static uint64_t state;
static double uniform(void)
{
	return draw_uniform(&state);
}

/* Sends as stamp.h does; returns the longest queue. */
static unsigned carry(const struct shape *shape, const struct stamp_plan *plan, const struct link *link,
	struct stamp *stamps)
{
	int64_t sent = 1790000000 * NS_PER_S, last = 0;
	double ends[PROOF_PACKETS_MAX], end = 0;
	unsigned count = 0, longest = 0;
	for (uint32_t i = 0; i < plan->count; i++) {
		stamps[i] = (struct stamp){.sent_ns = sent};
		sent += plan->interval_ns / 2 + (int64_t)(uniform() * (double)plan->interval_ns);
		if (uniform() < link->loss)
			continue;
		double now = (double)(stamps[i].sent_ns - stamps[0].sent_ns);
		double serial = shape->rate_bps ? plan->bytes * 8e9 / (double)shape->rate_bps : 0;
		end = (end > now ? end : now) + serial / link->rate_factor;
		ends[count++] = end;
		unsigned waiting = 0;
		while (waiting < count && ends[count - 1 - waiting] > now)
			waiting++;
		longest = waiting > longest ? waiting : longest;
		double jitter = (uniform() * 2 - 1) * (double)link->jitter_ns;
		int64_t release = stamps[0].sent_ns + (int64_t)(end + jitter + link->extra_ns) +
				  (link->ignores_delay ? 0 : shape->delay_ns);
		release = release < last && !link->overtakes ? last : release;
		last = release;
		stamps[i].received_ns = release + 3000; /* the way itself */
	}
	return longest;
}

static bool kept(const struct shape *shape, const struct link *link, struct proof *proof)
{
	static struct stamp stamps[PROOF_PACKETS_MAX];
	struct stamp_plan plan = proof_plan(shape);
	unsigned longest = carry(shape, &plan, link, stamps);
	if (shape->queue_packets && link->rate_factor == 1)
		assert_in_range(longest, 0, shape->queue_packets > 4 ? shape->queue_packets : 5);
	*proof = (struct proof){.shape = *shape};
	proof_judge(proof, stamps, &plan, 3000);
	assert_int_equal(proof->kept, !*proof->why);
	return proof->kept;
}

static struct link right(const struct shape *shape)
{
	return (struct link){.rate_factor = 1, .loss = shape->loss, .jitter_ns = shape->jitter_ns};
}

static void a_link_as_it_should_be(void **unused)
{
	struct proof proof;
	(void)unused;
	for (size_t i = 0; i < SHAPES; i++)
		for (unsigned seed = 0; seed < 200; seed++) {
			struct link link = right(&shapes[i]);
			state = seed;
			if (!kept(&shapes[i], &link, &proof))
				fail_msg("shape %zu, seed %u: %s", i, seed, proof.why);
			assert_true(shapes[i].jitter_ns || (proof.max_us < 1 && proof.min_us > -1));
			assert_int_equal(proof.reordered, 0);
		}
}

static void expect_refuted(size_t shape, struct link link, const char *why)
{
	struct proof proof;
	state = 5;
	assert_false(kept(&shapes[shape], &link, &proof));
	if (!strstr(proof.why, why))
		fail_msg("`%s` lacks `%s`", proof.why, why);
}

static void links_that_are_wrong(void **unused)
{
	struct link link;
	(void)unused;
	for (size_t i = 0; i < SHAPES; i++) {
		link = right(&shapes[i]);
		link.extra_ns = 3e6 + 3 * (double)shapes[i].jitter_ns; /* every packet a tick late */
		expect_refuted(i, link, "us late or more");
		link = right(&shapes[i]);
		link.loss = 1;
		expect_refuted(i, link, "not one of");
		if (shapes[i].delay_ns < 1000000)
			continue;
		link = right(&shapes[i]);
		link.ignores_delay = true; /* a debt that overflowed */
		expect_refuted(i, link, "us early or more");
	}
	link = right(&shapes[0]);
	link.rate_factor = 1.02; /* adds up in the full queue */
	expect_refuted(0, link, "us early or more");
	link.rate_factor = 0.98;
	expect_refuted(0, link, "us late or more");
	link = right(&shapes[0]);
	link.loss = 0.05;
	expect_refuted(0, link, "were lost, not 0");
	link = right(&shapes[7]);
	link.loss = 0.4;
	expect_refuted(7, link, "were lost, not 500");
	link = right(&shapes[6]);
	link.jitter_ns = 0;
	expect_refuted(6, link, "varies by");
	link = right(&shapes[6]);
	link.overtakes = true;
	expect_refuted(6, link, "overtaken");
}

static void what_is_said_of_it(void **unused)
{
	char text[200];
	(void)unused;
	proof_describe(&shapes[5], text, sizeof text);
	assert_string_equal(text, "1 Mbit/s, 50 ms, loss 2 %, queue 100");
	proof_describe(&shapes[6], text, sizeof text);
	assert_string_equal(text, "no limit of rate, 20 ms +- 10 ms");
	for (size_t i = 0; i < SHAPES; i++)
		for (size_t k = 0; k < SHAPES; k++)
			assert_int_equal(proof_same_shape(&shapes[i], &shapes[k]), i == k);
	struct proof proof = {.shape = shapes[0], .attempts = 2, .why = "late"};
	json_t *json = proof_json(&proof);
	assert_string_equal(json_string_value(json_object_get(json, "why")), "late");
	assert_true(json_is_false(json_object_get(json, "kept")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_link_as_it_should_be),
		cmocka_unit_test(links_that_are_wrong), cmocka_unit_test(what_is_said_of_it)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
