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
		"cables=rounds", "between=maybe", "acks=60%", "acks=2", "shuffle=1", "flows=", "flows=1-1",
		"flows=0-2", "flows=1-2+", "flows=1-500", "flows=1:2", "pattern=flows", "rate=1Gbit/s",
		"acks=first", "model=packets acks=2%", "model=packets rate=1", "model=packets queue=0",
		"model=packets control=bbr", "model=packets start=slow", "model=packets full=maybe",
		"model=packets window=0", "model=packets length=1s measure=1s", "model=packets rounds=3",
		"model=packets affinity=strong", "model=packets bytes=1KB pause=1s", "model=packets delay=2h",
		"model=packets burst=2MB", "bytes=1KB"};
	struct scenario s;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_int_equal(scenario_parse(&s, bad[i], &error), -1);
		assert_non_null(error);
		assert_null(strchr(error, '\n'));
		free(error);
	}
}

/* ---- packet by packet */

#define TEN "racks=1 size=10 cables=rounds subflows=0 shuffle=no length=300ms measure=200ms model=packets "

static struct scenario_outcome outcome_of(const char *text, uint64_t seed)
{
	struct scenario s;
	struct scenario_outcome outcome;
	char *error = NULL;

	if (scenario_parse(&s, text, &error) < 0 || scenario_run(&s, seed, &outcome, &error) < 0)
		fail_msg("%s", error);
	return outcome;
}

/* One server sends: all that its cables give. And the same over racks, and with two uplinks. */
static void packets_fill_paths(void **state)
{
	(void)state;
	near_to(mean_of(TEN "net=single flows=1-5", 1), 1, 1e-3);
	near_to(mean_of(TEN "net=grin1 flows=1-5", 1), 2, 2e-3);
	near_to(mean_of(TEN "net=grin2 flows=1-5", 1), 3, 5e-3);
	near_to(mean_of("model=packets racks=2 size=4 net=grin1 subflows=0 flows=1-5 length=300ms measure=200ms",
			1),
		2, 5e-3);
	near_to(mean_of("model=packets racks=2 size=4 net=multihomed flows=1-5 length=300ms measure=200ms",
			1),
		2, 5e-3);
	near_to(mean_of("model=packets racks=1 size=4 net=multihomed flows=1-3 length=300ms measure=200ms",
			1),
		2, 5e-3);
}

/* Without cables every uplink and downlink of a permutation has one flow: what acknowledgements leave is theirs, where they do not wait behind data; behind it they come in bunches, and the
 * link stands empty in between. */
static void packets_share_as_streams(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 4; seed++) {
		double fair = mean_of(
			       "racks=1 size=10 net=single pattern=permutation active=60% acks=2.576% model=uncoupled",
			       seed),
		       first = mean_of(TEN "net=single pattern=permutation active=60% acks=first", seed),
		       none = mean_of(TEN "net=single pattern=permutation active=60% acks=free", seed),
		       queued = mean_of(TEN "net=single pattern=permutation active=60%", seed);
		near_to(first / fair, 1, 1e-3);
		near_to(none, 1, 1e-3);
		assert_true(queued < first + 1e-3 && queued > 0.85 * first);
	}
}

/* Nine to one: its downlink is full, and nobody is left out. */
static void packets_of_many(void **state)
{
	struct scenario_outcome o = outcome_of(TEN "net=single pattern=incast", 1);

	(void)state;
	near_to(o.mean, 1,
		5e-3); /* of packets that are in order; in 200 ms some wait for one that was lost */
	assert_int_equal(o.connections, 9);
	assert_int_equal(o.receivers, 1);
	for (unsigned i = 0; i < 9; i++)
		assert_true(o.each[i].rate > 0.01 && o.each[i].from == i + 1 && o.each[i].to == 0);
	/* 27 times 30 KB: where no packet is lost, the downlink carries them one after the other, and the last has all then. Without cables strong affinity is nothing. */
	double all = 27 * (30000 + 22 * 90) * 8 / 1e6;
	struct scenario_outcome
		t = outcome_of(TEN
			"net=single pattern=incast queue=1000 bytes=30KB connections=3 rounds=3 pause=300ms",
			1),
		s = outcome_of(TEN
			"net=single pattern=incast queue=1000 bytes=30KB connections=3 rounds=3 pause=300ms affinity=strong",
			1),
		u = outcome_of(TEN
			"net=single pattern=incast queue=100 bytes=30KB connections=3 rounds=3 pause=300ms",
			1);
	assert_int_equal(t.counters.again, 0);
	assert_true(t.most_99 > all && t.most_99 < all + 0.2);
	near_to(s.most_99, t.most_99, 1e-9);
	/* Queues of 100 do lose some. */
	assert_true(u.counters.losses > 0 && u.most_99 > all);
}

static void packets_repeat(void **state)
{
	struct scenario_outcome a = outcome_of(TEN "net=grin2 pattern=permutation active=60%", 5),
				b = outcome_of(TEN "net=grin2 pattern=permutation active=60%", 5),
				c = outcome_of(TEN "net=grin2 pattern=permutation active=60% phase=1", 5);

	(void)state;
	assert_memory_equal(&a.counters, &b.counters, sizeof a.counters);
	near_to(a.mean, b.mean, 0);
	assert_memory_not_equal(&a.counters, &c.counters, sizeof a.counters);
	for (unsigned i = 0; i < a.connections; i++)
		assert_true(a.each[i].from == c.each[i].from && a.each[i].to == c.each[i].to);
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
		cmocka_unit_test(packets_fill_paths), cmocka_unit_test(packets_share_as_streams),
		cmocka_unit_test(packets_of_many), cmocka_unit_test(packets_repeat),
		cmocka_unit_test(capacity), cmocka_unit_test(more_hops_are_more)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
