/* Verdict: the beginning of a trial's record, and what is said against it. A record is "valid" until somebody
 * gives a reason why it is not. */
#ifndef LIQUIDNET_VERDICT_H
#define LIQUIDNET_VERDICT_H

#include "harness/experiment/plan.h"
#include <jansson.h>

/* A record with what is known before anything ran: which trial it is, the values of its factors, and when it began;
 * status "valid", no reasons. `number` is the trial's in its run, `attempt` counts from 1. The caller owns it. */
json_t *verdict_record(const struct experiment *experiment, const struct planned *planned, unsigned number,
	unsigned attempt);

/* Marks a record "failed", "invalid" or "suspect", whichever is worse than what it says, and adds the reason.
 */
void verdict_judge(json_t *record, const char *status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
