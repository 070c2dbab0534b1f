/* Terminal: whether a stream can show more than plain lines. */
#ifndef LIQUIDNET_TERMINAL_H
#define LIQUIDNET_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* Whether lines may be overwritten: the stream is a terminal, and TERM does not call it dumb. */
bool terminal_draws(FILE *out);

/* Whether it has colours, and they are wanted (NO_COLOR is unset or empty: no-color.org). */
bool terminal_colors(FILE *out);

#endif
