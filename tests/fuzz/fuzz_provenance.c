/* Fuzz: any JSON as a run's provenance.json, as `run --resume` and `rerun` read it: how the run was started, and how its environment
 * differs from another, which is shown on a terminal. Two documents, with a NUL between them. */
#include "harness/page/text.h"
#include "harness/record/differences.h"
#include "harness/run/run.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

enum { LINES = 50 };

/* A null is as if it were not there. */
static int has_null(const json_t *value)
{
	const char *key;
	json_t *member;
	json_object_foreach((json_t *)value, key, member) {
		if (json_is_null(member) || has_null(member))
			return 1;
	}
	return 0;
}

static void show(const json_t *then, const json_t *now)
{
	char *lines[LINES] = {0};
	size_t count = differences_list(then, now, lines, LINES);
	expect(json_equal((json_t *)then, (json_t *)now) == (count == 0) || !json_is_object(then) ||
		has_null(then) || has_null(now));
	for (size_t i = 0; i < LINES; i++) {
		char *plain = lines[i] ? text_plain(lines[i]) : NULL;
		for (const char *at = plain; at && *at; at++)
			expect((unsigned char)*at >= 0x20 && *at != 0x7f);
		free(plain);
		free(lines[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *middle = memchr(data, 0, size);
	size_t first = middle ? (size_t)(middle - data) : size, second = middle ? size - first - 1 : 0;
	json_t *then = json_loadb((const char *)data, first, 0, NULL),
	       *now = second ? json_loadb((const char *)middle + 1, second, 0, NULL) : json_object();
	struct run_options options = {0};
	char *error = NULL;
	if (then && resume_options(&options, then, "folder", &error) < 0)
		expect(error && !strchr(error, '\n'));
	if (then && now)
		show(json_object_get(then, "environment"), now);
	free(error);
	json_decref(then);
	json_decref(now);
	return 0;
}
