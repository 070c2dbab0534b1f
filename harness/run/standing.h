/* Standing: what the trials that have ended say so far, while others still run: verdicts, and the mean of each procedure.
 * For the line on the terminal; tables are made from the records (harness/cells). */
#ifndef LIQUIDNET_STANDING_H
#define LIQUIDNET_STANDING_H

#include "harness/experiment/experiment.h"
#include "harness/record/records.h"
#include <jansson.h>

struct standing;

/* The experiment must outlive it. NULL: out of memory; the functions take that, and say nothing. */
struct standing *standing_new(const struct experiment *experiment);
void standing_free(struct standing *standing);
/* A trial has ended: `value` is its main measure (NAN: it has none), which counts where the status does. */
void standing_add(struct standing *standing, size_t configuration, size_t procedure, enum trial_status status,
	double value);
/* All trials of a file of records, in the order in which they ended. */
void standing_add_records(struct standing *standing, const struct records *records);
/* "11 valid, 1 suspect; loss-1: end-to-end 5.21, split 7.90 Mbit/s": the means are of the configuration whose trial ended
 * last, and its name stands there when there are several. "" before the first end. Returns the buffer. */
const char *standing_text(const struct standing *standing, char *buffer, size_t size);
/* {"verdicts": {"valid": N, ...}, "unit": TEXT, "means": [{"configuration", "procedure", "n", "mean"}, ...]}: cells that
 * have a value. The caller owns it. */
json_t *standing_json(const struct standing *standing);

#endif
