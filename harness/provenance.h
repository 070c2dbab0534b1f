/* Provenance: what a number needs to be believed and repeated: kernel, machine, tools, commit, command line,
 * settings. */
#ifndef LIQUIDNET_PROVENANCE_H
#define LIQUIDNET_PROVENANCE_H

#include "harness/experiment.h"
#include "harness/plan.h"
#include <jansson.h>

json_t *provenance_take(
	const struct experiment *experiment, const struct plan *plan, int64_t seed, int argc, char **argv);

/* Every program that a planned trial would start is there. -1 and *error names file, line, program and
 * remedy. */
int check_programs(const struct experiment *experiment, const struct plan *plan, char **error);

#endif
