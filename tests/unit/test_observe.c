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
#include "harness/observe/observe.c"
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

int watch_run(int ready_fd, int stop_fd, bool sampled, const char *result_path)
{
	char byte;
	json_t *result = json_pack("{s:[], s:[], s:[], s:[]}", "stopped", "waited", "ended", "moved");
	(void)sampled;
	(void)!write(ready_fd, "READY\n", 6);
	close(ready_fd);
	while (read(stop_fd, &byte, 1) > 0)
		;
	return json_dump_file(result, result_path, 0) == 0 ? 0 : 1;
}

void foreign_start(struct foreign *foreign, const struct network *network)
{
	(void)foreign;
	(void)network;
}

json_t *foreign_stop(struct foreign *foreign)
{
	(void)foreign;
	return json_object();
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

static const struct experiment experiment;
static const struct network network; /* of this machine */

/* A trial without captures; its verdict goes to `status` and `reason`. */
static void observe(void)
{
	char folder[] = "/tmp/test-observe-XXXXXX", path[64], *error = NULL;
	struct observer observer;
	json_t *record = json_object();
	assert_non_null(mkdtemp(folder));
	strcpy(status, "valid");
	*reason = 0;
	assert_int_equal(
		observe_start(&observer, &experiment, TRIAL_REAL, NULL, NULL, &network, folder, &error), 0);
	assert_int_equal(observe_stop(&observer, record, &error), 0);
	observe_judge(&experiment, record);
	observe_abandon(&observer);
	json_decref(record);
	snprintf(path, sizeof path, "%s/probe.json", folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/watch.json", folder);
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
	assert_non_null(strstr(reason, "lateness was not measured: fork: ")); /* the last that was said */
	assert_non_null(strstr(reason, strerror(EAGAIN)));
}

static void a_probe_that_left_nothing(void **state)
{
	(void)state;
	json_t *record = json_pack("{s:{}}", "verdict");
	strcpy(status, "valid");
	observe_judge(&experiment, record);
	assert_string_equal(status, "suspect");
	json_decref(record);
}

/* A trial of ten seconds whose main measure is of 9.2 s of them, with a signal in the place of one that is well. */
static void judged(
	const char *clock, const char *path, const char *text, const char *expected, const char *why)
{
	static struct measure main_measure = {.windowed = true, .window = {0.9, 10.1}};
	static const struct experiment downloads = {.measures = &main_measure, .measures_count = 1};
	json_t *record = json_pack("{s:{s:s, s:{s:f}, s:{s:i, s:f, s:f}, s:{s:[], s:[], s:[], s:[]}, s:{}}}",
		"verdict", "clock", clock, "machine", "seconds", 10.2, "probe", "n", 1000, "p50_ms", 0.1,
		"p99_ms", 1.0, "watch", "stopped", "waited", "ended", "moved", "packets");
	json_t *verdict = json_object_get(record, "verdict");
	json_t *signal = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(signal);
	json_object_update(json_object_get(verdict, path), signal);
	json_decref(signal);
	strcpy(status, "valid");
	*reason = 0;
	observe_judge(&downloads, record);
	assert_string_equal(status, expected);
	if (!strstr(reason, why))
		fail_msg("%s: not `%s`", reason, why);
	json_decref(record);
}

#define PROCESS                                                                                              \
	"{\"name\": \"iperf3\", \"pid\": 9, \"ms\": 40, \"longest_ms\": 40, \"at_s\": 3, \"cgroup\": \"0::/x\"}"

static void what_is_said_of_a_trial(void **state)
{
	(void)state;
	judged("real", "probe", "{\"lost_ms\": 100, \"lost_longest_ms\": 60}", "valid", "");
	judged("real", "probe", "{\"lost_ms\": 250, \"lost_longest_ms\": 20}", "suspect",
		"nothing of it ran is 2.7 %");
	judged("real", "probe", "{\"lost_ms\": 80, \"lost_longest_ms\": 80}", "suspect",
		"longest time in which nothing of it ran is 80.0 ms");
	judged("real", "probe", "{\"lost_ms\": 150, \"lost_longest_ms\": 150}", "invalid",
		"longest time in which nothing of it ran is 150.0 ms");
	/* Ctrl-Z and fg: median and 99th percentile do not move. */
	judged("real", "probe", "{\"lost_ms\": 1999, \"lost_longest_ms\": 1999, \"max_ms\": 1999}", "invalid",
		"is 1999.0 ms");
	judged("real", "watch", "{\"stopped\": [" PROCESS "]}", "invalid",
		"process iperf3 was stopped for 40 ms");
	judged("real", "watch", "{\"moved\": [" PROCESS "]}", "invalid",
		"process iperf3 was moved to the cgroup 0::/x");
	judged("real", "watch", "{\"ended\": [" PROCESS "]}", "failed", "process iperf3 ended 3.0 s after");
	judged("real", "packets", "{\"own\": 10000, \"foreign\": 4}", "valid", "");
	judged("real", "packets", "{\"own\": 10000, \"foreign\": 20}", "suspect",
		"sent 20 packets that no program");
	judged("real", "packets", "{\"own\": 10000, \"foreign\": 200}", "invalid",
		"sent 200 packets that no program");
	judged("real", "machine", "{\"set_ms\": 5.0}", "valid", "");
	judged("real", "machine", "{\"set_ms\": -30.0}", "invalid", "was set by -30 ms");
	judged("real", "machine", "{\"slept_ms\": 2000.0}", "invalid", "slept for 2000 ms");
	/* Virtual time waits for its machine. That a process ended is true in it too. */
	judged("virtual", "probe", "{\"lost_ms\": 1999, \"max_ms\": 1999, \"p99_ms\": 0.01}", "valid", "");
	judged("virtual", "probe", "{\"p99_ms\": 3.0}", "invalid", "lateness in virtual time");
}

static void an_end_counts_in_virtual_time(void **state)
{
	(void)state;
	judged("virtual-cpu", "watch", "{\"ended\": [" PROCESS "]}", "failed",
		"process iperf3 ended 3.0 s after");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_probe_that_slept_well),
		cmocka_unit_test(a_probe_that_could_not_be_started),
		cmocka_unit_test(a_probe_that_left_nothing), cmocka_unit_test(what_is_said_of_a_trial),
		cmocka_unit_test(an_end_counts_in_virtual_time)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
