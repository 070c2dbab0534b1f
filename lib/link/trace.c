/* Traces: see the header. */
#include "lib/link/trace.h"

#include "lib/base/error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int push(struct trace *trace, uint32_t item)
{
	/* Room doubles: a power of two is full. */
	if ((trace->count & (trace->count - 1)) == 0) {
		size_t room = trace->count ? 2 * trace->count : 1;
		uint32_t *items = reallocarray(trace->items, room, sizeof *items);
		if (!items)
			return -1;
		trace->items = items;
	}
	trace->items[trace->count++] = item;
	return 0;
}

static struct trace *give_up(struct trace *trace)
{
	trace_free(trace);
	return NULL;
}

/* One line that is not empty. */
static int read_time(
	struct trace *trace, const char *name, size_t line, const char *text, size_t length, char **error)
{
	uint64_t ms = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || length > 10)
			return error_set(error,
				"%s:%zu: `%.*s` is no time; write whole milliseconds, one a line", name, line,
				(int)(length < 40 ? length : 40), text);
		ms = ms * 10 + (uint64_t)(text[i] - '0');
	}
	if (ms > UINT32_MAX)
		return error_set(error, "%s:%zu: the time is beyond 49 days", name, line);
	if (trace->count && ms < trace->items[trace->count - 1])
		return error_set(error, "%s:%zu: %llu comes before the line above; times must rise", name,
			line, (unsigned long long)ms);
	if (trace->count >= TRACE_ITEMS_MAX || push(trace, (uint32_t)ms) < 0)
		return error_set(error, "%s:%zu: too long", name, line);
	return 0;
}

struct trace *trace_parse_opportunities(const char *name, const char *text, size_t length, char **error)
{
	struct trace *trace = calloc(1, sizeof *trace);
	size_t line = 0;
	for (const char *at = text, *end = text + length; trace && at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);
		size_t used = n && at[n - 1] == '\r' ? n - 1 : n;
		line++;
		if (used && read_time(trace, name, line, at, used, error) < 0)
			return give_up(trace);
		at += n + 1;
	}
	if (!trace || trace->count == 0 || trace->items[trace->count - 1] == 0) {
		error_set(error, "%s: no delivery opportunity after 0 ms; a trace has a time in ms a line",
			name);
		return give_up(trace);
	}
	return trace;
}

struct trace *trace_parse_losses(const char *name, const char *text, size_t length, char **error)
{
	struct trace *trace = calloc(1, sizeof *trace);
	size_t line = 1;
	for (size_t i = 0; trace && i < length; i++) {
		line += text[i] == '\n';
		if (strchr(" \t\r\n", text[i]) && text[i])
			continue;
		if ((text[i] != '0' && text[i] != '1') || trace->count >= TRACE_ITEMS_MAX ||
			push(trace, text[i] == '1') < 0) {
			error_set(error, "%s:%zu: a loss trace holds 0 and 1 only", name, line);
			return give_up(trace);
		}
	}
	if (!trace || trace->count == 0) {
		error_set(error,
			"%s: the trace is empty; write 0 for a packet that passes, 1 for one that is lost",
			name);
		return give_up(trace);
	}
	return trace;
}

static struct trace *load(const char *path,
	struct trace *(*parse)(const char *name, const char *text, size_t length, char **error), char **error)
{
	char *text = NULL;
	size_t room = 0;
	FILE *in = fopen(path, "re");
	ssize_t length = in ? getdelim(&text, &room, 0, in) : -1;
	struct trace *trace = NULL;
	if (!in || (length < 0 && ferror(in)))
		error_set(error, "%s: %s", path, strerror(errno));
	else
		trace = parse(path, text ? text : "", length > 0 ? (size_t)length : 0, error);
	if (in)
		fclose(in);
	free(text);
	return trace;
}

struct trace *trace_opportunities(const char *path, char **error)
{
	return load(path, trace_parse_opportunities, error);
}

struct trace *trace_losses(const char *path, char **error)
{
	return load(path, trace_parse_losses, error);
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	free(trace->items);
	free(trace);
}
