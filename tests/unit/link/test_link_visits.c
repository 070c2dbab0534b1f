/* The visits of a radio: the fixed policy as it always was, the dynamic one by the rules of Trilogy2 D1.2, section 3.2.2, and what holds for any
 * load. */
#include "lib/base/draw.h"
#include "lib/base/units.h"
#include "lib/link/visits.h"
#include "tests/unit/check.h"
#include <string.h>

#define MS NS_PER_MS
#define FRAME 1514

static struct visits with(struct visits_settings settings, uint32_t channels)
{
	struct visits v;

	visits_init(&v, &settings);
	for (uint32_t i = 1; i < channels; i++)
		assert_int_equal(visits_add_channel(&v), 0);
	visits_begin(&v, 0);
	return v;
}

static struct visits_settings fixed_settings(void)
{
	return (struct visits_settings){.switching_ns = 3 * MS, .dwell_ns = 100 * MS, .idle_ns = 10 * MS};
}

static struct visits_settings dynamic_settings(void)
{
	return (struct visits_settings){.policy = VISITS_DYNAMIC,
		.switching_ns = 3 * MS,
		.dwell_ns = 100 * MS,
		.idle_ns = 10 * MS,
		.dwell_step_ns = 100 * MS,
		.dwell_most_ns = 500 * MS,
		.boost_above_bps = 15000000,
		.idle_factor = 4,
		.flush_ns = 5 * MS};
}

/* Packets of `gap` each, from the access point, for as long as the visit admits them. */
static void saturate(struct visits *v, int64_t gap_ns)
{
	for (int64_t at = v->from_ns; visits_admit(v, at, false); at += gap_ns)
		visits_passed(v, at + gap_ns, FRAME, true);
}

/* ---- the fixed policy */

static void a_visit_ends_by_t_or_tw(void **state)
{
	(void)state;
	struct visits v = with(fixed_settings(), 2);
	assert_int_equal(visits_end(&v), 10 * MS);
	visits_passed(&v, 9 * MS, FRAME, true);
	assert_int_equal(visits_end(&v), 19 * MS);
	/* A try that failed is no activity, but it is finished. */
	visits_tried(&v, 18 * MS);
	assert_int_equal(visits_end(&v), 19 * MS);
	visits_tried(&v, 20 * MS);
	assert_int_equal(visits_end(&v), 20 * MS);
	assert_true(visits_admit(&v, 20 * MS - 1, false));
	assert_false(visits_admit(&v, 20 * MS, true));
	visits_next(&v);
	assert_int_equal(v.at, 1);
	assert_int_equal(v.from_ns, 23 * MS);
	saturate(&v, 7 * MS);
	assert_int_equal(visits_end(&v), 128 * MS); /* the last of 15 packets */
	visits_next(&v);
	assert_int_equal(v.at, 0);
	assert_int_equal(v.ended[VISITS_IDLE], 1);
	assert_int_equal(v.ended[VISITS_WHOLE], 1);
	assert_int_equal(v.channels[1].there_ns, 105 * MS);
	assert_int_equal(v.channels[1].bytes, 15 * FRAME);
	/* Its timers stay. */
	assert_int_equal(v.idle_ns, 10 * MS);
	assert_int_equal(v.channels[0].dwell_ns, 100 * MS);
	visits_forget(&v);
	assert_int_equal(v.ended[VISITS_IDLE] + v.ended[VISITS_WHOLE] + v.channels[1].bytes, 0);
	assert_int_equal(v.number, 2);
}

static void channels_have_an_end(void **state)
{
	(void)state;
	struct visits_settings settings = fixed_settings();
	struct visits v;
	visits_init(&v, &settings);
	for (int i = 1; i < VISITS_CHANNELS; i++)
		assert_int_equal(visits_add_channel(&v), 0);
	assert_int_equal(visits_add_channel(&v), -1);
	assert_int_equal(v.count, VISITS_CHANNELS);
}

/* ---- the dynamic policy */

static void tw_follows_the_time_between_packets(void **state)
{
	(void)state;
	struct visits v = with(dynamic_settings(), 2);
	/* 2 ms between packets, and the 5 ms before the first do not count. What the client sends does not either. */
	for (int i = 0; i < 4; i++)
		visits_passed(&v, (5 + 2 * i) * MS, FRAME, true);
	visits_passed(&v, 13 * MS, FRAME, false);
	visits_next(&v);
	assert_int_equal(v.channels[0].mean_ns, 2 * MS);
	assert_int_equal(v.idle_ns, 8 * MS);
	/* The other channel's are 1 ms apart: the least counts. */
	saturate(&v, MS);
	visits_next(&v);
	assert_int_equal(v.channels[1].mean_ns, MS);
	assert_int_equal(v.idle_ns, 4 * MS);
	/* Two packets have no mean: the next channel may keep its whole T. */
	visits_passed(&v, v.from_ns + MS, FRAME, true);
	visits_passed(&v, v.from_ns + 2 * MS, FRAME, true);
	visits_next(&v);
	assert_int_equal(v.channels[0].mean_ns, 0);
	assert_int_equal(v.idle_ns, 100 * MS);
	/* And Tw is never more than T. */
	for (int i = 0; i < 3; i++)
		visits_passed(&v, v.from_ns + 40 * i * MS, FRAME, true);
	visits_next(&v);
	assert_int_equal(v.channels[1].mean_ns, 40 * MS);
	assert_int_equal(v.idle_ns, 100 * MS);
}

