/* Pace: the budget climbs while trials are clean, to what processors and memory allow; a strained trial
 * lowers it; dear trials leave room for fewer. */
#include "harness/run/pace.c"
#include "tests/unit/check.h"
#include <math.h>

static bool ended(struct pace *pace, size_t kind, double load, bool strained)
{
	struct pace_trial trial = {.kind = kind,
		.wall_s = 10,
		.cpu_s = 10 * load,
		.strained = strained,
		.counts = true,
		.idle_percent = NAN,
		.epoch = pace->epoch};
	return pace_ended(pace, &trial);
}

static void clean_trials(struct pace *pace, size_t kind, double load, int trials)
{
	for (int i = 0; i < trials; i++)
		ended(pace, kind, load, false);
}

/* How many trials of a kind run side by side. */
static unsigned fit(const struct pace *pace, size_t kind)
{
	unsigned running = 0;
	while (pace_admits(pace, kind, running, running * pace_load(pace, kind)))
		running++;
	return running;
}

static void it_climbs_to_the_budget(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 1);
	assert_int_equal(fit(&pace, 0), 2);
	clean_trials(&pace, 0, 0.125, 3);
	assert_int_equal(fit(&pace, 0), 4);
	clean_trials(&pace, 0, 0.125, 200);
	assert_int_equal(fit(&pace, 0), (unsigned)(PACE_BUDGET * 2 / 0.125));
	pace_free(&pace);
}

static void dear_trials_leave_room_for_fewer(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 3);
	clean_trials(&pace, 0, 0.11, 200);
	/* What is not known is taken for dear. */
	assert_int_equal(fit(&pace, 0), 13);
	assert_int_equal(fit(&pace, 1), 6);
	clean_trials(&pace, 1, 0.31, 200);
	assert_int_equal(fit(&pace, 0), 13);
	assert_int_equal(fit(&pace, 1), 4);
	assert_int_equal(fit(&pace, 2), 4);
	assert_true(pace_admits(&pace, 0, 4, 4 * 0.31));
	assert_false(pace_admits(&pace, 1, 7, 4 * 0.31 + 3 * 0.11));
	/* At least as dear as the dearest that is known: fit(2) above. One alone may be as dear as it likes. */
	clean_trials(&pace, 2, 5, 1);
	assert_true(pace_admits(&pace, 2, 0, 0));
	assert_false(pace_admits(&pace, 2, 1, 0.1));
	pace_free(&pace);
}

static void memory_is_a_limit(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 3 * PACE_MEMORY_MIB + 10, 1);
	clean_trials(&pace, 0, 0.01, 5000);
	assert_int_equal(fit(&pace, 0), 3);
	pace_free(&pace);
	pace_init(&pace, 8, 10, 1);
	assert_int_equal(fit(&pace, 0), 1);
	pace_free(&pace);
}

static void without_costs_it_stays(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 4, 24000, 1);
	unsigned before = fit(&pace, 0);
	clean_trials(&pace, 0, 0, 100);
	assert_int_equal(fit(&pace, 0), before);
	pace_free(&pace);
}

static void strain_lowers_it_and_is_remembered(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 1);
	clean_trials(&pace, 0, 0.1, 200);
	unsigned high = fit(&pace, 0);
	assert_true(ended(&pace, 0, 0.1, true));
	assert_true(fit(&pace, 0) < high);
	clean_trials(&pace, 0, 0.1, (int)high * 2);
	assert_true(fit(&pace, 0) < high);
	clean_trials(&pace, 0, 0.1, (int)high * 20 * ROUNDS_BEFORE_RETRY);
	assert_int_equal(fit(&pace, 0), high);
	pace_free(&pace);
}

/* A disturbance that passed: five strained trials in a row, then a clean machine. */
static void what_passed_is_soon_forgotten(void **state)
{
	(void)state;
	struct pace pace;
	int clean = 0;
	pace_init(&pace, 2, 24000, 1);
	clean_trials(&pace, 0, 0.1, 200);
	for (int i = 0; i < 5; i++)
		ended(&pace, 0, 0.1, true);
	double high = PACE_BUDGET * 2;
	assert_true(pace.budget < high / 2);
	while (pace.budget < high - 0.01 && clean++ < 10000)
		clean_trials(&pace, 0, 0.1, 1);
	/* Ten rounds before the first of nine steps, five, two and one before those after it; with ten before each
	   they would be a thousand trials. */
	assert_in_range(clean, 10 * ROUNDS_BEFORE_RETRY, 40 * ROUNDS_BEFORE_RETRY);
	pace_free(&pace);
}

