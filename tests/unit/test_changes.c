/* Changes over time, as an experiment file says them: in order, on top of each other, ramps bit by bit, loops. */
#include "harness/experiment/companions.h"
#include "harness/experiment/experiment_internal.h"
#include "harness/experiment/topology.h"
#include "lib/base/clock.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

static struct topology_link links_of_topology[] = {
	{.name = "a"}, {.name = "b"}, {.name = "bare"}, {.name = "air"}};

struct fixture {
	struct topology topology;
	struct experiment experiment;
	struct configuration configuration;
	struct conf *conf;
	char *error;
};

/* The links and changes of one experiment. */
static int load(struct fixture *f, const char *changes)
{
	char text[4096];
	snprintf(text, sizeof text,
		"links:\n  a: {rate: 10Mbit/s, delay: 10ms, loss: 1%%, queue: 50}\n  b: {}\n"
		"  air: {medium: {name: w, phy_rate: 54Mbit/s, attempts: {success: 100%%}}}\nchanges:\n%s",
		changes);
	*f = (struct fixture){.topology = {.name = "three", .links = links_of_topology, .links_count = 4}};
	f->conf = conf_parse("x.yaml", text, strlen(text), &f->error);
	assert_non_null(f->conf);
	f->experiment = (struct experiment){.pool = pool_new(),
		.topology = &f->topology,
		.root = conf_root(f->conf),
		.trial_limit_ns = 60 * NS_PER_S};
	f->configuration.links = pool_alloc(f->experiment.pool, 4, sizeof *f->configuration.links);
	assert_int_equal(read_links(&f->experiment, conf_child(f->experiment.root, "links"),
				 f->configuration.links, &f->error),
		0);
	return read_changes(&f->experiment, &f->configuration, &f->error);
}

static void unload(struct fixture *f)
{
	conf_free(f->conf);
	pool_free(f->experiment.pool);
	free(f->error);
}

static void expect(const struct link_change *c, double at_s, double rate_mbit, double delay_ms, double loss)
{
	assert_int_equal(c->at_ns, (int64_t)(at_s * 1e9 + 0.5));
	for (int k = 0; k < 2; k++) {
		assert_int_equal(c->direction[k].rate_bps, (uint64_t)(rate_mbit * 1e6 + 0.5));
		assert_int_equal(c->direction[k].delay_ns, (int64_t)(delay_ms * 1e6 + 0.5));
		assert_true(c->direction[k].loss > loss - 1e-9 && c->direction[k].loss < loss + 1e-9);
		assert_int_equal(c->direction[k].queue_packets, 50);
	}
}

static void one_thing_on_top_of_another(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(load(&f, "  - {at: 9s, up: a}\n"
				  "  - {at: 5s, links: {a: {loss: 5%}}}\n"
				  "  - {at: 8s, down: [a]}\n"
				  "  - {at: 8.5s, links: {a: {delay: 20ms}}}\n"),
		0);
	const struct link_shape *a = &f.configuration.links[0];
	assert_int_equal(a->changes_count, 4);
	expect(&a->changes[0], 5, 10, 10, 0.05);
	expect(&a->changes[1], 8, 10, 10, 1);
	expect(&a->changes[2], 8.5, 10, 20, 1);
	expect(&a->changes[3], 9, 10, 20, 0.05);
	assert_int_equal(f.configuration.links[1].changes_count, 0);
	unload(&f);
}

static void both_directions_have_their_own(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(load(&f, "  - {at: 1s, links: {a: {reverse: {delay: 30ms}}}}\n"), 0);
	const struct link_change *c = f.configuration.links[0].changes;
	assert_int_equal(c->direction[0].delay_ns, 10 * NS_PER_MS);
	assert_int_equal(c->direction[1].delay_ns, 30 * NS_PER_MS);
	unload(&f);
}

static void a_ramp_goes_bit_by_bit(void **state)
{
	(void)state;
	struct fixture f;
	/* Loss is changed on the ramp's way, which leaves it alone. The last step ends where it must. */
	assert_int_equal(
		load(&f, "  - {at: 2s, ramp: 1s, step: 400ms, links: {a: {rate: 5Mbit/s, delay: 20ms}}}\n"
			 "  - {at: 2.5s, links: {a: {loss: 0}}}\n"),
		0);
	const struct link_shape *a = &f.configuration.links[0];
	assert_int_equal(a->changes_count, 4);
	expect(&a->changes[0], 2.4, 8, 14, 0.01);
	expect(&a->changes[1], 2.5, 8, 14, 0);
	expect(&a->changes[2], 2.8, 6, 18, 0);
	expect(&a->changes[3], 3, 5, 20, 0);
	assert_true(a->changes[0].passing && a->changes[2].passing);
	assert_false(a->changes[1].passing || a->changes[3].passing);
	unload(&f);
}

