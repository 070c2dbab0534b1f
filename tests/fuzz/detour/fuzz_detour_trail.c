/* Fuzz: a line of the trail. What is read is written as a line that reads the same, within its room. */
#include "nodes/detour/trail.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trail_record record, again;
	uint8_t hash[TRAIL_HASH];
	char line[TRAIL_LINE + 2 * TRAIL_HASH + 2], second[TRAIL_LINE];
	if (!trail_parse((const char *)data, size, &record, hash))
		return 0;
	size_t length = trail_format(&record, line);
	if (length >= TRAIL_LINE)
		abort();
	memset(line + length, '0', 2 * TRAIL_HASH + 1);
	line[length] = ' ';
	if (!trail_parse(line, length + 2 * TRAIL_HASH + 1, &again, hash) ||
		trail_format(&again, second) != length || memcmp(line, second, length) != 0)
		abort();
	return 0;
}
