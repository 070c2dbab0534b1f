/* Experiments in the networks of their configurations: parameters of a topology, what `each` replicates, several main
 * programs, samples and formulas, checks; and what is said of those that are wrong. The topology lies beside the
 * experiment, and the real driver describes it. */
#include "harness/experiment/experiment.h"
#include "harness/experiment/names.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], file[128], topology[128], script[128];

static void put(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");
	assert_true(out && fputs(text, out) >= 0 && fclose(out) == 0);
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-experiment-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/e.yaml", folder);
	snprintf(topology, sizeof topology, "%s/bus.py", folder);
	snprintf(script, sizeof script, "%s/look.py", folder);
	put(script, "");
	put(topology,
		"from links import RoutedTopo\n"
		"class BusTopo(RoutedTopo):\n"
		"    def layout(self, hosts: int = 2, prefix: str = 'h') -> None:\n"
		"        self.router('core')\n"
		"        for i in range(1, hosts + 1):\n"
		"            self.host(f'{prefix}{i}', f'default via 10.0.{i}.2')\n"
		"            self.link(f'l{i}', (f'{prefix}{i}', f'10.0.{i}.1/24'), ('core', f'10.0.{i}.2/24'))\n"
		"topos = {'bus': BusTopo}\n");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	unlink(topology);
	unlink(script);
	return rmdir(folder);
}

static struct experiment *load(const char *text, char **error)
{
	*error = NULL;
	put(file, text);
	return experiment_load(".", file, error);
}

static struct experiment *load_good(const char *text)
{
	char *error;
	struct experiment *e = load(text, &error);
	if (!e)
		fail_msg("%s", error);
	return e;
}

#define HEAD "experiment: e\ntopology: {name: bus, hosts: 3}\n"
#define WORKLOAD "workloads:\n  w: [{name: main, node: h1, run: [true], main: true}]\n"
#define MEASURES "measures:\n  one: {unit: x, program: main, value: v}\n"
#define PROCEDURES "procedures: {p: {workload: w}}\n"
#define CONFIGURATIONS "configurations: {c: {}}\n"

static void a_block_for_each(void **state)
{
	(void)state;
	struct experiment *e = load_good(HEAD CONFIGURATIONS
		"captures:\n  \"${each}/l${index}\": {each: 'h*', snap: 100}\n"
		"preparations:\n"
		"  map: [[echo, start], {each: 1..2, run: [echo, 'h${each} of ${topology.hosts}', '$${each}']}]\n"
		"setup:\n  - {each: 'h*', node: '${each}', run: [ip, rule]}\n"
		"daemons:\n"
		"  agent:\n    each: 'h[12]'\n    node: ${each}\n    needs: [map]\n"
		"    run: [x, '${config}', '${ready}']\n    config: 'address: ${address:${each}/l${index}}'\n"
		"  other: {node: core, run: [y, '${ready}']}\n"
		"workloads:\n  w:\n"
		"    - {name: send, each: [h1, h3], node: '${each}', run: [z], main: true}\n"
		"    - {name: '${each}-sink', each: [x, y], node: core, run: [z]}\n"
		"measures:\n  total: {unit: x, program: send, value: v, fold: sum}\n"
		"procedures: {p: {workload: w, daemons: [agent, other], ask: [{daemon: agent-h2, command: c, as: A}]}}\n");
	assert_int_equal(e->captures_count, 3);
	assert_string_equal(e->captures[2].name, "h3/l3");
	assert_int_equal(e->captures[2].snap, 100);
	assert_string_equal(e->preparations[0].commands[2][1], "h2 of 3");
	assert_string_equal(e->preparations[0].commands[2][2], "$${each}");
	assert_null(e->preparations[0].commands[3]);
	assert_int_equal(e->setups_count, 3);
	assert_int_equal(e->setups[2].node, topology_node(e->topology, "h3"));
	assert_int_equal(e->daemons_count, 3);
	assert_string_equal(e->daemons[1].name, "agent-h2");
	assert_string_equal(e->daemons[1].group, "agent");
	assert_string_equal(e->daemons[1].config, "address: ${address:h2/l2}");
	assert_string_equal(e->daemons[2].group, "other");
	assert_int_equal(e->workloads[0].programs_count, 4);
	assert_string_equal(e->workloads[0].programs[1].name, "send-h3");
	assert_string_equal(e->workloads[0].programs[2].name, "x-sink");
	assert_string_equal(e->workloads[0].programs[2].group, "sink");
	assert_true(e->workloads[0].programs[0].main && e->workloads[0].programs[1].main);
	experiment_free(e);
}

