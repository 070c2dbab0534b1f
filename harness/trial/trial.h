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
	const char *backend;         /* "auto" or a name */
	const struct proofs *proofs; /* of back ends, prove.h */
	const char *root;            /* project folder */
	char folder[4096];           /* for its files; visible inside the sandbox under the same name */
};

/* The body of the trial's sandbox: runs it and writes its record, one line of JSON, to report_fd. Returns 0
 * when a record was written, whatever it says. `context` is the trial. */
int trial_body(void *context, int report_fd);

/* A record with what is known before anything ran (and for a trial that never reported): status "failed" and
 * the reason if one is given. The caller owns it. */
json_t *trial_record(const struct trial *trial, const char *failure);

/* Marks a record "failed", "invalid" or "suspect", whichever is worse than what it says, and adds the reason.
 */
void trial_judge(json_t *record, const char *status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
