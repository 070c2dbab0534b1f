/* Published values: the reader of data/'s tables. The whole file is held as one text that is cut in place
 * into cells; rows keep their line, so that every complaint names it. */
#include "harness/cells/published.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 256
#define MAX_BYTES (4u << 20)

struct published_line {
	unsigned line;
	char **cells; /* as many as the header has */
};

struct published_table {
	char *name, *text;
	const char *source;
	struct published_line header;
	size_t columns;
	struct published_line *rows;
	size_t rows_count;
	int configuration, procedure; /* columns; procedure -1: none */
};

static char *trimmed(char *text)
{
	text += strspn(text, " \t");
	for (size_t n = strlen(text); n && strchr(" \t\r", text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

/* Cuts a line at its commas. Returns the number of cells, -1 with *error. */
static int cut(const struct published_table *table, unsigned line, char *text, char **cells, char **error)
{
	int count = 0;

	if (strchr(text, '"'))
		return error_set(error, "%s:%u: a quotation mark; write cells bare, without commas in them",
			table->name, line);
	for (char *cell; (cell = strsep(&text, ","));) {
		if (count == MAX_COLUMNS)
			return error_set(
				error, "%s:%u: more than %d columns", table->name, line, MAX_COLUMNS);
		cells[count++] = trimmed(cell);
	}
	return count;
}

static int keep_row(struct published_line *row, unsigned line, char **cells, int count, char **error)
{
	row->line = line;
	row->cells = calloc((size_t)count, sizeof *row->cells);
	if (!row->cells)
		return error_set(error, "out of memory");
	memcpy(row->cells, cells, (size_t)count * sizeof *cells);
	return 0;
}

static int find_column(const struct published_table *table, const char *name)
{
	for (size_t i = 0; i < table->columns; i++)
		if (!strcmp(table->header.cells[i], name))
			return (int)i;
	return -1;
}

static int take_header(struct published_table *table, unsigned line, char **cells, int count, char **error)
{
	for (int i = 0; i < count; i++) {
		if (!*cells[i])
			return error_set(error, "%s:%u: column %d has no name", table->name, line, i + 1);
		for (int j = 0; j < i; j++)
			if (!strcmp(cells[i], cells[j]))
				return error_set(
					error, "%s:%u: two columns named %s", table->name, line, cells[i]);
	}
	if (keep_row(&table->header, line, cells, count, error) < 0)
		return -1;
	table->columns = (size_t)count;
	table->configuration = find_column(table, "configuration");
	table->procedure = find_column(table, "procedure");
	if (table->configuration < 0)
		return error_set(
			error, "%s:%u: no column `configuration`; rows are found by it", table->name, line);
	return 0;
}

static int take_row(struct published_table *table, unsigned line, char **cells, int count, char **error)
{
	if ((size_t)count != table->columns)
		return error_set(error, "%s:%u: %d cells, but the header (line %u) has %zu", table->name,
			line, count, table->header.line, table->columns);
	int twin = published_row(
		table, cells[table->configuration], table->procedure < 0 ? NULL : cells[table->procedure]);
	if (twin >= 0)
		return error_set(error,
			"%s:%u: the row of line %u again; a row is found by its name, keep one", table->name,
			line, table->rows[twin].line);
	struct published_line *rows = reallocarray(table->rows, table->rows_count + 1, sizeof *rows);
	if (!rows)
		return error_set(error, "out of memory");
	table->rows = rows;
	if (keep_row(&rows[table->rows_count], line, cells, count, error) < 0)
		return -1;
	table->rows_count++;
	return 0;
}

static int take_line(struct published_table *table, unsigned line, char *text, char **error)
{
	char *cells[MAX_COLUMNS];

	text = trimmed(text);
	if (!*text)
		return 0;
	if (*text == '#') {
		if (!table->source)
			table->source = trimmed(text + 1);
		return 0;
	}
	int count = cut(table, line, text, cells, error);
	if (count < 0)
		return -1;
	return table->columns ? take_row(table, line, cells, count, error)
			      : take_header(table, line, cells, count, error);
}

static int take_text(struct published_table *table, size_t length, char **error)
{
	char *rest = table->text;
	unsigned line = 0;

	if (memchr(table->text, '\0', length))
		return error_set(error, "%s: a zero byte; this is not a CSV file", table->name);
	for (char *text; (text = strsep(&rest, "\n"));)
		if (take_line(table, ++line, text, error) < 0)
			return -1;
	if (!table->columns)
		return error_set(error, "%s:%u: no line of column names", table->name, line);
	return 0;
}

struct published_table *published_parse(const char *name, const char *text, size_t length, char **error)
{
	struct published_table *table = calloc(1, sizeof *table);

	if (table) {
		table->name = strdup(name);
		table->text = malloc(length + 1);
	}
	if (!table || !table->name || !table->text) {
		published_free(table);
		error_set(error, "out of memory");
		return NULL;
	}
	memcpy(table->text, text, length);
	table->text[length] = '\0';
	if (take_text(table, length, error) < 0) {
		published_free(table);
		return NULL;
	}
	return table;
}

struct published_table *published_load(const char *path, char **error)
{
	struct published_table *table = NULL;
	FILE *file = fopen(path, "re");

	if (!file) {
		error_set(error, "%s: %m; the experiment names it as its source of published values", path);
		return NULL;
	}
	char *text = malloc(MAX_BYTES + 1);
	size_t length = text ? fread(text, 1, MAX_BYTES + 1, file) : 0;
	if (!text)
		error_set(error, "out of memory");
	else if (ferror(file))
		error_set(error, "%s: cannot be read: %m", path);
	else if (length > MAX_BYTES)
		error_set(error, "%s: larger than %u bytes", path, MAX_BYTES);
	else
		table = published_parse(path, text, length, error);
	free(text);
	fclose(file);
	return table;
}

void published_free(struct published_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->rows_count; i++)
		free(table->rows[i].cells);
	free(table->rows);
	free(table->header.cells);
	free(table->text);
	free(table->name);
	free(table);
}

const char *published_source(const struct published_table *table)
{
	return table->source ? table->source : "";
}

int published_row(const struct published_table *table, const char *configuration, const char *procedure)
{
	for (size_t i = 0; i < table->rows_count; i++) {
		char **cells = table->rows[i].cells;
		if (strcmp(cells[table->configuration], configuration))
			continue;
		if (table->procedure < 0 || (procedure && !strcmp(cells[table->procedure], procedure)))
			return (int)i;
	}
	return -1;
}

int published_column(const struct published_table *table, const char *name, char **error)
{
	char known[256] = "";
	size_t used = 0;
	int column = find_column(table, name);

	if (column >= 0)
		return column;
	for (size_t i = 0; i < table->columns && used < sizeof known - 1; i++)
		used += (size_t)snprintf(
			known + used, sizeof known - used, "%s%s", i ? ", " : "", table->header.cells[i]);
	return error_set(
		error, "%s:%u: no column `%s`; it has %s", table->name, table->header.line, name, known);
}

const char *published_text(const struct published_table *table, int row, int column)
{
	return table->rows[row].cells[column];
}

int published_number(const struct published_table *table, int row, int column, double *value, char **error)
{
	const char *text = published_text(table, row, column);
	double number;

	if (!*text)
		return 0;
	if (unit_number(text, &number) < 0 || !isfinite(number))
		return error_set(error,
			"%s:%u: column %s is `%s`, not a number; leave it empty when nothing was published",
			table->name, table->rows[row].line, table->header.cells[column], text);
	*value = strtod(text, NULL); /* the same number, to the last bit; the form was checked above */
	return 1;
}
