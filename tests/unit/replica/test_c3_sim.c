/* The simulator of C3: scenarios as written, exact quantiles, queues that theory knows, the order of the policies. */
#include "lib/base/draw.h"
#include "nodes/replica/sim/order.h"
#include "nodes/replica/sim/score.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct scenario parse(const char *text)
{
	struct scenario s;
	char *error = NULL;
	assert_int_equal(scenario_parse(&s, text, &error, NULL), 0);
	return s;
}

static struct cluster_outcome run(const char *text, uint64_t seed)
{
	struct scenario s = parse(text);
	struct cluster_outcome o;
	assert_int_equal(cluster_run(&s, seed, &o, NULL), 0);
	return o;
}

static void scenarios_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = {"load=100%", "load=0", "replicas=60", "clients=0", "select=best",
		"speed=3", "fluctuation=-1ms", "ratio=0.5", "skew=80%", "slow=20%:0", "servers",
		"requests=10", "warmup=95%", "control=perhaps", "service=0"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct scenario s;
		char *error = NULL;
		assert_int_equal(scenario_parse(&s, bad[i], &error, NULL), -1);
		assert_non_null(error);
		free(error);
	}
	struct scenario s = parse("select=lor clients=300 fluctuation=100ms load=45%");
	assert_int_equal(s.select, SELECT_LOR);
	assert_false(s.control);
	assert_int_equal(s.clients, 300);
	assert_true(fabs(s.load - 0.45) < 1e-12);
	assert_true(parse("select=rr").control);
	assert_false(parse("select=rr control=no").control);
	/* 50 servers x 4 / 4 ms, half of the time three times as fast: 100 requests/ms. */
	assert_true(fabs(scenario_capacity(&s) * 1e6 - 100) < 1e-9);
	char *warning = NULL;
	assert_int_equal(scenario_parse(&s, "fluctuation=1ms", NULL, &warning), 0);
	assert_non_null(warning);
	free(warning);
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void quantiles_are_exact(void **state)
{
	(void)state;
	uint64_t draws = 3;
	for (uint32_t n = 1; n < 300; n++) {
		int64_t values[300], sorted[300];
		for (uint32_t i = 0; i < n; i++)
			values[i] = (int64_t)draw_below(&draws, n); /* with many that are equal */
		memcpy(sorted, values, sizeof sorted);
		qsort(sorted, n, sizeof *sorted, ascending);
		static const double shares[] = {0, 0.5, 0.95, 0.999, 1};
		for (int k = 0; k < 5; k++) {
			double rank = ceil(shares[k] * n - 1e-9);
			assert_int_equal(order_quantile(values, n, shares[k]),
				sorted[rank < 1 ? 0 : (uint32_t)rank - 1]);
		}
	}
}

/* One server, one at a time, exponential service and arrivals: M/M/1, whose mean time is service / (1 - load), p99 that times ln 100. */
static void one_server_is_a_queue_of_theory(void **state)
{
	(void)state;
	struct cluster_outcome o = run(
		"servers=1 concurrency=1 replicas=1 clients=1 fluctuation=0 load=50% network=0 repair=0 select=random "
		"requests=400000",
		1);
	assert_true(fabs(o.value[CLUSTER_MEAN] - 8) < 0.25);
	assert_true(fabs(o.value[CLUSTER_P50] - 8 * log(2)) < 0.2);
	assert_true(fabs(o.value[CLUSTER_P99] - 8 * log(100)) < 2);
	assert_true(fabs(o.value[CLUSTER_THROUGHPUT] - 125) < 2);
}

static void the_same_seed_gives_the_same(void **state)
{
	(void)state;
	struct cluster_outcome a = run("requests=30000 select=c3", 5), b = run("requests=30000 select=c3", 5),
			       c = run("requests=30000 select=c3", 6);
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(a.value[CLUSTER_MEAN] != c.value[CLUSTER_MEAN]);
}

