/* Emit: see the header. Numbers are formatted by hand: a million flows have a hundred million of them. */
#include "analysis/output/emit.h"
#include <float.h>
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

void emit_through(struct emitter *emitter, const char *bytes, size_t size)
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

enum { PLACES = 15 }; /* of a real number: as many as any double keeps */

/* What "%.15g" of a number from 1e-9 to 1e15 is: at `p`, room for 24. Returns its length, or 0 where
 * printf must say it. A long double of 64 bits holds every power of ten up to 27 exactly, so one multiplication errs
 * by less than 2^-14 of the last place; what lies nearer to the middle of two is left to printf. */
static size_t real(char *p, double value)
{
	static const long double ten[] = {1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L,
		1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L, 1e23L};
	if (LDBL_MANT_DIG < 64 || !(value >= 1e-9 && value < 1e15))
		return 0;
	int above = 0; /* the first digit is worth 10^above */
	while (above < PLACES - 1 && value >= (double)ten[above + 1])
		above++;
	while (value < 1 && (above == 0 || (long double)value * ten[-above] < 1))
		above--;
	long double scaled = (long double)value * ten[PLACES - 1 - above];
	uint64_t whole = (uint64_t)scaled;
	long double rest = scaled - (long double)whole;
	if (rest > 0.499L && rest < 0.501L)
		return 0;
	whole += rest >= 0.5L;
	if (whole >= 1000000000000000u) { /* 9.99...: one place more */
		whole /= 10;
		above++;
	}
	if (above >= PLACES)
		return 0;
	char text[PLACES];
	unsigned places = PLACES;
	for (unsigned i = PLACES; i-- > 0; whole /= 10)
		text[i] = (char)('0' + whole % 10);
	while (places > 1 && text[places - 1] == '0')
		places--;
	char *start = p;
	if (above < -4) {
		*p++ = text[0];
		if (places > 1)
			*p++ = '.';
		memcpy(p, text + 1, places - 1);
		p += places - 1;
		memcpy(p, "e-0", 3);
		p[3] = (char)('0' - above);
		return (size_t)(p + 4 - start);
	}
	if (above < 0) {
		*p++ = '0';
		*p++ = '.';
		for (int i = -1; i > above; i--)
			*p++ = '0';
	}
	for (unsigned i = 0; i < places || (int)i <= above; i++) {
		if (above >= 0 && (int)i == above + 1)
			*p++ = '.';
		*p++ = i < places ? text[i] : '0';
	}
	return (size_t)(p - start);
}

static void emit_real(struct emitter *emitter, double value)
{
	char text[32] = "-";
	size_t length = real(text + 1, fabs(value));
	if (!length) {
		emit_printf(emitter, "%.15g", value);
	} else if (value < 0) {
		emit_raw(emitter, text, length + 1);
	} else {
		emit_raw(emitter, text + 1, length);
	}
	if (value == floor(value) && fabs(value) < 1e15)
		emit_raw(emitter, ".0", 2);
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
		emit_real(emitter, value->real);
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
