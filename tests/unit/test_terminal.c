/* Terminal: lines are drawn again, in colours, where somebody sees them and has not said otherwise. */
#include "tests/unit/check.h"
#include <fcntl.h>

#include "lib/base/terminal.h"
#include <stdlib.h>
#include <unistd.h>

static void a_terminal_unless_it_is_dumb_or_plain_is_wanted(void **state)
{
	(void)state;
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	FILE *out = fopen(ptsname(master), "w");
	assert_non_null(out);
	unsetenv("TERM");
	unsetenv("NO_COLOR");
	assert_true(terminal_draws(out));
	assert_true(terminal_colors(out));
	setenv("TERM", "xterm", 1);
	setenv("NO_COLOR", "", 1);
	assert_true(terminal_colors(out));
	setenv("NO_COLOR", "1", 1);
	assert_true(terminal_draws(out));
	assert_false(terminal_colors(out));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(terminal_draws(out));
	assert_false(terminal_colors(out));
	fclose(out);
	close(master);
}

static void not_a_file_nor_memory(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *files[] = {tmpfile(), open_memstream(&text, &size)};

	setenv("TERM", "xterm", 1);
	for (size_t i = 0; i < 2; i++) {
		assert_non_null(files[i]);
		assert_false(terminal_draws(files[i]));
		fclose(files[i]);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_unless_it_is_dumb_or_plain_is_wanted),
		cmocka_unit_test(not_a_file_nor_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
