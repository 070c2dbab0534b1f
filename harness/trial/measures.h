/* Measures, taken: numbers from what programs print as JSON, from captures, from what links and nodes counted, and
 * from other measures. */
#ifndef LIQUIDNET_MEASURES_H
#define LIQUIDNET_MEASURES_H

#include "harness/trial/evidence.h"

/* Takes every measure of the experiment, in its order, into the record: "measures": {NAME: VALUE}, and of those that
 * have samples "samples": {NAME: [VALUE, ...]}. -1 and *error: one has no value. */
int measures_take(struct evidence *evidence, char **error);

/* The value at a dotted path ("end.sum.bytes", "intervals.0"), or NULL; borrowed. "." is the value itself. */
json_t *measure_path(json_t *value, const char *path);
/* A VALUE or SERIES measure of a parsed document. -1 and *error when it has no such number. */
int measure_value(const struct measure *measure, json_t *document, double *value, char **error);
/* Appends the values of a SAMPLES measure in a parsed document to an array. */
int measure_samples(const struct measure *measure, json_t *document, json_t *samples, char **error);
/* The items of a SERIES measure in a parsed document, in order of time, without those that say of themselves that
 * they do not count (iperf3's `omitted`). *items is owned by the caller; nothing to free on -1, when numbers are
 * missing or two items overlap in time. */
struct measure_item {
	double from, to, amount; /* seconds; amount not scaled */
	bool counts;             /* lies whole in the measure's window */
};
int measure_items(const struct measure *measure, json_t *document, struct measure_item **items, size_t *count,
	char **error);
/* The quantile of an array of numbers: the smallest value that at least so large a share of them does not exceed.
 * NAN: there are none. */
double measure_quantile(const json_t *samples, double quantile);

#endif
