/* GRIN's simulators: rates of streams in networks whose answer is known, scenarios, capacity against brute reasoning. */
#include "nodes/grin/capacity/capacity.h"
#include "nodes/grin/sim/fluid.h"
#include "nodes/grin/sim/scenario.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void near_to(double value, double wanted, double off)
{
	if (!(fabs(value - wanted) <= off))
		fail_msg("%g is not %g +- %g", value, wanted, off);
}

/* Two links; one connection over both, one over the second alone. */
static struct fluid *two_links(void)
{
	struct fluid *f = fluid_new(2);

	fluid_connection(f);
	fluid_path(f, 1, (unsigned[]){0});
	fluid_path(f, 1, (unsigned[]){1});
	fluid_connection(f);
	fluid_path(f, 1, (unsigned[]){1});
	return f;
}

static void models(void **state)
{
	struct fluid *f = two_links();

	(void)state;
	assert_int_equal(fluid_solve(f, FLUID_UNCOUPLED, NULL), 0);
	near_to(fluid_rate(f, 0), 1.5, 1e-6);
	near_to(fluid_rate(f, 1), 0.5, 1e-6);
	assert_int_equal(fluid_solve(f, FLUID_OPTIMUM, NULL), 0);
	near_to(fluid_rate(f, 0) + fluid_rate(f, 1), 2, 1e-6);
	/* LIA at rest: loss a on the first link, b on the second; w0 + w1 = sqrt(2 / min), w0 a = w1 b, the other sqrt(2 / b); both links full. The same loss on
	 * both, p: halves of sqrt(2 / p) and a whole on the second do not fit; a < b: x = 1/a + ..., solved by hand below. */
	assert_int_equal(fluid_solve(f, FLUID_LIA, NULL), 0);
	assert_true(fluid_excess(f) < 1e-6);
	double first = f->rate[0], second = f->rate[1], other = f->rate[2];
	near_to(first, 1, 0.01);
	near_to(second + other, 1, 0.01);
	/* w0 / w1 = b / a; (w0 + w1) / other = sqrt(b / a). */
	near_to((first + second) / other, sqrt(first / second), 0.02);
	assert_true(second > 0.05 && second < 0.5);
	/* A path over both links, one over each: with the same loss on both the long one has 1/sqrt(2) of the window in twice the round trip: x + y = 1, y / x = 2.1 / 1.1 sqrt(2). */
	fluid_free(f);
	f = fluid_new(2);
	for (unsigned i = 0; i < 3; i++) {
		fluid_connection(f);
		fluid_path(f, i < 2 ? 1 : 2, i == 1 ? (unsigned[]){1} : (unsigned[]){0, 1});
	}
	assert_int_equal(fluid_solve(f, FLUID_TCP, NULL), 0);
	assert_true(fluid_excess(f) < 1e-6);
	near_to(fluid_rate(f, 0) + fluid_rate(f, 2), 1, 0.01);
	near_to(fluid_rate(f, 0), fluid_rate(f, 1), 0.01);
	near_to(fluid_rate(f, 0) / fluid_rate(f, 2), 2.1 / 1.1 * sqrt(2), 0.05);
	fluid_free(f);
}

static void alone(void **state)
{
	struct fluid *f = fluid_new(3);

	(void)state;
	fluid_connection(f);
	for (unsigned i = 0; i < 3; i++)
		fluid_path(f, 1, &i);
	for (int model = 0; model < FLUID_MODELS; model++) {
		assert_int_equal(fluid_solve(f, (enum fluid_model)model, NULL), 0);
		near_to(fluid_rate(f, 0), 3, 0.01);
	}
	fluid_free(f);
}

/* One path each way between two servers: what one way carries, and the other's acknowledgements, share a link. */
static void acknowledgements(void **state)
{
	struct fluid *f = fluid_new(2);

	(void)state;
	f->acks = 0.25;
	for (unsigned way = 0; way < 2; way++) {
		fluid_connection(f);
		fluid_path(f, 1, &way);
		fluid_way_back(f, 1, (unsigned[]){1 - way});
	}
	for (int model = 0; model < FLUID_MODELS; model++) {
		assert_int_equal(fluid_solve(f, (enum fluid_model)model, NULL), 0);
		near_to(fluid_rate(f, 0), 0.8, 0.01);
		near_to(fluid_rate(f, 1), 0.8, 0.01);
		assert_true(fluid_excess(f) < 1e-3);
	}
	near_to(f->capacity[0], 1, 0);
	fluid_free(f);
}

