/* The simulator: published completion times to the nanosecond, the same run twice, scenarios as they are written and refused, and the
 * numbers that every transport must reach. */
#include "lib/fabric/measure.h"
#include "lib/fabric/run.h"
#include "lib/fabric/score.h"
#include "nodes/ndp/sim/transports.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct outcome run(const char *text, uint64_t seed)
{
	struct scenario scenario;
	struct outcome outcome;
	struct world world;
	char *error = NULL;

	if (fabric_parse(&scenario, ndp_transports, text, &error) < 0 ||
		fabric_open(&world, &scenario, seed, &error) < 0)
		fail_msg("%s", error);
	fabric_run(&world);
	world.transport->count(&world);
	fabric_measure_world(&world, &outcome, NULL, 0);
	fabric_close(&world);
	return outcome;
}

static double value(const char *text, uint64_t seed, enum measure measure)
{
	return run(text, seed).values[measure];
}

/* Data of the authors' repository, figures 16 and 20a: where no coin is tossed, all digits are the same for any seed. */
static void published_to_the_nanosecond(void **state)
{
	static const struct {
		const char *text;
		double first, median, mean, last;
	} rows[] = {
		{"incast:1 hosts=8192 size=270KB window=1", 1668.125, 1668.125, 1668.125, 1668.125},
		{"incast:2 hosts=8192 size=270KB window=1", 1668.125, 1675.376, 1671.751, 1675.376},
		{"incast:4 hosts=8192 size=270KB window=1", 1668.125, 1682.627, 1679.002, 1689.878},
		{"incast:1 hosts=8192 size=270KB window=10", 259.792, 259.792, 259.792, 259.792},
		{"incast:1 hosts=432 size=450KB", 404.816, 404.816, 404.816, 404.816},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct outcome outcome = run(rows[i].text, seed);
			assert_true(fabs(outcome.values[MEASURE_LEAST] - rows[i].first) < 0.0015);
			assert_true(fabs(outcome.values[MEASURE_MEDIAN] - rows[i].median) < 0.0015);
			assert_true(fabs(outcome.values[MEASURE_MEAN] - rows[i].mean) < 0.0015);
			assert_true(fabs(outcome.values[MEASURE_MOST] - rows[i].last) < 0.0015);
		}
}

/* Eight senders: two of them may meet on the way, or not; the published run is one of both. */
static void eight_senders(void **state)
{
	unsigned published = 0, other = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		double last = value("incast:8 hosts=8192 size=270KB window=1", seed, MEASURE_MOST);
		published += fabs(last - 1782.544) < 0.0015;
		other += fabs(last - 1792.656) < 0.0015;
	}
	assert_int_equal(published + other, 12);
	assert_true(published > other);
}

/* One flow alone, whatever the network: serialisations and delays, and no more. */
static void ideal(void **state)
{
	static const char *const rows[] = {"outcast:2 size=900KB", "outcast:8 size=900KB",
		"pairs:0-1 size=90KB", "pairs:0-4 size=90KB", "incast:1 size=1MB topology=leafspine:4:2:2",
		"incast:1 size=1MB topology=star:5", "incast:1 size=1MB topology=vl2:4:4:2",
		"incast:1 size=90KB topology=jellyfish:10:3:2 window=30"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(fabs(value(rows[i], 1, MEASURE_OVER)) < 1e-9);
}

static void same_seed_same_run(void **state)
{
	static const char *const rows[] = {"permutation hosts=16 length=3ms measure=1ms",
		"incast:15 hosts=16 size=90KB",
		"permutation hosts=16 transport=mptcp-lia length=6ms measure=1ms",
		"permutation hosts=16 transport=dctcp length=3ms measure=1ms",
		"shortflow hosts=16 size=90KB background=permutation transport=tcp-spray length=20ms measure=1ms"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome a = run(rows[i], 5), b = run(rows[i], 5), c = run(rows[i], 6);
		assert_memory_equal(&a, &b, sizeof a);
		assert_memory_not_equal(&a, &c, sizeof a);
	}
}

/* The numbers of one small run, to the last packet: they change with the rules, and with nothing else, on no machine. */
static void golden(void **state)
{
	struct outcome outcome = run("incast:15 hosts=16 size=450KB window=10", 42);

	(void)state;
	assert_true(fabs(outcome.values[MEASURE_MLINKS] - 0.013958) < 1e-9);
	assert_true(fabs(outcome.values[MEASURE_MOST] - 5494.1728) < 0.0015);
	assert_true(fabs(outcome.values[MEASURE_MEAN] - 5289.394987) < 0.0015);
}

/* Each transport alone on a path fills it; all flows of all end, with loss too. */
static void every_transport(void **state)
{
	static const char *const transports[] = {
		"ndp", "tcp", "tcp-spray", "dctcp", "mptcp-uncoupled", "mptcp-lia", "mptcp-olia"};
	char text[SCENARIO_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof transports / sizeof *transports; i++) {
		snprintf(text, sizeof text, "pairs:0-15 hosts=16 transport=%s length=50ms", transports[i]);
		assert_true(value(text, 1, MEASURE_LEAST) > 9.8);
		snprintf(text, sizeof text, "incast:12 hosts=16 transport=%s size=180KB rto=10ms buffer=8",
			transports[i]);
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct outcome outcome = run(text, seed);
			assert_true(outcome.values[MEASURE_UNFINISHED] == 0);
			assert_true(outcome.values[MEASURE_OVER] >= 0);
		}
	}
}

