/* Network namespaces: a call in one comes back, a program runs in one, and what is none is not entered. */
#include "lib/net/netns.h"

#include "tests/unit/process_run.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void namespaces_need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* A namespace of its own, held by nothing but its descriptor. -1 where none can be made. */
static int new_namespace(void)
{
	int home = netns_open("/proc/thread-self/ns/net");
	assert_true(home >= 0);
	if (unshare(CLONE_NEWNET) < 0) {
		close(home);
		return -1;
	}
	int other = netns_open_pid(getpid());
	int back = setns(home, CLONE_NEWNET);
	assert_int_equal(back, 0);
	close(home);
	assert_true(other >= 0);
	return other;
}

static ino_t here(void)
{
	struct stat about;
	assert_int_equal(stat("/proc/thread-self/ns/net", &about), 0);
	return about.st_ino;
}

static int note_place(void *context)
{
	*(ino_t *)context = here();
	errno = ENOTUNIQ;
	return 42;
}

static void a_call_in_a_namespace_comes_back(void **state)
{
	(void)state;
	namespaces_need_root();
	struct stat about;
	ino_t home = here(), place = 0;
	int other = new_namespace(), before = descriptors();
	if (other < 0)
		skip();
	assert_int_equal(fstat(other, &about), 0);
	assert_int_equal(fcntl(other, F_GETFD), FD_CLOEXEC);
	assert_true(about.st_ino != home);
	assert_int_equal(netns_call(other, note_place, &place), 42);
	assert_int_equal(errno, ENOTUNIQ); /* the function's, not that of the way back */
	assert_true(place == about.st_ino);
	assert_true(here() == home);
	assert_int_equal(descriptors(), before);
	close(other);
}

static void what_is_no_namespace_is_not_entered(void **state)
{
	ino_t home = here(), place = 0;
	int before = descriptors();
	(void)state;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netns_call(null, note_place, &place), -1);
	assert_true(errno == EINVAL || errno == EPERM);
	assert_true(place == 0 && here() == home);
	close(null);
	assert_int_equal(netns_call(-1, note_place, &place), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(netns_open("/no/such"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(netns_open_pid(0), -1);
	assert_int_equal(descriptors(), before);
}

static void a_program_runs_in_a_namespace(void **state)
{
	struct process_options options =
		program((const char *const[]){"readlink", "/proc/self/ns/net", NULL});
	char expected[64];
	struct stat about;
	(void)state;
	namespaces_need_root();
	int other = new_namespace();
	if (other < 0)
		skip();
	assert_int_equal(fstat(other, &about), 0);
	options.netns_fd = other;
	assert_int_equal(process_run(&options, false, 20000, &output, &error), 0);
	snprintf(expected, sizeof expected, "net:[%lu]\n", (unsigned long)about.st_ino);
	assert_string_equal(output, expected);
	close(other);
}

static void a_namespace_that_is_none_is_an_error(void **state)
{
	struct process_options options = program(SHELL("true"));
	(void)state;
	options.netns_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(process_run(&options, false, 20000, NULL, &error), -1);
	assert_ptr_equal(strstr(error, "sh: namespace: "), error);
	close(options.netns_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_in_a_namespace_comes_back),
		TEST(what_is_no_namespace_is_not_entered),
		TEST(a_program_runs_in_a_namespace),
		TEST(a_namespace_that_is_none_is_an_error),
	};
	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
