/* Drawings: figures of numbers that are given as JSON, so that what is drawn can be read as well. A figure has `kind`,
 * `title` and `description` (for those who cannot see it), `caption` (text or null), and by its kind:
 *
 *   boxes      axis, rows: [{name, median, q1, q3, low, high, values: [...], published, published_sd}]: box plots, one
 *              above the other; whiskers from low to high; each value as a dot where they are few, else those beyond
 *              the whiskers as circles; what was published as a diamond with its deviation
 *   intervals  axis, labels: "beside" or "above", rows: [{name, value, low, high, published}]: points with intervals;
 *              zero is always in sight
 *   series     step_s, band, lines: [{name, points: [[middle, low, high], ...]}]: throughput over time, a point per step
 *   cdf        axis, log, curves: [{name, points: [[part, value, low, high], ...]}]: the part of the samples that is at
 *              most a value, with a band where both ends of the interval are known; part: what the parts are of
 *   scatter    axis, axis_y, series: [{name, points: [[x, y], ...]}]: dots
 *
 * A number that is null is left out. */
#ifndef LIQUIDNET_DRAWINGS_H
#define LIQUIDNET_DRAWINGS_H

#include "harness/page/figures.h"
#include <jansson.h>

/* Adds a figure to those that are drawn. Returns its index, or FIGURE_NONE when there is nothing to draw (or no memory). */
size_t draw_figure(struct figures *figures, const json_t *figure);

#endif
