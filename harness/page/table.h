/* Table: rows of short texts, printed for people (columns aligned) or as Markdown. A fault (out of memory) is
 * kept and told once, when the table is printed. Texts are UTF-8; a character takes one place; what a terminal would take
 * for a command is written out (text_plain). */
#ifndef LIQUIDNET_TABLE_H
#define LIQUIDNET_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_WIDTH 110 /* places that a line for people takes at most */

struct table;

struct table *table_new(void); /* NULL: out of memory, which the other functions take */
void table_free(struct table *table);
/* Adds a column, before the first row. Texts stand at its left or (numbers) at its right side. An `extra`
 * column is left out for people when the line would be wider than TABLE_WIDTH, the last one first. */
void table_column(struct table *table, const char *head, bool right, bool extra);
/* Begins a row; the cells that are not given stay empty. */
void table_row(struct table *table);
/* A line across all columns; in Markdown a row whose first cell is bold. */
void table_group(struct table *table, const char *text);
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Numbers with so many decimals, with their sign if asked for; "-" for NAN. */
void table_number(struct table *table, double value, int decimals, bool sign);

/* Prints; lines begin with two spaces. `color`: the heads in bold. Returns the columns left out, or -1. */
int table_print(const struct table *table, FILE *out, bool color);
int table_markdown(const struct table *table, FILE *out);
/* Prints a text in lines of at most TABLE_WIDTH places, broken at spaces; the first line begins with `first`,
 * the others with as many spaces. */
void table_text(FILE *out, const char *first, const char *words);

#endif
