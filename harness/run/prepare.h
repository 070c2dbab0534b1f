/* Prepare: what an experiment changes on the host before its services and trials: the sysctls under `host`, and the permission to use the
 * congestion controls that it names. All is journalled, and put back by host_close or the guardian. */
#ifndef LIQUIDNET_PREPARE_H
#define LIQUIDNET_PREPARE_H

#include "harness/experiment/experiment.h"
#include "harness/machine/host.h"

/* Whether there is anything to be done before services start. */
bool prepare_needed(const struct experiment *e);
/* -1 with *error: the kernel lacks a setting, or a congestion control that no service brings. */
int prepare_host(struct host *host, const struct experiment *e, char **error);

#endif