/* Headers are lost where nothing bounces, and RTOs make it good. */
static void lost_headers(void **state)
{
	struct outcome outcome = run("incast:200 hosts=432 window=10 size=90KB bounce=no rto=1ms", 1);

	(void)state;
	assert_true(outcome.values[MEASURE_HEADERS_LOST] > 0);
	assert_true(outcome.values[MEASURE_TIMEOUTS] > 0);
	assert_true(outcome.values[MEASURE_UNFINISHED] == 0);
	assert_true(outcome.values[MEASURE_OVER] < 0.02);
	assert_true(value("incast:200 hosts=432 window=10 size=54KB bounce=no rto=1ms", 1,
			    MEASURE_HEADERS_LOST) == 0);
}

/* The published queue of eight holds seven: more of the packets are trimmed than with eight whole ones. */
static void buffer_switch(void **state)
{
	double published = value("permutation hosts=54 length=4ms measure=2ms", 1, MEASURE_TRIMMED);
	double whole = value("permutation hosts=54 length=4ms measure=2ms buffer=whole", 1, MEASURE_TRIMMED);

	(void)state;
	assert_true(whole < published && whole > 0);
	assert_true(value("permutation hosts=54 length=4ms measure=2ms buffer=7 buffer=whole", 1,
			    MEASURE_TRIMMED) == published);
}

/* A pull that comes first for the short flow. */
static void priority(void **state)
{
	double with =
		value("shortflow hosts=16 size=90KB background=same priority=yes length=60ms measure=1ms", 1,
			MEASURE_MEDIAN);
	double without = value(
		"shortflow hosts=16 size=90KB background=same length=60ms measure=1ms", 1, MEASURE_MEDIAN);

	(void)state;
	assert_true(with < without / 2);
}

