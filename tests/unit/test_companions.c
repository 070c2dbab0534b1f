/* Traces are part of what was run: where they may lie, that each run keeps them, and that a changed one is
 * noticed. */
#include "harness/experiment/companions.h"
#include "tests/unit/check.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <unistd.h>

static char folder[64];

static const char *at(const char *name)
{
	static char path[4][128];
	static int next;
	char *into = path[next++ % 4];
	snprintf(into, sizeof path[0], "%s/%s", folder, name);
	return into;
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(at(name), "we");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	char name[] = "/tmp/test-traces-XXXXXX", real[PATH_MAX];
	(void)state;
	if (!mkdtemp(name) || !realpath(name, real) || strlen(real) >= sizeof folder)
		return -1;
	strcpy(folder, real);
	if (mkdir(at("here"), 0755) < 0 || mkdir(at("here/traces"), 0755) < 0 || mkdir(at("run"), 0755) < 0)
		return -1;
	put("here/try.yaml", "");
	put("here/traces/a", "1\n2\n");
	put("here/losses", "0 1");
	put("elsewhere", "1\n2\n");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {"here/try.yaml", "here/traces/a", "here/traces", "here/losses",
		"here", "elsewhere", "run/traces/a", "run/traces", "run/losses", "run"};
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		remove(at(files[i]));
	return rmdir(folder);
}

/* Reads `text` as a SHAPE of here/try.yaml. */
static char *read_beside(const char *text)
{
	struct shape shape = {0};
	char *error = NULL;
	struct conf *conf = conf_parse(at("here/try.yaml"), text, strlen(text), &error);
	assert_non_null(conf);
	assert_int_equal(shape_read(conf_root(conf), &shape, &error), 0);
	int result = companions_beside(conf_root(conf), &shape, &error);
	assert_int_equal(result, error ? -1 : 0);
	conf_free(conf);
	return error;
}

static void they_lie_beside(void **state)
{
	(void)state;
	assert_null(read_beside("opportunities: traces/a"));
	assert_null(read_beside("{opportunities: ./traces/../traces/a, loss: {trace: losses}}"));
	char *error = read_beside("opportunities: ../elsewhere");
	assert_non_null(strstr(error, "here/try.yaml:1: a trace lies beside"));
	free(error);
}

static void each_run_keeps_them(void **state)
{
	(void)state;
	struct link_change change = {0};
	struct link_shape link = {.changes = &change, .changes_count = 1};
	struct configuration configuration = {.links = &link};
	struct topology topology = {.links_count = 1};
	char path[128];
	struct experiment e = {.path = strcpy(path, at("here/try.yaml")),
		.topology = &topology,
		.configurations = &configuration,
		.configurations_count = 1};
	char *error = NULL;
	strcpy(link.direction[1].opportunities, at("here/traces/a"));
	strcpy(change.direction[0].loss_trace, at("here/losses"));
	assert_int_equal(companions_copy(&e, at("run"), &error), 0);
	assert_true(companions_equal(at("here/traces/a"), at("run/traces/a")));
	assert_true(companions_equal(at("here/losses"), at("run/losses")));
	assert_int_equal(companions_copy(&e, at("run"), &error), 0);
	assert_int_equal(companions_check_copies(&e, at("run"), &error), 0);
	put("here/losses", "0 0");
	assert_int_equal(companions_check_copies(&e, at("run"), &error), -1);
	assert_non_null(strstr(error, "losses has changed"));
	free(error);
}

static void what_they_hold_counts(void **state)
{
	(void)state;
	assert_true(companions_equal("", ""));
	assert_true(companions_equal(at("elsewhere"), at("here/traces/a")));
	assert_false(companions_equal(at("elsewhere"), at("here/losses")));
	assert_false(companions_equal(at("elsewhere"), ""));
	assert_false(companions_equal(at("elsewhere"), at("nowhere")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_lie_beside),
		cmocka_unit_test(what_they_hold_counts),
		cmocka_unit_test(each_run_keeps_them),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
