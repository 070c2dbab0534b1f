/* Factors: what makes configurations differ, as columns that any table of trials can have: each factor of the experiment,
 * then each parameter of the topology. */
#ifndef LIQUIDNET_FACTORS_H
#define LIQUIDNET_FACTORS_H

#include "harness/experiment/experiment.h"
#include <jansson.h>

/* One object per configuration, in the experiment's order, all with the same keys in the same order: of a factor the
 * `value` of the configuration's level, or the level's name where it has no value; `value` for a configuration's own;
 * `topology.NAME` for a parameter. null where the configuration has none. A name that is among `taken` (NULL-ended), or
 * `configuration`, is `factor.NAME`. The caller owns it; NULL: out of memory. */
json_t *factors_of(const struct experiment *experiment, const char *const *taken);

#endif
