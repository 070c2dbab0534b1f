/* Gather: what the slices of a sweep say of themselves and of their trials, put together: their provenance and records are foreign, of whatever
 * machine wrote them. Knows no folder and no file but the two streams at hand. */
#ifndef LIQUIDNET_GATHER_H
#define LIQUIDNET_GATHER_H

#include <jansson.h>
#include <stdio.h>

struct gather;

struct gather *gather_new(void);
void gather_free(struct gather *gather);
/* A slice, before its records; `name` stands for it in messages. -1 with *error: its provenance is of another selection or version than the first
 * slice's. */
int gather_slice(
	struct gather *gather, unsigned slice, const char *name, const json_t *provenance, char **error);
/* The records of the slice named last, a line each, to `out`: each with the slice and the machine. An unfinished last line is none. -1 with *error: a line
 * is no record, or a trial that another slice has too. */
int gather_records(struct gather *gather, FILE *in, FILE *out, char **error);
/* [{name, kernel, cpu, slices: [...]}], the gather's own. */
json_t *gather_machines(const struct gather *gather);
size_t gather_trials(const struct gather *gather);

#endif