static double mean_of(const char *text, uint64_t seed)
{
	struct scenario s;
	struct scenario_outcome outcome;
	char *error = NULL;

	if (scenario_parse(&s, text, &error) < 0 || scenario_run(&s, seed, &outcome, &error) < 0)
		fail_msg("%s", error);
	assert_true(outcome.excess < 1e-6);
	return outcome.mean;
}

static void scenarios(void **state)
{
	(void)state;
	/* One of two pairs of a rack of ten: all that the cables give. */
	near_to(mean_of("net=single pattern=permutation active=50%", 3), 1, 1e-6);
	near_to(mean_of("net=multihomed pattern=permutation active=5%", 3), 2, 0.01);
	near_to(mean_of("net=grin1 pattern=group group=60 racks=6 size=20", 3), 2, 0.2);
	for (uint64_t seed = 1; seed < 4; seed++) {
		double lia = mean_of("net=grin3 pattern=permutation active=40%", seed),
		       best = mean_of("net=grin3 pattern=permutation active=40% model=optimum", seed);
		assert_true(lia <= best + 1e-6 && lia > 0.7 * best);
	}
	near_to(mean_of("net=grin2 racks=1 size=10 cables=rounds pattern=permutation active=20% subflows=0 model=optimum",
			1),
		mean_of("net=grin2 racks=1 size=10 cables=rounds pattern=permutation active=20% subflows=0 model=uncoupled",
			1),
		0.5);
	/* All of them send and receive: an uplink carries one share of data and one of acknowledgements. */
	near_to(mean_of("net=single pattern=permutation active=100% acks=2.58%", 1), 1 / 1.0258, 1e-3);
	near_to(mean_of("net=multihomed pattern=permutation active=5% acks=2.58%", 3), 2, 0.06);
}

static void refused(void **state)
{
	static const char *const bad[] = {"net=grin8", "net=", "pattern=x", "active=0%", "active=5",
		"group=1", "size=1", "model=bbr", "subflows=65", "net", "x=1", "net=grin7 size=7",
		"cables=rounds", "between=maybe", "acks=60%", "acks=2", "shuffle=1"};
	struct scenario s;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_int_equal(scenario_parse(&s, bad[i], &error), -1);
		assert_non_null(error);
		free(error);
	}
}

/* Four servers in a ring of cables, one rack. */
static struct plan *ring(void)
{
	struct plan *plan = plan_new();

	assert_int_equal(plan_add_racks(plan, 1, 4, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(plan_join(plan, i, (i + 1) % 4, NULL), 0);
	return plan;
}

static void capacity(void **state)
{
	struct plan *plan = ring();
	struct traffic_flow across = {0, 2}, both[2] = {{0, 2}, {2, 0}};
	char *error = NULL;

	(void)state;
	/* Its uplink, and two ways over neighbours; each neighbour's cables lead straight to the destination, which is as good. */
	near_to(capacity_optimum(plan, &across, 1, 1, &error), 3, 1e-6);
	near_to(capacity_optimum(plan, &across, 1, 2, &error), 3, 1e-6);
	near_to(capacity_optimum(plan, both, 2, CAPACITY_FREE, &error), 6, 1e-6);
	near_to(capacity_filling(plan, &across, 1, 1, 16, 1), 3, 1e-6);
	near_to(capacity_filling(plan, &across, 1, 1, 1, 1), 1, 1e-6);
	plan_free(plan);
}

static void more_hops_are_more(void **state)
{
	struct traffic_request r = {.pattern = TRAFFIC_RANDOM, .servers = 40, .rack = 20, .active = 0.6};

	(void)state;
	for (r.seed = 1; r.seed < 4; r.seed++) {
		struct plan *plan = plan_new();
		struct traffic_flow *flows;
		char *error = NULL;
		plan_add_racks(plan, 2, 20, NULL);
		plan_interconnect(plan, 4, r.seed, NULL);
		unsigned count = (unsigned)traffic_draw(&r, &flows, NULL);
		double one = capacity_optimum(plan, flows, count, 1, &error),
		       two = capacity_optimum(plan, flows, count, 2, &error),
		       all = capacity_optimum(plan, flows, count, CAPACITY_FREE, &error);
		assert_true(one <= two + 1e-6 && two <= all + 1e-6 && one > 0);
		for (unsigned hops = 1; hops <= 3; hops++)
			assert_true(capacity_filling(plan, flows, count, hops, 16, r.seed) <= all + 1e-6);
		assert_true(capacity_filling(plan, flows, count, 1, 16, r.seed) <= one + 1e-6);
		free(flows);
		plan_free(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(models), cmocka_unit_test(alone),
		cmocka_unit_test(acknowledgements), cmocka_unit_test(scenarios), cmocka_unit_test(refused),
		cmocka_unit_test(capacity), cmocka_unit_test(more_hops_are_more)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