static void parameters_as_factors(void **state)
{
	(void)state;
	struct experiment *e = load_good(HEAD
		"links: {'l*': {rate: 10Mbit/s}, l1: {rate: 5Mbit/s}}\n"
		"factors:\n"
		"  size:\n    few: {value: 2, topology: {hosts: 2}}\n    plain: {value: 3}\n    many: {value: 5, topology: {hosts: 5}}\n"
		"  speed: {slow: {links: {'l*': {rate: 1Mbit/s}}, setup: [{each: 'h*', node: '${each}', run: [ip, '${factor.size}']}]}, plain: {}}\n"
		"workloads:\n  w: [{name: send, each: 'h*', node: '${each}', run: [z], main: true}]\n"
		"measures:\n"
		"  fct: {unit: ms, program: send, samples: flows, amount: s, from: begin, window: [1, 9], scale: 1000, better: less}\n"
		"  fct99: {unit: ms, quantile: 99%, of: fct, better: less}\n"
		"  each: {unit: x, formula: 'fct99 / size / topology.hosts'}\n" PROCEDURES);
	assert_int_equal(e->configurations_count, 6);
	assert_int_equal(e->variants_count, 2);
	const struct configuration *few = &e->configurations[0], *plain = &e->configurations[3],
				   *many = &e->configurations[4];
	assert_string_equal(few->name, "few-slow");
	assert_ptr_equal(plain->variant, e);
	assert_int_equal(few->variant->topology->links_count, 2);
	assert_int_equal(many->variant->topology->links_count, 5);
	assert_ptr_equal(many->variant, e->configurations[5].variant);
	assert_int_equal(many->variant->workloads[0].programs_count, 5);
	/* A level's commands, with the nodes of its own network. */
	assert_int_equal(few->setups_count, 2);
	assert_int_equal(e->configurations[4].setups_count, 5);
	assert_int_equal(plain->setups_count, 0);
	assert_int_equal(e->configurations[4].setups[4].node, topology_node(many->variant->topology, "h5"));
	assert_string_equal(few->setups[0].argv[1], "${factor.size}");
	assert_int_equal(few->links[0].direction[0].rate_bps, 1000000);
	assert_int_equal(many->links[4].direction[0].rate_bps, 1000000);
	assert_int_equal(plain->links[0].direction[0].rate_bps, 5000000); /* named: wins over the pattern */
	assert_int_equal(plain->links[1].direction[0].rate_bps, 10000000);
	assert_true(experiment_number(many, "size") == 5 && experiment_number(many, "topology.hosts") == 5);
	assert_true(experiment_number(plain, "topology.hosts") == 3);
	assert_int_equal(e->measures[0].kind, MEASURE_SAMPLES);
	assert_true(e->measures[0].less && e->measures[0].windowed);
	assert_true(e->measures[1].quantile == 0.99 && e->measures[1].of == 0);
	experiment_free(e);
}