static void refused(void **state)
{
	static const char *const rows[][2] = {
		{"", "an empty scenario"},
		{"incats:3", "no pattern `incats`; there are incast, outcast"},
		{"incast", "incast needs a number of hosts: incast:64"},
		{"permutation:4", "permutation takes no number"},
		{"incast:0", "incast=0: a whole number, 1..8191"},
		{"incast:128", "more senders than the 127 other hosts"},
		{"permutation hosts=100", "hosts=100: write 2, 16, 54, 128, 250, 432,"},
		{"permutation hosts=100 oversubscribed=4", "hosts=100: write k^3/4 times oversubscribed=4"},
		{"permutation colour=blue", "no setting `colour`; there are transport, hosts,"},
		{"permutation loud", "`loud`: write KEY=VALUE"},
		{"incast:3 size=0", "size=0: a size such as 30KB"},
		{"permutation buffer=1", "buffer=1: packets (2..100000), `whole` or `published`"},
		{"permutation transport=udp", "transport=udp: there are ndp, tcp,"},
		{"permutation length=2000h", "length=2000h: a duration"},
		{"permutation length=2h", "length=2h: a duration"},
		{"permutation measure=300ms", "measure= is the last part of length="},
		{"permutation rate=1", "rate=1: a rate such as 15Mbit/s"},
		{"permutation slow=1Gbit/s", "slow=1Gbit/s: write core:RATE"},
		{"permutation slow=core:1", "slow=core:1: write core:RATE"},
		{"permutation topology=leafspine:4:2:2 slow=core:1Gbit/s", "slow=core: goes with a fat tree"},
		{"permutation topology=moebius:3", "topology=moebius:3: there are fattree,"},
		{"permutation topology=leafspine:4:2",
			"topology=leafspine:4:2: write leafspine:LEAVES:SPINES:HOSTS"},
		{"permutation topology=fattree:7", "topology=fattree:7: K is even"},
		{"permutation transport=tcp penalty=yes", "are NDP's; transport=tcp has none"},
		{"permutation bounce=no", "bounce=no loses packets; say rto= too"},
		{"shortflow", "shortflow needs size="},
		{"incast:3 background=same", "background= goes with the pattern shortflow"},
		{"pairs:1-1", "host 1 sends to itself"},
		{"pairs:1-999", "hosts are 0..127"},
		{"pairs:", "pairs: write pairs:A-B+C-D"},
		{"collateral:126 size=90KB", "three hosts are taken already"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scenario scenario;
		char *error = NULL;
		if (fabric_parse(&scenario, ndp_transports, rows[i][0], &error) == 0)
			fail_msg("`%s` was accepted", rows[i][0]);
		if (!strstr(error, rows[i][1]) || strchr(error, '\n'))
			fail_msg("`%s`: %s", rows[i][0], error);
		free(error);
	}
}

/* Networks that cannot be built say so when they are built. */
static void refused_networks(void **state)
{
	static const char *const rows[][2] = {
		{"permutation topology=jellyfish:9:3:2", "SWITCHES times DEGREE is even"},
		{"permutation topology=vl2:3:4:2", "DA and DI are even"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scenario scenario;
		struct world world;
		char *error = NULL;
		assert_int_equal(fabric_parse(&scenario, ndp_transports, rows[i][0], &error), 0);
		assert_int_equal(fabric_open(&world, &scenario, 1, &error), -1);
		assert_non_null(strstr(error, rows[i][1]));
		free(error);
	}
}

/* Every switch of a Jellyfish has its degree, for any seed. */
static void jellyfish(void **state)
{
	struct scenario scenario;
	char *error = NULL;

	(void)state;
	assert_int_equal(
		fabric_parse(&scenario, ndp_transports, "permutation topology=jellyfish:20:5:2", &error), 0);
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct sim_topology *graph = fabric_topology(&scenario, seed, &error);
		uint32_t degree[20] = {0};
		assert_non_null(graph);
		for (uint32_t port = 0; port < graph->ports; port++) {
			struct sim_place place;
			graph->describe(graph, port, &place);
			if (place.from >= 40 && place.to >= 40)
				degree[place.from - 40]++;
		}
		for (int i = 0; i < 20; i++)
			assert_int_equal(degree[i], 5);
		sim_topology_free(graph);
	}
}

/* As topologies/graphs.py draws it from the same seed: tests/system/fabric.bats has the same list. */
static void jellyfish_as_python_draws_it(void **state)
{
	static const char cables[] =
		"s0--s1 s0--s2 s0--s7 s1--s2 s1--s7 s2--s4 s3--s5 s3--s6 s3--s7 s4--s5 s4--s6 s5--s6 ";
	struct scenario scenario;
	char *error = NULL, drawn[1024] = "";
	size_t used = 0;

	(void)state;
	assert_int_equal(
		fabric_parse(&scenario, ndp_transports, "permutation topology=jellyfish:8:3:1", &error), 0);
	struct sim_topology *graph = fabric_topology(&scenario, 7, &error);
	assert_non_null(graph);
	for (uint32_t port = 0; port < graph->ports; port++) {
		struct sim_place place;
		graph->describe(graph, port, &place);
		if (place.from >= 8 && place.from < place.to)
			used += (size_t)snprintf(
				drawn + used, sizeof drawn - used, "s%u--s%u ", place.from - 8, place.to - 8);
	}
	assert_string_equal(drawn, cables);
	sim_topology_free(graph);
}

static void means(void **state)
{
	double mean, half;

	(void)state;
	fabric_score_mean((double[]){3, 5, 7, 9}, 4, &mean, &half);
	assert_true(fabs(mean - 6) < 1e-12);
	assert_true(fabs(half - 3.182 * 2.581988897 / 2) < 1e-3);
	fabric_score_mean((double[]){3}, 1, &mean, &half);
	assert_true(mean == 3 && half == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_to_the_nanosecond),
		cmocka_unit_test(eight_senders),
		cmocka_unit_test(ideal),
		cmocka_unit_test(same_seed_same_run),
		cmocka_unit_test(golden),
		cmocka_unit_test(every_transport),
		cmocka_unit_test(lost_headers),
		cmocka_unit_test(buffer_switch),
		cmocka_unit_test(priority),
		cmocka_unit_test(refused),
		cmocka_unit_test(refused_networks),
		cmocka_unit_test(jellyfish),
		cmocka_unit_test(jellyfish_as_python_draws_it),
		cmocka_unit_test(means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
