/* Published numbers of a simulated system: its table in data/, read row by row. */
#ifndef LIQUIDNET_SIM_PUBLISHED_H
#define LIQUIDNET_SIM_PUBLISHED_H

#include <limits.h>

#define PUBLISHED_COLUMNS 16

/* Where data/NAME is: beside BUILD/bin of a source tree, below PREFIX/share of an installation, else below the working
 * folder, whether it is there or not. */
void published_find(const char *name, char path[PATH_MAX]);

struct published_format {
	const char *const *columns; /* their names, as the first line that is no comment has them */
	int count;                  /* 1..PUBLISHED_COLUMNS */
	/* A row: as many cells as columns; they live until it returns. -1 and *error: what is wrong with it. */
	int (*row)(void *context, char **cells, char **error);
};

/* Reads CSV without quotes, in which lines that begin with `#` are comments. -1 and *error ("FILE:LINE: what"): it
 * cannot be read, or has no rows. */
int published_read(const char *path, const struct published_format *format, void *context, char **error);

#endif
