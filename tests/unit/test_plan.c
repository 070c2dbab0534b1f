/* Plan: every cell as often as asked, in an order that the seed decides, seeds paired across procedures. */
#include "harness/experiment/plan.h"
#include "harness/run/run.h"
#include "tests/unit/check.h"
#include <stdlib.h>

static struct configuration configurations[] = {{.name = "plain"}, {.name = "loss-1"}, {.name = "loss-5"}};
static struct procedure procedures[] = {
	{.name = "tcp"}, {.name = "nat"}, {.name = "vpn"}, {.name = "vpn-encrypted", .optional = true}};
static const struct experiment experiment = {.trials = 4,
	.configurations = configurations,
	.configurations_count = 3,
	.procedures = procedures,
	.procedures_count = 4};

static struct plan make(struct selection selection)
{
	struct plan plan;
	char *error = NULL;
	assert_int_equal(plan_make(&plan, &experiment, &selection, &error), 0);
	return plan;
}

static void every_cell_once_a_repeat(void **state)
{
	(void)state;
	struct plan plan = make((struct selection){.seed = 7});
	unsigned seen[3][4][5] = {0};
	assert_int_equal(plan.count, 3 * 3 * 4);
	for (size_t i = 0; i < plan.count; i++)
		seen[plan.trials[i].configuration][plan.trials[i].procedure][plan.trials[i].repeat]++;
	for (int c = 0; c < 3; c++)
		for (int p = 0; p < 4; p++)
			for (int r = 1; r <= 4; r++)
				assert_int_equal(seen[c][p][r], p < 3);
	plan_free(&plan);
}

static void the_seed_decides(void **state)
{
	(void)state;
	struct plan a = make((struct selection){.seed = 7}), b = make((struct selection){.seed = 7});
	struct plan c = make((struct selection){.seed = 8});
	assert_memory_equal(a.trials, b.trials, a.count * sizeof *a.trials);
	size_t moved = 0;
	for (size_t i = 0; i < a.count; i++)
		moved += a.trials[i].procedure != c.trials[i].procedure ||
			 a.trials[i].configuration != c.trials[i].configuration;
	assert_true(moved > a.count / 3);
	plan_free(&a);
	plan_free(&b);
	plan_free(&c);
}

/* Block after block, each with every cell once; within one the order is the seed's. */
static void blocks_one_after_the_other(void **state)
{
	(void)state;
	struct experiment blocks = experiment;
	struct selection selection = {.seed = 7};
	struct plan plan;
	char *error = NULL;
	size_t moved = 0;
	blocks.blocks = true;
	assert_int_equal(plan_make(&plan, &blocks, &selection, &error), 0);
	assert_int_equal(plan.count, 3 * 3 * 4);
	for (size_t b = 0; b < 4; b++) {
		unsigned seen[3][4] = {0};
		for (size_t i = 0; i < 9; i++) {
			const struct planned *one = &plan.trials[b * 9 + i];
			assert_int_equal(one->repeat, b + 1);
			seen[one->configuration][one->procedure]++;
			moved += b > 0 && (one->configuration != plan.trials[i].configuration ||
						  one->procedure != plan.trials[i].procedure);
		}
		for (int c = 0; c < 3; c++)
			for (int q = 0; q < 3; q++)
				assert_int_equal(seen[c][q], 1);
	}
	assert_true(moved > 9); /* not the same order in each */
	plan_free(&plan);
}

static void procedures_share_their_losses(void **state)
{
	(void)state;
	struct plan plan = make((struct selection){.seed = 7});
	for (size_t i = 0; i < plan.count; i++)
		for (size_t j = 0; j < plan.count; j++) {
			const struct planned *a = &plan.trials[i], *b = &plan.trials[j];
			bool same = a->configuration == b->configuration && a->repeat == b->repeat;
			assert_int_equal(a->seed == b->seed, same);
		}
	plan_free(&plan);
}

static void selections_are_patterns(void **state)
{
	(void)state;
	struct plan plan = make((struct selection){
		.configurations = "loss-*", .procedures = "vpn-encrypted,tcp", .trials = 2});
	assert_int_equal(plan.count, 2 * 2 * 2);
	for (size_t i = 0; i < plan.count; i++) {
		assert_int_not_equal(plan.trials[i].configuration, 0);
		assert_true(plan.trials[i].procedure == 0 || plan.trials[i].procedure == 3);
	}
	plan_free(&plan);
}

static void a_pattern_without_a_match_is_refused(void **state)
{
	(void)state;
	struct plan plan;
	char *error = NULL;
	struct selection selection = {.procedures = "tcp,nta"};
	assert_int_equal(plan_make(&plan, &experiment, &selection, &error), -1);
	assert_string_equal(error, "no procedure matches `nta`; there are tcp, nat, vpn, vpn-encrypted");
	free(error);
	plan_free(&plan);
}

/* Every place of the order is equally likely to get every trial: chi-square over 2,000 seeds, 99.9 % bound. */
static void the_shuffle_is_fair(void **state)
{
	(void)state;
	unsigned counts[12][12] = {0};
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct plan plan = make((struct selection){.seed = seed, .configurations = "plain"});
		assert_int_equal(plan.count, 12);
		for (size_t i = 0; i < 12; i++)
			counts[i][(plan.trials[i].repeat - 1) * 3 + plan.trials[i].procedure]++;
		plan_free(&plan);
	}
	double chi = 0, expected = 2000.0 / 12;
	for (int i = 0; i < 12; i++)
		for (int j = 0; j < 12; j++)
			chi += (counts[i][j] - expected) * (counts[i][j] - expected) / expected;
	assert_true(chi < 180); /* 121 degrees of freedom: 99.9 % lies below 173.6 */
}

