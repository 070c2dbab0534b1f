/* Programs: when the workload is said to have begun. */
#include "harness/trial/programs.h"
#include "harness/trial/ready.h"
#include "lib/base/clock.h"
#include "tests/unit/check.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[32], orders[64];
static int begun_count;

static int begun(void *context, char **error)
{
	(void)context;
	(void)error;
	int fd = open(orders, O_WRONLY | O_CLOEXEC);
	begun_count++;
	return fd >= 0 && write(fd, "go\n", 3) == 3 && close(fd) == 0 ? 0 : -1;
}

/* The first main program becomes ready only after it was told that it has been started. */
static void it_begins_when_the_main_program_is_started(void **state)
{
	(void)state;
	const char *helper[] = {"true", NULL}, *first[] = {"sh", "-c", NULL, NULL},
		   *second[] = {"true", NULL};
	const char *needs[] = {NULL};
	char script[128], *error = NULL;
	strcpy(folder, "/tmp/test-programs-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(orders, sizeof orders, "%s/orders", folder);
	assert_int_equal(mkfifo(orders, 0600), 0);
	snprintf(script, sizeof script, "read -r word <%s && echo serving", orders);
	first[2] = script;
	struct program programs[] = {
		{.name = "helper", .argv = helper, .needs = needs, .within_ns = 10 * NS_PER_S},
		{.name = "first",
			.argv = first,
			.needs = needs,
			.main = true,
			.ready = READY_OUTPUT,
			.ready_text = "serving",
			.within_ns = 10 * NS_PER_S},
		{.name = "second",
			.group = "second",
			.argv = second,
			.needs = needs,
			.main = true,
			.within_ns = 10 * NS_PER_S}};
	struct workload workload = {.name = "download", .programs = programs, .programs_count = 3};
	const struct experiment experiment = {.workloads = &workload, .workloads_count = 1};
	const struct procedure procedure = {.workload = 0};
	struct place here = place_of_namespace("here", -1);
	const struct network network = {.places = &here};
	struct pool *pool = pool_new();
	struct stage stage;
	const struct stage_options options = {.experiment = &experiment,
		.procedure = &procedure,
		.network = &network,
		.folder = folder,
		.scratch = folder,
		.files = folder,
		.seed = "1",
		.deadline_ns = clock_now_ns() + 30 * NS_PER_S};
	stage_init(&stage, pool, &options);
	stage.begun = begun;
	if (stage_workload(&stage, &error) < 0)
		fail_msg("%s", error);
	assert_int_equal(begun_count, 1);
	stage_stop(&stage);
	pool_free(pool);
	unlink(orders);
	for (size_t i = 0; i < 3; i++) {
		char path[96];
		snprintf(path, sizeof path, "%s/%s.out", folder, programs[i].name);
		unlink(path);
		snprintf(path, sizeof path, "%s/%s.log", folder, programs[i].name);
		unlink(path);
	}
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_begins_when_the_main_program_is_started)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