/* D1.4, 3.7.11. What each policy is worth is told by the scorecard; here only that the order is right. */
static void policies_stand_in_the_published_order(void **state)
{
	(void)state;
	double p99[4];
	static const char *const text[] = {"select=oracle", "select=c3", "select=lor", "select=rr"};
	for (int i = 0; i < 4; i++) {
		char whole[128];
		snprintf(whole, sizeof whole, "%s repair=0 fluctuation=100ms requests=200000", text[i]);
		p99[i] = run(whole, 1).value[CLUSTER_P99];
		if (i > 0)
			assert_true(p99[i] > p99[i - 1]);
	}
}

static void repairs_cost_but_are_not_counted(void **state)
{
	(void)state;
	struct cluster_outcome without = run("requests=100000 repair=0 load=60%", 1),
			       with = run("requests=100000 repair=20% load=60%", 1);
	assert_int_equal(without.counted, 90000);
	assert_int_equal(with.counted, 90000);
	assert_true(with.events > without.events + without.events / 5);
	assert_true(with.value[CLUSTER_P99] > without.value[CLUSTER_P99]);
}

static void closed_generators_keep_one_request_each(void **state)
{
	(void)state;
	/* No queue anywhere: as many requests per second as 20 generators and 4 ms + 0.5 ms allow. */
	struct cluster_outcome o = run(
		"servers=20 clients=20 generators=20 arrivals=closed fluctuation=0 repair=0 select=lor control=no "
		"requests=100000 concurrency=20",
		1);
	assert_true(fabs(o.value[CLUSTER_THROUGHPUT] - 20 / 0.0045) < 60);
}

static void slow_servers_and_skewed_clients_are_what_is_asked(void **state)
{
	(void)state;
	double plain =
		run("requests=60000 fluctuation=0 select=random repair=0 load=40%", 1).value[CLUSTER_P99];
	double slow = run("requests=60000 fluctuation=0 select=random repair=0 load=40% slow=20%:3", 1)
			      .value[CLUSTER_P99];
	assert_true(slow > 1.5 * plain);
	struct scenario s = parse("slow=20%:2 fluctuation=0");
	assert_true(fabs(scenario_capacity(&s) * 1e6 - 45) < 1e-9);
	run("requests=20000 skew=20%:80%", 1);
}

static void a_scorecard_says_where_it_is_wrong(void **state)
{
	(void)state;
	static const char *const bad[] = {"scenario,measure\n",
		"scenario,measure,against,as,value,source\nselect=c3,p99,,value,x,s\n",
		"scenario,measure,against,as,value,source\nselect=c3,p98,,value,1,s\n",
		"scenario,measure,against,as,value,source\nselect=c3,p99,select=lor,value,1,s\n",
		"scenario,measure,against,as,value,source\nselect=c3,p99,,ratio,1,s\n", "# nothing\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char path[] = "/tmp/liquidnet-c3-XXXXXX", *error = NULL;
		int fd = mkstemp(path);
		assert_true(write(fd, bad[i], strlen(bad[i])) > 0);
		close(fd);
		struct runs *runs = runs_new(1, 2);
		struct score score;
		assert_int_equal(score_load(&score, path, "", runs, &error), -1);
		assert_non_null(strstr(error, path));
		free(error);
		runs_free(runs);
		unlink(path);
	}
}

static void intervals_are_students(void **state)
{
	(void)state;
	struct estimate e = estimate((double[]){1, 2, 3, 4, 5}, 5);
	assert_true(e.mean == 3);
	assert_true(fabs(e.half - 2.776 * sqrt(2.5 / 5)) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenarios_are_checked),
		cmocka_unit_test(quantiles_are_exact),
		cmocka_unit_test(one_server_is_a_queue_of_theory),
		cmocka_unit_test(the_same_seed_gives_the_same),
		cmocka_unit_test(policies_stand_in_the_published_order),
		cmocka_unit_test(repairs_cost_but_are_not_counted),
		cmocka_unit_test(closed_generators_keep_one_request_each),
		cmocka_unit_test(slow_servers_and_skewed_clients_are_what_is_asked),
		cmocka_unit_test(a_scorecard_says_where_it_is_wrong),
		cmocka_unit_test(intervals_are_students),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
