/* The Kibbutz simulator: what must hold whatever the seed, the arithmetic of single devices, scenarios and
 * the table of published numbers that people write wrongly. */
#include "nodes/kibbutz/sim/arrivals.h"
#include "nodes/kibbutz/sim/figures.h"
#include "nodes/kibbutz/sim/kibbutz.h"
#include "nodes/kibbutz/sim/replay.h"
#include "nodes/kibbutz/sim/score.h"
#include "tests/unit/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>
static struct scenario parse(const char *text)
{
	struct scenario s;
	char *error = NULL;
	if (scenario_parse(&s, text, &error) < 0)
		fail_msg("%s", error);
	return s;
}

static struct summary run(const char *text, unsigned runs, int class)
{
	struct scenario s = parse(text);
	struct summary summary;
	summarise(&s, 1, runs, class, &summary);
	return summary;
}

static void assert_near(double a, double b, double within)
{
	if (fabs(a - b) > within)
		fail_msg("%g is not within %g of %g", a, within, b);
}

static void test_means_of_gaps(void **state)
{
	(void)state;
	for (int class = 0; class < TRAFFIC_CLASSES; class ++)
		for (enum gaps gaps = GAPS_CLASS; gaps < GAPS_CONSTANT; gaps++) {
			uint64_t random = 42;
			double sum = 0;
			for (int i = 0; i < 100000; i++)
				sum += (double)arrivals_gap_ns(&traffic_classes[class], gaps, &random) / 1e9;
			/* The normal one loses its negative 1.1 %: its mean is 1.3 % longer. */
			assert_near(sum / 100000 / traffic_classes[class].mean_s, 1, 0.02);
		}
}

/* What the paper's results say about the gaps: 70 % longer than 10 s, 94.4 % longer than 4 s. */
static void test_the_fit(void **state)
{
	(void)state;
	uint64_t random = 1;
	int over_10 = 0, over_4 = 0;
	for (int i = 0; i < 100000; i++) {
		int64_t gap = arrivals_gap_ns(&traffic_classes[TRAFFIC_WEB], GAPS_CLASS, &random);
		over_10 += gap > 10000000000;
		over_4 += gap > 4000000000;
	}
	assert_near(over_10 / 1e5, 0.70, 0.015);
	assert_near(over_4 / 1e5, 0.944, 0.015);
}

static void test_same_seed_same_outcome(void **state)
{
	(void)state;
	struct scenario s = parse("web:3+streaming+background:2");
	struct device_outcome a[SCENARIO_DEVICES], b[SCENARIO_DEVICES], c[SCENARIO_DEVICES];
	simulate(&s, 7, a);
	simulate(&s, 7, b);
	simulate(&s, 8, c);
	assert_memory_equal(a, b, s.count * sizeof *a);
	assert_memory_not_equal(a, c, s.count * sizeof *a);
}

static void test_a_device_alone(void **state)
{
	(void)state;
	struct scenario s = parse("streaming:1");
	struct device_outcome o;
	simulate(&s, 1, &o);
	assert_int_equal(o.requests, 7200);
	assert_int_equal(o.over_neighbours, 0);
	assert_true(o.high > 0.999);
	assert_near(o.promotions, 0.5, 1e-9); /* one, in two hours */
	assert_near(o.rtt_s, 0.2 + 1.8 / 7200, 1e-9);
	assert_near(o.power_mw, 650 * o.high, 1e-6);
	s = parse("streaming:3 alone=yes");
	struct device_outcome three[3];
	simulate(&s, 1, three);
	for (int i = 0; i < 3; i++)
		assert_true(three[i].over_neighbours == 0 && three[i].high > 0.999);
}

/* Uniform gaps have an arithmetic of their own: (6.5..10 s) in full and 10 s for the others, of 13 s. */
static void test_web_by_arithmetic(void **state)
{
	(void)state;
	struct summary m = run("web:1 gaps=uniform", 50, -1);
	assert_near(m.high.mean, (57.75 / 26 + 10 * 9.5 / 13) / 13, 0.01);
	assert_near(m.cold.mean, 9.5 / 13, 0.01);
	m = run("web:1 gaps=exponential", 50, -1);
	assert_near(m.high.mean, 1 - exp(-10.0 / 13), 0.01);
	assert_near(m.cold.mean, exp(-10.0 / 13), 0.01);
}

