/* Plan: an experiment's trials in their order. Pure: the same experiment, selection and seed give the same
 * plan. */
#ifndef LIQUIDNET_PLAN_H
#define LIQUIDNET_PLAN_H

#include "harness/experiment/experiment.h"
#include <stdbool.h>

enum planned_state { PLANNED_OPEN, PLANNED_GOOD };

struct planned {
	unsigned configuration, procedure;
	unsigned repeat;   /* 1..trials, within its cell */
	uint64_t seed;     /* of the trial: of its configuration and repeat, not of its procedure, so that
			      procedures meet the same losses */
	unsigned attempts; /* made by a run that is resumed */
	enum planned_state state; /* GOOD: it counts; BAD: every attempt was used up in vain */
};

struct selection {
	const char *configurations; /* comma-separated shell patterns, of names or of levels; NULL: all */
	const char *procedures;     /* likewise; NULL: those that are not optional */
	unsigned trials;            /* a cell; 0: as the configuration or the experiment says */
	uint64_t seed;
	unsigned slice, slices; /* only that part of the plan: every slices-th configuration of those chosen,
				   from the slice-th (from 0) on, with all of its trials; slices 0: all of it */
};

struct plan {
	struct planned *trials;
	size_t count;
};

/* Makes the plan: every cell as often as asked, in an order shuffled by the seed, as a whole or block by block; a slice keeps that order. A pattern
 * that matches nothing is an error that lists the names, a slice without a configuration one too. */
int plan_make(struct plan *plan, const struct experiment *experiment, const struct selection *selection,
	char **error);
/* "K/N", K from 0 to N - 1. -1: it is not. */
int plan_slice(const char *text, struct selection *selection);
/* How many trials a cell of that configuration has. */
unsigned plan_trials(
	const struct experiment *experiment, const struct selection *selection, size_t configuration);
/* How many of its trials are in that state. */
size_t plan_count(const struct plan *plan, enum planned_state state);
void plan_free(struct plan *plan);

/* The well-mixed value behind every seed (splitmix64's finaliser). */
uint64_t plan_mix(uint64_t x);

#endif