/* A station walks away. */
static void a_ramp_of_a_signal(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(
		load(&f,
			"  - {at: 2s, ramp: 1s, step: 500ms, links: {air: {medium: {phy_rate: 6Mbit/s, attempts: {success: 40%}}}}}\n"),
		0);
	const struct link_shape *air = &f.configuration.links[3];
	assert_int_equal(air->changes_count, 2);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(air->changes[0].direction[k].medium.phy_rate_bps, 30000000);
		assert_int_equal((int)(air->changes[0].direction[k].medium.success * 1000 + 0.5), 700);
		assert_int_equal(air->changes[1].direction[k].medium.phy_rate_bps, 6000000);
		assert_int_equal((int)(air->changes[1].direction[k].medium.success * 1000 + 0.5), 400);
	}
	unload(&f);
}

static void a_loop_repeats_a_list(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(load(&f, "  - at: 1s\n"
				  "    every: 2s\n"
				  "    times: 3\n"
				  "    changes:\n"
				  "      - {at: 0s, down: [a, b]}\n"
				  "      - {at: 500ms, up: [a, b]}\n"),
		0);
	for (int link = 0; link < 2; link++) {
		const struct link_shape *of = &f.configuration.links[link];
		assert_int_equal(of->changes_count, 6);
		for (int i = 0; i < 6; i++) {
			assert_int_equal(
				of->changes[i].at_ns, (1 + 2 * (i / 2)) * NS_PER_S + (i % 2) * NS_PER_S / 2);
			assert_true(i % 2 ? of->changes[i].direction[0].loss < 0.5
					  : of->changes[i].direction[0].loss > 0.99);
		}
	}
	unload(&f);
}

static void refused(const char *changes, const char *where, const char *what)
{
	struct fixture f;
	assert_int_equal(load(&f, changes), -1);
	if (strncmp(f.error, where, strlen(where)) != 0 || !strstr(f.error, what))
		fail_msg("`%s` is not `%s ... %s`", f.error, where, what);
	unload(&f);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	(void)state;
	refused("  - {at: 1s}\n", "x.yaml:6:", "one of `links`");
	refused("  - {at: 1s, down: a, up: b}\n", "x.yaml:6:", "one of `links`");
	refused("  - {down: a}\n", "x.yaml:6:", "at: TIME");
	refused("  - {at: 1s, down: c}\n", "x.yaml:6:", "no link `c`");
	refused("  - {at: 1s, down: bare}\n", "x.yaml:6:", "no shape");
	refused("  - {at: 1s, down: []}\n", "x.yaml:6:", "no link");
	refused("  - {at: 1s, links: {}}\n", "x.yaml:6:", "no link");
	refused("  - {at: 1s, changes: []}\n", "x.yaml:6:", "empty list");
	refused("  - {at: 1s, every: 1s, down: a}\n", "x.yaml:6:", "go together");
	refused("  - {at: 1s, ramp: 1s, down: a}\n", "x.yaml:6:", "ramp");
	refused("  - {at: 61s, down: a}\n", "x.yaml:6:", "trial_limit");
	refused("  - {at: 1s, links: {a: {los: 1}}}\n", "x.yaml:6:", "unknown key `los`");
	refused("  - {at: 1s, links: {a: {rate: fast}}}\n", "x.yaml:6:", "no rate");
	refused("  - {at: 1s, ramp: 1s, links: {a: {queue: 10}}}\n", "x.yaml:6:", "a ramp goes from");
	refused("  - {at: 1s, ramp: 1s, links: {b: {rate: 1Mbit/s}}}\n", "x.yaml:6:", "a ramp goes from");
	refused("  - {at: 1s, links: {a: {cellular: 3g}}}\n", "x.yaml:6:", "");
	refused("  - {at: 1s, every: 10ms, times: 10000, down: a}\n", "x.yaml:6:", "trial_limit");
	refused("  - {at: 0s, every: 10ms, times: 5900, down: [a, b]}\n", "x.yaml:6:", "more than");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_thing_on_top_of_another),
		cmocka_unit_test(both_directions_have_their_own), cmocka_unit_test(a_ramp_goes_bit_by_bit),
		cmocka_unit_test(a_ramp_of_a_signal), cmocka_unit_test(a_loop_repeats_a_list),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
