/* Unit: two captures of one link. */
#include "tests/unit/analysis/maker.h"

/* Eleven packets leave A, ten arrive at B 5 ms later (one 9 ms); one comes back. */
static void test_match(void **state)
{
	(void)state;
	struct maker *maker[2] = {maker_new(101), maker_new(1)};
	char *path[2] = {strdup("/tmp/match-XXXXXX"), strdup("/tmp/match-XXXXXX")};
	for (unsigned i = 0; i < 11; i++) {
		data(maker[0], 101 + i * 100, 100, 100000 + i * 1000);
		if (i != 8)
			data(maker[1], 101 + i * 100, 100, 105000 + i * 1000 + (i == 10 ? 4000 : 0));
	}
	ack(maker[1], 1201, 120000);
	ack(maker[0], 1201, 122000);
	for (unsigned i = 0; i < 2; i++) {
		int fd = mkstemp(path[i]);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, maker[i]->bytes, maker[i]->length), (long)maker[i]->length);
		close(fd);
		free(maker[i]);
	}
	const struct analysis_match_options options = {.timeout_s = 1};
	char *error = NULL;
	json_t *result = analysis_match(path[0], path[1], &options, &error);
	assert_non_null(result);
	const json_t *there = get(result, "a_to_b"), *back = get(result, "b_to_a");
	assert_int_equal(number(there, "sent_packets"), 11);
	assert_int_equal(number(there, "lost_packets"), 1);
	assert_int_equal(number(there, "received_packets"), 10);
	assert_time(get(there, "delay"), "min_s", 0.005);
	assert_time(get(there, "delay"), "max_s", 0.009);
	assert_time(there, "queueing_max_s", 0.004);
	assert_int_equal(number(back, "received_packets"), 1);
	assert_time(get(back, "delay"), "mean_s", 0.002);
	json_decref(result);
	for (unsigned i = 0; i < 2; i++) {
		unlink(path[i]);
		free(path[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
