/* A design's file: any text is either refused with one line, or is a design whose values are in range, and which reads the
 * same after it was written. */
#include "lib/design/design.h"

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
	struct pool *pool = pool_new();
	char *error = NULL, *text = NULL;
	size_t length = 0;
	struct design *design = design_parse(pool, "fuzz", (const char *)data, size, &error);
	expect((design == NULL) == (error != NULL) && !(error && strchr(error, '\n')));
	free(error);
	if (design) {
		expect(design->count > 0 && design->columns_count > 0);
		for (size_t i = 0; i < design->count * design->columns_count; i++)
			expect(design->values[i] <= DESIGN_UNIT);
		design->head = "";
		FILE *out = open_memstream(&text, &length);
		design_write(out, design);
		fclose(out);
		struct design *again = design_parse(pool, "again", text, length, &error);
		expect(again && again->count == design->count &&
			again->columns_count == design->columns_count);
		expect(memcmp(again->values, design->values,
			       design->count * design->columns_count * sizeof *design->values) == 0);
		free(text);
	}
	pool_free(pool);
	return 0;
}
