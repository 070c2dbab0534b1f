/* Terminal: what may be written to a stream beside plain lines. */
#ifndef LIQUIDNET_TERMINAL_H
#define LIQUIDNET_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* Whether lines may be drawn again: it is a terminal, and not one that calls itself dumb (TERM). */
bool terminal_draws(FILE *out);

/* Whether it has colours, and they are wanted (NO_COLOR is unset or empty: no-color.org). */
bool terminal_colors(FILE *out);

#endif
