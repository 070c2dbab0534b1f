/* Experiments with a design: its points are configurations, whose links follow from their factors; a variation's; and what
 * is said of those that are wrong. */
#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static const char *path(const char *name)
{
	static char text[4][160];
	static unsigned next;
	char *to = text[next++ % 4];
	snprintf(to, 160, "%s/%s", folder, name);
	return to;
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(path(name), "we");
	assert_true(out && fputs(text, out) >= 0 && fclose(out) == 0);
}

static const char *const files[] = {
	"e.yaml", "v.yaml", "bus.py", "d.csv", "other.csv", "half.csv", "out.csv"};

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-design-XXXXXX");
	assert_non_null(mkdtemp(folder));
	put("bus.py",
		"from links import RoutedTopo\n"
		"class BusTopo(RoutedTopo):\n"
		"    def layout(self, hosts: int = 2) -> None:\n"
		"        self.router('core')\n"
		"        for i in range(1, hosts + 1):\n"
		"            self.host(f'h{i}', f'default via 10.0.{i}.2')\n"
		"            self.link(f'l{i}', (f'h{i}', f'10.0.{i}.1/24'), ('core', f'10.0.{i}.2/24'))\n"
		"topos = {'bus': BusTopo}\n");
	put("d.csv", "# algorithm: by hand\nc,rtt\n0,0\n0.5,1\n1,0.25\n");
	put("other.csv", "rtt,c\n0.5,0.5\n");
	put("half.csv", "c\n0.5\n");
	put("out.csv", "c,rtt\n0.5,1.5\n");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(path(files[i]));
	return rmdir(folder);
}

#define HEAD "experiment: e\ntopology: bus\n"
#define REST                                                                                                 \
	"workloads:\n  w: [{name: main, node: h1, run: [echo, '${factor.c}'], main: true}]\n"                \
	"measures:\n  one: {unit: x, program: main, value: v}\n  two: {unit: x, formula: one / c}\n"         \
	"procedures: {p: {workload: w}}\n"
#define FACTORS                                                                                              \
	"  factors:\n    c: {from: 0.1, to: 100, unit: Mbit/s}\n    rtt: {from: 0, to: 50, unit: ms}\n"
#define LINKS "  links: {l1: {rate: $c, delay: $rtt / 2, queue: {delay: 10ms, at_least: 10}}}\n"

static struct experiment *load(const char *name, const char *text, char **error)
{
	*error = NULL;
	put(name, text);
	return experiment_load(".", path(name), error);
}

static struct experiment *load_good(const char *name, const char *text)
{
	char *error;
	struct experiment *e = load(name, text, &error);
	if (!e)
		fail_msg("%s", error);
	return e;
}

static void points_are_configurations(void **state)
{
	(void)state;
	struct experiment *e =
		load_good("e.yaml", HEAD "design:\n  file: d.csv\n" FACTORS LINKS
					 "configurations: {p001: {trials: 7}, own: {}}\n" REST);
	assert_int_equal(e->configurations_count, 4);
	assert_int_equal(e->design_factors_count, 2);
	assert_string_equal(e->designs[0], "d.csv");
	const struct configuration *c = e->configurations;
	assert_string_equal(c[0].name, "p000");
	assert_string_equal(c[0].title, "c 0.1 Mbit/s, rtt 0 ms");
	assert_int_equal(c[0].links[0].direction[0].rate_bps, 100000);
	assert_int_equal(c[0].links[0].direction[1].delay_ns, 0);
	assert_int_equal(c[0].links[0].direction[0].queue_packets, 10);
	assert_string_equal(c[1].title, "c 50.1 Mbit/s, rtt 50 ms");
	assert_int_equal(c[1].links[0].direction[1].rate_bps, 50050000);
	assert_int_equal(c[1].links[0].direction[0].delay_ns, 25000000);
	assert_int_equal(c[1].links[0].direction[0].queue_packets, 41); /* 41.3 */
	assert_int_equal(c[1].trials, 7);                               /* what is listed comes on top */
	assert_false(c[1].links[1].shaped);
	assert_string_equal(c[2].levels[0], "d");
	assert_true(fabs(experiment_number(&c[2], "rtt") - 12.5) < 1e-12);
	assert_true(isnan(experiment_number(&c[3], "rtt")));
	experiment_free(e);
}

static void several_designs(void **state)
{
	struct plan plan;
	char *error = NULL;
	(void)state;
	struct experiment *e =
		load_good("e.yaml", HEAD "design:\n  file: [d.csv, other.csv]\n" FACTORS LINKS REST);
	assert_int_equal(e->configurations_count, 4);
	assert_string_equal(e->configurations[0].name, "d-p000");
	assert_string_equal(e->configurations[3].name, "other-p000");
	/* Columns are found by name, not by place. */
	assert_true(fabs(experiment_number(&e->configurations[3], "rtt") - 25) < 1e-12);
	struct selection one = {.configurations = "other", .trials = 2, .seed = 1};
	assert_int_equal(plan_make(&plan, e, &one, &error), 0);
	assert_int_equal(plan.count, 2);
	plan_free(&plan);
	experiment_free(e);
}