static void checks_of_every_kind(void **state)
{
	(void)state;
	struct experiment *e = load_good(HEAD CONFIGURATIONS
		"files: [look.py]\ncaptures: {core/l1: {}, core/l2: {}}\n" WORKLOAD
		"measures: {one: {unit: x, capture: core/l1, window: [0, 1], flows: {port: 53, protocol: udp}}}\n"
		"procedures:\n  p:\n    workload: w\n    expect:\n"
		"      protocol: mptcp\n      at: [core/l1, core/l2]\n      flows: {port: 5201}\n"
		"      subflows: [h1, h2/l2]\n"
		"      tunnel: {at: core/l2, port: 99, pattern: abc, readable: false}\n"
		"      program:\n"
		"        - {run: [python3, '${file:look.py}', '${capture:core/l1}', '${output:main}'], within: 5s}\n"
		"        - {node: h2, run: [ip, address]}\n");
	const struct procedure *p = &e->procedures[0];
	assert_int_equal(p->checks_count, 5);
	assert_int_equal(p->checks[0].kind, CHECK_PROTOCOL);
	assert_true(
		p->checks[0].mptcp && p->checks[0].captures_count == 2 && p->checks[0].flows.port == 5201);
	assert_string_equal(p->checks[1].subflows[1].name, "h2/l2");
	assert_int_equal(p->checks[1].subflows[0].link, -1);
	assert_int_equal(p->checks[1].subflows[1].link, 1);
	assert_true(p->checks[2].port == 99 && !p->checks[2].readable);
	assert_int_equal(p->checks[3].program.node, -1);
	assert_int_equal(p->checks[4].program.node, topology_node(e->topology, "h2"));
	assert_true(e->measures[0].flows.udp);
	struct names names = {
		.experiment = e, .procedure = p, .pool = e->pool, .files = "/f", .folder = "/t"};
	char *error = NULL;
	assert_string_equal(
		names_expand(&names, "${file:look.py} ${capture:core/l1} ${output:main} ${interface:h2/l2}",
			&error),
		"/f/look.py /t/core-l1.pcap /t/main.out h2-l2");
	experiment_free(e);
}

