/* Gnuplot: a script in memory, run once. */
#ifndef LIQUIDNET_ANALYSIS_GNUPLOT_H
#define LIQUIDNET_ANALYSIS_GNUPLOT_H

#include <stdio.h>

struct gnuplot {
	int fd;
	FILE *script; /* to be written to */
};

/* Starts a script that draws `panels` panels of `height` pixels below each other to `path`. 0, or -1 and *error: also
 * when the path cannot be written. */
int gnuplot_start(struct gnuplot *gnuplot, const char *path, size_t panels, unsigned height, char **error);
/* Starts the panels, behind the data blocks. */
void gnuplot_panels(struct gnuplot *gnuplot, size_t panels);
/* Draws it. 0, or -1 and *error. */
int gnuplot_draw(struct gnuplot *gnuplot, const char *path, char **error);

#endif
