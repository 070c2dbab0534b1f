/* Published values: a table of data/ as it was published. A file is CSV without quotes: lines that start with
 * # are comments (the first ones say the source), then a line of column names, then rows. A row is found by
 * its column `configuration`, and by `procedure` too where the table has that column. An empty cell: nothing
 * was published. */
#ifndef LIQUIDNET_PUBLISHED_H
#define LIQUIDNET_PUBLISHED_H

#include <stddef.h>

struct published_table;

/* Reads and checks a file. NULL with *error: "FILE:LINE: what; what to do". */
struct published_table *published_load(const char *path, char **error);
/* The same from a text in memory; `name` stands for the file in messages. */
struct published_table *published_parse(const char *name, const char *text, size_t length, char **error);
void published_free(struct published_table *table);

/* The first comment line without its #: the source; "" when the file has none. Lives as long as the table. */
const char *published_source(const struct published_table *table);
/* Row of a configuration (and procedure: ignored by a table without such a column); -1: not in the table. */
int published_row(const struct published_table *table, const char *configuration, const char *procedure);
/* Index of a column. -1 with *error (the header's FILE:LINE and the columns that there are). */
int published_column(const struct published_table *table, const char *name, char **error);
/* A cell as text, never NULL: the digits as published. Lives as long as the table. */
const char *published_text(const struct published_table *table, int row, int column);
/* A cell as a number. 1: *value is set; 0: the cell is empty; -1: no finite number, with *error. */
int published_number(const struct published_table *table, int row, int column, double *value, char **error);

#endif
