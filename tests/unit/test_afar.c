/* Afar, the verdict: each signal on either side of its thresholds, on records as hosts give them. */
#include "harness/observe/afar.h"
#include "harness/record/verdict.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <string.h>

static const char good[] =
	"{\"status\": \"valid\", \"reasons\": [], \"verdict\": {\"hosts\": {\"client\": {\"clock_ms\": 3.0, \"clock_error_ms\": 1.0,"
	" \"probe\": {\"n\": 900, \"p99_ms\": 0.3}, \"machine\": {\"seconds\": 10, \"steal_percent\": 0.1, \"set_ms\": 0.5},"
	" \"traffic\": {\"own_bytes\": 10000000, \"other_bytes\": 30000, \"cut_packets\": 0, \"stranger_packets\": 0}},"
	" \"detour\": {\"clock_ms\": 0.0, \"clock_error_ms\": 1.0,"
	" \"probe\": {\"n\": 900, \"p99_ms\": 0.3}, \"machine\": {\"seconds\": 10}, \"traffic\": {\"own_bytes\": 0, \"other_bytes\": 90000}}},"
	" \"ways\": {\"client-server\": {\"before\": {\"sent\": 20, \"received\": 20, \"median_ms\": 62.0, \"hops\": [\"10.0.0.1\", \"\", \"10.0.0.9\"]},"
	" \"after\": {\"sent\": 20, \"received\": 19, \"median_ms\": 66.0, \"hops\": [\"10.0.0.1\", \"10.0.0.5\", \"10.0.0.9\"]}}}}}";

static json_t *record(void)
{
	json_t *r = json_loads(good, 0, NULL);
	assert_non_null(r);
	return r;
}

/* The value at PLACE/KEY/KEY of the verdict. */
static void put(json_t *r, const char *path, json_t *value)
{
	json_t *at = json_object_get(r, "verdict");
	char copy[128], *rest = NULL, *key, *next;
	snprintf(copy, sizeof copy, "%s", path);
	for (key = strtok_r(copy, "/", &rest); (next = strtok_r(NULL, "/", &rest)); key = next)
		at = json_object_get(at, key);
	assert_int_equal(json_object_set_new(at, key, value), 0);
}

static void judged(const char *path, json_t *value, const char *status, const char *reason)
{
	json_t *r = record();
	put(r, path, value);
	afar_judge(r);
	const char *is = json_string_value(json_object_get(r, "status"));
	const char *why = json_string_value(json_array_get(json_object_get(r, "reasons"), 0));
	if (strcmp(is, status) != 0 || !strstr(why ? why : "", reason))
		fail_msg("%s: %s (%s), not %s (%s)", path, is, why ? why : "", status, reason);
	json_decref(r);
}

static void quiet_hosts_are_valid(void **state)
{
	(void)state;
	json_t *r = record();
	afar_judge(r);
	assert_string_equal(json_string_value(json_object_get(r, "status")), "valid");
	json_decref(r);
}

static void clocks(void **state)
{
	(void)state;
	judged("hosts/client/clock_ms", json_real(99), "valid", "");
	judged("hosts/client/clock_ms", json_real(-150), "suspect",
		"host client: its clock is 0.1 s behind this machine's");
	judged("hosts/client/clock_ms", json_real(3600000), "invalid",
		"host client: its clock is 3600.0 s ahead of");
	judged("hosts/client/machine/set_ms", json_real(-50), "invalid", "was set by -50 ms");
}

static void machines(void **state)
{
	(void)state;
	judged("hosts/client/probe/p99_ms", json_real(30), "suspect", "lateness is 30.0 ms");
	judged("hosts/client/probe/p99_ms", json_real(100), "invalid", "lateness is 100.0 ms");
	judged("hosts/client/probe/n", json_integer(0), "suspect", "was not measured");
	judged("hosts/client/machine/steal_percent", json_real(5), "suspect", "5.0 % of its processors");
	judged("hosts/client/machine/steal_percent", json_real(20), "invalid", "20.0 % of its processors");
}

static void traffic(void **state)
{
	(void)state;
	judged("hosts/detour/traffic/other_bytes", json_integer(200000), "suspect",
		"host detour: its interface carried 200000 bytes of others");
	judged("hosts/client/traffic/other_bytes", json_integer(900000), "invalid",
		"900000 bytes of others beside 10000000");
	judged("hosts/client/traffic/cut_packets", json_integer(1), "invalid",
		"beyond the inventory's limits");
	judged("hosts/client/traffic/stranger_packets", json_integer(2), "invalid",
		"2 packets to an address that is not in the inventory");
	judged("hosts/client/traffic", json_null(), "invalid", "are gone");
}

static void ways(void **state)
{
	(void)state;
	judged("ways/client-server/after/median_ms", json_real(73), "valid", "");
	judged("ways/client-server/after/median_ms", json_real(80), "suspect",
		"62.0 ms before the trial and 80.0 ms after");
	judged("ways/client-server/after/median_ms", json_real(130), "invalid", "130.0 ms after");
	judged("ways/client-server/after/received", json_integer(17), "suspect",
		"17 of 20 echoes came back after");
	judged("ways/client-server/before/received", json_integer(0), "suspect", "no echo came back before");
	judged("ways/client-server/after/hops", json_pack("[s, s, s]", "10.0.0.2", "", "10.0.0.9"), "suspect",
		"other hops");
	judged("ways/client-server/after/hops", json_pack("[s, s]", "10.0.0.1", "10.0.0.9"), "suspect",
		"other hops");
	judged("ways/client-server/after/hops", json_array(), "valid", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(quiet_hosts_are_valid), cmocka_unit_test(clocks),
		cmocka_unit_test(machines), cmocka_unit_test(traffic), cmocka_unit_test(ways)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
