/* Table: cells are kept as texts, column by column aligned when printed. */
#include "harness/page/table.h"
#include "harness/page/text.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_COLUMNS 64
#define MAX_PLACES 60 /* of a cell: longer texts are cut, with a dot at the end */

struct table_line {
	char *group; /* a line across all columns; no cells then */
	char *cells[TABLE_COLUMNS];
	size_t count;
};

struct table {
	struct {
		char *head;
		bool right, extra;
	} columns[TABLE_COLUMNS];
	size_t columns_count;
	struct table_line *rows;
	size_t rows_count;
	bool failed;
};

struct table *table_new(void)
{
	return calloc(1, sizeof(struct table));
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->columns_count; i++)
		free(table->columns[i].head);
	for (size_t i = 0; i < table->rows_count; i++) {
		free(table->rows[i].group);
		for (size_t j = 0; j < table->rows[i].count; j++)
			free(table->rows[i].cells[j]);
	}
	free(table->rows);
	free(table);
}

void table_column(struct table *table, const char *head, bool right, bool extra)
{
	if (!table)
		return;
	char *copy = table->columns_count < TABLE_COLUMNS ? text_plain(head) : NULL;
	if (!copy) {
		table->failed = true;
		return;
	}
	table->columns[table->columns_count].head = copy;
	table->columns[table->columns_count].right = right;
	table->columns[table->columns_count++].extra = extra;
}

void table_row(struct table *table)
{
	if (!table)
		return;
	struct table_line *rows = reallocarray(table->rows, table->rows_count + 1, sizeof *rows);
	if (!rows) {
		table->failed = true;
		return;
	}
	table->rows = rows;
	memset(&rows[table->rows_count++], 0, sizeof *rows);
}

void table_group(struct table *table, const char *text)
{
	table_row(table);
	if (!table || table->failed)
		return;
	char *copy = text_plain(text);
	table->rows[table->rows_count - 1].group = copy;
	table->failed = !copy;
}

void table_cell(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *text;

	if (!table || table->failed || !table->rows_count)
		return;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	char *plain = length < 0 ? NULL : text_plain(text);
	if (length >= 0)
		free(text);
	struct table_line *row = &table->rows[table->rows_count - 1];
	if (!plain || row->count == table->columns_count) {
		free(plain);
		table->failed = true;
		return;
	}
	row->cells[row->count++] = plain;
}

void table_number(struct table *table, double value, int decimals, bool sign)
{
	if (isnan(value))
		table_cell(table, "-");
	else if (fabs(value) < 0.5 * pow(10, -decimals)) /* no "-0.00" */
		table_cell(table, "%.*f", decimals, 0.0);
	else
		table_cell(table, sign ? "%+.*f" : "%.*f", decimals, value);
}

static const char *cell_text(const struct table_line *row, size_t column)
{
	return column < row->count ? row->cells[column] : "";
}

static int places(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80; /* not a further byte of a character */
	return n;
}

/* Prints at most `most` places of a text, and returns how many. */
static int print_places(FILE *out, const char *text, int most)
{
	int n = places(text), kept = n > most ? most - 1 : n;

	for (int i = 0; *text && (i < kept || ((unsigned char)*text & 0xc0) == 0x80); text++) {
		fputc(*text, out);
		i += ((unsigned char)text[1] & 0xc0) != 0x80;
	}
	if (n > most)
		fputc('.', out);
	return n > most ? most : n;
}

static void print_padded(FILE *out, const char *text, int width, bool right, bool last)
{
	int n = places(text), space = width - (n > MAX_PLACES ? MAX_PLACES : n);

	if (right)
		fprintf(out, "%*s", space, "");
	print_places(out, text, MAX_PLACES);
	if (!right && !last)
		fprintf(out, "%*s", space, "");
}

static int width_of(const struct table *table, size_t column)
{
	int width = places(table->columns[column].head);

	for (size_t i = 0; i < table->rows_count; i++) {
		int n = places(cell_text(&table->rows[i], column));
		width = n > width ? n : width;
	}
	return width > MAX_PLACES ? MAX_PLACES : width;
}

/* Which columns fit. Returns the number of those left out. */
static int choose(const struct table *table, int widths[TABLE_COLUMNS], bool shown[TABLE_COLUMNS])
{
	int total = 0, dropped = 0;

	for (size_t i = 0; i < table->columns_count; i++) {
		widths[i] = width_of(table, i);
		shown[i] = true;
		total += widths[i] + 2;
	}
	for (size_t i = table->columns_count; i-- > 0 && total > TABLE_WIDTH;) {
		if (!table->columns[i].extra)
			continue;
		shown[i] = false;
		total -= widths[i] + 2;
		dropped++;
	}
	return dropped;
}

static void print_cells(const struct table *table, FILE *out, const struct table_line *row, const int *widths,
	const bool *shown)
{
	size_t last = 0;

	for (size_t i = 0; i < table->columns_count; i++)
		if (shown[i] && (!row || *cell_text(row, i)))
			last = i;
	for (size_t i = 0; i <= last; i++) {
		if (!shown[i])
			continue;
		fputs("  ", out);
		print_padded(out, row ? cell_text(row, i) : table->columns[i].head, widths[i],
			table->columns[i].right, i == last);
	}
}

int table_print(const struct table *table, FILE *out, bool color)
{
	int widths[TABLE_COLUMNS];
	bool shown[TABLE_COLUMNS];

	if (!table || table->failed)
		return -1;
	int dropped = choose(table, widths, shown);
	fputs(color ? "\033[1m" : "", out);
	print_cells(table, out, NULL, widths, shown);
	fputs(color ? "\033[0m\n" : "\n", out);
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct table_line *row = &table->rows[i];
		if (row->group) {
			fputs("  ", out);
			print_places(out, row->group, TABLE_WIDTH - 2);
		} else {
			print_cells(table, out, row, widths, shown);
		}
		fputc('\n', out);
	}
	return dropped;
}

static void markdown_cell(FILE *out, const char *text)
{
	fputs(" ", out);
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\%c" : "%c", *text == '\n' ? ' ' : *text);
	fputs(" |", out);
}

int table_markdown(const struct table *table, FILE *out)
{
	if (!table || table->failed)
		return -1;
	fputs("|", out);
	for (size_t i = 0; i < table->columns_count; i++)
		markdown_cell(out, table->columns[i].head);
	fputs("\n|", out);
	for (size_t i = 0; i < table->columns_count; i++)
		fputs(table->columns[i].right ? "---:|" : "---|", out);
	fputs("\n", out);
	for (size_t i = 0; i < table->rows_count; i++) {
		const struct table_line *row = &table->rows[i];
		fputs("|", out);
		if (row->group)
			fprintf(out, " **%s** |", row->group);
		for (size_t j = row->group ? 1 : 0; j < table->columns_count; j++)
			markdown_cell(out, cell_text(row, j));
		fputs("\n", out);
	}
	return 0;
}

void table_text(FILE *out, const char *first, const char *words)
{
	int indent = places(first), at = indent;
	char *plain = text_plain(words);
	const char *text = plain ? plain : "(out of memory)";

	fputs(first, out);
	for (bool begin = true; *text; begin = false) {
		size_t length = strcspn(text, " \n");
		char word[TABLE_WIDTH * 4];
		snprintf(word, sizeof word, "%.*s", (int)length, text);
		int n = places(word);
		if (!begin && at + 1 + n > TABLE_WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (!begin) {
			fputc(' ', out);
			at++;
		}
		at += print_places(out, word, TABLE_WIDTH - indent);
		text += length;
		text += strspn(text, " \n");
	}
	fputc('\n', out);
	free(plain);
}
