/* Measures: numbers from what programs print as JSON, from what links counted, and from other measures. */
#ifndef LIQUIDNET_MEASURE_H
#define LIQUIDNET_MEASURE_H

#include "harness/experiment/experiment.h"
#include <jansson.h>

/* The value at a dotted path ("end.sum.bytes", "intervals.0"), or NULL; borrowed. */
json_t *measure_path(json_t *value, const char *path);
/* A VALUE or SERIES measure of a program's JSON output (a file). -1 and *error when the output has no such
 * number. */
int measure_read(const struct measure *measure, const char *output_path, double *value, char **error);
/* A LINK measure, out of the record's `links`. */
int measure_link(const struct measure *measure, json_t *links, double *value, char **error);
/* Adds every SUM measure of the experiment to `values`, which holds all others by name. -1 and *error: a term
 * is missing, or the divisor is 0. */
int measure_sums(const struct experiment *experiment, json_t *values, char **error);
/* The items of a SERIES measure in a parsed document. *items is owned by the caller; nothing to free on -1.
 */
struct measure_item {
	double from, to, amount; /* seconds; amount not scaled */
	bool counts;             /* lies whole in the measure's window */
};
int measure_items(const struct measure *measure, json_t *document, struct measure_item **items, size_t *count,
	char **error);
/* measure_read of a parsed document: pure. */
int measure_take(const struct measure *measure, json_t *document, double *value, char **error);

#endif
