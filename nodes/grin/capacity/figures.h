/* Figures: every point of figure 3.5, and the quantities that the text's sentences are about. */
#ifndef LIQUIDNET_GRIN_CAPACITY_FIGURES_H
#define LIQUIDNET_GRIN_CAPACITY_FIGURES_H

#include "nodes/grin/traffic.h"
#include <stdint.h>

enum { DEGREE_FIRST = 2, DEGREE_LAST = 6, DEGREES = DEGREE_LAST - DEGREE_FIRST + 1 };

/* OPTIMUM_*: capacity_optimum with 1 and 2 cables, and without restriction. FILL8_*, FILL16_*: capacity_filling with 1, 2, 3 cables. */
enum point {
	OPTIMUM_1,
	OPTIMUM_2,
	OPTIMUM_FREE,
	FILL8_1,
	FILL8_2,
	FILL8_3,
	FILL16_1,
	FILL16_2,
	FILL16_3,
	POINTS
};
extern const char *const point_names[POINTS + 1];

struct figures {
	/* Means over levels and instances; NaN where nothing was asked for. */
	double mean[DEGREES][TRAFFIC_PATTERNS][POINTS];
	/* The greatest quotient of two-hop over one-hop optimum, and of unrestricted over two-hop, among the patterns' levels (means of instances). */
	double gain[DEGREES], beyond[DEGREES];
};

/* Computes degrees first to last with so many instances of each pattern's levels (seeds from `seed` on): permutation 10, 30, 50, 70 %, group 5, 20, 60,
 * all-to-all 10, 20, 30 %, random 10, 40, 70, 100 %; 6 racks of 20. -1 with *error. */
int figures_run(struct figures *figures, unsigned first, unsigned last, unsigned instances, uint64_t seed,
	char **error);
/* Over the patterns. */
double figures_mean(const struct figures *figures, unsigned degree, enum point point);

#endif
