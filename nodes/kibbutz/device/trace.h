/* The event trace: the policy's inputs and its answers in order, one JSON object per line.
 * `liquidnet sim kibbutz --replay FILE` gives the same input to the same policy and compares the answers;
 * nodes/kibbutz/daemons.md has the form. */
#ifndef LIQUIDNET_KIBBUTZ_TRACE_H
#define LIQUIDNET_KIBBUTZ_TRACE_H

#include "nodes/kibbutz/policy.h"

struct trace; /* NULL traces nothing */

/* NULL with *error when the file cannot be made. The first line holds the settings and the number of
 * neighbours. */
struct trace *trace_open(
	const char *path, const struct kibbutz_settings *settings, unsigned neighbours, char **error);
void trace_close(struct trace *trace);
/* A call of the policy: "own" (neighbour < 0), "heard", "forward", "used". `value`: heard's duration,
 * forward's answer. */
void trace_call(struct trace *trace, int64_t now, const char *call, int neighbour, int64_t value);
void trace_path(struct trace *trace, int64_t now, unsigned neighbour, const struct kibbutz_sample *sample);
void trace_tick(struct trace *trace, int64_t now);
void trace_action(struct trace *trace, const struct kibbutz_action *action);
#endif
