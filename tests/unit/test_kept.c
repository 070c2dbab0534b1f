/* Proofs of earlier runs: those of this boot and program come back, others do not, and what was not kept is tried anew. */
#include "harness/links/kept.h"
#include "tests/unit/check.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct shape_backend wheel = {.name = "wheel"}, other = {.name = "other"};
static const struct shape fast = {.rate_bps = 10000000, .queue_packets = 50, .delay_ns = 5000000},
			  slow = {.rate_bps = 1000000, .queue_packets = 50};

static struct proofs *wanted(void)
{
	struct proofs *proofs = proofs_new();
	proofs_setting(proofs, &wheel, &fast);
	proofs_setting(proofs, &wheel, &slow);
	proofs_setting(proofs, &other, &fast);
	return proofs;
}

static void kept_proofs_come_back(void **state)
{
	char folder[] = "/tmp/test-kept-XXXXXX", path[64], below[80];
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/run", folder);
	snprintf(below, sizeof below, "%s/proofs.jsonl", path);
	struct proofs *first = wanted();
	kept_recall(first, below); /* no file yet */
	assert_int_equal(first->items[0].proof.attempts, 0);
	first->items[0].proof =
		(struct proof){.shape = fast, .attempts = 2, .kept = true, .packets = 700, .p99_us = 12};
	first->items[1].proof = (struct proof){.shape = slow, .attempts = 4, .why = "late"};
	kept_add(first, below);
	kept_add(first, below);
	struct proofs *second = wanted();
	kept_recall(second, below);
	assert_true(second->items[0].proof.kept && second->items[0].proof.earlier);
	assert_int_equal(second->items[0].proof.attempts, 1);
	assert_int_equal(second->items[0].proof.packets, 700);
	assert_true(second->items[0].proof.p99_us == 12);
	assert_int_equal(second->items[1].proof.attempts, 0);
	assert_int_equal(second->items[2].proof.attempts, 0); /* another back end */
	json_t *json = proof_json(&second->items[0].proof);
	assert_true(json_is_true(json_object_get(json, "earlier")));
	json_decref(json);
	/* What came from the file is not written again. */
	struct stat before, after;
	stat(below, &before);
	kept_add(second, below);
	stat(below, &after);
	assert_int_equal(before.st_size, after.st_size);
	proofs_free(first);
	proofs_free(second);
	unlink(below);
	rmdir(path);
	rmdir(folder);
}

static void strange_lines_are_passed_over(void **state)
{
	char path[] = "/tmp/test-kept-XXXXXX";
	(void)state;
	int fd = mkstemp(path);
	dprintf(fd,
		"no json\n[]\n{}\n{\"here\": \"another boot 1-1.0\", \"backend\": \"wheel\", \"shape\": \"x\"}\n{\"here\": 5");
	close(fd);
	struct proofs *proofs = wanted();
	kept_recall(proofs, path);
	for (size_t i = 0; i < proofs->count; i++)
		assert_int_equal(proofs->items[i].proof.attempts, 0);
	proofs_free(proofs);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_proofs_come_back),
		cmocka_unit_test(strange_lines_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
