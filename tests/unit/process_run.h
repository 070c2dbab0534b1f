/* What the tests that run programs share: a shell's script, what it said, and descriptors that none of them may leave open. */
#ifndef LIQUIDNET_PROCESS_RUN_H
#define LIQUIDNET_PROCESS_RUN_H

#include "lib/base/process.h"
#include "tests/unit/check.h"
#include <fcntl.h>
#include <stdlib.h>

#define SHELL(script) ((const char *const[]){"sh", "-c", (script), NULL})

static char *output, *error;

static inline int set_up(void **state)
{
	(void)state;
	output = error = NULL;
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	free(output);
	free(error);
	return 0;
}

static inline struct process_options program(const char *const *argv)
{
	struct process_options options = PROCESS_OPTIONS;
	options.argv = argv;
	return options;
}

static inline int run(const char *script)
{
	struct process_options options = program(SHELL(script));
	free(output);
	output = NULL;
	return process_run(&options, false, 20000, &output, &error);
}

/* Number of open descriptors of this process. */
static inline int descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
