/* Services, congestion controls and sums in an experiment file: what is refused and where, what is said last
 * wins; services started, missed, started anew; how a trial is judged by the sockets that were seen. */
#include "harness/experiment/names.h"
#include "harness/experiment/topology.h"
#include "harness/observe/congestion.h"
#include "harness/record/verdict.h"
#include "harness/run/service.c"
#include "harness/trial/measures.h"
#include "harness/trial/ready.h"
#include "tests/unit/check.h"
#include <signal.h>
#include <sys/wait.h>

static unsigned announced; /* processes that the guardian was told of */
static char judgement[256];

void host_sandbox_started(struct host *host, pid_t pid)
{
	(void)host;
	announced += pid > 0;
}

const char *project_programs(void)
{
	return "/nowhere";
}

void verdict_judge(json_t *record, const char *status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(judgement, sizeof judgement, format, arguments);
	va_end(arguments);
	json_object_set_new(record, "status", json_string(status));
}

/* Two nodes, one link. */
struct topology *topology_describe(
	const char *root, const char *file, const char *name, const json_t *parameters, char **error)
{
	(void)root, (void)file, (void)parameters;
	return topology_from_json(
		json_pack(
			"{s:s, s:{s:{s:{s:{s:s, s:s}}}, s:{s:{s:{s:s, s:s}}}}, s:{s:{s:[{s:s, s:s}, {s:s, s:s}]}}}",
			"topology", name, "nodes", "a", "interfaces", "a-l", "link", "l", "address",
			"10.0.0.1/24", "b", "interfaces", "b-l", "link", "l", "address", "10.0.0.2/24",
			"links", "l", "ends", "node", "a", "interface", "a-l", "node", "b", "interface",
			"b-l"),
		error);
}

#define HEAD "experiment: e\ntopology: t\nlinks: {l: {rate: 10Mbit/s}}\n" WORKLOADS
#define WORKLOADS "workloads:\n  w:\n    - {name: main, node: a, run: [true], main: true}\n"
#define CONFIGURATIONS "configurations: {c: {}}\n"
#define PROCEDURES "procedures: {p: {workload: w}}\n"
#define CAPTURED(NAME) "  " NAME ": {unit: x, capture: a/l, window: [0, 1]}\n"
#define EIGHT                                                                                                \
	CAPTURED("m1")                                                                                       \
	CAPTURED("m2")                                                                                       \
	CAPTURED("m3") CAPTURED("m4") CAPTURED("m5") CAPTURED("m6") CAPTURED("m7") CAPTURED("m8")
#define MEASURES "measures:\n  one: {unit: x, program: main, value: v}\n"

static struct experiment *load(const char *text, char **error)
{
	char path[64] = "/tmp/test-service-XXXXXX", file[128];
	*error = NULL;
	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof file, "%s/e.yaml", path);
	FILE *out = fopen(file, "we");
	assert_true(out && fputs(text, out) >= 0 && fclose(out) == 0);
	struct experiment *e = experiment_load(".", file, error);
	unlink(file);
	rmdir(path);
	return e;
}

