/* Design, its file: see the header. The points of others are read here as well. */
#include "lib/design/design.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_FILE (16u << 20)
#define LINE_MAX_TEXT 4096

void design_write(FILE *out, const struct design *design)
{
	for (const char *at = design->head; *at;) {
		size_t length = strcspn(at, "\n");
		fprintf(out, "# %.*s\n", (int)length, at);
		at += length + (at[length] == '\n');
	}
	for (size_t c = 0; c < design->columns_count; c++)
		fprintf(out, "%s%s", c ? "," : "", design->columns[c]);
	for (size_t i = 0; i < design->count; i++)
		for (size_t c = 0; c < design->columns_count; c++) {
			uint32_t v = design->values[i * design->columns_count + c];
			fprintf(out, "%s%u.%06u", c ? "," : "\n", v / DESIGN_UNIT, v % DESIGN_UNIT);
		}
	fprintf(out, "\n");
}

/* A text line by line. */
struct lines {
	struct pool *pool;
	const char *name, *at, *end;
	unsigned line;
	char *text; /* the current line, without its end */
};

static int lines_next(struct lines *l, char **error) /* 1: there is one, 0: no more */
{
	if (l->at == l->end)
		return 0;
	const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
	size_t length = (size_t)((stop ? stop : l->end) - l->at);
	l->line++;
	if (length > LINE_MAX_TEXT || memchr(l->at, 0, length))
		return error_set(error, "%s:%u: %s", l->name, l->line,
			length > LINE_MAX_TEXT ? "the line is too long" : "a byte of 0; this is no text");
	l->text = pool_printf(l->pool, "%.*s", (int)length, l->at);
	if (length && l->text[length - 1] == '\r')
		l->text[length - 1] = 0;
	l->at = stop ? stop + 1 : l->end;
	return 1;
}

/* The next line that is neither empty nor a remark; remarks are added to *head. */
static int lines_content(struct lines *l, char **head, char **error)
{
	int result;
	while ((result = lines_next(l, error)) > 0) {
		if (*l->text && *l->text != '#')
			return 1;
		if (*l->text && strchr(l->text, ':'))
			*head = pool_printf(
				l->pool, "%s%s\n", *head, l->text + 1 + strspn(l->text + 1, " \t"));
	}
	return result;
}

/* One field of a line, cut off; NULL: no more. */
static char *field(char **rest)
{
	char *text = *rest, *comma = text ? strchr(text, ',') : NULL;
	*rest = comma ? comma + 1 : NULL;
	if (!text)
		return NULL;
	if (comma)
		*comma = 0;
	text += strspn(text, " \t");
	for (size_t n = strlen(text); n && strchr(" \t", text[n - 1]); n--)
		text[n - 1] = 0;
	return text;
}

static void add_point(struct pool *pool, struct design *design, size_t *room, unsigned **line)
{
	size_t width = design->columns_count;
	if (design->count == *room) {
		size_t more = *room ? 2 * *room : 64;
		design->values = pool_grow(
			pool, design->values, design->count * width, more * width, sizeof *design->values);
		*line = pool_grow(pool, *line, design->count, more, sizeof **line);
		*room = more;
	}
	design->count++;
}

/* How one field becomes a value: by the design's columns, or by the ranges of an import. */
struct taking {
	const struct design_range *ranges; /* NULL: a design's file */
	const int *column;                 /* of the file's fields: the design's column, -1: passed over */
	size_t fields;
};

static int take_value(const struct taking *t, const struct lines *l, int column, const char *name,
	const char *text, uint32_t *value, char **error)
{
	double number, from = t->ranges ? t->ranges[column].from : 0,
		       to = t->ranges ? t->ranges[column].to : 1;
	if (unit_number(text, &number) < 0 || !isfinite(number))
		return error_set(error, "%s:%u: %s: `%s` is no number", l->name, l->line, name, text);
	if (number < from || number > to)
		return error_set(error, "%s:%u: %s is %s, outside of %.15g to %.15g", l->name, l->line, name,
			text, from, to);
	*value = (uint32_t)lround((number - from) / (to - from) * DESIGN_UNIT);
	return 0;
}

static int take_line(const struct taking *t, const struct lines *l, const struct design *design,
	uint32_t *values, char **error)
{
	char *rest = l->text, *text;
	size_t n = 0;
	for (; (text = field(&rest)); n++) {
		if (n >= t->fields)
			break;
		int column = t->column[n];
		if (column >= 0 &&
			take_value(t, l, column, design->columns[column], text, &values[column], error) < 0)
			return -1;
	}
	return n == t->fields && !text
		       ? 0
		       : error_set(error, "%s:%u: %s than the %zu columns of the first line", l->name,
				 l->line, text ? "more fields" : "fewer fields", t->fields);
}

