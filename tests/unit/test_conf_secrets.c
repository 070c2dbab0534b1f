/* Configurations that name files with keys, and what can be a name. */
#include "lib/base/conf.h"
#include "tests/unit/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key that others may read is no secret any more. */
static void secrets(void **state)
{
	char path[] = "/tmp/test-conf-XXXXXX", text[64], *error = NULL;
	const char *found;
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0);
	snprintf(text, sizeof text, "a: 1\nkey: %s\n", path);
	struct conf *conf = conf_parse("t.yaml", text, strlen(text), NULL);
	assert_int_equal(conf_need_secret(conf_root(conf), "key", &found, &error), 0);
	assert_string_equal(found, path);
	for (mode_t bit = 1; bit <= 040; bit <<= 1) {
		assert_int_equal(fchmod(fd, 0600 | bit), 0);
		assert_int_equal(conf_need_secret(conf_root(conf), "key", &found, &error), -1);
		assert_non_null(strstr(error, "t.yaml:2: key: others may read /tmp/test-conf-"));
		free(error);
		error = NULL;
		assert_int_equal(conf_need_file(conf_root(conf), "key", &found, &error), 0);
	}
	conf_free(conf);
	close(fd);
	unlink(path);
}

static void names(void **state)
{
	static const char *const good[] = {"a", "0", "p-1_x.y", "0.5"}, *const bad[] = {"", ".", "..", "-a",
										"_a", "a/b", "a b", "a\n",
										"\xc3\xa4"};
	char longest[66];
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(name_good(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(name_good(bad[i]));
	memset(longest, 'a', sizeof longest);
	longest[65] = 0;
	assert_false(name_good(longest));
	assert_true(name_good(longest + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(secrets), cmocka_unit_test(names)};
	return cmocka_run_group_tests_name("conf_secrets", tests, NULL, NULL);
}
