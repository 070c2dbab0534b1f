/* Traces of delivery opportunities and of losses: any text gives a trace in order, or one line. */
#include "lib/link/trace.h"

#include <stdlib.h>
#include <string.h>

static void check(struct trace *trace, char *error, int rising)
{
	if ((trace == NULL) != (error != NULL) || (error && strchr(error, '\n')))
		abort();
	for (size_t i = 0; trace && i < trace->count; i++)
		if (rising ? i && trace->items[i] < trace->items[i - 1] : trace->items[i] > 1)
			abort();
	if (trace && trace->count == 0)
		abort();
	trace_free(trace);
	free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error = NULL;
	struct trace *trace = trace_parse_opportunities("fuzz", (const char *)data, size, &error);
	check(trace, error, 1);
	error = NULL;
	trace = trace_parse_losses("fuzz", (const char *)data, size, &error);
	check(trace, error, 0);
	return 0;
}