static void bad_input_is_named_by_line(void **state)
{
	(void)state;
#define REST CONFIGURATIONS PROCEDURES MEASURES
	static const char *const cases[][2] = {
		{HEAD "services: []\n" REST, ":7: "},
		{HEAD "services: {x: {run: [a, '${ready}'], node: a}}\n" REST, ":7: unknown key `node`"},
		{HEAD "services: {x: {within: 3s}}\n" REST, ":7: no `run`"},
		{HEAD "services: {x: {run: []}}\n" REST, ":7: an empty command"},
		{HEAD "services: {x: {run: [a]}}\n" REST, ":7: nothing says when service `x` is ready"},
		{HEAD "services: {x: {run: [a, '${ready}', '${scratch}']}}\n" REST,
			":7: `${scratch}` has no meaning"},
		{HEAD "services: {X/y: {run: [a, '${ready}']}}\n" REST,
			":7: `X/y` cannot be the name of a service"},
		{HEAD "services: {x: {run: [a, '${ready}'], within: 0s}}\n" REST, ":7: "},
		{HEAD "congestion: [reno]\n" REST, ":7: "},
		{HEAD "congestion: ''\n" REST, ":7: `` is no name of a congestion control"},
		{HEAD "congestion: an-algorithm-of-too-many-letters\n" REST, ":7: `an-algorithm"},
		{HEAD "congestion: {c: reno}\n" REST, ":7: no node `c` in topology t"},
		{HEAD "congestion: {a: 'no name'}\n" REST, ":7: `no name` is no name"},
		{HEAD "configurations:\n  c:\n    congestion: /\n" PROCEDURES MEASURES, ":9: `/` is no name"},
		{HEAD CONFIGURATIONS "procedures:\n  p: {workload: w, congestion: {all: Reno}}\n" MEASURES,
			":9: `Reno` is no name"},
		{HEAD REST "  two: {unit: x, sum: [three]}\n", ":11: no measure `three`"},
		{HEAD REST "  two: {unit: x, sum: [two]}\n", ":11: measure `two` is made of itself"},
		{HEAD REST "  two: {unit: x, sum: []}\n", ":11: no measures"},
		{HEAD REST "  two: {unit: x, sum: [one], over: one}\n", ":11: "},
		{HEAD REST "  two: {unit: x, links: m.forward.bytes}\n",
			":11: `m.forward.bytes` names no link"},
		{HEAD REST "  two: {unit: x, links: l}\n", ":11: `l` names no link"},
		{HEAD "captures: {a/l: {}}\n" REST EIGHT CAPTURED("m9"),
			":20: more than 8 measures of the capture a/l"},
		{HEAD REST "  two: {unit: x, program: main, value: v, window: [0, 1]}\n",
			":11: a measure that has `value` has no `window`"},
		{HEAD REST "  two: {unit: x, program: main, value: v, series: s}\n",
			":11: a measure that has `value` has no `series`"},
		{HEAD REST "  two: {unit: x, capture: a/l, program: main, window: [0, 1]}\n",
			":11: a measure that has `capture` has no `program`"},
		{HEAD REST "  two: {unit: x, links: l.forward.bytes, over: [one]}\n",
			":11: a measure that has `links` has no `over`"},
		{HEAD REST "  two: {unit: x, program: main, over: [one]}\n",
			":11: measure `two` names neither"},
		{HEAD REST "  two: {unit: x, over: [one]}\n", ":11: "},
		{HEAD "backend: netme\n" REST, ":7: no shaping back end `netme`"},
		{HEAD "host: {kernel.panic: 1}\n" REST, ":7: `kernel.panic` is no sysctl that a run changes"},
		{HEAD "host: {net/core/rmem_max: 1}\n" REST, ":7: `net/core/rmem_max` is no sysctl"},
		{"experiment: e\ntopology: t\nlinks: {l: {forward: {reverse: {rate: 1Mbit/s}}}}\n" WORKLOADS
				REST,
			":3: unknown key `reverse`"},
		{"experiment: e\ntopology: t\nlinks: {l: {reverse: {reverse: {rate: 1Mbit/s}}}}\n" WORKLOADS
				REST,
			":3: unknown key `reverse`"},
		{HEAD "    - {name: late, node: a, run: [true, '${red}']}\n" REST,
			":7: nothing is called `${red}`"},
		{HEAD "    - {name: late, node: a, run: [true], config: '${ready}'}\n" REST, ":7: "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *error;
		struct experiment *e = load(cases[i][0], &error);
		if (e || !strstr(error, cases[i][1]))
			fail_msg("case %zu: %s, not %s", i, e ? "accepted" : error, cases[i][1]);
		assert_null(strchr(error, '\n'));
		free(error);
	}
}

static struct experiment *load_good(const char *text)
{
	char *error;
	struct experiment *e = load(text, &error);
	if (!e)
		fail_msg("%s", error);
	return e;
}

/* The wanted names as "NODE=NAME ...". */
static void assert_wanted(const char *text, const char *wanted)
{
	struct experiment *e = load_good(text);
	struct network network = {.topology = e->topology,
		.places = (struct place[]){place_of_namespace("a", -1), place_of_namespace("b", -1)}};
	char all[128] = "";
	size_t count;
	struct congestion_target *targets =
		congestion_targets(e, &e->configurations[0], &e->procedures[0], &network, &count);
	for (size_t i = 0; i < count; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s=%s", i ? " " : "",
			targets[i].node, targets[i].wanted);
	assert_string_equal(all, wanted);
	free(targets);
	experiment_free(e);
}

static void what_is_said_last_wins(void **state)
{
	(void)state;
#define SYSCTL "net.ipv4.tcp_congestion_control"
	assert_wanted(HEAD REST, "");
	assert_wanted(HEAD "settings: {all: {" SYSCTL ": cubic}}\n" REST, "");
	assert_wanted(HEAD "congestion: lia\n" REST, "a=lia b=lia");
	assert_wanted(HEAD "settings: {all: {" SYSCTL ": cubic}}\ncongestion: lia\n" REST, "a=lia b=lia");
	assert_wanted(HEAD "congestion: {b: reno}\n" REST, "b=reno");
	assert_wanted(HEAD "congestion: {b: reno, all: lia}\n" REST, "a=lia b=reno");
	assert_wanted(HEAD
		"congestion: lia\nconfigurations: {c: {congestion: {a: olia}}}\n" PROCEDURES MEASURES,
		"a=olia b=lia");
	assert_wanted(HEAD "congestion: lia\nconfigurations: {c: {congestion: olia}}\n"
			   "procedures: {p: {workload: w, congestion: reno}}\n" MEASURES,
		"a=reno b=reno");
	assert_wanted(HEAD "congestion: lia\nfactors: {f: {c: {congestion: olia}}}\n" PROCEDURES MEASURES,
		"a=olia b=olia");
	/* A sysctl on top: the experiment no longer says what sockets are to have. */
	assert_wanted(HEAD "congestion: lia\nconfigurations: {c: {settings: {b: {" SYSCTL
			   ": cubic}}}}\n" PROCEDURES MEASURES,
		"a=lia");
}

static void a_workload_program_says_that_it_is_ready(void **state)
{
	(void)state;
	struct experiment *e =
		load_good(HEAD "    - {name: early, node: a, run: [true, '--ready-fd', '${ready}']}\n" REST);
	assert_int_equal(e->workloads[0].programs[0].ready, READY_NONE);
	assert_int_equal(e->workloads[0].programs[1].ready, READY_DESCRIPTOR);
	experiment_free(e);
}

static void sums_and_shares(void **state)
{
	(void)state;
	struct experiment *e = load_good(
		HEAD CONFIGURATIONS PROCEDURES "measures:\n  one: {unit: x, links: l.forward.bytes}\n"
					       "  two: {unit: x, links: l.reverse.bytes, scale: 2}\n"
					       "  both: {unit: x, sum: [one, two]}\n"
					       "  share: {unit: x, sum: [one], over: [both], scale: 100}\n");
	char *error = NULL;
	json_t *record = json_pack("{s:{}, s:{s:{s:{s:i}, s:{s:i}}}}", "measures", "links", "l", "forward",
		"bytes", 10, "reverse", "bytes", 15);
	struct evidence evidence = {.experiment = e,
		.configuration = &e->configurations[0],
		.procedure = &e->procedures[0],
		.record = record};
	json_t *values = json_object_get(record, "measures");
	json_t *links = json_object_get(json_object_get(record, "links"), "l");
	assert_int_equal(measures_take(&evidence, &error), 0);
	assert_true(json_number_value(json_object_get(values, "two")) == 30);
	assert_true(json_number_value(json_object_get(values, "both")) == 40);
	assert_true(json_number_value(json_object_get(values, "share")) == 25);
	json_object_set_new(json_object_get(links, "forward"), "bytes", json_integer(-30));
	assert_int_equal(measures_take(&evidence, &error), -1);
	assert_non_null(strstr(error, "measure share: its divisor is 0"));
	free(error);
	error = NULL;
	json_object_del(links, "reverse");
	assert_int_equal(measures_take(&evidence, &error), -1);
	assert_non_null(strstr(error, "link l has no number at `reverse.bytes`"));
	free(error);
	json_decref(record);
	experiment_free(e);
}

/* A service that says READY on the descriptor that it is given and goes when it is asked to. */
#define SERVICE(name, script) "  " name ": {run: [bash, -c, '" script "', '${ready}'], within: 20s}\n"
#define LIVES "echo READY >&$0; exec sleep 1000"

static void a_service_lives_is_missed_and_comes_back(void **state)
{
	(void)state;
	struct experiment *e =
		load_good(HEAD "services:\n" SERVICE("first", LIVES) SERVICE("second", LIVES) REST);
	char *error = NULL;
	const char *how;
	announced = 0;
	struct services *s = services_start(e, "/tmp", NULL, &error);
	if (!s)
		fail_msg("%s", error);
	assert_int_equal(announced, 2);
	assert_int_equal(services_ended(s, &how), 0);
	pid_t first = s->processes[0].pid, second = s->processes[1].pid;
	assert_int_not_equal(getpgid(first), getpgrp());
	assert_int_equal(kill(first, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(services_ended(s, &how), 1);
	assert_string_equal(how, "service first ended with signal 9 (Killed) (log: first.log)");
	assert_int_equal(services_ended(s, &how), 1);
	assert_int_equal(services_revive(s, &error), 0);
	assert_true(s->processes[0].pid > 0 && s->processes[0].pid != first);
	assert_int_equal(s->processes[1].pid, second);
	assert_int_equal(announced, 3);
	services_stop(s);
	assert_int_equal(kill(second, 0), -1);
	unlink("/tmp/first.log");
	unlink("/tmp/second.log");
	experiment_free(e);
}

static void assert_fails(const char *service, const char *why)
{
	char text[2048], *error = NULL;
	snprintf(text, sizeof text, HEAD "services:\n" SERVICE("good", LIVES) "%s" REST, service);
	struct experiment *e = load_good(text);
	if (services_start(e, NULL, NULL, &error))
		fail_msg("it started");
	if (!strstr(error, why))
		fail_msg("%s, not %s", error, why);
	free(error);
	experiment_free(e);
	/* Nothing is left, those that had started included. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void a_service_that_does_not_start(void **state)
{
	(void)state;
	assert_fails(
		SERVICE("bad", "exit 3"), "service bad: bad ended before it was ready, with exit status 3");
	assert_fails("  bad: {run: [no-such-program, '${ready}']}\n",
		"program `no-such-program` is not installed");
	assert_fails("  bad: {run: [sleep, 100, '${ready}'], within: 30ms}\n", "bad was not ready in time");
}

static void its_version_is_known(void **state)
{
	(void)state;
	struct experiment *e = load_good(
		HEAD "services: {x: {run: [bash, '${ready}']}, y: {run: [false, '${ready}']}}\n" REST);
	json_t *all = services_json(e);
	const char *version = json_string_value(json_object_get(json_object_get(all, "x"), "version"));
	assert_non_null(version);
	assert_non_null(strstr(version, "bash"));
	assert_true(json_is_null(json_object_get(json_object_get(all, "y"), "version")));
	assert_int_equal(json_array_size(json_object_get(json_object_get(all, "x"), "run")), 2);
	json_decref(all);
	experiment_free(e);
}

static void judged(const char *nodes, const char *status, const char *why)
{
	json_t *record = json_object();
	if (nodes) {
		json_t *all = json_loads(nodes, 0, NULL);
		assert_non_null(all);
		json_object_set_new(record, "verdict", json_pack("{s:{s:o}}", "congestion", "nodes", all));
	}
	judgement[0] = 0;
	congestion_judge(record);
	const char *got = json_string_value(json_object_get(record, "status"));
	assert_string_equal(got ? got : "", status);
	assert_string_equal(judgement, why);
	json_decref(record);
}

static void sockets_decide(void **state)
{
	(void)state;
	judged(NULL, "", "");
	judged("{\"a\": {\"wanted\": \"lia\", \"seen\": {\"lia\": 3}}, \"r\": {\"wanted\": \"lia\", \"seen\": {}}}",
		"", "");
	judged("{\"a\": {\"wanted\": \"lia\", \"seen\": {\"lia\": 3, \"reno\": 2}}}", "invalid",
		"node a had 2 sockets with congestion control reno, not lia");
	judged("{\"a\": {\"wanted\": \"lia\", \"seen\": {}}}", "invalid",
		"no connected socket was seen in the nodes whose congestion control is set");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_input_is_named_by_line),
		cmocka_unit_test(what_is_said_last_wins),
		cmocka_unit_test(a_workload_program_says_that_it_is_ready),
		cmocka_unit_test(sums_and_shares),
		cmocka_unit_test(a_service_lives_is_missed_and_comes_back),
		cmocka_unit_test(a_service_that_does_not_start),
		cmocka_unit_test(its_version_is_known),
		cmocka_unit_test(sockets_decide),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