static void faults_are_named_by_line(void **state)
{
	static const char *const cases[][2] = {
		{"experiment: e\ntopology: {name: bus, hosts: 3, ports: 2}\n" CONFIGURATIONS WORKLOAD MEASURES
				PROCEDURES,
			":2: topology `bus`: driver.py: no parameter `ports`"},
		{"experiment: e\ntopology: {hosts: 3}\n" CONFIGURATIONS WORKLOAD MEASURES PROCEDURES,
			"e.yaml:2: "},
		{HEAD "configurations: {c: {topology: {hosts: 2, name: x}}}\n" WORKLOAD MEASURES PROCEDURES,
			":3: configurations differ in the topology's parameters"},
		{HEAD "configurations: {c: {topology: {ports: 2}}}\n" WORKLOAD MEASURES PROCEDURES,
			"no parameter `ports`"},
		/* A program of a node that the smaller network does not have. */
		{HEAD "configurations: {c: {topology: {hosts: 2}}}\n"
		      "workloads:\n  w: [{name: main, node: h3, run: [true], main: true}]\n" MEASURES
				PROCEDURES,
			":5: no node `h3`"},
		{HEAD "daemons: {d: {each: 'x*', node: h1, run: [a, '${ready}']}}\n" CONFIGURATIONS WORKLOAD
				MEASURES PROCEDURES,
			":3: `x*` matches no node"},
		{HEAD "daemons: {d: {each: 3..1, node: h1, run: [a, '${ready}']}}\n" CONFIGURATIONS WORKLOAD
				MEASURES PROCEDURES,
			":3: `3..1` is no range"},
		{HEAD "daemons: {d: {each: 1..99999999, node: h1, run: [a]}}\n" CONFIGURATIONS WORKLOAD
				MEASURES PROCEDURES,
			":3: `1..99999999` is no range"},
		{HEAD "daemons: {d: {each: [], node: h1, run: [a]}}\n" CONFIGURATIONS WORKLOAD MEASURES
				PROCEDURES,
			":3: no items"},
		{HEAD "daemons: {d: {node: 'h${topology.ports}', run: [a]}}\n" CONFIGURATIONS WORKLOAD
				MEASURES PROCEDURES,
			":3: `${topology.ports}`: the experiment's `topology` has no `ports`"},
		{HEAD CONFIGURATIONS "workloads:\n  w: [{name: a, node: h1, run: [x]}]\n" MEASURES PROCEDURES,
			"has no main program"},
		{HEAD CONFIGURATIONS
			"workloads:\n  w: [{name: a, node: h1, run: [x], main: true}, {name: a, node: h1, run: [x]}]\n" MEASURES
				PROCEDURES,
			"two programs `a`"},
		{HEAD CONFIGURATIONS
			"workloads:\n  w: [{name: main, each: 'h*', node: '${each}', run: [x], main: true}]\n" MEASURES
				PROCEDURES,
			"measure `one` reads 3 programs `main`; say how they become one number"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES "  two: {unit: x, formula: one + three}\n" PROCEDURES,
			":8: `three` is neither an earlier measure"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES "  two: {unit: x, formula: one +}\n" PROCEDURES,
			":8: at `"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES
			"  two: {unit: x, quantile: 50%, of: one}\n" PROCEDURES,
			":8: measure `one` has no samples"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES
			"  two: {unit: x, samples: a, program: main, from: t}\n" PROCEDURES,
			":8: `from` and `window` belong together"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES "  two: {unit: x, counter: h9, name: a}\n" PROCEDURES,
			":8: no node `h9`"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES
			"  two: {unit: x, value: v, program: main, better: worse}\n" PROCEDURES,
			":8: "},
		{HEAD "files: [../x]\n" CONFIGURATIONS WORKLOAD MEASURES PROCEDURES,
			":3: `../x`: name a file beside"},
		{HEAD "files: [none.py]\n" CONFIGURATIONS WORKLOAD MEASURES PROCEDURES, "No such file"},
		{HEAD "setup: [{node: h1, run: ['${file:none.py}']}]\n" CONFIGURATIONS WORKLOAD MEASURES
				PROCEDURES,
			":3: `${file:none.py}`: the experiment has no such file"},
		{HEAD "setup: [{node: h1, run: ['${address6:h1/l1}']}]\n" CONFIGURATIONS WORKLOAD MEASURES
				PROCEDURES,
			":3: `${address6:h1/l1}`: that end has no address of IPv6; of IPv4 it has one, ${address:h1/l1}"},
		{HEAD "setup: [{node: h1, run: ['${address6:h1/l9}']}]\n" CONFIGURATIONS WORKLOAD MEASURES
				PROCEDURES,
			":3: `${address6:h1/l9}` is no place of topology bus"},
		{HEAD "configurations: {c: {setup: [{node: h9, run: [ip]}]}}\n" WORKLOAD MEASURES PROCEDURES,
			":3: no node `h9`"},
		{HEAD "configurations: {c: {setup: [{node: h1, run: ['${with.x}']}]}}\n" WORKLOAD MEASURES
				PROCEDURES,
			":3: procedure `p` says nothing for ${with.x}"},
		{HEAD "setup: [{node: h1}]\n" CONFIGURATIONS WORKLOAD MEASURES PROCEDURES, ":3: no `run`"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES
			"procedures: {p: {workload: w, expect: {protocol: tcp}}}\n",
			":8: `protocol` is seen in a capture; add `at: NODE/LINK`"},
		{HEAD "captures: {core/l1: {}}\n" CONFIGURATIONS WORKLOAD MEASURES
		      "procedures: {p: {workload: w, expect: {at: core/l1, subflows: [h1/l9]}}}\n",
			":9: `h1/l9` is no place"},
		{HEAD "captures: {core/l1: {}}\n" CONFIGURATIONS WORKLOAD MEASURES
		      "procedures: {p: {workload: w, expect: {at: core/l1, flows: {protocol: tcp}}}}\n",
			":9: no `port`"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES
			"procedures: {p: {workload: w, expect: {program: {node: h1}}}}\n",
			":8: no `run`"},
		{HEAD CONFIGURATIONS "links: {'x*': {rate: 1Mbit/s}}\n" WORKLOAD MEASURES PROCEDURES,
			":4: no link of topology bus matches `x*`"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *error;
		struct experiment *e = load(cases[i][0], &error);
		if (e || !strstr(error, cases[i][1]))
			fail_msg("case %zu: %s, not %s", i, e ? "accepted" : error, cases[i][1]);
		assert_null(strchr(error, '\n'));
		free(error);
	}
}

/* Each name may become a file or a word of a command: wherever it stands, one that could be more is refused. */
static void names_are_only_names(void **state)
{
	static const char *const bad[] = {
		"../../../../../pwned", "a/b", "/etc/x", "..", ".hidden", "-rf", "a b", "a;b", "=cmd", "ä"};
	static const struct {
		const char *text, *what;
	} places[] = {
		{HEAD "configurations: {'%s': {}}\n" WORKLOAD MEASURES PROCEDURES, "a configuration"},
		{HEAD "factors: {f: {'%s': {}}}\n" WORKLOAD MEASURES PROCEDURES, "a level"},
		{HEAD "factors: {'%s': {l: {}}}\n" WORKLOAD MEASURES PROCEDURES, "a factor"},
		{HEAD CONFIGURATIONS
			"daemons: {'%s': {node: h1, run: [x, '${ready}']}}\n" WORKLOAD MEASURES PROCEDURES,
			"a daemon"},
		{HEAD CONFIGURATIONS
			"services: {'%s': {run: [x, '${ready}']}}\n" WORKLOAD MEASURES PROCEDURES,
			"a service"},
		{HEAD CONFIGURATIONS "preparations: {'%s': [[x]]}\n" WORKLOAD MEASURES PROCEDURES,
			"a preparation"},
		{HEAD CONFIGURATIONS
			"workloads: {'%s': [{name: main, node: h1, run: [true], main: true}]}\n" MEASURES
				PROCEDURES,
			"a workload"},
		{HEAD CONFIGURATIONS
			"workloads: {w: [{name: '%s', node: h1, run: [true], main: true}]}\n" MEASURES
				PROCEDURES,
			"a program"},
		{HEAD CONFIGURATIONS WORKLOAD
			"measures: {'%s': {unit: x, program: main, value: v}}\n" PROCEDURES,
			"a measure"},
		{HEAD CONFIGURATIONS WORKLOAD MEASURES "procedures: {'%s': {workload: w}}\n", "a procedure"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
			char text[1024], wanted[160], *error;
			snprintf(text, sizeof text, places[i].text, bad[k]);
			snprintf(wanted, sizeof wanted, "`%s` cannot be the name of %s", bad[k],
				places[i].what);
			assert_null(load(text, &error));
			assert_non_null(error);
			if (!strstr(error, wanted))
				fail_msg("%s: %s", wanted, error);
			free(error);
		}
}

/* A stranger's topology gives names, too. */
static void names_of_a_network(void **state)
{
	static const char *const bad[] = {"../x", "a b", "-h", "x\\n"};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[256], *error;
		snprintf(text, sizeof text,
			"experiment: e\ntopology: {name: bus, prefix: \"%s\"}\n" CONFIGURATIONS WORKLOAD
				MEASURES PROCEDURES,
			bad[i]);
		assert_null(load(text, &error));
		assert_non_null(strstr(error, "cannot be the name of a node"));
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_for_each),
		cmocka_unit_test(parameters_as_factors),
		cmocka_unit_test(checks_of_every_kind),
		cmocka_unit_test(faults_are_named_by_line),
		cmocka_unit_test(names_are_only_names),
		cmocka_unit_test(names_of_a_network),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
