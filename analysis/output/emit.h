/* Emit: where a report goes: text of JSON as it is made, or a tree of Jansson's. Who reports knows neither. */
#ifndef LIQUIDNET_ANALYSIS_EMIT_H
#define LIQUIDNET_ANALYSIS_EMIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum value_kind { VALUE_NULL, VALUE_COUNT, VALUE_REAL, VALUE_SECONDS, VALUE_BOOL, VALUE_TEXT };

struct value {
	enum value_kind kind;
	union {
		uint64_t count;
		double real;
		int64_t ns; /* of VALUE_SECONDS: nanoseconds, said as seconds, exactly */
		bool truth;
		const char *text; /* valid until the next value */
	};
};

enum { EMIT_DEPTH = 12, EMIT_BUFFER = 1 << 16 };

struct emitter {
	FILE *out; /* NULL: a tree */
	json_t *stack[EMIT_DEPTH];
	unsigned depth;
	unsigned arrays; /* a bit a depth: an array is open there */
	bool empty;      /* nothing yet in the object or array that is open */
	bool failed;     /* writing, or memory */
	size_t used;
	char *buffer;
};

/* Text to `out`, or a tree when it is NULL. The first thing emitted has no name. */
int emit_start(struct emitter *emitter, FILE *out);
/* Ends it: 0, or -1 when something failed. *tree (may be NULL with text) is the caller's. */
int emit_end(struct emitter *emitter, json_t **tree);

/* `name`: NULL within an array. */
void emit_open(struct emitter *emitter, const char *name, bool array);
void emit_close(struct emitter *emitter);
void emit_value(struct emitter *emitter, const char *name, const struct value *value);

/* Bare pieces, for tables and CSV: bytes as they are; numbers as JSON has them. */
void emit_through(
	struct emitter *emitter, const char *bytes, size_t size); /* emit_raw() that may fill the buffer */
void emit_text(struct emitter *emitter, const char *text);
void emit_number(struct emitter *emitter, const struct value *value);
void emit_printf(struct emitter *emitter, const char *format, ...) __attribute__((format(printf, 2, 3)));
void emit_flush(struct emitter *emitter);

static inline void emit_raw(struct emitter *emitter, const char *bytes, size_t size)
{
	if (__builtin_expect(size > EMIT_BUFFER - emitter->used, 0)) {
		emit_through(emitter, bytes, size);
		return;
	}
	memcpy(emitter->buffer + emitter->used, bytes, size);
	emitter->used += size;
}

static inline struct value value_count(uint64_t count)
{
	return (struct value){.kind = VALUE_COUNT, .count = count};
}

static inline struct value value_null(void)
{
	return (struct value){.kind = VALUE_NULL};
}

static inline struct value value_real(double real)
{
	return (struct value){.kind = VALUE_REAL, .real = real};
}

static inline struct value value_seconds(int64_t ns)
{
	return (struct value){.kind = VALUE_SECONDS, .ns = ns};
}

/* Negative infinity of times means not seen. */
static inline struct value value_time(int64_t ns)
{
	return ns == INT64_MIN ? value_null() : value_seconds(ns);
}

static inline struct value value_bool(bool truth)
{
	return (struct value){.kind = VALUE_BOOL, .truth = truth};
}

static inline struct value value_text(const char *text)
{
	return text ? (struct value){.kind = VALUE_TEXT, .text = text} : value_null();
}

#endif
