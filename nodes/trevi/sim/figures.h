/* Figures of the simulator. D1.1 has none; these show its claims. */
#ifndef LIQUIDNET_TREVI_SIM_FIGURES_H
#define LIQUIDNET_TREVI_SIM_FIGURES_H

#include <stdint.h>
#include <stdio.h>

/* `incast`: goodput, of what frames can carry, against senders, each transport a curve. -1 with *error: no such figure, or a run failed. */
int trevi_figure(const char *name, FILE *out, uint64_t seed, unsigned runs, uint32_t workers, char **error);

#endif
