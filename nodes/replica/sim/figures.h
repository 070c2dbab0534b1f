/* The three figures of D1.4 that are arithmetic: what the policy's functions give, as CSV; the tests look at the same numbers. */
#ifndef LIQUIDNET_C3_FIGURES_H
#define LIQUIDNET_C3_FIGURES_H

#include "nodes/replica/chooser.h"
#include <stdio.h>

/* Figure 3.23: three clients send four requests each, all at once, to two servers that take 4 and 10 ms a request: when is the
 * last one served? By a selection that knows the servers' times (c3) or not (lor). Milliseconds. */
double figure_burst(enum selection select);
/* The least that any assignment of those twelve can take: 36. (D1.4 says 32, which eight requests at the faster server would take; the other
 * four take 40 then.) */
double figure_burst_best(void);
/* Figure 3.25: the queue of the faster server (4 ms) at which it scores as one of 20 ms with a queue of 20, b = 1 or 3. */
double figure_equal_queue(double exponent);
/* Figure 3.26: how long the rate stays within `width` of the saturation rate, ms: 100 ("a saddle of 100 ms") for half a request, where the
 * rate, rounded, is the saturation rate. */
double figure_saddle(double saturation, double width);

extern const char *const c3_figures[]; /* "3.23", "3.25", "3.26", NULL */
/* -1: no such figure. */
int figure_print(const char *name, FILE *out);

#endif
