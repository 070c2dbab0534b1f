/* Fuzz: any bytes as a journal of the host's settings: what comes of them is sysctls of networks and values of one line, never another
 * file's name. */
#include "harness/machine/journal.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *key;
	json_t *value, *entries = journal_parse((const char *)data, size);
	json_object_foreach(entries, key, value) {
		expect(strncmp(key, "net.", 4) == 0 && !strstr(key, "..") && !strchr(key, '/'));
		expect(json_is_string(value) && !strchr(json_string_value(value), '\n'));
	}
	json_decref(entries);
	return 0;
}
