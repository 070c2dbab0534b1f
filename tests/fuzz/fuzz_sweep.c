/* Fuzz: any bytes as the sweep.json of a folder, as `sweep --resume`, `--status` and `collect` read it. */
#include "harness/run/sweep.h"
#include <stdint.h>
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
	struct sweep sweep = {.file = json_loadb((const char *)data, size, 0, NULL)};
	char *error = NULL;

	if (!sweep.file)
		return 0;
	if (sweep_read(&sweep, &error) == 0) {
		/* Whoever goes on from here loops over slices, and starts programs with these words. */
		expect(sweep.slices >= 1 && sweep.slices <= SWEEP_SLICES_MAX);
		expect(sweep.selection.trials <= SWEEP_SLICES_MAX);
		expect(*json_string_value(json_object_get(sweep.file, "file")) != '-');
		json_t *common = sweep_common(json_object_get(sweep.file, "run"));
		expect(json_object_size(common) == 6);
		json_decref(common);
	} else
		expect(error && !strchr(error, '\n'));
	free(error);
	json_decref(sweep.file);
	return 0;
}
