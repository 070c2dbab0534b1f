/* The provider's watchdog without a network: which subflows lose their precedence, and when they get it back.
 */
#include "nodes/kibbutz/provider/settings.h"
#include "nodes/kibbutz/provider/watch.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>

#define S 1000000000LL

struct changes {
	int count;
	uint16_t port;
	bool backup;
};

static void take(void *context, const struct survey_subflow *subflow, bool backup)
{
	struct changes *changes = context;
	changes->count++;
	changes->port = subflow->remote.port;
	changes->backup = backup;
}

static struct survey_subflow subflow(uint32_t token, uint16_t port, bool backup_theirs)
{
	return (struct survey_subflow){.token = token,
		.remote.port = port,
		.backup_theirs = backup_theirs,
		.unacked = 5,
		.ssthresh = INT32_MAX,
		.window = 20};
}

static struct changes look(struct watch *watch, int64_t now, const struct survey_subflow *list, size_t count)
{
	struct changes changes = {0};
	watch_look(watch, now, list, count, take, &changes);
	return changes;
}

static void test_a_poor_path_loses_precedence(void **state)
{
	(void)state;
	struct watch *watch = watch_new(&KIBBUTZ_SETTINGS);
	struct survey_subflow list[] = {
		subflow(1, 100, true), subflow(1, 200, false), subflow(2, 300, false)};
	size_t poor;
	assert_int_equal(look(watch, 0, list, 3).count, 0);
	list[1].timeouts = 1;
	struct changes c = look(watch, 1 * S, list, 3);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.port, 200);
	assert_true(c.backup);
	assert_int_equal(look(watch, 2 * S, list, 3).count, 0); /* told once */
	assert_int_equal(watch_count(watch, &poor), 2);
	assert_int_equal(poor, 1);
	list[1].timeouts = 0;
	assert_int_equal(look(watch, 4 * S, list, 3).count, 0);
	c = look(watch, 5 * S, list, 3);
	assert_true(c.count == 1 && c.port == 200 && !c.backup);
	watch_free(watch);
}

/* There is nothing to prefer to the only path; when another comes, there is. */
static void test_the_only_path_stays(void **state)
{
	(void)state;
	struct watch *watch = watch_new(&KIBBUTZ_SETTINGS);
	struct survey_subflow list[] = {subflow(1, 200, false), subflow(1, 100, true)};
	list[0].timeouts = 3;
	assert_int_equal(look(watch, 0, list, 1).count, 0);
	assert_int_equal(look(watch, 1 * S, list, 2).count, 1);
	watch_free(watch);
}

static void test_the_devices_own_link_is_not_watched(void **state)
{
	(void)state;
	struct watch *watch = watch_new(&KIBBUTZ_SETTINGS);
	struct survey_subflow list[] = {subflow(1, 100, true), subflow(1, 200, true)};
	size_t poor;
	list[0].timeouts = list[1].timeouts = 5;
	assert_int_equal(look(watch, 0, list, 2).count, 0);
	assert_int_equal(watch_count(watch, &poor), 0);
	watch_free(watch);
}

static void test_what_is_gone_is_forgotten(void **state)
{
	(void)state;
	struct watch *watch = watch_new(&KIBBUTZ_SETTINGS);
	struct survey_subflow list[40];
	size_t poor;
	for (uint16_t i = 0; i < 40; i++)
		list[i] = subflow(i / 2, i, false);
	look(watch, 0, list, 40);
	assert_int_equal(watch_count(watch, &poor), 40);
	look(watch, 1 * S, list + 10, 7);
	assert_int_equal(watch_count(watch, &poor), 7);
	look(watch, 2 * S, NULL, 0);
	assert_int_equal(watch_count(watch, &poor), 0);
	watch_free(watch);
}

/* A predecessor has demoted it: that is known, and taken back. */
static void test_an_inherited_wish(void **state)
{
	(void)state;
	struct watch *watch = watch_new(&KIBBUTZ_SETTINGS);
	struct survey_subflow list[] = {subflow(1, 200, false), subflow(1, 100, true)};
	list[0].backup_ours = true;
	struct changes c = look(watch, 0, list, 2);
	assert_true(c.count == 1 && c.port == 200 && !c.backup);
	watch_free(watch);
}

static void test_settings(void **state)
{
	(void)state;
	char *error = NULL;
	struct settings *s = provider_settings_parse(
		"a", "watchdog: {enabled: false, timeouts: 2, window: 4, well: 1s}\n", &error);
	assert_non_null(s);
	assert_false(s->policy.watchdog);
	assert_int_equal(s->policy.timeouts, 2);
	assert_int_equal(s->count, 0);
	provider_settings_free(s);
	assert_null(provider_settings_parse("a", "watchdog: {timeouts: 0}\n", &error));
	assert_non_null(strstr(error, "a:1:"));
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_poor_path_loses_precedence),
		cmocka_unit_test(test_the_only_path_stays),
		cmocka_unit_test(test_the_devices_own_link_is_not_watched),
		cmocka_unit_test(test_what_is_gone_is_forgotten),
		cmocka_unit_test(test_an_inherited_wish),
		cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
