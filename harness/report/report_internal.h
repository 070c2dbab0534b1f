/* The parts of a report: each adds what it knows to the object. */
#ifndef LIQUIDNET_REPORT_PARTS_H
#define LIQUIDNET_REPORT_PARTS_H

#include "harness/cells/cells.h"
#include "harness/page/text.h"
#include <jansson.h>

static inline void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static inline void put_text(json_t *object, const char *key, const char *text)
{
	put(object, key, text_json(text));
}

static inline void put_number(json_t *object, const char *key, double value)
{
	put(object, key, text_json_number(value));
}

static inline void put_count(json_t *object, const char *key, size_t count)
{
	put(object, key, json_integer((json_int_t)count));
}

/* report_cells.c: {name, unit, better, less, decimals} of a measure. */
json_t *report_measure(const struct cells *cells, size_t measure, int decimals);
/* report_cells.c: what was measured, beside what was published. */
void report_cells(json_t *report, const struct cells *cells);
void report_overheads(json_t *report, const struct cells *cells);
void report_samples(json_t *report, const struct cells *cells);
/* Whether a procedure or a configuration has a cell that is shown. */
bool report_procedure_shown(const struct cells *cells, size_t procedure);
bool report_configuration_shown(const struct cells *cells, size_t configuration);
/* report_figures.c: lists of figures (drawings.h). */
json_t *report_overhead_figures(const struct cells *cells, bool *by_comparison);
json_t *report_sample_figures(const struct cells *cells, size_t measure);
void report_distributions(json_t *report, const struct cells *cells);
void report_series(json_t *report, const struct cells *cells);
/* report_design.c: the distribution over the points of a design; null without one. */
void report_design(json_t *report, const struct cells *cells);
/* report_about.c: where the numbers come from, and how to make them again. `provenance` may be NULL. */
void report_about(json_t *report, const struct cells *cells, const json_t *provenance);

#endif