static struct design *take_all(
	struct lines *l, struct design *design, const struct taking *t, char *head, char **error)
{
	size_t room = 0;
	unsigned *line = NULL;
	int result;
	while ((result = lines_content(l, &head, error)) > 0) {
		if (design->count == DESIGN_POINTS_MAX) {
			error_set(error, "%s:%u: more than %d points", l->name, l->line, DESIGN_POINTS_MAX);
			return NULL;
		}
		add_point(l->pool, design, &room, &line);
		size_t i = design->count - 1;
		line[i] = l->line;
		if (take_line(t, l, design, design->values + i * design->columns_count, error) < 0)
			return NULL;
	}
	if (result == 0 && design->count == 0)
		result = error_set(error, "%s: no points", l->name);
	design->head = head;
	design->line = line;
	return result < 0 ? NULL : design;
}

struct design *design_parse(
	struct pool *pool, const char *name, const char *text, size_t length, char **error)
{
	struct lines l = {.pool = pool, .name = name, .at = text, .end = text + length};
	char *head = pool_strdup(pool, ""), *reason = NULL;
	int result = lines_content(&l, &head, error);
	if (result <= 0) {
		if (result == 0)
			error_set(error, "%s: empty; a design has a line of columns and a line per point",
				name);
		return NULL;
	}
	struct design *design = design_new(pool, l.text, &reason);
	if (!design) {
		error_set(error, "%s:%u: %s", name, l.line, reason);
		free(reason);
		return NULL;
	}
	int column[DESIGN_COLUMNS_MAX];
	for (int i = 0; i < DESIGN_COLUMNS_MAX; i++)
		column[i] = i;
	struct taking t = {.column = column, .fields = design->columns_count};
	return take_all(&l, design, &t, head, error);
}

static char *slurp(const char *path, size_t *length, char **error)
{
	FILE *in = fopen(path, "re");
	char *text = in ? malloc(SIZE_MAX_FILE + 1) : NULL;
	*length = text ? fread(text, 1, SIZE_MAX_FILE + 1, in) : 0;
	bool failed = !in || !text || ferror(in);
	if (failed)
		error_set(error, "%s: %s", path, strerror(errno));
	else if (*length > SIZE_MAX_FILE)
		error_set(error, "%s: larger than %u MiB", path, SIZE_MAX_FILE >> 20);
	if (in)
		fclose(in);
	if (!failed && *length <= SIZE_MAX_FILE)
		return text;
	free(text);
	return NULL;
}

struct design *design_load(struct pool *pool, const char *path, char **error)
{
	size_t length;
	char *text = slurp(path, &length, error);
	struct design *design = text ? design_parse(pool, path, text, length, error) : NULL;
	free(text);
	return design;
}

/* Which column of ours each field of the first line is. */
static int match(struct lines *l, const struct design *design, struct taking *t, int *column, char **error)
{
	char *rest = l->text, *text;
	size_t found = 0;
	for (t->fields = 0; (text = field(&rest)); t->fields++) {
		if (t->fields == LINE_MAX_TEXT / 2)
			return error_set(error, "%s:%u: too many columns", l->name, l->line);
		column[t->fields] = design_column(design, text);
		found += column[t->fields] >= 0;
	}
	for (size_t c = 0; c < design->columns_count; c++) {
		size_t times = 0;
		for (size_t i = 0; i < t->fields; i++)
			times += column[i] == (int)c;
		if (times != 1)
			return error_set(error, "%s:%u: %s column `%s`", l->name, l->line,
				times ? "more than one" : "no", design->columns[c]);
	}
	return found ? 0 : -1;
}

struct design *design_import(struct pool *pool, const char *path, const struct design_range *ranges,
	size_t ranges_count, char **error)
{
	char *names = pool_strdup(pool, ""), *head = names, *remarks = names;
	int column[LINE_MAX_TEXT / 2 + 1];
	size_t length;
	for (size_t i = 0; i < ranges_count; i++) {
		names = pool_printf(pool, "%s%s%s", names, i ? "," : "", ranges[i].column);
		head = pool_printf(
			pool, "%s%s: %.15g to %.15g\n", head, ranges[i].column, ranges[i].from, ranges[i].to);
	}
	struct design *design = design_new(pool, names, error), *result = NULL;
	char *text = design ? slurp(path, &length, error) : NULL;
	if (!text)
		return NULL;
	struct lines l = {.pool = pool, .name = path, .at = text, .end = text + length};
	struct taking t = {.ranges = ranges, .column = column};
	int any = lines_content(&l, &remarks, error);
	if (any == 0)
		error_set(error, "%s: empty", path);
	if (any > 0 && match(&l, design, &t, column, error) == 0)
		result = take_all(&l, design, &t, remarks, error);
	free(text);
	if (result)
		result->head = pool_printf(pool, "algorithm: points of others\n%s", head);
	return result;
}