/* More devices: less energy for each, and fewer promotions; credit bounds who bears it. */
static void test_a_kibbutz_saves(void **state)
{
	(void)state;
	static const char *const classes[] = {"streaming", "web", "background"};
	for (int c = 0; c < 3; c++) {
		double last = 2;
		for (int n = 1; n <= 6; n++) {
			char text[32];
			snprintf(text, sizeof text, "%s:%d", classes[c], n);
			double high = run(text, 10, -1).high.mean;
			assert_true(high < last);
			assert_true(high >= 1.0 / 6 * run(classes[c], 3, -1).high.mean - 0.02);
			last = high;
		}
	}
	assert_true(run("web:3", 10, -1).promotions.mean < 0.5 * run("web:1", 10, -1).promotions.mean);
	assert_true(run("streaming:3 length=5min credit=50", 10, -1).unfair.mean >
		    run("streaming:3 length=5min credit=2", 10, -1).unfair.mean + 0.5);
}

/* An advertisement lasts one tail, however long: one radio is up, and the other device never wakes its own. */
static void test_long_tails(void **state)
{
	(void)state;
	struct scenario s = parse("streaming:2 tail=3600s length=3500s");
	struct device_outcome o[2];
	simulate(&s, 1, o);
	unsigned guest = o[1].over_neighbours > 0;
	assert_int_equal(o[guest].requests, o[guest].over_neighbours);
	assert_near(o[guest].high, 0, 0);
	assert_int_equal(o[!guest].over_neighbours, 0);
}

static void test_the_oracle(void **state)
{
	(void)state;
	struct summary alone = run("web:1", 20, -1), oracle = run("web:1 oracle=4s", 20, -1),
		       late = run("web:1 oracle=10s", 20, -1);
	assert_true(oracle.high.mean < 0.3 * alone.high.mean);
	assert_true(oracle.promotions.mean > 1.2 * alone.promotions.mean);
	/* It only ever sleeps when the tail would have ended before the next request. */
	assert_near(late.promotions.mean, alone.promotions.mean, 1e-9);
	assert_true(late.high.mean < 0.5 * alone.high.mean);
	assert_near(run("streaming:1 oracle=4s", 3, -1).high.mean, 1, 0.001);
}

static void test_summary_of_one_class(void **state)
{
	(void)state;
	struct scenario s = parse("web+streaming");
	struct device_outcome o[2];
	struct summary m;
	simulate(&s, 3, o);
	summarise(&s, 3, 1, TRAFFIC_STREAMING, &m);
	assert_near(m.high.mean, o[1].high, 1e-12);
	assert_near(m.high.half, 0, 0);
	assert_ptr_equal(summary_measure(&m, "high"), &m.high);
	assert_ptr_equal(summary_measure(&m, "unfairness"), &m.unfair);
	assert_null(summary_measure(&m, "colour"));
}

static void test_scenarios(void **state)
{
	(void)state;
	struct scenario s =
		parse("web:2+streaming tail=5s credit=2 length=5min gaps=uniform rate=1Mbit/s radio=3g");
	assert_int_equal(s.count, 3);
	assert_int_equal(s.classes[2], TRAFFIC_STREAMING);
	assert_true(s.radio.tail_ns == 5000000000);
	assert_string_equal(s.radio.name, "3g");
	assert_int_equal(s.credit, 2);
	assert_true(s.length_ns == 300000000000);
	assert_int_equal(s.gaps, GAPS_UNIFORM);
	assert_int_equal(s.rate_bps, 1000000);
	/* A tail of one's own stays, in either order; a profile's goes with it. */
	s = parse("web tail=10s radio=lte");
	assert_true(s.radio.tail_ns == 10000000000);
	s = parse("web radio=lte tail=10s");
	assert_true(s.radio.tail_ns == 10000000000);
	s = parse("web radio=3g radio=lte");
	assert_true(s.radio.tail_ns == radio_profile("lte")->tail_ns);
}

