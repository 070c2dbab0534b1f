/* Services: programs of the host that an experiment needs for the length of its run, outside every sandbox (a
 * program that brings something into the kernel, say). The harness knows none of them: a service is a command
 * line that says READY on a descriptor, and goes when it is asked to. One that ends during the run is started
 * anew; trials that ran meanwhile do not count. */
#ifndef LIQUIDNET_SERVICE_H
#define LIQUIDNET_SERVICE_H

#include "harness/experiment/experiment.h"
#include "harness/machine/host.h"
#include <jansson.h>

struct services;

/* Starts the experiment's services in their order, each awaited until it is ready. What they print goes to
 * FOLDER/NAME.log (NULL: to standard error). They die with this process; the guardian is told of them. NULL
 * with *error: one did not start, and none is left running. */
struct services *services_start(
	const struct experiment *experiment, const char *folder, struct host *host, char **error);
/* How often a service has ended since the start; *how, where not NULL, tells of the last. */
unsigned services_ended(struct services *services, const char **how);
/* Starts those anew that have ended. -1 and *error: one does not start. */
int services_revive(struct services *services, char **error);
/* {NAME: {"run": [WORD, ...], "version": what the program answers to --version, or null}} */
json_t *services_json(const struct experiment *experiment);
/* Ends them, the last started first. */
void services_stop(struct services *services);

#endif
