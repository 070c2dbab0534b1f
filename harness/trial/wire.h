/* Wire: whether the captures and counters of a trial show what its procedure promises, and what they measure.
 */
#ifndef LIQUIDNET_WIRE_H
#define LIQUIDNET_WIRE_H

#include "harness/experiment/experiment.h"
#include "harness/trial/agreement.h"
#include <jansson.h>

/* Checks a trial. `captures`: paths by capture index; `counters`: of counters_read. Adds to `record`:
 * "subflows", the values of capture measures under "measures", and for each broken promise a reason (status
 * "failed"). The curve of the capture whose measure must agree with another goes to *delivery (.steps owned
 * by the caller, also on failure). -1 and *error only when a capture cannot be read. */
int wire_check(const struct experiment *experiment, const struct procedure *procedure,
	const char *const *captures, json_t *counters, json_t *record, struct delivery *delivery,
	char **error);

#endif
