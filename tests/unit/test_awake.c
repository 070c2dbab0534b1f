/* Awake: the kernel says what latency it grants; nothing is left of the hold when it is closed. */
#include "harness/machine/awake.h"
#include "tests/unit/check.h"
#include <fcntl.h>
#include <unistd.h>

static int32_t granted_us(int fd)
{
	int32_t us = -1;
	assert_int_equal(pread(fd, &us, sizeof us, 0), sizeof us);
	return us;
}

static void polls_while_held(void **state)
{
	(void)state;
	int other = open("/dev/cpu_dma_latency", O_RDONLY | O_CLOEXEC);
	if (other < 0) {
		assert_int_equal(awake_hold(), -1);
		assert_false(awake_serves());
		skip();
	}
	int32_t before = granted_us(other);
	if (before == 0) {
		print_message(
			"skipped: somebody else keeps the processors awake: /dev/cpu_dma_latency is 0 before\n");
		close(other);
		skip();
	}
	if (access("/sys/devices/system/cpu/cpuidle/current_driver", F_OK) < 0)
		assert_false(awake_serves());
	awake_serves();
	assert_int_equal(granted_us(other), before);
	int held = awake_hold();
	assert_int_equal(granted_us(other), 0);
	close(held);
	assert_int_equal(granted_us(other), before);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(polls_while_held)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
