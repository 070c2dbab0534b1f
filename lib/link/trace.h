/* Traces: records of a link that are replayed. There are two kinds, both text: delivery opportunities in Mahimahi's format
 * (one time in ms per line, at which 1504 bytes may leave; the last line's time is the period), and losses (0 and 1; white
 * space is ignored; 1 means lost). */
#ifndef LIQUIDNET_TRACE_H
#define LIQUIDNET_TRACE_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_ITEMS_MAX 50000000

struct trace {
	uint32_t *items; /* opportunities: ms, rising; losses: 0 or 1 */
	size_t count;    /* at least 1 */
};

/* NULL with *error ("PATH:LINE: ...", or PATH and why it cannot be read). The caller frees it. */
struct trace *trace_opportunities(const char *path, char **error);
struct trace *trace_losses(const char *path, char **error);
/* The same from text, `name` for messages. */
struct trace *trace_parse_opportunities(const char *name, const char *text, size_t length, char **error);
struct trace *trace_parse_losses(const char *name, const char *text, size_t length, char **error);
void trace_free(struct trace *trace);

#endif
