/* Ready: waiting until a program serves. */
#ifndef LIQUIDNET_READY_H
#define LIQUIDNET_READY_H

#include "harness/experiment/experiment.h"
#include "harness/place/place.h"
#include "lib/base/process.h"

enum { PROGRAM_SAID = 320 };

/* What a program said last, for the reason of its end: ": LINE" of its log in `folder` (NULL: it has none), or "". */
void program_said(const struct program *program, const char *folder, char text[PROGRAM_SAID]);

/* Waits by the program's own rule: a word on `ready_fd`, a listening port in the namespace, a line in its
 * output. 0 when it is ready (at once for a program without a rule); -1 and *error when it ended first or the
 * deadline passed. `folder`: its log's; NULL: it has none. */
int ready_await(const struct program *program, struct process *process, int ready_fd,
	const struct place *place, const char *output, const char *folder, int64_t deadline_ns, char **error);

#endif
