/* What a guest of virtual time is told: it comes out as it went in, and damaged files are refused. */
#include "tests/unit/check.h"
#include "vm/virtual/job.c" // what it tests: the program is no library

static char path[] = "/tmp/liquidnet-job-XXXXXX";

static void comes_back(void **state)
{
	(void)state;
	char *outs[] = {"/a folder", NULL}, *command[] = {"sh", "-c", "", "line\nbreak", NULL},
	     *environment[] = {"A=1", "EMPTY=", NULL};
	struct virtual_job job = {.directory = "/",
		.outs = outs,
		.command = command,
		.environment = environment,
		.interactive = true};
	static struct virtual_job back; /* what it holds lives as long as the process */
	assert_int_equal(virtual_job_write(path, &job), 0);
	assert_int_equal(virtual_job_read(path, &back), 0);
	assert_true(back.interactive);
	assert_string_equal(back.directory, "/");
	assert_string_equal(back.outs[0], "/a folder");
	assert_null(back.outs[1]);
	for (int i = 0; command[i]; i++)
		assert_string_equal(back.command[i], command[i]);
	assert_null(back.command[4]);
	assert_string_equal(back.environment[1], "EMPTY=");
	assert_null(back.environment[2]);
}

/* Every shorter file is refused, and so are counts that it cannot hold. */
static void damage_is_refused(void **state)
{
	(void)state;
	char *none[] = {NULL}, *command[] = {"true", NULL}, *environment[] = {"A=1", NULL};
	struct virtual_job job = {.directory = "/tmp",
				   .outs = none,
				   .command = command,
				   .environment = environment},
			   back;
	assert_int_equal(virtual_job_write(path, &job), 0);
	struct stat about;
	assert_int_equal(stat(path, &about), 0);
	for (off_t size = about.st_size - 1; size >= 0; size--) {
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(virtual_job_read(path, &back), -1);
	}
	static const char huge[] = "0\0/\0"
				   "99999999999999999999\0";
	int fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, huge, sizeof(huge)), (ssize_t)sizeof(huge));
	close(fd);
	assert_int_equal(virtual_job_read(path, &back), -1);
	assert_int_equal(virtual_job_read("/nonexistent", &back), -1);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(comes_back), cmocka_unit_test(damage_is_refused)};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
