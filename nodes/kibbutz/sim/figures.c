/* Figures 2.14 to 2.16 and Table 2.2 of Trilogy2 D1.1. Figure 2.16 does not say how many devices stream:
 * three here. */
#include "nodes/kibbutz/sim/figures.h"

#include <stdio.h>
#include <string.h>

const char *const figure_names[] = {"2.14", "2.15", "2.16", "table-2.2", NULL};

typedef int scenario_taker(void *context, const char *scenario);

static int devices(scenario_taker *take, void *context)
{
	static const char *const classes[] = {"streaming", "web", "background"};
	char text[64];
	int result = 0;

	for (int c = 0; c < 3; c++)
		for (int n = 1; n <= 10 && result == 0; n++) {
			snprintf(text, sizeof text, "%s:%d", classes[c], n);
			result = take(context, text);
		}
	return result;
}

static int tails(scenario_taker *take, void *context)
{
	char text[64];
	int result = 0;

	for (int n = 1; n <= 3; n++)
		for (int tail = 1; tail <= 30 && result == 0; tail++) {
			snprintf(text, sizeof text, "web:%d tail=%ds", n, tail);
			result = take(context, text);
		}
	return result;
}

static int credits(scenario_taker *take, void *context)
{
	static const int values[] = {1, 2, 3, 5, 7, 10, 15, 20, 30};
	char text[64];
	int result = 0;

	for (size_t i = 0; i < sizeof values / sizeof *values && result == 0; i++) {
		snprintf(text, sizeof text, "streaming:3 length=5min credit=%d", values[i]);
		result = take(context, text);
	}
	return result;
}

static int mixes(scenario_taker *take, void *context)
{
	static const char *const mixed[] = {"background:2", "background+web", "background+streaming", "web:2",
		"web+streaming", "streaming:2", "background+web+streaming"};
	int result = 0;

	for (size_t i = 0; i < sizeof mixed / sizeof *mixed && result == 0; i++)
		result = take(context, mixed[i]);
	return result;
}

int figure_scenarios(const char *name, scenario_taker *take, void *context)
{
	static int (*const figures[])(scenario_taker *, void *) = {devices, tails, credits, mixes};

	for (size_t i = 0; figure_names[i]; i++)
		if (!strcmp(name, figure_names[i]))
			return figures[i](take, context);
	return -1;
}
