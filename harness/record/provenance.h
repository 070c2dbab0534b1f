/* Provenance: what a number needs to be believed and repeated: kernel, machine, tools, commit, command line,
 * settings. */
#ifndef LIQUIDNET_PROVENANCE_H
#define LIQUIDNET_PROVENANCE_H

#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include <jansson.h>

/* The whole of provenance.json: the environment, what was planned, the command line (a list of words), and how
 * to start the same run again ("run"). It takes over all three. */
json_t *provenance_take(const struct experiment *experiment, const struct plan *plan, json_t *command,
	json_t *run, json_t *environment);
/* What the run depends on besides its inputs: version, kernel, machine, tools, the host's sysctls. Taken
 * before the run changes any of these. The caller owns it. */
json_t *provenance_environment(void);
/* Of that, what the kernel says: "kernel", "machine", "host_sysctls". */
json_t *provenance_kernel(void);

#endif
