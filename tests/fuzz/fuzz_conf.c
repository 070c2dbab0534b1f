/* Fuzz: any bytes as a configuration are either refused with one line that names file and line, or are a tree
 * whose nodes say consistently who they are; the typed getters take or refuse whatever stands there, and what
 * they take is within the bounds that were asked for. */
#include "lib/base/conf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
	if (!truth)
		abort();
}

/* An error is one line, `NAME:LINE: what`; it is freed here. */
static void check_error(char *error)
{
	static const char name[] = "fuzz.yaml:";
	char *end;
	expect(error != NULL);
	expect(strncmp(error, name, sizeof name - 1) == 0);
	unsigned long line = strtoul(error + sizeof name - 1, &end, 10);
	expect(line > 0 && strncmp(end, ": ", 2) == 0 && end[2]);
	for (const char *c = error; *c; c++)
		expect((unsigned char)*c >= ' ' && *c != 0x7f);
	free(error);
}

/* Every getter on one key of a mapping. */
static void get(const struct conf_node *map, const char *key)
{
	const char *text = NULL;
	int64_t integer = 7;
	uint64_t rate = 7;
	double number = 7, fraction = 7;
	bool truth = false;
	char *error = NULL;
#define TRY(call, good)                                                                                      \
	do {                                                                                                 \
		if ((call) == 0)                                                                             \
			expect(!error && (good));                                                            \
		else                                                                                         \
			check_error(error);                                                                  \
		error = NULL;                                                                                \
	} while (0)
	TRY(conf_string(map, key, NULL, &text, &error), text != NULL);
	TRY(conf_need_string(map, key, &text, &error), text != NULL);
	TRY(conf_integer(map, key, -1000, 1000, 0, &integer, &error), integer >= -1000 && integer <= 1000);
	TRY(conf_integer(map, key, INT64_MIN, INT64_MAX, 0, &integer, &error), true);
	TRY(conf_number(map, key, -1e300, 1e300, 0, &number, &error), isfinite(number));
	TRY(conf_bool(map, key, false, &truth, &error), true);
	TRY(conf_rate(map, key, 1, 1000000000, 1, &rate, &error), rate >= 1 && rate <= 1000000000);
	TRY(conf_duration(map, key, 0, INT64_MAX, 0, &integer, &error), integer >= 0);
	TRY(conf_fraction(map, key, 0, &fraction, &error), fraction >= 0 && fraction <= 1);
#undef TRY
}

static void walk(const struct conf_node *node, unsigned depth)
{
	static const char *const known[] = {"rate", "delay", "paths", NULL};
	size_t count = 0;
	char *error = NULL;
	expect(depth <= 64 && node->line > 0 && strcmp(node->file, "fuzz.yaml") == 0);
	expect((node->type == CONF_SCALAR) == (node->value != NULL));
	for (const struct conf_node *child = conf_first(node); child; child = child->next) {
		expect(child->parent == node);
		expect((node->type == CONF_MAPPING) == (child->key != NULL));
		expect((child->key != NULL) == (child->key_line > 0));
		/* The search from the start is as long as the mapping: of a large one its head is enough. */
		if (child->key && count < 64) {
			expect(conf_child(node, child->key) == child); /* else a key twice was let through */
			get(node, child->key);
		}
		walk(child, depth + 1);
		count++;
	}
	expect(count == node->children);
	if (conf_only(node, known, &error) < 0)
		check_error(error);
	else
		expect(!error && count <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error = NULL;
	struct conf *conf = conf_parse("fuzz.yaml", (const char *)data, size, &error);
	if (!conf) {
		check_error(error);
		return 0;
	}
	expect(!error);
	walk(conf_root(conf), 0);
	conf_free(conf);
	return 0;
}
