/* Folders: made with what lacks above, kept when they are there, refused by name. */
#include "lib/base/folders.h"
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	return status.st_mode & 07777;
}

static void made_with_what_lacks_above(void **state)
{
	char top[] = "/tmp/test-folders.XXXXXX", path[64], between[64], file[64], *error = NULL;
	(void)state;
	umask(022);
	assert_non_null(mkdtemp(top));
	snprintf(between, sizeof between, "%s/a", top);
	snprintf(path, sizeof path, "%s/a/b", top);
	assert_int_equal(folders_make(path, 0700, &error), 0);
	assert_int_equal(mode_of(between), 0755);
	assert_int_equal(mode_of(path), 0700);
	/* One that is there stays as it is. */
	assert_int_equal(folders_make(between, 0700, &error), 0);
	assert_int_equal(mode_of(between), 0755);
	assert_null(error);

	snprintf(file, sizeof file, "%s/a/b/file/c", top);
	file[strlen(file) - 2] = '\0';
	fclose(fopen(file, "w"));
	file[strlen(file)] = '/';
	assert_int_equal(folders_make(file, 0700, &error), -1);
	assert_non_null(strstr(error, file));
	free(error);

	file[strlen(file) - 2] = '\0';
	unlink(file);
	rmdir(path);
	rmdir(between);
	rmdir(top);
}

static void names_that_are_none(void **state)
{
	char *error = NULL, longest[5000];
	(void)state;
	assert_int_equal(folders_make("", 0700, &error), -1);
	assert_string_equal(error, "`` is no directory's name");
	free(error);
	error = NULL;
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(folders_make(longest, 0700, &error), -1);
	assert_non_null(error);
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_with_what_lacks_above), cmocka_unit_test(names_that_are_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