/* Whatever prefix of a run was recorded, what is left is exactly the rest, with attempts going on. */
static void it_resumes_from_every_prefix(void **state)
{
	(void)state;
	struct plan whole = make((struct selection){.seed = 7});
	struct record *items = calloc(whole.count, sizeof *items);
	for (size_t done = 0; done <= whole.count; done++) {
		struct plan plan = make((struct selection){.seed = 7});
		for (size_t i = 0; i < done; i++)
			items[i] = (struct record){.configuration = whole.trials[i].configuration,
				.procedure = whole.trials[i].procedure,
				.repeat = whole.trials[i].repeat,
				.attempt = 1 + (int64_t)(i % 3),
				.status = (enum trial_status)(i % 4),
				.last = true};
		resume_plan(&plan, &(struct records){.items = items, .count = done});
		size_t states[2] = {0};
		for (size_t i = 0; i < plan.count; i++) {
			bool recorded = i < done, counts = i % 4 <= TRIAL_SUSPECT;
			enum planned_state wanted = recorded && counts ? PLANNED_GOOD : PLANNED_OPEN;
			assert_int_equal(plan.trials[i].state, wanted);
			assert_int_equal(plan.trials[i].attempts, recorded ? 1 + i % 3 : 0);
			assert_int_equal(plan.trials[i].seed, whole.trials[i].seed);
			states[wanted]++;
		}
		for (int i = 0; i < 2; i++)
			assert_int_equal(plan_count(&plan, (enum planned_state)i), states[i]);
		plan_free(&plan);
	}
	free(items);
	plan_free(&whole);
}

static void configurations_have_their_own_number_and_levels(void **state)
{
	(void)state;
	static const char *levels[] = {"wide", "loss-9", NULL};
	struct configuration own[] = {
		{.name = "wide-loss-9", .levels = levels, .trials = 6}, {.name = "other"}};
	struct experiment e = {.trials = 2,
		.configurations = own,
		.configurations_count = 2,
		.procedures = procedures,
		.procedures_count = 1};
	struct plan plan = {0};
	char *error = NULL;
	assert_int_equal(plan_make(&plan, &e, &(struct selection){0}, &error), 0);
	assert_int_equal(plan.count, 8);
	plan_free(&plan);
	assert_int_equal(plan_make(&plan, &e, &(struct selection){.configurations = "loss-*"}, &error), 0);
	assert_int_equal(plan.count, 6);
	plan_free(&plan);
	assert_int_equal(plan_make(&plan, &e, &(struct selection){.trials = 1}, &error), 0);
	assert_int_equal(plan.count, 2);
	plan_free(&plan);
}

/* The slices together are the plan: each trial once, in the plan's order, and no configuration in two of them. */
static void slices_make_up_the_plan(void **state)
{
	(void)state;
	struct plan whole = make((struct selection){.seed = 7}), slice[2];
	size_t at[2] = {0};
	for (unsigned k = 0; k < 2; k++)
		slice[k] = make((struct selection){.seed = 7, .slice = k, .slices = 2});
	assert_int_equal(slice[0].count, 24);
	for (size_t i = 0; i < whole.count; i++) {
		unsigned k = whole.trials[i].configuration % 2;
		assert_memory_equal(&whole.trials[i], &slice[k].trials[at[k]++], sizeof *whole.trials);
	}
	assert_int_equal(at[1], slice[1].count);
	/* Of those chosen, not of all: both losses are not in one slice. */
	struct plan losses = make((struct selection){.configurations = "loss-*", .slice = 1, .slices = 2});
	assert_int_equal(losses.count, 12);
	for (size_t i = 0; i < losses.count; i++)
		assert_int_equal(losses.trials[i].configuration, 2);
	char *error = NULL;
	struct plan none;
	assert_int_equal(
		plan_make(&none, &experiment, &(struct selection){.slice = 5, .slices = 6}, &error), -1);
	assert_string_equal(error, "slice 5 of 6 is empty: there are 3 configurations");
	free(error);
	plan_free(&none);
	plan_free(&losses);
	plan_free(&whole);
	plan_free(&slice[0]);
	plan_free(&slice[1]);
}

static void slices_in_words(void **state)
{
	static const char *const bad[] = {
		"", "1", "/", "1/", "/2", "2/2", "-1/2", "1/0", "a/2", "1/2/3", "00000000000000000001/2"};
	struct selection s = {0};
	(void)state;
	assert_int_equal(plan_slice("3/4", &s), 0);
	assert_true(s.slice == 3 && s.slices == 4);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(plan_slice(bad[i], &s), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_once_a_repeat),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(blocks_one_after_the_other),
		cmocka_unit_test(procedures_share_their_losses),
		cmocka_unit_test(selections_are_patterns),
		cmocka_unit_test(a_pattern_without_a_match_is_refused),
		cmocka_unit_test(it_resumes_from_every_prefix),
		cmocka_unit_test(configurations_have_their_own_number_and_levels),
		cmocka_unit_test(the_shuffle_is_fair),
		cmocka_unit_test(slices_make_up_the_plan),
		cmocka_unit_test(slices_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