static void t_grows_for_a_channel_that_stands_alone(void **state)
{
	(void)state;
	struct visits v = with(dynamic_settings(), 2);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(v.at, 0);
		assert_int_equal(v.channels[0].dwell_ns, (i < 5 ? 1 + i : 5) * 100 * MS);
		saturate(&v, MS / 2); /* 24.2 Mbit/s */
		assert_int_equal(visits_end(&v) - v.from_ns, v.channels[0].dwell_ns);
		visits_next(&v);
		assert_int_equal(v.idle_ns, 2 * MS);
		visits_next(&v); /* nothing on the other */
		assert_int_equal(v.idle_ns, v.channels[0].dwell_ns);
	}
	visits_next(&v);
	/* One packet there is more than zero. */
	visits_passed(&v, v.from_ns + MS, 60, true);
	visits_next(&v);
	assert_int_equal(v.channels[0].dwell_ns, 100 * MS);
}

/* D1.2 says "significantly greater" without a number; below `boost_above` it does not grow. */
static void t_stays_for_a_weak_channel(void **state)
{
	(void)state;
	struct visits v = with(dynamic_settings(), 2);
	for (int i = 0; i < 6; i++) {
		saturate(&v, MS); /* 12.1 Mbit/s */
		assert_int_equal(v.channels[0].dwell_ns, 100 * MS);
		visits_next(&v);
		visits_next(&v);
	}
}

static void two_whole_visits_end_with_tws(void **state)
{
	(void)state;
	struct visits v = with(dynamic_settings(), 2);
	saturate(&v, MS);
	assert_int_equal(visits_end(&v), 100 * MS); /* the first: none before it */
	visits_next(&v);
	assert_false(v.channels[0].flushed);
	saturate(&v, MS);
	int64_t stop = v.from_ns + 100 * MS;
	assert_int_equal(visits_end(&v), stop + 5 * MS);
	/* The client sends no more; what the access point had buffered may come, and is waited for anew. */
	assert_false(visits_admit(&v, stop, false));
	assert_true(visits_admit(&v, stop + 5 * MS - 1, true));
	assert_false(visits_admit(&v, stop + 5 * MS, true));
	visits_passed(&v, stop + 2 * MS, FRAME, true);
	assert_int_equal(visits_end(&v), stop + 7 * MS);
	visits_next(&v);
	assert_true(v.channels[1].flushed);
	assert_int_equal(v.channels[1].left_ns, stop + 7 * MS);
	assert_int_equal(v.ended[VISITS_FLUSHED], 1);
	/* An idle one, and the visit after it goes without. */
	visits_next(&v);
	saturate(&v, MS);
	assert_int_equal(visits_end(&v), v.from_ns + 100 * MS);
}

/* ---- what holds for any load */

static void next_without_skipping(struct visits *v, int64_t at_ns)
{
	while (visits_end(v) + v->settings.switching_ns <= at_ns)
		visits_next(v);
}

static void next_with_skipping(struct visits *v, int64_t at_ns)
{
	while (visits_end(v) + v->settings.switching_ns <= at_ns) {
		visits_next(v);
		visits_skip(v, at_ns);
	}
}

static void any_load_keeps_the_rules(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint64_t random = seed;
		struct visits_settings s = dynamic_settings();
		s.policy = draw_below(&random, 3) ? VISITS_DYNAMIC : VISITS_FIXED;
		s.dwell_ns = (int64_t)(1 + draw_below(&random, 200)) * MS;
		s.idle_ns = (int64_t)draw_below(&random, (uint64_t)s.dwell_ns / MS + 1) * MS;
		s.dwell_most_ns = s.dwell_ns + (int64_t)draw_below(&random, 500) * MS;
		s.flush_ns = (int64_t)draw_below(&random, 3) * 4 * MS;
		struct visits v = with(s, 2 + (uint32_t)draw_below(&random, 3)), plain = v;
		int64_t at = 0;
		for (int i = 0; i < 500; i++) {
			at += (int64_t)draw_below(&random, i % 50 ? 3 * MS : 20000 * MS);
			next_with_skipping(&v, at);
			next_without_skipping(&plain, at);
			assert_memory_equal(&v, &plain, sizeof v);
			assert_true(visits_end(&v) > v.from_ns);
			assert_in_range(v.channels[v.at].dwell_ns, s.dwell_ns, s.dwell_most_ns);
			if (s.policy == VISITS_DYNAMIC)
				assert_true((v.idle_ns > 0 && v.idle_ns <= v.channels[v.at].dwell_ns) ||
					    v.number == 0);
			else
				assert_int_equal(v.idle_ns, s.idle_ns);
			bool down = draw_below(&random, 2), buffered = down && draw_below(&random, 2);
			at = at > v.from_ns ? at : v.from_ns;
			if (!visits_admit(&v, at, buffered))
				continue;
			/* Whoever is admitted without having been buffered is so within T. */
			assert_true(buffered || at < v.from_ns + v.channels[v.at].dwell_ns || at < v.busy_ns);
			int64_t end = at + 100 + (int64_t)draw_below(&random, 2 * MS);
			if (draw_below(&random, 3)) {
				visits_passed(&v, end, FRAME, down);
				visits_passed(&plain, end, FRAME, down);
			} else {
				visits_tried(&v, end);
				visits_tried(&plain, end);
			}
			assert_true(visits_end(&v) >= end);
			at = end;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_visit_ends_by_t_or_tw),
		cmocka_unit_test(channels_have_an_end),
		cmocka_unit_test(tw_follows_the_time_between_packets),
		cmocka_unit_test(t_grows_for_a_channel_that_stands_alone),
		cmocka_unit_test(t_stays_for_a_weak_channel),
		cmocka_unit_test(two_whole_visits_end_with_tws),
		cmocka_unit_test(any_load_keeps_the_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
