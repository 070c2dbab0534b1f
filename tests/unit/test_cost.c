/* Cost: what processes used is found under their names; the time between two samples becomes a share. */
#include "tests/unit/check.h"
#include <time.h>

#include "harness/machine/cost.c"

static void burn(int ms)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	int64_t end = used.tv_sec * NS_PER_S + used.tv_nsec + ms * NS_PER_MS;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	while (used.tv_sec * NS_PER_S + used.tv_nsec < end);
}

static void a_program_is_found_by_its_name(void **state)
{
	(void)state;
	json_t *before = cost_programs();
	burn(100);
	json_t *after = cost_programs();
	/* This test, by the name that the kernel cuts at 15 bytes. */
	assert_true(json_is_real(json_object_get(after, "test_cost")));
	cost_subtract(after, before);
	double used = json_number_value(json_object_get(after, "test_cost"));
	assert_true(used >= 0.07 && used < 1);
	json_decref(before);
	json_decref(after);
}

static void memory_is_at_least_ours(void **state)
{
	(void)state;
	double before = cost_memory_mib();
	size_t size = 64 << 20;
	volatile char *more = malloc(size); /* else the compiler sees that nobody reads it */
	for (size_t i = 0; i < size; i += 4096)
		more[i] = 1;
	double of_self = 0;
	visit_memory(&of_self, "self");
	assert_true(before > 0 && of_self > 64);
	free((void *)more);
}

static void pressure_is_a_share_of_the_time(void **state)
{
	(void)state;
	struct cost_sample a = {.at_ns = 5 * NS_PER_S, .pressure_us = 1000000, .known = true};
	struct cost_sample b = {.at_ns = 15 * NS_PER_S, .pressure_us = 3500000, .known = true};
	assert_true(cost_pressure_percent(&a, &b) == 25);
	b.known = false;
	assert_true(cost_pressure_percent(&a, &b) < 0);
	b = a;
	assert_true(cost_pressure_percent(&a, &b) < 0);
}

static void phases_of_one_name_add_up(void **state)
{
	(void)state;
	/* Two of "a" with one of "b" between them; where there is no cgroup only times are known. */
	struct cost cost = {.last = cost_sample_take(), .phases = json_object()};
	int64_t began = cost.last.at_ns;
	cost_phase(&cost, "a");
	cost_phase(&cost, "b");
	cost_phase(&cost, "a");
	double whole = (double)(cost.last.at_ns - began) / 1e9, sum = 0;
	json_t *phases = cost_end(&cost), *phase;
	const char *name;
	assert_int_equal(json_object_size(phases), 2);
	json_object_foreach(phases, name, phase)
		sum += json_number_value(json_object_get(phase, "wall_s"));
	assert_true(sum > whole - 1e-8 && sum < whole + 1e-8);
	json_decref(phases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_found_by_its_name),
		cmocka_unit_test(memory_is_at_least_ours),
		cmocka_unit_test(pressure_is_a_share_of_the_time),
		cmocka_unit_test(phases_of_one_name_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
