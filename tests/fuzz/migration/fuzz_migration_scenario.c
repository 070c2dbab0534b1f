/* A scenario of `liquidnet sim migration` and of liquidnet-attach, and a place: any text gives one, or one line; what is accepted has a plan. */
#include "nodes/migration/pages.h"
#include "nodes/migration/site.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario scenario;
	struct site place;
	struct copy_plan plan;
	double values[PAGES_MEASURES];
	char *error = NULL, *text = strndup((const char *)data, size);

	int result = scenario_parse(&scenario, text, &error);
	if ((result < 0) != (error != NULL) || (error && strchr(error, '\n')))
		abort();
	if (result == 0) {
		copy_plan(&scenario.copy, NULL, NULL, &plan);
		if (!(plan.total_s >= plan.downtime_s) || !isfinite(plan.total_s) ||
			plan.rounds > scenario.copy.rounds)
			abort();
		/* Page by page where it takes a moment. */
		if (scenario.copy.ram < SMALL && scenario.copy.dirty_bps <= scenario.copy.rate_bps)
			pages_run(&scenario, 1, values, NULL);
	}
	free(error);
	error = NULL;
	result = site_parse(&place, text, &error);
	if ((result < 0) != (error != NULL) || (error && strchr(error, '\n')))
		abort();
	free(error);
	free(text);
	return 0;
}