/* A variation widens a range, and keeps the rest of the design; configurations of its own replace it. */
static void variations(void **state)
{
	(void)state;
	put("e.yaml", HEAD "design:\n  file: d.csv\n" FACTORS LINKS REST);
	struct experiment *e =
		load_good("v.yaml", "experiment: v\nbase: e.yaml\ndesign:\n  factors:\n    rtt: {to: 400}\n");
	assert_int_equal(e->configurations_count, 3);
	assert_int_equal(e->configurations[1].links[0].direction[0].delay_ns, 200000000);
	experiment_free(e);
	e = load_good(
		"v.yaml", "experiment: v\nbase: e.yaml\nfactors:\n  c: {one: {value: 1}, two: {value: 2}}\n");
	assert_int_equal(e->configurations_count, 2);
	assert_int_equal(e->points_count, 0);
	experiment_free(e);
}

static void a_design_of_its_own_making(void **state)
{
	(void)state;
	struct experiment *e = load_good("e.yaml",
		HEAD "design:\n  wsp: {points: 20, candidates: 2000, seed: 3}\n" FACTORS LINKS REST);
	assert_int_equal(e->configurations_count, 20);
	assert_null(e->designs);
	experiment_free(e);
}

/* A point may change the network; each has its variant, and the same points. */
static void points_of_several_networks(void **state)
{
	(void)state;
	struct experiment *e = load_good("e.yaml",
		HEAD "design:\n  file: half.csv\n  factors: {c: {from: 1, to: 9}}\n  topology: {hosts: $c}\n"
		     "  links: {l5: {rate: 1Mbit/s}}\n" REST);
	assert_int_equal(experiment_topology(e, &e->configurations[0])->links_count, 5);
	assert_true(e->configurations[0].links[4].shaped);
	experiment_free(e);
}

static void faults(void **state)
{
	static const struct {
		const char *design, *error;
	} bad[] = {
		{"  file: none.csv\n" FACTORS LINKS, "e.yaml:4: "},
		{"  file: half.csv\n" FACTORS LINKS, "e.yaml:4: half.csv has no column `rtt`"},
		{"  file: out.csv\n" FACTORS LINKS, "out.csv:2: rtt is 1.5, outside of 0 to 1"},
		{"  file: ../d.csv\n" FACTORS LINKS, "name a file beside this one"},
		{"  file: d.csv\n  wsp: {}\n" FACTORS LINKS, "one of both"},
		{FACTORS LINKS, "one of both"},
		{"  file: d.csv\n" LINKS, "a design has `factors:"},
		{"  file: d.csv\n  factors: {c: {from: 0, to: 1}}\n  links: {l1: {rate: $c}}\n",
			"d.csv has a column `rtt`, which is no factor; the factors are c"},
		{"  file: d.csv\n  factors: {c: {from: 1, to: 1}, rtt: {from: 0, to: 1}}\n", "from below to"},
		{"  file: d.csv\n" FACTORS "  links: {l1: {rate: $c}}\n",
			"e.yaml:7: factor `rtt` changes nothing"},
		{"  file: d.csv\n" FACTORS "  links: {l1: {rate: $d}}\n",
			"e.yaml:8: `$d`: no factor `d`; the factors are c, rtt"},
		{"  file: d.csv\n" FACTORS "  links: {l1: {rate: $c * $rtt}}\n",
			"`$c * $rtt` mixes Mbit/s and ms"},
		{"  file: d.csv\n" FACTORS "  links: {l1: {delay: $c, rate: $rtt}}\n", "e.yaml:8: "},
		{"  file: d.csv\n" FACTORS "  links: {l1: {delay: 10 - $rtt, rate: $c}}\n",
			"`10 - $rtt` is -40 at point p001"},
		{"  file: d.csv\n" FACTORS "  links: {l1: {delay: $rtt /, rate: $c}}\n",
			"e.yaml:8: `$rtt /`: at"},
		{"  file: d.csv\n" FACTORS LINKS "factors: {x: {y: {}}}\n", "a design or factors, not both"},
		{"  wsp: {points: 3, candidates: 2}\n" FACTORS LINKS, "2 candidates"},
		{"  file: [d.csv, d.csv]\n" FACTORS LINKS, "two designs are called `d`"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[2048], *error;
		snprintf(text, sizeof text, "%sdesign:\n%s%s", HEAD, bad[i].design, REST);
		if (load("e.yaml", text, &error))
			fail_msg("%s was taken", bad[i].design);
		if (!strstr(error, bad[i].error) || strchr(error, '\n'))
			fail_msg("%s: not: %s", bad[i].error, error);
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_are_configurations),
		cmocka_unit_test(several_designs),
		cmocka_unit_test(variations),
		cmocka_unit_test(a_design_of_its_own_making),
		cmocka_unit_test(points_of_several_networks),
		cmocka_unit_test(faults),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
