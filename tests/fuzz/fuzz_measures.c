/* Fuzz: any JSON as what a program has printed, through each kind of measure that reads it: a number, a series, samples, a quantile. What
 * comes out is finite, or an error of one line. The first byte chooses the measure. */
#include "harness/trial/measures.h"
#include <math.h>
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

static const struct measure measures[] = {
	{.name = "v", .kind = MEASURE_VALUE, .path = "end.sum.bytes", .scale = 8e-6},
	{.name = "v", .kind = MEASURE_VALUE, .path = ".", .scale = 1},
	{.name = "i", .kind = MEASURE_VALUE, .path = "intervals.1.sum", .scale = 1},
	{.name = "s",
		.kind = MEASURE_SERIES,
		.path = "intervals",
		.from = "sum.start",
		.to = "sum.end",
		.amount = "sum.bytes",
		.window = {0.9, 10.1},
		.windowed = true,
		.scale = 8e-6},
	{.name = "s",
		.kind = MEASURE_SERIES,
		.path = "intervals",
		.from = "f",
		.to = "t",
		.amount = "b",
		.window = {0, 1e9},
		.windowed = true,
		.scale = 1},
	{.name = "q", .kind = MEASURE_SAMPLES, .path = "flows", .scale = 1},
	{.name = "q",
		.kind = MEASURE_SAMPLES,
		.path = "flows",
		.amount = "s",
		.from = "f",
		.window = {1, 9},
		.windowed = true,
		.scale = 1000},
};

static void read_items(const struct measure *m, json_t *document)
{
	struct measure_item *items = NULL;
	size_t count = 0;
	char *error = NULL;
	if (measure_items(m, document, &items, &count, &error) == 0) {
		for (size_t i = 0; i < count; i++)
			expect(!isnan(items[i].from) && !isnan(items[i].to) && !isnan(items[i].amount));
		free(items);
	} else {
		expect(error && !strchr(error, '\n'));
	}
	free(error);
}

static void read_samples(const struct measure *m, json_t *document)
{
	json_t *samples = json_array();
	char *error = NULL;
	if (measure_samples(m, document, samples, &error) == 0) {
		double low = measure_quantile(samples, 0.1), high = measure_quantile(samples, 0.9);
		expect(json_array_size(samples) == 0 ? isnan(low) && isnan(high) : low <= high);
	} else {
		expect(error && !strchr(error, '\n'));
	}
	json_decref(samples);
	free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct measure *m = &measures[data[0] % (sizeof measures / sizeof *measures)];
	json_t *document = json_loadb((const char *)data + 1, size - 1, 0, NULL);
	char *error = NULL;
	double value = 0;
	if (!document)
		return 0;
	if (m->kind == MEASURE_SERIES)
		read_items(m, document);
	if (m->kind == MEASURE_SAMPLES)
		read_samples(m, document);
	else if (measure_value(m, document, &value, &error) < 0)
		expect(error && !strchr(error, '\n'));
	free(error);
	json_decref(document);
	return 0;
}
