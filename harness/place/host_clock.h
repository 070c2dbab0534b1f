/* A host's clock beside this machine's, asked over its agent's connection. */
#ifndef LIQUIDNET_HOST_CLOCK_H
#define LIQUIDNET_HOST_CLOCK_H

#include "harness/place/place.h"

/* By how much it is ahead, in ms, by the quickest of some exchanges; right to *error_ms, half of what that took. -1 and
 * *error. */
int host_clock(const struct place *place, double *ahead_ms, double *error_ms, char **error);

#endif