/* Late though half of the machine was idle: that is no reason for fewer trials, nor for more. */
static void what_came_from_outside_moves_nothing(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 1);
	clean_trials(&pace, 0, 0.1, 3);
	double budget = pace.budget, clean = pace.clean;
	struct pace_trial trial = {
		.wall_s = 10, .cpu_s = 1, .strained = true, .idle_percent = 50, .epoch = pace.epoch};
	for (int i = 0; i < 100; i++)
		assert_false(pace_ended(&pace, &trial));
	assert_true(
		pace.budget >= budget && pace.budget <= budget && pace.clean >= clean && pace.clean <= clean);
	trial.idle_percent = 10;
	assert_true(pace_ended(&pace, &trial));
	assert_true(pace.budget < budget);
	pace_free(&pace);
}

/* A trial that failed did not show that there is room for it. */
static void what_does_not_count_is_not_clean(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 1);
	double budget = pace.budget;
	struct pace_trial trial = {.wall_s = 10, .cpu_s = 1, .idle_percent = NAN, .epoch = pace.epoch};
	for (int i = 0; i < 100; i++)
		assert_false(pace_ended(&pace, &trial));
	assert_true(pace.budget >= budget && pace.budget <= budget && pace.clean <= 0);
	trial.counts = true;
	for (int i = 0; i < 100; i++, trial.epoch = pace.epoch)
		pace_ended(&pace, &trial);
	assert_true(pace.budget > budget);
	/* One that is invalid because the machine was too slow lowers it all the same. */
	trial.counts = false;
	trial.strained = true;
	assert_true(pace_ended(&pace, &trial));
	pace_free(&pace);
}

/* Interrupts cost what no trial counts: a machine without idle time is full, whatever the trials say. */
static void a_full_machine_gets_no_more(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 1);
	double budget = pace.budget;
	struct pace_trial trial = {
		.wall_s = 10, .cpu_s = 1, .counts = true, .idle_percent = PACE_FULL - 1, .epoch = pace.epoch};
	for (int i = 0; i < 100; i++)
		assert_false(pace_ended(&pace, &trial));
	trial.idle_percent = PACE_FULL + 1;
	for (int i = 0; i < 100; i++, trial.epoch = pace.epoch)
		pace_ended(&pace, &trial);
	assert_true(pace.budget > budget);
	pace_free(&pace);
}

/* A trial whose packets are handled by the kernel's threads: 0.11 processors in its sandbox, 0.2 beside it. */
static void what_is_in_no_sandbox_counts(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 2);
	clean_trials(&pace, 0, 0.11, 200);
	assert_int_equal(fit(&pace, 0), 13);
	for (int i = 0; i < 50; i++)
		pace_beyond(&pace, 1.0, 5.0);
	assert_int_equal(fit(&pace, 0), 4);
	assert_true(pace_load(&pace, 1) > 0.44 && pace_load(&pace, 1) < 0.46);
	/* It passes; it is never less than nothing, and where nothing ran it says nothing of trials. */
	for (int i = 0; i < 50; i++)
		pace_beyond(&pace, i % 2 ? -1.0 : 1.0, i % 2 ? 5.0 : 0.0);
	assert_int_equal(fit(&pace, 0), 13);
	pace_free(&pace);
}

static void a_trial_of_another_budget_proves_nothing(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 2, 24000, 1);
	double before = pace.budget;
	struct pace_trial trial = {
		.wall_s = 10, .cpu_s = 1, .strained = true, .idle_percent = NAN, .epoch = pace.epoch + 1};
	assert_false(pace_ended(&pace, &trial));
	trial.strained = false;
	trial.counts = true;
	for (int i = 0; i < 10; i++)
		assert_false(pace_ended(&pace, &trial));
	assert_true(pace.budget >= before && pace.budget <= before);
	pace_free(&pace);
}

static void it_never_leaves_its_range(void **state)
{
	(void)state;
	struct pace pace;
	uint32_t random = 1;
	pace_init(&pace, 2, 24000, 4);
	for (int i = 0; i < 100000; i++) {
		random = random * 1664525 + 1013904223;
		ended(&pace, random >> 30, (random >> 8 & 255) / 1000.0, (random >> 16 & 15) == 0);
		assert_true(pace.budget > 0 && pace.budget <= PACE_BUDGET * 2);
		assert_in_range(fit(&pace, random >> 30), 1, PACE_MAX);
	}
	pace_free(&pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_climbs_to_the_budget),
		cmocka_unit_test(dear_trials_leave_room_for_fewer), cmocka_unit_test(memory_is_a_limit),
		cmocka_unit_test(without_costs_it_stays),
		cmocka_unit_test(strain_lowers_it_and_is_remembered),
		cmocka_unit_test(what_passed_is_soon_forgotten),
		cmocka_unit_test(what_came_from_outside_moves_nothing),
		cmocka_unit_test(a_full_machine_gets_no_more),
		cmocka_unit_test(what_does_not_count_is_not_clean),
		cmocka_unit_test(what_is_in_no_sandbox_counts),
		cmocka_unit_test(a_trial_of_another_budget_proves_nothing),
		cmocka_unit_test(it_never_leaves_its_range)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
