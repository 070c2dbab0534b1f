/* Provenance: what a number needs to be believed and repeated: kernel, machine, tools, commit, command line,
 * settings. */
#ifndef LIQUIDNET_PROVENANCE_H
#define LIQUIDNET_PROVENANCE_H

#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include "harness/run/run.h"
#include <jansson.h>

/* The whole of provenance.json: the environment (which it takes over), what was planned, and how it was
 * started ("run"). */
json_t *provenance_take(const struct experiment *experiment, const struct plan *plan,
	const struct run_options *options, json_t *environment);
/* What the run depends on besides its inputs: version, kernel, machine, tools, the host's sysctls. Taken
 * before the run changes any of these. The caller owns it. */
json_t *provenance_environment(void);

/* Every program that a planned trial would start is there. -1 and *error names file, line, program and
 * remedy. */
int check_programs(const struct experiment *experiment, const struct plan *plan, char **error);

#endif
