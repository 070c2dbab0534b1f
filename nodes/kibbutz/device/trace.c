/* Writing the event trace. A full disk ends the trace, not the daemon. */
#include "nodes/kibbutz/device/trace.h"
#include "lib/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace {
	FILE *out;
};

struct trace *trace_open(
	const char *path, const struct kibbutz_settings *s, unsigned neighbours, char **error)
{
	struct trace *trace = calloc(1, sizeof *trace);

	if (!trace)
		abort();
	trace->out = fopen(path, "we");
	if (!trace->out) {
		error_set(error, "trace: %s: %s", path, strerror(errno));
		free(trace);
		return NULL;
	}
	fprintf(trace->out,
		"{\"neighbours\":%u,\"profile\":\"%s\",\"credit\":%u,\"period_ns\":%" PRId64
		",\"longest_ns\":%" PRId64 ",\"slack_ns\":%" PRId64 ",\"tie_ns\":%" PRId64
		",\"seed\":%" PRId64
		",\"watchdog\":%s,\"timeouts\":%u,\"window\":%u,\"dead\":%u,\"well_ns\":%" PRId64
		",\"disbelief_ns\":%" PRId64 "}\n",
		neighbours, kibbutz_profile_name(s->profile), s->credit, s->period_ns, s->longest_ns,
		s->slack_ns, s->tie_ns, (int64_t)s->seed, s->watchdog ? "true" : "false", s->timeouts,
		s->window, s->dead, s->well_ns, s->disbelief_ns);
	return trace;
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	fclose(trace->out);
	free(trace);
}

void trace_call(struct trace *trace, int64_t now, const char *call, int neighbour, int64_t value)
{
	if (trace)
		fprintf(trace->out,
			"{\"t\":%" PRId64 ",\"in\":\"%s\",\"neighbour\":%d,\"value\":%" PRId64 "}\n", now,
			call, neighbour, value);
}

void trace_path(struct trace *trace, int64_t now, unsigned neighbour, const struct kibbutz_sample *s)
{
	if (trace)
		fprintf(trace->out,
			"{\"t\":%" PRId64
			",\"in\":\"path\",\"neighbour\":%u,\"busy\":%s,\"timeouts\":%u,\"ssthresh\":%u,\"window\":%u}\n",
			now, neighbour, s->busy ? "true" : "false", s->timeouts, s->ssthresh, s->window);
}

void trace_tick(struct trace *trace, int64_t now)
{
	trace_call(trace, now, "tick", -1, 0);
}

void trace_action(struct trace *trace, const struct kibbutz_action *action)
{
	if (!trace)
		return;
	fprintf(trace->out, "{\"out\":\"%s\",\"neighbour\":%u,\"duration_ns\":%" PRId64 ",\"backup\":%s}\n",
		kibbutz_action_name(action->kind), action->neighbour, action->duration_ns,
		action->backup ? "true" : "false");
	fflush(trace->out); /* rare, and what a crash should leave */
}
