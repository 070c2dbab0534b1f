/* Unit: what is read: malformed packets, encapsulations, compressed files, filters. */
#include "tests/unit/analysis/maker.h"

static void test_malformed_is_counted(void **state)
{
	(void)state;
	static const uint8_t wrong_dss[] = {30, 5, 0x20, 0x1f, 1}, zero[] = {8, 0, 1, 1},
			     beyond[] = {5, 40, 1, 1};
	struct maker *maker = maker_new(101);
	handshake(maker, 1, 0, NULL, 0);
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 101,
			   .ack = 501,
			   .payload = 10,
			   .options = wrong_dss,
			   .options_length = 5,
			   .at_us = 20000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 111,
			   .ack = 501,
			   .payload = 10,
			   .options = zero,
			   .options_length = 4,
			   .at_us = 21000});
	add(maker, (struct packet){.host = 1,
			   .flags = ACK,
			   .sequence = 121,
			   .ack = 501,
			   .payload = 10,
			   .options = beyond,
			   .options_length = 4,
			   .at_us = 22000});
	static const uint8_t short_ip[] = {0x45, 0, 0, 10, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	frame(maker, short_ip, sizeof short_ip, sizeof short_ip);
	/* The last record lacks its end. */
	data(maker, 131, 10, 23000);
	maker->length--;
	json_t *result = run(maker, NULL);
	assert_int_equal(number(file_of(result), "malformed_options"), 3);
	assert_int_equal(number(file_of(result), "malformed"), 1);
	assert_int_equal(number(file_of(result), "truncated"), 1);
	assert_int_equal(number(get(subflow_of(connection_of(result, 0), 0), "forward"), "unique_bytes"), 30);
	json_decref(result);
}

static void test_no_capture_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "abc", "this is no capture at all", "\xd4\xc3\xb2\xa1 short"};
	const struct analysis_options options = {0};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *error = NULL;
		assert_null(analysis_run_memory(texts[i], strlen(texts[i]), "made", &options, &error));
		assert_non_null(error);
		assert_memory_equal(error, "made: ", 6);
		free(error);
	}
	const char *path = "/nonexistent/capture";
	char *error = NULL;
	assert_null(analysis_run(&path, 1, &options, &error));
	assert_non_null(strstr(error, path));
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_is_counted),
		cmocka_unit_test(test_no_capture_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
