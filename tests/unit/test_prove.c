/* The trials of back ends: one that cannot even be installed loses its links to the next, and the run goes on. The back ends here
 * are made up; the sandbox and its network are real. Needs root. */
#include "harness/links/proof.h"
#include "harness/links/prove.c"
#include "harness/links/shape.h"
#include "harness/machine/sandbox.h"
#include "tests/unit/check.h"

static bool yes(void)
{
	return true;
}

static bool no(void)
{
	return false;
}

static const char *nothing(const struct shape *shape)
{
	(void)shape;
	return NULL;
}

static int fails(struct shaping *shaping, char **error)
{
	(void)shaping;
	return error_set(error, "link p1a: HTB: No such file or directory");
}

const struct shape_backend shape_netem = {.name = "netem", .available = no};
const struct shape_backend shape_wheel = {
	.name = "wheel", .on_trial = true, .available = yes, .refuses = nothing, .install = fails};
const struct shape_backend shape_link = {.name = "link", .available = yes, .refuses = nothing};

static void what_cannot_be_installed_goes_to_the_next(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct topology_link link = {.name = "core"};
	const struct topology topology = {.name = "one", .links = &link, .links_count = 1};
	const struct link_shape shape = {.shaped = true,
		.direction = {{.rate_bps = 10000000, .queue_packets = 100}, {.delay_ns = 5 * NS_PER_MS}}};
	const struct shape_backend *chosen;
	struct proofs *proofs = proofs_new();
	char *error = NULL;
	assert_int_equal(proofs_add(proofs, &topology, &shape, "auto", &error), 0);
	assert_int_equal(proofs->count, 2);
	assert_ptr_equal(proofs->items[0].backend, &shape_wheel);
	assert_int_equal(proofs_run(proofs, &error), 0);
	for (int k = 0; k < 2; k++) {
		const char *why = proofs_refusal(proofs, &shape_wheel, &shape.direction[k]);
		assert_non_null(why);
		assert_non_null(strstr(why, "HTB: No such file"));
		assert_int_equal(proofs->items[k].proof.attempts, ATTEMPTS);
	}
	assert_int_equal(shape_choose(&topology, &shape, "auto", proofs, &chosen, &error), 0);
	assert_ptr_equal(chosen, &shape_link);
	/* Who asks for it by name is told. */
	assert_int_equal(shape_choose(&topology, &shape, "wheel", proofs, &chosen, &error), -1);
	assert_non_null(strstr(error, "HTB: No such file"));
	free(error);
	proofs_free(proofs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_cannot_be_installed_goes_to_the_next)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
