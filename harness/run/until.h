/* Until: the stopping rule `--until ci=1%`. A cell has enough trials when half the 95 % interval of its main
 * measure's mean (Student's t) is at most the given share of that mean. Looking again and again favours
 * intervals that are short by chance: with UNTIL_FIRST trials before the first look the effect is small, and
 * docs/results.md says so. */
#ifndef LIQUIDNET_UNTIL_H
#define LIQUIDNET_UNTIL_H

#include <stdbool.h>
#include <stddef.h>

#define UNTIL_FIRST 5

struct until;

/* For `cells` cells. NULL: out of memory. */
struct until *until_new(size_t cells, double share);
void until_free(struct until *until);
/* A trial of the cell counts, with this value. */
void until_add(struct until *until, size_t cell, double value);
/* Whether the cell needs no more trials; never when `until` is NULL. */
bool until_met(const struct until *until, size_t cell);

/* Reads "ci=1%": a share above 0, at most 1. -1: not that. */
int until_parse(const char *text, double *share);

#endif
