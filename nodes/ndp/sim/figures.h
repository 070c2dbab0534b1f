/* The published figures, point by point: which scenarios make each, and what is drawn of them. */
#ifndef LIQUIDNET_NDP_SIM_FIGURES_H
#define LIQUIDNET_NDP_SIM_FIGURES_H

#include <stdint.h>
#include <stdio.h>

/* Prints a figure as CSV, a point a line: 3.12 to 3.22 of Trilogy2 D1.4; S.14, S.16, S.20, S.21 of SIGCOMM 2017; `sizes`, ours: completion
 * against size for all transports. -1 with *error: no such figure (then *error lists them), or a run failed. */
int figure_print(const char *name, FILE *out, uint64_t seed, unsigned runs, uint32_t workers, char **error);

#endif
