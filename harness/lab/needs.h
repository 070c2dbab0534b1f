/* Needs: what a plan asks of this machine. */
#ifndef LIQUIDNET_NEEDS_H
#define LIQUIDNET_NEEDS_H

#include "harness/experiment/plan.h"

/* Every program that a planned trial would start is there. -1 and *error names file, line, program and
 * remedy. */
int needs_check(const struct experiment *experiment, const struct plan *plan, char **error);

#endif
