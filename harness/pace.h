/* Pace: how many trials run at once when the machine decides (`--jobs auto`). Pure: it is told how each trial
 * ended and says how many may run.
 *
 * It begins with one trial a processor. What trials cost says how many could fit (the budget: a share of all
 * processors, and of the memory); each time as many trials as run at once have ended clean, the limit moves
 * half way to that. A trial that the machine was too slow for (strained) lowers the limit by a quarter, and
 * what was too many then is not tried again before many clean trials. */
#ifndef LIQUIDNET_PACE_H
#define LIQUIDNET_PACE_H

#include <stdbool.h>

#define PACE_BUDGET 0.75    /* of all processors */
#define PACE_MEMORY_MIB 200 /* a sandbox, generously */
#define PACE_MAX 64

struct pace {
	unsigned limit; /* that may run now */
	unsigned cpus;
	unsigned room;    /* for which there is memory */
	unsigned ceiling; /* below what was too many */
	unsigned clean;   /* trials since the limit last moved */
	double load;      /* processors that a trial keeps busy, smoothed; 0: not known yet */
};

void pace_init(struct pace *pace, unsigned cpus, unsigned long memory_mib);
/* A trial ended: how long it ran and how much processor time it took (0: not known), whether the machine was
 * strained, and the limit when it began (a trial of another limit proves nothing about this one). True when
 * the limit moved. */
bool pace_ended(struct pace *pace, double wall_s, double cpu_s, bool strained, unsigned limit_then);

#endif
