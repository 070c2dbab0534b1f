/* Afar, the verdict: whether hosts and the network between them stayed what they were while a trial ran. */
#include "harness/observe/afar.h"
#include "harness/record/verdict.h"
#include <math.h>
#include <string.h>

/* Beyond the first a trial is suspect, beyond the second invalid: docs/hosts.md. */
#define LOST_SUSPECT 0.1   /* of the echo requests */
#define RTT_SUSPECT 0.2    /* of the median's change, and */
#define RTT_SUSPECT_MS 2.0 /* at least so much */
#define RTT_INVALID 1.0
#define RTT_INVALID_MS 10.0
#define LATENESS_SUSPECT_MS 20.0 /* 99th percentile, as here */
#define LATENESS_INVALID_MS 99.0
#define STEAL_SUSPECT_PERCENT 2.0
#define STEAL_INVALID_PERCENT 10.0
#define CLOCK_SUSPECT_MS 100.0 /* besides what is not known of it */
#define CLOCK_INVALID_MS 60000.0
#define CLOCK_SET_MS 2.0
#define CLOCK_SLEW_MS 0.6   /* a second */
#define OTHERS_SUSPECT 0.01 /* of the trial's own bytes */
#define OTHERS_INVALID 0.05
#define OTHERS_LEAST 20000 /* bytes: another login, names that are asked for */

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* A hop that did not answer says nothing. */
static bool same_hops(const json_t *a, const json_t *b)
{
	size_t n = json_array_size(a);
	if (n == 0 || json_array_size(b) == 0)
		return true;
	if (n != json_array_size(b))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *one = json_string_value(json_array_get(a, i)),
			   *other = json_string_value(json_array_get(b, i));
		if (one && other && *one && *other && strcmp(one, other) != 0)
			return false;
	}
	return true;
}

static void judge_lost(json_t *record, const char *name, const json_t *way, const char *when)
{
	double sent = number(way, "sent"), received = number(way, "received");
	if (received <= 0)
		verdict_judge(record, "suspect", "way %s: no echo came back %s the trial", name, when);
	else if (received < sent * (1 - LOST_SUSPECT))
		verdict_judge(record, "suspect", "way %s: %.0f of %.0f echoes came back %s the trial", name,
			received, sent, when);
}

static void judge_way(json_t *record, const char *name, const json_t *way)
{
	const json_t *before = json_object_get(way, "before"), *after = json_object_get(way, "after");
	judge_lost(record, name, before, "before");
	judge_lost(record, name, after, "after");
	double was = number(before, "median_ms"), is = number(after, "median_ms"), change = fabs(is - was);
	double share = was > 0 ? change / was : 0;
	if (was > 0 && is > 0 && share > RTT_SUSPECT && change > RTT_SUSPECT_MS)
		verdict_judge(record, share > RTT_INVALID && change > RTT_INVALID_MS ? "invalid" : "suspect",
			"way %s: the median round trip was %.1f ms before the trial and %.1f ms after", name,
			was, is);
	if (!same_hops(json_object_get(before, "hops"), json_object_get(after, "hops")))
		verdict_judge(record, "suspect", "way %s: it led over other hops after the trial than before",
			name);
}

static void judge_machine(json_t *record, const char *name, const json_t *host)
{
	const json_t *probe = json_object_get(host, "probe"), *machine = json_object_get(host, "machine");
	double late = number(probe, "p99_ms"), steal = number(machine, "steal_percent");
	if (number(probe, "n") <= 0)
		verdict_judge(record, "suspect", "host %s: scheduling lateness was not measured", name);
	else if (late > LATENESS_SUSPECT_MS)
		verdict_judge(record, late > LATENESS_INVALID_MS ? "invalid" : "suspect",
			"host %s: the 99th percentile of scheduling lateness is %.1f ms", name, late);
	if (steal > STEAL_SUSPECT_PERCENT)
		verdict_judge(record, steal > STEAL_INVALID_PERCENT ? "invalid" : "suspect",
			"host %s: %.1f %% of its processors were taken for other guests", name, steal);
	double set = number(machine, "set_ms");
	if (fabs(set) > CLOCK_SET_MS + number(machine, "seconds") * CLOCK_SLEW_MS)
		verdict_judge(record, "invalid", "host %s: the clock that stamps packets was set by %.0f ms",
			name, set);
}

static void judge_clock(json_t *record, const char *name, const json_t *host)
{
	double off = number(host, "clock_ms"), beyond = fabs(off) - number(host, "clock_error_ms");
	if (beyond > CLOCK_SUSPECT_MS)
		verdict_judge(record, beyond > CLOCK_INVALID_MS ? "invalid" : "suspect",
			"host %s: its clock is %.1f s %s this machine's", name, fabs(off) / 1e3,
			off > 0 ? "ahead of" : "behind");
}

/* `trial`: bytes of the trial, at the host that had most of them: one that it does not need has none. */
static void judge_traffic(json_t *record, const char *name, const json_t *traffic, double trial)
{
	double others = number(traffic, "other_bytes");
	if (!json_is_object(traffic)) {
		verdict_judge(record, "invalid", "host %s: the rules that cap its traffic are gone", name);
		return;
	}
	if (others > trial * OTHERS_SUSPECT && others > OTHERS_LEAST)
		verdict_judge(record, others > trial * OTHERS_INVALID ? "invalid" : "suspect",
			"host %s: its interface carried %.0f bytes of others beside %.0f of the trial", name,
			others, trial);
	if (number(traffic, "cut_packets") > 0)
		verdict_judge(record, "invalid",
			"host %s: %.0f packets beyond the inventory's limits were held back", name,
			number(traffic, "cut_packets"));
	if (number(traffic, "stranger_packets") > 0)
		verdict_judge(record, "invalid",
			"host %s: %.0f packets to an address that is not in the inventory were held back",
			name, number(traffic, "stranger_packets"));
}

void afar_judge(json_t *record)
{
	json_t *verdict = json_object_get(record, "verdict"), *one;
	const char *name;
	double trial = 0;
	json_object_foreach(json_object_get(verdict, "hosts"), name, one)
		trial = fmax(trial, number(json_object_get(one, "traffic"), "own_bytes"));
	json_object_foreach(json_object_get(verdict, "hosts"), name, one) {
		judge_machine(record, name, one);
		judge_clock(record, name, one);
		judge_traffic(record, name, json_object_get(one, "traffic"), trial);
	}
	json_object_foreach(json_object_get(verdict, "ways"), name, one)
		judge_way(record, name, one);
}
