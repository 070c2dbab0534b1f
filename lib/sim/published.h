/* Published numbers of a simulated system: its table in data/, read row by row. */
#ifndef LIQUIDNET_SIM_PUBLISHED_H
#define LIQUIDNET_SIM_PUBLISHED_H

#include <limits.h>
#include <stddef.h>

#define PUBLISHED_COLUMNS 16

/* The path of data/NAME: beside BUILD/bin in a source tree, below PREFIX/share in an installation, otherwise below the working
 * folder (the file need not exist there). */
void published_find(const char *name, char path[PATH_MAX]);

struct published_format {
	const char *const *columns; /* their names, as the first line that is no comment has them */
	int count;                  /* 1..PUBLISHED_COLUMNS */
	size_t size;                /* of a row, bytes; 0: rows are not kept */
	/* Fills a row, which is zeroed (NULL: it is not kept), from as many cells as columns, which live until it returns. -1 and *error:
	 * what is wrong with it. */
	int (*row)(void *context, void *row, char **cells, char **error);
};

struct published_rows {
	void *list; /* the caller's, by free */
	unsigned count;
};

/* Reads CSV without quotes, in which lines that begin with `#` are comments. `rows` (NULL where they are not kept) holds what was read, after
 * a failure too, with the row that failed. -1 and *error ("FILE:LINE: what"): it cannot be read, or has no rows. */
int published_read(const char *path, const struct published_format *format, void *context,
	struct published_rows *rows, char **error);

/* The place of a word among `names`, which NULL ends. -1 and *error: there is none; it lists them. */
int published_word(const char *what, const char *word, const char *const names[], char **error);

#endif
