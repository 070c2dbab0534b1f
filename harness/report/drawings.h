/* Drawings: what the cells look like, as figures. Each returns the figure's index, or FIGURE_NONE when there
 * is nothing to draw (or no memory). */
#ifndef LIQUIDNET_DRAWINGS_H
#define LIQUIDNET_DRAWINGS_H

#include "harness/report/cells.h"
#include "harness/report/figures.h"

/* The main measure of a configuration by procedure: box plots (quartiles; whiskers to the furthest trial
 * within 1.5 interquartile ranges; circles beyond), each trial as a dot where they are few, the published
 * mean and standard deviation beside. */
size_t draw_boxes(struct figures *figures, const struct cells *cells, size_t configuration);
/* A comparison in every configuration (or with `comparison` NULL all comparisons of `configuration`):
 * overhead with its 95 % interval, and the published one. */
size_t draw_overheads(struct figures *figures, const struct cells *cells, size_t configuration,
	const struct comparison *comparison);
/* The difference of each procedure's mean from the published one, per cent, with its 95 % interval. */
size_t draw_differences(struct figures *figures, const struct cells *cells, size_t configuration);
/* Throughput a subflow of a cell over time: the median over its trials, and the quartiles as a band. */
size_t draw_series(struct figures *figures, const struct cells *cells, const struct cell *cell);

#endif