static void test_bad_scenarios(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "empty"},
		{" ", "empty"},
		{"+", "no device"},
		{"video", "no class of traffic `video`"},
		{"web:0", "1..128"},
		{"web:129", "1..128"},
		{"web:x", "1..128"},
		{"web:100+streaming:29", "more than 128"},
		{"web tail", "KEY=VALUE"},
		{"web tail=0", "duration"},
		{"web tail=2h", "duration"},
		{"web tail=-1s", "duration"},
		{"web gaps=constant", "there are normal"},
		{"web radio=5g", "3g-simulation"},
		{"web credit=0", "1..1000000"},
		{"web rate=0bit/s", "rate"},
		{"web alone=maybe", "there are no, yes"},
		{"web colour=red", "no setting `colour`"},
		{"web:2 oracle=4s", "alone=yes"},
		{"web aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"at most 127"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct scenario s;
		char *error = NULL;
		if (scenario_parse(&s, bad[i].text, &error) != -1)
			fail_msg("`%s` was accepted", bad[i].text);
		if (!strstr(error, bad[i].says))
			fail_msg("`%s`: %s", bad[i].text, error);
		free(error);
	}
}

#define HEADER "# a\nscenario,of,measure,against,as,value,source\n"

static int load(const char *text, struct score *score, char **error)
{
	char path[] = "/tmp/test_sim_kibbutz.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	int result = score_load(score, path, "", error);
	unlink(path);
	return result;
}

static void test_score(void **state)
{
	(void)state;
	struct score score;
	char *error = NULL;
	assert_int_equal(load(HEADER "streaming:1,streaming,high,,value,1.00,a\n"
				     "streaming:2,streaming,high,streaming:1,saving,0.2,b\n"
				     "streaming:2,streaming,high,streaming:1,saving,0.4,b\n"
				     "streaming:2,streaming,high,streaming:1,falls,1,b\n"
				     "streaming:2,streaming,high,streaming:1,rises,1,b\n",
				 &score, &error),
		0);
	assert_int_equal(score.count, 5);
	score_measure(&score, 1, 3);
	static const enum score_judgement judged[] = {
		SCORE_AGREES, SCORE_DIFFERS, SCORE_NEAR, SCORE_AGREES, SCORE_DIFFERS};
	for (int i = 0; i < 5; i++)
		assert_int_equal(score.rows[i].judgement, judged[i]);
	assert_string_equal(score.rows[0].published_text, "1.00");
	score_free(&score);
}

static void test_bad_tables(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "no rows"},
		{HEADER, "no rows"},
		{"scenario,of\n", ":1: 2 cells instead of 7"},
		{"scenario,of,measure,against,as,number,source\n",
			":1: column `number` where `value` belongs"},
		{HEADER "web:1,web,high,,value,1,a,b\n", ":3: more than 7 cells"},
		{HEADER "web:1,web,high,,value,many,a\n", ":3: `many` is no number"},
		{HEADER "web:1,web,high,,value,inf,a\n", "is no number"},
		{HEADER "web:1,streaming,high,,value,1,a\n", ":3: no device of class streaming"},
		{HEADER "web:1,web,colour,,value,1,a\n", "no measure `colour`; there are high"},
		{HEADER "web:1,web,high,,better,1,a\n", "no comparison `better`"},
		{HEADER "web:1,web,high,,ratio,1,a\n", "`against` goes with"},
		{HEADER "web:1,web,high,web:2,value,1,a\n", "`against` goes with"},
		{HEADER "web:1,web,high,web:x,ratio,1,a\n", ":3: scenario `web:x`"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct score score;
		char *error = NULL;
		if (load(bad[i].text, &score, &error) != -1)
			fail_msg("table %zu was accepted", i);
		if (!strstr(error, bad[i].says))
			fail_msg("table %zu: %s", i, error);
		free(error);
	}
	struct score score;
	char *error = NULL;
	assert_int_equal(score_load(&score, "/nonexistent", "", &error), -1);
	assert_non_null(strstr(error, "--published"));
	free(error);
}

static int count_scenario(void *context, const char *text)
{
	parse(text);
	++*(int *)context;
	return 0;
}

static void test_figures_are_scenarios(void **state)
{
	(void)state;
	int count = 0;
	for (int i = 0; figure_names[i]; i++)
		assert_int_equal(figure_scenarios(figure_names[i], count_scenario, &count), 0);
	assert_int_equal(count, 30 + 90 + 9 + 7);
	assert_int_equal(figure_scenarios("3.1", count_scenario, &count), -1);
}

