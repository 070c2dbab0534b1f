/* Observe: a trial whose signals were not all taken does not count as a quiet one. */
#include "tests/unit/check.h"
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

static bool fork_fails;
static pid_t test_fork(void)
{
	errno = EAGAIN;
	return fork_fails ? -1 : fork();
}
#define fork test_fork
#include "harness/trial/observe.c"
#undef fork

#include "tests/unit/judged.h"

/* A probe that slept well, until it is told to end. */
int probe_run(int stop_fd, const char *result_path)
{
	char byte;
	json_t *result = json_pack("{s:i, s:f, s:f}", "n", 1000, "p50_ms", 0.1, "p99_ms", 1.0);
	while (read(stop_fd, &byte, 1) > 0)
		;
	return json_dump_file(result, result_path, 0) == 0 ? 0 : 1;
}

struct congestion_target *congestion_targets(const struct experiment *experiment,
	const struct configuration *configuration, const struct procedure *procedure,
	const struct network *network, size_t *count)
{
	(void)experiment;
	(void)configuration;
	(void)procedure;
	(void)network;
	*count = 0;
	return NULL;
}

int congestion_watch(const struct congestion_target *targets, size_t count, int stop_fd, const char *result)
{
	(void)targets;
	(void)count;
	(void)stop_fd;
	(void)result;
	return 1;
}

int capture_run(
	const struct capture_target *targets, size_t count, int ready_fd, int stop_fd, const char *result)
{
	(void)targets;
	(void)count;
	(void)ready_fd;
	(void)stop_fd;
	(void)result;
	return 1;
}

void machine_sample_take(struct machine_sample *sample)
{
	memset(sample, 0, sizeof *sample);
}

json_t *machine_sample_json(const struct machine_sample *before, const struct machine_sample *after)
{
	(void)before;
	(void)after;
	return json_object();
}

struct cost_sample cost_sample_take(void)
{
	return (struct cost_sample){0};
}

double cost_pressure_percent(const struct cost_sample *before, const struct cost_sample *after)
{
	(void)before;
	(void)after;
	return -1;
}

/* A trial without captures; its verdict goes to `status` and `reason`. */
static void observe(void)
{
	static const struct experiment experiment;
	char folder[] = "/tmp/test-observe-XXXXXX", path[64], *error = NULL;
	struct observer observer;
	json_t *record = json_object();
	assert_non_null(mkdtemp(folder));
	strcpy(status, "valid");
	*reason = 0;
	assert_int_equal(
		observe_start(&observer, &experiment, TRIAL_REAL, NULL, NULL, NULL, folder, &error), 0);
	assert_int_equal(observe_stop(&observer, record, &error), 0);
	observe_judge(record);
	observe_abandon(&observer);
	json_decref(record);
	snprintf(path, sizeof path, "%s/probe.json", folder);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void a_probe_that_slept_well(void **state)
{
	(void)state;
	fork_fails = false;
	observe();
	assert_string_equal(status, "valid");
}

static void a_probe_that_could_not_be_started(void **state)
{
	(void)state;
	fork_fails = true;
	observe();
	assert_string_equal(status, "suspect");
	assert_non_null(strstr(reason, "lateness was not measured: fork: "));
	assert_non_null(strstr(reason, strerror(EAGAIN)));
}

static void a_probe_that_left_nothing(void **state)
{
	(void)state;
	json_t *record = json_pack("{s:{}}", "verdict");
	strcpy(status, "valid");
	observe_judge(record);
	assert_string_equal(status, "suspect");
	json_decref(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_probe_that_slept_well),
		cmocka_unit_test(a_probe_that_could_not_be_started),
		cmocka_unit_test(a_probe_that_left_nothing)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
