/* Collect: the slices of a sweep as one results folder, which report, compare and bundle take as any other. */
#ifndef LIQUIDNET_COLLECT_H
#define LIQUIDNET_COLLECT_H

#include "harness/run/sweep.h"

struct collected {
	char folder[4200];     /* SWEEP/collected */
	size_t trials, slices; /* records, and the slices that they come from */
	size_t machines;       /* kernels and processors that differ */
};

/* Puts the records of all slices that have any into SWEEP/collected, anew, also while the sweep goes on. -1 with *error
 * that names a folder and the difference: a slice of another plan, version, option, experiment file, trace or design, or a
 * trial that is in two slices. */
int collect_slices(const struct sweep *sweep, struct collected *collected, char **error);

#endif