#define HEAD                                                                                                 \
	"{\"neighbours\":1,\"profile\":\"energy\",\"credit\":5,\"period_ns\":10000000000,\"longest_ns\":"    \
	"60000000000,"                                                                                       \
	"\"slack_ns\":0,\"tie_ns\":0,\"seed\":1,\"watchdog\":true,\"timeouts\":1,\"window\":8,\"dead\":4,"   \
	"\"well_ns\":3000000000,"                                                                            \
	"\"disbelief_ns\":"                                                                                  \
	"30000000000}\n"
#define OWN "{\"t\":5,\"in\":\"own\",\"neighbour\":-1,\"value\":0}\n"
#define ADVERTISE "{\"out\":\"advertise\",\"neighbour\":0,\"duration_ns\":10000000000,\"backup\":false}\n"

static int replay(const char *text, struct replay_result *result, char **error)
{
	char path[] = "/tmp/test_sim_kibbutz.XXXXXX";
	int fd = mkstemp(path);
	FILE *nowhere = fopen("/dev/null", "w");
	assert_true(fd >= 0 && nowhere && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	int status = replay_trace(path, nowhere, result, error);
	fclose(nowhere);
	unlink(path);
	return status;
}

static void test_replay(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned calls, decisions, differences;
	} traces[] = {
		{HEAD, 0, 0, 0}, {HEAD OWN ADVERTISE, 1, 1, 0}, {HEAD OWN ADVERTISE OWN, 2, 1, 0},
		{HEAD OWN ADVERTISE OWN ADVERTISE, 2, 2,
			1},              /* shared already: it must not be advertised again */
		{HEAD OWN OWN, 2, 0, 1}, /* it should have been advertised */
		{HEAD ADVERTISE, 0, 1, 1},
		{HEAD OWN ADVERTISE "{\"t\":6,\"in\":\"forward\",\"neighbour\":0,\"value\":1}\n", 2, 1, 0},
		{HEAD "{\"t\":6,\"in\":\"forward\",\"neighbour\":0,\"value\":1}\n", 1, 0, 1},
		{HEAD OWN ADVERTISE "{\"t\":6,\"in\"", 1, 1, 0}, /* killed in the middle of a line */
	};
	for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
		struct replay_result r;
		char *error = NULL;
		if (replay(traces[i].text, &r, &error) < 0)
			fail_msg("trace %zu: %s", i, error);
		if (r.calls != traces[i].calls || r.decisions != traces[i].decisions ||
			r.differences != traces[i].differences)
			fail_msg("trace %zu: %u %u %u", i, r.calls, r.decisions, r.differences);
	}
}

static void test_bad_traces(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "empty"},
		{"hello\n", ":1: no JSON object"},
		{"{}\n", ":1: the first line"},
		{OWN, ":1: the first line"},
		{HEAD "{}\n", ":2: neither"},
		{HEAD "{\"t\":5,\"in\":\"dance\",\"neighbour\":0,\"value\":0}\n", ":2: no call `dance`"},
		{HEAD "{\"t\":5,\"in\":\"used\",\"neighbour\":1,\"value\":0}\n", ":2: neighbour 1 of 1"},
		{HEAD "{\"t\":5,\"in\":\"path\",\"neighbour\":0}\n", ":2: a sample without"},
		{HEAD "{\"out\":\"open\"}\n", ":2: a decision without"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct replay_result r;
		char *error = NULL;
		if (replay(bad[i].text, &r, &error) != -1)
			fail_msg("trace %zu was accepted", i);
		if (!strstr(error, bad[i].says))
			fail_msg("trace %zu: %s", i, error);
		free(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_means_of_gaps),
		cmocka_unit_test(test_the_fit),
		cmocka_unit_test(test_same_seed_same_outcome),
		cmocka_unit_test(test_a_device_alone),
		cmocka_unit_test(test_web_by_arithmetic),
		cmocka_unit_test(test_a_kibbutz_saves),
		cmocka_unit_test(test_long_tails),
		cmocka_unit_test(test_the_oracle),
		cmocka_unit_test(test_summary_of_one_class),
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_bad_scenarios),
		cmocka_unit_test(test_score),
		cmocka_unit_test(test_bad_tables),
		cmocka_unit_test(test_figures_are_scenarios),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_bad_traces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
