/* Switches of the kernel, in a network namespace of the test's: needed, refused, set, put back. */
#include "lib/net/sysctl.h"

#include "tests/unit/check.h"
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "net.ipv4.ip_forward"

static char now(void)
{
	char value = 0;
	int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &value, 1), 1);
	close(fd);
	return value;
}

static int set_up(void **state)
{
	(void)state;
	/* A new namespace may begin with what its machine has. */
	char *error = NULL;
	struct sysctl_switch off = {.name = NAME};
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && sysctl_need(&off, '0', true, &error) == 0 ? 0
													 : 1;
}

static void needed_and_put_back(void **state)
{
	(void)state;
	char *error = NULL;
	struct sysctl_switch first = {.name = NAME}, second = {.name = NAME};
	assert_int_equal(sysctl_need(&first, '1', true, &error), 0);
	assert_int_equal(now(), '1');
	assert_int_equal(first.before, '0');
	/* It is so already: nothing to put back, whoever asks, and whether or not it may set. */
	assert_int_equal(sysctl_need(&second, '1', false, &error), 0);
	assert_int_equal(second.before, 0);
	sysctl_put_back(&second);
	assert_int_equal(now(), '1');
	sysctl_put_back(&first);
	assert_int_equal(now(), '0');
	sysctl_put_back(&first);
}

static void refused_where_it_may_not_set(void **state)
{
	(void)state;
	char *error = NULL;
	struct sysctl_switch sysctl = {.name = NAME};
	assert_int_equal(sysctl_need(&sysctl, '1', false, &error), -1);
	assert_string_equal(error, NAME " is 0 in this network namespace; run `sysctl -w " NAME
					"=1` in it, or write `manage_sysctl: true` in the configuration");
	assert_int_equal(now(), '0');
	assert_int_equal(sysctl.before, 0);
	free(error);
}

static void an_unknown_one(void **state)
{
	(void)state;
	char *error = NULL;
	struct sysctl_switch sysctl = {.name = "net.ipv4.no_such"};
	assert_int_equal(sysctl_need(&sysctl, '1', true, &error), -1);
	assert_string_equal(error, "net.ipv4.no_such: reading it: No such file or directory");
	free(error);
}

static void needs_root(void **state)
{
	(void)state;
	print_message("skipped: needs root for a network namespace\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needed_and_put_back),
		cmocka_unit_test(refused_where_it_may_not_set),
		cmocka_unit_test(an_unknown_one),
	};
	const struct CMUnitTest none[] = {cmocka_unit_test(needs_root)};
	return geteuid() == 0 ? cmocka_run_group_tests(tests, set_up, NULL)
			      : cmocka_run_group_tests(none, NULL, NULL);
}
