/* Trial: one run of one procedure in one configuration, inside its sandbox, from network to record. */
#ifndef LIQUIDNET_TRIAL_H
#define LIQUIDNET_TRIAL_H

#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include <jansson.h>

struct trial {
	const struct experiment *experiment;
	const struct planned *planned;
	unsigned number, attempt;
	enum trial_clock clock;
	const char *backend;         /* "auto" or a name */
	const struct proofs *proofs; /* of back ends, prove.h */
	const char *const
		*hosts;   /* sockets of hosts' agents, lab.h; NULL: the nodes are namespaces of the sandbox */
	const char *root; /* project folder */
	const char *files; /* where the experiment's files are */
	char folder[4096]; /* for its files; visible inside the sandbox under the same name */
};

/* The body of the trial's sandbox: runs it and writes its record, one line of JSON, to report_fd. Returns 0
 * when a record was written, whatever it says. `context` is the trial. */
int trial_body(void *context, int report_fd);

#endif
