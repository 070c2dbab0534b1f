/* Emit: see the header. Numbers are formatted by hand: a million flows have a hundred million of them. */
#include "analysis/output/emit.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int emit_start(struct emitter *emitter, FILE *out)
{
	*emitter = (struct emitter){.out = out, .empty = true};
	if (out && !(emitter->buffer = malloc(EMIT_BUFFER)))
		return -1;
	return 0;
}

void emit_flush(struct emitter *emitter)
{
	if (emitter->used && fwrite(emitter->buffer, 1, emitter->used, emitter->out) != emitter->used)
		emitter->failed = true;
	emitter->used = 0;
}

int emit_end(struct emitter *emitter, json_t **tree)
{
	if (emitter->out) {
		emit_flush(emitter);
		emitter->failed |= fflush(emitter->out) != 0 || ferror(emitter->out);
		free(emitter->buffer);
	}
	json_t *root = emitter->stack[0];
	if (tree && !emitter->failed)
		*tree = root;
	else
		json_decref(root);
	return emitter->failed ? -1 : 0;
}

void emit_raw(struct emitter *emitter, const char *bytes, size_t size)
{
	while (size) {
		if (emitter->used == EMIT_BUFFER)
			emit_flush(emitter);
		size_t now = EMIT_BUFFER - emitter->used < size ? EMIT_BUFFER - emitter->used : size;
		memcpy(emitter->buffer + emitter->used, bytes, now);
		emitter->used += now;
		bytes += now;
		size -= now;
	}
}

void emit_text(struct emitter *emitter, const char *text)
{
	emit_raw(emitter, text, strlen(text));
}

void emit_printf(struct emitter *emitter, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length > 0)
		emit_raw(emitter, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static char *digits(char *end, uint64_t number)
{
	do
		*--end = (char)('0' + number % 10);
	while (number /= 10);
	return end;
}

/* Seconds with as many digits as the nanoseconds have, one at least. */
static char *seconds(char *end, int64_t ns)
{
	uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns, fraction = size % 1000000000;
	unsigned places = 9;
	char *p = end;
	while (places > 1 && fraction % 10 == 0) {
		fraction /= 10;
		places--;
	}
	for (unsigned i = 0; i < places; i++) {
		*--p = (char)('0' + fraction % 10);
		fraction /= 10;
	}
	*--p = '.';
	p = digits(p, size / 1000000000);
	if (ns < 0)
		*--p = '-';
	return p;
}

void emit_number(struct emitter *emitter, const struct value *value)
{
	char text[40], *end = text + sizeof text, *p = end;
	if (value->kind == VALUE_COUNT) {
		p = digits(end, value->count);
	} else if (value->kind == VALUE_SECONDS) {
		p = seconds(end, value->ns);
	} else if (value->real == 0 || !isfinite(value->real)) {
		emit_raw(emitter, "0.0", 3);
		return;
	} else {
		emit_printf(emitter, "%.15g%s", value->real,
			value->real == floor(value->real) && fabs(value->real) < 1e15 ? ".0" : "");
		return;
	}
	emit_raw(emitter, p, (size_t)(end - p));
}

static void quoted(struct emitter *emitter, const char *text)
{
	emit_raw(emitter, "\"", 1);
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '"' || c == '\\') {
			emit_raw(emitter, "\\", 1);
			emit_raw(emitter, p, 1);
		} else if (c < 0x20) {
			emit_printf(emitter, "\\u%04x", c);
		} else {
			emit_raw(emitter, p, 1);
		}
	}
	emit_raw(emitter, "\"", 1);
}

/* What stands before a member: comma, line, name. */
static void begin(struct emitter *emitter, const char *name)
{
	static const char blanks[] = "\n                ";
	if (emitter->depth) {
		if (!emitter->empty)
			emit_raw(emitter, ",", 1);
		emit_raw(emitter, blanks, emitter->depth + 1);
	}
	emitter->empty = false;
	if (name) {
		emit_raw(emitter, "\"", 1);
		emit_text(emitter, name);
		emit_raw(emitter, "\": ", 3);
	}
}

static void add(struct emitter *emitter, const char *name, json_t *json)
{
	if (!json) {
		emitter->failed = true;
		return;
	}
	json_t *within = emitter->stack[emitter->depth - 1];
	if ((name ? json_object_set_new_nocheck(within, name, json) : json_array_append_new(within, json)) <
		0)
		emitter->failed = true;
}

void emit_open(struct emitter *emitter, const char *name, bool array)
{
	if (emitter->out) {
		begin(emitter, name);
		emit_raw(emitter, array ? "[" : "{", 1);
		emitter->stack[emitter->depth++] = NULL;
		emitter->empty = true;
	} else {
		json_t *json = array ? json_array() : json_object();
		if (emitter->depth)
			add(emitter, name, json);
		emitter->stack[emitter->depth++] = json;
	}
	if (array)
		emitter->arrays |= 1u << emitter->depth;
	else
		emitter->arrays &= ~(1u << emitter->depth);
}

void emit_close(struct emitter *emitter)
{
	bool array = emitter->arrays >> emitter->depth & 1;
	emitter->depth--;
	if (!emitter->out)
		return;
	if (!emitter->empty) {
		static const char blanks[] = "\n                ";
		emit_raw(emitter, blanks, emitter->depth + 1);
	}
	emit_raw(emitter, array ? "]" : "}", 1);
	emitter->empty = false;
}

static json_t *tree_of(const struct value *value)
{
	switch (value->kind) {
	case VALUE_COUNT:
		return json_integer((json_int_t)value->count);
	case VALUE_REAL:
		return json_real(isfinite(value->real) ? value->real : 0);
	case VALUE_SECONDS:
		return json_real((double)value->ns / 1e9);
	case VALUE_BOOL:
		return json_boolean(value->truth);
	case VALUE_TEXT:
		return json_string(value->text);
	default:
		return json_null();
	}
}

void emit_value(struct emitter *emitter, const char *name, const struct value *value)
{
	if (!emitter->out) {
		add(emitter, name, tree_of(value));
		return;
	}
	begin(emitter, name);
	if (value->kind == VALUE_NULL)
		emit_raw(emitter, "null", 4);
	else if (value->kind == VALUE_BOOL)
		emit_text(emitter, value->truth ? "true" : "false");
	else if (value->kind == VALUE_TEXT)
		quoted(emitter, value->text);
	else
		emit_number(emitter, value);
}
