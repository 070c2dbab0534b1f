/* Changer: what it did is noted, and what came late is said to whoever decides how many trials run. */
#include "tests/unit/check.h"
#include <stdio.h>

#include "harness/links/changes.c"

static char status[16];

void verdict_judge(json_t *record, const char *worse, const char *format, ...)
{
	(void)record;
	(void)format;
	snprintf(status, sizeof status, "%s", worse);
}

int shape_change(struct shaping *shaping, size_t link, int direction, const struct shape *shape, char **error)
{
	(void)shaping;
	(void)link;
	(void)direction;
	(void)shape;
	(void)error;
	return 0;
}

/* Changes at 1 and at 2 s, of which so many were made, the last one so late; the workload took so long. */
static bool late(size_t made, double last_ms_late, double lasted_s, const char *failure)
{
	static struct topology_link the_link = {.name = "core"};
	static const struct topology topology = {.links_count = 1, .links = &the_link};
	static const struct network network = {.topology = &topology};
	static struct link_change changes[] = {{.at_ns = NS_PER_S}, {.at_ns = 2 * NS_PER_S}};
	static const struct link_shape shape = {.shaped = true, .changes = changes, .changes_count = 2};
	struct shaping shaping = {.network = &network, .links = &shape};
	struct change_log *log = calloc(1, log_size(2));
	struct changer changer = {.shaping = &shaping, .log = log};
	json_t *record = json_object();
	log->planned = 2;
	log->made = made;
	for (size_t i = 0; i < made; i++)
		log->made_ns[i] = changes[i].at_ns + NS_PER_MS;
	if (made)
		log->made_ns[made - 1] = changes[made - 1].at_ns + (int64_t)(last_ms_late * 1e6);
	snprintf(log->failure, sizeof log->failure, "%s", failure);
	snprintf(status, sizeof status, "valid");
	bool result = write_record(&changer, (int64_t)(lasted_s * 1e9), record);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(record, "changes"), "made")), made);
	json_decref(record);
	free(log);
	return result;
}

static void what_came_late_is_said(void **state)
{
	(void)state;
	assert_false(late(2, 1, 3, ""));
	assert_string_equal(status, "valid");
	assert_true(late(2, 30, 3, ""));
	assert_string_equal(status, "suspect");
	assert_true(late(2, 300, 3, ""));
	assert_string_equal(status, "invalid");
	assert_true(late(1, 1, 3, ""));
	assert_string_equal(status, "invalid");
	assert_false(late(1, 1, 1.5, "")); /* its time had not come */
	assert_string_equal(status, "valid");
	assert_false(late(1, 1, 3, "no such link")); /* no fault of the machine's */
	assert_string_equal(status, "failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_came_late_is_said)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
