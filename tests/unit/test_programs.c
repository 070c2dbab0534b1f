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

#define UNTIL (10 * NS_PER_S)

static const char *const no_needs[] = {NULL};

/* A program of the workload that runs a line of shell; named after the words behind it. */
static struct program shell(const char *name, const char **argv)
{
	return (struct program){
		.name = name, .argv = argv, .needs = (const char **)no_needs, .within_ns = UNTIL};
}

/* Runs a workload, its files in `folder`, with a driver that may be one that has ended. Returns what went wrong, or
 * NULL. */
static char *workload_of(struct program *programs, size_t count, struct process driver)
{
	struct workload workload = {.name = "download", .programs = programs, .programs_count = count};
	const struct experiment experiment = {.workloads = &workload, .workloads_count = 1};
	const struct procedure procedure = {.workload = 0};
	struct place here = place_of_namespace("here", -1);
	struct network network = {.places = &here, .driver = driver};
	struct pool *pool = pool_new();
	struct stage stage;
	char *error = NULL;
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
	int64_t start = clock_now_ns();
	int result = stage_workload(&stage, &error);
	assert_true((result < 0) == (error != NULL));
	assert_true(!error || clock_now_ns() - start < UNTIL / 2); /* by event, not when all is over */
	stage_stop(&stage);
	pool_free(pool);
	for (size_t i = 0; i < count; i++) {
		char path[96];
		snprintf(path, sizeof path, "%s/%s.out", folder, programs[i].name);
		unlink(path);
		snprintf(path, sizeof path, "%s/%s.log", folder, programs[i].name);
		unlink(path);
	}
	return error;
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-programs-XXXXXX");
	begun_count = 0;
	return mkdtemp(folder) && snprintf(orders, sizeof orders, "%s/orders", folder) > 0 &&
			       mkfifo(orders, 0600) == 0
		       ? 0
		       : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(orders);
	return rmdir(folder);
}

/* The first main program becomes ready only after it was told that it has been started. */
static void it_begins_when_the_main_program_is_started(void **state)
{
	(void)state;
	const char *helper[] = {"true", NULL}, *first[] = {"sh", "-c", NULL, NULL},
		   *second[] = {"true", NULL};
	char script[128];
	snprintf(script, sizeof script, "read -r word <%s && echo serving", orders);
	first[2] = script;
	struct program programs[] = {shell("helper", helper), shell("first", first), shell("second", second)};
	programs[0].ends = true;
	programs[1].main = true;
	programs[1].ready = READY_OUTPUT;
	programs[1].ready_text = "serving";
	programs[2].main = true;
	char *error = workload_of(programs, 3, PROCESS_NONE);
	if (error)
		fail_msg("%s", error);
	assert_int_equal(begun_count, 1);
}

/* Cross traffic that could not start; what a main program measured then is no measurement beside cross traffic. */
static void any_program_that_ends_too_soon(void **state)
{
	(void)state;
	const char *cross[] = {"sh", "-c", "sleep 0.2; exit 3", NULL},
		   *gone[] = {"sh", "-c", "sleep 0.2", NULL}, *client[] = {"sh", "-c", "exec sleep 8", NULL};
	char script[128];
	snprintf(script, sizeof script, "read -r word <%s; exec sleep 8", orders);
	client[2] = script;
	struct program programs[] = {shell("cross", cross), shell("client", client)};
	programs[1].main = true;
	char *error = workload_of(programs, 2, PROCESS_NONE);
	assert_string_equal(error, "cross ended with exit status 3 (log: cross.log, output: cross.out)");
	free(error);
	programs[0].ends = true; /* it may end, but not like that */
	error = workload_of(programs, 2, PROCESS_NONE);
	assert_string_equal(error, "cross ended with exit status 3 (log: cross.log, output: cross.out)");
	free(error);
	programs[0] = shell("cross", gone);
	error = workload_of(programs, 2, PROCESS_NONE);
	assert_string_equal(error,
		"cross ended with exit status 0 before the workload did (log: cross.log); one that may says `ends: true`");
	free(error);
}

static void the_networks_driver(void **state)
{
	(void)state;
	const char *client[] = {"sh", "-c", NULL, NULL},
		   *argv[] = {"sh", "-c", "sleep 0.2; kill -9 $$", NULL};
	char script[128], *error = NULL;
	struct process driver;
	struct process_options options = PROCESS_OPTIONS;
	snprintf(script, sizeof script, "read -r word <%s; exec sleep 8", orders);
	client[2] = script;
	options.argv = argv;
	assert_int_equal(process_start(&driver, &options, &error), 0);
	struct program programs[] = {shell("client", client)};
	programs[0].main = true;
	error = workload_of(programs, 1, driver);
	assert_string_equal(
		error, "the network's driver ended during the trial with signal 9 (Killed); see trial.log");
	free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			it_begins_when_the_main_program_is_started, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(any_program_that_ends_too_soon, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_networks_driver, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
