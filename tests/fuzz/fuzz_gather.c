/* Fuzz: any bytes as what the slices of a sweep left, which `collect` puts together: provenance and records of one after the other, with a NUL between
 * any two. What was taken can be read again, and every trial is of one slice. */
#include "harness/run/gather.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

/* The bytes up to the next NUL; *data and *size are what follows. */
static size_t next(const uint8_t **data, size_t *size, const uint8_t **part)
{
	const uint8_t *end = memchr(*data, 0, *size);
	size_t length = end ? (size_t)(end - *data) : *size;

	*part = *data;
	*data += length + (end ? 1 : 0);
	*size -= length + (end ? 1 : 0);
	return length;
}

static FILE *stream(const uint8_t *part, size_t length)
{
	/* fmemopen refuses a size of 0. */
	FILE *in = length ? fmemopen((void *)part, length, "r") : fopen("/dev/null", "re");

	expect(in != NULL);
	return in;
}

/* Slices in the order in which they were met, each with its number and a machine that is known. */
static void check(const char *text, const struct gather *gather)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		json_t *record = json_loadb(line, strcspn(line, "\n"), 0, NULL);
		const char *machine = json_string_value(json_object_get(record, "machine"));
		bool known = false;
		json_t *one;
		size_t i;
		expect(record && machine && json_is_integer(json_object_get(record, "slice")));
		json_array_foreach(gather_machines(gather), i, one)
			known |= strcmp(json_string_value(json_object_get(one, "name")), machine) == 0;
		expect(known);
		json_decref(record);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gather *gather = gather_new();
	char *text = NULL, *error = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int result = 0;

	expect(out != NULL);
	for (unsigned slice = 0; size && result == 0 && slice < 4; slice++) {
		const uint8_t *part;
		size_t part_size = next(&data, &size, &part);
		json_t *provenance = json_loadb((const char *)part, part_size, 0, NULL);
		part_size = next(&data, &size, &part);
		if (!provenance)
			break;
		FILE *in = stream(part, part_size);
		result = gather_slice(gather, slice, "slice", provenance, &error);
		if (result == 0)
			result = gather_records(gather, in, out, &error);
		fclose(in);
		json_decref(provenance);
	}
	fclose(out);
	if (result == 0)
		check(text, gather);
	else
		expect(error && !strchr(error, '\n'));
	free(text);
	free(error);
	gather_free(gather);
	return 0;
}
