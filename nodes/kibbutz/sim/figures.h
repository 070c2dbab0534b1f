/* The figures of the Kibbutz's simulation as lists of scenarios: what is on the horizontal axis, curve by
 * curve. */
#ifndef LIQUIDNET_SIM_FIGURES_H
#define LIQUIDNET_SIM_FIGURES_H

#include <stddef.h>

/* Calls take(context, text) with each scenario of figure `name` ("2.14", "2.15", "2.16", "table-2.2"). -1
 * when there is no such figure, or what take returned first that was not 0. */
int figure_scenarios(const char *name, int (*take)(void *context, const char *scenario), void *context);
/* Their names, NULL-ended. */
extern const char *const figure_names[];
#endif
