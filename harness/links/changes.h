/* Changes: makes a trial's links what the experiment says they become while the workload runs. A process of
 * its own wakes at each time, so that the trial's own waits for programs are not disturbed; what it did, and
 * when, is shared with the trial. */
#ifndef LIQUIDNET_CHANGES_H
#define LIQUIDNET_CHANGES_H

#include "harness/links/shape.h"
#include <jansson.h>

struct change_log;

struct changer { /* all zero: nothing runs */
	pid_t pid;
	int64_t began_ns;
	const struct shaping *shaping;
	struct change_log *log; /* shared memory */
};

/* Begins now; does nothing where no link changes. */
int changes_start(struct changer *changer, struct shaping *shaping, char **error);
/* Ends it, and writes what happened into the record: "changes": {"planned", "made", "latest_ms", "list":
 * [{"at_s", "made_s", "link", "forward", "reverse"}]} (a ramp's way is counted, not listed). Judges the
 * record: a change that could not be made fails the trial, one that came late (docs/verdict.md) makes it
 * suspect or invalid. True when the machine was too slow for it. Harmless when nothing was started. */
bool changes_end(struct changer *changer, json_t *record);

#endif
