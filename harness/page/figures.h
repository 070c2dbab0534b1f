/* Figures: drawings by gnuplot as SVG, to be put into a page. All of a page are drawn by one gnuplot. Colours
 * are roles: they become CSS variables (--c-ink, ...), so that the page decides how they look in the dark and
 * in print. Identifiers are made unique to the page, and each drawing carries its title and description for
 * those who cannot see it. */
#ifndef LIQUIDNET_FIGURES_H
#define LIQUIDNET_FIGURES_H

#include <stddef.h>
#include <stdio.h>

/* For gnuplot's `linecolor rgb '...'`. */
#define FIGURE_INK "#010200"
#define FIGURE_GRID "#010201"
#define FIGURE_MEASURED "#010202"
#define FIGURE_PUBLISHED "#010203"
#define FIGURE_MUTED "#010204"
#define FIGURE_COLOURS 4
#define FIGURE_SERIES(i)                                                                                     \
	((const char *const[]){"#010205", "#010206", "#010207", "#010208"}[(i) % FIGURE_COLOURS])

#define FIGURE_NONE ((size_t)-1)

struct figures;

struct figures *figures_new(void); /* NULL: out of memory, which figures_free takes */
void figures_free(struct figures *figures);
/* Begins a figure of so many units (pixels at full size) and sets *index. What is written to the returned
 * stream is gnuplot's language; data blocks and styles are the figure's own. NULL: out of memory. */
FILE *figures_begin(struct figures *figures, const char *title, const char *description, int width,
	int height, size_t *index);
/* A text as a gnuplot string. */
void figures_text(FILE *script, const char *text);
/* Draws all. 0, or -1 with *error: gnuplot cannot be run, or refused its script. */
int figures_draw(struct figures *figures, char **error);
/* Writes a drawn figure as an <svg> element. 0, or -1: it was not drawn. */
int figures_put(const struct figures *figures, size_t index, FILE *out);

#endif
