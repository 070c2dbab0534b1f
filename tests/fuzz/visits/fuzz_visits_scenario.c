/* A scenario of `liquidnet sim channel-switching`: any text gives one, or one line; what is accepted can be simulated for a moment. */
#include "nodes/visits/sim/client.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOMENT 20000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario scenario;
	double values[CLIENT_MEASURES];
	char *error = NULL, *text = strndup((const char *)data, size);

	int result = scenario_parse(&scenario, text, &error);
	if ((result < 0) != (error != NULL) || (error && strchr(error, '\n')))
		abort();
	if (result == 0) {
		scenario.duration_ns = MOMENT;
		scenario.warmup_ns = 0;
		scenario.window = scenario.window < 16 ? scenario.window : 16;
		for (unsigned i = 0; i < scenario.count; i++)
			scenario.points[i].window =
				scenario.points[i].window < 16 ? scenario.points[i].window : 16;
		/* Air that carries a packet in no time carries any number of them in a moment. */
		if (scenario.overhead_ns >= 10000 && client_run(&scenario, 1, values, NULL) < 0)
			abort();
	}
	free(text);
	free(error);
	return 0;
}
